"""A review page to test against: a real store with a synthetic patient's plan in it, real accounts, a real desk."""

from __future__ import annotations

import hashlib
import shutil
import time
import warnings
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

from contour.dicom.ct_reader import read_ct_folder
from contour.dicom.rtstruct_writer import StructureSetSettings, build_rtstruct
from contour.jobs.changes import Changes
from contour.jobs.intake import SET_ASIDE, identify_instance
from contour.jobs.review_desk import ReviewDesk
from contour.jobs.review_pool import CasePool
from contour.jobs.review_values import ReviewRules
from contour.phantom import PhantomFiles
from contour.review.app import Services, build_app
from contour.review.config import ReviewConfig
from contour.review.events import Feed
from contour.review.job_forms import jobs_form
from contour.store import Store, StoreSettings, UploadLimits
from contour.store.records import Job, JobRequest, JobResult, ResultRow, StoredFile
from contour.store.roles import Role

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # starlette asks for httpx2, which nothing else here needs
    from starlette.testclient import TestClient

PASSWORD = "seven-odd-oranges"
PEOPLE = {
    "dora": Role.DOSIMETRIST,
    "phil": Role.PHYSICIST,
    "mary": Role.PHYSICIAN,
    "sam": Role.SERVICE,
    "ada": Role.ADMINISTRATOR,
}
STRUCTURES = ("External", "Brainstem", "SpinalCord", "Parotid_L", "Parotid_R")
PAGE = "<!doctype html><title>contour</title><script type=module src=/static/app.js></script>"


