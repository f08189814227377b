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
    """Samples a moving grid at some voxels of a fixed one, moved by a rigid transform and then by displacements."""

    def __init__(self, fixed: Grid, moving: Grid, rigid: RigidTransform, voxels: Tensor) -> None:
        """For the fixed grid's voxels with the flat indices `voxels`, on whose device torch works."""
        device = voxels.device
        point_to_moving = np.linalg.inv(normalised_to_point(moving))
        whole = point_to_moving @ rigid.matrix @ normalised_to_point(fixed)
        theta = torch.tensor(whole[:3], dtype=torch.float32, device=device)[None]
        everywhere = functional.affine_grid(theta, [1, 1, *fixed.shape_zyx], align_corners=False)
        self._voxels = voxels
        self._base = everywhere.reshape(-1, 3)[voxels].T.contiguous()
        by_mm = (point_to_moving @ rigid.matrix)[:3, :3]
        self._by_mm = torch.tensor(by_mm, dtype=torch.float32, device=device)

    def steps(self, displacements: Tensor) -> Tensor:
        """(3, ...) displacements in fixed millimetres (x, y, z) as steps in the moving grid's coordinates."""
        shape = displacements.shape
        return (self._by_mm @ displacements.reshape(3, -1)).reshape(shape)

    def at(self, steps: Tensor) -> Tensor:
        """(1, 1, 1, n, 3) sampling positions of the n voxels for (3, Z, Y, X) steps."""
        return (self._base + steps.reshape(3, -1)[:, self._voxels]).T[None, None, None]


def inside(positions: Tensor) -> Tensor:
    """(1, 1, 1, 1, n) ones where sampling positions lie within the moving grid, zeros elsewhere."""
    return (positions.abs() <= 1.0).all(dim=-1).to(positions.dtype)[None]
