"""Histogram points are those worked out by hand, on anisotropic and oblique grids, and an outside tool's."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.optimize import brentq

from contour.adaptation.dose_today import compare_dose, dose_on_day
from contour.adaptation.dvh import measure_dvh
from contour.anatomy.structures import Structure, crop_to_structure
from registration import Alignment, FrameMismatchError, Grid, RigidTransform, Volume
from registration.itk_bridge import write_nifti
from tests.phantoms import FRAME_OF_REFERENCE_UID, ball, centre_xyz_mm, small_grid, voxel_points_xyz_mm

DAILY_FRAME = "2.25.20260077"
TILTED = small_grid((30, 70, 60), (2.5, 0.9, 1.1), tilt_xyz_deg=(7.0, -4.0, 11.0))
MIDDLE = centre_xyz_mm(TILTED)
DOSE_GRID = small_grid((44, 50, 52), (2.5, 2.5, 3.0), origin_xyz_mm=tuple(MIDDLE - (76.0, 61.0, 53.0)))
SLOPE_GY_PER_MM = np.array([0.3, -0.5, 0.8])


def sloping_dose(grid: Grid = DOSE_GRID) -> Volume:
    """40 Gy in the middle, linear."""
    values = 40.0 + (voxel_points_xyz_mm(grid) - MIDDLE) @ SLOPE_GY_PER_MM
    return Volume(grid=grid, values_zyx=values.astype(np.float32))


def cuboid(grid: Grid, lower: tuple[int, int, int], upper: tuple[int, int, int]) -> Structure:
    mask = np.zeros(grid.shape_zyx, dtype=np.bool_)
    mask[tuple(slice(low, high) for low, high in zip(lower, upper, strict=True))] = True
    return crop_to_structure("Box", grid, mask)


def ball_dose_gy(radius_mm: float, percent: float) -> float:
    """Dose that the hottest `percent` of a ball round the middle have at least, in a linear dose: the cap's height."""

    def missing(height: float) -> float:
        return np.pi * height**2 * (3 * radius_mm - height) / 3 - percent / 100 * 4 / 3 * np.pi * radius_mm**3

    height = brentq(missing, 0.0, 2 * radius_mm)
    return float(40.0 + np.linalg.norm(SLOPE_GY_PER_MM) * (radius_mm - height))


def test_a_cuboid_along_a_slope_has_evenly_spread_doses() -> None:
    grid = small_grid((30, 70, 60), (2.5, 0.9, 1.1))
    box = cuboid(grid, (5, 20, 15), (25, 50, 45))  # 20 slices of 2.5 mm: 50 mm
    centre = grid.to_point_xyz_mm(np.array([14.5, 34.5, 29.5]))
    values = 30.0 + 0.4 * (voxel_points_xyz_mm(grid)[..., 2] - centre[2])

    found = measure_dvh(Volume(grid=grid, values_zyx=values.astype(np.float32)), box)

    assert found is not None
    points = found.points((30.0, 34.0, 45.0))
    assert points.volume_ml == pytest.approx(50 * 27 * 33 / 1000, rel=0.005)
    assert points.mean_gy == pytest.approx(30.0, abs=0.02)
    assert (points.d98_gy, points.d95_gy, points.d50_gy, points.d2_gy) == pytest.approx(
        (30 - 0.48 * 20, 30 - 0.45 * 20, 30.0, 30 + 0.48 * 20), abs=0.15
    )
    assert (points.minimum_gy, points.maximum_gy) == pytest.approx((20.0, 40.0), abs=0.3)
    assert [at.percent for at in points.at_dose] == pytest.approx([50.0, 30.0, 0.0], abs=1.0)
    assert points.at_dose[1].volume_ml == pytest.approx(0.3 * points.volume_ml, rel=0.03)


@pytest.mark.parametrize("radius_mm", [7.0, 19.0])
def test_a_ball_on_an_oblique_grid_has_the_doses_of_its_caps(radius_mm: float) -> None:
    found = measure_dvh(sloping_dose(), ball(TILTED, radius_mm))

    assert found is not None
    assert found.volume_ml == pytest.approx(4 / 3 * np.pi * radius_mm**3 / 1000, rel=0.03)
    for percent in (98.0, 95.0, 50.0, 2.0):
        assert found.dose_at_percent_gy(percent) == pytest.approx(ball_dose_gy(radius_mm, percent), abs=0.4)
    assert found.points().mean_gy == pytest.approx(40.0, abs=0.15)


def test_volume_at_a_dose_and_dose_at_a_volume_undo_one_another() -> None:
    found = measure_dvh(sloping_dose(), ball(TILTED, 15.0))

    assert found is not None
    assert found.percent_at_dose(found.dose_at_percent_gy(37.0)) == pytest.approx(37.0, abs=0.1)
    assert found.percent_at_dose(0.0) == 100.0


