"""Transforms move points the way their names say, on oblique and anisotropic grids."""

from __future__ import annotations

import numpy as np
import pytest

from registration import Alignment, DisplacementField, FrameMismatchError, GridError, RigidTransform
from registration.grid import Grid
from registration.warp import sample, warp
from tests.phantoms import FRAME_OF_REFERENCE_UID, ramp, small_grid, voxel_points_xyz_mm

OTHER_FRAME = "2.25.20260002"


def linear_field(grid: Grid, matrix: np.ndarray, offset: np.ndarray) -> DisplacementField:
    values = voxel_points_xyz_mm(grid) @ matrix.T + offset
    return DisplacementField(grid=grid, displacements_xyz_mm=values.astype(np.float32))


def test_a_turn_about_a_point_leaves_that_point_where_the_shift_says() -> None:
    about = RigidTransform.about((10.0, -40.0, 7.0), turn_xyz_deg=(3.0, -5.0, 8.0), shift_xyz_mm=(1.0, 2.0, -3.0))

    assert about.shift_at_xyz_mm((10.0, -40.0, 7.0)) == pytest.approx((1.0, 2.0, -3.0))
    assert about.turn_xyz_deg == pytest.approx((3.0, -5.0, 8.0))


def test_a_positive_turn_about_z_takes_the_patients_left_to_the_back() -> None:
    turn = RigidTransform.about((0.0, 0.0, 0.0), turn_xyz_deg=(0.0, 0.0, 90.0))

    np.testing.assert_allclose(turn.apply(np.array([1.0, 0.0, 0.0])), [0.0, 1.0, 0.0], atol=1e-12)


def test_there_and_back_is_where_it_began() -> None:
    there = RigidTransform.about((5.0, 6.0, 7.0), turn_xyz_deg=(10.0, 20.0, -30.0), shift_xyz_mm=(1.0, -2.0, 40.0))
    points = np.array([[1.0, 2.0, 3.0], [-40.0, 100.0, 7.0]])

    np.testing.assert_allclose(there.then(there.inverse()).apply(points), points, atol=1e-9)


def test_a_reflection_is_no_rigid_transform() -> None:
    with pytest.raises(GridError, match="handedness"):
        RigidTransform(rotation=((-1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)))


@pytest.mark.parametrize("tilt", [(0.0, 0.0, 0.0), (7.0, -4.0, 11.0)])
def test_a_linear_field_is_met_exactly_between_its_nodes(tilt: tuple[float, float, float]) -> None:
    grid = small_grid(tilt_xyz_deg=tilt)
    matrix = np.array([[0.01, 0.02, -0.01], [0.0, -0.02, 0.03], [0.02, 0.01, 0.01]])
    offset = np.array([1.0, -2.0, 3.0])
    field = linear_field(grid, matrix, offset)
    inside = grid.cropped((2, 3, 5), (10, 17, 9)).resampled((1.3, 2.1, 0.7))
    points = voxel_points_xyz_mm(inside)

    np.testing.assert_allclose(field.at(points), points @ matrix.T + offset, atol=1e-4)
    np.testing.assert_allclose(field.on(inside), points @ matrix.T + offset, atol=2e-4)


def test_on_a_grid_with_other_axes_a_field_says_the_same() -> None:
    field = linear_field(small_grid(), np.diag([0.01, 0.02, -0.03]), np.zeros(3))
    turned = small_grid((5, 6, 7), (4.0, 3.0, 2.0), origin_xyz_mm=(-15.0, -130.0, 50.0), tilt_xyz_deg=(9.0, 5.0, -7.0))

    np.testing.assert_allclose(field.on(turned), field.at(voxel_points_xyz_mm(turned)), atol=1e-4)


def test_beyond_its_lattice_a_field_stays_as_at_its_border() -> None:
    grid = small_grid()
    field = linear_field(grid, np.diag([0.01, 0.02, -0.03]), np.zeros(3))
    corner = np.asarray(grid.origin_xyz_mm)

    np.testing.assert_allclose(field.at(corner - 50.0), field.at(corner))
    beyond = grid.cropped((-4, -5, -6), (2, 2, 2))
    np.testing.assert_allclose(field.on(beyond), np.broadcast_to(field.at(corner), (2, 2, 2, 3)), atol=1e-5)


def test_an_alignment_deforms_first_and_then_moves_rigidly() -> None:
    grid = small_grid()
    field = linear_field(grid, np.diag([0.02, -0.01, 0.03]), np.array([2.0, 0.0, -1.0]))
    rigid = RigidTransform.about((0.0, -120.0, 60.0), turn_xyz_deg=(4.0, -3.0, 9.0), shift_xyz_mm=(12.0, 5.0, -8.0))
    alignment = Alignment(
        rigid=rigid, field=field, fixed_frame_uid=FRAME_OF_REFERENCE_UID, moving_frame_uid=OTHER_FRAME
    )
    points = voxel_points_xyz_mm(grid)[3:5]

    expected = rigid.apply(points + field.at(points))
    np.testing.assert_allclose(alignment.map_points(points), expected)
    np.testing.assert_allclose(alignment.map_grid(grid, slice(3, 5)), expected, atol=1e-4)


def test_a_warped_ramp_is_the_ramp_at_the_mapped_points() -> None:
    moving = ramp(small_grid((40, 60, 50), (2.0, 1.1, 0.8), frame_of_reference_uid=OTHER_FRAME))
    centre = moving.grid.to_point_xyz_mm((np.asarray(moving.grid.shape_zyx) - 1) / 2)
    fixed_grid = small_grid(
        (8, 9, 10), (1.5, 1.0, 1.2), origin_xyz_mm=tuple(centre - 5.0), tilt_xyz_deg=(5.0, 3.0, 2.0)
    )
    rigid = RigidTransform.about(tuple(centre), turn_xyz_deg=(4.0, -3.0, 9.0), shift_xyz_mm=(2.0, 1.0, -3.0))
    alignment = Alignment(rigid=rigid, field=None, fixed_frame_uid=FRAME_OF_REFERENCE_UID, moving_frame_uid=OTHER_FRAME)

    warped = warp(moving, alignment, fixed_grid, outside=-1000.0)

    mapped = rigid.apply(voxel_points_xyz_mm(fixed_grid))
    np.testing.assert_allclose(warped.values_zyx, (mapped - centre) @ np.array([3.0, 5.0, 7.0]), atol=0.6)


def test_outside_the_moving_scan_there_is_nothing_but_the_value_given() -> None:
    moving = ramp(small_grid())
    beyond = np.asarray(moving.grid.origin_xyz_mm) - np.array([0.7, 0.0, 0.0])
    within_half = np.asarray(moving.grid.origin_xyz_mm) - np.array([0.5, 0.0, 0.0])

    assert sample(moving, beyond, outside=-1000.0) == -1000.0
    assert sample(moving, within_half, outside=-1000.0) == moving.values_zyx[0, 0, 0]


def test_frames_of_reference_are_never_mixed() -> None:
    moving = ramp(small_grid())
    alignment = Alignment(rigid=RigidTransform(), field=None, fixed_frame_uid=OTHER_FRAME, moving_frame_uid=OTHER_FRAME)

    with pytest.raises(FrameMismatchError):
        warp(moving, alignment, small_grid(frame_of_reference_uid=OTHER_FRAME), outside=0.0)
    with pytest.raises(FrameMismatchError):
        Alignment(
            rigid=RigidTransform(),
            field=linear_field(small_grid(), np.zeros((3, 3)), np.zeros(3)),
            fixed_frame_uid=OTHER_FRAME,
            moving_frame_uid=OTHER_FRAME,
        )
