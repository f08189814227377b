"""Values of the moving scan, seen where the fixed scan's voxels are."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates

from registration.errors import FrameMismatchError
from registration.grid import Coordinates, Grid
from registration.transform import Alignment
from registration.volume import Volume

_SLAB_VOXELS = 2_000_000


def sample(volume: Volume, points_xyz_mm: Coordinates, *, outside: float) -> NDArray[np.float32]:
    """Trilinear values at points of the volume's own frame; (..., 3) to (...).

    A point within half a voxel beyond the last voxel centre takes the border's value, one farther out `outside`.
    """
    points = np.asarray(points_xyz_mm, dtype=np.float64)
    index = volume.grid.to_index_zyx(points).reshape(-1, 3)
    last = np.asarray(volume.grid.shape_zyx) - 1
    away = ((index < -0.5) | (index > last + 0.5)).any(axis=1)
    found = map_coordinates(volume.values_zyx, np.clip(index, 0, last).T, order=1, output=np.float32)
    found[away] = outside
    return np.asarray(found.reshape(points.shape[:-1]), dtype=np.float32)


def warp(moving: Volume, alignment: Alignment, onto: Grid, *, outside: float) -> Volume:
    """The moving volume as the fixed scan would show it: float32 on `onto`, a grid of the fixed frame.

    Slab by slab, so that memory stays near the result.

    Raises:
        FrameMismatchError: the volume is not in the moving frame, or the grid not in the fixed one.
    """
    if moving.grid.frame_of_reference_uid != alignment.moving_frame_uid:
        raise FrameMismatchError("the volume to warp does not lie in the alignment's moving frame of reference")
    if onto.frame_of_reference_uid != alignment.fixed_frame_uid:
        raise FrameMismatchError("a volume can only be warped onto a grid of the alignment's fixed frame of reference")
    values = np.empty(onto.shape_zyx, dtype=np.float32)
    step = max(1, _SLAB_VOXELS // (onto.shape_zyx[1] * onto.shape_zyx[2]))
    for first in range(0, onto.shape_zyx[0], step):
        planes = slice(first, min(first + step, onto.shape_zyx[0]))
        values[planes] = sample(moving, alignment.map_grid(onto, planes), outside=outside)
    return Volume(grid=onto, values_zyx=values)
