"""MONAI's own way to add windows up: a voxel counts by the product of three bells, and never less than a thousandth.

The product is held up, not each bell, so that weights are not a product of three and have to be worked out for every
arrangement of neighbouring windows; most windows of a volume share a few of these.

Reference: MONAI 1.6.1, `monai.data.utils.compute_importance_map`.
"""

from __future__ import annotations

import itertools
from functools import lru_cache

import torch

from contour.segmentation.labelmaps.spec import Answer, AnswerValues
from contour.segmentation.labelmaps.window_sum import RollingLogits, Window, WindowPlan

_SIGMA_OF_PATCH = 1 / 8
_LEAST_WEIGHT = 1e-3
_KEPT = 8
"""Arrangements whose weights are held at a time: those of one line of windows."""

Neighbours = tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]
"""Along each axis, how far away the windows start that overlap one; 0, itself, among them."""


class MonaiLogits(RollingLogits):
    """As `RollingLogits`, with MONAI's weights, and read as what MONAI brings back to the CT.

    Args:
        channels: Of the answer.
        plan: Of the windows.
        rows: That are held at a time.
        device: Of the logits.
        gaussian: Windows count most at their centre.
        read_as: `probabilities` are read so that those above a half are above 0, where channels are independent.
        answer: Of the model.
    """

    def __init__(
        self,
        channels: int,
        plan: WindowPlan,
        *,
        rows: int,
        device: torch.device,
        gaussian: bool,
        read_as: AnswerValues,
        answer: Answer,
    ) -> None:
        super().__init__(channels, plan, rows=rows, device=device)
        self._patch = plan.patch
        self._starts = [sorted({window.start[axis] for window in plan.windows}) for axis in range(3)]
        self._bell = importance(plan).to(device) if gaussian else None
        self._shares = lru_cache(maxsize=_KEPT)(self._shares_among)
        self._read_as = read_as
        self._answer = answer

    def rows(self, first: int, last: int) -> torch.Tensor:
        """Rows first … last - 1, as logits or probabilities."""
        logits = super().rows(first, last)
        if self._read_as == "logits":
            return logits
        return logits.softmax(dim=0) if self._answer == "labels" else logits.sigmoid().sub_(0.5)

    def _add(self, window: Window, logits: torch.Tensor) -> None:
        if self._bell is None:
            super()._add(window, logits)
        else:
            self.put(window, logits.mul_(self._shares(self._bell, self._neighbours(window))))

    def _neighbours(self, window: Window) -> Neighbours:
        a, b, c = (
            tuple(start - own for start in starts if abs(start - own) < size)
            for own, starts, size in zip(window.start, self._starts, self._patch, strict=True)
        )
        return a, b, c

    def _shares_among(self, bell: torch.Tensor, neighbours: Neighbours) -> torch.Tensor:
        """What a window counts in each of its voxels; with its neighbours' it adds up to one."""
        total = torch.zeros_like(bell)
        for away in itertools.product(*neighbours):
            here = tuple(slice(max(step, 0), n + min(step, 0)) for step, n in zip(away, self._patch, strict=True))
            there = tuple(slice(max(-step, 0), n - max(step, 0)) for step, n in zip(away, self._patch, strict=True))
            total[here] += bell[there]
        return bell / total


def importance(plan: WindowPlan) -> torch.Tensor:
    """What each voxel of a window counts, before neighbours are looked at; (a, b, c)."""
    bells: list[torch.Tensor] = []
    for size in plan.patch:
        away = torch.arange(size, dtype=torch.float32) - (size - 1) / 2
        bells.append(torch.exp(away**2 / (-2 * (size * _SIGMA_OF_PATCH) ** 2)))
    x, y, z = bells
    whole = x[:, None, None] * y[None, :, None] * z[None, None, :]
    return whole.clamp(min=max(float(whole.min()), _LEAST_WEIGHT))
