"""Adam with a rate that falls along a cosine, for one tensor.

`torch.optim` loads torch's compiler when its first optimiser is made, a second in which a small scan is half aligned.

Reference: Kingma and Ba, arXiv:1412.6980.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

_LAST_RATE = 0.05
_NOT_ZERO = 1e-8


class Adam:
    """Takes a tensor downhill in a known number of steps.

    Args:
        values: A leaf that requires a gradient; changed in place.
        rate: Length of the first step, in the units of the values; the last is a share of it.
        steps: How many there will be.
        betas: How much of the past the gradient's mean and mean square keep.
        last: That share.
    """

    def __init__(
        self, values: Tensor, *, rate: float, steps: int, betas: tuple[float, float], last: float = _LAST_RATE
    ) -> None:
        self._values = values
        self._rate, self._last, self._steps = rate, last, steps
        self._betas = betas
        self._mean = torch.zeros_like(values)
        self._square = torch.zeros_like(values)
        self._done = 0

    def step(self, loss: Tensor) -> None:
        """One step against the gradient of a loss."""
        (slope,) = torch.autograd.grad(loss, [self._values])
        first, second = self._betas
        share = self._last + (1.0 - self._last) * 0.5 * (1.0 + math.cos(math.pi * self._done / self._steps))
        self._done += 1
        with torch.no_grad():
            self._mean.lerp_(slope, 1.0 - first)
            self._square.mul_(second).addcmul_(slope, slope, value=1.0 - second)
            scale = (self._square / (1.0 - second**self._done)).sqrt_().add_(_NOT_ZERO)
            self._values.addcdiv_(self._mean, scale, value=-self._rate * share / (1.0 - first**self._done))
