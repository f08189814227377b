"""Small MONAI bundles for tests, written as the model zoo writes them, and MONAI's own answer on a CT."""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import monai.networks.nets as nets
import numpy as np
import torch
from monai.bundle import ComponentLocator, ConfigParser
from numpy.typing import NDArray
from scipy import ndimage
from torch import nn

from registration import Volume
from tests.phantoms import centre_xyz_mm, small_grid, voxel_points_xyz_mm

NETWORKS: Mapping[str, Mapping[str, Any]] = {
    "SegResNet": {"init_filters": 8, "blocks_down": [1, 1], "blocks_up": [1], "dropout_prob": 0.2},
    "SegResNetDS": {"init_filters": 8, "blocks_down": [1, 1, 1], "norm": "instance", "dsdepth": 2},
    "DynUNet": {
        "kernel_size": [[3, 3, 3], [3, 3, 3], [3, 3, 3]], "strides": [[1, 1, 1], [2, 2, 1], [2, 2, 2]],
        "upsample_kernel_size": [[2, 2, 1], [2, 2, 2]], "filters": [6, 8, 10], "deep_supervision": True,
        "deep_supr_num": 1, "norm_name": ["INSTANCE", {"affine": True}], "res_block": True, "dropout": None,
    },
    "UNet": {"channels": [6, 8, 10], "strides": [2, 2], "num_res_units": 2, "norm": "batch"},
    "SwinUNETR": {"img_size": 32, "feature_size": 12, "use_checkpoint": False, "depths": [1, 1, 1, 1]},
}  # fmt: skip
"""Arguments of each class, as small as it gets."""

LOCATOR = ComponentLocator()
"""MONAI's table of its own classes, which takes seconds to fill."""


def config(kind: str = "UNet", **changes: Any) -> dict[str, Any]:
    """An inference.json; the expressions in it are those of the zoo, none of which is to be run."""
    plain = {
        "imports": ["$import glob", "$import os"],
        "bundle_root": ".",
        "image_key": "image",
        "output_dir": "$@bundle_root + '/eval'",
        "dataset_dir": "/workspace/data",
        "datalist": "$list(sorted(glob.glob(@dataset_dir + '/imagesTs/*.nii.gz')))",
        "device": "$torch.device('cuda:0' if torch.cuda.is_available() else 'cpu')",
        "classes": 4,
        "pixdim": "$[2.5, 3.0, 4.0]",
        "network_def": network_def(kind),
        "network": "$@network_def.to(@device)",
        "preprocessing": {"_target_": "Compose", "transforms": [*loading(), spacing(), scaling(), only("EnsureTyped")]},
        "dataset": {"_target_": "Dataset", "data": "$[{'image': i} for i in @datalist]", "transform": "@preprocessing"},
        "inferer": inferer(),
        "postprocessing": {
            "_target_": "Compose",
            "transforms": [post("Activationsd", softmax=True), invert(nearest=False), post("AsDiscreted", argmax=True),
                           post("SaveImaged", output_dir="@output_dir")],
        },
        "handlers": [{"_target_": "StatsHandler", "iteration_log": False}],
        "evaluator": {"_target_": "SupervisedEvaluator", "device": "@device", "network": "@network", "amp": True},
        "checkpointloader": {"_target_": "CheckpointLoader", "load_path": "$@bundle_root + '/models/model.pt'"},
        "initialize": ["$monai.utils.set_determinism(seed=123)", "$@checkpointloader(@evaluator)"],
        "run": ["$@evaluator.run()"],
    }  # fmt: skip
    return {**plain, **changes}


def network_def(kind: str, **changes: Any) -> dict[str, Any]:
    plain = {"spatial_dims": 3, "in_channels": 1, "out_channels": "@classes"}
    return {"_target_": kind, **plain, **NETWORKS[kind], **changes}


def only(name: str, **arguments: Any) -> dict[str, Any]:
    """A transform of the image."""
    return {"_target_": name, "keys": "@image_key", **arguments}


def post(name: str, **arguments: Any) -> dict[str, Any]:
    """A transform of the answer."""
    return {"_target_": name, "keys": "pred", **arguments}


