"""MONAI bundles as models of ours: the answers are MONAI's own."""

import shutil

import numpy as np
import pytest
import SimpleITK as sitk

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
    monai_labels,
    naming,
    only,
    post,
    scaling,
    spacing,
    write_bundle,
)

NEAREST = before(post("Activationsd", softmax=True), post("AsDiscreted", argmax=True), invert(nearest=True))
SIGMOID = before(post("Activationsd", sigmoid=True), invert(nearest=False), post("AsDiscreted", threshold=0.5))
OBLIQUE = (7.0, -4.0, 11.0)


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
