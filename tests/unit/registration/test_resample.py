"""Sampling on another grid: exact where it has to be, SimpleITK's answer elsewhere."""

from dataclasses import replace

import numpy as np
import pytest
import SimpleITK as sitk

from registration import FrameMismatchError, Grid, GridError, Volume
from registration.itk_bridge import to_itk
from registration.orientation import anatomical_order
from registration.resample import interpolation_weights, resample
from tests.unit.registration.test_grid import oblique_grid


def smooth_field(grid: Grid) -> Volume:
    index = np.stack(np.meshgrid(*(np.arange(n, dtype=float) for n in grid.shape_zyx), indexing="ij"), -1)
    x, y, z = np.moveaxis(grid.to_point_xyz_mm(index), -1, 0)
    return Volume(grid=grid, values_zyx=(3 * x - 2 * y + 0.5 * z + 7).astype(np.float32))


def test_a_linear_field_is_reproduced_exactly_on_a_finer_cropped_grid():
    volume = smooth_field(oblique_grid((20, 30, 40)))
    onto = volume.grid.cropped((3, 4, 5), (10, 15, 20)).resampled((1.25, 0.7, 0.6))
    np.testing.assert_allclose(resample(volume, onto, outside=0).values_zyx, smooth_field(onto).values_zyx, atol=2e-3)


def test_a_finer_grid_gets_what_simpleitk_gives():
    grid = oblique_grid((12, 20, 24))
    values = np.random.default_rng(3).normal(0, 300, grid.shape_zyx).astype(np.float32)
    volume = Volume(grid=grid, values_zyx=values)
    onto = grid.cropped((2, 2, 2), (8, 14, 18)).resampled((1.1, 1.0, 0.8))
    reference = to_itk(Volume(grid=onto, values_zyx=np.zeros(onto.shape_zyx, np.float32)))
    expected = sitk.GetArrayFromImage(sitk.Resample(to_itk(volume), reference, sitk.Transform(), sitk.sitkLinear))
    np.testing.assert_allclose(resample(volume, onto, outside=0).values_zyx, expected, atol=0.05)


def test_a_coarser_grid_averages_instead_of_picking():
    checkers = (np.indices((1, 1, 64)).sum(0) % 2).astype(np.float32)
    grid = oblique_grid((1, 1, 64))
    coarse = resample(Volume(grid=grid, values_zyx=checkers), grid.resampled((2.5, 1.2, 3.6)), outside=0)
    assert coarse.values_zyx[0, 0, 1:-1] == pytest.approx(0.5, abs=0.02)


def test_what_lies_outside_gets_the_value_for_outside_and_the_border_half_voxel_does_not():
    grid = oblique_grid((4, 5, 6))
    volume = Volume(grid=grid, values_zyx=np.full(grid.shape_zyx, 40, np.int16))
    larger = resample(volume, grid.cropped((-2, -2, -2), (8, 9, 10)), outside=-1024.0).values_zyx
    assert (larger[2:6, 2:7, 2:8] == 40).all()
    larger = larger.copy()
    larger[2:6, 2:7, 2:8] = -1024
    assert (larger == -1024).all()


def test_weights_sum_to_one_inside_and_zero_outside():
    weights = interpolation_weights(10, 40, first=-5.0, step=0.5)
    sums = weights.sum(axis=1)
    position = -5.0 + 0.5 * np.arange(40)
    np.testing.assert_allclose(sums[(position >= -0.5) & (position <= 9.5)], 1.0, atol=1e-6)
    assert (sums[(position < -0.5) | (position > 9.5)] == 0).all()


def test_other_frames_and_other_axes_are_refused():
    volume = smooth_field(oblique_grid((4, 4, 4)))
    with pytest.raises(FrameMismatchError):
        resample(volume, replace(volume.grid, frame_of_reference_uid="9"), outside=0)
    straight = replace(volume.grid, axes_xyz=((0.0, 0.0, 1.0), (0.0, 1.0, 0.0), (1.0, 0.0, 0.0)))
    with pytest.raises(GridError):
        resample(volume, straight, outside=0)


@pytest.mark.parametrize(
    "axes_xyz",
    [
        ((0, 0, 1), (0, 1, 0), (1, 0, 0)),  # head first supine
        ((0, 0, 1), (0, -1, 0), (-1, 0, 0)),  # prone
        ((0, 0, 1), (1, 0, 0), (0, -1, 0)),  # decubitus
        ((0, 1, 0), (0, 0, -1), (1, 0, 0)),  # coronal slices, head in the first row
        ((0, 0, -1), (0, 1, 0), (-1, 0, 0)),  # feet first supine as the table sees it
    ],
)
def test_anatomical_order_puts_head_up_back_down_left_right_and_undoes_itself(axes_xyz):
    grid = replace(oblique_grid((5, 6, 7)), axes_xyz=tuple(tuple(float(v) for v in axis) for axis in axes_xyz))
    volume = smooth_field(grid)
    order = anatomical_order(grid)
    turned = order.apply_to_volume(volume)
    np.testing.assert_allclose(turned.grid.axes_xyz, ((0, 0, 1), (0, 1, 0), (1, 0, 0)), atol=1e-12)
    np.testing.assert_allclose(turned.values_zyx, smooth_field(turned.grid).values_zyx, atol=1e-3)
    np.testing.assert_array_equal(order.undo(turned.values_zyx), volume.values_zyx)
