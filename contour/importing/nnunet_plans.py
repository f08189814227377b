"""nnU-Net v2's plans.json and dataset.json, read as data: what a configuration's network is, and what it answers.

Both forms of plans are read: with an `architecture` (2.3 and newer), and the older one that names a UNet class.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from contour.errors import ModelError
from contour.importing.json_table import JsonTable

BAD_PLANS = "BAD_PLANS"
_READER_ORIENTATION = {"NibabelIOWithReorient": "RAS", "SimpleITKIOWithReorient": "RAS"}
_CLASSES = ("PlainConvUNet", "ResidualEncoderUNet")
_ACTIVATIONS = {"LeakyReLU": 0.01, "ReLU": 0.0}
_MODEST_SPLINE = ("resample_data_or_seg_to_shape", "resample_torch_fornnunet")
_NORMALISATIONS = {
    "CTNormalization": "clip and standardise",
    "ZScoreNormalization": "standardise",
    "NoNormalization": "none",
    "RescaleTo01Normalization": "rescale",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Labels:
    """What a model answers.

    Args:
        answer: `labels` or `regions`.
        channels: Of the network's answer.
        paint: For regions the label of each channel.
        structures: For each structure its name in the dataset and its labels.
    """

    answer: str
    channels: int
    paint: tuple[int, ...]
    structures: tuple[tuple[str, tuple[int, ...]], ...]


def read_labels(dataset: JsonTable) -> Labels:
    """What `dataset.json` says of channels and labels.

    Raises:
        ModelError: more than one channel of input (NOT_ONE_CHANNEL), labels that are not 0, 1, 2 … (LABEL_HOLES), or
            anything else that is not as nnU-Net writes it (BAD_PLANS).
    """
    inputs = dataset.values.get("channel_names", dataset.values.get("modality"))
    if not isinstance(inputs, dict) or len(inputs) != 1:
        count = len(inputs) if isinstance(inputs, dict) else 0
        raise ModelError(f"the model wants {count} images of a patient, expected 1, a CT", reason="NOT_ONE_CHANNEL")
    found: list[tuple[str, tuple[int, ...]]] = []
    for name, value in dataset.take("labels", dict).items():
        labels = tuple(value) if isinstance(value, list) else (value,)
        if not labels or not all(type(label) is int and 0 <= label < 1000 for label in labels):
            raise dataset.bad(f"dataset.json: label {name!r} is {value!r}, expected whole numbers")
        if name != "ignore" and set(labels) != {0}:
            found.append((str(name), tuple(sorted(set(labels)))))
    every = sorted({0, *(label for _, labels in found for label in labels)})
    if every != list(range(len(every))) or len(every) < 2:
        raise ModelError(
            f"the labels are {_short(every)}, expected 0 to {len(every) - 1} without holes", reason="LABEL_HOLES"
        )
    if all(len(labels) == 1 for _, labels in found):
        return Labels(answer="labels", channels=len(every), paint=(), structures=tuple(found))
    order = dataset.take("regions_class_order", list)
    if len(order) != len(found) or not all(type(label) is int and label in every for label in order):
        raise dataset.bad(
            f"dataset.json: regions_class_order is {order}, expected a label for each of {len(found)} regions"
        )
    return Labels(answer="regions", channels=len(found), paint=tuple(order), structures=tuple(found))


def configuration_of(plans: JsonTable, name: str) -> JsonTable:
    """One configuration with all that it inherits; reason BAD_PLANS."""
    configurations = plans.table("configurations")
    merged: dict[str, Any] = {}
    seen: list[str] = []
    wanted: str | None = name
    while wanted is not None:
        if wanted in seen:
            raise plans.bad(f"plans.json: configuration {name!r} inherits from itself")
        seen.append(wanted)
        own = configurations.take(wanted, dict)
        merged = {**own, **merged}
        wanted = own.get("inherits_from")
    return JsonTable(merged, f"plans.json: {name}", reason=BAD_PLANS)


def orientation_of(plans: JsonTable) -> str | None:
    """How the reader turned the training images; None where it took them as they were stored."""
    return _READER_ORIENTATION.get(plans.take("image_reader_writer", str, "SimpleITKIO"))


def stage_document(plans: JsonTable, name: str, *, networks: int, mirror_axes: tuple[int, ...]) -> dict[str, Any]:
    """The table of a stage in a `spec.toml`, from one configuration.

    Raises:
        ModelError: something that is not run here, by name (UNKNOWN_ARCHITECTURE, BAD_PLANS).
    """
    configuration = configuration_of(plans, name)
    patch = configuration.take("patch_size", list)
    if len(patch) != 3:
        raise configuration.bad(f"configuration {name!r} is {len(patch)}-dimensional, expected a 3D one")
    document: dict[str, Any] = {
        "name": name,
        "networks": networks,
        "transpose": plans.take("transpose_forward", list, [0, 1, 2]),
        "spacing_mm": [float(step) for step in configuration.take("spacing", list)],
        "network": _network(configuration),
        "normalisation": _normalisation(plans, configuration),
        "windows": {
            "patch": patch,
            "overlap": 0.5,
            "placement": "even",
            "gaussian": True,
            "mirror_axes": list(mirror_axes),
        },
        "image_sampling": _sampling(configuration, "resampling_fn_data"),
        "answer_sampling": _sampling(configuration, "resampling_fn_probabilities"),
    }
    if configuration.values.get("previous_stage"):
        document["label_sampling"] = _sampling(configuration, "resampling_fn_seg")
    return document


def _network(configuration: JsonTable) -> dict[str, Any]:
    if "architecture" in configuration.values:
        architecture = configuration.table("architecture")
        kind = architecture.take("network_class_name", str).rpartition(".")[2]
        _require_known(kind)
        return {"architecture": kind, "arguments": _arguments(kind, architecture.table("arch_kwargs"))}
    kind = configuration.take("UNet_class_name", str)
    _require_known(kind)
    convs = configuration.take("n_conv_per_stage_encoder", list)
    base, most = configuration.take("UNet_base_num_features", int), configuration.take("unet_max_num_features", int)
    return {
        "architecture": kind,
        "arguments": {
            "features": [min(base * 2**stage, most) for stage in range(min(len(convs), 16))],
            "kernels": configuration.take("conv_kernel_sizes", list),
            "strides": configuration.take("pool_op_kernel_sizes", list),
            "blocks": convs,
            "decoder_convs": configuration.take("n_conv_per_stage_decoder", list),
        },
    }


def _require_known(kind: str) -> None:
    if kind not in _CLASSES:
        raise ModelError(f"the network is a {kind!r}, expected {' or '.join(_CLASSES)}", reason="UNKNOWN_ARCHITECTURE")


def _arguments(kind: str, given: JsonTable) -> dict[str, Any]:
    """The keyword arguments of nnU-Net's network class as those of `UnetPlan`."""
    stages = given.take("n_stages", int)
    residual = kind == "ResidualEncoderUNet"
    if not _is_class(given, "conv_op", "Conv3d"):
        raise ModelError(f"the network has conv_op {given.values.get('conv_op')!r}, expected Conv3d", reason=BAD_PLANS)
    norm = str(given.values.get("norm_op")).rpartition(".")[2]
    if norm not in {"InstanceNorm3d", "BatchNorm3d"}:
        raise ModelError(f"the network has norm_op {norm!r}, expected InstanceNorm3d or BatchNorm3d", reason=BAD_PLANS)
    block = str(given.values.get("block") or "BasicBlockD").rpartition(".")[2]
    if block != "BasicBlockD" or given.values.get("bottleneck_channels"):
        raise ModelError(f"the network is made of {block!r}, expected BasicBlockD", reason="UNKNOWN_ARCHITECTURE")
    norm_options = given.take("norm_op_kwargs", dict, {})
    return {
        "features": _each(given.take("features_per_stage", object), stages),
        "kernels": [_triple(size) for size in _each(given.take("kernel_sizes", object), stages)],
        "strides": [_triple(step) for step in _each(given.take("strides", object), stages)],
        "blocks": _each(given.take("n_blocks_per_stage" if residual else "n_conv_per_stage", object), stages),
        "decoder_convs": _each(given.take("n_conv_per_stage_decoder", object), stages - 1),
        "conv_bias": given.take("conv_bias", bool, False),
        "batch_norm": norm == "BatchNorm3d",
        "norm_eps": float(norm_options.get("eps", 1e-5)),
        "norm_affine": bool(norm_options.get("affine", norm == "BatchNorm3d")),
        "negative_slope": _negative_slope(given),
        "nonlin_first": given.take("nonlin_first", bool, False),
        "stem_channels": given.take("stem_channels", int, 0),
    }


