"""Fewer points on the same boundary, and the same area inside it.

Two treatments of the loops that `find_crossings` gives; both keep every voxel centre on its side.

*Area.* Marching squares cuts corners: a loop around whole voxels encloses half a voxel less than they fill, whatever
its shape, because it has four more convex than concave corners and each costs an eighth. That is 1 % of a spinal cord.
`match_areas` slides all crossings of a loop by one small fraction of a voxel so that the areas agree.

*Points.* `thin` drops points where the chord that replaces them stays close to the loop as it was and leaves every
voxel centre on its side.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from contour.anatomy.marching import Crossings, Floats, Integers

_FRACTION_LIMITS = (0.05, 0.95)
_NEWTON_STEPS = 5
_THIN_PASSES = 24
_THIN_ENOUGH = 0.005
_FEWEST_POINTS = 8
_GENEROSITY = 1.3
"""The quick bound overrates movement by about a third; what it lets through too much is brought back."""
_ROUNDING_MM = 0.008
_TIE_BREAK_MM = 1e-12
_SHIFT_MM = 0.03
"""Part of the tolerance kept back for the area treatment that follows thinning."""


def successors(starts: Integers) -> Integers:
    """(n,) index of each point's successor in its loop."""
    following = np.arange(1, int(starts[-1]) + 1, dtype=np.int64)
    following[starts[1:] - 1] = starts[:-1]
    return following


def loop_areas(points_yx: Floats, starts: Integers) -> Floats:
    """(loops,) signed area of each loop, in the points' own unit squared."""
    if starts.size < 2:
        return np.zeros(0)
    return _half_cross(points_yx, points_yx[successors(starts)], starts)


def voxel_areas(crossings: Crossings) -> Floats:
    """(loops,) signed count of the voxels that each loop goes round, holes negative."""
    middle = crossings.moved_to(np.full(crossings.fraction.size, 0.5))
    areas = loop_areas(middle.points_yx, crossings.starts)
    return areas + 0.5 * np.sign(areas)


def match_areas(crossings: Crossings, target: Floats, *, together: bool = False, most: float = 1.0) -> Crossings:
    """Slide crossings along their steps until the loops enclose `target` voxels each.

    Args:
        crossings: The loops.
        target: (loops,) signed area wanted, in voxels.
        together: One shift for all loops, to match the sum; keeps the loops' relation to a graded membership.
        most: Largest shift allowed, in voxels.
    """
    if not target.size:
        return crossings
    counts = np.diff(crossings.starts)
    shift = np.zeros(target.size)
    current = crossings
    following = successors(crossings.starts)
    for _ in range(_NEWTON_STEPS):
        points = current.points_yx
        step = crossings.step_yx
        missing = target - _half_cross(points, points[following], crossings.starts)
        growth = _half_cross(step, points[following], crossings.starts)
        growth += _half_cross(points, step[following], crossings.starts)
        if together:
            missing = np.full(target.size, missing.sum())
            growth = np.full(target.size, growth.sum())
        shift = np.clip(shift + missing / np.where(np.abs(growth) < 1e-9, np.inf, growth), -most, most)
        current = crossings.moved_to(np.clip(crossings.fraction + np.repeat(shift, counts), *_FRACTION_LIMITS))
        if float(np.abs(missing).max()) < 1e-6:
            break
    return current


def thin(crossings: Crossings, spacing_yx_mm: tuple[float, float], tolerance_mm: float) -> Crossings:
    """Drop points so that no part of a loop moves by more than the tolerance, nor across a voxel centre.

    Points go from the bottom up by a quick bound; then every point that went is held against the chord that replaces
    it, and comes back where it or a voxel centre beside it would be too far or on the wrong side. The areas are the
    same after as before, as far as the part of the tolerance kept back for it goes.
    """
    if not crossings.fraction.size:
        return crossings
    spacing = np.asarray(spacing_yx_mm)
    shift_mm = min(_SHIFT_MM, tolerance_mm / 3, 0.03 * float(spacing.min()))
    points = crossings.points_yx * spacing
    counts = np.diff(crossings.starts)
    kept = _without_collinear(points, crossings.starts)
    corners = crossings.taking(kept)
    points = points[kept]
    owner = np.repeat(np.arange(counts.size), np.diff(corners.starts))
    kept = _drop_points(points, owner, (tolerance_mm - shift_mm) * _GENEROSITY)
    _bring_back(corners, points, kept, spacing, (tolerance_mm - shift_mm, shift_mm + _ROUNDING_MM))
    return match_areas(
        corners.taking(kept),
        loop_areas(crossings.points_yx, crossings.starts),
        most=shift_mm / float(spacing.max()),
    )


