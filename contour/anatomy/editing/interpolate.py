"""Slices filled from their neighbours by the shapes drawn there.

Each slice's shape is its signed distance from the boundary, in mm within the slice, and a slice between two has the
mean of theirs, weighted by how near they are. Holes are part of a shape and go along. Where both shapes are in one
piece, each is first moved towards the other's centre, so that what runs obliquely through the slices does so there too.

Reference: Raya and Udupa, doi:10.1109/42.52980; Herman et al., doi:10.1109/38.135915.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from scipy import ndimage

from contour.anatomy.boxes import INSIDE, Mask, box_of, levels_in
from contour.anatomy.editing.levels import Floats, levels_from_mm
from contour.anatomy.editing.patches import with_levels
from contour.anatomy.structures import Structure
from registration.grid import Grid

_FAR_MM = 1e4
_TOUCHING = np.ones((3, 3), dtype=np.bool_)


def interpolated(structure: Structure) -> Structure:
    """The structure with every slice filled that has none of it but lies between slices that do.

    The very same structure where there is no such slice. Shapes of several pieces that do not overlap may leave a gap
    between them unfilled.
    """
    drawn = np.flatnonzero(structure.mask_zyx.any(axis=(1, 2)))
    gaps = [(int(a), int(b)) for a, b in pairwise(drawn) if b - a > 1]
    if not gaps:
        return structure
    box = box_of(structure).widened((0, 2, 2), structure.grid)
    levels = levels_in(structure, box)
    for first, last in gaps:
        shapes = levels[first] >= INSIDE, levels[last] >= INSIDE
        distances = [_signed_mm(shape, structure.grid) for shape in shapes]
        way = _way_between(*shapes)
        for k in range(first + 1, last):
            share = (k - first) / (last - first)
            moved = [_moved(distances[0], share * way), _moved(distances[1], (share - 1) * way)]
            between = levels_from_mm((1 - share) * moved[0] + share * moved[1], structure.grid)
            np.maximum(levels[k], between, out=levels[k])
    return with_levels(structure, box, levels)


def _signed_mm(shape: Mask, grid: Grid) -> Floats:
    """How far each pixel of a slice lies inside the boundary, half-way between pixels; below 0 outside."""
    if shape.all():
        return np.full(shape.shape, _FAR_MM)
    pixel_mm = grid.spacing_zyx_mm[1:]
    away_mm = np.where(
        shape,
        ndimage.distance_transform_edt(shape, sampling=pixel_mm),
        -ndimage.distance_transform_edt(~shape, sampling=pixel_mm),
    )
    signed: Floats = away_mm - np.sign(away_mm) * min(pixel_mm) / 2
    return signed


def _way_between(one: Mask, other: Mask) -> Floats:
    """From one shape's centre to the other's, in pixels; none where either is in pieces."""
    if any(ndimage.label(shape, structure=_TOUCHING)[1] != 1 for shape in (one, other)):
        return np.zeros(2)
    way: Floats = np.argwhere(other).mean(axis=0) - np.argwhere(one).mean(axis=0)
    return way


def _moved(signed_mm: Floats, pixels: Floats) -> Floats:
    if not pixels.any():
        return signed_mm
    moved: Floats = ndimage.shift(signed_mm, pixels, order=1, mode="nearest")
    return moved
