"""Overlap, surface distances and added path against closed forms, DeepMind's surface-distance and MONAI."""

import math

import numpy as np
import pytest
import surface_distance
import torch
from monai.metrics import compute_average_surface_distance, compute_hausdorff_distance, compute_surface_dice

from contour.anatomy.agreement import (
    added_path_length_mm,
    dice,
    hd95_mm,
    mean_surface_distance_mm,
    surface_agreement,
    volume_beyond_ml,
)
from registration.errors import GridError
from tests.rtstruct_cases import distance_mm, make_grid

SPACING = (2.5, 0.9, 1.2)
EMPTY = np.zeros((20, 40, 30), dtype=np.bool_)

pytestmark = [
    pytest.mark.filterwarnings("ignore:Please import:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:monai.metrics.utils:FutureWarning"),
]


def cuboid(z, y, x, shape=EMPTY.shape):
    mask = np.zeros(shape, dtype=np.bool_)
    mask[slice(*z), slice(*y), slice(*x)] = True
    return mask


def spheres(spacing_zyx_mm=SPACING):
    """Two that overlap, the second with a satellite."""
    grid = make_grid(tuple(round(40 / step) for step in spacing_zyx_mm), spacing_zyx_mm)
    z, y, x = (size / 2 for size in grid.shape_zyx)
    a = distance_mm(grid, (z - 0.8, y - 0.9, x - 1.6)) <= 12.0
    b = distance_mm(grid, (z - 0.2, y + 0.4, x + 0.9)) <= 10.5
    return a, b | (distance_mm(grid, (4.0, y * 1.6, 8.0)) <= 3.0)


def cuboids(spacing_zyx_mm=SPACING):
    """Two that touch the edges of the array."""
    return cuboid((0, 9), (3, 40), (0, 14)), cuboid((2, 20), (5, 25), (4, 30))


def monais(measure, a, b, **words):
    tensors = [torch.from_numpy(np.stack([~mask, mask])[None].astype(np.float32)) for mask in (a, b)]
    return float(measure(*tensors, **words))


def test_dice_of_shifted_cuboids_is_the_share_that_overlaps():
    a, b = cuboid((2, 10), (5, 25), (4, 14)), cuboid((2, 10), (5, 25), (7, 17))
    assert dice(a, b) == pytest.approx(0.7)
    assert dice(a, a) == 1.0
    assert dice(a, ~a) == 0.0


def test_two_empty_masks_agree_and_one_empty_mask_is_infinitely_far():
    assert dice(EMPTY, EMPTY) == 1.0
    near = surface_agreement(EMPTY, EMPTY, spacing_zyx_mm=SPACING)
    assert (near.hd95_mm, near.surface_dice) == (0.0, (1.0, 1.0))
    far = surface_agreement(EMPTY, ~EMPTY, spacing_zyx_mm=SPACING)
    assert (far.mean_mm, far.hausdorff_mm, far.hd95_mm, far.surface_dice) == (math.inf, math.inf, math.inf, (0.0, 0.0))


@pytest.mark.parametrize(("axis", "step"), [(0, 2), (1, 3), (2, 4)])
def test_a_shifted_cuboid_is_as_far_as_the_shift_times_the_spacing_of_its_axis(axis, step):
    a = cuboid((2, 9), (5, 25), (4, 14))
    found = surface_agreement(a, np.roll(a, step, axis=axis), spacing_zyx_mm=SPACING)
    assert found.hausdorff_mm == pytest.approx(step * SPACING[axis])
    assert found.hd95_mm == pytest.approx(step * SPACING[axis])
    assert 0 < found.mean_mm < found.hausdorff_mm


