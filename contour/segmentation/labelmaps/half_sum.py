"""nnU-Net's own way to add windows up: in half precision, divided in the end.

It is the less accurate way, and here for one reason: where two labels are nearly as likely, its rounding decides, and
exact mode has to give the label that nnU-Net gives.

Reference: nnunetv2 2.8.1, `nnUNetPredictor._internal_predict_sliding_window_return_logits`.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from contour.segmentation.labelmaps.window_sum import RollingLogits, Window, WindowPlan, window_bells

_HIGHEST_WEIGHT = 10.0


class HalfLogits:
    """As `RollingLogits`, with sums and weights of half precision, apart for each network of an ensemble."""

    def __init__(self, channels: int, networks: int, plan: WindowPlan, *, rows: int, device: torch.device) -> None:
        self._sums = [
            RollingLogits(channels, plan, rows=rows, device=device, dtype=torch.float16) for _ in range(networks)
        ]
        self._count = RollingLogits(1, plan, rows=rows, device=device, dtype=torch.float16)
        x, y, z = (torch.from_numpy(bell) for bell in window_bells(plan.patch))
        bell = x[:, None, None] * y[None, :, None] * z[None, None, :]
        weight = (bell / (bell.max() / _HIGHEST_WEIGHT)).to(dtype=torch.float16, device=device)
        weight[weight == 0] = weight[weight != 0].min()
        self._weight = weight[None]

    def add(self, window: Window, logits: Sequence[torch.Tensor]) -> None:
        """Add a window's weighted logits, one for each network; changes `logits`."""
        for held, answer in zip(self._sums, logits, strict=True):
            held.put(window, answer.mul_(self._weight))
        self._count.put(window, self._weight)

    def rows(self, first: int, last: int) -> torch.Tensor:
        """Rows first … last - 1 as float32, rounded as nnU-Net rounds them."""
        count = self._count.rows(first, last)
        total = self._sums[0].rows(first, last).div(count)
        for held in self._sums[1:]:
            total += held.rows(first, last).div(count)
        if len(self._sums) > 1:
            total /= len(self._sums)
        return total.float()

    def release(self, first: int, last: int) -> None:
        """Forget rows, so that later ones can take their place."""
        for held in (*self._sums, self._count):
            held.release(first, last)
