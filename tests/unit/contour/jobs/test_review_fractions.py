from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from io import BytesIO
from itertools import count
from pathlib import Path

import numpy as np
import pydicom
import pytest

from contour.adaptation.carry import carry_structure
from contour.adaptation.fraction_report import FractionReport
from contour.anatomy.agreement import dice
from contour.anatomy.structures import Structure
from contour.dicom.ct_reader import read_ct_folder
from contour.dicom.ct_series import CtSeries
from contour.dicom.ct_writer import CtIdentity, write_ct_series
from contour.errors import Finding, NotFoundError, NotReadyError
from contour.jobs.daily_files import FractionFiles, fraction_files
from contour.jobs.fraction_archive import DEFORMABLE, DRIFT, REPORT, STRUCTURES
from contour.jobs.review_pool import CasePool
from contour.phantom.daily import day_grid
from contour.store.records import PlanSource
from contour.store.review_records import ReviewState
from registration.grid import Grid
from registration.transform import Alignment, DisplacementField, RigidTransform
from registration.volume import Volume
from registration.warp import warp
from tests.unit.contour.jobs.review_cases import (
    DOSIMETRIST,
    PHYSICIAN,
    Room,
    brush,
    centre_of,
    machine_file,
    texts_of,
    wanted,
)
from tests.watched_courses import structure as report_row

NAMES = ("External", "Brainstem", "Parotid_L", "Parotid_R")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fraction:
    """A day of the phantom: its files, and what is true of it."""

    plan_paths: tuple[Path, ...]
    plan: CtSeries
    plan_file: bytes
    daily_paths: tuple[Path, ...]
    daily: CtSeries
    alignment: Alignment
    files: tuple[tuple[str, bytes], ...]


def gentle(grid: Grid) -> DisplacementField:
    """Up to 9 mm, most in the middle, on nodes 12 mm apart that lie as the day's axes do."""
    nodes = grid.resampled((12.0, 12.0, 12.0))
    index = np.moveaxis(np.indices(nodes.shape_zyx), 0, -1).astype(np.float64)
    middle = grid.to_point_xyz_mm((np.asarray(grid.shape_zyx) - 1) / 2)
    away = np.linalg.norm(nodes.to_point_xyz_mm(index) - middle, axis=-1)
    bump = np.exp(-((away / 70.0) ** 2))[..., None] * np.array([6.0, -4.0, 5.0])
    return DisplacementField(grid=nodes, displacements_xyz_mm=bump.astype(np.float32))


def make_fraction(folder: Path, coarse_series, *, deformed: bool = True, same_frame: bool = False) -> Fraction:
    plan = read_ct_folder(coarse_series.ct_folder)
    plan_file = machine_file(plan, wanted(coarse_series, *NAMES))
    frame = plan.frame_of_reference_uid if same_frame else "2.25.4242"
    grid = day_grid(plan.grid, frame)
    rigid = RigidTransform.about((0.0, -100.0, 0.0), turn_xyz_deg=(1.5, 0.0, -2.0), shift_xyz_mm=(4.0, -3.0, 6.0))
    alignment = Alignment(
        rigid=rigid, field=gentle(grid) if deformed else None, fixed_frame_uid=frame,
        moving_frame_uid=plan.frame_of_reference_uid,
    )  # fmt: skip
    seen = np.rint(warp(plan.volume, alignment, grid, outside=-1000.0).values_zyx).astype(np.int16)
    identity = CtIdentity(
        seed=f"day {deformed} {same_frame}", patient_id="PHANTOM-1", patient_name="PHANTOM^HEADANDNECK"
    )
    paths = write_ct_series(Volume(grid=grid, values_zyx=seen), folder / "day", identity)
    daily = read_ct_folder(folder / "day")
    alignment = replace(alignment, fixed_frame_uid=daily.frame_of_reference_uid)
    carried = tuple(
        replace(
            carry_structure(one, alignment, daily.grid).structure,
            description="Carried from the plan by deformable registration, not approved. Within limits.",
        )
        for one in wanted(coarse_series, *NAMES)
    )
    numbers = count(7000)
    files = fraction_files(
        FractionFiles(
            daily=daily, plan=plan, alignment=alignment, structures=carried, predecessor_uid="2.25.500",
            plan_to_daily=None, doses=(), now=datetime(2026, 11, 20, tzinfo=UTC),
            uid_source=lambda: f"2.25.{next(numbers)}",
        )
    )  # fmt: skip
    return Fraction(
        plan_paths=coarse_series.ct_paths, plan=plan, plan_file=plan_file, daily_paths=tuple(paths), daily=daily,
        alignment=alignment, files=(*files, (DRIFT, b"{}"), (REPORT, b"png")),
    )  # fmt: skip