@dataclass
class ReviewBench:
    """Opens everything in a folder; `close` puts it away. The clock is real but can be put forward.

    `shared_pool` is one that somebody else closes; `template` is the data folder of a bench that is closed, which this
    one goes on from.
    """

    folder: Path
    shared_pool: CasePool | None = None
    template: Path | None = None
    rules: ReviewRules = field(default_factory=ReviewRules)
    config: ReviewConfig = field(default_factory=partial(ReviewConfig, listen="127.0.0.1:0"))
    later_s: float = 0.0

    def __post_init__(self) -> None:
        settings = StoreSettings(
            data_dir=self.folder / "data",
            limits=UploadLimits(instance_bytes=1 << 24, instances_per_series=500),
            quota_bytes=1 << 30,
            most_attempts=3,
        )
        if self.template is not None:
            shutil.copytree(self.template, self.folder / "data")
        self.static_folder = _static_folder(self.folder / "static")
        self.store = Store(settings, clock_s=self.now_s)
        self.known = {account.name for account in self.store.accounts.listing()}
        self.person("dora")
        self.changes = Changes()
        self.feed = Feed(self.changes, partial(jobs_form, self.store), listeners=self.config.listeners)
        self.pool = self.shared_pool or CasePool()
        self.desk = ReviewDesk(
            self.store,
            self.pool,
            self.rules,
            clock_s=self.now_s,
            is_signature=lambda name, password: self.store.accounts.check_password(name, password) is not None,
            on_change=self.feed.review_changed,
        )

    @classmethod
    def over(cls, store: Store, desk: ReviewDesk, folder: Path) -> ReviewBench:
        """A page over a store and a desk that somebody else has opened and will close, whoever has an account there."""
        bench = cls.__new__(cls)
        bench.folder, bench.store, bench.desk = folder, store, desk
        bench.config, bench.known = ReviewConfig(listen="127.0.0.1:0"), {one.name for one in store.accounts.listing()}
        bench.static_folder, bench.changes = _static_folder(folder / "static"), Changes()
        bench.feed = Feed(bench.changes, partial(jobs_form, store))
        return bench

    def now_s(self) -> float:
        return time.time() + self.later_s

    @property
    def services(self) -> Services:
        return Services(desk=self.desk, store=self.store, feed=self.feed)

    def close(self) -> None:
        self.feed.close()
        if self.shared_pool is None:
            self.pool.close()
        self.store.close()

    def client(self, *, peer: str = "127.0.0.1") -> TestClient:
        """A browser that is not signed in, on a page of its own."""
        app = build_app(self.config, self.services, static_folder=self.static_folder)
        scheme = "https" if self.config.is_secure else "http"
        return TestClient(app, base_url=f"{scheme}://localhost:8443", client=(peer, 50000), follow_redirects=False)

    def person(self, name: str) -> None:
        """See that somebody of PEOPLE has an account; each takes a while to make, so only those who are needed do."""
        if name not in self.known:
            self.known.add(name)
            self.store.accounts.create(name, PEOPLE[name], PASSWORD, full_name=f"{name.title()} Test")

    def signed_in(self, name: str) -> TestClient:
        """A browser that is, and sends the CSRF text with everything."""
        self.person(name)
        client = self.client()
        answer = client.post("/api/session", json={"name": name, "password": PASSWORD})
        assert answer.status_code == 200, answer.text
        client.headers["X-CSRF"] = answer.json()["csrf"]
        return client

    def upload(self, paths: tuple[Path, ...]) -> str:
        """A complete series of these files; its id."""
        series_id = self.store.series.create().series_id
        for path in paths:
            data = path.read_bytes()
            sha256 = hashlib.sha256(data).hexdigest()
            assert self.store.series.begin(series_id, sha256, size_bytes=len(data)) is None
            self.store.series.append(series_id, sha256, offset_bytes=0, data=data)
            self.store.series.finish(series_id, sha256, vet=identify_instance, set_aside=SET_ASIDE)
        self.store.series.complete(series_id)
        return series_id

    def queue_plan(self, files: PhantomFiles) -> Job:
        """A plan job that waits."""
        request = JobRequest(
            series_id=self.upload(files.ct_paths),
            series_instance_uid=None,
            model="phantom",
            model_version="1",
            structures=(),
            software_version="0",
        )
        return self.store.jobs.enqueue(request, queue_limit=10)

    def finish_plan(self, job: Job, files: PhantomFiles, names: tuple[str, ...] = STRUCTURES) -> None:
        """Have the job that waits give the phantom's true structures."""
        claimed = self.store.jobs.claim()
        assert claimed is not None
        assert claimed.job_id == job.job_id
        structures = [files.phantom.structure(name) for name in names]
        numbers = count(1)
        settings = StructureSetSettings(
            label="contour",
            now=datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC),
            uid_source=lambda: f"2.25.{int(job.job_id[:12], 16)}{next(numbers)}",
            model="phantom 1",
        )
        path = self.store.files.incoming_path(job.job_id)
        path.write_bytes(build_rtstruct(read_ct_folder(files.ct_folder), structures, settings))
        rows = tuple(
            ResultRow(
                name=structure.name,
                volume_ml=structure.volume_ml,
                slices=structure.slices,
                elapsed_s=0.1,
                predicted_dice=0.85,
            )
            for structure in structures
        )
        sha256, size_bytes = self.store.files.keep_file(path)
        result = JobResult(
            sop_instance_uid=f"2.25.{int(job.job_id[:12], 16)}1",
            model_version="1",
            rows=rows,
            stages=(("network", 1.0),),
        )
        self.store.jobs.succeed(job.job_id, result, StoredFile(sha256=sha256, size_bytes=size_bytes))
        self.changes.announce()

    def plan(self, files: PhantomFiles) -> str:
        """A finished plan; its review's id."""
        job = self.queue_plan(files)
        self.finish_plan(job, files)
        return self.review_of(job.job_id)

    def review_of(self, job_id: str) -> str:
        """The review that the desk makes of a job."""
        items = self.signed_in("dora").get("/api/worklist").json()["items"]
        return str(next(item["review_id"] for item in items if item["job_id"] == job_id))

    def audit(self) -> list[tuple[str, str, str]]:
        """(actor, action, subject), oldest first."""
        entries = self.store.audit.listing(page_size=200).items
        return [(entry.actor, entry.action, entry.subject) for entry in reversed(entries)]


def brush(files: PhantomFiles, name: str, *, radius_mm: float = 8.0) -> dict[str, Any]:
    """A stroke of the brush beyond a structure's middle, so that it grows."""
    structure = files.phantom.structure(name)
    index = structure.mask_zyx.nonzero()
    middle = [float(axis.mean()) + lower for axis, lower in zip(index, structure.lower_zyx, strict=True)]
    middle[0] = round(middle[0])
    point = structure.grid.to_point_xyz_mm([[middle[0], middle[1], middle[2] + 4.0]])[0]
    return {
        "kind": "brush",
        "plane": "axial",
        "points_xyz_mm": [point.tolist()],
        "radius_mm": radius_mm,
        "erase": False,
        "ball": False,
    }


def _static_folder(folder: Path) -> Path:
    (folder / "parts").mkdir(parents=True)
    (folder / "index.html").write_text(PAGE)
    (folder / "app.js").write_text("// " + "code " * 1000)
    (folder / "parts" / "codec.wasm").write_bytes(b"\0asm")
    (folder / "notes.secret").write_text("not of the page")
    (folder / "link.txt").symlink_to("/etc/passwd")
    return folder