def loading(axcodes: str = "RAS") -> list[dict[str, Any]]:
    return [only("LoadImaged"), only("EnsureChannelFirstd"), only("Orientationd", axcodes=axcodes)]


def spacing(**changes: Any) -> dict[str, Any]:
    return only("Spacingd", **{"pixdim": "@pixdim", "mode": "bilinear", **changes})


def scaling(**changes: Any) -> dict[str, Any]:
    return only(
        "ScaleIntensityRanged", **{"a_min": -160, "a_max": 240, "b_min": 0.0, "b_max": 1.0, "clip": True, **changes}
    )


def inferer(**changes: Any) -> dict[str, Any]:
    plain = {"_target_": "SlidingWindowInferer", "roi_size": [32, 32, 32], "sw_batch_size": 2, "overlap": 0.5}
    return {**plain, **changes}


def invert(*, nearest: bool) -> dict[str, Any]:
    return post("Invertd", transform="@preprocessing", orig_keys="@image_key", nearest_interp=nearest, to_tensor=True)


def before(*transforms: dict[str, Any]) -> dict[str, Any]:
    return {"_target_": "Compose", "transforms": list(transforms)}


def metadata(**changes: Any) -> dict[str, Any]:
    names = {"0": "background", "1": "liver", "2": "left kidney", "3": "spleen"}
    plain = {
        "version": "0.3.1",
        "name": "Phantom CT segmentation",
        "task": "Four organs",
        "network_data_format": {
            "inputs": {"image": {"type": "image", "format": "hounsfield", "modality": "CT", "num_channels": 1}},
            "outputs": {"pred": {"type": "image", "format": "segmentation", "num_channels": 4, "channel_def": names}},
        },
    }
    return {**plain, **changes}


def naming(*names: str) -> dict[str, Any]:
    """Metadata with other channels."""
    plain = metadata()
    plain["network_data_format"]["outputs"]["pred"]["channel_def"] = {str(n): name for n, name in enumerate(names)}
    return plain


def write_bundle(
    folder: Path,
    document: Mapping[str, Any],
    about: Mapping[str, Any] | None = None,
    *,
    nested: str | None = None,
) -> Path:
    """A whole bundle with random weights, in the checkpoint under `nested` where it is given."""
    (folder / "configs").mkdir(parents=True)
    (folder / "models").mkdir()
    (folder / "configs" / "inference.json").write_text(json.dumps(document))
    (folder / "configs" / "metadata.json").write_text(json.dumps(metadata() if about is None else about))
    weights = weights_of(document)
    torch.save({nested: weights, "epoch": 7} if nested else weights, folder / "models" / "model.pt")
    return folder


def network_of(document: Mapping[str, Any]) -> nn.Module:
    """MONAI's own network of a config."""
    arguments = {key: value for key, value in document["network_def"].items() if key not in {"_target_", "img_size"}}
    if arguments["out_channels"] == "@classes":
        arguments["out_channels"] = document["classes"]
    network: nn.Module = getattr(nets, document["network_def"]["_target_"])(**arguments)
    return network.eval()


def weights_of(document: Mapping[str, Any]) -> dict[str, torch.Tensor]:
    """Random weights with which every label is answered somewhere."""
    return _weights_of(json.dumps([document["network_def"], document["classes"]]))


@cache
def _weights_of(text: str) -> dict[str, torch.Tensor]:
    definition, classes = json.loads(text)
    torch.manual_seed(4)
    network = network_of({"network_def": definition, "classes": classes})
    with torch.no_grad():
        for value in network.parameters():
            if value.ndim == 1:
                value.add_(0.2 * torch.randn_like(value))
            else:
                value.mul_(1.7)
        for name, value in network.named_buffers():
            if name.endswith("running_mean"):
                value.copy_(0.1 * torch.randn_like(value))
        _balance(network, swin=definition["_target_"] == "SwinUNETR")
    return network.state_dict()


def _balance(network: nn.Module, *, swin: bool) -> None:
    """Move the last layer's bias until no label wins everywhere."""
    shown = torch.rand(1, 1, 4, 4, 4).repeat_interleave(16 if swin else 8, 2)
    shown = shown.repeat_interleave(8, 3).repeat_interleave(8, 4)
    mean = _mean(network, shown)
    for value in reversed(list(network.parameters())):
        if value.shape == mean.shape:
            value.sub_(mean)
            if _mean(network, shown).abs().sum() < 0.1 * mean.abs().sum():
                return
            value.add_(mean)


