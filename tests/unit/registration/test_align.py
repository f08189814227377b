"""Alignments find motions that are known, do not fold, and say no where there is nothing to align."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import numpy as np
import pytest
import SimpleITK as sitk

from registration import Alignment, DisplacementField, Grid, RigidTransform, Volume
from registration.align import AlignmentResult, AlignSettings, align, there_and_back_mm
from registration.deformable import LEVELS, DeformableSettings
from registration.errors import AlignmentError
from registration.grid import Coordinates
from registration.plausibility import jacobian_summary, unfolded
from tests.phantoms import small_grid, voxel_points_xyz_mm
from tests.unit.registration.textured import (
    CENTRE_XYZ_MM,
    FIXED_FRAME,
    MOVING_FRAME,
    bending_xyz_mm,
    body_points_xyz_mm,
    body_scan,
    daily_grid,
    deformed,
    plan_grid,
)

QUICK = AlignSettings(deformable=DeformableSettings(levels=LEVELS[:3]))
SETUP = RigidTransform.about((12.0, -95.0, 160.0), turn_xyz_deg=(4.0, -3.0, 6.0), shift_xyz_mm=(14.0, -9.0, 22.0))


def truth(points: Coordinates, largest_mm: float) -> Coordinates:
    """Where the day's points lie in the plan."""
    return SETUP.apply(points + bending_xyz_mm(points, largest_mm))


@lru_cache(maxsize=2)
def bent(tilt: tuple[float, float, float] = (0.0, 0.0, 0.0)) -> tuple[Volume, Volume, AlignmentResult]:
    """A day on which the patient lies elsewhere and is bent by up to 12 mm; both grids lean where a tilt is given."""
    plan = body_scan(plan_grid(tilt))
    shift = tuple(SETUP.inverse().apply(CENTRE_XYZ_MM) - CENTRE_XYZ_MM)
    daily = daily_grid((shift[0], shift[1], shift[2]), (-tilt[0], tilt[2], tilt[1]))
    scan = deformed(plan, daily, truth(voxel_points_xyz_mm(daily), 12.0), noise_hu=15.0)
    return scan, plan, align(scan, plan, QUICK)


def points_of_the_day() -> Coordinates:
    return SETUP.inverse().apply(body_points_xyz_mm(3000))


@pytest.mark.parametrize("tilt", [(0.0, 0.0, 0.0), (8.0, -5.0, 11.0)])
def test_a_bent_patient_is_found_to_half_a_millimetre(tilt: tuple[float, float, float]) -> None:
    _, _, found = bent(tilt)
    points = points_of_the_day()

    error_mm = np.linalg.norm(found.alignment.map_points(points) - truth(points, 12.0), axis=1)

    assert error_mm.mean() < 0.5
    assert np.percentile(error_mm, 95) < 1.2


def test_a_found_field_does_not_fold() -> None:
    _, _, found = bent()

    assert found.jacobian is not None
    assert found.alignment.field is not None
    assert jacobian_summary(found.alignment.field).folded == 0
    assert found.jacobian.minimum > 0.3


def test_the_way_back_undoes_the_way_there() -> None:
    _, _, found = bent()
    assert found.inverse is not None
    points = points_of_the_day()

    plan_points = found.alignment.map_points(points)
    undone = found.inverse.field.apply(found.alignment.rigid.inverse().apply(plan_points))

    assert np.linalg.norm(undone - points, axis=1).max() < 0.15


def test_the_same_scans_give_the_same_bytes() -> None:
    scan, plan, found = bent()

    again = align(scan, plan, QUICK)

    assert found.alignment.field is not None
    assert again.alignment.field is not None
    assert again.alignment.rigid == found.alignment.rigid
    assert again.alignment.field.displacements_xyz_mm.tobytes() == found.alignment.field.displacements_xyz_mm.tobytes()


def test_simpleitk_takes_points_where_we_do() -> None:
    _, _, found = bent((8.0, -5.0, 11.0))
    field, rigid = found.alignment.field, found.alignment.rigid
    assert field is not None
    image = sitk.GetImageFromArray(field.displacements_xyz_mm.astype(np.float64), isVector=True)
    image.SetSpacing(field.grid.spacing_zyx_mm[::-1])
    image.SetOrigin(field.grid.origin_xyz_mm)
    image.SetDirection(np.asarray(field.grid.axes_xyz[::-1]).T.ravel().tolist())
    there = sitk.CompositeTransform(3)
    affine = sitk.AffineTransform(3)
    affine.SetMatrix(np.asarray(rigid.rotation).ravel().tolist())
    affine.SetTranslation(rigid.translation_xyz_mm)
    there.AddTransform(affine)
    there.AddTransform(sitk.DisplacementFieldTransform(image))
    points = points_of_the_day()[:200]

    theirs = np.array([there.TransformPoint(point) for point in points.tolist()])

    np.testing.assert_allclose(found.alignment.map_points(points), theirs, atol=1e-3)


