"""Booleans between structures and margins, as edits of one of them."""

from dataclasses import replace

import numpy as np
import pytest

from contour.anatomy.combine import difference, intersection, union
from contour.anatomy.editing import Boolean, Margin, apply_operation
from contour.anatomy.margins import Margins, with_margins
from contour.errors import InputError, NotFoundError
from registration.errors import GridError
from tests.unit.contour.anatomy.editing.edited_bodies import (
    BOTH,
    OBLIQUE,
    REMOVALS,
    ROI,
    STRAIGHT,
    empty,
    graded,
    holes_in,
    is_sound,
    plain,
    whole,
    whole_levels,
)

SIDES = ("left_mm", "right_mm", "anterior_mm", "posterior_mm", "superior_mm", "inferior_mm")


def others_on(grid):
    """Two further balls, one graded and one not, that overlap the ball in the middle and each other."""
    near = replace(graded(grid, 14.0, hole_mm=0.0, offset_xyz_mm=(14.0, 6.0, 8.0)), name="Near")
    far = replace(plain(graded(grid, 11.0, hole_mm=0.0, offset_xyz_mm=(9.0, 14.0, -9.0))), name="Far")
    return {"Near": near, "Far": far}


def margin(**sides):
    return Margin(**dict.fromkeys(SIDES, 0.0) | sides)


@pytest.mark.parametrize("grid", **BOTH)
@pytest.mark.parametrize("names", [("Near",), ("Far",), ("Far", "Near")])
@pytest.mark.parametrize("bare", [False, True], ids=["graded", "bare"])
def test_each_way_gives_the_set_that_it_names(grid, names, bare):
    before = plain(graded(grid)) if bare else graded(grid)
    others = others_on(grid)
    some = [whole(others[name]) for name in names]
    expected = {
        "union": np.any([whole(before), *some], axis=0),
        "intersection": np.all([whole(before), *some], axis=0),
        "difference": whole(before) & ~np.any(some, axis=0),
    }
    for way, truth in expected.items():
        after = apply_operation(before, Boolean(way=way, others=names), others)
        assert np.array_equal(whole(after), truth), way
        assert is_sound(after)
        assert (after.name, after.roi, after.removals) == ("Parotid_L", ROI, REMOVALS)
        assert after.generation == "SEMIAUTOMATIC"


def test_memberships_are_those_of_the_combinations_that_build_targets():
    before, others = graded(OBLIQUE), others_on(OBLIQUE)
    given = (others["Near"], others["Far"])
    for way, built in (
        ("union", union((before, *given), name="X")),
        ("intersection", intersection((before, *given), name="X")),
        ("difference", difference(before, given, name="X")),
    ):
        after = whole_levels(apply_operation(before, Boolean(way=way, others=("Near", "Far")), others))
        theirs, box = whole_levels(built), tuple(
            slice(low, low + size) for low, size in zip(built.lower_zyx, built.mask_zyx.shape, strict=True)
        )  # fmt: skip
        assert np.array_equal(after[box], theirs[box]), way


def test_away_from_the_others_membership_stays_to_the_bit():
    before, others = graded(STRAIGHT), others_on(STRAIGHT)
    away = whole_levels(others["Near"]) == 0
    for way in ("union", "difference"):
        after = apply_operation(before, Boolean(way=way, others=("Near",)), others)
        assert np.array_equal(whole_levels(after)[away], whole_levels(before)[away])


def test_holes_stay_and_a_small_structure_taken_out_leaves_one():
    before = graded(STRAIGHT)
    inner = replace(graded(STRAIGHT, 4.0, hole_mm=0.0, offset_xyz_mm=(-8.0, 4.0, 1.0)), name="Inner")
    after = apply_operation(before, Boolean(way="difference", others=("Inner",)), {"Inner": inner})
    assert (holes_in(whole(before)[15]), holes_in(whole(after)[15])) == (1, 2)


