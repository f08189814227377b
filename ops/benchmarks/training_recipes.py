"""How much a network learns in its first steps, by network and optimiser: every recipe on the same patches.

    python ops/benchmarks/training_recipes.py DATA SPEC [--steps 300] [--recipe NAME ...] [--cache DIR]

DATA is a folder of cases as for `contour train`, SPEC a `spec.toml` that says what is learnt and at which spacing. One
case in twenty is held out; after its steps, the rate having fallen to zero, each recipe answers the same thirty patches
of those cases. Short runs do not tell what long ones reach; they tell what is worth a long one.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import torch
from torch import nn
from whole_job import machine

from contour.segmentation.network_input import to_channels
from contour.segmentation.networks import build_network
from contour.segmentation.precision import best_device, native_bf16
from contour.segmentation.spec import ModelSpec, NetworkSpec, parse_spec
from contour.training.augment import AS_SCANNED, AugmentationSettings
from contour.training.cases import find_cases
from contour.training.loss import partial_loss
from contour.training.optimiser import Muon, kernels_and_rest
from contour.training.patches import Patch, PatchSource
from contour.training.prepared import prepare_case

PLAIN = NetworkSpec(architecture="DynUNet", arguments=(("filters", [16, 32, 64, 128, 192]),))
RESIDUAL_PLAIN = NetworkSpec(
    architecture="DynUNet", arguments=(("filters", [16, 32, 64, 128, 192]), ("residual", True))
)
RESIDUAL = NetworkSpec(architecture="SegResNetDS", arguments=(("blocks", [1, 2, 2, 2, 2]), ("first_filters", 16)))
DEEPER = NetworkSpec(architecture="SegResNetDS", arguments=(("blocks", [1, 2, 2, 4, 2]), ("first_filters", 16)))
RECIPES = {
    "DynUNet-AdamW": (PLAIN, "adamw"),
    "DynUNet-Muon": (PLAIN, "muon"),
    "residual-DynUNet-Muon": (RESIDUAL_PLAIN, "muon"),
    "SegResNetDS-AdamW": (RESIDUAL, "adamw"),
    "SegResNetDS-Muon": (RESIDUAL, "muon"),
    "deeper-SegResNetDS-Muon": (DEEPER, "muon"),
}
HELD_OUT_PATCHES = 30
SEED = 777


def optimisers(network: nn.Module, spec: ModelSpec, kind: str) -> list[tuple[torch.optim.Optimizer, float]]:
    if kind == "adamw":
        return [(torch.optim.AdamW(network.parameters(), lr=2e-3, weight_decay=1e-4), 2e-3)]
    kernels, rest = kernels_and_rest(network, outputs=len(spec.structures))
    return [(Muon(kernels, lr=0.02), 0.02), (torch.optim.AdamW(rest, lr=2e-3, weight_decay=1e-4), 2e-3)]


class Recipe:
    """One network and its optimisers, at the start."""

    def __init__(self, spec: ModelSpec, kind: str, device: str) -> None:
        torch.manual_seed(1)
        self._spec, self._device = spec, device
        network = build_network(spec)
        answers = [
            p for name, p in network.named_parameters() if name.endswith("bias") and len(p) == len(spec.structures)
        ]
        nn.init.constant_(answers[-1], -4.0)
        self._network = network.to(device, memory_format=torch.channels_last_3d)  # type: ignore[call-overload]
        self._optimisers = optimisers(self._network, spec, kind)
        self.parameters = sum(p.numel() for p in network.parameters())

    def learn(self, source: PatchSource, steps: int) -> tuple[float, float]:
        """Mean loss of the last third of the steps, and seconds a step."""
        losses, started = [], time.perf_counter()
        for step in range(steps):
            share = min(1.0, (step + 1) / 30) * 0.5 * (1 + math.cos(math.pi * step / steps))
            patch = source.draw(torch.Generator().manual_seed(SEED * 1_000_003 + step))
            loss = partial_loss(self._answer(patch), patch.labels.to(self._device), patch.contoured.to(self._device))
            self._network.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(self._network.parameters(), 5.0)
            for optimiser, rate in self._optimisers:
                for group in optimiser.param_groups:
                    group["lr"] = rate * share
                optimiser.step()
            losses.append(float(loss.detach()))
        last = losses[-max(1, steps // 3) :]
        return sum(last) / len(last), (time.perf_counter() - started) / steps

    @torch.no_grad()
    def held_out(self, patches: Sequence[Patch]) -> tuple[float, list[float]]:
        """Mean loss, and the Dice of each structure over all patches together."""
        both = torch.zeros(len(self._spec.structures))
        sizes, loss = torch.zeros_like(both), 0.0
        for patch in patches:
            logits = self._answer(patch).float().cpu()
            loss += float(partial_loss(logits, patch.labels, patch.contoured))
            answered = (logits > 0).float() * patch.contoured[:, None, None, None]
            labels = patch.labels * patch.contoured[:, None, None, None]
            both += 2 * (answered * labels).sum(dim=(1, 2, 3))
            sizes += (answered + labels).sum(dim=(1, 2, 3))
        return loss / len(patches), (both / sizes).tolist()

    def _answer(self, patch: Patch) -> torch.Tensor:
        inputs = to_channels(patch.hu.to(self._device), self._spec.input.windows_hu)
        inputs = inputs.contiguous(memory_format=torch.channels_last_3d)
        with torch.autocast(self._device, dtype=torch.bfloat16, enabled=self._device != "cpu" or native_bf16()):
            logits: torch.Tensor = self._network(inputs)[0]
        return logits


def report(spec: ModelSpec, names: Iterable[str], data: Path, *, cache: Path, steps: int) -> None:
    cases = [prepare_case(case, spec, cache) for case in find_cases(data)]
    held_out = PatchSource(cases[::20], spec, AS_SCANNED)
    generator = torch.Generator().manual_seed(5)
    patches = [held_out.draw(generator) for _ in range(HELD_OUT_PATCHES)]
    source = PatchSource([case for i, case in enumerate(cases) if i % 20], spec, AugmentationSettings())
    print(f"{steps} steps of one patch {spec.input.patch_zyx}, {machine()}\n")
    print(f"| recipe | million weights | s/step | loss | held-out loss | {' | '.join(spec.structure_names)} |")
    print(f"| {' | '.join(['---'] * (5 + len(spec.structures)))} |", flush=True)
    for name in names:
        network, kind = RECIPES[name]
        recipe = Recipe(replace(spec, network=network), kind, best_device())
        loss, seconds = recipe.learn(source, steps)
        held_out_loss, dice = recipe.held_out(patches)
        each = " | ".join(f"{value:.2f}" for value in dice)
        print(
            f"| {name} | {recipe.parameters / 1e6:.1f} | {seconds:.2f} | {loss:.3f} | {held_out_loss:.3f} | {each} |",
            flush=True,
        )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("spec", type=Path)
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--recipe", action="append", choices=sorted(RECIPES), help="may be given again; all by default")
    parser.add_argument("--cache", type=Path, default=Path("out/training-recipes"))
    wanted = parser.parse_args()
    spec = parse_spec(wanted.spec.read_text(encoding="utf-8"))
    report(spec, wanted.recipe or RECIPES, wanted.data, cache=wanted.cache, steps=wanted.steps)
    return 0


if __name__ == "__main__":
    sys.exit(main())
