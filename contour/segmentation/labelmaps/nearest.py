"""The nearest voxel as MONAI finds it: by PyTorch's `grid_sample`, whose own rounding decides where two are as near.

Halfway between two voxels is nothing rare: half of them where a CT's slices are twice or half as thick as a model's.
There half goes to even, save that coordinates have gone through -1 … 1 and come back changed in their last digit. To
give the labels that MONAI gives, the same way is gone here, along one axis at a time.

Reference: MONAI 1.6.1, `monai.networks.utils.to_norm_affine` and `monai.networks.layers.AffineTransform`.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional


def nearest_voxels(n_in: int, n_out: int, step: float) -> NDArray[np.intp]:
    """For each new voxel along an axis, at `step` times its number, the number of the nearest old one."""
    scaled = np.diag([step, 1.0])
    within = (
        torch.from_numpy(_to_unit(n_in)) @ torch.from_numpy(scaled) @ torch.from_numpy(np.linalg.inv(_to_unit(n_out)))
    )
    theta = torch.eye(4, dtype=torch.float64)
    theta[0, 0], theta[0, 3] = within[0, 0], within[0, 1]
    grid = functional.affine_grid(theta[None, :3], [1, 1, 1, 1, n_out], align_corners=False)
    numbers = torch.arange(n_in, dtype=torch.float64).reshape(1, 1, 1, 1, n_in)
    found = functional.grid_sample(numbers, grid, mode="nearest", padding_mode="border", align_corners=False)
    return np.asarray(found.flatten().numpy().astype(np.intp))


def _to_unit(size: int) -> NDArray[np.float64]:
    """From a voxel's number to -1 … 1, which are the outer edges of the first and last."""
    return np.array([[2.0 / size, 1.0 / size - 1.0], [0.0, 1.0]])
