"""A line that somebody drew on one of the grid's slices, and how far the slice's voxels are from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from contour.anatomy.boxes import Box
from contour.anatomy.editing.levels import Floats
from contour.anatomy.editing.operations import Plane, bad_operation
from contour.errors import InputError
from registration.grid import Grid, Triple

Integers = NDArray[np.int64]

ACROSS: dict[Plane, int] = {"axial": 0, "coronal": 1, "sagittal": 2}
"""The array axis that each plane lies across."""

_OFF_SLICE_VOXELS = 1.0
_STEP_VOXELS = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawnLine:
    """Points on a slice, joined by straight lines.

    Args:
        grid: The grid of the slice.
        axis: The array axis that the slice lies across.
        number: Which slice.
        points: (n, 2) fractional indices along the other two axes, in array order.
    """

    grid: Grid
    axis: int
    number: int
    points: Floats

    @property
    def along(self) -> tuple[int, int]:
        """The array axes of the slice."""
        first, second = (axis for axis in range(3) if axis != self.axis)
        return first, second

    @property
    def spacing_mm(self) -> tuple[float, float]:
        """Voxel spacing along the array axes of the slice."""
        first, second = self.along
        return self.grid.spacing_zyx_mm[first], self.grid.spacing_zyx_mm[second]

    def box(self, reach_mm: float, *, across_mm: float = 0.0) -> Box | None:
        """The voxels of the grid near the line, and so far across its slice; None where there are none."""
        low, high = [0, 0, 0], [0, 0, 0]
        wide = int(across_mm / self.grid.spacing_zyx_mm[self.axis])
        low[self.axis], high[self.axis] = self.number - wide, self.number + wide + 1
        for n, (axis, step) in enumerate(zip(self.along, self.spacing_mm, strict=True)):
            low[axis] = int(np.floor(self.points[:, n].min() - reach_mm / step))
            high[axis] = int(np.ceil(self.points[:, n].max() + reach_mm / step)) + 1
        near = Box(lower_zyx=(low[0], low[1], low[2]), upper_zyx=(high[0], high[1], high[2]))
        return near.shared_with(Box(lower_zyx=(0, 0, 0), upper_zyx=self.grid.shape_zyx))

    def mm_away(self, box: Box, reach_mm: float, *, closed: bool = False) -> Floats:
        """How far the voxel centres of a box lie from the line within its slice; infinite beyond `reach_mm`.

        Args:
            box: Its extent along the line's slice counts.
            reach_mm: Not negative.
            closed: A last line leads from the last point to the first.
        """
        starts = self.points * self.spacing_mm
        ends = np.roll(starts, -1, axis=0) if closed or len(starts) == 1 else starts[1:]
        lower = [box.lower_zyx[axis] for axis in self.along]
        first_mm, second_mm = (
            (np.arange(size, dtype=np.float64) + low) * step
            for size, low, step in zip(
                [box.shape_zyx[axis] for axis in self.along], lower, self.spacing_mm, strict=True
            )
        )
        square = np.full((first_mm.size, second_mm.size), np.inf)
        for start, end in zip(starts, ends, strict=False):
            near = tuple(
                slice(*np.searchsorted(along_mm, (min(a, b) - reach_mm, max(a, b) + reach_mm)))
                for along_mm, a, b in zip((first_mm, second_mm), start, end, strict=True)
            )
            part = square[near]
            if part.size:
                np.minimum(part, _square_from(start, end, first_mm[near[0]], second_mm[near[1]]), out=part)
        away: Floats = np.sqrt(square)
        return away

    def voxels_under(self, box: Box) -> tuple[Integers, Integers]:
        """Where, in a box's extent along the slice, the voxels lie that the line runs through."""
        lower = np.asarray([box.lower_zyx[axis] for axis in self.along])
        upper = np.asarray([box.upper_zyx[axis] for axis in self.along])
        start, step = _within(self.points[:-1], self.points[1:], lower - 0.5, upper - 0.5)
        counts = np.ceil(np.abs(step).max(axis=1, initial=0.0) / _STEP_VOXELS).astype(np.int64) + 1
        segment = np.repeat(np.arange(counts.size), counts)
        at = (np.arange(segment.size) - np.repeat(np.cumsum(counts) - counts, counts)) / counts[segment]
        path = np.concatenate([self.points, start[segment] + at[:, None] * step[segment]])
        voxels = np.floor(path + 0.5).astype(np.int64)
        first, second = (voxels[((voxels >= lower) & (voxels < upper)).all(axis=1)] - lower).T
        return first, second

    def upright(self, flat: NDArray[Any]) -> NDArray[Any]:
        """An array of the slice as one of the grid, one voxel thick."""
        return np.expand_dims(flat, self.axis)


def lay_on_slice(points_xyz_mm: tuple[Triple, ...], plane: Plane, grid: Grid) -> DrawnLine:
    """The points as a line on the slice that is nearest to the first of them.

    Raises:
        InputError: OUTSIDE_CT, the first point lies beyond the first or last slice; BAD_OPERATION, another point lies
            more than a slice away from the first one's slice.
    """
    axis = ACROSS[plane]
    index = grid.to_index_zyx(np.asarray(points_xyz_mm, dtype=np.float64))
    last = grid.shape_zyx[axis] - 1
    first = float(index[0, axis])
    if not -0.5 <= first <= last + 0.5:
        raise InputError(f"drawn on slice {first:.1f}; expected one of 0 to {last}", reason="OUTSIDE_CT")
    number = min(max(int(np.floor(first + 0.5)), 0), last)
    off = float(np.abs(index[:, axis] - number).max())
    if off > _OFF_SLICE_VOXELS:
        raise bad_operation(f"a point lies {off:.1f} slices off the slice of the first; expected all on one slice")
    return DrawnLine(grid=grid, axis=axis, number=number, points=np.delete(index, axis, axis=1))


def _square_from(start: Floats, end: Floats, first_mm: Floats, second_mm: Floats) -> Floats:
    """Squared distance of a lattice's points from a straight line between two points."""
    (step_a, step_b), (a, b) = end - start, (first_mm - start[0], second_mm - start[1])
    length = step_a * step_a + step_b * step_b
    if length == 0.0:
        return np.asarray((a * a)[:, None] + (b * b)[None, :])
    along = np.clip((a * (step_a / length))[:, None] + (b * (step_b / length))[None, :], 0.0, 1.0)
    square: Floats = (a[:, None] - along * step_a) ** 2 + (b[None, :] - along * step_b) ** 2
    return square


def _within(starts: Floats, ends: Floats, lower: Floats, upper: Floats) -> tuple[Floats, Floats]:
    """Start and step of the parts of straight lines that lie within a rectangle."""
    steps = ends - starts
    with np.errstate(divide="ignore", invalid="ignore"):
        one, other = (lower - starts) / steps, (upper - starts) / steps
    enter = np.fmin(one, other).max(axis=1, initial=0.0)
    leave = np.minimum(np.fmax(one, other).min(axis=1, initial=1.0), 1.0)
    kept = enter <= leave
    begin, length = enter[kept, None], (leave - enter)[kept, None]
    return starts[kept] + begin * steps[kept], length * steps[kept]
