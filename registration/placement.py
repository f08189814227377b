"""Where voxels of one grid lie in another, in the coordinates that torch samples by."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from registration.grid import Grid
from registration.transform import RigidTransform


def normalised_to_point(grid: Grid) -> NDArray[np.float64]:
    """(4, 4) matrix from torch's (x, y, z) in -1 to 1 (voxel edges, align_corners=False) to patient millimetres."""
    to_index = np.eye(4)
    for place, size in enumerate(grid.shape_zyx[::-1]):  # index (x, y, z) = ((n + 1) size - 1) / 2
        to_index[place, place] = size / 2.0
        to_index[place, 3] = (size - 1) / 2.0
    to_point = np.eye(4)
    to_point[:3, :3] = grid.index_to_point[:, ::-1]
    to_point[:3, 3] = grid.origin_xyz_mm
    return np.asarray(to_point @ to_index)


class Placement:
    """Samples a moving grid at the voxels of a fixed one, moved by a rigid transform and then by displacements."""

    def __init__(self, fixed: Grid, moving: Grid, rigid: RigidTransform, *, device: torch.device) -> None:
        point_to_moving = np.linalg.inv(normalised_to_point(moving))
        whole = point_to_moving @ rigid.matrix @ normalised_to_point(fixed)
        theta = torch.tensor(whole[:3], dtype=torch.float32, device=device)[None]
        shape = [1, 1, *fixed.shape_zyx]
        self._base = functional.affine_grid(theta, shape, align_corners=False)
        by_mm = (point_to_moving @ rigid.matrix)[:3, :3]
        self._by_mm = torch.tensor(by_mm, dtype=torch.float32, device=device)

    def at(self, displacements: Tensor) -> Tensor:
        """(1, Z, Y, X, 3) sampling positions for (3, Z, Y, X) displacements in fixed millimetres (x, y, z)."""
        shape = displacements.shape[1:]
        moved = (self._by_mm @ displacements.reshape(3, -1)).reshape(3, *shape)
        return self._base + moved.permute(1, 2, 3, 0)[None]


def inside(positions: Tensor) -> Tensor:
    """(1, 1, Z, Y, X) ones where sampling positions lie within the moving grid, zeros elsewhere."""
    return (positions.abs() <= 1.0).all(dim=-1).to(positions.dtype)[None]
