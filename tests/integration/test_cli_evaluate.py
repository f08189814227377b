"""`contour evaluate` with a model of random weights on two small patients, who have one gland contoured."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from contour.cli.entry import cli
from contour.segmentation import ModelStore
from tests.unit.contour.segmentation.tiny_model import TINY_SPEC, save_tiny_model
from tests.unit.contour.training.patients import case_on_disk

CARD = """# tiny

## Evaluation

Not measured yet; `contour evaluate` fills this in.

### By eye

Somebody looked.

## Risks

Many.
"""


def contour(*words: str | Path) -> Result:
    return CliRunner().invoke(cli, [str(word) for word in words])


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Result]:
    folder = tmp_path_factory.mktemp("evaluating")
    for name in ("a", "b"):
        case_on_disk(folder / "data" / name)
    spec = TINY_SPEC.replace('mirror = "Parotid_R"\n', 'mirror = "Parotid_R"\nproposal = true\n')
    save_tiny_model(folder / "models", spec_text=spec, card_text=CARD)
    return folder, contour(
        *("evaluate", "--data", folder / "data", "--model", "tiny", "--models", folder / "models"),
        *("--out", folder / "result", "--patients", "two boxes", "--record"),
    )


def test_the_tables_are_printed_and_written_with_all_that_is_asked_of_them(evaluated: tuple[Path, Result]) -> None:
    folder, done = evaluated
    assert done.exit_code == 0, done.output
    written = (folder / "result" / "evaluation.md").read_text(encoding="utf-8")
    assert written in done.stdout
    assert "| Parotid_L (proposal) | 2 |" in written
    for heading in ("Dice", "surface Dice 2 mm", "surface Dice 3 mm", "HD95 mm", "mean distance mm", "added path mm"):
        assert f"| {heading} |" in written
    for heading in ("volume bias %", "missed", "beyond 10 mm: patients (mean ml)", "answered, not contoured"):
        assert f"| {heading} |" in written


def test_every_patient_is_in_the_json_and_what_nobody_contoured_is_kept_apart(evaluated: tuple[Path, Result]) -> None:
    folder, _ = evaluated
    report = json.loads((folder / "result" / "evaluation.json").read_text(encoding="utf-8"))
    assert report["cases"] == ["a", "b"]
    assert [(one["case"], one["structure"]) for one in report["each"]] == [("a", "Parotid_L"), ("b", "Parotid_L")]
    (row,) = report["structures"]
    assert (row["n"], row["proposal"], row["dice"]["worst_case"]) == (2, True, "a")
    assert row["dice"]["low"] <= row["dice"]["mean"] <= row["dice"]["high"]
    assert {one["structure"] for one in report["answered_not_contoured"]} <= {"Parotid_R", "SpinalCord"}


def test_the_picture_is_a_png(evaluated: tuple[Path, Result]) -> None:
    assert (evaluated[0] / "result" / "evaluation.png").read_bytes().startswith(b"\x89PNG\r\n\x1a\n")


def test_a_recorded_result_is_in_the_models_folder_card_and_list(evaluated: tuple[Path, Result]) -> None:
    folder, done = evaluated
    assert "Recorded" in done.stdout
    for name in ("evaluation.json", "evaluation.png"):
        assert (folder / "models" / "tiny" / name).read_bytes() == (folder / "result" / name).read_bytes()
    card = contour("models", "--models", folder / "models", "--card", "tiny").output
    assert "Not measured yet" not in card
    assert "on two boxes:" in card
    assert card.index("| Parotid_L (proposal) | 2 |") < card.index("### By eye") < card.index("## Risks")
    listed = contour("models", "--models", folder / "models")
    assert listed.exit_code == 0, listed.output
    assert "Parotid_L" in listed.output


def test_measuring_again_gives_the_same_bytes(evaluated: tuple[Path, Result]) -> None:
    folder, _ = evaluated
    contour(
        *("evaluate", "--data", folder / "data", "--model", "tiny", "--models", folder / "models"),
        *("--out", folder / "again"),
    )
    for name in ("evaluation.json", "evaluation.md", "evaluation.png"):
        assert (folder / "again" / name).read_bytes() == (folder / "result" / name).read_bytes()


def evaluate_after_learning_from(names: list[str], tmp_path: Path, data: Path) -> Result:
    save_tiny_model(tmp_path / "models")
    split = json.dumps({"trained_on": names}).encode()
    store = ModelStore([tmp_path / "models"])
    store.record_evaluation("tiny", card_text=CARD, evaluation='{"dice": []}', extra={"split.json": split})
    words = (
        "evaluate",
        "--data",
        data,
        "--model",
        "tiny",
        "--models",
        tmp_path / "models",
        "--out",
        tmp_path / "result",
    )
    return contour(*words)


def test_patients_whom_the_model_has_learnt_from_are_left_out(tmp_path: Path, evaluated: tuple[Path, Result]) -> None:
    done = evaluate_after_learning_from(["a", "z"], tmp_path, evaluated[0] / "data")
    assert done.exit_code == 0, done.output
    assert "1 of 2 cases left out" in done.stderr
    report = json.loads((tmp_path / "result" / "evaluation.json").read_text(encoding="utf-8"))
    assert report["cases"] == ["b"]


def test_nobody_but_patients_whom_the_model_has_learnt_from_is_refused(
    tmp_path: Path, evaluated: tuple[Path, Result]
) -> None:
    done = evaluate_after_learning_from(["a", "b"], tmp_path, evaluated[0] / "data")
    assert getattr(done.exception, "reason", "") == "NO_UNSEEN_CASES"
    assert not (tmp_path / "result").exists()
