"""Brush strokes: discs, capsules and balls in millimetres, on straight and oblique grids and at their edges."""

import itertools
import math

import numpy as np
import pytest

from contour.anatomy.editing import Brush, apply_operation
from contour.errors import InputError
from tests.unit.contour.anatomy.editing.edited_bodies import (
    BOTH,
    OBLIQUE,
    REMOVALS,
    ROI,
    STRAIGHT,
    at,
    empty,
    flat_mm,
    graded,
    holes_in,
    is_sound,
    plain,
    whole,
    whole_levels,
)

MIDDLE = (15, 45, 40)
PLANES = {"axial": 0, "coronal": 1, "sagittal": 2}


def stroke(points, radius_mm, *, plane="axial", erase=False, ball=False):
    return Brush(plane=plane, points_xyz_mm=tuple(points), radius_mm=radius_mm, erase=erase, ball=ball)


@pytest.mark.parametrize("grid", **BOTH)
@pytest.mark.parametrize("plane", sorted(PLANES))
def test_one_click_paints_the_disc_of_voxel_centres_within_the_radius_on_one_slice(grid, plane):
    axis = PLANES[plane]
    centre = [15.0, 45.3, 40.4]
    centre[axis] = round(centre[axis])
    painted = whole(apply_operation(empty(grid), stroke([at(grid, *centre)], 11.0, plane=plane), {}))
    a, b = flat_mm(grid, axis)
    middle = [c * s for n, (c, s) in enumerate(zip(centre, grid.spacing_zyx_mm, strict=True)) if n != axis]
    disc = np.hypot(a - middle[0], b - middle[1]) <= 11.0
    assert np.array_equal(np.take(painted, int(centre[axis]), axis=axis), disc)
    assert np.count_nonzero(painted) == np.count_nonzero(disc)


@pytest.mark.parametrize("grid", **BOTH)
def test_a_stroke_has_the_area_of_a_capsule(grid):
    ends = at(grid, 15, 30, 25), at(grid, 15, 60, 55)
    length_mm = math.dist(*ends)
    painted = apply_operation(empty(grid), stroke(ends, 9.0), {})
    volume_ml = (length_mm * 18.0 + math.pi * 81.0) * grid.spacing_zyx_mm[0] / 1000
    assert painted.volume_ml == pytest.approx(volume_ml, rel=0.01)


@pytest.mark.parametrize("grid", **BOTH)
def test_a_ball_has_the_volume_of_a_ball_and_its_centre(grid):
    centre = at(grid, 15, 44.6, 39.7)
    painted = apply_operation(empty(grid), stroke([centre], 14.0, ball=True), {})
    points = grid.to_point_xyz_mm(np.argwhere(whole(painted)))
    assert painted.volume_ml == pytest.approx(4 / 3 * math.pi * 14.0**3 / 1000, rel=0.01)
    assert points.mean(axis=0) == pytest.approx(centre, abs=0.1)
    assert np.linalg.norm(points - centre, axis=1).max() <= 14.0 + 1e-6


@pytest.mark.parametrize("grid", **BOTH)
@pytest.mark.parametrize("plane", sorted(PLANES))
def test_a_rolled_ball_covers_a_capsule_in_space(grid, plane):
    low, high = np.asarray([10.0, 30.0, 25.0]), np.asarray([19.0, 60.0, 55.0])
    low[PLANES[plane]] = high[PLANES[plane]] = MIDDLE[PLANES[plane]]
    ends = at(grid, *low), at(grid, *high)
    painted = apply_operation(empty(grid), stroke(ends, 8.0, plane=plane, ball=True), {})
    volume_ml = (math.dist(*ends) * math.pi * 64.0 + 4 / 3 * math.pi * 512.0) / 1000
    assert painted.volume_ml == pytest.approx(volume_ml, rel=0.02)


def test_a_polyline_is_the_union_of_its_straight_lines():
    corners = [at(STRAIGHT, 15, *yx) for yx in ((20, 20), (60, 30), (40, 60), (40, 60), (70, 70))]
    at_once = whole(apply_operation(empty(STRAIGHT), stroke(corners, 3.3), {}))
    one_by_one = np.zeros_like(at_once)
    for pair in itertools.pairwise(corners):
        one_by_one |= whole(apply_operation(empty(STRAIGHT), stroke(pair, 3.3), {}))
    assert np.array_equal(at_once, one_by_one)


