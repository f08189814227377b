"""Where a structure's boundary crosses the lines between neighbouring voxel centres, slice by slice.

Marching squares on the lattice of voxel centres: each crossing lies on the line between one centre inside and one
centre outside, so a polygon through the crossings has every voxel centre on its right side. Coordinates are indices
`(y, x)` of the array that was traced. Voxels beyond the array's edge count as outside, so a structure that touches
the edge is closed half a voxel beyond it.

Reference: Lorensen and Cline, doi:10.1145/37402.37422, in its two-dimensional form.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

LEVEL = 127.5
"""Membership at which the boundary runs; the mask is what lies above."""

_SLAB_CELLS = 4_000_000
_EDGE_MARGIN = 0.1
"""A crossing keeps this part of a voxel away from either centre, so that rounding cannot take it across."""

_TOP, _RIGHT, _BOTTOM, _LEFT = range(4)
# Directed segment per cell code (bits: top-left 1, top-right 2, bottom-right 4, bottom-left 8); codes 5 and 10 are
# written joined, 16 and 17 are the same two with their corners kept apart.
_SEGMENTS: dict[int, tuple[tuple[int, int], ...]] = {
    1: ((_LEFT, _TOP),),
    2: ((_TOP, _RIGHT),),
    3: ((_LEFT, _RIGHT),),
    4: ((_RIGHT, _BOTTOM),),
    5: ((_RIGHT, _TOP), (_LEFT, _BOTTOM)),
    6: ((_TOP, _BOTTOM),),
    7: ((_LEFT, _BOTTOM),),
    8: ((_BOTTOM, _LEFT),),
    9: ((_BOTTOM, _TOP),),
    10: ((_TOP, _LEFT), (_BOTTOM, _RIGHT)),
    11: ((_BOTTOM, _RIGHT),),
    12: ((_RIGHT, _LEFT),),
    13: ((_RIGHT, _TOP),),
    14: ((_TOP, _LEFT),),
    16: ((_LEFT, _TOP), (_RIGHT, _BOTTOM)),
    17: ((_TOP, _RIGHT), (_BOTTOM, _LEFT)),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Crossings:
    """Closed loops of boundary crossings, one after another in flat arrays.

    Args:
        inside_yx: (n, 2) the voxel centre on the inner side of each crossing.
        step_yx: (n, 2) unit step from there to the centre on the outer side.
        fraction: (n,) how far along that step the crossing lies, in (0, 1).
        starts: (loops + 1,) where each loop begins; the last entry is n.
        slice_z: (loops,) the slice each loop lies in.

    A loop around inside has positive area (in `(y, x)` order), one around a hole negative.
    """

    inside_yx: Floats
    step_yx: Floats
    fraction: Floats
    starts: Integers
    slice_z: Integers

    @property
    def points_yx(self) -> Floats:
        """(n, 2) positions of the crossings."""
        points: Floats = self.inside_yx + self.fraction[:, None] * self.step_yx
        return points

    def taking(self, kept: NDArray[np.bool_]) -> Crossings:
        """Only the crossings marked True; every loop keeps at least one."""
        counts = np.add.reduceat(kept.astype(np.int64), self.starts[:-1]) if self.slice_z.size else self.starts[:0]
        return Crossings(
            inside_yx=self.inside_yx[kept],
            step_yx=self.step_yx[kept],
            fraction=self.fraction[kept],
            starts=np.concatenate(([0], np.cumsum(counts))).astype(np.int64),
            slice_z=self.slice_z,
        )

    def moved_to(self, fraction: Floats) -> Crossings:
        """The same crossings at other places along their steps."""
        return Crossings(
            inside_yx=self.inside_yx,
            step_yx=self.step_yx,
            fraction=fraction,
            starts=self.starts,
            slice_z=self.slice_z,
        )


def find_crossings(mask_zyx: NDArray[np.bool_], membership_zyx: NDArray[np.uint8] | None = None) -> Crossings:
    """All boundary loops of a mask, half-way between centres, or where the membership says.

    A membership is best given with a voxel to spare around the mask: at the array's edge the boundary runs half-way.

    Two voxels that touch by a corner belong together; with a membership they do where the four voxels' mean is
    above the level. Both rules leave loops that never cross one another or themselves.
    """
    slices, rows, columns = mask_zyx.shape
    per_slab = max(1, _SLAB_CELLS // ((rows + 2) * (columns + 2)))
    parts = [
        _slab_crossings(
            mask_zyx[first : first + per_slab],
            None if membership_zyx is None else membership_zyx[first : first + per_slab],
            first,
        )
        for first in range(0, slices, per_slab)
    ]
    offsets = np.cumsum([0, *(part.fraction.size for part in parts)])
    starts = [part.starts[:-1] + offset for part, offset in zip(parts, offsets[:-1], strict=True)]
    return Crossings(
        inside_yx=np.concatenate([part.inside_yx for part in parts]),
        step_yx=np.concatenate([part.step_yx for part in parts]),
        fraction=np.concatenate([part.fraction for part in parts]),
        starts=np.concatenate([*starts, offsets[-1:]]).astype(np.int64),
        slice_z=np.concatenate([part.slice_z for part in parts]),
    )


def _slab_crossings(mask_zyx: NDArray[np.bool_], membership: NDArray[np.uint8] | None, first_z: int) -> Crossings:
    inside = np.pad(mask_zyx, ((0, 0), (1, 1), (1, 1))).view(np.uint8)
    level = None if membership is None else np.pad(membership, ((0, 0), (1, 1), (1, 1)))
    edge_from, edge_to = _directed_segments(inside, level)
    order, starts = _walk_loops(edge_from, edge_to, inside.size)
    edges = edge_from[order]
    vertical = (edges & 1).astype(np.bool_)
    cell = edges >> 1
    columns = inside.shape[2]
    other = cell + np.where(vertical, columns, 1)
    flat = inside.reshape(-1)
    near_is_inside = flat[cell].astype(np.bool_)
    inner = np.where(near_is_inside, cell, other)
    sign = np.where(near_is_inside, 1.0, -1.0)
    row, column = np.divmod(inner, columns)
    slice_z, row = np.divmod(row, inside.shape[1])
    step = np.zeros((edges.size, 2))
    step[:, 0] = np.where(vertical, sign, 0.0)
    step[:, 1] = np.where(vertical, 0.0, sign)
    fraction = np.full(edges.size, 0.5)
    if level is not None:
        values = level.reshape(-1)
        high = values[inner].astype(np.float64)
        low = values[np.where(near_is_inside, other, cell)].astype(np.float64)
        fraction = np.clip((high - LEVEL) / (high - low), _EDGE_MARGIN, 1 - _EDGE_MARGIN)
        outer_row, outer_column = row + step[:, 0], column + step[:, 1]
        unknown = (outer_row == 0) | (outer_row == inside.shape[1] - 1)
        unknown |= (outer_column == 0) | (outer_column == columns - 1)
        fraction[unknown] = 0.5  # nobody knows the membership beyond the array; half-way is the fair guess
    return Crossings(
        inside_yx=np.stack([row, column], axis=1).astype(np.float64) - 1.0,
        step_yx=step,
        fraction=fraction,
        starts=starts,
        slice_z=slice_z[starts[:-1]] + first_z,
    )


def _directed_segments(inside: NDArray[np.uint8], level: NDArray[np.uint8] | None) -> tuple[Integers, Integers]:
    """Edges where each segment starts and ends: twice the upper or left voxel's index, and 1 more if vertical."""
    _, rows, columns = inside.shape
    code = inside[:, :-1, :-1] | (inside[:, :-1, 1:] << 1) | (inside[:, 1:, 1:] << 2) | (inside[:, 1:, :-1] << 3)
    active = np.flatnonzero((code + 1) & 14)
    codes = code.reshape(-1)[active]
    row, column = np.divmod(active, columns - 1)
    plane, row = np.divmod(row, rows - 1)
    voxel = (plane * rows + row) * columns + column
    if level is not None:
        saddle = np.flatnonzero((codes == 5) | (codes == 10))
        values = level.reshape(-1)
        corner = voxel[saddle]
        total = sum(values[corner + step].astype(np.int64) for step in (0, 1, columns, columns + 1))
        apart = saddle[np.asarray(total) < 4 * LEVEL]
        codes[apart] = np.where(codes[apart] == 5, 16, 17)
    offset = np.array([0, 3, 2 * columns, 1], dtype=np.int64)
    starts: list[Integers] = []
    ends: list[Integers] = []
    for which in range(2):
        table = np.full((18, 2), -1, dtype=np.int64)
        for value, segments in _SEGMENTS.items():
            if which < len(segments):
                table[value] = offset[list(segments[which])]
        chosen = slice(None) if which == 0 else np.flatnonzero(table[codes, 0] >= 0)
        starts.append(2 * voxel[chosen] + table[codes[chosen], 0])
        ends.append(2 * voxel[chosen] + table[codes[chosen], 1])
    return np.concatenate(starts), np.concatenate(ends)


def _walk_loops(edge_from: Integers, edge_to: Integers, voxels: int) -> tuple[Integers, Integers]:
    """Segments in walking order, and where each loop begins in that order."""
    at_edge = np.empty(2 * voxels, dtype=np.int32)  # only entries that are some segment's start are ever read
    at_edge[edge_from] = np.arange(edge_from.size, dtype=np.int32)
    following: list[int] = at_edge[edge_to].tolist()
    order: list[int] = []
    starts: list[int] = []
    for first in range(len(following)):
        segment, ahead = first, following[first]
        if ahead < 0:
            continue
        starts.append(len(order))
        while ahead >= 0:  # a segment that was walked leads nowhere any more
            order.append(segment)
            following[segment] = -1
            segment, ahead = ahead, following[ahead]
    starts.append(len(order))
    return np.array(order, dtype=np.int64), np.array(starts, dtype=np.int64)