def report_of(fraction: Fraction, **changes) -> FractionReport:
    rows = tuple(report_row(name, trust="LOOK" if name == "Parotid_L" else "PASS") for name in NAMES)
    report = FractionReport(
        verdict="LOOK", reasons=(Finding(reason="LOOKS_ODD", message="the left parotid shrank"),),
        plan_series_uid=fraction.plan.series_instance_uid, daily_series_uid=fraction.daily.series_instance_uid,
        fraction=1, structures=rows,
    )  # fmt: skip
    return replace(report, **changes)


def put(room: Room, fraction: Fraction, **changes) -> str:
    plan_id = room.upload(*(path.read_bytes() for path in fraction.plan_paths), fraction.plan_file)
    return room.fraction_job(
        fraction.daily_paths, PlanSource(ct_series_id=plan_id), report_of(fraction, **changes), fraction.files
    )


@pytest.fixture(scope="module")
def pool() -> Iterator[CasePool]:
    with CasePool() as opened:
        yield opened


@pytest.fixture
def room(tmp_path, pool) -> Iterator[Room]:
    opened = Room(folder=tmp_path / "data", pool=pool)
    yield opened
    opened.store.close()


@pytest.fixture(scope="module")
def fraction(tmp_path_factory, coarse_series) -> Fraction:
    return make_fraction(tmp_path_factory.mktemp("fraction"), coarse_series)


def whole(view, grid: Grid) -> np.ndarray:
    mask = np.zeros(grid.shape_zyx, dtype=bool)
    box = tuple(slice(a, a + n) for a, n in zip(view.lower_zyx, view.shape_zyx, strict=True))
    bits = np.unpackbits(np.frombuffer(view.bits, np.uint8), count=int(np.prod(view.shape_zyx)))
    mask[box] = bits.reshape(view.shape_zyx)
    return mask


def full(structure: Structure) -> np.ndarray:
    return structure.full_mask_zyx()


def test_a_fraction_is_opened_on_the_days_scan_with_its_verdict_and_evidence(room, fraction):
    review_id = put(room, fraction)
    view = room.desk.open(review_id, DOSIMETRIST)
    assert view.kind == "fraction"
    assert view.grid.shape_zyx == fraction.daily.grid.shape_zyx
    assert view.grid.frame_of_reference_uid == fraction.daily.frame_of_reference_uid
    assert [one.name for one in view.structures] == list(NAMES)
    assert view.fraction is not None
    assert view.fraction.report.verdict == "LOOK"
    assert (view.fraction.has_plan_volume, view.fraction.has_displacement) == (True, True)
    assert [one.name for one in view.fraction.planned] == list(NAMES)
    assert any(look.structure == "Parotid_L" and look.score == 0.8 for look in view.looks)
    (item,) = room.desk.worklist(DOSIMETRIST).items
    assert (item.kind, item.fraction, item.verdict) == ("fraction", 1, "LOOK")
    assert any("left parotid" in text for text in item.why)


def test_planned_structures_lie_where_set_up_puts_them(room, fraction, coarse_series):
    review_id = put(room, fraction)
    grid = fraction.daily.grid
    for name in ("Parotid_L", "Brainstem"):
        expected = carry_structure(coarse_series.phantom.structure(name), fraction.alignment.rigid_only, grid).structure
        planned = whole(room.desk.mask(review_id, DOSIMETRIST, name, "planned"), grid)
        assert dice(planned, full(expected)) > 0.97
        today = whole(room.desk.mask(review_id, DOSIMETRIST, name), grid)
        assert dice(planned, today) < 0.97  # what is left after set-up shows
    with pytest.raises(NotFoundError, match="UNKNOWN_STRUCTURE"):
        room.desk.mask(review_id, DOSIMETRIST, "Spleen", "planned")


def test_the_plan_ct_on_the_days_grid_fits_the_day_once_deformed(room, fraction):
    review_id = put(room, fraction)
    daily = np.asarray(fraction.daily.volume.values_zyx, dtype=float)
    rigid = room.desk.plan_volume(review_id, DOSIMETRIST).values_zyx
    deformed = room.desk.plan_volume(review_id, DOSIMETRIST, deformed=True).values_zyx
    assert rigid.dtype == np.int16
    body = daily > -400
    off = [float(np.abs(one[body] - daily[body]).mean()) for one in (deformed, rigid)]
    assert off[0] < 1.0
    assert off[1] > 10.0
    expected = warp(
        fraction.plan.volume, fraction.alignment.rigid_only, fraction.daily.grid, outside=-1024.0
    ).values_zyx
    assert np.abs(rigid - expected).max() < 2.0


def test_the_deformation_is_told_at_nodes_of_the_days_own_grid(room, fraction):
    review_id = put(room, fraction)
    found = room.desk.displacement(review_id, DOSIMETRIST)
    grid = fraction.daily.grid
    assert max(step * mm for step, mm in zip(found.step_zyx, grid.spacing_zyx_mm, strict=True)) < 13.0
    index = np.moveaxis(np.indices(found.vectors_zyx.shape[:3]), 0, -1) * found.step_zyx + np.asarray(found.start_zyx)
    assert (index.reshape(-1, 3).max(axis=0) < grid.shape_zyx).all()
    assert fraction.alignment.field is not None
    expected = fraction.alignment.field.at(grid.to_point_xyz_mm(index.astype(np.float64)))
    assert np.abs(found.vectors_zyx - expected).max() < 0.02
    assert np.linalg.norm(found.vectors_zyx, axis=-1).max() > 6.0


