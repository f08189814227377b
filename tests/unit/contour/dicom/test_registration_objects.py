"""Registration objects say what the alignment says, to a reader that knows only the standard, and conform."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from io import BytesIO
from itertools import count
from pathlib import Path

import numpy as np
import pydicom
import pytest

from contour.dicom.ct_reader import read_ct_folder
from contour.dicom.ct_series import CtSeries
from contour.dicom.ct_writer import CtIdentity, write_ct_series
from contour.dicom.deformable_registration import read_deformable_registration, write_deformable_registration
from contour.dicom.registration_header import RegistrationSettings
from contour.dicom.spatial_registration import read_spatial_registration, write_spatial_registration
from contour.errors import InputError
from registration import Alignment, DisplacementField, Grid, RigidTransform
from registration.grid import Coordinates
from tests.phantoms import ramp, small_grid, voxel_points_xyz_mm
from tests.registration_standard import by_the_standard

DAY, PLAN = "2.25.20260401", "2.25.20260402"
RIGID = RigidTransform.about((-5.0, -120.0, 60.0), turn_xyz_deg=(4.0, -3.0, 9.0), shift_xyz_mm=(12.0, 5.0, -8.0))


def settings() -> RegistrationSettings:
    numbers = count(1)
    return RegistrationSettings(
        now=datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC), uid_source=lambda: f"2.25.4711{next(numbers)}"
    )


def series(folder: Path, frame: str, seed: str) -> CtSeries:
    grid = small_grid((12, 60, 46), (3.0, 0.9, 1.2), frame_of_reference_uid=frame)
    write_ct_series(ramp(grid), folder, CtIdentity(seed=seed, patient_id="R-1"))
    return read_ct_folder(folder)


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> CtSeries:
    return series(tmp_path_factory.mktemp("day"), DAY, "registration day")


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> CtSeries:
    return series(tmp_path_factory.mktemp("plan"), PLAN, "registration plan")


def wavy(grid: Grid) -> DisplacementField:
    points = voxel_points_xyz_mm(grid)
    values = np.stack(
        [np.sin(points[..., 1] / 20.0) * 5.0, points[..., 0] * 0.06 - 2.0, np.cos(points[..., 2] / 15.0) * 7.0], axis=-1
    )
    return DisplacementField(grid=grid, displacements_xyz_mm=values.astype(np.float32))


def lattice(kind: str) -> Grid:
    grid = small_grid((9, 14, 11), (5.0, 3.0, 4.0), origin_xyz_mm=(-33.0, -150.0, 20.0), frame_of_reference_uid=DAY)
    if kind == "oblique":
        return small_grid(
            (9, 14, 11), (5.0, 3.0, 4.0), origin_xyz_mm=(-33.0, -150.0, 20.0), tilt_xyz_deg=(8.0, -6.0, 12.0),
            frame_of_reference_uid=DAY,
        )  # fmt: skip
    if kind == "left-handed":
        (x, y, z), *rest = grid.axes_xyz
        top = grid.to_point_xyz_mm(np.array([8.0, 0.0, 0.0]))
        return replace(grid, axes_xyz=((-x, -y, -z), rest[0], rest[1]), origin_xyz_mm=tuple(float(v) for v in top))
    return grid


def aligned(kind: str) -> Alignment:
    return Alignment(rigid=RIGID, field=wavy(lattice(kind)), fixed_frame_uid=DAY, moving_frame_uid=PLAN)


def inner_points(grid: Grid) -> Coordinates:
    index = np.random.default_rng(4).uniform(0.0, np.asarray(grid.shape_zyx) - 1.0, size=(60, 3))
    return grid.to_point_xyz_mm(index)


@pytest.mark.parametrize("kind", ["straight", "oblique", "left-handed"])
def test_a_reader_that_knows_the_standard_alone_goes_to_the_same_points(
    kind: str, day: CtSeries, plan: CtSeries
) -> None:
    alignment = aligned(kind)
    points = inner_points(lattice(kind))

    data = write_deformable_registration(alignment, day, plan, settings())

    np.testing.assert_allclose(by_the_standard(data, points), alignment.map_points(points), atol=0.01)


@pytest.mark.parametrize("kind", ["straight", "oblique", "left-handed"])
def test_a_deformable_object_is_read_back_as_it_was_meant(kind: str, day: CtSeries, plan: CtSeries) -> None:
    alignment = aligned(kind)
    points = inner_points(lattice(kind))

    found = read_deformable_registration(write_deformable_registration(alignment, day, plan, settings()))

    assert (found.fixed_frame_uid, found.moving_frame_uid) == (DAY, PLAN)
    np.testing.assert_allclose(found.map_points(points), alignment.map_points(points), atol=0.01)


def test_a_pre_matrix_of_another_system_is_honoured(day: CtSeries, plan: CtSeries) -> None:
    dataset = pydicom.dcmread(BytesIO(write_deformable_registration(aligned("straight"), day, plan, settings())))
    pre = RigidTransform.about((-5.0, -120.0, 50.0), turn_xyz_deg=(0.0, 0.0, 5.0), shift_xyz_mm=(1.0, 2.0, -1.0))
    item = dataset.DeformableRegistrationSequence[0]
    item.PreDeformationMatrixRegistrationSequence[0].FrameOfReferenceTransformationMatrix = [
        f"{v:.10f}" for v in pre.matrix.ravel()
    ]
    buffer = BytesIO()
    dataset.save_as(buffer)
    points = pre.inverse().apply(inner_points(lattice("straight")))

    found = read_deformable_registration(buffer.getvalue())

    np.testing.assert_allclose(found.map_points(points), by_the_standard(buffer.getvalue(), points), atol=0.01)


def test_a_rigid_object_takes_the_day_to_the_plan(day: CtSeries, plan: CtSeries) -> None:
    data = write_spatial_registration(RIGID, day, plan, settings())
    dataset = pydicom.dcmread(BytesIO(data))
    point = np.array([10.0, -100.0, 55.0, 1.0])

    assert dataset.FrameOfReferenceUID == PLAN
    item = next(i for i in dataset.RegistrationSequence if i.FrameOfReferenceUID == DAY)
    matrix = item.MatrixRegistrationSequence[0].MatrixSequence[0].FrameOfReferenceTransformationMatrix
    moved = np.array([float(v) for v in matrix]).reshape(4, 4) @ point

    np.testing.assert_allclose(moved[:3], RIGID.apply(point[:3]), atol=1e-4)
    back = read_spatial_registration(data).between(PLAN, DAY)
    np.testing.assert_allclose(back.apply(moved[:3]), point[:3], atol=1e-3)


def test_both_objects_conform(day: CtSeries, plan: CtSeries, judge: Callable[[str], str], tmp_path: Path) -> None:
    files = {
        "rigid.dcm": write_spatial_registration(RIGID, day, plan, settings()),
        "deformable.dcm": write_deformable_registration(aligned("oblique"), day, plan, settings()),
    }
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
        said = subprocess.run([judge("dciodvfy"), tmp_path / name], capture_output=True, text=True, check=False)
        errors = [line for line in (said.stdout + said.stderr).splitlines() if line.startswith("Error")]
        assert errors == [], f"{name}: {errors}"


def test_a_rigid_alignment_has_no_deformation_to_write(day: CtSeries, plan: CtSeries) -> None:
    with pytest.raises(InputError, match="no deformation"):
        write_deformable_registration(aligned("straight").rigid_only, day, plan, settings())


@pytest.mark.parametrize("keep", [0.2, 0.5, 0.9, 0.99])
def test_a_file_cut_short_is_refused_by_name(keep: float, day: CtSeries, plan: CtSeries) -> None:
    data = write_deformable_registration(aligned("straight"), day, plan, settings())

    with pytest.raises(InputError):
        read_deformable_registration(data[: int(len(data) * keep)])


def test_a_grid_that_lies_about_its_size_is_refused(day: CtSeries, plan: CtSeries) -> None:
    dataset = pydicom.dcmread(BytesIO(write_deformable_registration(aligned("straight"), day, plan, settings())))
    grid = dataset.DeformableRegistrationSequence[0].DeformableRegistrationGridSequence[0]
    grid.GridDimensions = [4000, 4000, 4000]
    buffer = BytesIO()
    dataset.save_as(buffer)

    with pytest.raises(InputError, match="cannot be read"):
        read_deformable_registration(buffer.getvalue())


def test_another_kind_of_object_is_no_registration(day: CtSeries, plan: CtSeries) -> None:
    with pytest.raises(InputError, match="not a registration"):
        read_deformable_registration(write_spatial_registration(RIGID, day, plan, settings()))
