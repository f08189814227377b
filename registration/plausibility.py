"""Can tissue have moved like that? Local volume ratios of a displacement field, and what to do where it folds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, maximum_filter

from registration.grid import Grid
from registration.transform import DisplacementField
from registration.volume import Volume

LEAST_JACOBIAN = 0.05
"""A field that is to be invertible keeps every cell of its lattice at least that large."""

_MOST_REPAIRS = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class JacobianSummary:
    """Local volume ratios moving over fixed: 1 keeps volume, below 1 the moving tissue is smaller, 0 or less folds.

    `folded` counts lattice cells with any corner at or below zero.
    """

    minimum: float
    percentile_1: float
    percentile_99: float
    maximum: float
    folded: int
    cells: int


def cell_jacobians(field: DisplacementField) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Smallest and largest determinant over the eight corners of each cell between nodes; (Z-1, Y-1, X-1) each.

    Between nodes the field is trilinear, and so its determinant's extremes lie near the corners: what is positive
    there was written down without a fold.
    """
    axes = np.asarray(field.grid.axes_xyz, dtype=np.float32)
    steps = np.asarray(field.grid.spacing_zyx_mm, dtype=np.float32)
    u = field.displacements_xyz_mm @ axes.T  # along the lattice's own axes (z, y, x)
    lengthwise = [np.diff(u, axis=axis) / steps[axis] for axis in range(3)]
    lowest: NDArray[np.float32] | None = None
    highest: NDArray[np.float32] | None = None
    for corner in np.ndindex(2, 2, 2):
        columns = [_at_corner(lengthwise[axis], axis, corner) for axis in range(3)]
        found = _determinant(columns)
        lowest = found if lowest is None else np.minimum(lowest, found)
        highest = found if highest is None else np.maximum(highest, found)
    if lowest is None or highest is None:
        raise AssertionError("a cell has eight corners")
    return lowest, highest


def jacobian_summary(field: DisplacementField, inside: Volume | None = None) -> JacobianSummary:
    """Over the cells that lie in a mask (such as the body), or over all of them."""
    lowest, highest = cell_jacobians(field)
    chosen = np.ones(lowest.shape, dtype=np.bool_)
    if inside is not None:
        chosen = cells_in(field.grid, inside)
        if not chosen.any():
            chosen[:] = True
    low, high = lowest[chosen], highest[chosen]
    return JacobianSummary(
        minimum=float(low.min()),
        percentile_1=float(np.percentile(low, 1)),
        percentile_99=float(np.percentile(high, 99)),
        maximum=float(high.max()),
        folded=int(np.count_nonzero(low <= 0.0)),
        cells=int(low.size),
    )


def cells_in(grid: Grid, mask: Volume) -> NDArray[np.bool_]:
    """Which cells of a lattice have their middle in a mask; (Z-1, Y-1, X-1)."""
    z, y, x = (size - 1 for size in grid.shape_zyx)
    middles = np.moveaxis(np.indices((z, y, x)), 0, -1).astype(np.float64) + 0.5
    index = np.rint(mask.grid.to_index_zyx(grid.to_point_xyz_mm(middles))).astype(int)
    within = ((index >= 0) & (index < np.asarray(mask.grid.shape_zyx))).all(axis=-1)
    index = np.clip(index, 0, np.asarray(mask.grid.shape_zyx) - 1)
    return np.asarray(within & np.asarray(mask.values_zyx)[index[..., 0], index[..., 1], index[..., 2]])


def unfolded(field: DisplacementField) -> DisplacementField:
    """The field without folds: smoothed about the cells that are too small, again and again, as wide as it takes.

    Everything else stays as it is. A field without folds comes back unchanged.
    """
    u = np.array(field.displacements_xyz_mm)
    for attempt in range(_MOST_REPAIRS):
        lowest, _ = cell_jacobians(DisplacementField(grid=field.grid, displacements_xyz_mm=u.copy()))
        bad = lowest < LEAST_JACOBIAN
        if not bad.any():
            break
        sigma = 1.0 + 0.25 * attempt
        near = np.zeros(field.grid.shape_zyx, dtype=np.float32)
        near[:-1, :-1, :-1] = maximum_filter(bad, 3)
        near = maximum_filter(near, 3)
        blend = np.clip(gaussian_filter(near, sigma) * 2.0, 0.0, 1.0)[..., None]
        smooth = np.stack([gaussian_filter(u[..., axis], sigma, mode="nearest") for axis in range(3)], axis=-1)
        u = (u + blend * (smooth - u)).astype(np.float32)
    else:
        u = _shrunk(field.grid, u)
    return DisplacementField(grid=field.grid, displacements_xyz_mm=u)


def _shrunk(grid: Grid, u: NDArray[np.float32]) -> NDArray[np.float32]:
    """The last resort: the whole field smoothed until nothing folds; a constant field never does."""
    sigma = 2.0
    while cell_jacobians(DisplacementField(grid=grid, displacements_xyz_mm=u.copy()))[0].min() < LEAST_JACOBIAN:
        u = np.stack([gaussian_filter(u[..., axis], sigma, mode="nearest") for axis in range(3)], axis=-1)
        sigma *= 1.5
    return u


def _at_corner(slope: NDArray[np.float32], axis: int, corner: tuple[int, ...]) -> NDArray[np.float32]:
    """(Z-1, Y-1, X-1, 3) derivative along one axis on the edge of each cell that meets a corner."""
    place = [slice(None) if other == axis else slice(corner[other], slope.shape[other] - 1 + corner[other])
             for other in range(3)]  # fmt: skip
    return slope[tuple(place)]


def _determinant(columns: list[NDArray[np.float32]]) -> NDArray[np.float32]:
    """Of identity plus the gradient whose columns are given, in the lattice's own axes."""
    (a, b, c), (d, e, f), (g, h, i) = (
        [columns[axis][..., row] + np.float32(row == axis) for row in range(3)] for axis in range(3)
    )
    return np.asarray(a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g))