def _negative_slope(given: JsonTable) -> float:
    kind = str(given.values.get("nonlin")).rpartition(".")[2]
    if kind not in _ACTIVATIONS:
        raise ModelError(f"the network has nonlin {kind!r}, expected LeakyReLU or ReLU", reason=BAD_PLANS)
    options = given.take("nonlin_kwargs", dict, {})
    return float(options.get("negative_slope", _ACTIVATIONS[kind])) if kind == "LeakyReLU" else 0.0


def _normalisation(plans: JsonTable, configuration: JsonTable) -> dict[str, Any]:
    schemes = configuration.take("normalization_schemes", list)
    if len(schemes) != 1 or schemes[0] not in _NORMALISATIONS:
        raise configuration.bad(f"normalisation {schemes} is not known, expected one of {', '.join(_NORMALISATIONS)}")
    kind = _NORMALISATIONS[schemes[0]]
    if kind == "standardise" and configuration.take("use_mask_for_norm", list, [False])[:1] == [True]:
        return {"kind": "standardise inside"}
    if kind != "clip and standardise":
        return {"kind": kind}
    key = "foreground_intensity_properties_per_channel"
    table = plans.table(key if key in plans.values else "foreground_intensity_properties_by_modality").table("0")
    names = {"lower": "percentile_00_5", "upper": "percentile_99_5", "mean": "mean", "sd": "std"}
    return {"kind": kind, **{ours: table.take(theirs, float) for ours, theirs in names.items()}}


