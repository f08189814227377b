"""A real store with real files in it, and a review desk over them: the phantom's plan, and a day of it."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pydicom

from contour.adaptation.fraction_report import FractionReport, report_to_json
from contour.anatomy.structures import Structure
from contour.dicom.ct_reader import read_ct_folder
from contour.dicom.ct_series import CtSeries
from contour.dicom.rtstruct_writer import StructureSetSettings, build_rtstruct, leave_out_empty
from contour.jobs.fraction_archive import write_archive
from contour.jobs.intake import SET_ASIDE, identify_instance
from contour.jobs.review_desk import ReviewDesk
from contour.jobs.review_pool import CasePool
from contour.jobs.review_values import DecisionAsked, EditAsked, EditResult, ReviewChange, ReviewRules, StepAsked
from contour.phantom import PhantomFiles
from contour.store import Store, StoreSettings, UploadLimits
from contour.store.records import (
    FractionInputs,
    FractionOutcome,
    JobRequest,
    JobResult,
    PlanSource,
    ResultRow,
    StoredFile,
)
from contour.store.roles import Actor, Role

DOSIMETRIST = Actor(name="dora", role=Role.DOSIMETRIST)
PHYSICIST = Actor(name="phil", role=Role.PHYSICIST)
PHYSICIAN = Actor(name="mary", role=Role.PHYSICIAN)
SERVICE = Actor(name="tps", role=Role.SERVICE)
ADMINISTRATOR = Actor(name="root", role=Role.ADMINISTRATOR)
PASSWORD = "correct horse battery"
MODEL = "phantom-net"


@dataclass
class Room:
    """The store in a folder, the desk over it, and the few moves that tests make."""

    folder: Path
    pool: CasePool
    rules: ReviewRules = field(default_factory=ReviewRules)
    clock_s: list[float] = field(default_factory=lambda: [1_800_000_000.0])
    changes: list[ReviewChange] = field(default_factory=list)
    numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    def __post_init__(self) -> None:
        self.open()

    def open(self) -> None:
        settings = StoreSettings(
            data_dir=self.folder, limits=UploadLimits(instance_bytes=1 << 24, instances_per_series=1000),
            quota_bytes=1 << 31, most_attempts=2,
        )  # fmt: skip
        self.store = Store(settings, clock_s=lambda: self.clock_s[0])
        self.desk = ReviewDesk(
            self.store,
            self.pool,
            self.rules,
            clock_s=lambda: self.clock_s[0],
            is_signature=lambda _, password: password == PASSWORD,
            on_change=self.changes.append,
        )

    def reopen(self) -> None:
        """As after a crash: nothing of the old desk is left."""
        self.store.close()
        self.open()

    def upload(self, *files: bytes) -> str:
        series = self.store.series.create()
        for data in files:
            sha256 = hashlib.sha256(data).hexdigest()
            assert self.store.series.begin(series.series_id, sha256, size_bytes=len(data)) is None
            self.store.series.append(series.series_id, sha256, offset_bytes=0, data=data)
            self.store.series.finish(series.series_id, sha256, vet=identify_instance, set_aside=SET_ASIDE)
        return self.store.series.complete(series.series_id).series_id

    def plan_job(
        self, ct: tuple[Path, ...], structures: tuple[Structure, ...], *, rows: tuple[ResultRow, ...] | None = None
    ) -> str:
        """A plan job that succeeded; the id of its review."""
        series_id = self.upload(*(path.read_bytes() for path in ct))
        series = read_ct_folder(ct[0].parent)
        data = machine_file(series, structures)
        request = JobRequest(
            series_id=series_id, series_instance_uid=None, model=MODEL, model_version="1", structures=(),
            software_version="0",
        )  # fmt: skip
        result = JobResult(
            sop_instance_uid=str(pydicom.dcmread(BytesIO(data)).SOPInstanceUID),
            model_version="1",
            rows=rows or tuple(row_of(one) for one in structures),
            stages=(),
        )
        return self._succeed(request, result, lambda path: path.write_bytes(data))

    def fraction_job(
        self,
        ct: tuple[Path, ...],
        plan: PlanSource,
        report: FractionReport,
        files: tuple[tuple[str, bytes], ...],
    ) -> str:
        """A fraction job that succeeded; the id of its review."""
        series_id = self.upload(*(path.read_bytes() for path in ct))
        inputs = FractionInputs(plan=plan, fraction=1)
        request = JobRequest(
            series_id=series_id, series_instance_uid=None, model=MODEL, model_version="1", structures=(),
            software_version="0", inputs=inputs,
        )  # fmt: skip
        members = write_archive(self.folder / "members.zip", files)
        result = JobResult(
            sop_instance_uid="",
            model_version="1",
            rows=(),
            stages=(),
            fraction=FractionOutcome(verdict=report.verdict, report=report_to_json(report), files=members),
        )
        return self._succeed(request, result, lambda path: write_archive(path, files))

    def _succeed(self, request: JobRequest, result: JobResult, write: Callable[[Path], Any]) -> str:
        job = self.store.jobs.enqueue(request, queue_limit=9)
        claimed = self.store.jobs.claim()
        assert claimed is not None
        assert claimed.job_id == job.job_id
        path = self.store.files.incoming_path(job.job_id)
        write(path)
        sha256, size_bytes = self.store.files.keep_file(path)
        self.store.jobs.succeed(job.job_id, result, StoredFile(sha256=sha256, size_bytes=size_bytes))
        items = self.desk.worklist(DOSIMETRIST).items
        return next(one.review_id for one in items if one.job_id == job.job_id)

    def revision(self, review_id: str) -> int:
        return self.store.reviews.get(review_id).revision

    def edit(
        self, review_id: str, structure: str, operation: dict[str, Any], *, actor: Actor = DOSIMETRIST, **more: Any
    ) -> EditResult:
        asked: dict[str, Any] = {
            "base_revision": self.revision(review_id), "request_id": f"r{next(self.numbers)}", "seconds": 4.0, **more
        }  # fmt: skip
        return self.desk.edit(review_id, actor, EditAsked(structure=structure, operation=operation, **asked))

    def step(self, review_id: str) -> StepAsked:
        return StepAsked(base_revision=self.revision(review_id), request_id=f"r{next(self.numbers)}")

    def decision(self, review_id: str, *reasons: str, **more: Any) -> DecisionAsked:
        asked = {"base_revision": self.revision(review_id), "password": PASSWORD, "seconds": 60.0, **more}
        return DecisionAsked(reasons=reasons, **asked)

    def audited(self, review_id: str) -> list[tuple[str, str]]:
        """(actor, action) of a review, oldest first."""
        entries = self.store.audit.listing(subject=review_id, page_size=1000).items
        return [(entry.actor, entry.action) for entry in reversed(entries)]

    def job_path(self, review_id: str) -> Path:
        job = self.store.jobs.get(self.store.reviews.get(review_id).job_id)
        assert job.file is not None
        return self.store.files.object_path(job.file.sha256)


def machine_file(series: CtSeries, structures: tuple[Structure, ...], *, seed: int = 500) -> bytes:
    numbers = itertools.count(seed)
    settings = StructureSetSettings(
        label="CONTOUR AUTO", now=datetime(2026, 11, 1, 9, 0, 0, tzinfo=UTC),
        uid_source=lambda: f"2.25.{next(numbers)}", model=f"{MODEL} 1",
    )  # fmt: skip
    return build_rtstruct(series, leave_out_empty(structures)[0], settings)


def row_of(structure: Structure, **changes: Any) -> ResultRow:
    row = ResultRow(
        name=structure.name, volume_ml=structure.volume_ml, slices=structure.slices, elapsed_s=0.1, predicted_dice=0.9
    )
    return replace(row, **changes)


def wanted(files: PhantomFiles, *names: str) -> tuple[Structure, ...]:
    return tuple(replace(files.phantom.structure(name), generation="AUTOMATIC") for name in names)


def centre_of(structure: Structure) -> list[float]:
    """Patient position of the voxel of a structure that is nearest to its middle."""
    index = np.argwhere(structure.mask_zyx) + np.asarray(structure.lower_zyx)
    middle = index[np.argmin(np.linalg.norm(index - index.mean(axis=0), axis=1))]
    return [float(v) for v in structure.grid.to_point_xyz_mm(middle.astype(np.float64))]


def brush(at_xyz_mm: list[float], radius_mm: float = 9.0, *, erase: bool = False) -> dict[str, Any]:
    points = [at_xyz_mm, [at_xyz_mm[0] + 6.0, *at_xyz_mm[1:]]]
    return {"kind": "brush", "plane": "axial", "points_xyz_mm": points, "radius_mm": radius_mm, "erase": erase,
            "ball": False}  # fmt: skip


def texts_of(data: bytes) -> dict[str, list[tuple[str, str]]]:
    """Of each ROI by name: the image each contour lies on, and the contour's coordinates as written."""
    dataset = pydicom.dcmread(BytesIO(data))
    names = {item.ROINumber: str(item.ROIName) for item in dataset.StructureSetROISequence}
    return {
        names[item.ReferencedROINumber]: [
            (
                str(one.ContourImageSequence[0].ReferencedSOPInstanceUID),
                "\\".join(str(value) for value in one.ContourData),
            )
            for one in item.ContourSequence
        ]
        for item in dataset.ROIContourSequence
    }
