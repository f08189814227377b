"""A network that has learnt something, in seconds: bone, soft tissue and brain of the synthetic patient."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from scipy import ndimage
from torch.nn import functional

from contour.phantom import Phantom
from tests import nnunet_folders

LABELS = {"background": 0, "soft_tissue": 1, "bone": 2, "brain": 3}
STEPS = 200
BONE_HU = 200.0


def labels_of(patient: Phantom) -> np.ndarray:
    labels = np.zeros(patient.ct.grid.shape_zyx, dtype=np.uint8)
    labels[patient.structure("External").full_mask_zyx()] = 1
    labels[(labels == 1) & (patient.ct.values_zyx > BONE_HU)] = 2
    labels[patient.structure("Brain").full_mask_zyx() & (labels == 1)] = 3
    return labels


def train(patient: Phantom, plan: Mapping[str, Any], data: Mapping[str, Any], name: str) -> dict[str, torch.Tensor]:
    """Weights of a configuration's network after some steps on windows of the patient."""
    spacing_mm = plan["configurations"][name]["spacing"]
    zoom = [old / new for old, new in zip(patient.ct.grid.spacing_zyx_mm, spacing_mm, strict=True)]
    properties = plan["foreground_intensity_properties_per_channel"]["0"]
    clipped = np.clip(patient.ct.values_zyx, properties["percentile_00_5"], properties["percentile_99_5"])
    image = ndimage.zoom(
        (clipped - properties["mean"]) / properties["std"], zoom, order=1, grid_mode=True, mode="nearest"
    )
    wanted = ndimage.zoom(labels_of(patient), zoom, order=0, grid_mode=True, mode="nearest")
    network = nnunet_folders.network_of(plan, data, name)
    network.decoder.deep_supervision = False
    optimiser = torch.optim.Adam(network.parameters(), lr=1e-2)
    chance = np.random.default_rng(5)
    patch = plan["configurations"][name]["patch_size"]
    for _ in range(STEPS):
        start = [int(chance.integers(max(1, size - along + 1))) for size, along in zip(image.shape, patch, strict=True)]
        box = tuple(slice(at, at + along) for at, along in zip(start, patch, strict=True))
        loss = functional.cross_entropy(
            network(torch.from_numpy(image[box].astype(np.float32))[None, None]),
            torch.from_numpy(wanted[box].astype(np.int64))[None],
            torch.tensor([1.0, 1.0, 2.0, 2.0]),
        )
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return {key: value.detach() for key, value in network.state_dict().items()}
