"""Views are turned the way a reader expects, whatever way the series was scanned."""

import math

import numpy as np
import pytest

from contour.preview.views import view_of
from registration import Grid

HFS = ((0.0, 0.0, 1.0), (0.0, 1.0, 0.0), (1.0, 0.0, 0.0))
HFP = ((0.0, 0.0, 1.0), (0.0, -1.0, 0.0), (-1.0, 0.0, 0.0))
FFS = ((0.0, 0.0, -1.0), (0.0, 1.0, 0.0), (-1.0, 0.0, 0.0))
HFDL = ((0.0, 0.0, 1.0), (1.0, 0.0, 0.0), (0.0, -1.0, 0.0))


def grid(axes, shape=(40, 50, 60)):
    return Grid(
        shape_zyx=shape,
        spacing_zyx_mm=(3.0, 0.9, 1.2),
        origin_xyz_mm=(-31.0, 12.0, 105.0),
        axes_xyz=axes,
        frame_of_reference_uid="1.2.3",
    )


@pytest.mark.parametrize("axes", [HFS, HFP, FFS, HFDL], ids=["HFS", "HFP", "FFS", "HFDL"])
@pytest.mark.parametrize(
    ("name", "letters"), [("axial", "RLAP"), ("coronal", "RLHF"), ("sagittal", "APHF")], ids=lambda v: v
)
def test_every_position_is_shown_with_the_same_side_on_the_same_edge(axes, name, letters):
    assert "".join(view_of(grid(axes), name).letters) == letters


@pytest.mark.parametrize("axes", [HFS, HFP, FFS, HFDL], ids=["HFS", "HFP", "FFS", "HFDL"])
def test_a_step_to_the_patients_left_goes_right_in_axial_and_a_step_back_goes_down(axes):
    view = view_of(grid(axes), "axial")
    points = np.array([[0.0, 0.0, 120.0], [10.0, 0.0, 120.0], [0.0, 7.0, 120.0]])
    start, left, back = view.in_picture_mm(view.grid.to_index_zyx(points))
    np.testing.assert_allclose((left - start) * (view.across_sign, view.down_sign), (10.0, 0.0), atol=1e-9)
    np.testing.assert_allclose((back - start) * (view.across_sign, view.down_sign), (0.0, 7.0), atol=1e-9)


def test_the_picture_runs_from_voxel_edge_to_voxel_edge_and_flips_by_its_limits():
    left, right, bottom, top = view_of(grid(HFP), "axial").edges_mm
    assert (left, right) == pytest.approx((59.5 * 1.2, -0.6))
    assert (bottom, top) == pytest.approx((-0.45, 49.5 * 0.9))


@pytest.mark.parametrize("axes", [HFS, HFP, FFS, HFDL], ids=["HFS", "HFP", "FFS", "HFDL"])
@pytest.mark.parametrize("name", ["axial", "coronal", "sagittal"])
def test_a_bright_voxel_lies_where_its_position_says(axes, name):
    view = view_of(grid(axes), name)
    index = (17, 31, 44)
    values = np.zeros((40, 50, 60))
    values[index] = 1.0
    down, across = np.argwhere(view.plane(values, index[view.normal_axis]))[0]
    at_mm = view.in_picture_mm(np.array([index], dtype=float))[0]
    steps_mm = view.grid.spacing_zyx_mm
    np.testing.assert_allclose(at_mm, (across * steps_mm[view.across_axis], down * steps_mm[view.down_axis]))


def test_a_plane_that_leans_by_more_than_15_degrees_says_so_with_a_second_letter():
    turn = math.radians(20.0)
    axes = (
        (0.0, math.sin(turn), math.cos(turn)),
        (0.0, math.cos(turn), -math.sin(turn)),
        (1.0, 0.0, 0.0),
    )
    assert view_of(grid(axes), "axial").letters == ("R", "L", "AH", "PF")
    assert view_of(grid(axes), "coronal").letters == ("R", "L", "HP", "FA")
