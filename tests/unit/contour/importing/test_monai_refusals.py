"""MONAI bundles that are not run here: each is refused in one clear line, and nothing of it is executed or left."""

import json
import shutil
from contextlib import nullcontext
from pathlib import Path

import pytest
import torch

from contour.errors import ModelError
from contour.importing.imported import Origin
from contour.importing.monai_bundle import read_bundle
from tests.monai_bundles import (
    before,
    config,
    inferer,
    invert,
    loading,
    metadata,
    network_def,
    only,
    post,
    scaling,
    spacing,
    write_bundle,
)

TOUCH = "$__import__('os').system('touch {}')"


def origin(**changes):
    return Origin(**{"name": "bundle", "names": {}, **changes})


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    return write_bundle(tmp_path_factory.mktemp("template") / "zoo", config())


def with_network(**changes):
    return {"network_def": network_def("UNet", **changes)}


def with_step(**step):
    return {"preprocessing": before(*loading(), spacing(), step)}


def with_post(*steps):
    return {"postprocessing": before(*steps)}


BAD_CONFIGS = {
    "another network": (with_network(_target_="DiNTS"), "UNKNOWN_ARCHITECTURE", "'DiNTS'"),
    "a network of its own": (with_network(_target_="scripts.nets.UNet"), "BAD_BUNDLE", "'scripts.nets.UNet'"),
    "a flat network": (with_network(spatial_dims=2), "BAD_BUNDLE", "2-dimensional"),
    "two channels": (with_network(in_channels=2), "NOT_ONE_CHANNEL", "2 channels"),
    "an unknown argument": (with_network(nonsense=1), "BAD_BUNDLE", "'nonsense'"),
    "a null within": (with_network(act=["RELU", {"inplace": None}]), "BAD_BUNDLE", "null"),
    "an argument that is too large": (with_network(kernel_size=10**9), "BAD_MODEL_SPEC", "kernel_size"),
    "strides that do not fit": (with_network(strides=[2]), "BAD_MODEL_SPEC", "strides"),
    "windows that do not fit": ({"inferer": inferer(roi_size=[30, 32, 32])}, "BAD_BUNDLE", "30 x 32 x 32"),
    "no windows": ({"inferer": {"_target_": "SimpleInferer"}}, "BAD_BUNDLE", "SimpleInferer"),
    "another border": ({"inferer": inferer(padding_mode="reflect")}, "BAD_BUNDLE", "reflect"),
    "another sigma": ({"inferer": inferer(sigma_scale=0.5)}, "BAD_BUNDLE", "sigma_scale"),
    "no preprocessing": ({"preprocessing": None}, "BAD_BUNDLE", "preprocessing"),
    "percentiles": (with_step(**only("ScaleIntensityRangePercentilesd", lower=1, upper=99)), "BAD_BUNDLE",
                    "ScaleIntensityRangePercentilesd"),
    "a transform of its own": (with_step(**only("scripts.MyScaled")), "BAD_BUNDLE", "scripts.MyScaled"),
    "an argument of a transform": (with_step(**scaling(gamma=2)), "BAD_BUNDLE", "'gamma'"),
    "a falling range": (with_step(**scaling(a_min=300)), "BAD_BUNDLE", "rising"),
    "no voxel size": ({"preprocessing": before(*loading(), scaling())}, "BAD_BUNDLE", "Spacingd"),
    "turned too late": ({"preprocessing": before(spacing(), *loading(), scaling())}, "BAD_BUNDLE", "before"),
    "cubic interpolation": ({"preprocessing": before(*loading(), spacing(mode=3), scaling())}, "BAD_BUNDLE", "by 3"),
    "not a side": ({"preprocessing": before(*loading("RAX"), spacing(), scaling())}, "BAD_BUNDLE", "RAX"),
    "measured after a crop": (
        {"preprocessing": before(*loading(), spacing(), only("CropForegroundd"), only("NormalizeIntensityd"))},
        "BAD_BUNDLE", "CropForegroundd",
    ),
    "nothing decided": (with_post(post("Activationsd", softmax=True)), "BAD_BUNDLE", "AsDiscreted"),
    "labels interpolated": (
        with_post(post("AsDiscreted", argmax=True), invert(nearest=False)), "BAD_BUNDLE", "interpolates labels"
    ),
    "another threshold": (
        with_post(post("Activationsd", sigmoid=True), post("AsDiscreted", threshold=0.3)), "BAD_BUNDLE", "0.3"
    ),
    "a function": (with_post(post("Lambdad", func="$lambda x: x")), "BAD_BUNDLE", "Lambdad"),
    "an expression": ({"pixdim": "$[1.5] * 3 if @high else [3] * 3"}, "BUNDLE_EXPRESSION", "pixdim"),
    "an expression for a network": ({"network_def": "$monai.networks.nets.UNet()"}, "BUNDLE_EXPRESSION", "network_def"),
    "a reference to nothing": ({"pixdim": "@nowhere#0"}, "BAD_BUNDLE", "nowhere#0"),
    "a reference to itself": ({"pixdim": "@pixdim"}, "BAD_BUNDLE", "itself"),
    "a file to be read": ({"pixdim": "%other.json::pixdim"}, "BAD_BUNDLE", "other.json"),
    "a deep nest": ({"pixdim": "$" + "[" * 4000 + "]" * 4000}, "BUNDLE_EXPRESSION", "pixdim"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD_CONFIGS)
def test_a_config_that_is_not_run_here_is_refused_in_one_line(tmp_path, template, case):
    changes, reason, named = BAD_CONFIGS[case]
    bundle = shutil.copytree(template, tmp_path / "zoo")
    (bundle / "configs" / "inference.json").write_text(json.dumps(config(**changes)))

    refused(bundle, tmp_path / "models", reason, named)


def refused(bundle, models, reason, named, **said):
    with pytest.raises(ModelError) as caught:
        read_bundle(bundle, origin(**said)).write(models)
    assert caught.value.reason == reason
    assert named in caught.value.message
    assert "\n" not in caught.value.message
    assert len(caught.value.message) < 500
    assert not models.exists()


BAD_METADATA = {
    "MR": ({"modality": "MR"}, {}, "NOT_ONE_CHANNEL", "'MR'"),
    "two images": ({"num_channels": 2}, {}, "NOT_ONE_CHANNEL", "[2] channels"),
    "a name too few": ({}, {"channel_def": {"0": "background", "1": "liver"}}, "BAD_BUNDLE", "names 2 channels"),
    "a name twice": ({}, {"channel_def": {"0": "background", "1": "a", "2": "a", "3": "b"}}, "BAD_BUNDLE", "each once"),
    "no names": ({}, {"channel_def": None}, "BAD_BUNDLE", "channel_def"),
}


@pytest.mark.parametrize("case", BAD_METADATA)
def test_metadata_that_does_not_fit_is_refused_in_one_line(tmp_path, template, case):
    image, pred, reason, named = BAD_METADATA[case]
    about = metadata()
    about["network_data_format"]["inputs"]["image"].update(image)
    about["network_data_format"]["outputs"]["pred"].update(pred)
    bundle = shutil.copytree(template, tmp_path / "zoo")
    (bundle / "configs" / "metadata.json").write_text(json.dumps(about))

    refused(bundle, tmp_path / "models", reason, named)


class Mischief:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")
def test_files_that_are_missing_broken_or_programs_are_refused_in_one_line(tmp_path, template):
    bundle = shutil.copytree(template, tmp_path / "zoo")
    checkpoint, configs, models = bundle / "models" / "model.pt", bundle / "configs", tmp_path / "models"

    torch.save({"state_dict": {"a": torch.zeros(1)}}, checkpoint)
    refused(bundle, models, "BAD_CHECKPOINT", "lacks the weight")
    torch.save({"state_dict": Mischief(tmp_path / "mischief")}, checkpoint)
    refused(bundle, models, "UNSAFE_CHECKPOINT", "nothing of it was run")
    assert not (tmp_path / "mischief").exists()
    checkpoint.write_bytes(b"not a checkpoint")
    refused(bundle, models, "BAD_CHECKPOINT", "model.pt")
    torch.jit.trace(torch.nn.Conv3d(1, 1, 1), torch.zeros(1, 1, 2, 2, 2)).save(checkpoint)
    refused(bundle, models, "TORCHSCRIPT", "model.pt")
    checkpoint.rename(checkpoint.with_suffix(".ts"))
    refused(bundle, models, "TORCHSCRIPT", "model.ts")
    checkpoint.with_suffix(".ts").unlink()
    refused(bundle, models, "NO_CHECKPOINT", "model.pt")
    refused(bundle, models, "BAD_BUNDLE", "LPS", orientation="LPS")
    (configs / "metadata.json").unlink()
    refused(bundle, models, "NO_METADATA", "metadata.json")
    (configs / "inference.json").rename(configs / "inference.yaml")
    refused(bundle, models, "YAML_BUNDLE", "inference.yaml")
    (configs / "inference.yaml").unlink()
    refused(bundle, models, "NO_BUNDLE_CONFIG", "inference.json")


@pytest.mark.parametrize("key", sorted({*config(), "checkpoint"}))
def test_an_expression_is_never_run_wherever_it_stands(tmp_path, template, key):
    bundle = shutil.copytree(template, tmp_path / "zoo")
    document = config(**{key: TOUCH.format(tmp_path / "touched")})
    (bundle / "configs" / "inference.json").write_text(json.dumps(document))

    needed = key in {"pixdim", "classes", "image_key", "network_def", "preprocessing", "inferer", "postprocessing"}

    with pytest.raises(ModelError, match=key) if needed else nullcontext() as caught:
        read_bundle(bundle, origin())

    assert not needed or caught.value.reason == "BUNDLE_EXPRESSION"
    assert not (tmp_path / "touched").exists()


@pytest.mark.parametrize("where", ["pixdim", "axcodes", "strides", "_target_", "_disabled_", "roi_size", "argmax"])
def test_an_expression_deep_inside_is_refused_by_its_key(tmp_path, template, where):
    text = TOUCH.format(tmp_path / "touched")
    document = config()
    for table in (
        document["network_def"], document["inferer"], *document["preprocessing"]["transforms"],
        *document["postprocessing"]["transforms"],
    ):  # fmt: skip
        if where in table or where == "_disabled_":
            table[where] = text
    bundle = shutil.copytree(template, tmp_path / "zoo")
    (bundle / "configs" / "inference.json").write_text(json.dumps(document))

    refused(bundle, tmp_path / "models", "BUNDLE_EXPRESSION", where)
    assert not (tmp_path / "touched").exists()