def test_a_combination_that_changes_nothing_returns_the_same_structure():
    before = graded(STRAIGHT, hole_mm=0.0)
    core = replace(plain(graded(STRAIGHT, 5.0, hole_mm=0.0)), name="Core")
    beside = replace(graded(STRAIGHT, 4.0, hole_mm=0.0, offset_xyz_mm=(0.0, 0.0, 36.0)), name="Beside")
    others = {"Core": core, "Beside": beside}
    assert apply_operation(before, Boolean(way="union", others=("Core",)), others) is before
    assert apply_operation(before, Boolean(way="difference", others=("Beside",)), others) is before


def test_an_empty_structure_becomes_the_other_contours_and_all():
    others = others_on(OBLIQUE)
    after = apply_operation(empty(OBLIQUE), Boolean(way="union", others=("Near",)), others)
    assert np.array_equal(whole_levels(after), whole_levels(others["Near"]))
    assert after.name == "Drawn"


def test_what_would_leave_nothing_is_refused():
    before = graded(STRAIGHT, 8.0, hole_mm=0.0)
    beside = replace(graded(STRAIGHT, 4.0, hole_mm=0.0, offset_xyz_mm=(0.0, 0.0, 30.0)), name="Beside")
    large = replace(graded(STRAIGHT, 20.0, hole_mm=0.0), name="Large")
    others = {"Beside": beside, "Large": large}
    for way, name in (("intersection", "Beside"), ("difference", "Large")):
        with pytest.raises(InputError, match="boolean leaves no voxel") as refused:
            apply_operation(before, Boolean(way=way, others=(name,)), others)
        assert refused.value.reason == "EMPTY_RESULT"


def test_an_unknown_other_the_structure_itself_and_another_grid_are_refused():
    before = graded(STRAIGHT)
    with pytest.raises(NotFoundError, match="1 of 2") as missing:
        apply_operation(before, Boolean(way="union", others=("Near", "Brain")), others_on(STRAIGHT))
    assert missing.value.reason == "STRUCTURE_NOT_FOUND"
    with pytest.raises(InputError) as itself:
        apply_operation(before, Boolean(way="union", others=("Parotid_L",)), {"Parotid_L": before})
    assert itself.value.reason == "BAD_OPERATION"
    with pytest.raises(GridError):
        apply_operation(before, Boolean(way="union", others=("Near",)), others_on(OBLIQUE))


@pytest.mark.parametrize("grid", **BOTH)
@pytest.mark.parametrize("sides", [dict.fromkeys(SIDES, 4.0), dict.fromkeys(SIDES, -3.0), {"left_mm": 9.0}])
def test_a_margin_is_the_margin_that_targets_get(grid, sides):
    before = graded(grid)
    after = apply_operation(before, margin(**sides), {})
    built = with_margins(before, Margins(**sides), name="X")
    assert np.array_equal(whole_levels(after), whole_levels(built))
    assert (after.name, after.roi, after.description) == ("Parotid_L", ROI, "Research software.")
    assert after.generation == "SEMIAUTOMATIC"
    assert holes_in(whole(after)[15]) == 1
    assert is_sound(after)


def test_a_margin_stays_inside_the_ct_and_none_returns_the_same_structure():
    before = graded(OBLIQUE, 40.0)
    after = apply_operation(before, margin(**dict.fromkeys(SIDES, 30.0)), {})
    assert is_sound(after)
    assert whole(after)[0].any()
    assert apply_operation(before, margin(), {}) is before


def test_a_margin_that_takes_all_away_is_refused():
    for one in (margin(**dict.fromkeys(SIDES, -20.0)), margin(left_mm=-30.0, right_mm=-30.0)):
        with pytest.raises(InputError) as refused:
            apply_operation(graded(STRAIGHT, 12.0, hole_mm=0.0), one, {})
        assert refused.value.reason == "EMPTY_RESULT"
