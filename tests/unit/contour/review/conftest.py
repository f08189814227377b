from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from contour.jobs.review_pool import CasePool
from contour.phantom import PhantomFiles
from tests.review_bench import PEOPLE, ReviewBench

Opened = tuple[ReviewBench, str]
"""A bench, and the id of the review in it."""


@pytest.fixture(scope="session")
def pool() -> Iterator[CasePool]:
    with CasePool() as opened:
        yield opened


@pytest.fixture(scope="session")
def people_folder(tmp_path_factory: pytest.TempPathFactory, pool: CasePool) -> Path:
    """A data folder with everybody's account, to be copied."""
    bench = ReviewBench(folder=tmp_path_factory.mktemp("people"), shared_pool=pool)
    for name in PEOPLE:
        bench.person(name)
    bench.close()
    return bench.folder / "data"


@pytest.fixture(scope="session")
def planned_folder(
    tmp_path_factory: pytest.TempPathFactory, pool: CasePool, people_folder: Path, coarse_series: PhantomFiles
) -> tuple[Path, str]:
    """The same with a finished plan, and the id of its review."""
    bench = ReviewBench(folder=tmp_path_factory.mktemp("planned"), shared_pool=pool, template=people_folder)
    review = bench.plan(coarse_series)
    bench.close()
    return bench.folder / "data", review


@pytest.fixture
def open_bench(tmp_path: Path, pool: CasePool, people_folder: Path) -> Iterator[Callable[..., ReviewBench]]:
    opened: list[ReviewBench] = []

    def make(**settings: object) -> ReviewBench:
        settings = {"template": people_folder, **settings}
        opened.append(ReviewBench(folder=tmp_path, shared_pool=pool, **settings))  # type: ignore[arg-type]
        return opened[-1]

    yield make
    for bench in opened:
        bench.close()


@pytest.fixture
def open_planned(open_bench: Callable[..., ReviewBench], planned_folder: tuple[Path, str]) -> Callable[..., Opened]:
    def make(**settings: object) -> Opened:
        return open_bench(template=planned_folder[0], **settings), planned_folder[1]

    return make


@pytest.fixture
def bench(open_bench: Callable[..., ReviewBench]) -> ReviewBench:
    return open_bench()
