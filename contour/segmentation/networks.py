"""The networks that a model folder may ask for: MONAI classes by name, with checked plain arguments.

A spec names one of these and gives numbers, strings and lists; nothing from a model folder is imported, evaluated
or unpickled.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from monai.networks.nets.dynunet import DynUNet
from monai.networks.nets.segresnet import SegResNet
from monai.networks.nets.segresnet_ds import SegResNetDS
from monai.networks.nets.unet import UNet
from torch import nn
from torch.nn import functional

from contour.errors import ModelError
from contour.segmentation.spec import ModelSpec

_LARGEST_WIDTH = 2048
_MOST_LEVELS = 8


def build_network(spec: ModelSpec) -> nn.Module:
    """The network of a spec, randomly initialised; (n, windows, z, y, x) to (n, structures, z, y, x) logits.

    Raises:
        ModelError: unknown architecture or arguments, or a patch that the network cannot halve as often as it
            wants to; reason BAD_MODEL_SPEC.
    """
    builder = _BUILDERS.get(spec.network.architecture)
    if builder is None:
        raise _bad(f"unknown architecture {spec.network.architecture!r}, expected one of {sorted(_BUILDERS)}")
    arguments = dict(spec.network.arguments)
    network = builder(arguments, len(spec.input.windows_hu), len(spec.structures))
    _norm_in_place(network)
    multiple = 2 ** (len(arguments.get("filters", arguments.get("blocks", [0] * 4))) - 1)
    if any(size % multiple for size in spec.input.patch_zyx):
        raise _bad(f"patch_zyx must be multiples of {multiple} for this network, found {spec.input.patch_zyx}")
    return network


class _OnePatchNorm(nn.InstanceNorm3d):
    """Instance normalisation that, while learning, leaves a single patch in its memory layout.

    PyTorch's own goes through a copy with channels first, a quarter of a training step on a CPU. For a batch of one,
    batch normalisation by the batch's own statistics is the same arithmetic; but it adds up in an order that hangs on
    the number of threads, and an answer must not. So it is for learning only.
    """

    def forward(self, input: torch.Tensor) -> torch.Tensor:  # noqa: A002 - the base class's own name
        if not self.training or input.shape[0] != 1:
            return super().forward(input)
        return functional.batch_norm(input, None, None, self.weight, self.bias, True, 0.0, self.eps)


def _norm_in_place(network: nn.Module) -> None:
    for module in network.modules():
        if type(module) is nn.InstanceNorm3d and not module.track_running_stats:
            module.__class__ = _OnePatchNorm


def _dyn_unet(arguments: Mapping[str, Any], channels_in: int, channels_out: int) -> nn.Module:
    _only(arguments, {"filters", "residual"})
    filters = _widths(arguments, "filters")
    levels = len(filters)
    return DynUNet(
        spatial_dims=3,
        in_channels=channels_in,
        out_channels=channels_out,
        kernel_size=[3] * levels,
        strides=[1] + [2] * (levels - 1),
        upsample_kernel_size=[2] * (levels - 1),
        filters=filters,
        norm_name=("INSTANCE", {"affine": True}),
        res_block=bool(arguments.get("residual", False)),
        deep_supervision=False,
    )


def _unet(arguments: Mapping[str, Any], channels_in: int, channels_out: int) -> nn.Module:
    _only(arguments, {"filters", "residual_units"})
    filters = _widths(arguments, "filters")
    return UNet(
        spatial_dims=3,
        in_channels=channels_in,
        out_channels=channels_out,
        channels=filters,
        strides=[2] * (len(filters) - 1),
        num_res_units=_count(arguments, "residual_units", 2),
    )


def _seg_res_net(arguments: Mapping[str, Any], channels_in: int, channels_out: int) -> nn.Module:
    _only(arguments, {"first_filters"})
    return SegResNet(
        spatial_dims=3,
        in_channels=channels_in,
        out_channels=channels_out,
        init_filters=_count(arguments, "first_filters", 16),
    )


def _seg_res_net_ds(arguments: Mapping[str, Any], channels_in: int, channels_out: int) -> nn.Module:
    _only(arguments, {"first_filters", "blocks"})
    blocks = _widths(arguments, "blocks")
    return SegResNetDS(
        spatial_dims=3,
        in_channels=channels_in,
        out_channels=channels_out,
        init_filters=_count(arguments, "first_filters", 16),
        blocks_down=tuple(blocks),
        norm=("INSTANCE", {"affine": True}),
    )


_BUILDERS: dict[str, Callable[[Mapping[str, Any], int, int], nn.Module]] = {
    "DynUNet": _dyn_unet,
    "SegResNet": _seg_res_net,
    "SegResNetDS": _seg_res_net_ds,
    "UNet": _unet,
}


def _only(arguments: Mapping[str, Any], known: set[str]) -> None:
    unknown = sorted(set(arguments) - known)
    if unknown:
        raise _bad(f"unknown network arguments {unknown}, expected some of {sorted(known)}")


def _widths(arguments: Mapping[str, Any], key: str) -> list[int]:
    widths = arguments.get(key)
    if (
        not isinstance(widths, list)
        or not 2 <= len(widths) <= _MOST_LEVELS
        or not all(type(width) is int and 1 <= width <= _LARGEST_WIDTH for width in widths)
    ):
        raise _bad(f"{key} must be 2 to {_MOST_LEVELS} whole numbers up to {_LARGEST_WIDTH}, found {widths!r}")
    return widths


def _count(arguments: Mapping[str, Any], key: str, default: int) -> int:
    value = arguments.get(key, default)
    if type(value) is not int or not 0 <= value <= _LARGEST_WIDTH:
        raise _bad(f"{key} must be a whole number up to {_LARGEST_WIDTH}, found {value!r}")
    return value


def _bad(message: str) -> ModelError:
    return ModelError(message, reason="BAD_MODEL_SPEC")
