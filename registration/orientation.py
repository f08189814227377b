"""Array orders of the same voxels: turning a grid so that its axes run as a network was taught.

Only whole axes are exchanged and reversed; no value is interpolated. What is left is the obliquity that the scan
itself has (at most 45 degrees to the nearest axis).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import permutations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from registration.grid import Grid, Shape, Triple
from registration.volume import Volume


@dataclass(frozen=True, slots=True)
class AxisOrder:
    """How to reorder a (z, y, x) array: take axis `source[i]` as new axis i, reversed where `reverse[i]`."""

    source: tuple[int, int, int]
    reverse: tuple[bool, bool, bool]

    def apply(self, values_zyx: NDArray[Any]) -> NDArray[Any]:
        """The array in the new order; a view."""
        steps = tuple(slice(None, None, -1 if back else 1) for back in self.reverse)
        return values_zyx.transpose(self.source)[steps]

    def undo(self, values: NDArray[Any]) -> NDArray[Any]:
        """The array back in the old order; a view."""
        steps = tuple(slice(None, None, -1 if back else 1) for back in self.reverse)
        return values[steps].transpose(np.argsort(self.source))

    def apply_to_grid(self, grid: Grid) -> Grid:
        """The grid whose voxel (i, j, k) is where `apply` puts it."""
        last_zyx = np.zeros(3)
        axes: list[Triple] = []
        for old_axis, back in zip(self.source, self.reverse, strict=True):
            sign = -1.0 if back else 1.0
            x, y, z = grid.axes_xyz[old_axis]
            axes.append((sign * x, sign * y, sign * z))
            if back:
                last_zyx[old_axis] = grid.shape_zyx[old_axis] - 1
        origin = grid.to_point_xyz_mm(last_zyx)
        a, b, c = self.source
        shape: Shape = (grid.shape_zyx[a], grid.shape_zyx[b], grid.shape_zyx[c])
        spacing: Triple = (grid.spacing_zyx_mm[a], grid.spacing_zyx_mm[b], grid.spacing_zyx_mm[c])
        return Grid(
            shape_zyx=shape,
            spacing_zyx_mm=spacing,
            origin_xyz_mm=(float(origin[0]), float(origin[1]), float(origin[2])),
            axes_xyz=(axes[0], axes[1], axes[2]),
            frame_of_reference_uid=grid.frame_of_reference_uid,
        )

    def undo_lower(self, lower: Shape, shape: Shape, whole: Shape) -> Shape:
        """Where a crop starts in the old order, given its start, its shape and the whole shape in the new order."""
        first = [w - a - n if back else a for a, n, w, back in zip(lower, shape, whole, self.reverse, strict=True)]
        old = np.argsort(self.source)
        return first[old[0]], first[old[1]], first[old[2]]

    def apply_to_volume(self, volume: Volume) -> Volume:
        """The volume in the new order; the values are a view."""
        return Volume(grid=self.apply_to_grid(volume.grid), values_zyx=self.apply(volume.values_zyx))


def anatomical_order(grid: Grid) -> AxisOrder:
    """The order in which axis 0 runs nearest to the head, axis 1 to the back and axis 2 to the patient's left."""
    along_zyx = np.asarray(grid.axes_xyz)[:, ::-1]  # column i: how far each array axis runs along z, y, x of LPS
    best = max(permutations(range(3)), key=lambda order: sum(abs(along_zyx[order[i], i]) for i in range(3)))
    a, b, c = best
    return AxisOrder(
        source=(a, b, c),
        reverse=(bool(along_zyx[a, 0] < 0), bool(along_zyx[b, 1] < 0), bool(along_zyx[c, 2] < 0)),
    )
