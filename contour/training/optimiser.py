"""Muon: steps for a network's kernels that are equally long in every direction the gradient points to.

Torch's own Muon takes matrices only; a network of convolutions has none.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import nn

_NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)
_ITERATIONS = 5
_TINY = 1e-7


class Muon(torch.optim.Optimizer):
    """Momentum whose update is made orthogonal: a kernel counts as a matrix, outputs by inputs times taps.

    References:
        K. Jordan et al., Muon: an optimizer for hidden layers in neural networks, 2024.
    """

    def __init__(self, parameters: Iterable[nn.Parameter], *, lr: float, momentum: float = 0.95) -> None:
        super().__init__(parameters, {"lr": lr, "momentum": momentum})

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        """One step along the gradients that are there; no closure is called."""
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    self._move(parameter, parameter.grad, lr=group["lr"], momentum=group["momentum"])

    def _move(self, parameter: nn.Parameter, gradient: torch.Tensor, *, lr: float, momentum: float) -> None:
        state = self.state[parameter]
        if "momentum" not in state:
            state["momentum"] = torch.zeros_like(parameter)
        remembered: torch.Tensor = state["momentum"]
        remembered.lerp_(gradient, 1 - momentum)
        ahead = gradient.lerp(remembered, momentum).flatten(1)
        longer = max(1.0, ahead.shape[0] / ahead.shape[1]) ** 0.5
        parameter.add_(orthogonal(ahead).view_as(parameter), alpha=-lr * longer)


def orthogonal(matrix: torch.Tensor) -> torch.Tensor:
    """About the nearest matrix whose singular values are all near 1, by Newton-Schulz iterations; float32.

    Each iteration multiplies by a polynomial of the matrix times its transpose. These all commute, so they are worked
    out on that small square alone and the long matrix is multiplied once.
    """
    a, b, c = _NEWTON_SCHULZ
    tall = matrix.shape[0] > matrix.shape[1]
    x: torch.Tensor = (matrix.T if tall else matrix).float()
    x = x / (x.norm() + _TINY)
    square = x @ x.T
    unit = torch.eye(len(square), device=x.device)
    whole = unit
    for _ in range(_ITERATIONS):
        factor = a * unit + b * square + c * square @ square
        whole = factor @ whole
        square = factor @ square @ factor
    x = whole @ x
    return x.T if tall else x


def kernels_and_rest(network: nn.Module, outputs: int) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
    """Convolution kernels between hidden layers, and all else: norms, biases and the layer that answers."""
    kernels = [p for p in network.parameters() if p.ndim == 5 and p.shape[0] != outputs]
    known = {id(p) for p in kernels}
    return kernels, [p for p in network.parameters() if id(p) not in known]