@pytest.mark.parametrize("grid", **BOTH)
@pytest.mark.parametrize("ball", [False, True])
@pytest.mark.parametrize("erase", [False, True])
def test_voxels_away_from_the_stroke_keep_mask_and_membership_to_the_bit(grid, erase, ball):
    before = graded(grid)
    centre = at(grid, 13, 55, 52)
    after = apply_operation(before, stroke([centre], 6.0, erase=erase, ball=ball), {})
    index = np.moveaxis(np.indices(grid.shape_zyx), 0, -1)
    away_mm = np.linalg.norm(grid.to_point_xyz_mm(index) - centre, axis=-1)
    untouched = away_mm > 6.0 + 1.2
    if not ball:
        untouched |= index[..., 0] != 13
    assert np.array_equal(whole(before)[untouched], whole(after)[untouched])
    assert np.array_equal(whole_levels(before)[untouched], whole_levels(after)[untouched])
    covered = (away_mm <= 6.0 + 1e-6) & ~untouched
    expected = whole(before) & ~covered if erase else whole(before) | covered
    assert np.array_equal(whole(after), expected)
    assert is_sound(after)


def test_the_mask_is_the_same_with_and_without_a_membership_and_none_is_made_up():
    before = graded(OBLIQUE)
    for erase in (False, True):
        edit = stroke([at(OBLIQUE, 14, 50, 50), at(OBLIQUE, 14, 30, 60)], 5.5, erase=erase)
        with_one, without = apply_operation(before, edit, {}), apply_operation(plain(before), edit, {})
        assert np.array_equal(whole(with_one), whole(without))
        assert without.membership_zyx is None


def test_erasing_in_the_middle_leaves_a_hole_and_painting_beside_a_hole_leaves_it():
    before = graded(STRAIGHT, hole_mm=0.0)
    holed = apply_operation(before, stroke([at(STRAIGHT, *MIDDLE)], 4.0, erase=True), {})
    assert holes_in(whole(before)[15]) == 0
    assert holes_in(whole(holed)[15]) == 1
    painted = apply_operation(holed, stroke([at(STRAIGHT, 15, 66, 40)], 5.0), {})
    assert holes_in(whole(painted)[15]) == 1
    assert painted.volume_ml > holed.volume_ml


@pytest.mark.parametrize("ball", [False, True])
@pytest.mark.parametrize(
    ("plane", "corner"), [("axial", (0, 0, 0)), ("coronal", (29, 89, 79)), ("sagittal", (0, 89, 79))]
)
def test_a_stroke_at_the_grids_corner_is_cut_there(plane, corner, ball):
    painted = apply_operation(empty(OBLIQUE), stroke([at(OBLIQUE, *corner)], 10.0, plane=plane, ball=ball), {})
    part, full_mm3 = (8, 4 / 3 * math.pi * 1000) if ball else (4, math.pi * 100 * OBLIQUE.spacing_zyx_mm[PLANES[plane]])
    assert is_sound(painted)
    assert whole(painted)[corner]
    # half a voxel more on each cut side, as the corner voxel is whole
    assert full_mm3 / part < painted.volume_ml * 1000 < full_mm3 / part * 1.9


def test_a_stroke_that_comes_in_from_outside_the_ct_paints_what_is_inside():
    entering = stroke([at(OBLIQUE, 15, 45, -400), at(OBLIQUE, 15, 45, 9)], 4.0)
    inside = stroke([at(OBLIQUE, 15, 45, -20), at(OBLIQUE, 15, 45, 9)], 4.0)
    painted = whole(apply_operation(empty(OBLIQUE), entering, {}))
    assert painted.any()
    assert np.array_equal(painted, whole(apply_operation(empty(OBLIQUE), inside, {})))


def test_a_stroke_beside_the_ct_changes_nothing():
    before = graded(OBLIQUE)
    assert apply_operation(before, stroke([at(OBLIQUE, 15, 45, -30)], 4.0), {}) is before


