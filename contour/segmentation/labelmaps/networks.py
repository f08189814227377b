"""The networks that a label-map model may ask for: nnU-Net's two, and MONAI classes with plain arguments.

A class is chosen by name from a table here and given checked numbers, words and lists; it is built without memory
first, so that a spec cannot ask for more than `MOST_PARAMETERS`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from monai.networks.nets.dynunet import DynUNet
from monai.networks.nets.segresnet import SegResNet
from monai.networks.nets.segresnet_ds import SegResNetDS
from monai.networks.nets.swin_unetr import SwinUNETR
from monai.networks.nets.unet import UNet as MonaiUNet
from torch import nn
from torch.overrides import TorchFunctionMode

from contour.errors import ModelError
from contour.segmentation.labelmaps.unets import UNet, UnetPlan
from contour.segmentation.spec import NetworkSpec

MOST_PARAMETERS = 1_000_000_000
_LARGEST_NUMBER = 4096
_MOST_STAGES = 12
_DEEPEST = 4

_FOR_TRAINING = {"deep_supervision": False, "use_checkpoint": False}
"""Arguments that change nothing of an answer, and what they are set to here."""

MONAI_ARGUMENTS: Mapping[str, tuple[str, ...]] = {
    "SegResNet": (
        "init_filters",
        "dropout_prob",
        "act",
        "norm",
        "use_conv_final",
        "blocks_down",
        "blocks_up",
        "upsample_mode",
    ),
    "SegResNetDS": (
        "init_filters",
        "act",
        "norm",
        "blocks_down",
        "blocks_up",
        "dsdepth",
        "upsample_mode",
        "resolution",
    ),
    "DynUNet": (
        "kernel_size",
        "strides",
        "upsample_kernel_size",
        "filters",
        "dropout",
        "norm_name",
        "act_name",
        "deep_supervision",
        "deep_supr_num",
        "res_block",
        "trans_bias",
    ),
    "UNet": (
        "channels",
        "strides",
        "kernel_size",
        "up_kernel_size",
        "num_res_units",
        "act",
        "norm",
        "dropout",
        "bias",
        "adn_ordering",
    ),
    "SwinUNETR": (
        "patch_size",
        "depths",
        "num_heads",
        "window_size",
        "qkv_bias",
        "mlp_ratio",
        "feature_size",
        "norm_name",
        "drop_rate",
        "attn_drop_rate",
        "dropout_path_rate",
        "normalize",
        "patch_norm",
        "use_checkpoint",
        "downsample",
        "use_v2",
    ),
}
"""The arguments of each MONAI class that a model may set, besides the channels in and out."""

_MONAI: Mapping[str, Callable[..., nn.Module]] = {
    "SegResNet": SegResNet,
    "SegResNetDS": SegResNetDS,
    "DynUNet": DynUNet,
    "UNet": MonaiUNet,
    "SwinUNETR": SwinUNETR,
}
_NNUNET = {"PlainConvUNet": False, "ResidualEncoderUNet": True}


def build_label_network(spec: NetworkSpec, *, channels_in: int, channels_out: int) -> nn.Module:
    """The network of a spec, randomly initialised; (n, channels_in, a, b, c) to (n, channels_out, a, b, c) logits.

    Raises:
        ModelError: an unknown architecture or argument, one that the class does not take, or a network that is too
            large; reason BAD_MODEL_SPEC.
    """
    if spec.architecture in _NNUNET:
        plan = unet_plan(spec, channels_in=channels_in, channels_out=channels_out)
        return _built(spec.architecture, lambda: UNet(plan))
    if spec.architecture in _MONAI:
        arguments = _plain(spec)
        kind = _MONAI[spec.architecture]
        return _built(
            spec.architecture,
            lambda: kind(spatial_dims=3, in_channels=channels_in, out_channels=channels_out, **arguments),
        )
    raise _bad(f"unknown architecture {spec.architecture!r}, expected one of {', '.join(sorted([*_NNUNET, *_MONAI]))}")


@contextmanager
def without_memory() -> Iterator[None]:
    """Whatever is built or computed within has shapes and no values."""
    with torch.device("meta"), _SmallTensorsHaveValues():
        yield


class _SmallTensorsHaveValues(TorchFunctionMode):
    """SwinUNETR reads its drop rates off a tensor while it is built."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        device = {"device": "cpu"} if func is torch.linspace else {}
        return func(*args, **{**device, **(kwargs or {})})


