import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from contour.errors import InputError
from contour.store import Store, StoreSettings, UploadLimits
from contour.store.records import InstanceIdentity, InstanceVerdict, JobRequest, StoredSeries

LIMITS = UploadLimits(instance_bytes=1000, instances_per_series=5)


def sha256_of(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def vet_by_text(data: bytes) -> InstanceIdentity:
    """`CT <uid> …` is an instance; anything else is not DICOM, and `BAD` is hostile."""
    if data.startswith(b"BAD"):
        raise InputError("nested 4000 deep, at most 64 allowed", reason="NESTED_TOO_DEEP")
    if not data.startswith(b"CT "):
        raise InputError("no DICOM preamble", reason="NOT_DICOM")
    uid = data.split()[1].decode()
    return InstanceIdentity(sop_instance_uid=uid, sop_class_uid="1.2", series_instance_uid="1.2.3", modality="CT")


@dataclass
class Bench:
    """A store, and the few moves that tests make on it."""

    folder: Path
    clock_s: list[float] = field(default_factory=lambda: [1000.0])
    quota_bytes: int = 10_000
    limits: UploadLimits = LIMITS
    most_attempts: int = 3
    store: Store = field(init=False)

    def __post_init__(self) -> None:
        self.open()

    def open(self) -> None:
        settings = StoreSettings(
            data_dir=self.folder, limits=self.limits, quota_bytes=self.quota_bytes, most_attempts=self.most_attempts
        )
        self.store = Store(settings, clock_s=lambda: self.clock_s[0])

    def reopen(self) -> Store:
        self.store.close()
        self.open()
        return self.store

    def upload(self, series_id: str, data: bytes, *, sha256: str = "") -> InstanceVerdict:
        sha256 = sha256 or sha256_of(data)
        earlier = self.store.series.begin(series_id, sha256, size_bytes=len(data))
        if earlier is not None:
            return earlier
        offset = self.store.series.stored_bytes(series_id, sha256)
        assert self.store.series.append(series_id, sha256, offset_bytes=offset, data=data[offset:]) == len(data)
        return self.finish(series_id, sha256)

    def finish(self, series_id: str, sha256: str) -> InstanceVerdict:
        return self.store.series.finish(series_id, sha256, vet=vet_by_text, set_aside=frozenset({"NOT_DICOM"}))

    def complete_series(self, *instances: bytes) -> StoredSeries:
        series = self.store.series.create()
        for data in instances or (b"CT 1.1 pixels", b"CT 1.2 pixels"):
            self.upload(series.series_id, data)
        return self.store.series.complete(series.series_id)

    def files(self) -> list[str]:
        return sorted(p.name for p in self.folder.rglob("*") if p.is_file() and "contour.db" not in p.name)


def request_on(series: StoredSeries, **changes: str) -> JobRequest:
    asked = {"model": "head-and-neck", "model_version": "1", "software_version": "0.1", **changes}
    return JobRequest(series_id=series.series_id, series_instance_uid=None, structures=("Brainstem",), **asked)


@pytest.fixture
def open_bench(tmp_path: Path) -> Iterator[Callable[..., Bench]]:
    opened: list[Bench] = []

    def make(**settings: object) -> Bench:
        opened.append(Bench(folder=tmp_path / "data", **settings))  # type: ignore[arg-type]
        return opened[-1]

    yield make
    for bench in opened:
        bench.store.close()


@pytest.fixture
def bench(open_bench: Callable[..., Bench]) -> Bench:
    return open_bench()


@pytest.fixture
def run_request() -> Callable[..., JobRequest]:
    return request_on
