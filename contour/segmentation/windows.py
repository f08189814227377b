"""The network over a volume larger than its patch: overlapping windows, weighted and added up.

Each window's logits count most at its centre. The weights are divided by their sum where windows meet before they are
used, so that adding up is all there is to do.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
import torch
from numpy.typing import NDArray

from contour.progress import Progress
from contour.segmentation.network_input import to_channels
from contour.segmentation.precision import native_bf16
from contour.segmentation.store import LoadedModel
from registration.grid import Shape

_EDGE_WEIGHT = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkAnswer:
    """What the network says of a volume.

    Args:
        probability: Of each structure in each voxel, (structures, z, y, x), float32; moved so that a half is the
            structure's operating point.
        mirror_agreement: For each structure the Dice of what the network sees in the volume and in its mirror image,
            window by window; 1 where it sees nothing in either, None where it was not asked for the mirror image.
    """

    probability: NDArray[np.float32]
    mirror_agreement: tuple[float, ...] | None


def window_starts(size: int, patch: int, overlap: float) -> tuple[int, ...]:
    """Where windows begin along one axis: evenly spread, overlapping by `overlap` at least; (0,) if one is enough."""
    if size <= patch:
        return (0,)
    count = int(np.ceil((size - patch) / (patch * (1 - overlap)))) + 1
    return tuple(round(float(start)) for start in np.linspace(0, size - patch, count))


def axis_weights(size: int, patch: int, starts: tuple[int, ...]) -> tuple[NDArray[np.float32], ...]:
    """For each window along one axis the weight of each of its voxels; over all windows they add up to one."""
    bell = 1.0 - np.abs(np.arange(patch) - (patch - 1) / 2) / (patch / 2)
    bell = np.maximum(bell, _EDGE_WEIGHT)
    total = np.zeros(max(size, patch))
    for start in starts:
        total[start : start + patch] += bell
    return tuple((bell / total[start : start + patch]).astype(np.float32) for start in starts)


@torch.inference_mode()
def ask_network(
    hu_zyx: NDArray[np.float32], inside_zyx: NDArray[np.bool_], model: LoadedModel, progress: Progress
) -> NetworkAnswer:
    """The network's answer over the whole volume.

    Args:
        hu_zyx: CT at the model's spacing, head up, back at large y, left at large x.
        inside_zyx: Where the patient is; windows that hold nothing of it are left out and stay at 0.
        model: The network and its spec.
        progress: Told after each window.
    """
    patch, spec = model.spec.input.patch_zyx, model.spec.input
    size: Shape = (hu_zyx.shape[0], hu_zyx.shape[1], hu_zyx.shape[2])
    padding = [max(0, p - n) for p, n in zip(patch, size, strict=True)]
    before = [p // 2 for p in padding]
    pairs = [(b, p - b) for b, p in zip(before, padding, strict=True)]
    padded = torch.from_numpy(np.pad(hu_zyx, pairs, constant_values=spec.outside_hu))
    inside = np.pad(inside_zyx, pairs)
    starts = [window_starts(n, p, spec.overlap) for n, p in zip(padded.shape, patch, strict=True)]
    weights = [axis_weights(n, p, s) for n, p, s in zip(padded.shape, patch, starts, strict=True)]
    logits = torch.zeros((len(model.spec.structures), *padded.shape), dtype=torch.float32)
    covered = np.zeros(padded.shape, dtype=np.bool_)
    agreement = _Agreement()
    windows = list(product(*(range(len(along)) for along in starts)))
    for done, (i, j, k) in enumerate(windows):
        z, y, x = starts[0][i], starts[1][j], starts[2][k]
        box = (slice(z, z + patch[0]), slice(y, y + patch[1]), slice(x, x + patch[2]))
        if inside[box].any():
            wz, wy, wx = (torch.from_numpy(w) for w in (weights[0][i], weights[1][j], weights[2][k]))
            weight = wz[:, None, None] * wy[None, :, None] * wx[None, None, :]
            logits[(slice(None), *box)] += _answer(padded[box], model, weight, agreement) * weight
            covered[box] = True
        progress("network", (done + 1) / len(windows))
    answer: NDArray[np.float32] = logits.sigmoid_().numpy()
    answer *= covered & inside
    kept = (slice(None), *(slice(b, b + n) for b, n in zip(before, size, strict=True)))
    return NetworkAnswer(probability=answer[kept], mirror_agreement=agreement.dice())


def _answer(hu: torch.Tensor, model: LoadedModel, weight: torch.Tensor, agreement: _Agreement) -> torch.Tensor:
    inputs = to_channels(hu.to(model.device), model.spec.input.windows_hu)
    logits = _ask(inputs, model)
    if model.spec.input.mirrored_too:
        mirrored = _ask(inputs.flip(-1), model).flip(-1)[list(model.spec.mirror_channels)]
        agreement.add(logits, mirrored, weight)
        logits = (logits + mirrored) * 0.5
    return logits


class _Agreement:
    """Dice of two answers, added up window by window, each voxel counted as much as its window counts there."""

    def __init__(self) -> None:
        self._both: torch.Tensor | None = None
        self._either = torch.zeros(1)

    def add(self, one: torch.Tensor, other: torch.Tensor, weight: torch.Tensor) -> None:
        flat, first, second = weight.flatten(), (one > 0).flatten(1), (other > 0).flatten(1)
        both = (first & second).float() @ flat
        either = first.float() @ flat + second.float() @ flat
        self._both = both if self._both is None else self._both + both
        self._either = self._either + either

    def dice(self) -> tuple[float, ...] | None:
        if self._both is None:
            return None
        shares = torch.where(self._either > 0, 2.0 * self._both / self._either.clamp(min=1e-6), 1.0)
        return tuple(float(share) for share in shares)


def _ask(inputs: torch.Tensor, model: LoadedModel) -> torch.Tensor:
    inputs = inputs.contiguous(memory_format=torch.channels_last_3d)
    with torch.autocast(model.device, dtype=torch.bfloat16, enabled=model.device != "cpu" or native_bf16()):
        logits: torch.Tensor = model.network(inputs)[0]
    points = torch.tensor([structure.operating_point for structure in model.spec.structures])
    return logits.float().cpu() - torch.logit(points)[:, None, None, None]
