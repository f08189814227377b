"""Muon: an orthogonal step for kernels."""

import pytest
import torch
from torch import nn

from contour.training.optimiser import Muon, kernels_and_rest, orthogonal


@pytest.mark.parametrize("shape", [(6, 40), (40, 6), (12, 12)])
def test_singular_values_come_near_one_and_directions_stay(shape: tuple[int, int]) -> None:
    torch.manual_seed(3)
    matrix = torch.randn(shape) @ torch.diag(torch.logspace(0, -1, shape[1]))

    answer = orthogonal(matrix)

    left, _, right = torch.linalg.svd(matrix, full_matrices=False)
    assert answer.shape == shape
    values = torch.diagonal(left.T @ answer @ right.T)
    assert values.min() > 0.3
    assert values.max() < 1.4
    off = left.T @ answer @ right.T - torch.diag(values)
    assert off.abs().max() < 0.02


def test_a_step_does_not_depend_on_the_gradients_size() -> None:
    torch.manual_seed(4)
    gradient = torch.randn(8, 4, 3, 3, 3)
    moved = []
    for factor in (1.0, 1e-4):
        kernel = nn.Parameter(torch.zeros(8, 4, 3, 3, 3))
        kernel.grad = gradient * factor
        Muon([kernel], lr=0.1).step()
        moved.append(kernel.detach())

    torch.testing.assert_close(moved[0], moved[1], atol=2e-3, rtol=0.02)
    assert float((moved[0] * gradient).sum()) < 0


def test_a_quadratic_with_a_long_valley_is_walked_down() -> None:
    torch.manual_seed(5)
    target, stretch = torch.randn(4, 1, 3, 3, 3), torch.logspace(0, -2, 27).reshape(1, 1, 3, 3, 3)
    kernel = nn.Parameter(torch.zeros(4, 1, 3, 3, 3))
    optimiser = Muon([kernel], lr=0.05)
    first = float((stretch * target**2).sum())
    for _ in range(150):
        optimiser.zero_grad()
        (stretch * (kernel - target) ** 2).sum().backward()
        optimiser.step()

    assert float((stretch * (kernel.detach() - target) ** 2).sum()) < 0.02 * first


def test_only_hidden_kernels_are_kernels() -> None:
    network = nn.Sequential(nn.Conv3d(2, 8, 3), nn.InstanceNorm3d(8, affine=True), nn.Conv3d(8, 5, 1))

    kernels, rest = kernels_and_rest(network, outputs=5)

    assert [tuple(p.shape) for p in kernels] == [(8, 2, 3, 3, 3)]
    assert len(kernels) + len(rest) == len(list(network.parameters()))
