"""Polygons back to voxels, by the voxel-centre rule: a voxel is inside when its centre is.

Even and odd crossings of a scan line through the voxel centres tell inside from outside, so polygons of one slice
combine by exclusive or: keyholes, CLOSEDPLANAR_XOR holes and a ring drawn as two nested polygons all come out hollow.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from contour.anatomy.marching import Floats, Integers
from contour.anatomy.polygons import SlicePolygons
from contour.anatomy.structures import Generation, Structure
from registration.grid import Grid, Shape

_SLAB_VOXELS = 8_000_000


def rasterise_polygons(polygons: SlicePolygons, shape_zyx: Shape, *, lower_zyx: Shape = (0, 0, 0)) -> NDArray[np.bool_]:
    """Mask of the voxels of a box whose centres the polygons hold.

    Args:
        polygons: In the grid's indices. Parts outside the box are ignored.
        shape_zyx: Size of the box.
        lower_zyx: The grid index at which the box starts.
    """
    mask = np.zeros(shape_zyx, dtype=np.uint8)
    slices, rows, columns = shape_zyx
    plane, row, column = _line_crossings(polygons, shape_zyx, lower_zyx)
    inside = (plane >= 0) & (plane < slices) & (column < columns)
    plane, row, column = plane[inside], row[inside], np.maximum(column[inside], 0)
    flat = (plane * rows + row) * columns + column
    np.add.at(mask.reshape(-1), flat, np.uint8(1))
    per_slab = max(1, _SLAB_VOXELS // (rows * columns))
    for first in range(0, slices, per_slab):
        slab = mask[first : first + per_slab]
        np.bitwise_xor.accumulate(slab & 1, axis=2, out=slab)
    return mask.view(np.bool_)


def polygons_to_structure(
    polygons: SlicePolygons, grid: Grid, *, name: str, generation: Generation = "MANUAL"
) -> Structure:
    """The structure whose voxel centres the polygons hold; what leaves the grid is cut off."""
    lower, shape = _bounding_box(polygons, grid.shape_zyx)
    return Structure(
        name=name,
        grid=grid,
        lower_zyx=lower,
        mask_zyx=rasterise_polygons(polygons, shape, lower_zyx=lower),
        generation=generation,
    )


def _line_crossings(polygons: SlicePolygons, shape_zyx: Shape, lower_zyx: Shape) -> tuple[Integers, Integers, Integers]:
    """Plane, row and first column at or right of each crossing of a polygon with a line of voxel centres."""
    if not polygons.count:
        none = np.zeros(0, dtype=np.int64)
        return none, none, none
    start: Floats = polygons.points_yx - np.array(lower_zyx[1:], dtype=np.float64)
    following = np.arange(1, start.shape[0] + 1)
    following[polygons.starts[1:] - 1] = polygons.starts[:-1]
    end = start[following]
    plane = np.repeat(polygons.slice_z - lower_zyx[0], np.diff(polygons.starts))
    downward = start[:, 0] <= end[:, 0]
    high = np.where(downward[:, None], start, end)
    low = np.where(downward[:, None], end, start)
    # an edge owns the rows from its upper end, included, to its lower end, excluded
    first = np.clip(np.ceil(high[:, 0]), 0, shape_zyx[1]).astype(np.int64)
    last = np.clip(np.ceil(low[:, 0]), 0, shape_zyx[1]).astype(np.int64)
    spans = last - first
    edge = np.repeat(np.arange(spans.size), spans)
    row = np.arange(edge.size) - np.repeat(np.cumsum(spans) - spans, spans) + first[edge]
    slope = (low[:, 1] - high[:, 1]) / np.where(spans > 0, low[:, 0] - high[:, 0], 1.0)
    column = high[edge, 1] + (row - high[edge, 0]) * slope[edge]
    return plane[edge], row, np.ceil(np.clip(column, -1, shape_zyx[2])).astype(np.int64)


def _bounding_box(polygons: SlicePolygons, shape_zyx: Shape) -> tuple[Shape, Shape]:
    if not polygons.count:
        return (0, 0, 0), (1, 1, 1)
    low = [float(polygons.slice_z.min()), *polygons.points_yx.min(axis=0).tolist()]
    high = [float(polygons.slice_z.max()), *polygons.points_yx.max(axis=0).tolist()]
    lower = [min(max(int(np.floor(a)), 0), size - 1) for a, size in zip(low, shape_zyx, strict=True)]
    upper = [min(max(int(np.ceil(b)), a), size - 1) for a, b, size in zip(lower, high, shape_zyx, strict=True)]
    sizes = [b - a + 1 for a, b in zip(lower, upper, strict=True)]
    return (lower[0], lower[1], lower[2]), (sizes[0], sizes[1], sizes[2])
