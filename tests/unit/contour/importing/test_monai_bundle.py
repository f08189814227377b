"""MONAI bundles as models of ours: the answers are MONAI's, and whatever is not run here is refused by name."""

import json
import shutil
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
import torch

from contour.errors import ModelError
from contour.importing.imported import Origin
from contour.importing.monai_bundle import read_bundle
from contour.segmentation.labelmaps.predict import predict_labels
from contour.segmentation.store import ModelStore
from tests.monai_bundles import (
    NETWORKS,
    asymmetric_ct,
    before,
    config,
    inferer,
    invert,
    loading,
    metadata,
    monai_labels,
    naming,
    network_def,
    only,
    post,
    scaling,
    spacing,
    write_bundle,
)

NEAREST = before(post("Activationsd", softmax=True), post("AsDiscreted", argmax=True), invert(nearest=True))
SIGMOID = before(post("Activationsd", sigmoid=True), invert(nearest=False), post("AsDiscreted", threshold=0.5))
OBLIQUE = (7.0, -4.0, 11.0)
TOUCH = "$__import__('os').system('touch {}')"


def origin(**changes):
    return Origin(**{"name": "bundle", "names": {}, **changes})


def our_labels(bundle, ct, models, *, exact=True, **said):
    read_bundle(bundle, origin(**said)).write(models)
    model = ModelStore([models]).load("bundle", device="cpu", exact=exact)
    return predict_labels(ct, model.spec, model.engines, exact=exact).labels


def agreement(bundle, ct, models, *, least_labels=3, file=None):
    theirs = monai_labels(bundle, ct, file=file)
    assert len(np.unique(theirs)) >= least_labels
    assert (theirs != np.flip(theirs, axis=-1)).mean() > 0.1
    return float((our_labels(bundle, ct, models) == theirs).mean())


@pytest.mark.parametrize("kind", NETWORKS)
def test_a_bundle_of_each_class_answers_as_in_monai(tmp_path, kind):
    size = [64, 32, 32] if kind == "SwinUNETR" else [32, 32, 32]
    bundle = write_bundle(tmp_path / "zoo", config(kind, inferer=inferer(roi_size=size, overlap=0.25)))

    assert agreement(bundle, asymmetric_ct(), tmp_path / "models") > 0.9999


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"preprocessing": before(*loading("LAS"), spacing(), scaling())}, id="turned to LAS"),
        pytest.param({"preprocessing": before(*loading("SPL"), spacing(), scaling())}, id="axes in another order"),
        pytest.param({"inferer": inferer(mode="gaussian", overlap=0.6, roi_size=[24, 32, 20])}, id="gaussian windows"),
        pytest.param({"postprocessing": NEAREST}, id="labels brought back"),
        pytest.param(
            {
                "preprocessing": before(
                    *loading(),
                    spacing(),
                    only("NormalizeIntensityd", nonzero=True),
                    only("ScaleIntensityd", minv=-1.0, maxv=1.0),
                ),
                "inferer": inferer(mode="gaussian", padding_mode="replicate", roi_size=[32, 32, 64]),
            },
            id="measured on the scan",
        ),
        pytest.param(
            {
                "preprocessing": before(
                    *loading(), spacing(mode="nearest"), only("NormalizeIntensityd", subtrahend=40.0, divisor=200.0)
                )
            },
            id="nearest voxels",
        ),
        pytest.param({"preprocessing": before(*loading(), scaling(), spacing())}, id="scaled before it is resampled"),
        pytest.param({"pixdim": [2.3005, 1.5, 4.0]}, id="a spacing that is nearly the scan's"),
    ],
)
def test_every_way_to_look_at_a_scan_answers_as_in_monai(tmp_path, changes):
    bundle = write_bundle(tmp_path / "zoo", config(**changes))

    assert agreement(bundle, asymmetric_ct(), tmp_path / "models", least_labels=2) > 0.9999


def test_labels_halfway_between_two_voxels_are_monais(tmp_path):
    bundle = write_bundle(tmp_path / "zoo", config(postprocessing=NEAREST))

    assert agreement(bundle, asymmetric_ct(spacing_zyx_mm=(2.0, 1.5, 1.25)), tmp_path / "models") > 0.9999


