"""How the array's planes are turned so that a reader sees axial, coronal and sagittal the usual way.

Axial is seen from the feet with anterior up, coronal from the front, sagittal from the patient's left with anterior
on the left side: the patient's left is on the right of axial and coronal, the head on top of coronal and sagittal.
No voxel is resampled: an oblique series is shown in its own planes, and its letters say how they lean.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import permutations
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from registration.grid import Coordinates, Grid

ViewName = Literal["axial", "coronal", "sagittal"]

_LEFT, _POSTERIOR, _HEAD = 0, 1, 2
_PLANES: dict[ViewName, tuple[int, int, int]] = {  # normal, then what lies to the right, then what lies downwards
    "axial": (_HEAD, _LEFT, _POSTERIOR),
    "coronal": (_POSTERIOR, _LEFT, _HEAD),
    "sagittal": (_LEFT, _POSTERIOR, _HEAD),
}
_LETTERS = (("L", "R"), ("P", "A"), ("H", "F"))
_LEANING = 0.26
"""Below sin(15 degrees) a direction's share of another patient axis gets no letter."""


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """One way of looking at a grid: which array axes lie across, down and along the line of sight.

    `across_sign` and `down_sign` are -1 where the picture runs against the array's axis.
    """

    name: ViewName
    grid: Grid
    normal_axis: int
    across_axis: int
    down_axis: int
    across_sign: int
    down_sign: int

    @property
    def letters(self) -> tuple[str, str, str, str]:
        """What lies at the left, right, top and bottom edge; two letters where the plane leans."""
        across = np.asarray(self.grid.axes_xyz[self.across_axis]) * self.across_sign
        down = np.asarray(self.grid.axes_xyz[self.down_axis]) * self.down_sign
        return direction_letters(-across), direction_letters(across), direction_letters(-down), direction_letters(down)

    @property
    def edges_mm(self) -> tuple[float, float, float, float]:
        """Picture edges (left, right, bottom, top), voxel edges included; decreasing where the picture is flipped."""
        low_across, high_across = self.axis_edges_mm(self.across_axis)
        low_down, high_down = self.axis_edges_mm(self.down_axis)
        left_right = (low_across, high_across) if self.across_sign > 0 else (high_across, low_across)
        bottom_top = (high_down, low_down) if self.down_sign > 0 else (low_down, high_down)
        return (*left_right, *bottom_top)

    def axis_edges_mm(self, axis: int) -> tuple[float, float]:
        """Where an array axis begins and ends, from the centre of its first voxel."""
        step_mm = self.grid.spacing_zyx_mm[axis]
        return -step_mm / 2, (self.grid.shape_zyx[axis] - 0.5) * step_mm

    def plane(self, values_zyx: NDArray[Any], index: int) -> NDArray[Any]:
        """(down, across) one plane, in the array's own order: the axes' limits turn it, not the values."""
        plane = np.asarray(np.take(values_zyx, index, axis=self.normal_axis))
        return plane if self.down_axis < self.across_axis else plane.T

    def in_picture_mm(self, index_zyx: Coordinates) -> Coordinates:
        """(n, 3) grid indices, whole or not, as (n, 2): millimetres across and down, from the first voxel's centre."""
        in_mm: Coordinates = (index_zyx * np.asarray(self.grid.spacing_zyx_mm))[:, [self.across_axis, self.down_axis]]
        return in_mm


def view_of(grid: Grid, name: ViewName) -> View:
    """The grid's own planes that come closest to the named view."""
    axes = np.asarray(grid.axes_xyz)
    array_axis = max(permutations(range(3)), key=lambda order: sum(abs(axes[order[p], p]) for p in range(3)))
    normal, right, down = _PLANES[name]
    across_sign = 1 if axes[array_axis[right], right] >= 0 else -1
    down_sign = 1 if axes[array_axis[down], down] >= 0 else -1
    return View(
        name=name,
        grid=grid,
        normal_axis=array_axis[normal],
        across_axis=array_axis[right],
        down_axis=array_axis[down],
        across_sign=across_sign,
        down_sign=down_sign if down == _POSTERIOR else -down_sign,
    )


def direction_letters(direction_xyz: NDArray[np.float64]) -> str:
    """'L', or 'LA' where the direction leans: the larger share first."""
    order = np.argsort(-np.abs(direction_xyz))
    chosen = [axis for axis in order if abs(direction_xyz[axis]) > _LEANING] or [order[0]]
    return "".join(_LETTERS[axis][0 if direction_xyz[axis] > 0 else 1] for axis in chosen[:2])