def test_what_lies_beyond_the_dose_grid_has_no_dose_and_is_told() -> None:
    short = DOSE_GRID.cropped((0, 0, 0), (21, *DOSE_GRID.shape_zyx[1:]))  # ends near the middle

    found = measure_dvh(sloping_dose(short), ball(TILTED, 15.0))

    assert found is not None
    assert found.points().beyond_dose_percent == pytest.approx(50.0, abs=10.0)
    assert found.points().minimum_gy == 0.0


def test_an_empty_structure_has_no_histogram() -> None:
    empty = crop_to_structure("Node", TILTED, np.zeros(TILTED.shape_zyx, dtype=np.bool_))

    assert measure_dvh(sloping_dose(), empty) is None


def test_a_structure_of_another_frame_needs_its_way_to_the_dose() -> None:
    stranger = replace(ball(TILTED, 10.0), grid=replace(TILTED, frame_of_reference_uid=DAILY_FRAME))

    with pytest.raises(FrameMismatchError):
        measure_dvh(sloping_dose(), stranger)


def test_todays_dose_is_the_plans_at_the_place_that_set_up_correction_gives() -> None:
    """The patient lies 20 mm too far to the head, which the couch corrects; the target moved 3 mm to the left."""
    rigid = RigidTransform(translation_xyz_mm=(0.0, 0.0, -20.0))
    day = replace(
        small_grid((36, 70, 64), (2.0, 1.0, 1.0), origin_xyz_mm=tuple(MIDDLE - (31.5, 35.0, 15.0))),
        frame_of_reference_uid=DAILY_FRAME,
    )
    moved = MIDDLE + np.array([3.0, 0.0, 20.0])
    today = crop_to_structure("Ball", day, np.linalg.norm(voxel_points_xyz_mm(day) - moved, axis=-1) <= 12.0)
    alignment = Alignment(rigid=rigid, field=None, fixed_frame_uid=DAILY_FRAME, moving_frame_uid=FRAME_OF_REFERENCE_UID)

    (row,) = compare_dose(sloping_dose(), [(ball(TILTED, 12.0), today)], rigid, at_doses_gy=(40.0,))
    on_day = measure_dvh(dose_on_day(sloping_dose(), alignment, day), today)

    assert row.plan is not None
    assert row.today is not None
    assert row.today_less_plan is not None
    assert on_day is not None
    assert row.plan.mean_gy == pytest.approx(40.0, abs=0.15)
    assert row.today.mean_gy == pytest.approx(40.0 + 0.9, abs=0.15)
    assert row.today_less_plan.mean_gy == pytest.approx(0.9, abs=0.25)
    assert on_day.points().mean_gy == pytest.approx(row.today.mean_gy, abs=0.02)
    assert row.accumulated is None


def test_plastimatch_reads_the_same_histogram(judge: Callable[[str], str], tmp_path: Path) -> None:
    """On one grid for dose and structure, where it counts voxels; it tells volume per bin of dose."""
    grid = small_grid((30, 70, 60), (2.5, 0.9, 1.1))
    body = ball(grid, 19.0)
    values = 40.0 + (voxel_points_xyz_mm(grid) - centre_xyz_mm(grid)) @ SLOPE_GY_PER_MM
    dose = Volume(grid=grid, values_zyx=values.astype(np.float32))
    write_nifti(dose, tmp_path / "dose.nii")
    write_nifti(Volume(grid=grid, values_zyx=body.full_mask_zyx().astype(np.uint32)), tmp_path / "ss.nii")
    (tmp_path / "ss.txt").write_text("0|255 0 0|Ball\n", encoding="utf-8")
    subprocess.run(
        [judge("plastimatch"), "dvh", "--input-ss-img", str(tmp_path / "ss.nii"), "--input-ss-list",
         str(tmp_path / "ss.txt"), "--input-dose", str(tmp_path / "dose.nii"),
         "--output-csv", str(tmp_path / "dvh.csv"),
         "--cumulative", "--dose-units", "gy", "--normalization", "pct", "--bin-width", "1", "--num-bins", "80"],
        check=True, capture_output=True, timeout=60,
    )  # fmt: skip
    rows = [line.split(",") for line in (tmp_path / "dvh.csv").read_text(encoding="utf-8").splitlines()[1:]]

    found = measure_dvh(dose, body)

    assert found is not None
    assert len(rows) >= 60
    for middle_of_bin, share in ((float(row[0]), float(row[1])) for row in rows):
        assert found.percent_at_dose(middle_of_bin - 0.5) == pytest.approx(100.0 * share, abs=0.6)
