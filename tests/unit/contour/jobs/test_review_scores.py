from dataclasses import replace

import numpy as np
import pytest

from contour.anatomy.agreement import added_path_length_mm, dice, surface_agreement
from contour.anatomy.structures import Structure, crop_to_structure
from contour.jobs.review_scores import SAME, agreement_of
from tests.phantoms import ball, small_grid

GRID = small_grid()


def bumped(
    structure: Structure, offset_xyz_mm: tuple[float, float, float], radius_mm: float, *, add: bool
) -> Structure:
    bump = ball(structure.grid, radius_mm, offset_xyz_mm=offset_xyz_mm).full_mask_zyx()
    whole = structure.full_mask_zyx()
    return crop_to_structure(structure.name, structure.grid, whole | bump if add else whole & ~bump)


@pytest.mark.parametrize("add", [True, False])
@pytest.mark.parametrize("tolerance_mm", [1.0, 2.0])
def test_looking_at_the_change_alone_gives_the_figures_of_the_whole(add, tolerance_mm):
    drawn = ball(GRID, 12.0)
    now = bumped(drawn, (9.0, 3.0, -4.0), 6.0, add=add)
    found = agreement_of(drawn, now, tolerance_mm=tolerance_mm)
    was, is_now, spacing = drawn.full_mask_zyx(), now.full_mask_zyx(), GRID.spacing_zyx_mm
    whole = surface_agreement(was, is_now, spacing_zyx_mm=spacing, tolerances_mm=(tolerance_mm,))
    assert found.dice == pytest.approx(dice(was, is_now))
    assert found.surface_dice == pytest.approx(whole.surface_dice[0], abs=0.002)
    assert found.added_path_length_mm == pytest.approx(added_path_length_mm(is_now, was, spacing_zyx_mm=spacing))
    assert 0.3 < found.surface_dice < 1.0


def test_the_same_voxels_in_another_crop_are_the_same():
    drawn = ball(GRID, 9.0)
    wider = replace(drawn, lower_zyx=(0, 0, 0), mask_zyx=drawn.full_mask_zyx())
    assert agreement_of(drawn, wider, tolerance_mm=2.0) == SAME


def test_a_structure_that_was_emptied_agrees_in_nothing_and_needs_no_drawing():
    drawn = ball(GRID, 9.0)
    nothing = replace(drawn, mask_zyx=np.zeros_like(drawn.mask_zyx))
    found = agreement_of(drawn, nothing, tolerance_mm=2.0)
    assert (found.dice, found.surface_dice, found.added_path_length_mm) == (0.0, 0.0, 0.0)


def test_a_part_far_away_from_the_rest_counts_in_full():
    drawn = ball(GRID, 5.0)
    now = bumped(drawn, (14.0, 0.0, 25.0), 4.0, add=True)
    found = agreement_of(drawn, now, tolerance_mm=2.0)
    whole = surface_agreement(
        drawn.full_mask_zyx(), now.full_mask_zyx(), spacing_zyx_mm=GRID.spacing_zyx_mm, tolerances_mm=(2.0,)
    )
    assert found.surface_dice == pytest.approx(whole.surface_dice[0], abs=0.002)
