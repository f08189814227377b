"""`contour train` and `contour models`, one after the other, on two small patients."""

import hashlib
import json
import tomllib
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy
from click.testing import CliRunner, Result

from contour.cli.entry import cli
from contour.dicom.ct_writer import CtIdentity, write_ct_series
from tests.phantoms import ramp, small_grid
from tests.unit.contour.segmentation.tiny_model import TINY_SPEC
from tests.unit.contour.training.patients import case_on_disk


def contour(*words: str | Path) -> Result:
    return CliRunner().invoke(cli, [str(word) for word in words])


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("training")
    for name in ("a", "b"):
        case_on_disk(folder / "data" / name)
    (folder / "spec.toml").write_text(TINY_SPEC, encoding="utf-8")
    done = contour(
        *("train", "--data", folder / "data", "--model-spec", folder / "spec.toml", "--steps", "3"),
        *("--out", folder / "models" / "tiny", "--work", folder / "work", "--seed", "5"),
    )
    assert done.exit_code == 0, done.output
    return folder


def test_a_trained_model_is_installed_with_a_card_that_counts_who_was_contoured(trained: Path) -> None:
    card = contour("models", "--models", trained / "models", "--card", "tiny").output
    assert "| Parotid_L | 2 |" in card
    assert "| SpinalCord | 0 |" in card
    assert "Not measured yet" in card


def test_training_again_with_the_same_words_writes_the_same_weights(trained: Path) -> None:
    weights = trained / "models" / "tiny" / "weights.safetensors"
    before = weights.read_bytes()
    contour(
        *("train", "--data", trained / "data", "--model-spec", trained / "spec.toml", "--steps", "3"),
        *("--out", trained / "models" / "tiny", "--work", trained / "other-work", "--seed", "5"),
    )
    assert weights.read_bytes() == before


def test_split_and_curve_lie_in_the_model_folder_and_in_its_manifest(trained: Path) -> None:
    listed = tomllib.loads((trained / "models" / "manifest.toml").read_text(encoding="utf-8"))["models"]["tiny"]
    for name in ("split.json", "curve.png"):
        data = (trained / "models" / "tiny" / name).read_bytes()
        assert listed[name] == hashlib.sha256(data).hexdigest()
    split = json.loads((trained / "models" / "tiny" / "split.json").read_text(encoding="utf-8"))
    assert (split["trained_on"], split["held_out"], split["seed"]) == (["a", "b"], [], 5)


@pytest.fixture(scope="module")
def tuned(trained: Path) -> tuple[Path, Result]:
    """The trained model, fine-tuned for other structures on two more patients and one that cannot be used."""
    folder = trained / "tuned"
    for name in ("c", "d"):
        case_on_disk(folder / "data" / name)
    grid = small_grid()
    write_ct_series(ramp(grid), folder / "data" / "e", CtIdentity(seed="without contours"))
    text = TINY_SPEC.partition("[[structures]]")[0].replace('"tiny"', '"tuned"')
    text += '[[structures]]\nname = "Larynx"\n[[structures]]\nname = "Parotid_L"\n'
    (folder / "spec.toml").write_text(text, encoding="utf-8")
    return folder, fine_tune(folder, "1")


def fine_tune(folder: Path, hold_out: str | Path) -> Result:
    return contour(
        *("train", "--data", folder / "data", "--model-spec", folder / "spec.toml", "--steps", "2"),
        *("--from", "tiny", "--models", folder.parent / "models", "--hold-out", hold_out),
        *("--out", folder / "models" / "tuned", "--work", folder / "work", "--seed", "5"),
    )


def test_a_case_that_cannot_be_used_is_left_out_by_name_and_reason(tuned: tuple[Path, Result]) -> None:
    folder, done = tuned
    assert done.exit_code == 0, done.output
    assert "NO_STRUCTURE_SET: left out: case e: no RT Structure Set beside the CT" in done.output
    assert "NEVER_CONTOURED: Larynx" in done.output
    split = json.loads((folder / "models" / "tuned" / "split.json").read_text(encoding="utf-8"))
    assert split["left_out"] == {"e": "NO_STRUCTURE_SET"}
    assert split["started_from"] == "tiny 0.0.1"
    assert sorted(split["trained_on"] + split["held_out"]) == ["c", "d"]
    assert len(split["held_out"]) == 1


def test_holding_out_whom_the_start_has_learnt_from_is_named(trained: Path, tuned: tuple[Path, Result]) -> None:
    late = contour(
        *("train", "--data", trained / "data", "--model-spec", tuned[0] / "spec.toml", "--steps", "1"),
        *("--from", "tiny", "--models", trained / "models", "--hold-out", "1"),
        *("--out", trained / "late" / "models" / "tuned", "--work", trained / "late" / "work"),
    )
    assert "HELD_OUT_WAS_LEARNT: the model to start from has learnt from 1 of 1 held-out cases" in late.output
    assert "HELD_OUT_WAS_LEARNT" not in tuned[1].output


def test_the_card_of_a_fine_tuned_model_says_where_it_comes_from(tuned: tuple[Path, Result]) -> None:
    card = contour("models", "--models", tuned[0] / "models", "--card", "tuned").output
    assert "starting from the weights of tiny 0.0.1" in card
    assert "1 patients, 1 more held out, 1 left out as unusable" in card


def test_a_fine_tuned_model_begins_where_the_other_ended(tuned: tuple[Path, Result]) -> None:
    folder, _ = tuned
    start, end = (
        safetensors.numpy.load_file(path / "weights.safetensors")
        for path in (folder.parent / "models" / "tiny", folder / "models" / "tuned")
    )
    name = "input_block.conv1.conv.weight"
    moved = np.abs(end[name].astype(float) - start[name]).max()
    assert moved < 0.1 * np.abs(start[name].astype(float)).max()


def test_a_run_under_way_is_not_continued_with_others_held_out(tuned: tuple[Path, Result]) -> None:
    folder, _ = tuned
    held_out = json.loads((folder / "models" / "tuned" / "split.json").read_text(encoding="utf-8"))["held_out"]
    (folder / "names.txt").write_text("\n".join({"c", "d"} - set(held_out)), encoding="utf-8")
    assert getattr(fine_tune(folder, folder / "names.txt").exception, "reason", "") == "OTHER_TRAINING_RUN"
    (folder / "names.txt").write_text("nobody", encoding="utf-8")
    assert getattr(fine_tune(folder, folder / "names.txt").exception, "reason", "") == "UNKNOWN_CASE"
    assert fine_tune(folder, "nowhere.txt").exit_code == 2


def test_a_folder_without_patients_is_one_line_and_leaves_no_model(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "spec.toml").write_text(TINY_SPEC, encoding="utf-8")
    done = contour(
        *("train", "--data", tmp_path / "empty", "--model-spec", tmp_path / "spec.toml", "--out", tmp_path / "tiny")
    )
    assert done.exit_code != 0
    assert getattr(done.exception, "reason", "") == "NO_TRAINING_CASES"
    assert not (tmp_path / "tiny").exists()
