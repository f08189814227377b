"""`contour train`, `contour evaluate` and `contour models`, one after the other, on two small patients."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from contour.cli.entry import cli
from contour.training.cases import find_cases
from contour.training.evaluation import evaluate_model
from tests.unit.contour.segmentation.tiny_model import TINY_SPEC, save_tiny_model
from tests.unit.contour.training.test_training import case_on_disk


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


def test_an_evaluation_is_printed_and_recorded_beside_the_weights(trained: Path) -> None:
    done = contour(
        "evaluate", "--data", trained / "data", "--model", "tiny", "--models", trained / "models", "--record"
    )
    assert done.exit_code == 0, done.output
    assert "| Parotid_L | 2 |" in done.output
    report = json.loads((trained / "models" / "tiny" / "evaluation.json").read_text(encoding="utf-8"))
    assert report["cases"] == ["a", "b"]
    assert {row["structure"]: row["n"] for row in report["dice"]} == {"Parotid_L": 2}
    assert "Not measured yet" not in contour("models", "--models", trained / "models", "--card", "tiny").output


def test_a_missed_structure_counts_as_nothing_and_the_worst_patient_is_named(tmp_path: Path) -> None:
    from contour.segmentation import ModelStore

    case_on_disk(tmp_path / "data" / "only")
    model = ModelStore([save_tiny_model(tmp_path / "models")]).load("tiny", device="cpu")
    result = evaluate_model(model, find_cases(tmp_path / "data"))
    row = result.rows[0]
    assert (row.structure, row.n, row.worst_case) == ("Parotid_L", 1, "only")
    assert row.mean == result.each[0].dice
    assert row.missed == (1 if row.mean == 0 else 0)


def test_a_folder_without_patients_is_one_line_and_leaves_no_model(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "spec.toml").write_text(TINY_SPEC, encoding="utf-8")
    done = contour(
        *("train", "--data", tmp_path / "empty", "--model-spec", tmp_path / "spec.toml", "--out", tmp_path / "tiny")
    )
    assert done.exit_code != 0
    assert getattr(done.exception, "reason", "") == "NO_TRAINING_CASES"
    assert not (tmp_path / "tiny").exists()
