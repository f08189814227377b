"""A small nnU-Net trained here, so that exact and fast mode can be compared on a network that knows something.

    python ops/benchmarks/labelmap_training.py --out FOLDER [--minutes 20] [--patients 60]

Trains nnU-Net's own PlainConvUNet on OpenKBP's training patients (brainstem, cord, both parotid glands as one
structure, mandible; patients in whom all are contoured), mirrored along all three axes as nnU-Net does, and writes a
results folder that nnU-Net reads. It is no good model and not meant to be. Called again it goes on where it stopped.
Needs the judge nnunetv2 (see tests/nnunet_folders.py).
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import numpy as np
import torch
from openkbp_days import DATA, read_patient
from scipy import ndimage
from torch import nn
from torch.nn import functional

from contour.importing.json_table import JsonTable
from contour.importing.nnunet_plans import stage_document
from contour.segmentation.labelmaps.prepare import prepare

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests import nnunet_folders

NAME = "3d_fullres"
LABELS = {"brainstem": 1, "spinal_cord": 2, "parotid_glands": 3, "mandible": 4}
OF = {"Brainstem": 1, "SpinalCord": 2, "Parotid_L": 3, "Parotid_R": 3, "Bone_Mandible": 4}
PATCH = (48, 80, 80)
AXES = (0, 1, 2)
SAVE_EVERY_S = 60.0


def plan_and_dataset() -> tuple[dict[str, object], dict[str, object]]:
    architecture = nnunet_folders.architecture(
        n_stages=4,
        features_per_stage=[16, 32, 64, 128],
        kernel_sizes=[[3, 3, 3]] * 4,
        strides=[[1, 1, 1], [2, 2, 2], [2, 2, 2], [2, 2, 2]],
        n_conv_per_stage=[2] * 4,
        n_conv_per_stage_decoder=[2] * 3,
    )
    configuration = nnunet_folders.configuration(patch_size=list(PATCH), spacing=[3.0, 3.5, 3.5])
    configuration["architecture"]["arch_kwargs"] = architecture
    plan = nnunet_folders.plans({NAME: configuration}, dataset_name="Dataset901_OpenKBP")
    return plan, nnunet_folders.dataset({"background": 0, **LABELS}, name="head and neck")


def load(folder: Path, plan: dict[str, object]) -> tuple[np.ndarray, np.ndarray] | None:
    """Image and labels on the network's grid; None where one of the structures is not contoured."""
    patient = read_patient(folder)
    by_name = {structure.name: structure for structure in patient.structures}
    if not set(OF) <= set(by_name):
        return None
    labels = np.zeros(patient.ct.grid.shape_zyx, dtype=np.uint8)
    for name, label in OF.items():
        labels[by_name[name].full_mask_zyx()] = label
    document = stage_document(JsonTable(plan, "plan", reason="BAD_PLANS"), NAME, networks=1, mirror_axes=AXES)
    stage = nnunet_stage(document)
    shown = prepare(patient.ct, stage, "LPS", within=None)
    turned = shown.order.apply(labels)[shown.whole]
    zoom = [new / old for new, old in zip(shown.image.shape, turned.shape, strict=True)]
    return shown.image.astype(np.float16), ndimage.zoom(turned, zoom, order=0, grid_mode=True, mode="nearest")


def nnunet_stage(document: dict[str, object]):  # type: ignore[no-untyped-def]
    from contour.segmentation.labelmaps.spec import parse_label_spec

    whole = {
        "schema": 1, "kind": "label map", "name": "trial", "version": "1", "region": "r", "licence": "l",
        "orientation": "LPS", "answer": "labels", "channels": len(LABELS) + 1, "paint": [], "stages": [document],
        "structures": [{"name": "Brainstem", "labels": [1]}],
    }  # fmt: skip
    return parse_label_spec(whole).stages[0]


