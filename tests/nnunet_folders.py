"""nnU-Net v2 results folders for tests, written as nnU-Net itself writes them, and nnU-Net's own answer on a CT."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import json
import os
import time
import warnings
from collections.abc import Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

TRAINER = "nnUNetTrainer__nnUNetPlans__"
ANSWER_KEYS = {"is_seg": False, "order": 1, "order_z": 0, "force_separate_z": None}
SPLINE = "resample_data_or_seg_to_shape"


def nnunet_is_installed() -> bool:
    return importlib.util.find_spec("nnunetv2") is not None


def configuration(**changes: Any) -> dict[str, Any]:
    """A 3d_fullres configuration with a network that is small enough for tests."""
    plain = {
        "data_identifier": "nnUNetPlans_3d_fullres",
        "preprocessor_name": "DefaultPreprocessor",
        "batch_size": 2,
        "patch_size": [24, 32, 40],
        "median_image_size_in_voxels": [60.0, 80.0, 80.0],
        "spacing": [4.0, 3.0, 2.5],
        "normalization_schemes": ["CTNormalization"],
        "use_mask_for_norm": [False],
        "resampling_fn_data": SPLINE,
        "resampling_fn_seg": SPLINE,
        "resampling_fn_data_kwargs": {"is_seg": False, "order": 3, "order_z": 0, "force_separate_z": None},
        "resampling_fn_seg_kwargs": {"is_seg": True, "order": 1, "order_z": 0, "force_separate_z": None},
        "resampling_fn_probabilities": SPLINE,
        "resampling_fn_probabilities_kwargs": ANSWER_KEYS,
        "batch_dice": False,
        "architecture": {
            "network_class_name": "dynamic_network_architectures.architectures.unet.PlainConvUNet",
            "arch_kwargs": architecture(),
            "_kw_requires_import": ["conv_op", "norm_op", "dropout_op", "nonlin"],
        },
    }
    return {**plain, **changes}


def architecture(**changes: Any) -> dict[str, Any]:
    plain = {
        "n_stages": 3,
        "features_per_stage": [6, 12, 16],
        "conv_op": "torch.nn.modules.conv.Conv3d",
        "kernel_sizes": [[1, 3, 3], [3, 3, 3], [3, 3, 3]],
        "strides": [[1, 1, 1], [1, 2, 2], [2, 2, 2]],
        "n_conv_per_stage": [2, 2, 2],
        "n_conv_per_stage_decoder": [2, 2],
        "conv_bias": True,
        "norm_op": "torch.nn.modules.instancenorm.InstanceNorm3d",
        "norm_op_kwargs": {"eps": 1e-05, "affine": True},
        "dropout_op": None,
        "dropout_op_kwargs": None,
        "nonlin": "torch.nn.LeakyReLU",
        "nonlin_kwargs": {"inplace": True},
    }
    return {**plain, **changes}


def residual_architecture(**changes: Any) -> dict[str, Any]:
    plain = architecture(**changes)
    plain["n_blocks_per_stage"] = plain.pop("n_conv_per_stage")
    return plain


def plans(configurations: Mapping[str, Any], **changes: Any) -> dict[str, Any]:
    plain = {
        "dataset_name": "Dataset900_Phantom",
        "plans_name": "nnUNetPlans",
        "original_median_spacing_after_transp": [4.0, 3.0, 2.5],
        "original_median_shape_after_transp": [60, 80, 80],
        "image_reader_writer": "SimpleITKIO",
        "transpose_forward": [0, 1, 2],
        "transpose_backward": [0, 1, 2],
        "configurations": dict(configurations),
        "experiment_planner_used": "ExperimentPlanner",
        "label_manager": "LabelManager",
        "foreground_intensity_properties_per_channel": {
            "0": {
                "max": 1500.0, "mean": 42.0, "median": 40.0, "min": -900.0,
                "percentile_00_5": -400.0, "percentile_99_5": 900.0, "std": 190.0,
            }
        },
    }  # fmt: skip
    return {**plain, **changes}


def dataset(labels: Mapping[str, Any], **changes: Any) -> dict[str, Any]:
    plain = {"channel_names": {"0": "CT"}, "labels": dict(labels), "numTraining": 3, "file_ending": ".nii.gz"}
    return {**plain, **changes}


def write_results(
    results: Path,
    name: str,
    plan: Mapping[str, Any],
    data: Mapping[str, Any],
    *,
    folds: Sequence[str] = ("0",),
    mirror_axes: Sequence[int] | None = (0, 1, 2),
    state: Mapping[str, torch.Tensor] | None = None,
    seed: int = 3,
) -> Path:
    """One configuration's results; weights are random, or `state` for every fold."""
    folder = results / f"{TRAINER}{name}"
    folder.mkdir(parents=True)
    (folder / "plans.json").write_text(json.dumps(plan))
    (folder / "dataset.json").write_text(json.dumps(data))
    for number, fold in enumerate(folds):
        weights = network_of(plan, data, name, seed=seed + number).state_dict() if state is None else state
        write_checkpoint(folder, fold, weights, name, plan, data, mirror_axes=mirror_axes)
    return folder


