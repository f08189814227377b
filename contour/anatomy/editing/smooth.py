"""A structure's surface rounded off, its volume kept."""

from __future__ import annotations

import math

import numpy as np
from scipy import ndimage

from contour.anatomy.boxes import box_of, levels_in, mask_in
from contour.anatomy.editing.levels import HIGHEST, levels_of_highest, slope_mm
from contour.anatomy.editing.operations import Smooth
from contour.anatomy.editing.patches import cropped
from contour.anatomy.structures import Structure

_SIGMA = 0.5
"""Of the radius. A ball-shaped hole of that radius keeps a quarter of the blur from around it, so it stays."""

_TRUNCATE = 3.0


def smoothed(structure: Structure, smooth: Smooth) -> Structure:
    """The structure's membership blurred by a Gaussian, cut where as many voxels are inside as before.

    Bumps and dents much narrower than the radius go, holes wider than twice the radius stay. At the grid's edge the
    patient goes on, so nothing is rounded off there. The structure gets a membership if it had none.
    """
    if structure.is_empty:
        return structure
    grid = structure.grid
    sigma_mm = _SIGMA * smooth.radius_mm
    sigma = [sigma_mm / step for step in grid.spacing_zyx_mm]
    box = box_of(structure).widened([math.ceil(_TRUNCATE * value) + 1 for value in sigma], grid)
    before = mask_in(structure, box)
    blurred = levels_in(structure, box).astype(np.float32)
    ndimage.gaussian_filter(blurred, sigma, output=blurred, mode="nearest", truncate=_TRUNCATE)
    blurred *= HIGHEST / 255.0
    values = np.rint(np.clip(blurred, 0.0, HIGHEST, out=blurred), out=blurred).astype(np.uint16)
    gain = sigma_mm * math.sqrt(2 * math.pi) / slope_mm(grid) / 2
    levels = levels_of_highest(values, int(np.count_nonzero(before)), gain=gain, first=before)
    return cropped(structure, box, levels >= 128, levels)
