"""What nothing speaks for is taken back; what the images ask for, or what is large, stays."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from registration.restraint import restrained
from registration.similarity import LocalCorrelation, Seen

SHAPE = (36, 44, 40)


def smooth_noise(seed: int, scale: float) -> torch.Tensor:
    made = torch.randn(1, 1, *SHAPE, generator=torch.Generator().manual_seed(seed))
    return functional.avg_pool3d(made, 3, stride=1, padding=1) * scale


def field_of(x_mm: float) -> torch.Tensor:
    return torch.stack([torch.full(SHAPE, x_mm), torch.zeros(SHAPE), torch.zeros(SHAPE)])


def kept_share(x_mm: float, *, matches: bool) -> torch.Tensor:
    """Share of a displacement of x that stays, where the image brought over matches the fixed one or does not."""
    fixed = smooth_noise(1, 300.0)
    correlation = LocalCorrelation.of(fixed, torch.ones_like(fixed), noise=3.0)
    other = smooth_noise(2, 300.0)
    weight = correlation.where(torch.ones_like(fixed))
    found = restrained(
        field_of(x_mm),
        correlation,
        with_it=Seen(moved=fixed * 0.8 + 40.0 if matches else other, weight=weight),
        without=Seen(moved=smooth_noise(3, 300.0), weight=weight),
    )
    return found[0] / x_mm


def test_a_small_displacement_that_brings_nothing_is_taken_back() -> None:
    assert float(kept_share(0.8, matches=False).abs().mean()) < 0.1


def test_a_small_displacement_that_makes_the_images_agree_stays() -> None:
    assert float(kept_share(0.8, matches=True).min()) == pytest.approx(1.0)


def test_a_large_displacement_stays_whatever_the_images_say() -> None:
    assert float(kept_share(6.0, matches=False).min()) == pytest.approx(1.0)
    assert 0.2 < float(kept_share(2.0, matches=False).mean()) < 0.8
