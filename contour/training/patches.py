"""Random patches to learn from: where they are taken, and how space is bent.

Everything is drawn from the generator that is handed in, so a run is the same run again from the same seed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional

from contour.segmentation.spec import ModelSpec
from contour.training.augment import AugmentationSettings, as_other_scanner, below, end_scan, uniform
from contour.training.prepared import PreparedCase

_SEEDS_PER_STRUCTURE = 500
_JITTER_VOXELS = 6.0
_LOOKS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Patch:
    """What one step learns from: HU and the membership, 0 to 1, of each structure; (z, y, x), (structures, z, y, x)."""

    hu: torch.Tensor
    labels: torch.Tensor
    contoured: torch.Tensor


class PatchSource:
    """Draws patches from prepared cases, a structure at a time so that rare ones are seen as often as common ones."""

    def __init__(self, cases: Sequence[PreparedCase], spec: ModelSpec, settings: AugmentationSettings) -> None:
        self._spec = spec
        self._settings = settings
        self._hu = [torch.from_numpy(case.hu_zyx) for case in cases]
        self._labels = [torch.from_numpy(case.labels_zyx) for case in cases]
        self._contoured = [torch.from_numpy(case.contoured) for case in cases]
        self._label_step = [torch.tensor(case.label_step_zyx, dtype=torch.float32) for case in cases]
        self._label_start = [torch.tensor(case.label_start_zyx, dtype=torch.float32) for case in cases]
        channels = range(len(spec.structures))
        self._seeds = [[_some_voxels(case.labels_zyx, channel) for channel in channels] for case in cases]
        self._holders = [
            [number for number, seeds in enumerate(self._seeds) if len(seeds[channel])] for channel in channels
        ]
        self._channels = [channel for channel, holders in enumerate(self._holders) if holders]

    def draw(self, generator: torch.Generator) -> Patch:
        """One augmented patch."""
        number, centre = self._place(generator)
        positions, mirrored = self._positions(centre, generator)
        hu, inside = _sample_hu(self._hu[number], positions, self._spec.input.outside_hu)
        end_scan(inside, self._settings, generator)
        order = list(self._spec.mirror_channels) if mirrored else list(range(len(self._spec.structures)))
        labels = self._sample_labels(number, positions, generator)[order] * inside
        hu = as_other_scanner(hu, inside, self._settings, generator)
        hu[~inside] = self._spec.input.outside_hu
        return Patch(hu=hu, labels=labels, contoured=self._contoured[number][order])

    def _place(self, generator: torch.Generator) -> tuple[int, torch.Tensor]:
        """A case and a centre: near a structure four times in five, anywhere otherwise."""
        if uniform(generator) < 0.8:
            channel = self._channels[below(len(self._channels), generator)]
            number = self._holders[channel][below(len(self._holders[channel]), generator)]
            seeds = self._seeds[number][channel]
            voxel = torch.from_numpy(seeds[below(len(seeds), generator)]).float()
            reach = torch.tensor(self._spec.input.patch_zyx) / 3.0
            centre = (voxel - self._label_start[number]) / self._label_step[number]
            centre = centre + (torch.rand(3, generator=generator) * 2 - 1) * reach
        else:
            number = below(len(self._hu), generator)
            centre = torch.rand(3, generator=generator) * torch.tensor(self._hu[number].shape)
        return number, self._within(centre, number) + (torch.rand(3, generator=generator) * 2 - 1) * _JITTER_VOXELS

    def _within(self, centre: torch.Tensor, number: int) -> torch.Tensor:
        """The centre moved so that the patch shows as much of the patient as it can."""
        size = torch.tensor(self._hu[number].shape, dtype=torch.float32)
        half = torch.minimum(torch.tensor(self._spec.input.patch_zyx, dtype=torch.float32), size) / 2
        return torch.minimum(torch.maximum(centre, half), size - half)

    def _positions(self, centre: torch.Tensor, generator: torch.Generator) -> tuple[torch.Tensor, bool]:
        """(z, y, x, 3) index of each patch voxel in its case, and whether left and right are exchanged."""
        s = self._settings
        angles = (torch.rand(3, generator=generator) * 2 - 1) * math.radians(s.rotation_deg)
        scale = torch.exp((torch.rand(1, generator=generator) * 2 - 1) * s.scale)
        stretch = torch.exp((torch.rand(3, generator=generator) * 2 - 1) * s.scale / 3)
        mirrored = uniform(generator) < s.mirror
        spacing = torch.tensor(self._spec.input.spacing_zyx_mm)
        matrix = _rotation(angles) * (scale * stretch)[None, :] * (spacing[None, :] / spacing[:, None])
        if mirrored:
            matrix[:, 2] = -matrix[:, 2]
        axes = [torch.arange(size, dtype=torch.float32) - (size - 1) / 2 for size in self._spec.input.patch_zyx]
        offsets = torch.stack(torch.meshgrid(*axes, indexing="ij"), dim=-1)
        return offsets @ matrix.T + centre, mirrored

    def _sample_labels(self, number: int, positions: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """Membership at the positions, none outside.

        The nearest voxel at positions shaken by up to half a voxel is, on average, linear interpolation; at a fraction
        of the cost of interpolating each structure.
        """
        labels, channels = self._labels[number], range(len(self._spec.structures))
        places = positions * self._label_step[number] + self._label_start[number]
        membership = torch.zeros((len(channels), *places.shape[:-1]))
        for _ in range(_LOOKS):
            shaken = places + torch.rand(places.shape, generator=generator) - 0.5
            bits = _nearest(labels, shaken)
            for channel in channels:
                membership[channel] += (bits >> channel) & 1
        return membership / _LOOKS


def _some_voxels(labels_zyx: np.ndarray, channel: int) -> np.ndarray:
    voxels = np.argwhere(labels_zyx & (1 << channel))
    step = max(1, len(voxels) // _SEEDS_PER_STRUCTURE)
    return voxels[::step].astype(np.int32)


def _sample_hu(volume: torch.Tensor, positions: torch.Tensor, outside_hu: float) -> tuple[torch.Tensor, torch.Tensor]:
    """HU at the positions, linear, and which positions lie in what was scanned."""
    size = torch.tensor(volume.shape, dtype=torch.float32)
    normalised = (positions / (size - 1).clamp(min=1) * 2 - 1).flip(-1)[None]
    above_outside = (volume.float() - outside_hu)[None, None]
    sampled = functional.grid_sample(above_outside, normalised, align_corners=True)[0, 0]
    return sampled + outside_hu, sampled > 1.0


def _nearest(labels: torch.Tensor, positions: torch.Tensor) -> torch.Tensor:
    """Label bits at the nearest voxel, none outside."""
    z, y, x = positions.round().long().unbind(-1)
    nz, ny, nx = labels.shape
    inside = (z >= 0) & (z < nz) & (y >= 0) & (y < ny) & (x >= 0) & (x < nx)
    index = (z.clamp(0, nz - 1) * ny + y.clamp(0, ny - 1)) * nx + x.clamp(0, nx - 1)
    return torch.where(inside, labels.reshape(-1)[index], torch.zeros((), dtype=labels.dtype))


def _rotation(angles: torch.Tensor) -> torch.Tensor:
    matrix = torch.eye(3)
    for axis in range(3):
        c, s = math.cos(float(angles[axis])), math.sin(float(angles[axis]))
        i, j = [other for other in range(3) if other != axis]
        turn = torch.eye(3)
        turn[i, i], turn[i, j], turn[j, i], turn[j, j] = c, -s, s, c
        matrix = matrix @ turn
    return matrix
