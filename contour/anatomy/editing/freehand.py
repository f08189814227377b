"""Outlines drawn by hand on one slice."""

from __future__ import annotations

import numpy as np

from contour.anatomy.boxes import INSIDE, Box, Levels, box_of
from contour.anatomy.editing.drawing import DrawnLine, lay_on_slice
from contour.anatomy.editing.levels import levels_from_mm, slope_mm
from contour.anatomy.editing.operations import Freehand
from contour.anatomy.editing.patches import covered_too, with_levels, without_covered
from contour.anatomy.polygons import SlicePolygons
from contour.anatomy.rasterise import rasterise_polygons
from contour.anatomy.structures import Structure
from contour.errors import InputError


def drawn_freehand(structure: Structure, drawing: Freehand) -> Structure:
    """The structure with an outline's voxels added, cut out, or put in the place of all that was on the slice.

    A voxel is inside when its centre is.

    Raises:
        InputError: what `lay_on_slice` raises; EMPTY_DRAWING, an outline that shall replace a slice holds no voxel of
            the CT.
    """
    line = lay_on_slice(drawing.points_xyz_mm, drawing.plane, structure.grid)
    box = line.box(2 * slope_mm(structure.grid))
    if box is None:
        return _without_voxels(structure, drawing)
    held = _held(line, box)
    if not (held >= INSIDE).any():
        return _without_voxels(structure, drawing)
    if drawing.mode == "replace":
        whole = _whole_slice(structure, line, box)
        after = np.zeros(whole.shape_zyx, dtype=np.uint8)
        after[box.within(whole)] = held
        return with_levels(structure, whole, after)
    return (covered_too if drawing.mode == "add" else without_covered)(structure, box, held)


def _without_voxels(structure: Structure, drawing: Freehand) -> Structure:
    if drawing.mode == "replace":
        raise InputError("the outline holds no voxel of the CT; expected at least one", reason="EMPTY_DRAWING")
    return structure


def _held(line: DrawnLine, box: Box) -> Levels:
    """Membership of what the outline holds, in a box."""
    lower = [box.lower_zyx[axis] for axis in line.along]
    sizes = [box.shape_zyx[axis] for axis in line.along]
    outline = SlicePolygons(
        points_yx=line.points,
        starts=np.asarray([0, len(line.points)], dtype=np.int64),
        slice_z=np.zeros(1, dtype=np.int64),
    )
    inside = rasterise_polygons(outline, (1, sizes[0], sizes[1]), lower_zyx=(0, lower[0], lower[1]))[0]
    away_mm = line.mm_away(box, 2 * slope_mm(line.grid), closed=True)
    levels = levels_from_mm(np.where(inside, away_mm, -away_mm), line.grid)
    levels[~inside] = np.minimum(levels[~inside], INSIDE - 1)
    flat: Levels = line.upright(levels)
    return flat


def _whole_slice(structure: Structure, line: DrawnLine, box: Box) -> Box:
    """The box and all that the structure may have on the line's slice."""
    own = box_of(structure)
    if not own.lower_zyx[line.axis] <= line.number < own.upper_zyx[line.axis]:
        return box
    low = [min(a, b) for a, b in zip(own.lower_zyx, box.lower_zyx, strict=True)]
    high = [max(a, b) for a, b in zip(own.upper_zyx, box.upper_zyx, strict=True)]
    low[line.axis], high[line.axis] = line.number, line.number + 1
    return Box(lower_zyx=(low[0], low[1], low[2]), upper_zyx=(high[0], high[1], high[2]))
