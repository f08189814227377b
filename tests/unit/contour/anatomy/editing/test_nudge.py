"""A structure moved, judged by shifted masks, by SimpleITK's resampling and by where its centre goes."""

import numpy as np
import pytest
import SimpleITK as sitk

from contour.anatomy.editing import Nudge, apply_operation
from contour.anatomy.polygons import trace_polygons
from contour.anatomy.structures import crop_to_structure
from contour.errors import InputError
from tests.phantoms import small_grid
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


def nudge(grid, *steps_zyx):
    """By so many voxels along the array axes, said in millimetres of the patient."""
    x, y, z = grid.index_to_point @ np.asarray(steps_zyx, dtype=float)
    return Nudge(offset_xyz_mm=(float(x), float(y), float(z)))


def shifted(whole_zyx, steps_zyx):
    """Moved by whole voxels, nothing coming in."""
    padded = np.pad(whole_zyx, 100)
    z, y, x = (slice(100 - n, 100 - n + size) for n, size in zip(steps_zyx, whole_zyx.shape, strict=True))
    return padded[z, y, x]


def centre_zyx(structure):
    """The centre of what the contours enclose, which move by parts of a voxel where the mask does not."""
    polygons = trace_polygons(structure, thinning_mm=0.0)
    moment, area = np.zeros(3), 0.0
    for number, k in enumerate(polygons.slice_z):
        corner = polygons.polygon_yx(number)
        following = np.roll(corner, -1, axis=0)
        doubled = corner[:, 0] * following[:, 1] - following[:, 0] * corner[:, 1]
        y, x = ((corner + following) * doubled[:, None]).sum(axis=0) / 6
        moment += (k * doubled.sum() / 2, y, x)
        area += doubled.sum() / 2
    return moment / area


@pytest.mark.parametrize("grid", **BOTH)
@pytest.mark.parametrize("steps", [(2, 0, 0), (-3, 7, -11), (0, 0, 1), (9, -30, 25), (-11, 40, -30)])
@pytest.mark.parametrize("bare", [False, True], ids=["graded", "bare"])
def test_a_move_by_whole_voxels_keeps_every_voxel_and_its_membership_and_cuts_what_leaves(grid, steps, bare):
    before = plain(graded(grid)) if bare else graded(grid)
    after = apply_operation(before, nudge(grid, *steps), {})
    assert np.array_equal(whole(after), shifted(whole(before), steps))
    assert np.array_equal(whole_levels(after), shifted(whole_levels(before), steps))
    assert (after.membership_zyx is None) == bare
    assert is_sound(after)


@pytest.mark.parametrize("grid", **BOTH)
@pytest.mark.parametrize("offset", [(0.4, 0.0, 0.0), (0.0, -0.31, 1.2), (3.3, -4.7, 2.9)])
@pytest.mark.parametrize("bare", [False, True], ids=["graded", "bare"])
def test_the_centre_moves_by_the_offset_and_the_volume_stays(grid, offset, bare):
    before = plain(graded(grid)) if bare else graded(grid)
    after = apply_operation(before, Nudge(offset_xyz_mm=offset), {})
    moved = grid.index_to_point @ (centre_zyx(after) - centre_zyx(before))
    within_mm = 0.45 if bare else 0.12  # a bare mask says of its ends no more than in which slice they lie
    assert moved == pytest.approx(offset, abs=within_mm)
    assert np.count_nonzero(whole(after)) == np.count_nonzero(whole(before))
    assert is_sound(after)


@pytest.mark.parametrize("steps", [(0.0, 0.5, 0.0), (0.3, -2.4, 5.7)])
def test_simpleitk_moves_the_membership_to_the_same_place(steps):
    before = graded(OBLIQUE)
    image = sitk.GetImageFromArray(whole_levels(before).astype(np.float32))
    move = sitk.TranslationTransform(3, [-value for value in steps[::-1]])
    judge = sitk.GetArrayFromImage(sitk.Resample(image, image, move, sitk.sitkLinear, 0.0))
    after = apply_operation(before, nudge(OBLIQUE, *steps), {})
    differ = whole(after) ^ (judge >= 127.5)
    assert np.abs(judge[differ] - 127.5).max(initial=0.0) < 12.0
    assert dice_of(whole(after), judge >= 127.5) > 0.99


