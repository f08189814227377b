"""Slices between drawn ones, judged by the bodies they were drawn from and by SimpleITK's signed distances."""

from dataclasses import replace

import numpy as np
import pytest
import SimpleITK as sitk

from contour.anatomy.editing import Interpolate, apply_operation
from contour.anatomy.structures import crop_to_structure
from contour.errors import InputError
from tests.phantoms import shell, small_grid
from tests.unit.contour.anatomy.editing.edited_bodies import (
    BOTH,
    OBLIQUE,
    STRAIGHT,
    dice_of,
    empty,
    graded,
    holes_in,
    is_sound,
    plain,
    whole,
    whole_levels,
)


def only_slices(structure, kept):
    """The structure with nothing on the other slices."""
    level = whole_levels(structure)
    level[[k for k in range(level.shape[0]) if k not in kept]] = 0
    membership = None if structure.membership_zyx is None else level
    return replace(structure, lower_zyx=(0, 0, 0), mask_zyx=level >= 128, membership_zyx=membership)


def body(grid, inside):
    return crop_to_structure("Body", grid, inside)


@pytest.mark.parametrize("grid", **BOTH)
@pytest.mark.parametrize("bare", [False, True], ids=["graded", "bare"])
def test_a_ball_drawn_on_every_third_slice_becomes_the_ball(grid, bare):
    ball = graded(grid, radius_mm=24.0, hole_mm=0.0)
    ball = plain(ball) if bare else ball
    drawn_on = range(9, 22, 3)
    drawn = only_slices(ball, drawn_on)
    after = apply_operation(drawn, Interpolate(), {})
    truth = whole(only_slices(ball, range(9, 22)))
    assert dice_of(whole(after), truth) > 0.975
    assert np.array_equal(whole_levels(after)[list(drawn_on)], whole_levels(drawn)[list(drawn_on)])
    assert not whole(after)[:9].any()
    assert not whole(after)[22:].any()
    assert (after.membership_zyx is None) == bare
    assert is_sound(after)


@pytest.mark.parametrize("grid", **BOTH)
def test_a_cord_that_runs_obliquely_is_filled_obliquely_even_where_its_slices_do_not_overlap(grid):
    z, y, x = np.indices(grid.shape_zyx)
    away = np.hypot((y - 20 - 1.9 * z) * 0.9, (x - 60 + 1.3 * z) * 1.2)
    cord = body(grid, away <= 5.0)
    after = apply_operation(only_slices(cord, (3, 11, 27)), Interpolate(), {})
    assert dice_of(whole(after), whole(only_slices(cord, range(3, 28)))) > 0.93


def test_a_cone_narrows_evenly_from_slice_to_slice():
    z, y, x = np.indices(STRAIGHT.shape_zyx)
    cone = body(STRAIGHT, np.hypot((y - 45) * 0.9, (x - 40) * 1.2) <= 30 - z)
    after = apply_operation(only_slices(cone, (2, 22)), Interpolate(), {})
    areas = np.count_nonzero(whole(after), axis=(1, 2))[2:23]
    truth = np.count_nonzero(whole(cone), axis=(1, 2))[2:23]
    assert areas == pytest.approx(truth, rel=0.06)


def test_simpleitks_signed_distances_give_the_same_slices():
    """Both shapes have one centre and square pixels, so that neither moving nor half pixels come in."""
    grid = small_grid((12, 70, 64), (4.0, 1.0, 1.0), tilt_xyz_deg=(5.0, 8.0, -3.0))
    _, y, x = np.indices(grid.shape_zyx)
    mask = np.maximum(np.abs(y - 35) / 24, np.abs(x - 31) / 10) <= 1
    mask[4:] = (np.maximum(np.abs(y - 35) / 12, np.abs(x - 31) / 21) <= 1)[4:]
    drawn = only_slices(body(grid, mask), (2, 9))
    after = whole(apply_operation(drawn, Interpolate(), {}))
    signed = []
    for k in (2, 9):
        image = sitk.GetImageFromArray(whole(drawn)[k].astype(np.uint8))
        own_mm = sitk.GetArrayFromImage(sitk.SignedMaurerDistanceMap(image, True, False, True))
        other_mm = sitk.GetArrayFromImage(sitk.SignedMaurerDistanceMap(1 - image, True, False, True))
        signed.append((own_mm - other_mm) / 2)  # each counts from the other side's outermost pixels
    for k in range(3, 9):
        share = (k - 2) / 7
        judge = (1 - share) * signed[0] + share * signed[1]
        assert dice_of(after[k], judge >= 0) > 0.99
        assert np.abs(judge[after[k] ^ (judge >= 0)]).max(initial=0.0) < 0.5