def test_an_oblique_scan_answers_as_in_monai(tmp_path):
    bundle = write_bundle(tmp_path / "zoo", config())

    assert agreement(bundle, asymmetric_ct(tilt_xyz_deg=OBLIQUE), tmp_path / "models") > 0.9999


def test_a_file_stored_from_right_to_left_answers_as_in_monai(tmp_path):
    ct = asymmetric_ct()
    bundle = write_bundle(tmp_path / "zoo", config())
    image = sitk.GetImageFromArray(ct.values_zyx)
    image.SetSpacing(ct.grid.spacing_zyx_mm[::-1])
    image.SetOrigin(ct.grid.origin_xyz_mm)
    sitk.WriteImage(image, str(tmp_path / "ct.nii.gz"))

    assert agreement(bundle, ct, tmp_path / "models", file=tmp_path / "ct.nii.gz") > 0.9999


def test_labels_that_a_bundle_does_not_bring_back_are_brought_by_nearest_voxel_and_that_is_said(tmp_path):
    bundle = write_bundle(tmp_path / "zoo", config(postprocessing=before(post("AsDiscreted", argmax=True))))

    model = read_bundle(bundle, origin())

    assert model.document["stages"][0]["answer_sampling"]["order"] == 0
    assert any("Invertd" in note for note in model.notes)


def test_channels_that_are_independent_may_overlap(tmp_path):
    bundle = write_bundle(tmp_path / "zoo", config(postprocessing=SIGMOID), naming("liver", "spleen", "ptv", "ctv"))
    ct = asymmetric_ct()

    theirs, ours = monai_labels(bundle, ct).astype(bool), our_labels(bundle, ct, tmp_path / "models")

    assert (theirs.sum(axis=0) > 1).any()
    assert ours.shape == theirs.shape
    assert (ours == theirs).mean() > 0.9999


def test_structures_get_their_names_and_the_card_says_where_they_are_from(tmp_path):
    bundle = write_bundle(tmp_path / "zoo", config())
    (bundle / "LICENSE").write_text("\n   Apache License\n   Version 2.0, January 2004\n")
    (bundle / "docs").mkdir()
    (bundle / "docs" / "data_license.txt").write_text("CC BY-SA 4.0\n")

    model = read_bundle(bundle, origin())

    assert [one.name for one in model.structures] == ["Liver", "Kidney_L", "Spleen"]
    assert model.document["licence"] == "Apache-2.0"
    assert model.document["orientation"] == "RAS"
    assert "Phantom CT segmentation 0.3.1, models/model.pt" in model.card()
    assert "CC BY-SA 4.0" in model.card()


def test_only_the_largest_part_is_kept_where_the_bundle_says_so(tmp_path):
    steps = [*config()["postprocessing"]["transforms"], post("KeepLargestConnectedComponentd", applied_labels=[1, 3])]
    bundle = write_bundle(tmp_path / "zoo", config(postprocessing=before(*steps)))

    tables = read_bundle(bundle, origin()).document["structures"]

    assert [table.get("keep_parts", 0) for table in tables] == [1, 0, 1]


def test_cropping_is_left_out_and_said(tmp_path):
    steps = before(*loading(), spacing(), scaling(), only("CropForegroundd", source_key="image"))

    model = read_bundle(write_bundle(tmp_path / "zoo", config(preprocessing=steps)), origin())

    assert any("CropForegroundd" in note for note in model.notes)


def test_a_bundle_that_turns_nothing_is_taken_for_lps_and_says_so(tmp_path):
    steps = before(*loading()[:2], spacing(), scaling())
    bundle = write_bundle(tmp_path / "zoo", config(preprocessing=steps))

    assert read_bundle(bundle, origin()).document["orientation"] == "LPS"
    assert "--orientation" in read_bundle(bundle, origin()).notes[0]
    assert read_bundle(bundle, origin(orientation="RAS")).document["orientation"] == "RAS"


@pytest.mark.parametrize("nested", ["state_dict", "model", "net"])
def test_weights_may_lie_under_a_name(tmp_path, nested):
    bundle = write_bundle(tmp_path / "zoo", config(), nested=nested)
    shutil.move(bundle / "models" / "model.pt", bundle / "models" / "other.pt")

    model = read_bundle(bundle, origin(), checkpoint="models/other.pt")

    assert all(name.startswith("stages.0.networks.0.") for name in model.weights)


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
