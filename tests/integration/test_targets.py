"""A model with targets from end to end: the file, an outside judge of it, the server's answer, the calibration."""

import json
import subprocess
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

import pydicom
import pytest
from click.testing import CliRunner

from contour.cli.entry import cli
from contour.client.values import structure_of
from contour.dicom.ct_reader import read_ct_folder
from contour.jobs.contourers import ByModel
from contour.jobs.plan import plan_contours
from contour.jobs.plan_runner import PlanRunner
from contour.jobs.work import Work, WorkInstance
from contour.segmentation import ModelStore
from contour.server.messages import result_message
from contour.store.json_form import result_from_json, result_to_json
from contour.store.records import StoredFile
from tests.tiny_targets import FOUND, NAME, save_tiny_targets
from tests.unit.contour.training.patients import case_on_disk


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    return save_tiny_targets(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="module")
def result(models, coarse_series):
    numbers = count(1)
    return plan_contours(
        read_ct_folder(coarse_series.ct_folder),
        ByModel(ModelStore([models]).load(NAME, device="cpu")),
        structures=None,
        now=datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC),
        uid_source=lambda: f"2.25.{next(numbers)}",
    )


@pytest.fixture(scope="module")
def written(result, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("written") / "RS.dcm"
    path.write_bytes(result.rtstruct)
    return path


def test_the_file_marks_proposals_and_gives_regions_a_type_that_nothing_is_planned_on(written):
    found = pydicom.dcmread(written)
    rois = {item.ROIName: item for item in found.StructureSetROISequence}
    observed = {item.ROIObservationLabel: item for item in found.RTROIObservationsSequence}
    assert tuple(rois) == FOUND
    assert observed["PTV_High"].RTROIInterpretedType == "PTV"
    assert observed["zLook_PTV_High"].RTROIInterpretedType == ""
    for items in (rois, observed):
        texts = [item.get("ROIDescription", item.get("ROIObservationDescription", "")) for item in items.values()]
        assert texts[0] == ""
        assert texts[1] == "Predicted Dice 0.80."
        assert texts[2].startswith("Proposal from CT alone, not a diagnosis.")
        assert "Not a volume to plan on" in texts[3]


def test_dciodvfy_finds_no_error_in_a_file_with_proposals(written, judge):
    done = subprocess.run([judge("dciodvfy"), "-new", str(written)], capture_output=True, text=True, check=False)
    assert [line for line in done.stderr.splitlines() if line.startswith("Error")] == []


def test_the_written_region_holds_the_written_contour(result, written):
    found = pydicom.dcmread(written)
    volumes = {item.ROIName: float(item.ROIVolume) for item in found.StructureSetROISequence}
    assert volumes["zLook_PTV_High"] > volumes["PTV_High"] > 0
    assert [check.dice >= 0.999 for check in result.checks] == [True] * len(FOUND)


def test_rows_say_what_is_a_proposal_what_is_a_region_and_how_far_to_trust(result):
    rows = {row.name: (row.predicted_dice, row.proposal, row.look_of) for row in result.rows}
    assert rows == {
        "External": (None, False, ""),
        "Brain": (0.8, False, ""),
        "PTV_High": (0.41, True, ""),
        "zLook_PTV_High": (None, False, "PTV_High"),
    }


def test_the_same_is_said_through_the_store_and_over_the_wire(models, coarse_series, tmp_path, result):
    paths = sorted(path for path in coarse_series.ct_folder.iterdir() if path.is_file())
    work = Work(
        job_id="0" * 32,
        instances=tuple(WorkInstance(label=path.name, path=str(path)) for path in paths),
        series_instance_uid=None,
        model=NAME,
        structures=("PTV_High",),
        created_s=1.8e9,
        result_path=str(tmp_path / "RS.dcm"),
    )
    kept = PlanRunner(ModelStore([models]), default_model=NAME).run(work, lambda stage, fraction: None)
    kept = result_from_json(json.loads(json.dumps(result_to_json(kept))))
    message = result_message(kept, StoredFile(sha256="0" * 64, size_bytes=1))
    arrived = [structure_of(row) for row in type(message).FromString(message.SerializeToString()).structures]
    expected = [row for row in result.rows if "PTV_High" in row.name]
    assert [(row.name, row.predicted_dice, row.proposal, row.look_of) for row in arrived] == [
        (row.name, row.predicted_dice, row.proposal, row.look_of) for row in expected
    ]
    assert "LOW_CONFIDENCE" in [one.reason for one in message.warnings]


def test_the_table_of_a_plan_tells_it_too(models, coarse_series, tmp_path):
    words = ["plan", coarse_series.ct_folder, "--out", tmp_path / "RS.dcm", "--model", NAME, "--models", models]
    done = CliRunner().invoke(cli, [str(word) for word in words])
    assert done.exit_code == 0, done.output
    lines = {line.split()[1]: line for line in done.output.splitlines() if line.startswith("│")}
    assert "0.41" in lines["PTV_High"]
    assert "proposal from CT alone" in lines["PTV_High"]
    assert "must-look region of PTV_High" in lines["zLook_PTV_High"]
    assert "LOW_CONFIDENCE: PTV_High" in done.output


def test_calibrate_prints_writes_and_records_what_the_next_plan_uses(tmp_path):
    models = save_tiny_targets(tmp_path / "models", calibrated=False)
    for name in ("a", "b"):
        folder = case_on_disk(tmp_path / "data" / name)
        (folder / "LeftParotid.nii.gz").rename(folder / "PTV_High.nii.gz")
    words = ["calibrate", "--data", tmp_path / "data", "--model", NAME, "--models", models, "--alpha", "0.5"]
    done = CliRunner().invoke(cli, [str(word) for word in [*words, "--out", tmp_path / "out", "--record"]])
    assert done.exit_code == 0, done.output
    assert "## Calibration" not in done.output
    assert "No must-look region for PTV_Low" in done.output
    assert "No predicted Dice for Brain, PTV_High, PTV_Low" in done.output
    store = ModelStore([models])
    found = store.load(NAME, device="cpu").calibration
    assert (found.look("PTV_High").patients, found.look("PTV_High").alpha) == (2, 0.5)
    assert found.look("PTV_High").bound <= 0.5
    assert json.loads((tmp_path / "out" / "calibration.json").read_text())["looks"][0]["structure"] == "PTV_High"
    card = store.card(NAME).text
    assert card.count("## Calibration") == 1
    assert (tmp_path / "out" / "calibration.md").read_text() in card
    again = CliRunner().invoke(cli, [str(word) for word in [*words, "--out", tmp_path / "out", "--record"]])
    assert again.exit_code == 0, again.output
    assert store.card(NAME).text == card