@pytest.mark.parametrize("bare", [False, True], ids=["graded", "bare"])
def test_a_hole_on_both_sides_goes_through_and_a_hole_on_one_side_closes_in_between(bare):
    _, y, x = np.indices(STRAIGHT.shape_zyx)
    away = np.hypot((y - 45) * 0.9, (x - 40) * 1.2)
    ring = body(STRAIGHT, (away <= 25) & (away > 8))
    if not bare:
        ring = replace(ring, membership_zyx=ring.mask_zyx * np.uint8(255))
    after = whole(apply_operation(only_slices(ring, (5, 15)), Interpolate(), {}))
    assert [holes_in(after[k]) for k in range(5, 16)] == [1] * 11
    capped = whole(ring).copy()
    capped[15] = (away <= 25)[15]
    half = whole(apply_operation(only_slices(body(STRAIGHT, capped), (5, 15)), Interpolate(), {}))
    assert (holes_in(half[6]), holes_in(half[14])) == (1, 0)


def test_several_gaps_are_filled_each_and_slices_with_something_are_left_alone():
    drawn = only_slices(shell(STRAIGHT, 27.0, 9.0), (7, 8, 12, 13, 18))
    after = apply_operation(drawn, Interpolate(), {})
    assert whole(after)[7:19].any(axis=(1, 2)).all()
    kept = [7, 8, 12, 13, 18]
    assert np.array_equal(whole(after)[kept], whole(drawn)[kept])


def test_two_pieces_stay_two_and_a_piece_that_splits_is_joined_to_both():
    _, y, x = np.indices(STRAIGHT.shape_zyx)
    discs = (np.hypot((y - 45) * 0.9, (x - 22) * 1.2) <= 9) | (np.hypot((y - 45) * 0.9, (x - 58) * 1.2) <= 14)
    from scipy import ndimage

    two = whole(apply_operation(only_slices(body(STRAIGHT, discs), (4, 9)), Interpolate(), {}))
    assert [ndimage.label(two[k])[1] for k in range(4, 10)] == [2] * 6
    assert np.array_equal(two[6], discs[6])
    trunk = discs.copy()
    trunk[9] = (np.abs(y - 45) * 0.9 <= 12)[9] & (np.abs(x - 40) * 1.2 <= 40)[9]
    split = whole(apply_operation(only_slices(body(STRAIGHT, trunk), (4, 9)), Interpolate(), {}))
    assert ndimage.label(split[4:10], structure=np.ones((3, 3, 3)))[1] == 1


@pytest.mark.parametrize("grid", **BOTH)
def test_what_meets_the_edge_of_the_ct_is_filled_to_the_edge_and_no_further(grid):
    _, y, x = np.indices(grid.shape_zyx)
    corner = body(grid, (y < 30) & (x >= 60))
    after = apply_operation(only_slices(corner, (0, 10, 29)), Interpolate(), {})
    assert np.array_equal(whole(after), whole(corner))
    full = body(grid, np.ones(grid.shape_zyx, dtype=bool))
    assert whole(apply_operation(only_slices(full, (0, 29)), Interpolate(), {})).all()


def test_without_a_gap_the_same_structure_comes_back_and_nothing_drawn_is_refused():
    before = graded(OBLIQUE)
    assert apply_operation(before, Interpolate(), {}) is before
    one = only_slices(before, (15,))
    assert apply_operation(one, Interpolate(), {}) is one
    with pytest.raises(InputError) as refused:
        apply_operation(empty(OBLIQUE), Interpolate(), {})
    assert refused.value.reason == "EMPTY_RESULT"
