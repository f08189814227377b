"""Where the voxels of a part of a grid lie in the drawn anatomy."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

from contour.phantom.shapes import Box, Field, Points
from contour.phantom.variation import Posture
from registration.grid import Grid, Triple

Window = tuple[slice, slice, slice]
_ALONG_AXIS = 1e-9


@dataclass(frozen=True, slots=True)
class Slab:
    """Some slices of a grid, with the position of their voxels."""

    slices: slice
    patient: Points
    anatomy: Points

    def cut(self, window: Window) -> Window | None:
        """The part of a window of the whole grid that lies in this slab, in the slab's own indices."""
        first = max(window[0].start, self.slices.start) - self.slices.start
        last = min(window[0].stop, self.slices.stop) - self.slices.start
        if first >= last or window[1].start >= window[1].stop or window[2].start >= window[2].stop:
            return None
        return (slice(first, last), window[1], window[2])

    def anatomy_in(self, window: Window) -> Points:
        """Positions in the drawn anatomy for a window of the slab."""
        return Points(*(_part(values, window) for values in self.anatomy))


def slab_of(grid: Grid, slices: slice, posture: Posture, origin_xyz_mm: Triple) -> Slab:
    """Positions for some slices, about `origin_xyz_mm`; arrays are only as large as the axes' directions demand."""
    steps = grid.index_to_point
    counts = (range(slices.start, slices.stop), range(grid.shape_zyx[1]), range(grid.shape_zyx[2]))
    patient: list[Field] = []
    for component in range(3):
        total = np.full((1, 1, 1), grid.origin_xyz_mm[component] - origin_xyz_mm[component])
        for axis, count in enumerate(counts):
            step = steps[component, axis]
            if abs(step) < _ALONG_AXIS:
                continue
            shape = [1, 1, 1]
            shape[axis] = len(count)
            total = total + (np.asarray(count, dtype=np.float64) * step).reshape(shape)
        patient.append(total.astype(np.float32))
    points = Points(*patient)
    return Slab(slices, points, posture.to_anatomy(points))


def window_of(grid: Grid, box: Box, posture: Posture, origin_xyz_mm: Triple, *, margin_mm: float) -> Window:
    """The voxels that a box of the drawn anatomy can touch."""
    lower, upper = posture.to_patient(box)
    corners = np.asarray(list(itertools.product(*zip(lower, upper, strict=True)))) + np.asarray(origin_xyz_mm)
    index = grid.to_index_zyx(corners)
    margin = margin_mm / np.asarray(grid.spacing_zyx_mm)
    first = np.floor(index.min(axis=0) - margin).astype(int)
    last = np.ceil(index.max(axis=0) + margin).astype(int) + 1
    bounds = [
        slice(int(np.clip(a, 0, n)), int(np.clip(b, 0, n))) for a, b, n in zip(first, last, grid.shape_zyx, strict=True)
    ]
    return (bounds[0], bounds[1], bounds[2])


def _part(values: Field, window: Window) -> Field:
    return values[tuple(cut if size > 1 else slice(None) for cut, size in zip(window, values.shape, strict=True))]
