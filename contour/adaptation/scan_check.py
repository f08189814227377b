"""Is this today's scan of this patient? What the images themselves say, whatever their headers claim.

A wrong patient, a wrong region, a flipped scan and a copy of the plan CT all register to something; what gives them
away is measured here and judged by `contour.adaptation.scan_verdict`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter

from registration.grid import Coordinates
from registration.transform import Alignment
from registration.volume import Volume
from registration.warp import sample

_SAME_HU = 1.0
_TISSUE_HU = (-150.0, 250.0)
_MOST_POINTS = 60_000
_FLAT_HU = 60.0
_FEW_POINTS = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyEvidence:
    """How much the day's scan is the plan's own voxels again, whatever identifiers it carries.

    Args:
        identical: Share of soft-tissue voxels that have the plan's value to 1 HU where the rigid part puts them.
        noise_correlation: Correlation of the fine grain of both scans there. Two scans of one patient share anatomy
            but not noise.
    """

    identical: float
    noise_correlation: float


def copy_evidence(daily: Volume, plan: Volume, daily_to_plan: Alignment) -> CopyEvidence:
    """Compare the two scans voxel by voxel after the rigid part, in flat soft tissue."""
    index = _flat_tissue(daily)
    if index.shape[0] < _FEW_POINTS:
        return CopyEvidence(identical=0.0, noise_correlation=0.0)
    points = daily.grid.to_point_xyz_mm(index.astype(np.float64))
    mapped = daily_to_plan.rigid.apply(points)
    at = (index[:, 0], index[:, 1], index[:, 2])
    today = np.asarray(daily.values_zyx[at], dtype=np.float32)
    planned = sample(plan, mapped, outside=np.nan)
    known = np.isfinite(planned)
    if np.count_nonzero(known) < _FEW_POINTS:
        return CopyEvidence(identical=0.0, noise_correlation=0.0)
    grain_today = _grain(daily, points)[known]
    grain_plan = _grain(plan, mapped)[known]
    spread = float(grain_today.std() * grain_plan.std())
    covariance = float(np.mean((grain_today - grain_today.mean()) * (grain_plan - grain_plan.mean())))
    return CopyEvidence(
        identical=float(np.mean(np.abs(today - planned)[known] <= _SAME_HU)),
        noise_correlation=covariance / spread if spread > 0 else 1.0,
    )


def _flat_tissue(volume: Volume) -> NDArray[np.int64]:
    """Indices of soft-tissue voxels away from edges, evenly thinned; (n, 3)."""
    values = np.asarray(volume.values_zyx)
    candidates = np.argwhere((values > _TISSUE_HU[0]) & (values < _TISSUE_HU[1]))
    last = np.asarray(volume.grid.shape_zyx) - 2
    candidates = candidates[((candidates >= 1) & (candidates <= last)).all(axis=1)]
    order = np.random.default_rng(20260000).permutation(candidates.shape[0])[: 4 * _MOST_POINTS]
    chosen = candidates[np.sort(order)]
    low = np.full(chosen.shape[0], np.inf, dtype=np.float32)
    high = -low
    for offset in _NEIGHBOURS:
        z, y, x = (chosen + offset).T
        near = values[z, y, x].astype(np.float32)
        low, high = np.minimum(low, near), np.maximum(high, near)
    flat = chosen[high - low < 4 * _FLAT_HU][:_MOST_POINTS]
    return np.asarray(flat, dtype=np.int64)


def _grain(volume: Volume, points_xyz_mm: Coordinates) -> NDArray[np.float32]:
    """What is left of the values at points of the volume once the mean of 3 x 3 x 3 voxels is taken off."""
    values = np.asarray(volume.values_zyx, dtype=np.float32)
    fine = Volume(grid=volume.grid, values_zyx=values - uniform_filter(values, 3, mode="nearest"))
    return sample(fine, points_xyz_mm, outside=0.0)


_NEIGHBOURS = np.array([(dz, dy, dx) for dz in (-1, 0, 1) for dy in (-1, 0, 1) for dx in (-1, 0, 1)])
