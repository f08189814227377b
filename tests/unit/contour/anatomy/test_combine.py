"""Structures from structures: voxel by voxel what set algebra says, in mm where distances and heights are meant."""

from dataclasses import replace

import numpy as np
import pytest

from contour.anatomy.combine import (
    difference,
    end_z_mm,
    intersection,
    keep_away,
    keep_between,
    union,
    voted,
)
from contour.anatomy.structures import crop_to_structure
from registration.errors import GridError
from tests.phantoms import ball, small_grid, voxel_points_xyz_mm

GRID = small_grid((30, 70, 60), (3.0, 0.9, 1.2), tilt_xyz_deg=(8.0, -5.0, 13.0))
A = ball(GRID, 14.0, offset_xyz_mm=(-6.0, 2.0, 5.0))
B = ball(GRID, 11.0, offset_xyz_mm=(7.0, -3.0, -4.0))
C = ball(GRID, 9.0, offset_xyz_mm=(0.0, 9.0, 2.0))


def graded(structure):
    """The same mask, its membership softer towards the structure's lower end."""
    levels = np.where(structure.mask_zyx, np.uint8(180), np.uint8(70))
    levels[0] //= 2
    mask = levels >= 128
    return replace(structure, membership_zyx=levels, mask_zyx=mask)


def masks(*structures):
    return [structure.full_mask_zyx() for structure in structures]


@pytest.mark.parametrize("soft", [False, True])
def test_union_intersection_and_difference_are_those_of_the_voxels(soft):
    one, two, three = (graded(s) if soft else s for s in (A, B, C))
    a, b, c = masks(one, two, three)
    assert np.array_equal(union((one, two, three), name="X").full_mask_zyx(), a | b | c)
    assert np.array_equal(intersection((one, two, three), name="X").full_mask_zyx(), a & b & c)
    assert np.array_equal(difference(one, (two, three), name="X").full_mask_zyx(), a & ~b & ~c)
    for made in (union((one, two), name="X"), difference(one, (two,), name="X")):
        assert made.name == "X"
        assert (made.membership_zyx is not None) == soft
        if soft:
            assert np.array_equal(made.mask_zyx, made.membership_zyx >= 128)


@pytest.mark.parametrize("soft", [False, True])
@pytest.mark.parametrize("at_least", [1, 2, 3])
def test_a_vote_counts_voxel_by_voxel(at_least, soft):
    one, two, three = graded(A) if soft else A, B, C
    expected = sum(mask.astype(int) for mask in masks(one, two, three)) >= at_least
    assert np.array_equal(voted((one, two, three), at_least=at_least, name="X").full_mask_zyx(), expected)


def test_an_empty_structure_adds_nothing_and_takes_nothing():
    nothing = crop_to_structure("Nothing", GRID, np.zeros(GRID.shape_zyx, dtype=np.bool_))
    (a,) = masks(A)
    assert np.array_equal(union((A, nothing), name="X").full_mask_zyx(), a)
    assert np.array_equal(difference(A, (nothing,), name="X").full_mask_zyx(), a)
    assert intersection((A, nothing), name="X").is_empty
    assert np.array_equal(keep_away(A, nothing, 5.0, name="X").full_mask_zyx(), a)
    assert keep_away(nothing, A, 5.0, name="X").is_empty


def test_structures_of_two_grids_are_refused():
    other = ball(small_grid((30, 70, 60), (3.0, 0.9, 1.3)), 9.0)
    for combine in (union, intersection):
        with pytest.raises(GridError, match="expected one grid"):
            combine((A, other), name="X")
    with pytest.raises(GridError, match="expected one grid"):
        keep_away(A, other, 3.0, name="X")


@pytest.mark.parametrize("distance_mm", [2.0, 6.0])
def test_what_is_kept_away_lies_that_far_from_the_other_and_no_less_is_kept(distance_mm):
    kept = keep_away(A, B, distance_mm, name="X").full_mask_zyx()
    a, b = masks(A, B)
    points = voxel_points_xyz_mm(GRID)
    inside = points[b]
    distance_of = np.array([np.linalg.norm(inside - point, axis=1).min() for point in points[a]])
    assert distance_of[kept[a]].min() > distance_mm
    assert distance_of[~kept[a]].max() <= distance_mm + 1.5  # half a slice step


def test_between_two_ends_is_by_the_patients_height_on_an_oblique_grid():
    z_mm = voxel_points_xyz_mm(GRID)[..., 2]
    b, a = masks(B, A)
    top, bottom = end_z_mm(B, "superior"), end_z_mm(B, "inferior")
    assert (top, bottom) == pytest.approx((z_mm[b].max(), z_mm[b].min()))
    kept = keep_between(A, above_z_mm=bottom - 2.0, below_z_mm=top + 1.0, name="X").full_mask_zyx()
    assert np.array_equal(kept, a & (z_mm >= bottom - 2.0) & (z_mm <= top + 1.0))
    soft = keep_between(graded(A), above_z_mm=bottom, below_z_mm=top, name="X")
    assert np.array_equal(soft.mask_zyx, soft.membership_zyx >= 128)


def test_a_slice_at_the_end_itself_is_kept():
    grid = small_grid((20, 30, 30), (2.5, 1.0, 1.0))
    mask = np.zeros(grid.shape_zyx, dtype=np.bool_)
    mask[3:15, 5:9, 5:9] = True
    long = crop_to_structure("Long", grid, mask)
    short = crop_to_structure("Short", grid, mask & (np.arange(20) < 11)[:, None, None])
    kept = keep_between(long, above_z_mm=end_z_mm(short, "superior"), below_z_mm=np.inf, name="X")
    assert (kept.slices, kept.full_mask_zyx().any(axis=(1, 2)).argmax()) == (5, 10)
