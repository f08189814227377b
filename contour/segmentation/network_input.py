"""From a CT to what the network is shown; the only module that adds batch and channel axes."""

from __future__ import annotations

from collections.abc import Sequence

import torch


def to_channels(hu: torch.Tensor, windows_hu: Sequence[tuple[float, float]]) -> torch.Tensor:
    """HU of shape (z, y, x) to (1, windows, z, y, x): each window clipped and scaled to -1 … 1."""
    channels = [hu.clamp(low, high).sub(low).mul(2.0 / (high - low)).sub(1.0) for low, high in windows_hu]
    return torch.stack(channels)[None]