@pytest.mark.parametrize(("axis", "step"), [(0, 4), (1, 11), (2, 8)])
def test_a_shifted_plate_shares_what_its_sides_still_have_in_one_plane_whatever_the_voxels(axis, step):
    size_voxels = (24, 66, 50)
    a = cuboid(*((10, 10 + size) for size in size_voxels), shape=(50, 100, 80))
    sizes = [size * spacing for size, spacing in zip(size_voxels, SPACING, strict=True)]
    along, shift = sizes.pop(axis), step * SPACING[axis]
    around, end = 2 * sum(sizes), sizes[0] * sizes[1]
    share = around * (along - shift) / (around * along + 2 * end)
    found = surface_agreement(a, np.roll(a, step, axis=axis), spacing_zyx_mm=SPACING, tolerances_mm=(0.0, shift))
    assert found.surface_dice == pytest.approx((share, 1.0), abs=0.03)
    # sides stick out by 0 to the shift; the outer end is the shift away, the inner one that or as near as its edges
    inner = end * shift - around * shift**2 / 2 + 4 / 3 * shift**3
    mean = (around * shift**2 / 2 + end * shift + inner) / (around * along + 2 * end)
    assert found.mean_mm == pytest.approx(mean, rel=0.03)


def test_concentric_spheres_are_apart_by_the_difference_of_their_radii():
    grid = make_grid((40, 60, 60), (1.0, 0.8, 0.9))
    away = distance_mm(grid, (19.4, 30.2, 29.7))
    found = surface_agreement(away <= 18, away <= 14, spacing_zyx_mm=grid.spacing_zyx_mm, tolerances_mm=(2.5, 5.0))
    assert found.mean_mm == pytest.approx(4.0, abs=0.5)
    assert found.hd95_mm == pytest.approx(4.0, abs=0.7)
    assert found.surface_dice == (0.0, 1.0)


@pytest.mark.parametrize("bodies", [spheres, cuboids])
def test_figures_are_surface_distances(bodies):
    a, b = bodies()
    tolerances = (0.0, 0.7, 2.0, 3.0)
    ours = surface_agreement(a, b, spacing_zyx_mm=SPACING, tolerances_mm=tolerances)
    theirs = surface_distance.compute_surface_distances(a, b, SPACING)
    areas = [theirs["surfel_areas_gt"].sum(), theirs["surfel_areas_pred"].sum()]
    theirs_mean = np.average(surface_distance.compute_average_surface_distance(theirs), weights=areas)
    theirs_dice = [surface_distance.compute_surface_dice_at_tolerance(theirs, tolerance) for tolerance in tolerances]
    assert ours.hd95_mm == pytest.approx(surface_distance.compute_robust_hausdorff(theirs, 95), rel=1e-6)
    assert ours.hausdorff_mm == pytest.approx(surface_distance.compute_robust_hausdorff(theirs, 100), rel=1e-6)
    assert ours.mean_mm == pytest.approx(theirs_mean, rel=1e-6)
    assert ours.surface_dice == pytest.approx(theirs_dice, rel=1e-6)
    assert hd95_mm(a, b, spacing_zyx_mm=SPACING) == ours.hd95_mm
    assert mean_surface_distance_mm(a, b, spacing_zyx_mm=SPACING) == ours.mean_mm


@pytest.mark.parametrize("bodies", [spheres, cuboids])
def test_surface_dice_is_monais_by_subvoxels(bodies):
    a, b = bodies()
    ours = surface_agreement(a, b, spacing_zyx_mm=SPACING, tolerances_mm=(0.7, 2.0, 3.0))
    for found, tolerance in zip(ours.surface_dice, ours.tolerances_mm, strict=True):
        theirs = monais(compute_surface_dice, a, b, class_thresholds=[tolerance], spacing=SPACING, use_subvoxels=True)
        assert found == pytest.approx(theirs, rel=1e-5)


@pytest.mark.parametrize("bodies", [spheres, cuboids])
def test_on_cubic_voxels_distances_are_monais_but_for_a_voxel(bodies):
    a, b = bodies((1.0, 1.0, 1.0))
    ours = surface_agreement(a, b, spacing_zyx_mm=(1.0, 1.0, 1.0))
    assert ours.hd95_mm == pytest.approx(monais(compute_hausdorff_distance, a, b, percentile=95), abs=1.0)
    assert ours.mean_mm == pytest.approx(monais(compute_average_surface_distance, a, b, symmetric=True), abs=0.5)


