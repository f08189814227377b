"""`contour serve` and `contour plan --server`: the same result as in-process, and the same errors."""

import shutil
import signal
import urllib.request

import pydicom
import pytest

from tests.tiny_model import FOUND

MOVING = ("SOPInstanceUID", "SeriesInstanceUID", "InstanceCreationDate", "InstanceCreationTime")
MOVING += ("SeriesDate", "SeriesTime", "StructureSetDate", "StructureSetTime")


@pytest.fixture
def server(running_server):
    """Address, metrics URL and process."""
    return running_server.address, running_server.metrics, running_server.process


def standing(path):
    """The file without what has to differ between two runs."""
    dataset = pydicom.dcmread(path)
    for keyword in MOVING:
        delattr(dataset, keyword)
    return dataset


def test_the_file_is_the_same_with_and_without_a_server(here, server, models, coarse_series, tmp_path):
    there, alone = tmp_path / "there.dcm", tmp_path / "alone.dcm"
    done = here("plan", coarse_series.ct_folder, "--out", there, "--server", server[0], "--preview", tmp_path / "p.png")
    assert done.returncode == 0, done.stderr
    assert done.stderr.startswith("upload ")
    assert done.stdout.splitlines()[-1] == f"RTSTRUCT: {there}"
    assert all(name in done.stdout for name in FOUND)
    assert (tmp_path / "p.png").is_file()
    assert here("plan", coarse_series.ct_folder, "--out", alone, "--models", models, "--model", "tiny").returncode == 0
    assert standing(there) == standing(alone)
    assert abs(there.stat().st_size - alone.stat().st_size) <= 8  # UIDs differ in length


def test_a_missing_slice_is_told_as_without_a_server(here, server, coarse_series, tmp_path):
    series = tmp_path / "ct"
    shutil.copytree(coarse_series.ct_folder, series)
    for path in sorted(series.iterdir())[20:22]:
        path.unlink()
    out = tmp_path / "RS.dcm"
    there = here("plan", series, "--out", out, "--server", server[0])
    alone = here("plan", series, "--out", out)
    assert there.returncode == alone.returncode == 1
    assert there.stderr.splitlines()[-1] == alone.stderr.splitlines()[-1]
    assert there.stderr.splitlines()[-1].startswith("contour: MISSING_SLICE: ")
    assert not out.exists()


def test_structures_can_be_asked_for_by_alias_on_a_server(here, server, coarse_series, tmp_path):
    done = here(
        "plan", coarse_series.ct_folder, "--out", tmp_path / "RS.dcm", "--server", server[0],
        "--structures", "left parotid",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "Parotid_L" in done.stdout
    assert "External" not in done.stdout


def test_metrics_are_where_the_ready_line_says(server):
    with urllib.request.urlopen(server[1], timeout=10) as page:  # noqa: S310 - our own server
        assert b"contour_" in page.read()


def test_a_server_that_is_not_there_is_told_in_one_line(here, coarse_series, tmp_path, monkeypatch):
    monkeypatch.setattr("contour.cli.plan_remote.PATIENCE_S", 0.5)
    done = here("plan", coarse_series.ct_folder, "--out", tmp_path / "RS.dcm", "--server", "127.0.0.1:9")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("contour: UNAVAILABLE: ")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("lissten = 1", "contour: BAD_CONFIG: unknown key lissten; known are listen, "),
        ('listen = "0.0.0.0:1"', "contour: INSECURE_REMOTE: "),
        ("[limits]\nqueued_jobs = 0", "contour: BAD_CONFIG: limits.queued_jobs is 0, "),
    ],
)
def test_a_configuration_that_cannot_be_ends_with_exit_2_at_start(here, tmp_path, text, line):
    config = tmp_path / "contour.toml"
    config.write_text(text)
    done = here("serve", "--config", config)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(line)
    assert len(done.stderr.splitlines()) == 1


def test_sigterm_ends_a_server_with_0(start_server):
    process = start_server().process
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=30) == 0
