"""The training run: resumable after a kill, the same again from the same seed.

Step n draws its patch from a generator seeded by (seed, n), so a run that was killed goes on as if it had not been.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
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
from contour.training.cases import PreparedCase
from contour.training.loss import partial_loss
from contour.training.patches import AugmentationSettings, PatchSource

_EMA_DECAY = 0.995
_GRADIENT_NORM = 5.0
_FIRST_LOGIT = -4.0


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingSettings:
    """How long and how fast to learn."""

    steps: int = 2800
    learning_rate: float = 2e-3
    weight_decay: float = 1e-4
    warm_up_steps: int = 50
    seed: int = 20261121
    checkpoint_steps: int = 50


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
        on_step: Told of every step.

    Raises:
        InputError: the checkpoint belongs to another spec or other settings; reason OTHER_TRAINING_RUN.
    """
    torch.manual_seed(settings.seed)
    network = _network(spec).to(device, memory_format=torch.channels_last_3d)  # type: ignore[call-overload]
    average = {name: value.detach().clone() for name, value in network.state_dict().items()}
    optimiser = torch.optim.AdamW(network.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay)
    source = PatchSource(cases, spec, AugmentationSettings())
    work.mkdir(parents=True, exist_ok=True)
    checkpoint, identity = work / "checkpoint.pt", _identity(spec, settings)
    first = 0
    if checkpoint.is_file():
        state = torch.load(checkpoint, weights_only=True, map_location=device)
        if state["identity"] != identity:
            raise InputError(f"{checkpoint} belongs to another spec or other settings", reason="OTHER_TRAINING_RUN")
        network.load_state_dict(state["network"])
        optimiser.load_state_dict(state["optimiser"])
        average, first = state["average"], int(state["step"])
    with (work / "curve.jsonl").open("a", encoding="utf-8") as curve:
        for step in range(first, settings.steps):
            loss = _learn(network, optimiser, source, spec=spec, settings=settings, step=step, device=device)
            _move_average(average, network, step)
            curve.write(json.dumps({"step": step + 1, "loss": round(loss, 5)}) + "\n")
            on_step(TrainingStep(step=step + 1, steps=settings.steps, loss=loss))
            if (step + 1) % settings.checkpoint_steps == 0 or step + 1 == settings.steps:
                curve.flush()
                _save(
                    checkpoint,
                    {
                        "identity": identity,
                        "step": step + 1,
                        "network": network.state_dict(),
                        "optimiser": optimiser.state_dict(),
                        "average": average,
                    },
                )
    return {name: value.cpu() for name, value in average.items()}


def _network(spec: ModelSpec) -> nn.Module:
    """A new network that at first answers "nothing here", which is right for nearly every voxel."""
    network = build_network(spec)
    biases = [value for name, value in network.named_parameters() if name.endswith("bias")]
    last = [bias for bias in biases if bias.shape == (len(spec.structures),)]
    if last:
        nn.init.constant_(last[-1], _FIRST_LOGIT)
    return network


def _learn(
    network: nn.Module,
    optimiser: torch.optim.Optimizer,
    source: PatchSource,
    *,
    spec: ModelSpec,
    settings: TrainingSettings,
    step: int,
    device: str,
) -> float:
    generator = torch.Generator().manual_seed(settings.seed * 1_000_003 + step)
    patch = source.draw(generator)
    for group in optimiser.param_groups:
        group["lr"] = learning_rate_at(step, settings)
    inputs = to_channels(patch.hu.to(device), spec.input.windows_hu)
    inputs = inputs.contiguous(memory_format=torch.channels_last_3d)
    with torch.autocast(device, dtype=torch.bfloat16, enabled=device != "cpu" or native_bf16()):
        logits = network(inputs)[0]
    loss = partial_loss(logits, patch.labels.to(device), patch.contoured.to(device))
    optimiser.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    nn.utils.clip_grad_norm_(network.parameters(), _GRADIENT_NORM)
    optimiser.step()
    return float(loss.detach())


def learning_rate_at(step: int, settings: TrainingSettings) -> float:
    """Linear warm-up, then half a cosine down to zero."""
    if step < settings.warm_up_steps:
        return settings.learning_rate * (step + 1) / settings.warm_up_steps
    done = (step - settings.warm_up_steps) / max(1, settings.steps - settings.warm_up_steps)
    return settings.learning_rate * 0.5 * (1 + math.cos(math.pi * min(1.0, done)))


def _move_average(average: dict[str, torch.Tensor], network: nn.Module, step: int) -> None:
    decay = min(_EMA_DECAY, (1 + step) / (10 + step))
    for name, value in network.state_dict().items():
        if value.is_floating_point():
            average[name].mul_(decay).add_(value.detach(), alpha=1 - decay)
        else:
            average[name].copy_(value)


def _identity(spec: ModelSpec, settings: TrainingSettings) -> str:
    """What a checkpoint has to agree with; a run may be made longer or shorter while it is under way."""
    fixed = {name: value for name, value in asdict(settings).items() if name not in {"steps", "checkpoint_steps"}}
    shown = spec.input
    seen = (shown.spacing_zyx_mm, shown.patch_zyx, shown.windows_hu, shown.outside_hu, shown.margin_mm)
    return json.dumps([repr(spec.network), seen, spec.structure_names, fixed])


def _save(path: Path, state: dict[str, Any]) -> None:
    unfinished = path.with_suffix(".part")
    torch.save(state, unfinished)
    unfinished.replace(path)
