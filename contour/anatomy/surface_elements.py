"""The surface of a mask, and its outline in each slice, as elements with their area and length.

A surface crosses each cell of 2 x 2 x 2 neighbouring voxel centres (an outline in a slice, of 2 x 2) of which some lie
inside and some outside. The element there has the area of marching cubes (the length of marching squares) through
half-way points, and stands at the cell's centre, where the corners of its voxels meet.

    >>> import numpy as np
    >>> square = np.zeros((1, 5, 5), dtype=bool); square[0, 1:4, 1:4] = True
    >>> round(float(outline_elements(square, (3.0, 1.0, 1.0)).sum()), 3)
    10.828

Reference: Nikolov et al., doi:10.2196/26151.
"""

from __future__ import annotations

import itertools
import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from registration.grid import Triple

Mask = NDArray[np.bool_]


def surface_elements(mask_zyx: Mask, spacing_zyx_mm: Triple) -> NDArray[np.float64]:
    """Area in mm2 of the surface in each cell, 0 where there is none; one cell longer than the mask along each axis."""
    return _areas_mm2(spacing_zyx_mm)[_cell_codes(mask_zyx, axes=3)]


def outline_elements(mask_zyx: Mask, spacing_zyx_mm: Triple) -> NDArray[np.float64]:
    """Length in mm of the slices' outlines in each cell; one cell longer than the mask along rows and columns."""
    return _lengths_mm(spacing_zyx_mm)[_cell_codes(mask_zyx, axes=2)]


def _cell_codes(mask_zyx: Mask, *, axes: int) -> NDArray[np.uint8]:
    """For each cell between neighbouring voxel centres, which of its corners lie inside: the first is the highest bit.

    Cells span the last `axes` axes, one layer of them beyond the array included; beyond it is outside.
    """
    border = [(0, 0)] * (3 - axes) + [(1, 1)] * axes
    inside = np.pad(mask_zyx, border).view(np.uint8)
    whole = (slice(None),) * (3 - axes)
    codes = np.zeros([size - (before > 0) for size, (before, _) in zip(inside.shape, border, strict=True)], np.uint8)
    for corner in itertools.product((slice(None, -1), slice(1, None)), repeat=axes):
        codes = np.left_shift(codes, 1, dtype=np.uint8) | inside[(*whole, *corner)]
    return codes


@lru_cache(maxsize=64)
def _areas_mm2(spacing_zyx_mm: Triple) -> NDArray[np.float64]:
    """Area of the surface in a cell, by the code of its corners."""
    from monai.metrics.utils import create_table_neighbour_code_to_surface_area

    table, _ = create_table_neighbour_code_to_surface_area(spacing_zyx_mm)  # type: ignore[no-untyped-call]
    return np.asarray(table, dtype=np.float64)


def _lengths_mm(spacing_zyx_mm: Triple) -> NDArray[np.float64]:
    """Length of the outline in a cell of a slice, by the code of its corners: 8 and 4 above, 2 and 1 below."""
    _, y, x = spacing_zyx_mm
    corner = math.hypot(y, x) / 2
    half = [0.0, corner, corner, x, corner, y, 2 * corner, corner]
    return np.asarray(half + half[::-1])
