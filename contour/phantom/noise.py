"""Noise like a CT's: grains a little larger than a voxel, stronger and streaked across the shoulders."""

from __future__ import annotations

import math

import numpy as np
from scipy import ndimage

from contour.phantom.shapes import Field

_GRAIN_MM = 0.75
_STREAK_MM = 7.0
_SHOULDERS_MM = -150.0


def slice_noise(
    seed: int,
    index: int,
    *,
    shape_yx: tuple[int, int],
    spacing_yx_mm: tuple[float, float],
    shoulders: float,
    streak_axis: int,
) -> Field:
    """Noise for one slice, of standard deviation 1 in the head and 1.9 across the shoulders.

    `shoulders` between 0 and 1 blends in streaks along `streak_axis` of the slice, the way from arm to arm.
    """
    draw = np.random.default_rng([seed, 20261, index])
    white = draw.standard_normal(shape_yx, dtype=np.float32)
    grain = white
    for axis, spacing in enumerate(spacing_yx_mm):
        grain = _smooth(grain, _GRAIN_MM / spacing, axis)
    if shoulders < 0.02:
        return grain
    streaks = _smooth(white[::-1], _STREAK_MM / spacing_yx_mm[streak_axis], streak_axis)
    return grain * np.float32(1 + 0.35 * shoulders) + streaks * np.float32(1.3 * shoulders)


def shoulder_share(z_mm: float) -> float:
    """0 in head and neck, 1 where the beam has to cross both shoulders."""
    return 1 / (1 + math.exp(min(60.0, (z_mm - _SHOULDERS_MM) / 9.0)))


def _smooth(values: Field, sigma: float, axis: int) -> Field:
    if sigma < 0.3:
        return values
    reach = max(1, math.ceil(3 * sigma))
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    weights /= math.sqrt(float((weights**2).sum()))
    smoothed: Field = ndimage.correlate1d(values, weights.astype(np.float32), axis=axis, mode="wrap")
    return smoothed
