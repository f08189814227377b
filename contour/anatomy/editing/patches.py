"""A structure with the voxels of a box exchanged, all others as they were."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from contour.anatomy.boxes import INSIDE, Box, Levels, Mask, box_of, levels_in, mask_in
from contour.anatomy.structures import Structure
from registration.grid import Shape

_FULL = np.uint8(255)


def with_levels(structure: Structure, box: Box, levels: Levels, *, graded: bool = False) -> Structure:
    """The structure with this membership in a box; the very same structure where that changes nothing.

    A structure without a membership gets none unless `graded`: then its voxels count as 255 inside and 0 outside.
    """
    graded = graded or structure.membership_zyx is not None
    if _is_as_before(structure, box, levels):
        return structure
    whole = box if _holds_nothing(structure) else _hull(box_of(structure), box)
    inside = mask_in(structure, whole)
    inside[box.within(whole)] = levels >= INSIDE
    if not graded:
        return cropped(structure, whole, inside, None)
    level = levels_in(structure, whole)
    level[box.within(whole)] = levels
    return cropped(structure, whole, inside, level)


def covered_too(structure: Structure, box: Box, covered: Levels) -> Structure:
    """The structure with what this membership covers in a box."""
    return with_levels(structure, box, np.maximum(levels_in(structure, box), covered))


def without_covered(structure: Structure, box: Box, covered: Levels) -> Structure:
    """The structure without what this membership covers in a box, and without the slopes that then lead nowhere."""
    left = np.minimum(levels_in(structure, box), _FULL - covered)
    wide = box.widened((1, 1, 1), structure.grid)
    inside = mask_in(structure, wide)
    inside[box.within(wide)] = left >= INSIDE
    beside = ndimage.binary_dilation(inside, np.ones((3, 3, 3)))[box.within(wide)]
    left[(covered > 0) & ~beside] = 0
    return with_levels(structure, box, left)


def cropped(structure: Structure, box: Box, mask: Mask, levels: Levels | None) -> Structure:
    """The structure with these voxels and no others, cropped to all above 0 and one voxel more on each side."""
    some: NDArray[np.uint8] | Mask = mask if levels is None else levels
    spans = _spans(some)
    if spans is None:
        nothing = np.zeros((1, 1, 1), dtype=np.bool_)
        level = None if levels is None else nothing.astype(np.uint8)
        return replace(structure, lower_zyx=box.lower_zyx, mask_zyx=nothing, membership_zyx=level)
    z, y, x = (low + span.start for low, span in zip(box.lower_zyx, spans, strict=True))
    return replace(
        structure,
        lower_zyx=(z, y, x),
        mask_zyx=np.ascontiguousarray(mask[spans]),
        membership_zyx=None if levels is None else np.ascontiguousarray(levels[spans]),
    )


def _holds_nothing(structure: Structure) -> bool:
    levels = structure.membership_zyx
    return not (structure.mask_zyx if levels is None else levels).any()


def _is_as_before(structure: Structure, box: Box, levels: Levels) -> bool:
    if structure.membership_zyx is None:
        return bool(np.array_equal(mask_in(structure, box), levels >= INSIDE))
    return bool(np.array_equal(levels_in(structure, box), levels))


def _hull(one: Box, other: Box) -> Box:
    low = [min(a, b) for a, b in zip(one.lower_zyx, other.lower_zyx, strict=True)]
    high = [max(a, b) for a, b in zip(one.upper_zyx, other.upper_zyx, strict=True)]
    return Box(lower_zyx=_three(low), upper_zyx=_three(high))


def _spans(some: NDArray[np.uint8] | Mask) -> tuple[slice, slice, slice] | None:
    """Where anything is, and one voxel more; looks from the outside in, so that a full crop costs next to nothing."""
    spans: list[slice] = []
    for axis in range(3):
        planes = np.moveaxis(some, axis, 0)
        size = planes.shape[0]
        first = next((n for n in range(size) if planes[n].any()), None)
        if first is None:
            return None
        last = next(n for n in range(size - 1, -1, -1) if planes[n].any())
        spans.append(slice(max(0, first - 1), min(size, last + 2)))
    z, y, x = spans
    return z, y, x


def _three(values: list[int]) -> Shape:
    z, y, x = values
    return z, y, x
