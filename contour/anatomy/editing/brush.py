"""Strokes of a round brush or eraser."""

from __future__ import annotations

import numpy as np

from contour.anatomy.boxes import INSIDE, Box, Levels
from contour.anatomy.editing.drawing import DrawnLine, lay_on_slice
from contour.anatomy.editing.levels import levels_from_mm, slope_mm
from contour.anatomy.editing.operations import Brush
from contour.anatomy.editing.patches import covered_too, without_covered
from contour.anatomy.structures import Structure

_FULL = 255


def brushed(structure: Structure, stroke: Brush) -> Structure:
    """The structure with what the brush covers, or without it.

    A voxel is covered when its centre lies within the radius of the stroke, measured in millimetres, and so is the
    voxel under the stroke's line however small the brush. A stroke beside the CT covers nothing.

    Raises:
        InputError: what `lay_on_slice` raises.
    """
    line = lay_on_slice(stroke.points_xyz_mm, stroke.plane, structure.grid)
    reach_mm = stroke.radius_mm + slope_mm(structure.grid)
    box = line.box(reach_mm, across_mm=reach_mm if stroke.ball else 0.0)
    if box is None:
        return structure
    covered = _covered(line, box, stroke, reach_mm)
    return (without_covered if stroke.erase else covered_too)(structure, box, covered)


def _covered(line: DrawnLine, box: Box, stroke: Brush, reach_mm: float) -> Levels:
    """Membership of what the brush covers, in a box."""
    away_mm = line.upright(line.mm_away(box, reach_mm))
    if stroke.ball:
        across = np.arange(box.lower_zyx[line.axis], box.upper_zyx[line.axis]) - line.number
        across_mm = across * line.grid.spacing_zyx_mm[line.axis]
        away_mm = np.hypot(away_mm, across_mm.reshape([-1 if axis == line.axis else 1 for axis in range(3)]))
    levels = levels_from_mm(stroke.radius_mm - away_mm, line.grid)
    under = np.moveaxis(levels, line.axis, 0)[line.number - box.lower_zyx[line.axis]]
    rows, columns = line.voxels_under(box)
    under[rows, columns] = np.where(under[rows, columns] < INSIDE, _FULL, under[rows, columns])
    return levels