def _mean(network: nn.Module, shown: torch.Tensor) -> torch.Tensor:
    return network(shown)[0].mean(dim=(1, 2, 3))


def monai_labels(bundle: Path, ct: Volume, *, file: Path | None = None) -> NDArray[Any]:
    """MONAI's own answer, (z, y, x) or (channels, z, y, x): its parser, its transforms, its inferer."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        document = json.loads((bundle / "configs" / "inference.json").read_text())
        document["network_def"].pop("img_size", None)
        for part in ("preprocessing", "postprocessing"):
            steps = document[part]["transforms"]
            left_out = {"SaveImaged"} if file else {"SaveImaged", "LoadImaged", "EnsureChannelFirstd"}
            document[part]["transforms"] = [step for step in steps if step["_target_"] not in left_out]
        parser = ConfigParser(document)
        parser.locator = LOCATOR
        shown = parser.get_parsed_content("preprocessing")({"image": str(file) if file else image_of(ct)})
        network = network_of(document)
        network.load_state_dict(state_of(bundle))
        with torch.inference_mode():
            answer = parser.get_parsed_content("inferer")(shown["image"][None], network)
        shown["pred"] = answer[0]
        found = parser.get_parsed_content("postprocessing")(shown)["pred"]
    values = np.asarray(found.cpu()).transpose(0, 3, 2, 1)
    return values[0] if len(values) == 1 else values


def state_of(bundle: Path) -> dict[str, torch.Tensor]:
    content = torch.load(bundle / "models" / "model.pt", weights_only=True)
    return next((value for value in content.values() if isinstance(value, dict)), content)


def image_of(ct: Volume) -> Any:
    """A CT as MONAI has it: (channel, x, y, z), with the matrix from index to RAS."""
    from monai.data import MetaTensor

    to_lps = np.eye(4)
    to_lps[:3, :3] = ct.grid.index_to_point[:, ::-1]
    to_lps[:3, 3] = ct.grid.origin_xyz_mm
    values = torch.from_numpy(np.ascontiguousarray(ct.values_zyx.transpose(2, 1, 0), dtype=np.float32))
    return MetaTensor(values[None], affine=torch.from_numpy(np.diag([-1.0, -1.0, 1.0, 1.0]) @ to_lps))


def asymmetric_ct(
    shape_zyx: tuple[int, int, int] = (20, 44, 36),
    spacing_zyx_mm: tuple[float, float, float] = (5.0, 1.953125, 2.3),
    tilt_xyz_deg: tuple[float, float, float] = (0.0, 0.0, 0.0),
) -> Volume:
    """A body with an organ on its left, fat on its right, bone behind, air below; nothing is the same when turned."""
    grid = small_grid(shape_zyx, spacing_zyx_mm, tilt_xyz_deg=tilt_xyz_deg)
    at = voxel_points_xyz_mm(grid) - centre_xyz_mm(grid)
    at /= np.abs(at).max(axis=(0, 1, 2))
    noise = ndimage.gaussian_filter(np.random.default_rng(3).normal(size=shape_zyx), 1.0) * 60.0
    hu = np.where((at**2).sum(axis=-1) < 0.7, 30.0, -1000.0) + noise + at @ np.array((30.0, 12.0, 18.0))
    for middle, radii, value in (
        ((0.45, 0.1, 0.2), (0.25, 0.3, 0.35), 110.0), ((-0.4, -0.2, -0.1), (0.2, 0.2, 0.3), -80.0),
        ((0.0, 0.5, 0.0), (0.15, 0.15, 0.7), 400.0), ((-0.5, 0.2, -0.5), (0.1, 0.2, 0.1), -700.0),
    ):  # fmt: skip
        hu[(((at - middle) / np.array(radii)) ** 2).sum(axis=-1) < 1] += value
    return Volume(grid=grid, values_zyx=np.rint(hu).clip(-1024, 3071).astype(np.int16))
