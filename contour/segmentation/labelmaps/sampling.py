"""Resampling as one matrix per axis: scipy's own spline operators, taken once and applied by matrix products.

nnU-Net resamples with `skimage.transform.resize`, which is `scipy.ndimage.zoom(grid_mode=True)`. That operator is
linear and separable, so applied to a unit matrix it gives its matrix; products with it are the same answer, many times
faster.

    positions   voxel edges of the first and last voxel stay where they are (`edges`), or the first voxel's centre and
                the spacing do (`spacing`, MONAI's Spacing)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from contour.segmentation.labelmaps.nearest import nearest_voxels
from registration.grid import Shape, Triple

Weights = NDArray[np.float32]
Separate = Literal["auto", "never", "always"]
Alignment = Literal["edges", "spacing"]

_SAME_MM = 1e-3
"""MONAI's AFFINE_TOL: a spacing that is no further from the wanted one is kept."""

_ANISOTROPIC = 3.0
"""nnU-Net's ANISO_THRESHOLD: how much coarser one axis may be than another before it is resampled on its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """How values are brought to another grid.

    Args:
        order: Of the spline, 0 to 5.
        order_across: Of the spline along a coarse axis that is resampled on its own.
        separate: Whether such an axis is: where its spacing is three times another's (`auto`), never, or always.
        alignment: What stays in its place.
    """

    order: int
    order_across: int = 0
    separate: Separate = "auto"
    alignment: Alignment = "edges"

    @property
    def is_convex(self) -> bool:
        """Every value is a mean of values around it, so that none leaves their range."""
        return self.order <= 1 and self.order_across <= 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Resampling:
    """The matrices, (new, old) for each axis, and the axis resampled on its own, None where there is none."""

    weights: tuple[Weights, Weights, Weights]
    across: int | None

    @property
    def changes_nothing(self) -> bool:
        """Old and new grid are the same."""
        return all(np.array_equal(weights, np.eye(*weights.shape)) for weights in self.weights)

    def rows_for(self, box: tuple[slice, slice, slice]) -> Resampling:
        """The same, for a box of the new grid only."""
        a, b, c = (weights[part] for weights, part in zip(self.weights, box, strict=True))
        return Resampling(weights=(a, b, c), across=self.across)

    @property
    def shape_in(self) -> Shape:
        """Of the grid that is sampled."""
        a, b, c = (weights.shape[1] for weights in self.weights)
        return a, b, c

    @property
    def shape_out(self) -> Shape:
        """Of the new grid."""
        a, b, c = (weights.shape[0] for weights in self.weights)
        return a, b, c


def new_shape(shape: Shape, spacing_mm: Triple, onto_mm: Triple, alignment: Alignment) -> Shape:
    """How many voxels of the new spacing cover the old ones."""
    if alignment == "edges":
        a, b, c = (round(old / new * n) for n, old, new in zip(shape, spacing_mm, onto_mm, strict=True))
    else:
        a, b, c = (round((n - 1) * _step(old, new) + 1) for n, old, new in zip(shape, spacing_mm, onto_mm, strict=True))
    return max(1, a), max(1, b), max(1, c)


def resampling(
    sampling: Sampling, shape_in: Shape, shape_out: Shape, *, spacing_in_mm: Triple, spacing_out_mm: Triple
) -> Resampling:
    """The matrices that bring a volume of one shape and spacing to another."""
    across = separate_axis(sampling.separate, spacing_in_mm, spacing_out_mm)
    found: list[Weights] = []
    for axis, (n_in, n_out) in enumerate(zip(shape_in, shape_out, strict=True)):
        if sampling.alignment == "spacing":
            found.append(_by_spacing(n_in, n_out, _step(spacing_out_mm[axis], spacing_in_mm[axis]), sampling.order))
        elif axis == across:
            found.append(_along(n_in, n_out, sampling.order_across))
        else:
            found.append(_zoom(n_in, n_out, sampling.order))
    return Resampling(weights=(found[0], found[1], found[2]), across=across)


def separate_axis(separate: Separate, spacing_in_mm: Triple, spacing_out_mm: Triple) -> int | None:
    """The one axis that is so coarse that it is resampled on its own, as nnU-Net chooses it; None for none."""
    if separate == "never":
        return None
    if separate == "always":
        return _coarsest(spacing_in_mm)
    for spacing in (spacing_in_mm, spacing_out_mm):
        if max(spacing) / min(spacing) > _ANISOTROPIC:
            return _coarsest(spacing)
    return None


def resample_image(values: NDArray[np.float32], how: Resampling) -> NDArray[np.float32]:
    """An image on its new grid, held to the range it had before: all of it, or slice by slice across a coarse axis."""
    if how.across is None:
        limits = float(values.min()), float(values.max())
        return np.clip(_product(values, how.weights), *limits)
    axis = how.across
    within = list(how.weights)
    within[axis] = np.eye(values.shape[axis], dtype=np.float32)
    others = tuple(other for other in range(3) if other != axis)
    lowest, highest = values.min(axis=others, keepdims=True), values.max(axis=others, keepdims=True)
    planes = np.clip(_product(values, (within[0], within[1], within[2])), lowest, highest)
    return np.ascontiguousarray(np.moveaxis(np.tensordot(how.weights[axis], planes, axes=(1, axis)), 0, axis))


def _product(values: NDArray[np.float32], weights: Sequence[Weights]) -> NDArray[np.float32]:
    first, rows, columns_t = weights[0], weights[1], np.ascontiguousarray(weights[2].T)
    in_plane = np.empty((values.shape[0], rows.shape[0], columns_t.shape[1]), dtype=np.float32)
    for k in range(values.shape[0]):
        in_plane[k] = (rows @ values[k]) @ columns_t
    return np.tensordot(first, in_plane, axes=(1, 0))


def _coarsest(spacing_mm: Triple) -> int | None:
    """The coarsest axis; None where two or more are."""
    coarse = [axis for axis in range(3) if spacing_mm[axis] == max(spacing_mm)]
    return coarse[0] if len(coarse) == 1 else None


def _zoom(n_in: int, n_out: int, order: int) -> Weights:
    """The matrix of `scipy.ndimage.zoom(order, mode="nearest", grid_mode=True)` along one axis."""
    unit = np.eye(n_in)
    if n_in == n_out:
        return unit.astype(np.float32)
    matrix = ndimage.zoom(unit, (n_out / n_in, 1.0), order=order, mode="nearest", grid_mode=True)
    return np.ascontiguousarray(matrix, dtype=np.float32)


def _along(n_in: int, n_out: int, order: int) -> Weights:
    """The matrix of `scipy.ndimage.map_coordinates(order, mode="nearest")` at the new voxels' centres."""
    unit = np.eye(n_in)
    if n_in == n_out:
        return unit.astype(np.float32)
    at = n_in / n_out * (np.arange(n_out) + 0.5) - 0.5
    return _at_positions(unit, at, order)


def _step(one_mm: float, other_mm: float) -> float:
    """One spacing in terms of another."""
    return 1.0 if abs(one_mm - other_mm) <= _SAME_MM else one_mm / other_mm


def _by_spacing(n_in: int, n_out: int, step: float, order: int) -> Weights:
    if order == 0:
        return np.eye(n_in, dtype=np.float32)[nearest_voxels(n_in, n_out, step)]
    return _at_positions(np.eye(n_in), step * np.arange(n_out), order)


def _at_positions(unit: NDArray[np.floating[Any]], at: NDArray[np.floating[Any]], order: int) -> Weights:
    rows, columns = np.meshgrid(at, np.arange(unit.shape[1], dtype=np.float64), indexing="ij")
    return np.asarray(ndimage.map_coordinates(unit, [rows, columns], order=order, mode="nearest"), dtype=np.float32)
