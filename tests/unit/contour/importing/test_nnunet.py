"""Broken, foreign and hostile nnU-Net folders: one clear line each, nothing run, nothing left behind."""

from __future__ import annotations

import json
import os
import pickle
import zipfile
from copy import deepcopy
from pathlib import Path

import numpy as np
import pytest
import torch

from contour.errors import ModelError
from contour.importing.checkpoint import chosen_tensors, read_checkpoint
from contour.importing.imported import Origin
from contour.importing.naming import name_structures, parse_name_map
from contour.importing.nnunet import read_nnunet
from contour.segmentation import ModelStore
from tests import nnunet_folders as folders

FULL = "3d_fullres"
LABELS = {"background": 0, "spinal_cord": 1, "left parotid": 2, "costal_cartilages": 3}
PLAN = folders.plans({FULL: folders.configuration()})
DATA = folders.dataset(LABELS)

pytestmark = pytest.mark.usefixtures("nnunet")


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return folders.write_results(tmp_path_factory.mktemp("whole"), FULL, PLAN, DATA, folds=("0", "1"))


@pytest.fixture
def results(whole, tmp_path):
    """A copy that a test may spoil."""
    import shutil

    return Path(shutil.copytree(whole, tmp_path / whole.name))


def spoil(results, file, change):
    document = json.loads((results / file).read_text())
    change(document)
    (results / file).write_text(json.dumps(document))


def refused(results, tmp_path, **options):
    """The error, after a look that no model was left."""
    with pytest.raises(ModelError) as caught:
        read_nnunet(results, Origin(name="other", names={}), **options).write(tmp_path / "models")
    assert not (tmp_path / "models").exists() or not list((tmp_path / "models").iterdir())
    assert "\n" not in caught.value.message
    return caught.value


def test_a_model_folder_is_written_whole_and_loads_with_float32_weights(results, tmp_path):
    model = read_nnunet(results, Origin(name="other", names={}))
    folder = model.write(tmp_path / "models")
    assert sorted(path.name for path in folder.iterdir()) == ["card.md", "spec.toml", "weights.safetensors"]
    loaded = ModelStore([tmp_path / "models"]).load("other", device="cpu", exact=True)
    assert loaded.card.structures == ("External", "SpinalCord", "Parotid_L", "costal_cartilage")
    assert {value.dtype for value in model.weights.values()} == {torch.float32}
    assert loaded.spec.stages[0].networks == 2
    assert loaded.spec.stages[0].windows.mirror_axes == (0, 1, 2)
    assert "not measured here" in loaded.card.text
    assert [one.source for one in model.unmapped] == ["costal_cartilages"]


def test_folds_may_be_chosen(results):
    model = read_nnunet(results, Origin(name="other", names={}), folds=("1",))
    assert model.document["stages"][0]["networks"] == 1
    assert "folds 1" in model.document["made_from"]


def test_the_makers_reader_tells_how_the_images_lay(results):
    assert read_nnunet(results, Origin(name="other", names={})).notes  # SimpleITKIO does not tell
    spoil(results, "plans.json", lambda plan: plan.update(image_reader_writer="NibabelIOWithReorient"))
    told = read_nnunet(results, Origin(name="other", names={}))
    assert (told.document["orientation"], told.notes) == ("RAS", ())
    assert read_nnunet(results, Origin(name="o", names={}, orientation="LAS")).document["orientation"] == "LAS"


def test_a_site_names_structures_as_it_likes(results):
    names = parse_name_map('spinal_cord = "Cord_Site"\ncostal_cartilages = ""\n')
    model = read_nnunet(results, Origin(name="other", names=names))
    assert [one.name for one in model.structures] == ["Cord_Site", "Parotid_L"]


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("spinal_cord = 3", "expected up to 16"),
        ('spinal_cord = "a name with spaces"', "expected up to 16"),
        ('kidney = "Kidney_L"', "this model has"),
        ('spinal_cord = "Same"\ncostal_cartilages = "same"', "one name"),
        ("spinal_cord = ", "not TOML"),
    ],
)
def test_a_bad_map_of_structures_is_told(text, part):
    with pytest.raises(ModelError, match=part) as caught:
        name_structures(["spinal_cord", "costal_cartilages"], parse_name_map(text))
    assert caught.value.reason == "BAD_STRUCTURE_MAP"


def test_names_that_nobody_knows_stay_apart_and_fit_a_planning_system():
    found = name_structures(["gluteus_maximus_left_a", "gluteus_maximus_left_b", "Prost+ata?", "???"], {})
    names = [one.name for one in found]
    assert len({name.casefold() for name in names}) == 4
    assert all(0 < len(name) <= 16 and " " not in name for name in names)


