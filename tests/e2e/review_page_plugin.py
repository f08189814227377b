"""Fixtures of the review page's tests: one synthetic patient contoured once by the default model, and a browser."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from contour.client import PlanHandle
from contour.phantom import PhantomFiles
from contour.phantom.course import CourseSettings, write_course
from contour.store import Store, StoreSettings, UploadLimits
from tests import phantoms
from tests.e2e.review_browser import CHROMIUM, CHROMIUM_WORDS, Clinic, Person, somebody

PLANS = 12


@dataclass(frozen=True)
class Template:
    """A closed clinic's data: plan cases that are all alike, and a fraction's."""

    data: Path
    plans: tuple[str, ...]
    fraction: str
    course: Path


@pytest.fixture(scope="session")
def review_template(tmp_path_factory: pytest.TempPathFactory, coarse_series: PhantomFiles) -> Template:
    """The patient uploaded over gRPC and contoured by the default model, and one fraction of a course."""
    if not CHROMIUM.exists():
        _without("chromium is not installed (Debian package chromium)")
    folder = tmp_path_factory.mktemp("review")
    write_course(folder / "course", CourseSettings(seed=1, fractions=1, scan=phantoms.COARSE))
    clinic = Clinic(folder)
    clinic.add_people()
    clinic.start()
    try:
        with clinic.client() as client:
            planned = client.plan(client.upload_series(list(coarse_series.ct_paths)))
            plan = PlanHandle(
                ct=client.upload_series(sorted((folder / "course" / "plan" / "ct").iterdir())),
                structures=client.upload_series([folder / "course" / "plan" / "RS.dcm"]),
                planned_fractions=1,
            )
            daily = client.upload_series(sorted((folder / "course" / "fraction_01" / "ct").iterdir()))
            done = client.courses.adapt(client.courses.create(plan, label="larynx 17"), daily, fraction=1)
    finally:
        clinic.end()
    plans = (planned.job_id, *_again(clinic.data, planned.job_id, PLANS - 1))
    return Template(clinic.data, plans, done.job_id, folder / "course")


def _again(data: Path, job_id: str, times: int) -> list[str]:
    """Jobs that asked and got the same as one did: cases for tests that change theirs."""
    settings = StoreSettings(
        data_dir=data,
        limits=UploadLimits(instance_bytes=1 << 24, instances_per_series=500),
        quota_bytes=1 << 34,
        most_attempts=3,
    )
    made = []
    with Store(settings, clock_s=lambda: 1_790_000_000.0) as store:
        job = store.jobs.get(job_id)
        assert job.result is not None
        assert job.file is not None
        for _ in range(times):
            made.append(store.jobs.enqueue(job.request, queue_limit=1).job_id)
            assert store.jobs.claim() is not None
            store.jobs.succeed(made[-1], job.result, job.file)
    return made


@pytest.fixture(scope="session")
def clinic(review_template: Template, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clinic]:
    """The server that most tests use; each test has cases of its own there."""
    running = Clinic.copy_of(review_template.data, tmp_path_factory.mktemp("clinic"))
    running.start()
    yield running
    running.end()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """Debian's Chromium, which draws in software."""
    if not CHROMIUM.exists():
        _without("chromium is not installed (Debian package chromium)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), headless=True, args=list(CHROMIUM_WORDS))
        yield browser
        browser.close()


@pytest.fixture
def sit_down(clinic: Clinic, chromium: Browser) -> Iterator[Callable[..., Person]]:
    """Lets somebody sit down at a screen of their own, signed in where a name is given."""
    with ExitStack() as stack:

        def seat(name: str = "", at: Clinic = clinic) -> Person:
            person = stack.enter_context(somebody(at, chromium))
            if name:
                person.sign_in(name)["worklist"].wait_for()
            return person

        yield seat


@pytest.fixture(scope="session")
def fresh_case(clinic: Clinic, review_template: Template) -> Callable[[], str]:
    """Gives the job of a plan case that no test has touched."""
    left = list(review_template.plans)
    return lambda: left.pop(0)


def _without(reason: str) -> None:
    if os.environ.get("CONTOUR_REQUIRE_JUDGES") == "1":
        pytest.fail(f"{reason}, and CONTOUR_REQUIRE_JUDGES=1", pytrace=False)
    pytest.skip(reason)