def unet_plan(spec: NetworkSpec, *, channels_in: int, channels_out: int) -> UnetPlan:
    """The plan behind a spec of one of nnU-Net's networks; reason BAD_MODEL_SPEC."""
    arguments = dict(spec.arguments)
    unknown = sorted(set(arguments) - set(UnetPlan.__slots__))
    if unknown:
        raise _bad(f"unknown network arguments {unknown}, expected some of {sorted(UnetPlan.__slots__)}")
    features = _wholes(arguments, "features")
    stages = len(features)
    plan = UnetPlan(
        residual=_NNUNET[spec.architecture],
        channels_in=channels_in,
        channels_out=channels_out,
        features=features,
        kernels=_steps(arguments, "kernels", stages),
        strides=_steps(arguments, "strides", stages),
        blocks=_wholes(arguments, "blocks", stages),
        decoder_convs=_wholes(arguments, "decoder_convs", stages - 1),
        conv_bias=_flag(arguments, "conv_bias", True),
        batch_norm=_flag(arguments, "batch_norm", False),
        norm_eps=_number(arguments, "norm_eps", 1e-5),
        norm_affine=_flag(arguments, "norm_affine", True),
        negative_slope=_number(arguments, "negative_slope", 0.01),
        nonlin_first=_flag(arguments, "nonlin_first", False),
        stem_channels=int(_number(arguments, "stem_channels", 0)),
    )
    if plan.strides[0] != (1, 1, 1):
        raise _bad(f"the first stage's stride must be 1, found {plan.strides[0]}")
    return plan


def _built(name: str, build: Callable[[], nn.Module]) -> nn.Module:
    try:
        with without_memory():
            parameters = sum(tensor.numel() for tensor in build().parameters())
        if parameters > MOST_PARAMETERS:
            raise _bad(f"{name} with these arguments has {parameters} parameters, at most {MOST_PARAMETERS}")
        return build()
    except (AssertionError, KeyError, NotImplementedError, RuntimeError, TypeError, ValueError) as error:
        raise _bad(f"{name} cannot be built with these arguments: {' '.join(str(error).split())[:200]}") from error


def _plain(spec: NetworkSpec) -> dict[str, Any]:
    known = MONAI_ARGUMENTS[spec.architecture]
    arguments = dict(spec.arguments)
    unknown = sorted(set(arguments) - set(known))
    if unknown:
        raise _bad(f"{spec.architecture} has unknown arguments {unknown}, expected some of {sorted(known)}")
    for name, value in arguments.items():
        _require_small(name, value)
    return {name: _FOR_TRAINING.get(name, value) for name, value in arguments.items()}


def _require_small(name: str, value: object, depth: int = 0) -> None:
    match value:
        case bool() | str():
            return
        case int() | float() if abs(value) <= _LARGEST_NUMBER:
            return
        case list() if depth < _DEEPEST and len(value) <= _LARGEST_NUMBER:
            for item in value:
                _require_small(name, item, depth + 1)
        case dict() if depth < _DEEPEST and len(value) <= _LARGEST_NUMBER:
            for item in value.values():
                _require_small(name, item, depth + 1)
        case _:
            raise _bad(f"{name} must hold numbers up to {_LARGEST_NUMBER}, words and lists of them")


def _wholes(arguments: Mapping[str, Any], key: str, count: int | None = None) -> tuple[int, ...]:
    values = arguments.get(key)
    if (
        not isinstance(values, list)
        or not (2 <= len(values) <= _MOST_STAGES if count is None else len(values) == count)
        or not all(type(value) is int and 1 <= value <= _LARGEST_NUMBER for value in values)
    ):
        wanted = f"2 to {_MOST_STAGES}" if count is None else str(count)
        raise _bad(f"{key} must be {wanted} whole numbers from 1 to {_LARGEST_NUMBER}, found {values!r}")
    return tuple(values)


def _steps(arguments: Mapping[str, Any], key: str, stages: int) -> tuple[tuple[int, int, int], ...]:
    values = arguments.get(key)
    if not isinstance(values, list) or len(values) != stages:
        raise _bad(f"{key} must hold three numbers for each of {stages} stages, found {values!r}")
    found: list[tuple[int, int, int]] = []
    for triple in values:
        match triple:
            case [int() as a, int() as b, int() as c] if all(1 <= size <= 15 for size in (a, b, c)):
                found.append((a, b, c))
            case _:
                raise _bad(f"{key} must be three whole numbers from 1 to 15 a stage, found {triple!r}")
    return tuple(found)


def _flag(arguments: Mapping[str, Any], key: str, default: bool) -> bool:
    value = arguments.get(key, default)
    if not isinstance(value, bool):
        raise _bad(f"{key} must be true or false, found {value!r}")
    return value


def _number(arguments: Mapping[str, Any], key: str, default: float) -> float:
    value = arguments.get(key, default)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= _LARGEST_NUMBER:
        raise _bad(f"{key} must be a number from 0 to {_LARGEST_NUMBER}, found {value!r}")
    return float(value)


def _bad(message: str) -> ModelError:
    return ModelError(message, reason="BAD_MODEL_SPEC")
