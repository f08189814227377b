"""Structures made from others on the same grid: together, shared, without, voted, and cropped.

Memberships go along: a vote takes the membership that the wanted number of structures reach at each voxel, so its mask
is the vote of the masks and its contours lie between voxels as theirs do.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from contour.anatomy.boxes import INSIDE, Box, box_of, hull_of, levels_in, mask_in, require_one_grid, structure_in_box
from contour.anatomy.margins import Margins, with_margins
from contour.anatomy.structures import Structure
from registration.grid import Grid

End = Literal["superior", "inferior"]

_SLACK_MM = 1e-3


def voted(structures: Sequence[Structure], *, at_least: int, name: str) -> Structure:
    """The voxels that at least so many of the structures hold, 1 to all of them.

    Raises:
        GridError: structures on different grids.
    """
    box = hull_of(structures)
    if all(structure.membership_zyx is None for structure in structures):
        votes = np.zeros(box.shape_zyx, dtype=np.uint8)
        for structure in structures:
            votes += mask_in(structure, box)
        return structure_in_box(name, structures[0].grid, box, votes >= at_least)
    levels = np.sort(np.stack([levels_in(structure, box) for structure in structures]), axis=0)[-at_least]
    return structure_in_box(name, structures[0].grid, box, levels >= INSIDE, levels)


def union(structures: Sequence[Structure], *, name: str) -> Structure:
    """The voxels of any of them.

    Raises:
        GridError: structures on different grids.
    """
    return voted(structures, at_least=1, name=name)


def intersection(structures: Sequence[Structure], *, name: str) -> Structure:
    """The voxels of all of them.

    Raises:
        GridError: structures on different grids.
    """
    return voted(structures, at_least=len(structures), name=name)


def difference(first: Structure, others: Sequence[Structure], *, name: str) -> Structure:
    """The first without the voxels of any other.

    Raises:
        GridError: structures on different grids.
    """
    require_one_grid((first, *others))
    box = box_of(first)
    if all(structure.membership_zyx is None for structure in (first, *others)):
        mask = mask_in(first, box)
        for other in others:
            mask &= ~mask_in(other, box)
        return structure_in_box(name, first.grid, box, mask)
    levels = levels_in(first, box)
    for other in others:
        np.minimum(levels, 255 - levels_in(other, box), out=levels)
    return structure_in_box(name, first.grid, box, levels >= INSIDE, levels)


def keep_away(structure: Structure, other: Structure, distance_mm: float, *, name: str) -> Structure:
    """What of a structure lies more than `distance_mm` from another's surface, and outside it.

    Distances are those of `contour.anatomy.margins`.

    Raises:
        GridError: structures on different grids.
    """
    require_one_grid((structure, other))
    steps = [int(distance_mm / step) + 2 for step in structure.grid.spacing_zyx_mm]
    near = box_of(structure).widened(steps, structure.grid).shared_with(box_of(other))
    if near is None:
        return difference(structure, (), name=name)
    part = structure_in_box(other.name, other.grid, near, mask_in(other, near))
    return difference(structure, (with_margins(part, Margins.all_round(distance_mm), name=other.name),), name=name)


def end_z_mm(structure: Structure, end: End) -> float:
    """The height, in patient z, of the outermost voxel centres at one end; the structure must not be empty."""
    heights = _z_mm(structure.grid, box_of(structure))[structure.mask_zyx]
    return float(heights.max() if end == "superior" else heights.min())


def keep_between(structure: Structure, *, above_z_mm: float, below_z_mm: float, name: str) -> Structure:
    """The voxels whose centres lie from one height to another in patient z, both included; heights may be infinite."""
    box = box_of(structure)
    heights = _z_mm(structure.grid, box)
    kept = (heights >= above_z_mm - _SLACK_MM) & (heights <= below_z_mm + _SLACK_MM)
    levels = structure.membership_zyx
    cut = None if levels is None else np.where(kept, levels, np.uint8(0))
    return structure_in_box(name, structure.grid, box, structure.mask_zyx & kept, cut)


def _z_mm(grid: Grid, box: Box) -> NDArray[np.float64]:
    """Patient z of the voxel centres of a box."""
    along_z, along_y, along_x = (
        np.arange(low, high) * step
        for low, high, step in zip(box.lower_zyx, box.upper_zyx, grid.index_to_point[2], strict=True)
    )
    heights: NDArray[np.float64] = (
        grid.origin_xyz_mm[2] + along_z[:, None, None] + along_y[None, :, None] + along_x[None, None, :]
    )
    return heights