def _half_cross(a_yx: Floats, b_yx: Floats, starts: Integers) -> Floats:
    cross = a_yx[:, 0] * b_yx[:, 1] - a_yx[:, 1] * b_yx[:, 0]
    summed: Floats = np.add.reduceat(cross, starts[:-1]) / 2.0
    return summed


def _without_collinear(points: Floats, starts: Integers) -> NDArray[np.bool_]:
    """True for the first point of every loop and wherever the direction changes."""
    following = successors(starts)
    along = points[following] - points
    before = np.empty_like(along)
    before[following] = along
    turn = np.abs(before[:, 0] * along[:, 1] - before[:, 1] * along[:, 0])
    kept: NDArray[np.bool_] = turn > 1e-9
    kept[starts[:-1]] = True
    return kept


def _drop_points(points: Floats, owner: Integers, tolerance_mm: float) -> NDArray[np.bool_]:
    """True for the points that stay; the first of each loop always does.

    Each edge carries a bound on how far the loop has moved along it, so that the tolerance holds for all steps
    together: replacing two edges by their chord adds the middle point's distance from it.
    """
    kept = np.zeros(points.shape[0], dtype=np.bool_)
    index = np.arange(points.shape[0])
    moved = np.zeros(points.shape[0])
    for _ in range(_THIN_PASSES):
        counts = np.bincount(owner)
        starts = np.concatenate(([0], np.cumsum(counts)))
        following = successors(starts)
        before = np.empty_like(following)
        before[following] = np.arange(following.size)
        cost = _distance_to_chord(points[before], points, points[following])
        cost += np.maximum(moved, moved[before]) + _TIE_BREAK_MM * (index * 7919 % 1024)
        cost[(cost > tolerance_mm) | (counts[owner] < _FEWEST_POINTS)] = np.inf
        cost[starts[:-1]] = np.inf
        # the cheaper of two neighbours goes first
        go = np.isfinite(cost) & (cost < cost[before]) & (cost <= cost[following])
        gone = np.flatnonzero(go)
        if not gone.size:
            break
        moved[before[gone]] = cost[gone]
        stay = ~go
        points, owner, index, moved = points[stay], owner[stay], index[stay], moved[stay]
        if gone.size < _THIN_ENOUGH * stay.size:
            break
    kept[index] = True
    return kept


def _bring_back(
    corners: Crossings, points: Floats, kept: NDArray[np.bool_], spacing: Floats, limits_mm: tuple[float, float]
) -> None:
    """Set `kept` again, in place, for points that chords leave too far off or whose voxel centres they pass too near.

    Args:
        corners: The loops, of which `points` are the positions in mm.
        points: (n, 2).
        kept: (n,) the first point of each loop is kept.
        spacing: (row, column) mm.
        limits_mm: How far a point may be from its chord, and how near a chord may pass a voxel centre.
    """
    tolerance_mm, margin_mm = limits_mm
    inner = corners.inside_yx * spacing
    outer = inner + corners.step_yx * spacing
    loop_start = np.repeat(corners.starts[:-1], np.diff(corners.starts))
    waiting = np.flatnonzero(~kept)
    while waiting.size:
        ends = np.flatnonzero(kept)
        chord = np.searchsorted(ends, waiting) - 1
        first = ends[chord]
        last = ends[np.minimum(chord + 1, ends.size - 1)]
        last = np.where((last > first) & (loop_start[last] == loop_start[first]), last, loop_start[first])
        a, b = points[first], points[last]
        along = (b - a) / np.maximum(np.hypot(*(b - a).T), 1e-12)[:, None]
        depth = along[:, 0] * (inner[waiting] - a)[:, 1] - along[:, 1] * (inner[waiting] - a)[:, 0]
        height = along[:, 1] * (outer[waiting] - a)[:, 0] - along[:, 0] * (outer[waiting] - a)[:, 1]
        excess = _distance_to_chord(a, points[waiting], b) - tolerance_mm
        np.maximum(excess, margin_mm - np.minimum(depth, height), out=excess)
        groups = np.flatnonzero(np.concatenate(([True], chord[1:] != chord[:-1])))
        worst = np.maximum.reduceat(excess, groups)
        sizes = np.diff(np.concatenate((groups, [waiting.size])))
        bad = np.repeat(worst > 0, sizes)
        kept[waiting[bad & (excess >= np.repeat(worst, sizes))]] = True
        waiting = waiting[bad]
        waiting = waiting[~kept[waiting]]


def _distance_to_chord(a: Floats, point: Floats, b: Floats) -> Floats:
    chord = b - a
    away = point - a
    squared = np.maximum(chord[:, 0] ** 2 + chord[:, 1] ** 2, 1e-18)
    at = np.clip((away[:, 0] * chord[:, 0] + away[:, 1] * chord[:, 1]) / squared, 0.0, 1.0)
    return np.hypot(away[:, 0] - at * chord[:, 0], away[:, 1] - at * chord[:, 1])
