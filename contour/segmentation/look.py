"""Must-look regions: where a target may lie, cut so wide that on average next to nothing of it is missed.

A voxel's score is the network's logit for the target, brought to the CT's own voxels and written as a level of 0 to
255. The region at a level is every voxel whose score reaches it, and the contour. A lower level gives a region that
holds every higher one, so the missed share of a target never grows on the way down; on that rests the choice of the
level in `contour.training.conformal`.

Reference: Angelopoulos et al., Conformal Risk Control, ICLR 2024, arXiv:2208.02814.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from contour.anatomy.structures import Structure
from contour.segmentation.clean_up import cropped
from contour.segmentation.restore import sample_on_ct
from registration.grid import Grid, Shape
from registration.orientation import AxisOrder

LEVELS_PER_LOGIT = 16
LOWEST_LOGIT, HIGHEST_LOGIT = -12.0, 4.0
_HIGHEST_LEVEL = 255
_INSIDE = 128


@dataclass(frozen=True, slots=True, kw_only=True)
class LookScores:
    """Scores of one target on a crop of the CT's grid; 0 outside the crop, which then belongs to no region."""

    lower_zyx: Shape
    score_zyx: NDArray[np.uint8]


def look_name(target: str) -> str:
    """What the region of a target is called: TG-263 sets a z before what is no volume to plan or report on."""
    return f"zLook_{target}"


def level_probability(level: int) -> float:
    """The probability that a level stands for, as a reader of a model card wants it."""
    return 1.0 / (1.0 + math.exp(-((level - 0.5) / LEVELS_PER_LOGIT + LOWEST_LOGIT)))


def look_scores(
    probability_zyx: NDArray[np.float32], network_grid: Grid, ct_grid: Grid, order: AxisOrder, *, from_level: int = 1
) -> LookScores:
    """A target's scores on the CT's grid; those from `from_level` on are there and the same whatever it is.

    Args:
        probability_zyx: 0 … 1 on `network_grid`; exactly 0 outside the patient.
        network_grid: Its axes are the CT's in `order`.
        ct_grid: Where the scores are wanted.
        order: From the CT's axes to the network's.
        from_level: 1 to 255.
    """
    with np.errstate(divide="ignore"):
        logits = np.log(probability_zyx) - np.log1p(-probability_zyx)
    np.clip(logits, LOWEST_LOGIT, HIGHEST_LOGIT, out=logits)
    steps = np.asarray(order.apply_to_grid(ct_grid).spacing_zyx_mm) / np.asarray(network_grid.spacing_zyx_mm)
    a, b, c = (math.ceil(2.0 * max(1.0, float(step))) for step in steps)
    at_least = LOWEST_LOGIT + (from_level - 0.6) / LEVELS_PER_LOGIT
    found = sample_on_ct(logits, at_least, network_grid, ct_grid, order, margin=(a, b, c))
    if found is None:
        return LookScores(lower_zyx=(0, 0, 0), score_zyx=np.zeros((1, 1, 1), dtype=np.uint8))
    lower, values = found
    score = np.clip(np.rint((values - LOWEST_LOGIT) * LEVELS_PER_LOGIT), 0, _HIGHEST_LEVEL).astype(np.uint8)
    return LookScores(lower_zyx=lower, score_zyx=score)


def look_region(target: Structure, scores: LookScores, *, level: int) -> Structure:
    """The voxels that reach a level of 1 to 255, and the target's contour; both empty gives an empty structure."""
    above = np.clip(scores.score_zyx.astype(np.int16) - level + _INSIDE, 0, _HIGHEST_LEVEL).astype(np.uint8)
    low = [min(a, b) for a, b in zip(target.lower_zyx, scores.lower_zyx, strict=True)]
    ends = [
        max(a + n, b + m)
        for a, n, b, m in zip(target.lower_zyx, target.mask_zyx.shape, scores.lower_zyx, above.shape, strict=True)
    ]
    membership = np.zeros([end - start for start, end in zip(low, ends, strict=True)], dtype=np.uint8)
    membership[_place(scores.lower_zyx, above.shape, low)] = above
    inside = target.membership_zyx
    if inside is None:
        inside = np.where(target.mask_zyx, np.uint8(_HIGHEST_LEVEL), np.uint8(0))
    here = membership[_place(target.lower_zyx, inside.shape, low)]
    np.maximum(here, inside, out=here)
    return cropped(
        Structure(
            name=look_name(target.name),
            grid=target.grid,
            lower_zyx=(low[0], low[1], low[2]),
            mask_zyx=membership >= _INSIDE,
            membership_zyx=membership,
        )
    )


def _place(lower: Shape, shape: tuple[int, ...], origin: list[int]) -> tuple[slice, ...]:
    return tuple(slice(low - start, low - start + size) for low, size, start in zip(lower, shape, origin, strict=True))