def write_checkpoint(
    folder: Path,
    fold: str,
    weights: Mapping[str, torch.Tensor],
    name: str,
    plan: Mapping[str, Any],
    data: Mapping[str, Any],
    *,
    mirror_axes: Sequence[int] | None = (0, 1, 2),
) -> Path:
    """A checkpoint with everything that nnU-Net's trainer puts into one."""
    path = folder / f"fold_{fold}" / "checkpoint_final.pth"
    path.parent.mkdir(parents=True, exist_ok=True)
    checkpoint = {
        "network_weights": dict(weights),
        "optimizer_state": {"state": {0: {"momentum_buffer": torch.zeros(3)}}, "param_groups": [{"lr": 0.01}]},
        "grad_scaler_state": None,
        "logging": {"mean_fg_dice": [np.float64(0.5)], "train_losses": [np.float32(-0.3)], "lrs": [0.01]},
        "_best_ema": np.float64(0.61),
        "current_epoch": 1000,
        "init_args": {
            "plans": dict(plan), "configuration": name, "fold": 0, "dataset_json": dict(data),
            "unpack_dataset": True, "device": torch.device("cpu"),
        },
        "trainer_name": "nnUNetTrainer",
        "inference_allowed_mirroring_axes": None if mirror_axes is None else tuple(mirror_axes),
    }  # fmt: skip
    torch.save(checkpoint, path)
    return path


def network_of(plan: Mapping[str, Any], data: Mapping[str, Any], name: str, *, seed: int = 3) -> nn.Module:
    """nnU-Net's own network of a configuration, with random weights that answer with every label."""
    quiet_environment()
    from nnunetv2.utilities.get_network_from_plans import get_network_from_plans
    from nnunetv2.utilities.label_handling.label_handling import determine_num_input_channels
    from nnunetv2.utilities.plans_handling.plans_handler import PlansManager

    manager = PlansManager(deepcopy(dict(plan)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        own = manager.get_configuration(name)
    labels = manager.get_label_manager(dict(data))
    torch.manual_seed(seed)
    network: nn.Module = get_network_from_plans(
        own.network_arch_class_name,
        own.network_arch_init_kwargs,
        own.network_arch_init_kwargs_req_import,
        determine_num_input_channels(manager, own, dict(data)),
        labels.num_segmentation_heads,
        deep_supervision=True,
    )
    with torch.no_grad():
        for key, value in network.named_parameters():
            if value.ndim == 1:
                value.add_(0.2 * torch.randn_like(value))
            elif "seg_layers" in key:
                value.copy_(torch.randn_like(value))
    return network


def nnunet_labels(
    folder: Path,
    hu_zyx: NDArray[np.float32],
    spacing_zyx_mm: Sequence[float],
    *,
    folds: Sequence[str] = ("0",),
    previous: NDArray[Any] | None = None,
    device: str = "cpu",
    clock: NetworkClock | None = None,
) -> NDArray[Any]:
    """nnU-Net's own label map, (z, y, x)."""
    quiet_environment()
    from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor

    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        predictor = nnUNetPredictor(device=torch.device(device), allow_tqdm=False)
        predictor.initialize_from_trained_model_folder(str(folder), tuple(folds))
        if clock is not None:
            clock.watch(predictor.network)
        answer: NDArray[Any] = predictor.predict_single_npy_array(
            hu_zyx[None].astype(np.float32),
            {"spacing": list(spacing_zyx_mm)},
            None if previous is None else previous[None].astype(np.int16),
        )
    return answer


class NetworkClock:
    """How long a network computed, over all its calls."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._started_s = 0.0

    def watch(self, network: nn.Module) -> None:
        network.register_forward_pre_hook(self._start)
        network.register_forward_hook(self._stop)

    def _start(self, *_: object) -> None:
        self._started_s = self._now()

    def _stop(self, *_: object) -> None:
        self.seconds += self._now() - self._started_s

    def _now(self) -> float:
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        return time.perf_counter()


def quiet_environment() -> None:
    """nnU-Net asks for three folders at import; none of them is used here."""
    for name in ("nnUNet_raw", "nnUNet_preprocessed", "nnUNet_results"):
        os.environ.setdefault(name, "/nonexistent")
