"""A label-map model in a model folder: its networks by name, written and read as data."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import safetensors
import safetensors.torch
import torch
from torch import nn

from contour.errors import ModelError
from contour.segmentation.engines import Engine, EngineSettings, make_engine
from contour.segmentation.labelmaps.networks import build_label_network
from contour.segmentation.labelmaps.spec import KIND, LabelSpec, parse_label_spec
from contour.segmentation.spec import ModelSpec, parse_spec

if TYPE_CHECKING:
    from contour.segmentation.store import ModelCard


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelModel:
    """A label-map model in memory.

    Args:
        card: What a user is told of it.
        spec: What it is.
        device: `cpu` or `cuda`.
        exact: It answers as nnU-Net's own predictor would; else the fast way.
        engines: The engines of a stage's networks; made at the first call, kept after.
    """

    card: ModelCard
    spec: LabelSpec
    device: str
    exact: bool
    engines: Callable[[int], Sequence[Engine]]


def read_spec(text: str) -> ModelSpec | LabelSpec:
    """A `spec.toml` of either kind.

    Raises:
        ModelError: not TOML, a key missing or unknown, or a value out of range; reason BAD_MODEL_SPEC.
    """
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ModelError(f"not TOML: {error}", reason="BAD_MODEL_SPEC") from error
    return parse_label_spec(document) if document.get("kind") == KIND else parse_spec(text)


def label_networks(spec: LabelSpec, stage: int, *, count: int | None = None) -> list[nn.Module]:
    """The networks of a stage, randomly initialised; all of them, or `count`."""
    wanted = spec.stages[stage]
    return [
        build_label_network(wanted.network, channels_in=channels_in(spec, stage), channels_out=spec.channels)
        for _ in range(wanted.networks if count is None else count)
    ]


def channels_in(spec: LabelSpec, stage: int) -> int:
    """Channels that a stage is shown: the CT, and after the first stage one for each of its labels."""
    return 1 + (len(spec.foreground_labels) if stage else 0)


def tensor_name(stage: int, network: int, key: str) -> str:
    """What a tensor of one of the networks is called in `weights.safetensors`."""
    return f"stages.{stage}.networks.{network}.{key}"


def own_tensors(network: nn.Module) -> dict[str, torch.Tensor]:
    """Parameters and buffers, each once: MONAI's DynUNet lists shared layers under two names."""
    return {**dict(network.named_parameters()), **dict(network.named_buffers())}


def label_weights(spec: LabelSpec, weights: Mapping[str, torch.Tensor]) -> bytes:
    """The tensors of all networks of a model as safetensors, in the precision that they have.

    Raises:
        ModelError: one is missing or has the wrong shape; reason BAD_WEIGHTS.
    """
    for stage in range(len(spec.stages)):
        expected = own_tensors(label_networks(spec, stage, count=1)[0])
        for number in range(spec.stages[stage].networks):
            _tensors_of(weights, spec.name, stage, number, expected)
    return safetensors.torch.save({name: value.contiguous() for name, value in weights.items()})


def load_label_model(spec: LabelSpec, data: bytes, card: ModelCard, *, device: str, exact: bool) -> LabelModel:
    """A model from the bytes of its weights.

    Raises:
        ModelError: the weights are not safetensors or do not fit the networks; reason BAD_WEIGHTS.
    """
    try:
        weights = safetensors.torch.load(data)
    except safetensors.SafetensorError as error:
        raise ModelError(f"the weights of {spec.name} are not safetensors", reason="BAD_WEIGHTS") from error
    stages = [_filled(spec, weights, stage) for stage in range(len(spec.stages))]
    settings = EngineSettings(device=device, exact=exact)

    @cache
    def engines(stage: int) -> tuple[Engine, ...]:
        patch = spec.stages[stage].windows.patch
        return tuple(
            make_engine(network, settings, patch=patch, channels=channels_in(spec, stage)) for network in stages[stage]
        )

    return LabelModel(card=card, spec=spec, device=device, exact=exact, engines=engines)


def _filled(spec: LabelSpec, weights: Mapping[str, torch.Tensor], stage: int) -> list[nn.Module]:
    networks = label_networks(spec, stage)
    for number, network in enumerate(networks):
        network.load_state_dict(_tensors_of(weights, spec.name, stage, number, own_tensors(network)), strict=False)
        network.eval().requires_grad_(requires_grad=False)
    return networks


def _tensors_of(
    weights: Mapping[str, torch.Tensor], name: str, stage: int, number: int, expected: Mapping[str, torch.Tensor]
) -> dict[str, torch.Tensor]:
    found: dict[str, torch.Tensor] = {}
    for key, wanted in expected.items():
        value = weights.get(tensor_name(stage, number, key))
        if value is None or value.shape != wanted.shape or not bool(torch.isfinite(value).all()):
            shape = "missing" if value is None else f"{tuple(value.shape)} or not finite"
            raise ModelError(f"weight {key} of {name} is {shape}, expected {tuple(wanted.shape)}", reason="BAD_WEIGHTS")
        found[key] = value
    return found
