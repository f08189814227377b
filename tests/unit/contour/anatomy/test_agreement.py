import math

import numpy as np
import pytest
import torch
from monai.metrics import compute_average_surface_distance, compute_hausdorff_distance, compute_surface_dice

from contour.anatomy.agreement import dice, hd95_mm, mean_surface_distance_mm, surface_agreement
from registration.errors import GridError
from tests.rtstruct_cases import distance_mm, make_grid

SPACING = (2.5, 0.9, 1.2)


def cuboid(z, y, x, shape=(20, 40, 30)):
    mask = np.zeros(shape, dtype=np.bool_)
    mask[slice(*z), slice(*y), slice(*x)] = True
    return mask


def test_dice_of_shifted_cuboids_is_the_share_that_overlaps():
    a, b = cuboid((2, 10), (5, 25), (4, 14)), cuboid((2, 10), (5, 25), (7, 17))
    assert dice(a, b) == pytest.approx(0.7)
    assert dice(a, a) == 1.0
    assert dice(a, ~a) == 0.0


def test_two_empty_masks_agree_and_one_empty_mask_is_infinitely_far():
    empty, full = np.zeros((3, 4, 5), dtype=np.bool_), np.ones((3, 4, 5), dtype=np.bool_)
    assert dice(empty, empty) == 1.0
    assert surface_agreement(empty, empty, spacing_zyx_mm=SPACING).hd95_mm == 0.0
    far = surface_agreement(empty, full, spacing_zyx_mm=SPACING)
    assert (far.mean_mm, far.hausdorff_mm, far.surface_dice) == (math.inf, math.inf, 0.0)


@pytest.mark.parametrize(("axis", "step"), [(0, 2), (1, 3), (2, 4)])
def test_a_shifted_cuboid_is_as_far_as_the_shift_times_the_spacing_of_its_axis(axis, step):
    a = cuboid((2, 9), (5, 25), (4, 14))
    found = surface_agreement(a, np.roll(a, step, axis=axis), spacing_zyx_mm=SPACING)
    assert found.hausdorff_mm == pytest.approx(step * SPACING[axis])
    assert 0 < found.mean_mm < found.hausdorff_mm


def test_concentric_spheres_are_apart_by_the_difference_of_their_radii():
    grid = make_grid((40, 60, 60), (1.0, 0.8, 0.9))
    away = distance_mm(grid, (19.4, 30.2, 29.7))
    found = surface_agreement(away <= 18, away <= 14, spacing_zyx_mm=grid.spacing_zyx_mm, tolerance_mm=2.0)
    assert found.mean_mm == pytest.approx(4.0, abs=0.3)
    assert found.hd95_mm == pytest.approx(4.0, abs=0.7)
    assert found.surface_dice == 0.0
    assert surface_agreement(away <= 18, away <= 17, spacing_zyx_mm=grid.spacing_zyx_mm).surface_dice == 1.0


@pytest.mark.filterwarnings("ignore:monai.metrics.utils:FutureWarning")
def test_figures_are_monais():
    grid = make_grid((16, 40, 36), SPACING)
    a = distance_mm(grid, (7.2, 19.1, 16.4)) <= 12.0
    b = (distance_mm(grid, (7.8, 20.4, 18.9)) <= 10.5) | (distance_mm(grid, (4.0, 32.0, 8.0)) <= 3.0)
    tensors = [torch.from_numpy(np.stack([~mask, mask])[None].astype(np.float32)) for mask in (a, b)]
    ours = surface_agreement(a, b, spacing_zyx_mm=SPACING, tolerance_mm=1.9)
    theirs_hd95 = compute_hausdorff_distance(*tensors, percentile=95, spacing=SPACING)
    theirs_mean = compute_average_surface_distance(*tensors, symmetric=True, spacing=SPACING)
    theirs_nsd = compute_surface_dice(*tensors, class_thresholds=[1.9], spacing=SPACING)
    assert ours.hd95_mm == pytest.approx(float(theirs_hd95), rel=1e-5)
    assert ours.mean_mm == pytest.approx(float(theirs_mean), rel=1e-5)
    assert ours.surface_dice == pytest.approx(float(theirs_nsd), rel=1e-5)
    assert hd95_mm(a, b, spacing_zyx_mm=SPACING) == ours.hd95_mm
    assert mean_surface_distance_mm(a, b, spacing_zyx_mm=SPACING) == ours.mean_mm


def test_masks_of_different_shape_are_refused():
    with pytest.raises(GridError, match="do not compare"):
        dice(np.ones((2, 3, 4), dtype=np.bool_), np.ones((2, 3, 5), dtype=np.bool_))
