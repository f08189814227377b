"""The way back: the displacement field that undoes another one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from registration.transform import DisplacementField

_MOST_STEPS = 30
_ENOUGH_MM = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Inverse:
    """v with x = y + v(y) wherever y = x + u(x), and how far there and back miss the start at the nodes, in mm."""

    field: DisplacementField
    mean_residual_mm: float
    largest_residual_mm: float


def invert_field(field: DisplacementField) -> Inverse:
    """Solves v(y) = -u(y + v(y)) at the field's own nodes by repeated substitution.

    Converges where the field does not fold and its strain is below one; what is left is reported, not hidden.

    Reference: Chen et al., doi:10.1118/1.2816107.
    """
    index = np.moveaxis(np.indices(field.grid.shape_zyx), 0, -1).astype(np.float64).reshape(-1, 3)
    nodes = field.grid.to_point_xyz_mm(index)
    back = -np.asarray(field.displacements_xyz_mm, dtype=np.float64).reshape(-1, 3)
    left = np.zeros(len(nodes))
    open_nodes = np.arange(len(nodes))
    for _ in range(_MOST_STEPS):
        error = back[open_nodes] + field.at(nodes[open_nodes] + back[open_nodes])
        left[open_nodes] = np.linalg.norm(error, axis=-1)
        far = left[open_nodes] >= _ENOUGH_MM
        open_nodes = open_nodes[far]
        if not open_nodes.size:
            break
        back[open_nodes] -= error[far]
    found = back.astype(np.float32).reshape(*field.grid.shape_zyx, 3)
    return Inverse(
        field=DisplacementField(grid=field.grid, displacements_xyz_mm=found),
        mean_residual_mm=float(left.mean()),
        largest_residual_mm=float(left.max()),
    )
