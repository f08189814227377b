"""What speaks for and against a carried contour, without knowing the truth.

Witnesses are asked where it counts: at points near the contour's own boundary. The dense field says how far each of
them moved; the feature points, a backward registration made on its own, the images and the network are asked whether
they agree. `contour.adaptation.expected_error` turns the answers into millimetres.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation, binary_erosion, uniform_filter

from contour.anatomy.agreement import dice, mean_surface_distance_mm
from contour.anatomy.structures import Structure
from registration.grid import Coordinates, Grid
from registration.resample import resample
from registration.transform import Alignment
from registration.volume import Volume
from registration.warp import sample, warp

BAND_MM = 5.0
"""Points are asked up to so far on either side of the contour."""

SUPPORT_MM = 15.0
"""A feature point farther away than this says nothing of a point."""

_MOST_POINTS = 3000
_AGREEMENT_STEP_MM = 3.0
_AGREEMENT_WINDOW = 5
_NOISE_HU = 8.0


@dataclass(frozen=True, slots=True, kw_only=True)
class WitnessAgreement:
    """How far another account of the same structure lies from the carried contour."""

    centroid_shift_mm: float
    mean_surface_distance_mm: float
    dice: float


@dataclass(frozen=True, slots=True, kw_only=True)
class StructureEvidence:
    """The witnesses' answers about one carried structure; None where a witness knows nothing.

    Args:
        points: How many points were asked.
        motion_mm: Mean length of the deformation, set-up taken out.
        disagreement_mm: Mean difference between the dense field and the feature points' field, over supported points.
        supported: Share of the points with a feature point within 15 mm.
        inconsistency_mm: Mean distance by which there (forward) and back (a registration of its own) miss each other.
        agreement: Mean local correlation of the day's image and the aligned plan's, -1 to 1.
        agreement_rigid: The same with the set-up put right only.
        jacobian_minimum: Smallest and
        jacobian_maximum: largest local volume ratio, plan over today.
        network_mm: Mean surface distance between the network's contour today and its own plan contour, carried.
        voxel_mm: Geometric mean of the coarser CT's voxel edges.
    """

    points: int
    motion_mm: float
    disagreement_mm: float | None
    supported: float
    inconsistency_mm: float | None
    agreement: float
    agreement_rigid: float
    jacobian_minimum: float
    jacobian_maximum: float
    network_mm: float | None
    voxel_mm: float


def boundary_points_xyz_mm(structure: Structure) -> Coordinates:
    """Up to 3000 voxel centres within 5 mm of the boundary, evenly picked; (n, 3), none for an empty structure."""
    mask = structure.mask_zyx
    if not mask.any():
        return np.zeros((0, 3))
    reach = [max(1, round(BAND_MM / step)) for step in structure.grid.spacing_zyx_mm]
    padded = np.pad(mask, [(n, n) for n in reach])
    ball = _ellipsoid(reach)
    band = binary_dilation(padded, ball) & ~binary_erosion(padded, ball)
    index = np.argwhere(band) - np.asarray(reach) + np.asarray(structure.lower_zyx)
    inside = ((index >= 0) & (index < np.asarray(structure.grid.shape_zyx))).all(axis=1)
    index = index[inside]
    step = max(1, math.ceil(index.shape[0] / _MOST_POINTS))
    # an odd stride walks through all axes; a fixed one would follow the grid's rows
    order = np.random.default_rng(20260000).permutation(index.shape[0])[: index.shape[0] // step]
    return structure.grid.to_point_xyz_mm(index[np.sort(order)].astype(np.float64))


def local_agreement(daily: Volume, plan: Volume, daily_to_plan: Alignment) -> Volume:
    """Local correlation of the day's scan with the plan's, brought over; float32 on a grid of about 3 mm.

    Where the plan's scan has nothing, and where both are flat (air), it is NaN: there the images cannot say.
    """
    step: tuple[float, float, float] = (
        max(_AGREEMENT_STEP_MM, daily.grid.spacing_zyx_mm[0]),
        max(_AGREEMENT_STEP_MM, daily.grid.spacing_zyx_mm[1]),
        max(_AGREEMENT_STEP_MM, daily.grid.spacing_zyx_mm[2]),
    )
    grid = daily.grid.resampled(step)
    fixed = resample(daily, grid, outside=-1000.0).values_zyx.clip(-1000, 2000)
    moved = warp(_coarse(plan, step), daily_to_plan, grid, outside=np.nan).values_zyx.clip(-1000, 2000)
    known = np.isfinite(moved)
    correlation = _correlation(fixed, np.where(known, moved, 0.0), known)
    return Volume(grid=grid, values_zyx=correlation)


def contour_agreement(carried: Structure, other: Structure) -> WitnessAgreement | None:
    """How far two accounts of a structure on the same grid lie apart; None where either is empty."""
    if carried.is_empty or other.is_empty:
        return None
    lower = np.minimum(carried.lower_zyx, other.lower_zyx) - 1
    upper = np.maximum(_end(carried), _end(other)) + 1
    a, b = (_in_box(one, lower, upper) for one in (carried, other))
    shift = _centroid_xyz_mm(other) - _centroid_xyz_mm(carried)
    return WitnessAgreement(
        centroid_shift_mm=float(np.linalg.norm(shift)),
        mean_surface_distance_mm=mean_surface_distance_mm(a, b, spacing_zyx_mm=carried.grid.spacing_zyx_mm),
        dice=dice(a, b),
    )


def coarser_voxel_mm(one: Grid, other: Grid) -> float:
    """Geometric mean of the voxel edges of the coarser of two grids."""
    return max(float(np.prod(grid.spacing_zyx_mm) ** (1 / 3)) for grid in (one, other))


def mean_agreement(agreement: Volume, points_xyz_mm: Coordinates) -> float:
    """Mean local correlation at points; 0 where the images can say nothing at any of them."""
    values = sample(agreement, points_xyz_mm, outside=np.nan)
    known = values[np.isfinite(values)]
    return float(known.mean()) if known.size else 0.0


def _coarse(volume: Volume, step: tuple[float, float, float]) -> Volume:
    coarser: tuple[float, float, float] = (
        max(step[0], volume.grid.spacing_zyx_mm[0]),
        max(step[1], volume.grid.spacing_zyx_mm[1]),
        max(step[2], volume.grid.spacing_zyx_mm[2]),
    )
    return resample(volume, volume.grid.resampled(coarser), outside=-1000.0)


def _correlation(a: NDArray[np.float32], b: NDArray[np.float32], known: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Pearson's over windows of five voxels, with the noise's variance in the denominator; NaN where nothing is."""

    def mean(values: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.asarray(uniform_filter(values, _AGREEMENT_WINDOW, mode="nearest"), dtype=np.float32)

    weight = mean(known.astype(np.float32))
    share = np.maximum(weight, 1e-3)
    a = np.where(known, a, 0.0).astype(np.float32)
    mean_a, mean_b = mean(a) / share, mean(b) / share
    var_a = np.maximum(mean(a * a) / share - mean_a**2, 0.0)
    var_b = np.maximum(mean(b * b) / share - mean_b**2, 0.0)
    covariance = mean(a * b) / share - mean_a * mean_b
    found = covariance / np.sqrt((var_a + _NOISE_HU**2) * (var_b + _NOISE_HU**2))
    nothing = (weight < 0.5) | (np.maximum(var_a, var_b) < _NOISE_HU**2)
    return np.asarray(np.where(nothing, np.nan, found), dtype=np.float32)


def _ellipsoid(reach: list[int]) -> NDArray[np.bool_]:
    axes = [np.arange(-n, n + 1) / (n + 0.01) for n in reach]
    z, y, x = np.meshgrid(*axes, indexing="ij")
    return np.asarray(z**2 + y**2 + x**2 <= 1.0)


def _end(structure: Structure) -> NDArray[np.int64]:
    return np.add(structure.lower_zyx, structure.mask_zyx.shape, dtype=np.int64)


def _in_box(structure: Structure, lower: NDArray[np.int64], upper: NDArray[np.int64]) -> NDArray[np.bool_]:
    box = np.zeros(tuple(int(n) for n in upper - lower), dtype=np.bool_)
    start = np.asarray(structure.lower_zyx) - lower
    place = tuple(slice(int(a), int(a) + n) for a, n in zip(start, structure.mask_zyx.shape, strict=True))
    box[place] = structure.mask_zyx
    return box


def _centroid_xyz_mm(structure: Structure) -> Coordinates:
    index = np.argwhere(structure.mask_zyx).mean(axis=0) + np.asarray(structure.lower_zyx)
    return structure.grid.to_point_xyz_mm(index)
