"""Conformal risk control: how low a must-look region has to be cut so that little of a target is missed on average.

With n patients exchangeable with those to come, a loss of at most 1 that never grows on the way to lower levels, and
the highest level at which n / (n + 1) * mean loss + 1 / (n + 1) is at most alpha, the next patient's expected loss is
at most alpha. The loss is the share of the target's volume outside the region.

Reference: Angelopoulos et al., Conformal Risk Control, ICLR 2024, arXiv:2208.02814, theorem 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from contour.anatomy.structures import Structure
from contour.segmentation.calibration import HIGHEST_LEVEL, LookCalibration
from contour.segmentation.look import LookScores

_LEVELS = HIGHEST_LEVEL + 1


@dataclass(frozen=True, slots=True, kw_only=True)
class LookCurve:
    """One target in one patient: what its region misses, and how large it is, at each level.

    Args:
        case: The patient.
        missed: (256,) share of the true target outside the region at each level, 0 to 1, never falling; at level 0,
            the whole CT, nothing is missed.
        region_voxels: (256,) voxels in the region.
        contour_voxels: Voxels in the contour, which is part of every region.
    """

    case: str
    missed: NDArray[np.float64]
    region_voxels: NDArray[np.int64]
    contour_voxels: int


def look_curve(case: str, target: Structure, scores: LookScores, truth_zyx: NDArray[np.bool_]) -> LookCurve:
    """What `look_region` misses of a target at every level, from its scores counted once.

    Args:
        case: The patient's name.
        target: The contour, on the CT's grid; may be empty.
        scores: From level 1 on, on the same grid.
        truth_zyx: The true target on the whole grid, not empty.
    """
    contour = target.full_mask_zyx()
    crop = tuple(slice(low, low + size) for low, size in zip(scores.lower_zyx, scores.score_zyx.shape, strict=True))
    outside = ~contour[crop]
    everywhere = np.bincount(scores.score_zyx[outside], minlength=_LEVELS)
    sought = np.bincount(scores.score_zyx[outside & truth_zyx[crop]], minlength=_LEVELS)
    true_voxels = int(np.count_nonzero(truth_zyx))
    in_contour = int(np.count_nonzero(truth_zyx & contour))
    reached = in_contour + _from_level(sought)
    region = np.count_nonzero(contour) + _from_level(everywhere)
    missed = 1.0 - reached / true_voxels
    missed[0], region[0] = 0.0, truth_zyx.size
    return LookCurve(case=case, missed=missed, region_voxels=region, contour_voxels=int(np.count_nonzero(contour)))


def risk_bound(losses: NDArray[np.float64]) -> NDArray[np.float64]:
    """Upper bound of the next patient's expected loss, from (n, …) losses of 0 to 1 in n patients."""
    n = len(losses)
    bound: NDArray[np.float64] = (losses.sum(axis=0) + 1.0) / (n + 1)
    return bound


def conformal_level(missed: NDArray[np.float64], alpha: float) -> int:
    """The highest level whose bound is at most alpha; 0, the whole CT, where no other's is.

    Args:
        missed: (n, 256) missed share of each patient at each level.
        alpha: 0 to 1.
    """
    kept = np.flatnonzero(risk_bound(missed) <= alpha)
    return int(kept[-1]) if kept.size else 0


def calibrate_look(structure: str, curves: Sequence[LookCurve], alpha: float) -> LookCalibration | None:
    """A target's level and what it gave; None where only the whole CT would keep the bound."""
    if not curves:
        return None
    missed = np.stack([curve.missed for curve in curves])
    level = conformal_level(missed, alpha)
    if level == 0:
        return None
    n = len(curves)
    held_out = [missed[i, conformal_level(np.delete(missed, i, axis=0), alpha)] for i in range(n)]
    sizes = [curve.region_voxels[level] / curve.contour_voxels for curve in curves if curve.contour_voxels]
    return LookCalibration(
        structure=structure,
        alpha=alpha,
        patients=n,
        level=level,
        observed_missed=float(missed[:, level].mean()),
        held_out_missed=float(np.mean(held_out)),
        bound=float(risk_bound(missed)[level]),
        worst_missed=float(missed[:, level].max()),
        median_size=float(np.median(sizes)) if sizes else 0.0,
    )


def _from_level(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """For each level how many there are at it or above."""
    return np.cumsum(counts[::-1])[::-1]
