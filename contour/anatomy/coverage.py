"""How much of each voxel's area polygons cover: the graded membership behind contours that came as polygons.

Four scan lines per row, each with the exact share of every column that it covers; as in `rasterise`, polygons of one
slice combine by even and odd.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from contour.anatomy.marching import Floats, Integers
from contour.anatomy.polygons import SlicePolygons
from registration.grid import Shape

_LINES = 4
"""Scan lines per row."""
_INSIDE = 128


def graded_mask(
    polygons: SlicePolygons, mask_zyx: NDArray[np.bool_], *, lower_zyx: Shape = (0, 0, 0)
) -> NDArray[np.uint8]:
    """Membership 0 to 255 of a crop: the area that the polygons cover, kept on the side that the mask says.

    Args:
        polygons: In the grid's indices.
        mask_zyx: The crop as voxels, by the voxel-centre rule (`rasterise_polygons`).
        lower_zyx: The grid index at which the crop starts.
    """
    level = covered_area(polygons, _shape(mask_zyx), lower_zyx=lower_zyx)
    return np.where(mask_zyx, np.maximum(level, _INSIDE), np.minimum(level, _INSIDE - 1)).astype(np.uint8)


def covered_area(polygons: SlicePolygons, shape_zyx: Shape, *, lower_zyx: Shape = (0, 0, 0)) -> NDArray[np.uint8]:
    """Share of each voxel's area in its slice that the polygons cover, 0 to 255; parts outside the box are ignored."""
    slices, rows, columns = shape_zyx
    level = np.zeros(shape_zyx, dtype=np.uint8)
    plane, line, at = _crossings(polygons, shape_zyx, lower_zyx)
    order = np.lexsort((at, line, plane))
    plane, line, at = plane[order], line[order], at[order]
    key = plane * (rows * _LINES) + line
    first = np.searchsorted(key, key)
    sign = np.where((np.arange(key.size) - first) % 2 == 0, 1.0, -1.0)
    column = np.floor(at).astype(np.int64)
    part = column + 1.0 - at
    starts = np.searchsorted(plane, np.arange(slices + 1))
    width = columns + 1
    for k in range(slices):
        here = slice(int(starts[k]), int(starts[k + 1]))
        if here.start == here.stop:
            continue
        flat = (line[here] // _LINES) * width + column[here]
        steps = np.bincount(flat, sign[here] * part[here], minlength=rows * width + 1)
        steps += np.bincount(flat + 1, sign[here] * (1.0 - part[here]), minlength=rows * width + 1)
        share = np.cumsum(steps[: rows * width].reshape(rows, width), axis=1)[:, :columns]
        level[k] = np.rint(np.clip(share / _LINES, 0.0, 1.0) * 255.0)
    return level


def _crossings(polygons: SlicePolygons, shape_zyx: Shape, lower_zyx: Shape) -> tuple[Integers, Integers, Floats]:
    """Plane, scan line and place along it of each crossing; column c reaches from c to c + 1, the last is a stop."""
    if not polygons.count:
        none = np.zeros(0, dtype=np.int64)
        return none, none, np.zeros(0)
    slices, rows, columns = shape_zyx
    start = (polygons.points_yx - np.asarray(lower_zyx[1:]) + 0.5) * np.array([_LINES, 1.0]) - np.array([0.5, 0.0])
    following = np.arange(1, start.shape[0] + 1)
    following[polygons.starts[1:] - 1] = polygons.starts[:-1]
    end = start[following]
    plane = np.repeat(polygons.slice_z - lower_zyx[0], np.diff(polygons.starts))
    downward = start[:, 0] <= end[:, 0]
    high, low = np.where(downward[:, None], start, end), np.where(downward[:, None], end, start)
    # an edge owns the lines from its upper end, included, to its lower end, excluded
    first = np.clip(np.ceil(high[:, 0]), 0, rows * _LINES).astype(np.int64)
    spans = np.clip(np.ceil(low[:, 0]), 0, rows * _LINES).astype(np.int64) - first
    spans[(plane < 0) | (plane >= slices)] = 0
    edge = np.repeat(np.arange(spans.size), spans)
    line = np.arange(edge.size) - np.repeat(np.cumsum(spans) - spans, spans) + first[edge]
    slope = (low[:, 1] - high[:, 1]) / np.where(spans > 0, low[:, 0] - high[:, 0], 1.0)
    at = high[edge, 1] + (line - high[edge, 0]) * slope[edge]
    return plane[edge], line, np.clip(at, 0.0, float(columns))


def _shape(mask_zyx: NDArray[np.bool_]) -> Shape:
    slices, rows, columns = mask_zyx.shape
    return slices, rows, columns
