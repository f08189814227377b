"""A structure moved as a whole, by whole voxels or by parts of one.

A move by part of a voxel moves the signed distance from the boundary, which can be interpolated across slices too. The
membership that comes of it holds that distance again, so that many small nudges are nearly as good as a large one.
"""

from __future__ import annotations

import numpy as np

from contour.anatomy.boxes import Box, Levels, Mask, box_of, levels_in
from contour.anatomy.editing.levels import HIGHEST, Floats, levels_of_highest
from contour.anatomy.editing.near_surface import SPARE, Singles, signed_mm_near_surface
from contour.anatomy.editing.operations import Nudge
from contour.anatomy.editing.patches import cropped
from contour.anatomy.structures import Structure
from registration.grid import Grid, Shape, Triple

_WHOLE = 2e-3
"""Of a voxel, which nobody sees: an offset that was sent in thousandths of a millimetre may still mean whole voxels."""


def nudged(structure: Structure, nudge: Nudge) -> Structure:
    """The structure moved by an offset; what leaves the grid is cut off.

    A move by whole voxels keeps every voxel and its membership. Any other gives the structure a new membership, and as
    many voxels inside as there were before any was cut off.
    """
    steps = _steps(structure.grid, nudge.offset_xyz_mm)
    whole = np.rint(steps).astype(np.int64)
    part = np.where(np.abs(steps - whole) < _WHOLE, 0.0, steps - whole)
    if structure.is_empty or not (whole.any() or part.any()):
        return structure
    mask, levels = structure.mask_zyx, structure.membership_zyx
    if part.any():
        levels = _moved(structure, part)
        mask = levels >= 128
        whole = whole - SPARE
    lower = [low + int(step) for low, step in zip(structure.lower_zyx, whole, strict=True)]
    return _cut_to_grid(structure, (lower[0], lower[1], lower[2]), mask, levels)


def _steps(grid: Grid, offset_xyz_mm: Triple) -> Floats:
    """The offset in voxels along each array axis."""
    steps: Floats = np.linalg.solve(grid.index_to_point, np.asarray(offset_xyz_mm))
    return steps


def _moved(structure: Structure, part: Floats) -> Levels:
    """Membership after a move by up to half a voxel along each axis, with `SPARE` voxels more around it."""
    spacing_zyx_mm = structure.grid.spacing_zyx_mm
    signed = signed_mm_near_surface(levels_in(structure, box_of(structure)), spacing_zyx_mm)
    for axis, fraction in enumerate(part):
        if fraction:
            signed = _moved_along(signed, axis, float(fraction))
    signed *= np.float32(0.5 / max(spacing_zyx_mm))
    signed += np.float32(0.5)
    np.clip(signed, 0.0, 1.0, out=signed)
    signed *= np.float32(HIGHEST)
    values = np.rint(signed, out=signed).astype(np.uint16)
    before = np.pad(structure.mask_zyx, SPARE)
    return levels_of_highest(values, int(np.count_nonzero(before)), gain=1.0, first=before)


def _moved_along(values: Singles, axis: int, fraction: float) -> Singles:
    """Moved by part of a voxel along one axis, by Catmull and Rom's cubic; what goes round at the ends is far outside.

    A linear interpolation would blur a little, and after many nudges holes would be gone.
    """
    way, f = int(np.sign(fraction)), abs(fraction)
    moved = values * np.float32(1 - 2.5 * f**2 + 1.5 * f**3)
    for step, weight in (
        (way, 0.5 * f + 2 * f**2 - 1.5 * f**3),
        (2 * way, 0.5 * f**3 - 0.5 * f**2),
        (-way, f**2 - 0.5 * f - 0.5 * f**3),
    ):
        moved += np.roll(values, step, axis=axis) * np.float32(weight)
    return moved


def _cut_to_grid(structure: Structure, lower: Shape, mask: Mask, levels: Levels | None) -> Structure:
    z, y, x = (low + size for low, size in zip(lower, mask.shape, strict=True))
    moved = Box(lower_zyx=lower, upper_zyx=(z, y, x))
    kept = moved.shared_with(Box(lower_zyx=(0, 0, 0), upper_zyx=structure.grid.shape_zyx))
    if kept is None:
        none = Box(lower_zyx=(0, 0, 0), upper_zyx=(1, 1, 1))
        return cropped(structure, none, np.zeros(none.shape_zyx, dtype=np.bool_), None)
    inside = kept.within(moved)
    return cropped(structure, kept, mask[inside].copy(), None if levels is None else levels[inside].copy())
