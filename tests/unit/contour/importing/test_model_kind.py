"""Which model a folder holds is told by its files, wherever in the folder they are."""

from __future__ import annotations

from pathlib import Path

import pytest

from contour.errors import ModelError
from contour.importing.model_kind import find_model

RESULTS = "Dataset900_Phantom/nnUNetTrainer__nnUNetPlans__"


def made(folder: Path, *names: str) -> Path:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return folder


@pytest.mark.parametrize("above", ["", "Dataset900/", "a/b/Dataset900/nnUNetTrainer__nnUNetPlans__3d_fullres/"])
def test_nnunet_results_are_found_at_any_depth(tmp_path, above):
    made(tmp_path, f"{above}plans.json", f"{above}fold_0/checkpoint_final.pth", "README.md")
    assert find_model(tmp_path) == ("nnunet", tmp_path / above)


def test_both_stages_of_a_cascade_are_one_model(tmp_path):
    made(tmp_path, f"{RESULTS}3d_lowres/plans.json", f"{RESULTS}3d_cascade_fullres/plans.json")
    assert find_model(tmp_path) == ("nnunet", tmp_path / "Dataset900_Phantom")


def test_what_nnunet_leaves_within_its_results_is_no_second_model(tmp_path):
    made(tmp_path, f"{RESULTS}3d_fullres/plans.json", f"{RESULTS}3d_fullres/crossval_results_folds_0_1/plans.json")
    assert find_model(tmp_path) == ("nnunet", tmp_path / f"{RESULTS}3d_fullres")


def test_a_monai_bundle_is_found_by_its_metadata(tmp_path):
    made(tmp_path, "spleen/configs/metadata.json", "spleen/models/model.pt", "other/metadata.json")
    assert find_model(tmp_path) == ("monai", tmp_path / "spleen")


def test_a_model_of_ours_has_all_three_files_and_a_manifest_beside_it(tmp_path):
    ours = [f"models/mine/{name}" for name in ("spec.toml", "weights.safetensors", "card.md")]
    made(tmp_path, *ours)
    with pytest.raises(ModelError, match="NO_MODEL_FOUND"):
        find_model(tmp_path)
    made(tmp_path, "models/manifest.toml")
    assert find_model(tmp_path) == ("contour", tmp_path / "models" / "mine")


def test_what_a_file_manager_leaves_in_archives_is_passed_over(tmp_path):
    made(tmp_path, "a/plans.json", "__MACOSX/a/plans.json", ".cache/plans.json")
    assert find_model(tmp_path) == ("nnunet", tmp_path / "a")


def test_no_model_is_one_clear_line(tmp_path):
    made(tmp_path, "model.onnx")
    with pytest.raises(ModelError, match=r"NO_MODEL_FOUND: the archive holds no model, expected nnU-Net v2 results"):
        find_model(tmp_path)


def test_several_models_are_named(tmp_path):
    made(tmp_path, "a/plans.json", "b/configs/metadata.json")
    with pytest.raises(
        ModelError, match=r"SEVERAL_MODELS: .* 2 models.*nnU-Net v2 results in 'a'; a MONAI bundle in 'b'"
    ):
        find_model(tmp_path)


def test_two_trainings_of_one_data_set_are_several_models(tmp_path):
    made(tmp_path, "D/A__P__3d_fullres/plans.json", "D/B__P__3d_fullres/plans.json")
    with pytest.raises(ModelError, match="SEVERAL_MODELS"):
        find_model(tmp_path)
