"""How much a review changed of what the machine drew, structure by structure.

Only the box in which the two differ is looked at: everywhere else both surfaces are the same, so that a body of 80
million voxels is scored as fast as the stroke that changed it. Runs in the process of `contour.jobs.review_pool`,
because the area of surfaces comes from a library that brings a network framework along.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt

from contour.anatomy.agreement import added_path_length_mm
from contour.anatomy.boxes import Box, box_of, hull_of, mask_in
from contour.anatomy.structures import Structure
from contour.anatomy.surface_elements import surface_elements
from registration.grid import Triple

Mask = NDArray[np.bool_]
_LAYERS = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """What was drawn against what it became.

    Args:
        dice: Overlap; 1 where both are empty.
        surface_dice: Share of both surfaces' area within the tolerance of the other; 0 where one is empty.
        added_path_length_mm: Length of the new outlines that lie on none of the old ones.
    """

    dice: float
    surface_dice: float
    added_path_length_mm: float


SAME = Agreement(dice=1.0, surface_dice=1.0, added_path_length_mm=0.0)


def score_edits(pairs: tuple[tuple[Structure, Structure], ...], *, tolerance_mm: float) -> tuple[Agreement, ...]:
    """Each structure as the machine drew it with the same as it is now."""
    return tuple(agreement_of(drawn, now, tolerance_mm=tolerance_mm) for drawn, now in pairs)


def agreement_of(drawn: Structure, now: Structure, *, tolerance_mm: float) -> Agreement:
    """Overlap, surfaces and added path of two structures on one grid.

    Raises:
        GridError: they lie on different grids.
    """
    changed = _changed(drawn, now)
    if changed is None:
        return SAME
    spacing = drawn.grid.spacing_zyx_mm
    near = changed.widened([math.ceil(tolerance_mm / step) + 2 for step in spacing], drawn.grid)
    was, is_now = mask_in(drawn, near), mask_in(now, near)
    return Agreement(
        dice=_dice(drawn, now),
        surface_dice=_surface_dice((drawn, now), (was, is_now), spacing, tolerance_mm),
        added_path_length_mm=added_path_length_mm(is_now, was, spacing_zyx_mm=spacing),
    )


def _changed(drawn: Structure, now: Structure) -> Box | None:
    """The box that holds every voxel in which the two differ."""
    hull = hull_of((drawn, now))
    differ = mask_in(drawn, hull) ^ mask_in(now, hull)
    if not differ.any():
        return None
    low, high = [], []
    for axis in range(3):
        found = np.flatnonzero(differ.any(axis=tuple(other for other in range(3) if other != axis)))
        low.append(hull.lower_zyx[axis] + int(found[0]))
        high.append(hull.lower_zyx[axis] + int(found[-1]) + 1)
    return Box(lower_zyx=(low[0], low[1], low[2]), upper_zyx=(high[0], high[1], high[2]))


def _dice(drawn: Structure, now: Structure) -> float:
    total = int(np.count_nonzero(drawn.mask_zyx)) + int(np.count_nonzero(now.mask_zyx))
    both = box_of(drawn).shared_with(box_of(now))
    shared = 0 if both is None else int(np.count_nonzero(mask_in(drawn, both) & mask_in(now, both)))
    return 2.0 * shared / total if total else 1.0


def _surface_dice(
    whole: tuple[Structure, Structure], near: tuple[Mask, Mask], spacing: Triple, tolerance_mm: float
) -> float:
    """Area of both surfaces without what lies beyond the tolerance, which is all near the change."""
    if any(structure.is_empty for structure in whole):
        return 0.0
    total = sum(_area_mm2(one.mask_zyx, spacing) for one in whole)
    # at the rim of the cut both surfaces are the same, so that what cutting adds to one lies on the other as well
    elements = [surface_elements(mask, spacing) for mask in near]
    beyond = 0.0
    for one, other in (elements, elements[::-1]):
        on_other = other > 0
        if not on_other.any():
            beyond += float(one.sum())
            continue
        away = distance_transform_edt(~on_other, sampling=spacing)
        beyond += float(one[away > tolerance_mm].sum())
    return 1.0 - beyond / total


def _area_mm2(mask_zyx: Mask, spacing: Triple) -> float:
    """Area of a surface, some slices at a time: eight bytes per voxel of a body would be much."""
    padded = np.pad(mask_zyx, ((1, 1), (0, 0), (0, 0)))
    layers = padded.shape[0] - 1
    return sum(
        float(surface_elements(padded[first : first + _LAYERS + 1], spacing)[1:-1].sum())
        for first in range(0, layers, _LAYERS)
    )