def outline_mm(rows, columns):
    """Around a rectangle of pixels, with the corners of its corner pixels cut."""
    return 2 * (rows - 1) * 0.9 + 2 * (columns - 1) * 1.2 + 2 * math.hypot(0.9, 1.2)


def test_all_of_the_outline_has_to_be_drawn_where_there_is_no_answer():
    a = cuboid((3, 11), (5, 25), (3, 19))
    assert added_path_length_mm(a, EMPTY, spacing_zyx_mm=SPACING) == pytest.approx(8 * outline_mm(20, 16))
    assert added_path_length_mm(EMPTY, a, spacing_zyx_mm=SPACING) == 0.0
    assert added_path_length_mm(a, a, spacing_zyx_mm=SPACING) == 0.0


def test_slices_that_the_answer_lacks_are_drawn_in_full_and_slices_that_it_has_too_many_cost_nothing():
    a, b = cuboid((3, 11), (5, 25), (3, 19)), cuboid((5, 14), (5, 25), (3, 19))
    found = added_path_length_mm(a, b, spacing_zyx_mm=SPACING, tolerance_mm=30.0)
    assert found == pytest.approx(2 * outline_mm(20, 16))


def test_within_a_slice_only_the_side_that_moved_is_drawn_again():
    a, b = cuboid((3, 11), (5, 25), (3, 19)), cuboid((3, 11), (5, 25), (3, 16))
    side = 19 * 0.9 + math.hypot(0.9, 1.2)
    ends = 2 * 2 * 1.2
    assert added_path_length_mm(a, b, spacing_zyx_mm=SPACING) == pytest.approx(8 * (side + ends))
    assert added_path_length_mm(a, b, spacing_zyx_mm=SPACING, tolerance_mm=3.5) == pytest.approx(8 * side)
    assert added_path_length_mm(a, b, spacing_zyx_mm=SPACING, tolerance_mm=3.7) == 0.0


@pytest.mark.parametrize("tolerance_mm", [0.0, 1.0, 2.0])
def test_the_added_path_is_surface_distances_in_each_slice(tolerance_mm):
    a, b = spheres()
    theirs = 0.0
    for reference, answer in zip(a, b, strict=True):
        if not answer.any():
            theirs += added_path_length_mm(reference[None], answer[None], spacing_zyx_mm=SPACING)
        elif reference.any():
            distances = surface_distance.compute_surface_distances(reference, answer, SPACING[1:])
            theirs += distances["surfel_areas_gt"][distances["distances_gt_to_pred"] > tolerance_mm].sum()
    assert theirs > 0
    assert added_path_length_mm(a, b, spacing_zyx_mm=SPACING, tolerance_mm=tolerance_mm) == pytest.approx(theirs)


def test_only_what_lies_far_from_the_reference_counts_as_far():
    reference = cuboid((2, 6), (5, 15), (4, 14))
    answer = reference.copy()
    answer[6:8] = reference[5]
    answer[15, 30:34, 20:25] = True
    far_ml = 4 * 5 * 2.5 * 0.9 * 1.2 / 1000
    assert volume_beyond_ml(reference, answer, spacing_zyx_mm=SPACING, beyond_mm=10.0) == pytest.approx(far_ml)
    assert volume_beyond_ml(reference, answer, spacing_zyx_mm=SPACING, beyond_mm=5.0) == pytest.approx(far_ml)
    assert volume_beyond_ml(reference, answer, spacing_zyx_mm=SPACING, beyond_mm=4.9) > far_ml
    assert volume_beyond_ml(reference, EMPTY, spacing_zyx_mm=SPACING, beyond_mm=1.0) == 0.0


@pytest.mark.parametrize("measure", [surface_agreement, added_path_length_mm])
def test_masks_of_different_shape_are_refused(measure):
    with pytest.raises(GridError, match="do not compare"):
        dice(EMPTY, EMPTY[1:])
    with pytest.raises(GridError, match="do not compare"):
        measure(EMPTY, EMPTY[1:], spacing_zyx_mm=SPACING)
