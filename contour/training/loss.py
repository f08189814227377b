"""How wrong an answer is, where somebody contoured it."""

from __future__ import annotations

import torch
from torch.nn import functional


def partial_loss(logits: torch.Tensor, labels: torch.Tensor, contoured: torch.Tensor) -> torch.Tensor:
    """Soft Dice plus binary cross-entropy over the structures that were contoured; a scalar.

    Args:
        logits: (structures, z, y, x).
        labels: Same shape, 0 or 1.
        contoured: (structures,) bool; the others are left out, neither inside nor background.

    References:
        F. Milletari et al., V-Net, 3DV 2016, doi:10.1109/3DV.2016.79 (soft Dice).
    """
    if not bool(contoured.any()):
        return logits.sum() * 0.0
    if not bool(contoured.all()):
        logits, labels = logits[contoured], labels[contoured]
    logits = logits.float()
    cross_entropy = functional.binary_cross_entropy_with_logits(logits, labels, reduction="none").mean(dim=(1, 2, 3))
    inside = torch.sigmoid(logits)
    overlap = (inside * labels).sum(dim=(1, 2, 3))
    total = inside.sum(dim=(1, 2, 3)) + labels.sum(dim=(1, 2, 3))
    seen = labels.flatten(1).any(dim=1)
    dice = torch.where(seen, 1 - (2 * overlap + 1) / (total + 1), torch.zeros_like(total))
    return (dice + 5.0 * cross_entropy).mean()