@pytest.mark.parametrize("bare", [False, True], ids=["graded", "bare"])
def test_forty_small_nudges_wear_nothing_away(bare):
    before = plain(graded(OBLIQUE)) if bare else graded(OBLIQUE)
    after = before
    for _ in range(40):
        after = apply_operation(after, nudge(OBLIQUE, 0.05, 0.35, -0.25), {})
    once = shifted(whole(before), (2, 14, -10))
    assert dice_of(whole(after), once) > 0.93
    assert centre_zyx(after) - centre_zyx(before) == pytest.approx((2, 14, -10), abs=0.7)  # 0.02 voxels each time
    assert holes_in(whole(after)[17]) == 1
    assert np.count_nonzero(whole(after)) == np.count_nonzero(whole(before))


def test_a_wall_two_voxels_thick_stays_closed_and_as_thick():
    grid = small_grid((8, 30, 30), (3.0, 1.0, 1.0))
    mask = np.zeros(grid.shape_zyx, dtype=bool)
    mask[2:6, 5:25, 5:25] = True
    mask[2:6, 7:23, 7:23] = False
    wall = crop_to_structure("Wall", grid, mask)
    for _ in range(10):
        wall = apply_operation(wall, nudge(grid, 0.0, 0.3, 0.0), {})
    assert np.count_nonzero(whole(wall)) == np.count_nonzero(mask)
    assert holes_in(whole(wall)[3]) == 1
    assert dice_of(whole(wall), shifted(mask, (0, 3, 0))) > 0.9


def test_whole_voxels_sent_in_thousandths_of_a_millimetre_are_whole_voxels():
    before = graded(OBLIQUE)
    exact = nudge(OBLIQUE, 0, 1, -1)
    sent = Nudge(offset_xyz_mm=tuple(round(value, 3) for value in exact.offset_xyz_mm))
    after = apply_operation(before, sent, {})
    assert np.array_equal(whole_levels(after), shifted(whole_levels(before), (0, 1, -1)))


def test_a_hole_moves_with_its_structure():
    after = apply_operation(graded(STRAIGHT), nudge(STRAIGHT, 0.0, 3.5, 2.5), {})
    assert holes_in(whole(after)[15]) == 1


def test_there_and_back_is_nearly_what_it_was():
    before = graded(OBLIQUE)
    there = apply_operation(before, Nudge(offset_xyz_mm=(1.3, -0.7, 0.9)), {})
    back = apply_operation(there, Nudge(offset_xyz_mm=(-1.3, 0.7, -0.9)), {})
    assert dice_of(whole(back), whole(before)) > 0.99


def test_a_part_of_a_voxel_beyond_the_edge_is_cut_off():
    before = apply_operation(graded(STRAIGHT), nudge(STRAIGHT, 0, 0, 20), {})
    after = apply_operation(before, nudge(STRAIGHT, 0.0, 0.0, 19.5), {})
    assert is_sound(after)
    assert 0.4 < after.volume_ml / before.volume_ml < 0.6


def test_a_structure_that_would_leave_the_ct_is_refused():
    with pytest.raises(InputError, match="leaves no voxel") as refused:
        apply_operation(graded(OBLIQUE), nudge(OBLIQUE, 0, 0, 95.5), {})
    assert refused.value.reason == "EMPTY_RESULT"


def test_no_offset_returns_the_same_structure_and_nothing_cannot_be_moved():
    before = graded(OBLIQUE)
    assert apply_operation(before, Nudge(offset_xyz_mm=(0.0, 0.0, 0.0)), {}) is before
    with pytest.raises(InputError) as refused:
        apply_operation(empty(OBLIQUE), Nudge(offset_xyz_mm=(1.0, 0.0, 0.0)), {})
    assert refused.value.reason == "EMPTY_RESULT"
