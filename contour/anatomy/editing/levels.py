"""The membership that an edit gives its voxels: a slope across the boundary, and as much inside as there has to be."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from contour.anatomy.boxes import INSIDE, Levels, Mask
from registration.grid import Grid

Floats = NDArray[np.float64]
Values = NDArray[np.uint16]

HIGHEST = 65535
_SLACK_MM = 1e-6
_HALF = 127.5
_SLAB_VOXELS = 4_000_000


def slope_mm(grid: Grid) -> float:
    """How far to either side of the boundary a membership takes to reach 0 and 255: a pixel's longer side."""
    return max(grid.spacing_zyx_mm[1:])


def levels_from_mm(inside_mm: Floats, grid: Grid) -> Levels:
    """Membership of voxels so far inside a boundary, outside where below 0; on it counts as inside."""
    share = np.clip((inside_mm + _SLACK_MM) / slope_mm(grid), -1.0, 1.0)
    return np.rint(_HALF + _HALF * share).astype(np.uint8)


def levels_of_highest(values: Values, count: int, *, gain: float, first: Mask) -> Levels:
    """A membership of which exactly so many voxels are inside: those of the highest values.

    Of equal values those that `first` marks are taken before others, then those that come first in the array, so that
    the same values always give the same voxels.

    Args:
        values: 0 to 65535.
        count: How many shall be inside; at least 1, and at most as many as have a value above 0.
        gain: Membership per value across the boundary, in units of 255 / 65535; more where it takes more to fall to 0.
        first: Same shape.
    """
    lowest = _value_of_rank(values, count)
    mask = values > lowest
    ties = np.flatnonzero(values == lowest)
    ties = ties[np.argsort(~first.reshape(-1)[ties], kind="stable")]
    mask.reshape(-1)[ties[: count - int(np.count_nonzero(mask))]] = True
    level = lowest - 0.5
    steepest = max(gain * 255.0 / HIGHEST, _HALF / level, _HALF / max(float(values.max()) - level, 0.5))
    levels = np.empty(values.shape, dtype=np.uint8)
    for slab in _slabs(values.shape):
        ramp = (values[slab].astype(np.float32) - np.float32(level)) * np.float32(steepest)
        levels[slab] = np.rint(np.clip(ramp + np.float32(_HALF), 0.0, 255.0))
    np.maximum(levels, INSIDE, out=levels, where=mask)
    np.minimum(levels, INSIDE - 1, out=levels, where=~mask)
    return levels


def _value_of_rank(values: Values, count: int) -> int:
    """The value that at least `count` voxels reach, and fewer exceed."""
    tally = np.zeros(HIGHEST + 1, dtype=np.int64)
    for slab in _slabs(values.shape):
        tally += np.bincount(values[slab].reshape(-1), minlength=HIGHEST + 1)
    reached = np.cumsum(tally[::-1])
    return HIGHEST - int(np.searchsorted(reached, count))


def _slabs(shape: tuple[int, ...]) -> list[slice]:
    """Parts along the first axis, of bounded size."""
    per_slab = max(1, _SLAB_VOXELS // max(1, int(np.prod(shape[1:]))))
    return [slice(first, first + per_slab) for first in range(0, shape[0], per_slab)]
