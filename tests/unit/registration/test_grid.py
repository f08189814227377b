"""Where voxels sit, judged by SimpleITK on an oblique, anisotropic, off-origin grid."""

import math

import numpy as np
import pytest
import SimpleITK as sitk

from registration import Grid, GridError, Volume
from registration.itk_bridge import from_itk, to_itk


def oblique_grid(shape_zyx=(7, 11, 13)):
    a, b = math.radians(17.0), math.radians(-8.0)
    turn_x = np.array([[1, 0, 0], [0, math.cos(a), -math.sin(a)], [0, math.sin(a), math.cos(a)]])
    turn_z = np.array([[math.cos(b), -math.sin(b), 0], [math.sin(b), math.cos(b), 0], [0, 0, 1]])
    x_axis, y_axis, z_axis = (turn_z @ turn_x).T
    return Grid(
        shape_zyx=shape_zyx,
        spacing_zyx_mm=(2.5, 1.2, 0.9),
        origin_xyz_mm=(-41.5, 12.25, 803.0),
        axes_xyz=(tuple(z_axis), tuple(y_axis), tuple(x_axis)),
        frame_of_reference_uid="1.2.3",
    )


def test_voxel_positions_are_simpleitks():
    grid = oblique_grid()
    image = to_itk(Volume(grid=grid, values_zyx=np.zeros(grid.shape_zyx, np.int16)))
    for index_zyx in [(0, 0, 0), (6, 0, 0), (0, 10, 0), (0, 0, 12), (3, 7, 2)]:
        expected = image.TransformIndexToPhysicalPoint(index_zyx[::-1])
        assert grid.to_point_xyz_mm(np.array(index_zyx, float)) == pytest.approx(expected, abs=1e-9)


def test_index_and_point_undo_each_other_for_fractions():
    grid = oblique_grid()
    index = np.random.default_rng(1).uniform(-3, 20, (50, 3))
    np.testing.assert_allclose(grid.to_index_zyx(grid.to_point_xyz_mm(index)), index, atol=1e-8)


def test_the_border_voxel_stays_at_index_zero_on_an_oblique_grid():
    grid = oblique_grid()
    assert (grid.to_index_zyx(np.array(grid.origin_xyz_mm)) == 0.0).all()


def test_itk_bridge_returns_the_same_volume():
    grid = oblique_grid()
    values = np.random.default_rng(2).integers(-1000, 1000, grid.shape_zyx).astype(np.int16)
    back = from_itk(to_itk(Volume(grid=grid, values_zyx=values)), "1.2.3")
    np.testing.assert_array_equal(back.values_zyx, values)
    np.testing.assert_allclose(back.grid.axes_xyz, grid.axes_xyz, atol=1e-12)
    assert back.grid.spacing_zyx_mm == pytest.approx(grid.spacing_zyx_mm)


def test_resampled_grid_fills_the_same_box():
    grid = oblique_grid((40, 60, 80))
    coarse = grid.resampled((2.0, 3.0, 3.6))
    old = grid.to_point_xyz_mm(np.array([[-0.5, -0.5, -0.5], [39.5, 59.5, 79.5]]))
    new = coarse.to_point_xyz_mm(np.array([[-0.5] * 3, [n - 0.5 for n in coarse.shape_zyx]]))
    np.testing.assert_allclose(old, new, atol=1e-9)


def test_a_lattice_covers_the_box_and_does_not_move_with_it():
    grid, spacing = oblique_grid((40, 60, 80)), (2.0, 3.0, 3.6)
    whole = grid.on_lattice(spacing)
    corners = np.array([[a, b, c] for a in (-0.5, 39.5) for b in (-0.5, 59.5) for c in (-0.5, 79.5)])
    at = whole.to_index_zyx(grid.to_point_xyz_mm(corners))
    assert (at.min(axis=0) > -0.5 - 1e-6).all()
    assert (at.min(axis=0) <= 0.5).all()
    assert (at.max(axis=0) < np.array(whole.shape_zyx) - 0.5 + 1e-6).all()
    beyond = grid.cropped((-4, 0, 9), (50, 11, 13)).resampled((0.7, 1, 1.3))
    for other in (grid.cropped((3, 5, 7), (20, 30, 40)), beyond):
        first = whole.to_index_zyx(np.array(other.on_lattice(spacing).origin_xyz_mm))
        np.testing.assert_allclose(first, np.rint(first), atol=1e-6)


def test_cropped_grid_keeps_every_voxel_where_it_is():
    grid = oblique_grid()
    part = grid.cropped((2, 3, 4), (3, 3, 3))
    np.testing.assert_allclose(
        part.to_point_xyz_mm(np.array([1.0, 1.0, 1.0])), grid.to_point_xyz_mm(np.array([3.0, 4.0, 5.0]))
    )


@pytest.mark.parametrize(
    "change",
    [
        {"shape_zyx": (0, 1, 1)},
        {"spacing_zyx_mm": (1.0, 0.0, 1.0)},
        {"spacing_zyx_mm": (1.0, math.nan, 1.0)},
        {"origin_xyz_mm": (0.0, math.inf, 0.0)},
        {"axes_xyz": ((0, 0, 1), (0, 1, 0), (0, 1, 0))},
        {"axes_xyz": ((0, 0, 2), (0, 1, 0), (1, 0, 0))},
    ],
)
def test_a_grid_that_cannot_exist_is_refused(change):
    good = {
        "shape_zyx": (2, 2, 2),
        "spacing_zyx_mm": (1.0, 1.0, 1.0),
        "origin_xyz_mm": (0.0, 0.0, 0.0),
        "axes_xyz": ((0.0, 0.0, 1.0), (0.0, 1.0, 0.0), (1.0, 0.0, 0.0)),
        "frame_of_reference_uid": "1",
    }
    Grid(**good)
    with pytest.raises(GridError):
        Grid(**{**good, **change})


def test_volume_values_cannot_be_changed_by_accident():
    grid = oblique_grid()
    volume = Volume(grid=grid, values_zyx=np.zeros(grid.shape_zyx))
    with pytest.raises(ValueError, match="read-only"):
        volume.values_zyx[0, 0, 0] = 1


def test_sitk_reads_the_direction_the_grid_means():
    grid = oblique_grid()
    image = to_itk(Volume(grid=grid, values_zyx=np.zeros(grid.shape_zyx, np.int16)))
    direction = np.array(image.GetDirection()).reshape(3, 3)
    np.testing.assert_allclose(direction[:, 2], grid.axes_xyz[0], atol=1e-12)
    assert grid.handedness == 1
    assert isinstance(image, sitk.Image)