def _sampling(configuration: JsonTable, key: str) -> dict[str, Any]:
    function = configuration.take(key, str, _MODEST_SPLINE[0])
    options: Mapping[str, Any] = configuration.take(f"{key}_kwargs", dict, {})
    if function not in _MODEST_SPLINE:
        raise configuration.bad(f"{key} is {function!r}, expected {' or '.join(_MODEST_SPLINE)}")
    force = options.get("force_separate_z", None if function == _MODEST_SPLINE[1] else False)
    separate = {None: "auto", True: "always", False: "never"}[force if force is None else bool(force)]
    if function == _MODEST_SPLINE[1]:
        if (
            options.get("mode", "linear") != "linear"
            or options.get("aniso_axis_mode", "nearest-exact") != "nearest-exact"
        ):
            raise configuration.bad(f"{key} interpolates by {options.get('mode')!r}, expected 'linear'")
        return {"order": 1, "order_across": 0, "separate": separate}
    return {
        "order": int(options.get("order", 3)),
        "order_across": int(options.get("order_z", 0)),
        "separate": separate,
    }


def _is_class(given: JsonTable, key: str, name: str) -> bool:
    return str(given.values.get(key)).rpartition(".")[2] == name


def _each(value: object, stages: int) -> list[Any]:
    """One entry per stage, as nnU-Net takes a single number for all of them."""
    return value if isinstance(value, list) else [value] * max(0, min(stages, 16))


def _triple(value: object) -> object:
    return [value] * 3 if isinstance(value, int) else value


def _short(labels: list[int]) -> str:
    shown = ", ".join(map(str, labels[:12]))
    return f"{shown}, …" if len(labels) > 12 else shown