@pytest.mark.parametrize("ball", [False, True])
@pytest.mark.parametrize("slice_z", [-0.6, 29.6, 100.0])
def test_a_stroke_above_or_below_the_ct_is_refused(slice_z, ball):
    with pytest.raises(InputError, match="expected one of 0 to 29") as refused:
        apply_operation(graded(OBLIQUE), stroke([at(OBLIQUE, slice_z, 45, 40)], 4.0, ball=ball), {})
    assert refused.value.reason == "OUTSIDE_CT"


def test_a_stroke_on_several_slices_is_refused():
    points = [at(OBLIQUE, 15, 45, 40), at(OBLIQUE, 17, 45, 40)]
    with pytest.raises(InputError, match=r"2\.0 slices off") as refused:
        apply_operation(graded(OBLIQUE), stroke(points, 4.0), {})
    assert refused.value.reason == "BAD_OPERATION"


@pytest.mark.parametrize("plane", sorted(PLANES))
def test_a_brush_smaller_than_a_voxel_paints_the_voxels_under_its_line_without_a_gap(plane):
    axis = PLANES[plane]
    low, high = np.asarray([4.4, 20.4, 10.4]), np.asarray([20.4, 70.4, 60.4])
    low[axis] = high[axis] = MIDDLE[axis]
    painted = whole(
        apply_operation(empty(OBLIQUE), stroke([at(OBLIQUE, *low), at(OBLIQUE, *high)], 0.5, plane=plane), {})
    )
    from scipy import ndimage

    assert ndimage.label(painted, structure=np.ones((3, 3, 3)))[1] == 1
    for n in {0, 1, 2} - {axis}:
        hit = np.flatnonzero(painted.any(axis=tuple({0, 1, 2} - {n})))
        assert (hit[0], hit[-1]) == (round(low[n]), round(high[n]))


def test_erasing_all_leaves_an_empty_structure_that_can_be_drawn_anew():
    before = graded(OBLIQUE, radius_mm=9.0, hole_mm=0.0)
    gone = apply_operation(before, stroke([at(OBLIQUE, 14.5, 44.5, 39.5)], 20.0, ball=True, erase=True), {})
    assert gone.is_empty
    assert gone.name == before.name
    anew = apply_operation(gone, stroke([at(OBLIQUE, 28, 80, 70)], 5.0), {})
    assert anew.volume_ml == pytest.approx(math.pi * 25 * 3.0 / 1000, rel=0.05)
    assert anew.membership_zyx is not None
    assert anew.mask_zyx.shape[0] <= 3


def test_painting_what_is_inside_already_and_erasing_what_is_not_return_the_same_structure():
    before = graded(STRAIGHT, hole_mm=0.0)
    assert apply_operation(before, stroke([at(STRAIGHT, *MIDDLE)], 3.0), {}) is before
    assert apply_operation(before, stroke([at(STRAIGHT, 2, 5, 5)], 3.0, erase=True), {}) is before


def test_an_edited_structure_keeps_its_identity_and_is_semiautomatic():
    after = apply_operation(graded(STRAIGHT), stroke([at(STRAIGHT, 15, 70, 40)], 5.0), {})
    assert (after.name, after.roi, after.removals) == ("Parotid_L", ROI, REMOVALS)
    assert after.description == "Research software."
    assert after.generation == "SEMIAUTOMATIC"


def test_the_crop_stays_small_after_a_stray_blot_is_erased():
    before = apply_operation(graded(STRAIGHT), stroke([at(STRAIGHT, 15, 70, 40)], 4.0), {})
    blot = [at(STRAIGHT, 1, 5, 5)]
    strayed = apply_operation(before, stroke(blot, 3.0), {})
    back = apply_operation(strayed, stroke(blot, 5.0, erase=True), {})
    assert back.lower_zyx == before.lower_zyx
    assert np.array_equal(back.membership_zyx, before.membership_zyx)


def test_contours_of_a_disc_run_where_the_disc_ends():
    from contour.anatomy.polygons import trace_polygons

    painted = apply_operation(empty(STRAIGHT, with_membership=True), stroke([at(STRAIGHT, 15, 45.4, 40.3)], 12.0), {})
    points = trace_polygons(painted, thinning_mm=0.0).points_yx
    radii_mm = np.hypot((points[:, 0] - 45.4) * 0.9, (points[:, 1] - 40.3) * 1.2)
    assert radii_mm == pytest.approx(np.full(radii_mm.size, 12.0), abs=0.15)
