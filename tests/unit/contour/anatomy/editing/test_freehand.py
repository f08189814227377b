"""Outlines drawn by hand, judged by matplotlib's polygons and by their areas."""

import math

import numpy as np
import pytest
from matplotlib.path import Path as Outline

from contour.anatomy.editing import Freehand, apply_operation
from contour.errors import InputError
from tests.unit.contour.anatomy.editing.edited_bodies import (
    BOTH,
    OBLIQUE,
    STRAIGHT,
    at,
    empty,
    graded,
    holes_in,
    is_sound,
    plain,
    whole,
    whole_levels,
)

PLANES = {"axial": 0, "coronal": 1, "sagittal": 2}
STAR_YX = [
    (45.3 + r * math.sin(a), 40.2 + r * math.cos(a)) for n in range(14) for r, a in [((22, 9)[n % 2], n * math.pi / 7)]
]


def outline(grid, corners, mode, *, plane="axial", number=15):
    points = [at(grid, *np.insert(np.asarray(corner, dtype=float), PLANES[plane], number)) for corner in corners]
    return Freehand(plane=plane, points_xyz_mm=tuple(points), mode=mode)


def judged(grid, corners, axis):
    """matplotlib's opinion of which voxel centres of a slice a polygon holds, by odd windings."""
    first, second = (other for other in range(3) if other != axis)
    centres = np.stack(np.mgrid[: grid.shape_zyx[first], : grid.shape_zyx[second]], axis=-1).reshape(-1, 2)
    inside = Outline([*corners, corners[0]], closed=True).contains_points(centres)
    return inside.reshape(grid.shape_zyx[first], grid.shape_zyx[second])


@pytest.mark.parametrize("grid", **BOTH)
@pytest.mark.parametrize("plane", sorted(PLANES))
def test_added_voxels_are_those_whose_centres_the_outline_holds(grid, plane):
    axis = PLANES[plane]
    corners = [(5.3, 12.2), (24.7, 20.1), (17.2, 44.4), (12.1, 30.3), (3.9, 60.8)]
    after = apply_operation(empty(grid), outline(grid, corners, "add", plane=plane), {})
    assert np.array_equal(np.take(whole(after), 15, axis=axis), judged(grid, corners, axis))
    assert np.count_nonzero(whole(after)) == np.count_nonzero(judged(grid, corners, axis))


@pytest.mark.parametrize("grid", **BOTH)
def test_a_circle_drawn_by_hand_has_its_area_and_its_contours(grid):
    corners = [(45.2 + 13 / 0.9 * math.sin(a), 40.4 + 13 / 1.2 * math.cos(a)) for a in np.linspace(0, 6.28, 200)]
    after = apply_operation(empty(grid, with_membership=True), outline(grid, corners, "replace"), {})
    assert after.volume_ml == pytest.approx(math.pi * 169 * 3.0 / 1000, rel=0.01)
    from contour.anatomy.polygons import trace_polygons

    points = trace_polygons(after, thinning_mm=0.0).points_yx
    radii_mm = np.hypot((points[:, 0] - 45.2) * 0.9, (points[:, 1] - 40.4) * 1.2)
    assert radii_mm == pytest.approx(np.full(radii_mm.size, 13.0), abs=0.15)


@pytest.mark.parametrize("mode", ["replace", "add", "remove"])
@pytest.mark.parametrize("bare", [False, True], ids=["graded", "bare"])
def test_each_mode_does_what_it_says_on_its_slice_and_nothing_elsewhere(mode, bare):
    before = plain(graded(OBLIQUE)) if bare else graded(OBLIQUE)
    after = apply_operation(before, outline(OBLIQUE, STAR_YX, mode), {})
    star, was = judged(OBLIQUE, STAR_YX, 0), whole(before)[15]
    expected = {"replace": star, "add": was | star, "remove": was & ~star}[mode]
    assert np.array_equal(whole(after)[15], expected)
    others = np.arange(30) != 15
    assert np.array_equal(whole(after)[others], whole(before)[others])
    assert np.array_equal(whole_levels(after)[others], whole_levels(before)[others])
    assert (after.membership_zyx is None) == bare
    assert is_sound(after)
    assert after.generation == "SEMIAUTOMATIC"


