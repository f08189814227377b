"""The training run: resumable after a kill, the same again from the same seed.

Step n draws its patch from a generator seeded by (seed, n), so a run that was killed goes on as if it had not been.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from contour.errors import InputError
from contour.segmentation.network_input import to_channels
from contour.segmentation.networks import build_network
from contour.segmentation.precision import native_bf16
from contour.segmentation.spec import ModelSpec
from contour.training.augment import AS_SCANNED, AugmentationSettings
from contour.training.loss import partial_loss
from contour.training.optimiser import Muon, kernels_and_rest
from contour.training.patches import Patch, PatchSource
from contour.training.prepared import PreparedCase

_EMA_DECAY = 0.998
_GRADIENT_NORM = 5.0
_FIRST_LOGIT = -4.0
_HELD_OUT_PATCHES = 24
_MAY_CHANGE = {"steps", "falling", "checkpoint_steps", "held_out_steps"}


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingSettings:
    """How long and how fast to learn.

    `kernel_rate` is the step of the kernels between hidden layers, which Muon moves; `learning_rate` that of all else,
    which AdamW moves. Both stay up until `falling` of the steps are left and then fall to zero along a line. At 1 they
    fall from the start, which on few steps learns most.
    """

    steps: int = 12000
    kernel_rate: float = 0.02
    learning_rate: float = 2e-3
    weight_decay: float = 1e-4
    warm_up_steps: int = 50
    falling: float = 1.0
    seed: int = 20261121
    checkpoint_steps: int = 50
    held_out_steps: int = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingStep:
    """What is told after each step."""

    step: int
    steps: int
    loss: float


def train_network(
    spec: ModelSpec,
    cases: Sequence[PreparedCase],
    settings: TrainingSettings,
    *,
    work: Path,
    device: str = "cpu",
    initial: Mapping[str, torch.Tensor] | None = None,
    held_out: Sequence[PreparedCase] = (),
    on_step: Callable[[TrainingStep], None] = lambda step: None,
) -> dict[str, torch.Tensor]:
    """Train from the work folder's checkpoint, or from the start; the averaged weights of the last step.

    Args:
        spec: The model to train.
        cases: Patients at the spec's spacing.
        settings: Length, speed and seed; a checkpoint made with another speed or seed is refused. Another length is
            taken up where the run is: the learning rate then falls over the new length.
        work: Folder for `checkpoint.pt` and `curve.jsonl`, outside any repository.
        device: `cpu` or `cuda`.
        initial: Weights to start from, by name; those of `build_network` where None.
        held_out: Patients that are not learnt from; the loss on a few of their patches is written to the curve.
        on_step: Told of every step.

    Raises:
        InputError: the checkpoint belongs to another spec or other settings; reason OTHER_TRAINING_RUN.
    """
    torch.manual_seed(settings.seed)
    network = _network(spec)
    if initial is not None:
        network.load_state_dict(dict(initial))
    network = network.to(device, memory_format=torch.channels_last_3d)  # type: ignore[call-overload]
    run = _Run(network, spec=spec, settings=settings, device=device)
    source = PatchSource(cases, spec, AugmentationSettings())
    shown = _patches_of(held_out, spec, settings)
    work.mkdir(parents=True, exist_ok=True)
    checkpoint, identity = work / "checkpoint.pt", _identity(spec, settings)
    first = run.load(checkpoint, identity) if checkpoint.is_file() else 0
    with (work / "curve.jsonl").open("a", encoding="utf-8") as curve:
        for step in range(first, settings.steps):
            generator = torch.Generator().manual_seed(settings.seed * 1_000_003 + step)
            loss = run.learn(source.draw(generator), step)
            line: dict[str, float] = {
                "step": step + 1,
                "loss": round(loss, 5),
                "rate": learning_rate_at(step, settings),
            }
            last = step + 1 == settings.steps
            if shown and ((step + 1) % settings.held_out_steps == 0 or last):
                line["held_out_loss"] = round(run.loss_of_average(shown), 5)
            curve.write(json.dumps(line) + "\n")
            on_step(TrainingStep(step=step + 1, steps=settings.steps, loss=loss))
            if (step + 1) % settings.checkpoint_steps == 0 or last:
                curve.flush()
                run.save(checkpoint, identity, step + 1)
    return {name: value.cpu() for name, value in run.average.items()}


class _Run:
    """A network under training: its weights, their running average and its two optimisers."""

    def __init__(self, network: nn.Module, *, spec: ModelSpec, settings: TrainingSettings, device: str) -> None:
        self._network = network
        self._windows_hu = spec.input.windows_hu
        self._settings = settings
        self._device = device
        self.average = {name: value.detach().clone() for name, value in network.state_dict().items()}
        kernels, rest = kernels_and_rest(network, outputs=len(spec.structures))
        self._optimisers: tuple[tuple[torch.optim.Optimizer, float], ...] = (
            (Muon(kernels, lr=settings.kernel_rate), settings.kernel_rate),
            (
                torch.optim.AdamW(rest, lr=settings.learning_rate, weight_decay=settings.weight_decay),
                settings.learning_rate,
            ),
        )

    def learn(self, patch: Patch, step: int) -> float:
        """One step along the gradient of one patch; its loss."""
        share = learning_rate_at(step, self._settings) / self._settings.learning_rate
        loss = self._loss(patch)
        self._network.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self._network.parameters(), _GRADIENT_NORM)
        for optimiser, rate in self._optimisers:
            for group in optimiser.param_groups:
                group["lr"] = rate * share
            optimiser.step()
        _move_average(self.average, self._network, step)
        return float(loss.detach())

    @torch.no_grad()
    def loss_of_average(self, patches: Sequence[Patch]) -> float:
        """Mean loss of the averaged weights."""
        current = {name: value.detach().clone() for name, value in self._network.state_dict().items()}
        self._network.load_state_dict(self.average)
        losses = [float(self._loss(patch)) for patch in patches]
        self._network.load_state_dict(current)
        return sum(losses) / len(losses)

    def load(self, path: Path, identity: str) -> int:
        """Go on from a checkpoint; how many steps it has behind it."""
        state = torch.load(path, weights_only=True, map_location=self._device)
        if state["identity"] != identity:
            raise InputError(f"{path} belongs to another spec or other settings", reason="OTHER_TRAINING_RUN")
        self._network.load_state_dict(state["network"])
        for (optimiser, _), kept in zip(self._optimisers, state["optimisers"], strict=True):
            optimiser.load_state_dict(kept)
        self.average = state["average"]
        return int(state["step"])

    def save(self, path: Path, identity: str, step: int) -> None:
        """Write a checkpoint, whole or not at all."""
        state: dict[str, Any] = {
            "identity": identity,
            "step": step,
            "network": self._network.state_dict(),
            "optimisers": [optimiser.state_dict() for optimiser, _ in self._optimisers],
            "average": self.average,
        }
        unfinished = path.with_suffix(".part")
        torch.save(state, unfinished)
        unfinished.replace(path)

    def _loss(self, patch: Patch) -> torch.Tensor:
        inputs = to_channels(patch.hu.to(self._device), self._windows_hu)
        inputs = inputs.contiguous(memory_format=torch.channels_last_3d)
        with torch.autocast(self._device, dtype=torch.bfloat16, enabled=self._device != "cpu" or native_bf16()):
            logits = self._network(inputs)[0]
        return partial_loss(logits, patch.labels.to(self._device), patch.contoured.to(self._device))


def _patches_of(cases: Sequence[PreparedCase], spec: ModelSpec, settings: TrainingSettings) -> list[Patch]:
    """A few patches of patients that are not learnt from, as they were scanned."""
    if not cases:
        return []
    source = PatchSource(cases, spec, AS_SCANNED)
    generator = torch.Generator().manual_seed(settings.seed)
    return [source.draw(generator) for _ in range(_HELD_OUT_PATCHES)]


def _network(spec: ModelSpec) -> nn.Module:
    """A new network that at first answers "nothing here", which is right for nearly every voxel."""
    network = build_network(spec)
    biases = [value for name, value in network.named_parameters() if name.endswith("bias")]
    last = [bias for bias in biases if bias.shape == (len(spec.structures),)]
    if last:
        nn.init.constant_(last[-1], _FIRST_LOGIT)
    return network


def learning_rate_at(step: int, settings: TrainingSettings) -> float:
    """Linear warm-up, level, then a line down to zero."""
    up = (step + 1) / settings.warm_up_steps
    down = (settings.steps - step) / max(1.0, settings.steps * settings.falling)
    return settings.learning_rate * min(1.0, up, down)


def _move_average(average: dict[str, torch.Tensor], network: nn.Module, step: int) -> None:
    decay = min(_EMA_DECAY, (1 + step) / (10 + step))
    for name, value in network.state_dict().items():
        if value.is_floating_point():
            average[name].mul_(decay).add_(value.detach(), alpha=1 - decay)
        else:
            average[name].copy_(value)


def _identity(spec: ModelSpec, settings: TrainingSettings) -> str:
    """What a checkpoint has to agree with; a run may be made longer or shorter while it is under way."""
    fixed = {name: value for name, value in asdict(settings).items() if name not in _MAY_CHANGE}
    shown = spec.input
    seen = (shown.spacing_zyx_mm, shown.patch_zyx, shown.windows_hu, shown.outside_hu, shown.margin_mm)
    return json.dumps([repr(spec.network), seen, spec.structure_names, fixed])
