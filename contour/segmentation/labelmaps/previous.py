"""What a cascade's second stage is shown of the first one's labels: one channel each, on its own grid."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from contour.errors import ModelError
from contour.segmentation.labelmaps.prepare import StageInput
from contour.segmentation.labelmaps.sampling import Resampling, Sampling, resampling
from contour.segmentation.labelmaps.spec import StageSpec
from registration.grid import Shape
from registration.volume import Volume


def previous_channels(
    labels: NDArray[Any], shown: StageInput, stage: StageSpec, ct: Volume, foreground: tuple[int, ...]
) -> NDArray[np.float32]:
    """(labels, a, b, c) on the stage's grid: 1 where the first stage's label is the channel's, else 0.

    Each label's indicator is resampled on its own and the largest wins; where two share the top, the label that is
    nearest does (nnU-Net's resize_segmentation).

    Raises:
        ModelError: the stage does not say how labels are resampled; reason BAD_MODEL_SPEC.
    """
    if stage.label_sampling is None:
        raise ModelError(f"stage {stage.name!r} follows a stage and lacks 'label_sampling'", reason="BAD_MODEL_SPEC")
    turned = shown.order.apply(labels)[shown.whole]
    onto = shown.back.shape_in
    moved = turned if turned.shape == onto else _resampled(turned, shown, stage, ct, stage.label_sampling)
    return np.stack([moved == label for label in foreground]).astype(np.float32)


def _resampled(
    labels: NDArray[Any], shown: StageInput, stage: StageSpec, ct: Volume, sampling: Sampling
) -> NDArray[Any]:
    spacing = shown.order.apply_to_grid(ct.grid).spacing_zyx_mm
    shape: Shape = (labels.shape[0], labels.shape[1], labels.shape[2])
    how = resampling(sampling, shape, shown.back.shape_in, spacing_in_mm=spacing, spacing_out_mm=stage.spacing_mm)
    if how.across is None:
        return _largest_wins(labels, how, sampling)
    axis = how.across
    within = list(how.weights)
    within[axis] = np.eye(labels.shape[axis], dtype=np.float32)
    planes = _largest_wins(labels, Resampling(weights=(within[0], within[1], within[2]), across=None), sampling)
    nearest = how.weights[axis].argmax(axis=1)
    return np.asarray(np.take(planes, nearest, axis=axis))


def _largest_wins(labels: NDArray[Any], how: Resampling, sampling: Sampling) -> NDArray[Any]:
    nearest = labels[np.ix_(*(_nearest(n_in, n_out) for n_in, n_out in zip(how.shape_in, how.shape_out, strict=True)))]
    if sampling.order == 0:
        return np.asarray(nearest)
    best = np.full(how.shape_out, -np.inf, dtype=np.float32)
    winner = np.zeros(how.shape_out, dtype=labels.dtype)
    first, rows, columns = how.weights
    for label in np.unique(labels):
        score = np.tensordot(first, rows @ ((labels == label).astype(np.float32) @ columns.T), axes=(1, 0))
        ahead = (score > best + _TIE) | ((np.abs(score - best) <= _TIE) & (nearest == label))
        winner[ahead] = label
        np.maximum(best, score, out=best)
    return winner


_TIE = 1e-6


def _nearest(n_in: int, n_out: int) -> NDArray[np.intp]:
    at = n_in / n_out * (np.arange(n_out) + 0.5) - 0.5
    return np.asarray(np.clip(np.floor(at + 0.5), 0, n_in - 1), dtype=np.intp)
