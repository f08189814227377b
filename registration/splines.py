"""Cubic B-splines on a lattice of control points, as one small matrix per axis.

A displacement at every voxel is three matrix products away from the control points, and so is its gradient: far
cheaper than interpolating point by point.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

Matrices = tuple[Tensor, Tensor, Tensor]
_STIFFNESS = 1e-2


def spline_matrix(size: int, step_mm: float, control_mm: float, *, device: torch.device) -> Tensor:
    """(size, controls) weights of control points at voxel centres step_mm apart; the rows sum to one.

    The second control point lies at the first voxel centre; one lies beyond each end.
    """
    position = torch.arange(size, dtype=torch.float64) * (step_mm / control_mm)
    controls = math.ceil(float(position[-1])) + 3
    away = (position[:, None] - (torch.arange(controls, dtype=torch.float64) - 1.0)[None, :]).abs()
    near = 2.0 / 3.0 - away**2 + away**3 / 2.0
    far = (2.0 - away).clamp_min(0.0) ** 3 / 6.0
    return torch.where(away < 1.0, near, far).to(device=device, dtype=torch.float32)


def dense(controls: Tensor, matrices: Matrices) -> Tensor:
    """(3, Z, Y, X) values of (3, cz, cy, cx) control points."""
    z, y, x = matrices
    on_x = torch.matmul(controls, x.T)
    on_yx = torch.matmul(y, on_x)
    _, cz, ny, nx = on_yx.shape
    return torch.matmul(z, on_yx.reshape(3, cz, ny * nx)).reshape(3, z.shape[0], ny, nx)


def fitted(values: Tensor, matrices: Matrices) -> Tensor:
    """(3, cz, cy, cx) control points whose spline is nearest to (3, Z, Y, X) values; stiff where nothing decides."""
    found = values
    for axis, matrix in enumerate(matrices, start=1):
        bend = torch.diff(torch.eye(matrix.shape[1], device=matrix.device), n=2, dim=0)
        normal = matrix.T @ matrix + _STIFFNESS * bend.T @ bend
        solve = torch.linalg.solve(normal, matrix.T)
        found = torch.movedim(torch.tensordot(solve, found, dims=([1], [axis])), 0, axis)
    return found.contiguous()


def roughness(controls: Tensor, control_mm: float) -> Tensor:
    """Mean squared strain: squared differences of neighbouring control points over their distance."""
    parts = [(torch.diff(controls, dim=axis) / control_mm).pow(2).mean() for axis in (1, 2, 3)]
    return parts[0] + parts[1] + parts[2]