def test_a_registration_the_other_way_meets_the_first() -> None:
    scan, plan, found = bent()

    backward = align(plan, scan, QUICK)

    missed = there_and_back_mm(found.alignment, backward.alignment, points_of_the_day())
    assert missed.mean() < 0.6


def test_a_scan_that_shows_half_the_patient_is_aligned_where_it_shows_him() -> None:
    plan = body_scan(plan_grid())
    whole = daily_grid(tuple(SETUP.inverse().apply(CENTRE_XYZ_MM) - CENTRE_XYZ_MM))  # type: ignore[arg-type]
    half = whole.cropped((10, 0, 0), (42, *whole.shape_zyx[1:]))
    scan = deformed(plan, half, truth(voxel_points_xyz_mm(half), 10.0), noise_hu=15.0)

    found = align(scan, plan, QUICK)

    points = points_of_the_day()
    index = half.to_index_zyx(points)
    points = points[((index > 2) & (index < np.asarray(half.shape_zyx) - 3)).all(axis=1)]
    error_mm = np.linalg.norm(found.alignment.map_points(points) - truth(points, 10.0), axis=1)
    assert error_mm.mean() < 0.7
    assert found.jacobian is not None
    assert found.jacobian.folded == 0


def test_beyond_the_plan_scan_the_field_goes_on_smoothly() -> None:
    whole = plan_grid()
    plan = body_scan(whole)
    low = Volume(grid=whole.cropped((0, 0, 0), (44, *whole.shape_zyx[1:])), values_zyx=plan.values_zyx[:44].copy())
    daily = daily_grid()
    scan = deformed(plan, daily, voxel_points_xyz_mm(daily), noise_hu=15.0)

    found = align(scan, low, QUICK)

    assert found.alignment.field is not None
    points = body_points_xyz_mm(2000)
    moved = np.linalg.norm(found.alignment.map_points(points) - points, axis=1)
    shown = points[:, 2] < whole.to_point_xyz_mm(np.array([42.0, 0.0, 0.0]))[2]
    assert moved[shown].mean() < 0.5
    assert moved[~shown].max() < 5.0
    assert found.rigid.overlap < 0.8


def test_a_cone_beam_like_scan_with_other_hu_is_aligned_as_well() -> None:
    plan = body_scan(plan_grid())
    daily = daily_grid(tuple(SETUP.inverse().apply(CENTRE_XYZ_MM) - CENTRE_XYZ_MM))  # type: ignore[arg-type]
    points = voxel_points_xyz_mm(daily)
    scan = deformed(plan, daily, truth(points, 10.0), noise_hu=40.0)
    away = np.linalg.norm((points - CENTRE_XYZ_MM)[..., :2], axis=-1)
    shaded = np.where(scan.values_zyx > -600, scan.values_zyx * 0.85 + 120.0 - 0.9 * away, scan.values_zyx)

    found = align(Volume(grid=daily, values_zyx=shaded.astype(np.float32)), plan, QUICK)

    at = points_of_the_day()
    error_mm = np.linalg.norm(found.alignment.map_points(at) - truth(at, 10.0), axis=1)
    assert error_mm.mean() < 0.8