def test_far_from_the_outline_the_membership_on_its_slice_stays_to_the_bit():
    before = graded(STRAIGHT)
    corners = [(58, 36), (70, 36), (70, 46), (58, 46)]
    for mode in ("add", "remove"):
        after = apply_operation(before, outline(STRAIGHT, corners, mode), {})
        far = np.ones(STRAIGHT.shape_zyx[1:], dtype=bool)
        far[55:74, 33:50] = False
        assert np.array_equal(whole_levels(after)[15][far], whole_levels(before)[15][far])


def test_an_outline_removed_from_the_middle_makes_a_hole_that_further_drawing_keeps():
    before = graded(STRAIGHT, hole_mm=0.0)
    square = [(40, 35), (50, 35), (50, 45), (40, 45)]
    holed = apply_operation(before, outline(STRAIGHT, square, "remove"), {})
    assert holes_in(whole(holed)[15]) == 1
    grown = apply_operation(holed, outline(STRAIGHT, [(55, 30), (72, 30), (72, 50), (55, 50)], "add"), {})
    assert holes_in(whole(grown)[15]) == 1


def test_an_outline_that_goes_round_twice_or_crosses_itself_is_filled_by_odd_and_even():
    keyhole = [(20, 20), (70, 20), (70, 60), (20, 60), (20, 20), (35, 30), (35, 50), (55, 50), (55, 30), (35, 30)]
    ring = apply_operation(empty(STRAIGHT), outline(STRAIGHT, [(a - 0.4, b - 0.4) for a, b in keyhole], "replace"), {})
    assert holes_in(whole(ring)[15]) == 1
    assert np.count_nonzero(whole(ring)) == 50 * 40 - 20 * 20
    bow = [(20.3, 20.2), (60.3, 60.2), (60.3, 20.2), (20.3, 60.2)]
    tie = whole(apply_operation(empty(STRAIGHT), outline(STRAIGHT, bow, "add"), {}))[15]
    assert np.array_equal(tie, judged(STRAIGHT, bow, 0))


def test_replacing_takes_away_islands_and_the_rest_of_a_hole_on_that_slice_alone():
    before = graded(STRAIGHT)
    assert holes_in(whole(before)[15]) == 1
    after = apply_operation(before, outline(STRAIGHT, [(5, 5), (15, 5), (15, 15), (5, 15)], "replace"), {})
    assert not whole(after)[15, 20:].any()
    assert holes_in(whole(after)[14]) == 1


@pytest.mark.parametrize("plane", sorted(PLANES))
def test_an_outline_larger_than_the_ct_fills_the_slice_to_its_edge(plane):
    corners = [(-500, -500), (-500, 900), (900, 900), (900, -500)]
    after = apply_operation(empty(OBLIQUE), outline(OBLIQUE, corners, "add", plane=plane, number=0), {})
    assert is_sound(after)
    assert np.take(whole(after), 0, axis=PLANES[plane]).all()
    assert np.count_nonzero(whole(after)) == np.take(whole(after), 0, axis=PLANES[plane]).size


def test_an_outline_without_a_voxel_replaces_nothing_and_adds_and_removes_nothing():
    before = graded(OBLIQUE)
    beside, tiny = [(-9, -9), (-9, -5), (-5, -5)], [(40.2, 40.2), (40.2, 40.4), (40.4, 40.4)]
    for corners in (beside, tiny):
        for mode in ("add", "remove"):
            assert apply_operation(before, outline(OBLIQUE, corners, mode), {}) is before
        with pytest.raises(InputError, match="holds no voxel") as refused:
            apply_operation(before, outline(OBLIQUE, corners, "replace"), {})
        assert refused.value.reason == "EMPTY_DRAWING"


def test_an_outline_above_the_ct_is_refused():
    with pytest.raises(InputError) as refused:
        apply_operation(graded(OBLIQUE), outline(OBLIQUE, STAR_YX, "add", number=30), {})
    assert refused.value.reason == "OUTSIDE_CT"


def test_removing_all_leaves_an_empty_structure():
    before = apply_operation(empty(OBLIQUE), outline(OBLIQUE, STAR_YX, "add"), {})
    assert apply_operation(before, outline(OBLIQUE, STAR_YX, "remove"), {}).is_empty
