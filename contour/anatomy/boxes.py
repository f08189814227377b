"""Boxes of whole voxels on a structure's grid, and what of a structure lies in one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from contour.anatomy.structures import Structure
from registration.errors import GridError
from registration.grid import Grid, Shape

Mask = NDArray[np.bool_]
Levels = NDArray[np.uint8]

INSIDE = 128
"""The membership from which on a voxel is inside; see `Structure`."""

_FULL = 255


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """The voxels from `lower_zyx` up to, and without, `upper_zyx`."""

    lower_zyx: Shape
    upper_zyx: Shape

    @property
    def shape_zyx(self) -> Shape:
        """Voxels along each axis."""
        z, y, x = (high - low for low, high in zip(self.lower_zyx, self.upper_zyx, strict=True))
        return z, y, x

    def widened(self, voxels_zyx: Sequence[int], grid: Grid) -> Box:
        """With so many voxels more on either side of each axis, as far as the grid goes."""
        low = [max(0, edge - n) for edge, n in zip(self.lower_zyx, voxels_zyx, strict=True)]
        high = [min(w, edge + n) for edge, n, w in zip(self.upper_zyx, voxels_zyx, grid.shape_zyx, strict=True)]
        return Box(lower_zyx=(low[0], low[1], low[2]), upper_zyx=(high[0], high[1], high[2]))

    def shared_with(self, other: Box) -> Box | None:
        """The voxels of both; None where there are none."""
        low = [max(a, b) for a, b in zip(self.lower_zyx, other.lower_zyx, strict=True)]
        high = [min(a, b) for a, b in zip(self.upper_zyx, other.upper_zyx, strict=True)]
        if any(a >= b for a, b in zip(low, high, strict=True)):
            return None
        return Box(lower_zyx=(low[0], low[1], low[2]), upper_zyx=(high[0], high[1], high[2]))

    def within(self, outer: Box) -> tuple[slice, slice, slice]:
        """Where this box lies in an array of an outer one."""
        z, y, x = (
            slice(low - start, high - start)
            for low, high, start in zip(self.lower_zyx, self.upper_zyx, outer.lower_zyx, strict=True)
        )
        return z, y, x


def box_of(structure: Structure) -> Box:
    """The box that a structure is cropped to."""
    z, y, x = (low + size for low, size in zip(structure.lower_zyx, structure.mask_zyx.shape, strict=True))
    return Box(lower_zyx=structure.lower_zyx, upper_zyx=(z, y, x))


def hull_of(structures: Sequence[Structure]) -> Box:
    """The smallest box that holds the boxes of all.

    Raises:
        GridError: structures that do not share one grid.
    """
    require_one_grid(structures)
    boxes = [box_of(structure) for structure in structures]
    low = [min(box.lower_zyx[axis] for box in boxes) for axis in range(3)]
    high = [max(box.upper_zyx[axis] for box in boxes) for axis in range(3)]
    return Box(lower_zyx=(low[0], low[1], low[2]), upper_zyx=(high[0], high[1], high[2]))


def require_one_grid(structures: Sequence[Structure]) -> None:
    """Refuse structures of different grids with a GridError."""
    first = structures[0]
    for other in structures[1:]:
        if other.grid is not first.grid and other.grid != first.grid:
            raise GridError(f"{other.name} lies on another grid than {first.name}; expected one grid")


def mask_in(structure: Structure, box: Box) -> Mask:
    """The structure's voxels in a box of its grid; False where the box leaves the structure's crop."""
    found = np.zeros(box.shape_zyx, dtype=np.bool_)
    own = box_of(structure)
    both = box.shared_with(own)
    if both is not None:
        found[both.within(box)] = structure.mask_zyx[both.within(own)]
    return found


def levels_in(structure: Structure, box: Box) -> Levels:
    """The structure's membership in a box of its grid; where it has none, 255 inside and 0 outside."""
    found = np.zeros(box.shape_zyx, dtype=np.uint8)
    own = box_of(structure)
    both = box.shared_with(own)
    if both is not None:
        levels = structure.membership_zyx
        part = structure.mask_zyx[both.within(own)] * np.uint8(_FULL) if levels is None else levels[both.within(own)]
        found[both.within(box)] = part
    return found


def structure_in_box(name: str, grid: Grid, box: Box, mask_zyx: Mask, levels_zyx: Levels | None = None) -> Structure:
    """A structure from arrays of a box, cropped to what is inside and, for the membership's slope, one voxel more.

    A mask without a voxel gives an empty crop of one voxel.
    """
    if not mask_zyx.any():
        nothing = np.zeros((1, 1, 1), dtype=np.bool_)
        return Structure(name=name, grid=grid, lower_zyx=box.lower_zyx, mask_zyx=nothing)
    spans = []
    for axis in range(3):
        inside = np.flatnonzero(mask_zyx.any(axis=tuple(other for other in range(3) if other != axis)))
        spans.append(slice(max(0, int(inside[0]) - 1), int(inside[-1]) + 2))
    kept = (spans[0], spans[1], spans[2])
    z, y, x = (low + span.start for low, span in zip(box.lower_zyx, kept, strict=True))
    return Structure(
        name=name,
        grid=grid,
        lower_zyx=(z, y, x),
        mask_zyx=mask_zyx[kept].copy(),
        membership_zyx=None if levels_zyx is None else levels_zyx[kept].copy(),
    )
