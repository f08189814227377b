"""How good a contour is likely to be, said from what is known when it is drawn.

A few features of the answer, and a linear model of them that was fitted to patients with known contours
(`contour.training.confidence_fit`): the predicted Dice.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from contour.anatomy.structures import Structure
from contour.segmentation.calibration import FEATURES, ConfidenceCalibration
from registration.orientation import AxisOrder

_SMALLEST_ML = 1e-3

Features = tuple[float, ...]
"""One value per name in `FEATURES`."""


def features_of(
    structure: Structure,
    probability_zyx: NDArray[np.float32],
    mirror_agreement: float | None,
    order: AxisOrder,
) -> Features:
    """What is known of a contour.

    Args:
        structure: Cleaned up, on the CT's grid, not empty.
        probability_zyx: What it was drawn from, on the network's grid.
        mirror_agreement: Dice of the direct and the mirrored answer; None, where nobody asked, counts as 1.
        order: From the CT's axes to the network's: which of them runs from foot to head.

    Returns:
        expected_dice: Dice that the contour would have on average if each voxel were inside with its probability.
        mirror_agreement: As given.
        log_volume_ml: Natural logarithm of the volume.
        cut_share: Area on the first or last slice of the scan, as a share of the largest area; 0 where it ends before.
        kept_share: Volume as a share of what it was before clean-up took parts away.
    """
    inside = probability_zyx >= 0.5
    mass = float(probability_zyx.sum(dtype=np.float64))
    expected = 2.0 * float(probability_zyx[inside].sum(dtype=np.float64)) / max(mass + np.count_nonzero(inside), 1e-6)
    volume_ml = structure.volume_ml
    removed_ml = sum(removal.volume_ml for removal in structure.removals)
    return (
        expected,
        1.0 if mirror_agreement is None else mirror_agreement,
        math.log(max(volume_ml, _SMALLEST_ML)),
        _cut_share(structure, order.source[0]),
        volume_ml / max(volume_ml + removed_ml, _SMALLEST_ML),
    )


def predicted_dice(features: Features, calibration: ConfidenceCalibration) -> float:
    """The Dice that contours with these features had on average, 0 to 1."""
    values = dict(zip(FEATURES, features, strict=True))
    dice = calibration.mean_dice + sum(
        one.weight * (values[one.feature] - one.mean) / one.scale for one in calibration.features
    )
    return min(1.0, max(0.0, dice))


def _cut_share(structure: Structure, axis: int) -> float:
    others = tuple(other for other in range(3) if other != axis)
    areas = np.count_nonzero(structure.mask_zyx, axis=others)
    low, last = structure.lower_zyx[axis], structure.grid.shape_zyx[axis] - 1
    ends = [int(areas[end - low]) for end in (0, last) if 0 <= end - low < len(areas)]
    return max(ends, default=0) / max(1, int(areas.max()))