@pytest.mark.parametrize("same_frame", [False, True])
def test_a_rigid_fraction_has_a_plan_volume_and_no_arrows(tmp_path, room, coarse_series, same_frame):
    fraction = make_fraction(tmp_path, coarse_series, deformed=False, same_frame=same_frame)
    assert DEFORMABLE not in dict(fraction.files)
    review_id = put(room, fraction)
    view = room.desk.open(review_id, DOSIMETRIST)
    assert view.fraction is not None
    assert (view.fraction.has_plan_volume, view.fraction.has_displacement) == (True, False)
    values = room.desk.plan_volume(review_id, DOSIMETRIST).values_zyx
    daily = np.asarray(fraction.daily.volume.values_zyx, dtype=float)
    assert np.abs(values[daily > -400] - daily[daily > -400]).mean() < 1.0
    with pytest.raises(NotReadyError, match="NO_DISPLACEMENT"):
        room.desk.displacement(review_id, DOSIMETRIST)


def test_an_edited_fraction_is_approved_with_what_was_carried_kept_to_the_letter(room, fraction):
    review_id = put(room, fraction)
    archive = room.job_path(review_id).read_bytes()
    original = dict(fraction.files)[STRUCTURES]
    assert room.desk.original_file(review_id, PHYSICIAN).data == original
    at = room.desk.open(review_id, DOSIMETRIST).structures[2].centre_xyz_mm
    assert at is not None
    room.edit(review_id, "Parotid_L", brush(list(at), 14.0))
    edited = whole(room.desk.mask(review_id, DOSIMETRIST, "Parotid_L"), fraction.daily.grid)
    room.desk.approve(review_id, PHYSICIAN, room.decision(review_id, "EDITED"))
    approved = room.desk.approved_file(review_id, PHYSICIAN).data
    before, after = texts_of(original), texts_of(approved)
    for name in ("External", "Brainstem", "Parotid_R"):
        assert after[name] == before[name]
    dataset = pydicom.dcmread(BytesIO(approved))
    rois = {item.ROIName: item for item in dataset.StructureSetROISequence}
    assert rois["Parotid_L"].ROIGenerationAlgorithm == "SEMIAUTOMATIC"
    assert rois["Parotid_R"].ROIDescription.startswith("Approved as drawn. Carried from the plan")
    assert "not approved" not in "".join(item.ROIDescription for item in rois.values())
    volume_ml = edited.sum() * fraction.daily.grid.voxel_volume_mm3 / 1000.0
    assert float(rois["Parotid_L"].ROIVolume) == pytest.approx(volume_ml, abs=0.001)
    assert room.job_path(review_id).read_bytes() == archive


def test_a_refused_fraction_comes_first_and_can_only_be_rejected(room, fraction, coarse_series):
    plan_review = room.plan_job(coarse_series.ct_paths, wanted(coarse_series, "Brainstem"))
    refused = replace(fraction, files=((DRIFT, b"{}"), (REPORT, b"png")))
    reason = Finding(reason="OTHER_PATIENT_OR_REGION", message="bones are not those of the plan")
    review_id = put(room, refused, verdict="REFUSE", reasons=(reason,), structures=())
    assert [one.review_id for one in room.desk.worklist(DOSIMETRIST).items] == [review_id, plan_review]
    view = room.desk.open(review_id, PHYSICIAN)
    assert view.structures == ()
    assert not view.may.edit
    assert view.fraction is not None
    assert (view.fraction.has_plan_volume, view.fraction.has_displacement, view.fraction.planned) == (False, False, ())
    with pytest.raises(NotReadyError, match="NOTHING_TO_APPROVE"):
        room.desk.approve(review_id, PHYSICIAN, room.decision(review_id))
    with pytest.raises(NotReadyError, match="NO_STRUCTURE_SET"):
        room.desk.original_file(review_id, PHYSICIAN)
    with pytest.raises(NotReadyError, match="NO_PLAN_VOLUME"):
        room.desk.plan_volume(review_id, PHYSICIAN)
    decision = room.desk.reject(review_id, PHYSICIAN, room.decision(review_id, "WRONG_PATIENT"))
    assert decision.state is ReviewState.REJECTED


def test_the_centre_of_a_structure_is_where_the_page_jumps_to(room, fraction, coarse_series):
    review_id = put(room, fraction)
    view = room.desk.open(review_id, DOSIMETRIST)
    at = np.asarray(centre_of(coarse_series.phantom.structure("Parotid_L")))
    found = np.asarray(view.structures[2].centre_xyz_mm)
    assert np.linalg.norm(fraction.alignment.map_points(found) - at) < 12.0
