"""Holes, cut into the polygon around them.

CLOSED_PLANAR has one closed line per contour, so a hole is joined to its outer loop by a slit of no width that is
walked in and out again (PS3.3 C.8.8.6.3, "keyhole"). Slits run along a row direction, between two rows of voxel
centres: a scan line through voxel centres never meets one.
"""

from __future__ import annotations

import numpy as np

from contour.anatomy.marching import Floats

_OFF_ROW = (0.4, -0.4, 0.25, -0.25)


def cut_keyholes(loops_yx: list[Floats], areas: Floats) -> list[Floats]:
    """The polygons of one slice, each with its holes cut in.

    Args:
        loops_yx: Loops that do not cross; a hole lies inside some outer loop.
        areas: Their signed areas; negative ones are holes. An island inside a hole is a polygon of its own.
    """
    holes = [number for number in np.argsort([loop[:, 1].min() for loop in loops_yx]) if areas[number] < 0]
    outers = [number for number in range(len(loops_yx)) if areas[number] > 0]
    inside: dict[int, list[int]] = {number: [] for number in outers}
    for hole in holes:
        around = [
            number for number in outers if areas[number] > -areas[hole] and _holds(loops_yx[number], loops_yx[hole])
        ]
        if around:
            inside[min(around, key=lambda number: float(areas[number]))].append(hole)
    return [_with_holes(loops_yx[outer], [loops_yx[hole] for hole in inside[outer]]) for outer in outers]


def row_crossings(loop_yx: Floats, y: float) -> tuple[Floats, np.ndarray[tuple[int], np.dtype[np.intp]]]:
    """Columns at which a closed loop crosses the line at height `y`, and the points whose edges cross there."""
    start_y, start_x = loop_yx[:, 0], loop_yx[:, 1]
    below = start_y > y
    edges = np.flatnonzero(below != np.concatenate((below[1:], below[:1])))
    ends = (edges + 1) % start_y.size
    share = (y - start_y[edges]) / (start_y[ends] - start_y[edges])
    return start_x[edges] + share * (start_x[ends] - start_x[edges]), edges


def _holds(outer: Floats, hole: Floats) -> bool:
    point_y, point_x = hole[int(np.argmin(hole[:, 1]))]
    low, high = outer.min(axis=0), outer.max(axis=0)
    if not (low[0] <= point_y <= high[0] and low[1] <= point_x <= high[1]):
        return False
    # the point lies on a line between two voxel centres; a hair off it, no vertex can be met
    columns, _ = row_crossings(outer, float(point_y) + 1e-7)
    return bool(np.count_nonzero(columns < point_x) % 2)


def _with_holes(outer: Floats, holes: list[Floats]) -> Floats:
    merged = outer
    waiting = list(holes)
    while waiting:
        for number, hole in enumerate(waiting):
            others = [other for other in waiting if other is not hole]
            joined = _joined(merged, hole, others)
            if joined is not None:
                merged = joined
                del waiting[number]
                break
        else:  # no free slit: cut the leftmost one in regardless of what lies between
            joined = _joined(merged, waiting[0], [])
            merged = merged if joined is None else joined
            del waiting[0]
    return merged


def _joined(merged: Floats, hole: Floats, others: list[Floats]) -> Floats | None:
    """`merged` with `hole` cut in by a free slit to its left, or None where other holes are in every way."""
    top, bottom = float(hole[:, 0].min()), float(hole[:, 0].max())
    leftmost = float(np.round(hole[int(np.argmin(hole[:, 1])), 0]))
    rows = [leftmost + off for off in _OFF_ROW] + [(top + bottom) / 2 + 1e-3]
    rows += [float(row) + 0.4 for row in np.arange(np.ceil(top), np.floor(bottom))]
    for y in rows:
        if not top < y < bottom:
            continue
        hole_columns, hole_edges = row_crossings(hole, y)
        at = int(np.argmin(hole_columns))
        x = float(hole_columns[at])
        columns, edges = row_crossings(merged, y)
        left = np.flatnonzero(columns < x)
        if not left.size:
            continue
        hit = int(left[np.argmax(columns[left])])
        nearest = float(columns[hit])
        if not any(_between(other, y, nearest, x) for other in others):
            return _spliced(merged, int(edges[hit]), hole, int(hole_edges[at]), (y, nearest, x))
    return None


def _spliced(merged: Floats, edge: int, hole: Floats, hole_edge: int, slit: tuple[float, float, float]) -> Floats:
    y, left, right = slit
    on_merged, on_hole = np.array([[y, left]]), np.array([[y, right]])
    round_hole = np.concatenate([hole[hole_edge + 1 :], hole[: hole_edge + 1]])
    return np.concatenate([merged[: edge + 1], on_merged, on_hole, round_hole, on_hole, on_merged, merged[edge + 1 :]])


def _between(loop: Floats, y: float, left: float, right: float) -> bool:
    columns, _ = row_crossings(loop, y)
    return bool(((columns > left) & (columns < right)).any())
