import numpy as np
import pytest

from contour.anatomy.agreement import dice
from contour.anatomy.coverage import covered_area, graded_mask
from contour.anatomy.polygons import SlicePolygons, trace_polygons
from contour.anatomy.rasterise import rasterise_polygons
from contour.anatomy.structures import Structure
from tests.phantoms import ball, shell, small_grid


def polygons_of(*loops: tuple[int, list[tuple[float, float]]]) -> SlicePolygons:
    points = np.concatenate([np.asarray(loop, dtype=np.float64) for _, loop in loops])
    starts = np.concatenate(([0], np.cumsum([len(loop) for _, loop in loops]))).astype(np.int64)
    return SlicePolygons(points_yx=points, starts=starts, slice_z=np.array([z for z, _ in loops], dtype=np.int64))


def test_a_rectangle_covers_its_share_of_each_voxel():
    rectangle = [(0.75, 1.2), (0.75, 3.9), (3.5, 3.9), (3.5, 1.2)]
    level = covered_area(polygons_of((5, rectangle)), (3, 5, 6), lower_zyx=(4, 0, 0))
    rows, columns = np.array([0, 0.75, 1, 1, 0]), np.array([0, 0.3, 1, 1, 0.4, 0])
    assert np.abs(level[1] / 255.0 - rows[:, None] * columns).max() < 0.01
    assert not level[0].any()
    assert not level[2].any()


def test_a_hole_is_taken_out_and_what_leaves_the_box_is_ignored():
    outer = [(-2.0, -2.0), (-2.0, 9.5), (9.5, 9.5), (9.5, -2.0)]
    inner = [(1.5, 1.5), (1.5, 3.5), (3.5, 3.5), (3.5, 1.5)]
    level = covered_area(polygons_of((0, outer), (0, inner)), (1, 6, 6))
    assert level[0].sum() == 255 * 32
    assert not level[0, 2:4, 2:4].any()


@pytest.mark.parametrize("body", [ball(small_grid(), 13.0), shell(small_grid(), 14.0, 6.0)])
def test_contours_traced_again_from_the_graded_mask_lie_where_the_first_did(body):
    drawn = trace_polygons(body)
    mask = rasterise_polygons(drawn, body.mask_zyx.shape, lower_zyx=body.lower_zyx)
    assert np.array_equal(mask, body.mask_zyx)
    level = graded_mask(drawn, mask, lower_zyx=body.lower_zyx)
    assert np.array_equal(level >= 128, mask)
    again = trace_polygons(
        Structure(name="Again", grid=body.grid, lower_zyx=body.lower_zyx, mask_zyx=level >= 128, membership_zyx=level)
    )
    fine = (body.grid.shape_zyx[0], 400, 320)
    one, other = (
        rasterise_polygons(SlicePolygons(points_yx=p.points_yx * 10, starts=p.starts, slice_z=p.slice_z), fine)
        for p in (drawn, again)
    )
    assert dice(one, other) > 0.99
    assert again.area_voxels() == pytest.approx(drawn.area_voxels(), rel=0.002)


def test_no_polygons_cover_nothing():
    none = SlicePolygons(
        points_yx=np.zeros((0, 2)), starts=np.zeros(1, dtype=np.int64), slice_z=np.zeros(0, dtype=np.int64)
    )
    assert not covered_area(none, (2, 3, 4)).any()