def patch_of(image: np.ndarray, labels: np.ndarray, chance: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """A window, more often than not about a structure, mirrored by chance."""
    pads = [(0, max(0, size - n)) for size, n in zip(PATCH, image.shape, strict=True)]
    image, labels = np.pad(image, pads), np.pad(labels, pads)
    centre = [chance.integers(n) for n in image.shape]
    if chance.random() < 0.7:
        found = np.argwhere(labels == chance.integers(1, len(LABELS) + 1))
        if len(found):
            centre = list(found[chance.integers(len(found))])
    start = [int(np.clip(c - p // 2, 0, n - p)) for c, p, n in zip(centre, PATCH, image.shape, strict=True)]
    box = tuple(slice(s, s + p) for s, p in zip(start, PATCH, strict=True))
    part = image[box].astype(np.float32) * chance.uniform(0.9, 1.1) + chance.uniform(-0.1, 0.1)
    answer = labels[box]
    for axis in AXES:
        if chance.random() < 0.5:
            part, answer = np.flip(part, axis), np.flip(answer, axis)
    return (
        torch.from_numpy(np.array(part, dtype=np.float32))[None, None],
        torch.from_numpy(np.array(answer, dtype=np.int64))[None],
    )


def loss_of(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Cross-entropy and soft Dice, nnU-Net's two."""
    shares = logits.softmax(dim=1)
    wanted = functional.one_hot(labels, shares.shape[1]).movedim(-1, 1).float()
    axes = (0, 2, 3, 4)
    overlap = (2 * (shares * wanted).sum(axes) + 1) / (shares.sum(axes) + wanted.sum(axes) + 1)
    return functional.cross_entropy(logits, labels) - overlap[1:].mean()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=20.0)
    parser.add_argument("--patients", type=int, default=60)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    plan, data = plan_and_dataset()
    network = nnunet_folders.network_of(plan, data, NAME)
    network.decoder.deep_supervision = False  # type: ignore[union-attr]
    network = network.to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload]
    optimiser = torch.optim.Adam(network.parameters(), lr=2e-3)
    state = options.out / "training.pt"
    steps = resume(state, network, optimiser)
    cases = [case for folder in folders(options.patients) if (case := load(folder, plan)) is not None]
    print(f"{len(cases)} patients, from step {steps}", flush=True)
    chance = np.random.default_rng(steps)
    started_s = saved_s = time.monotonic()
    while time.monotonic() - started_s < 60 * options.minutes:
        image, labels = cases[chance.integers(len(cases))]
        part, answer = patch_of(image, labels, chance)
        loss = loss_of(network(part), answer)
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 5.0)
        optimiser.step()
        steps += 1
        if steps % 50 == 0:
            print(f"step {steps}: loss {loss.item():.3f}, {time.monotonic() - started_s:.0f} s", flush=True)
        if time.monotonic() - saved_s > SAVE_EVERY_S:
            save(options.out, network, optimiser, steps, plan, data)
            saved_s = time.monotonic()
    save(options.out, network, optimiser, steps, plan, data)


def folders(most: int) -> list[Path]:
    return sorted((DATA / "train").iterdir(), key=lambda folder: int(folder.name.removeprefix("pt_")))[:most]


def resume(state: Path, network: nn.Module, optimiser: torch.optim.Optimizer) -> int:
    if not state.is_file():
        return 0
    kept = torch.load(state, weights_only=True)
    network.load_state_dict(kept["network"])
    optimiser.load_state_dict(kept["optimiser"])
    return int(kept["steps"])


def save(out: Path, network: nn.Module, optimiser: torch.optim.Optimizer, steps: int, plan: dict, data: dict) -> None:  # type: ignore[type-arg]
    out.mkdir(parents=True, exist_ok=True)
    torch.save(
        {"network": network.state_dict(), "optimiser": optimiser.state_dict(), "steps": steps}, out / "training.pt"
    )
    results = out / f"{nnunet_folders.TRAINER}{NAME}"
    if not results.is_dir():
        nnunet_folders.write_results(out, NAME, plan, data, mirror_axes=AXES, state=network.state_dict())
    else:
        nnunet_folders.write_checkpoint(results, "0", network.state_dict(), NAME, plan, data, mirror_axes=AXES)


if __name__ == "__main__":
    main()