def test_five_centimetres_and_ten_degrees_are_found_with_a_couch_and_another_field_of_view() -> None:
    far = RigidTransform.about(CENTRE_XYZ_MM, turn_xyz_deg=(-9.0, 7.0, 10.0), shift_xyz_mm=(48.0, -41.0, 50.0))
    plan = body_scan(plan_grid())
    daily = daily_grid(tuple(far.inverse().apply(CENTRE_XYZ_MM) - CENTRE_XYZ_MM))  # type: ignore[arg-type]
    scan = deformed(plan, daily, far.apply(voxel_points_xyz_mm(daily)), noise_hu=20.0)
    values = scan.values_zyx.astype(np.int16)
    values[:, -6:-3, :] = 300  # a couch that the plan does not have
    upper = slice(values.shape[0] // 4, None)
    shown = daily.cropped((upper.start, 0, 0), (values.shape[0] - upper.start, *daily.shape_zyx[1:]))

    found = align(Volume(grid=shown, values_zyx=values[upper]), plan, AlignSettings(method="rigid"))

    points = far.inverse().apply(body_points_xyz_mm(3000))
    assert np.linalg.norm(found.alignment.map_points(points) - far.apply(points), axis=1).max() < 1.5
    assert found.rigid.starts > 1


def test_the_second_method_finds_the_bend_too_and_the_same_each_time() -> None:
    scan, plan, _ = bent()
    points = points_of_the_day()

    found, again = (align(scan, plan, AlignSettings(method="demons", keypoints="off")) for _ in range(2))

    error_mm = np.linalg.norm(found.alignment.map_points(points) - truth(points, 12.0), axis=1)
    assert error_mm.mean() < 1.0
    assert found.jacobian is not None
    assert found.jacobian.folded == 0
    fields = [one.alignment.field for one in (found, again)]
    assert fields[0] is not None
    assert fields[1] is not None
    assert np.array_equal(fields[0].displacements_xyz_mm, fields[1].displacements_xyz_mm)


def test_set_up_alone_has_no_field() -> None:
    plan = body_scan(plan_grid())
    daily = daily_grid(tuple(SETUP.inverse().apply(CENTRE_XYZ_MM) - CENTRE_XYZ_MM))  # type: ignore[arg-type]
    scan = deformed(plan, daily, SETUP.apply(voxel_points_xyz_mm(daily)), noise_hu=15.0)

    found = align(scan, plan, AlignSettings(method="rigid"))

    points = points_of_the_day()
    assert found.alignment.field is None
    assert np.linalg.norm(found.alignment.map_points(points) - SETUP.apply(points), axis=1).max() < 0.6


def folded_field() -> DisplacementField:
    grid: Grid = small_grid((14, 16, 18), (3.0, 2.5, 2.0))
    points = voxel_points_xyz_mm(grid) - voxel_points_xyz_mm(grid).mean(axis=(0, 1, 2))
    near = np.exp(-(points**2).sum(axis=-1) / 60.0)[..., None]
    return DisplacementField(grid=grid, displacements_xyz_mm=(-1.8 * points * near).astype(np.float32))


def test_a_fold_is_counted_and_can_be_taken_out() -> None:
    field = folded_field()

    assert jacobian_summary(field).folded > 0
    assert jacobian_summary(unfolded(field)).folded == 0


def test_a_uniform_shrinking_has_the_volume_ratio_that_it_says() -> None:
    grid = small_grid((10, 12, 14), (3.0, 2.5, 2.0), tilt_xyz_deg=(9.0, 4.0, -6.0))
    growth = np.diag([0.1, -0.2, 0.05])
    values = (voxel_points_xyz_mm(grid) @ growth.T).astype(np.float32)

    found = jacobian_summary(DisplacementField(grid=grid, displacements_xyz_mm=values))

    assert found.minimum == pytest.approx(1.1 * 0.8 * 1.05, rel=1e-3)
    assert found.maximum == pytest.approx(1.1 * 0.8 * 1.05, rel=1e-3)


def test_a_stop_asked_for_stops_the_work() -> None:
    class StopError(Exception):
        pass

    def stop(stage: str, fraction: float) -> None:
        if stage == "deformable" and fraction > 0.05:
            raise StopError

    scan, plan, _ = bent()
    with pytest.raises(StopError):
        align(scan, plan, QUICK, on_fraction=stop)


def test_a_scan_without_a_patient_cannot_be_aligned() -> None:
    plan = body_scan(plan_grid())
    air = Volume(grid=daily_grid(), values_zyx=np.full(daily_grid().shape_zyx, -1000.0, dtype=np.float32))

    with pytest.raises(AlignmentError, match="no part denser"):
        align(air, plan)


def test_values_that_are_not_finite_are_refused() -> None:
    plan = body_scan(plan_grid())
    broken = np.array(plan.values_zyx)
    broken[3, 4, 5] = np.nan

    with pytest.raises(AlignmentError, match="not finite"):
        align(plan, Volume(grid=plan.grid, values_zyx=broken))


def test_a_method_that_does_not_exist_is_refused() -> None:
    with pytest.raises(AlignmentError, match="method"):
        replace(QUICK, method="magic")


def test_frames_are_kept_apart() -> None:
    _, _, found = bent()

    assert isinstance(found.alignment, Alignment)
    assert (found.alignment.fixed_frame_uid, found.alignment.moving_frame_uid) == (FIXED_FRAME, MOVING_FRAME)
