"""`contour plan`, `check`, `models` and `phantom` as a user runs them, with a model of a few kilobytes."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pydicom
import pytest

from contour.dicom.rtstruct_reader import read_rtstruct
from tests.tiny_model import FOUND, save_tiny_model

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-c", "from contour.cli import main; main()"]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}


def contour(*arguments):
    return subprocess.run(
        [*COMMAND, *map(str, arguments)], capture_output=True, text=True, timeout=300, env=ENVIRONMENT, check=False
    )


@pytest.fixture(scope="module")
def planned(coarse_series, models, tmp_path_factory):
    out = tmp_path_factory.mktemp("planned") / "RS.dcm"
    done = contour(
        "plan", coarse_series.ct_folder, "--out", out, "--model", "tiny", "--models", models,
        "--preview", out.with_suffix(".png"),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return out, done


def test_the_table_tells_structure_volume_slices_seconds_and_the_last_line_the_path(planned):
    out, done = planned
    rows = re.findall(r"│ (\w+)\s+│\s+(\d+\.\d\d) │\s+(\d+) │\s+(\d+\.\d\d) │", done.stdout)
    assert tuple(name for name, *_ in rows) == FOUND
    assert done.stdout.splitlines()[-1] == f"RTSTRUCT: {out}"
    assert "STRUCTURE_NOT_FOUND: Larynx" in done.stdout


def test_progress_is_one_line_per_stage_on_stderr(planned):
    stages = [line.split()[0] for line in planned[1].stderr.splitlines()]
    assert stages == ["read", "body", "network", "restore", "clean-up", "write", "verify"]


def test_the_file_is_whole_and_nothing_else_is_beside_it(planned):
    out, _ = planned
    assert tuple(roi.name for roi in read_rtstruct(out.read_bytes()).rois) == FOUND
    assert sorted(path.name for path in out.parent.iterdir()) == ["RS.dcm", "RS.png"]
    assert out.with_suffix(".png").read_bytes()[:4] == b"\x89PNG"


def test_check_passes_what_plan_wrote_and_says_so_in_json(here, planned, coarse_series):
    out, _ = planned
    done = here("check", out, coarse_series.ct_folder, "--json")
    report = json.loads(done.stdout)
    assert (done.returncode, report["errors"]) == (0, 0), done.stdout


def test_check_ends_with_1_where_contours_lie_in_another_frame(here, planned, coarse_series, tmp_path):
    dataset = pydicom.dcmread(planned[0])
    for item in dataset.StructureSetROISequence:
        item.ReferencedFrameOfReferenceUID = "2.25.42"
    dataset.ReferencedFrameOfReferenceSequence[0].FrameOfReferenceUID = "2.25.42"
    dataset.save_as(tmp_path / "moved.dcm")
    done = here("check", tmp_path / "moved.dcm", coarse_series.ct_folder)
    assert done.returncode == 1
    assert "error" in done.stdout
    assert "Traceback" not in done.stderr


def test_check_refuses_what_is_no_rtstruct_in_one_line(here, coarse_series):
    done = here("check", coarse_series.ct_paths[0], coarse_series.ct_folder)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("contour: NOT_RTSTRUCT: ")


def test_an_unknown_model_is_told_with_those_installed_and_no_file(here, coarse_series, models, tmp_path):
    out = tmp_path / "RS.dcm"
    done = here("plan", coarse_series.ct_folder, "--out", out, "--models", models, "--model", "none_such")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("contour: UNKNOWN_MODEL: ")
    assert "tiny" in done.stderr
    assert not out.exists()


def test_models_lists_name_version_licence_and_structures(here, models):
    done = here("models", "--models", models)
    assert done.returncode == 0
    assert "tiny 0.0.1" in done.stdout
    assert "files intact" in done.stdout
    assert "Parotid_L" in done.stdout


def test_a_model_whose_weights_changed_is_told_as_damaged_and_not_used(here, tmp_path, coarse_series):
    folder = save_tiny_model(tmp_path / "models")
    weights = folder / "tiny" / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\x01")
    assert "DAMAGED: MODEL_FILE_CHANGED" in here("models", "--models", folder).stdout
    out = tmp_path / "RS.dcm"
    done = here("plan", coarse_series.ct_folder, "--out", out, "--models", folder, "--model", "tiny")
    assert (done.returncode, out.exists()) == (1, False)
    assert done.stderr.splitlines()[-1].startswith("contour: MODEL_FILE_CHANGED: ")


@pytest.fixture
def interruptible():
    """Children that heed Ctrl-C: those of a background job inherit that it is ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_ctrl_c_ends_with_130_and_no_file(coarse_series, models, tmp_path):
    out = tmp_path / "RS.dcm"
    process = subprocess.Popen(
        [*COMMAND, "plan", coarse_series.ct_folder, "--out", out, "--model", "tiny", "--models", models],
        stderr=subprocess.PIPE, text=True, env=ENVIRONMENT,
    )  # fmt: skip
    assert process.stderr.readline().startswith("read")
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err.strip().splitlines()[-1] == "contour: INTERRUPTED: stopped before the end; no output was written"
    assert list(tmp_path.iterdir()) == []


def test_phantom_refuses_a_folder_that_is_not_empty(here, tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    done = here("phantom", tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith("contour: OUTPUT_EXISTS: ")
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]