@pytest.mark.parametrize(
    ("file", "change", "reason", "part"),
    [
        ("dataset.json", lambda d: d["labels"].update({"costal_cartilages": 5}), "LABEL_HOLES", "0, 1, 2, 5"),
        ("dataset.json", lambda d: d["labels"].update({"spinal_cord": "x"}), "BAD_PLANS", "spinal_cord"),
        ("dataset.json", lambda d: d.pop("labels"), "BAD_PLANS", "lacks 'labels'"),
        ("dataset.json", lambda d: d.update(channel_names={"0": "CT", "1": "PET"}), "NOT_ONE_CHANNEL", "2 images"),
        ("dataset.json", lambda d: d["labels"].update({"both": [1, 2]}), "BAD_PLANS", "regions_class_order"),
        ("plans.json", lambda p: p.pop("configurations"), "BAD_PLANS", "lacks 'configurations'"),
        ("plans.json", lambda p: p["configurations"][FULL].update(patch_size=[64, 64]), "BAD_PLANS", "2-dimensional"),
        (
            "plans.json", lambda p: p["configurations"][FULL].update(normalization_schemes=["Own"]),
            "BAD_PLANS", "Own",
        ),
        (
            "plans.json",
            lambda p: p["configurations"][FULL]["architecture"].update(network_class_name="os.system"),
            "UNKNOWN_ARCHITECTURE", "system",
        ),
        (
            "plans.json",
            lambda p: p["configurations"][FULL]["architecture"]["arch_kwargs"].update(features_per_stage=[10**6] * 3),
            "BAD_MODEL_SPEC", "features",
        ),
        (
            "plans.json",
            lambda p: p["configurations"][FULL]["architecture"]["arch_kwargs"].update(features_per_stage=[4096] * 3),
            "BAD_MODEL_SPEC", "parameters",
        ),
        (
            "plans.json",
            lambda p: p["configurations"][FULL]["architecture"]["arch_kwargs"].update(features_per_stage=[6, 12, 20]),
            "BAD_CHECKPOINT", "expected (20",
        ),
        ("plans.json", lambda p: p["configurations"][FULL].update(inherits_from=FULL), "BAD_PLANS", "inherits"),
        ("plans.json", lambda p: p.update(transpose_forward=[0, 0, 1]), "BAD_MODEL_SPEC", "transpose"),
        (
            "plans.json", lambda p: p["configurations"][FULL].update(resampling_fn_data="no_resampling_hack"),
            "BAD_PLANS", "no_resampling_hack",
        ),
    ],
)  # fmt: skip
def test_plans_that_cannot_be_run_are_refused_by_name(results, tmp_path, file, change, reason, part):
    spoil(results, file, change)
    error = refused(results, tmp_path)
    assert error.reason == reason
    assert part in error.message


@pytest.mark.parametrize(
    ("file", "reason"),
    [("plans.json", "NO_PLANS"), ("dataset.json", "NO_DATASET_JSON"), ("fold_1/checkpoint_final.pth", None)],
)
def test_a_missing_file_is_named(results, tmp_path, file, reason):
    (results / file).unlink()
    error = refused(results, tmp_path, folds=("0", "1"))
    assert error.reason == (reason or "NO_CHECKPOINT")
    assert Path(file).name in error.message


def test_a_cascade_without_its_first_stage_is_refused(tmp_path):
    plan = deepcopy(PLAN)
    plan["configurations"]["3d_cascade_fullres"] = {"inherits_from": FULL, "previous_stage": "3d_lowres"}
    plan["configurations"]["3d_lowres"] = folders.configuration()
    results = folders.write_results(tmp_path / "r", "3d_cascade_fullres", plan, DATA)
    error = refused(results, tmp_path)
    assert error.reason == "NO_PLANS"
    assert "3d_lowres" in error.message


@pytest.mark.parametrize("kept", [0, 1, 200, 0.5, 0.99])
def test_a_truncated_checkpoint_is_refused(results, tmp_path, kept):
    path = results / "fold_0" / "checkpoint_final.pth"
    data = path.read_bytes()
    path.write_bytes(data[: int(kept * len(data)) if isinstance(kept, float) else kept])
    assert refused(results, tmp_path).reason == "BAD_CHECKPOINT"


class _Shell:
    def __init__(self, command):
        self.command = command

    def __reduce__(self):
        return os.system, (self.command,)


@pytest.mark.parametrize("where", ["network_weights", "logging", "trainer_name"])
def test_a_checkpoint_that_wants_something_run_is_refused_and_runs_nothing(results, tmp_path, where):
    path = results / "fold_0" / "checkpoint_final.pth"
    content = torch.load(path, weights_only=False)
    content[where] = _Shell(f"touch {tmp_path / 'ran'}")
    torch.save(content, path)
    error = refused(results, tmp_path)
    assert error.reason == "UNSAFE_CHECKPOINT"
    assert "system" in error.message
    assert not (tmp_path / "ran").exists()


def test_a_bare_pickle_is_not_even_opened(tmp_path):
    path = tmp_path / "fold_0" / "checkpoint_final.pth"
    path.parent.mkdir()
    path.write_bytes(pickle.dumps(_Shell(f"touch {tmp_path / 'ran'}")))
    with pytest.raises(ModelError, match="zip file"):
        read_checkpoint(path)
    assert not (tmp_path / "ran").exists()


def test_a_zip_that_grows_is_refused_before_it_is_read(tmp_path):
    path = tmp_path / "fold_0" / "checkpoint_final.pth"
    path.parent.mkdir()
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", b"\0" * (80 * 1024**2))
    with pytest.raises(ModelError, match="bytes"):
        read_checkpoint(path)


def test_a_tensor_that_claims_to_be_huge_is_not_copied(tmp_path):
    small = torch.zeros(1).expand(10**6, 10**6)
    with pytest.raises(ModelError, match="expected"):
        chosen_tensors({"a": small}, {"a": torch.zeros(3)}, name="checkpoint")


def test_weights_that_are_not_finite_are_refused():
    with pytest.raises(ModelError, match="not finite"):
        chosen_tensors({"a": torch.tensor([np.nan])}, {"a": torch.zeros(1)}, name="checkpoint")


def test_a_model_is_not_replaced_unasked(results, tmp_path):
    model = read_nnunet(results, Origin(name="other", names={}), folds=("0",))
    folder = model.write(tmp_path / "models")
    before = (folder / "weights.safetensors").read_bytes()
    with pytest.raises(ModelError, match="there already"):
        model.write(tmp_path / "models")
    assert (folder / "weights.safetensors").read_bytes() == before
    model.write(tmp_path / "models", replace=True)
    assert ModelStore([tmp_path / "models"]).names() == ("other",)
    assert sorted(path.name for path in (tmp_path / "models").iterdir()) == ["manifest.toml", "other"]
