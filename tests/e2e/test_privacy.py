"""A patient's name and ID go in; they come out nowhere but in the structure set."""

import contextlib
import json
import subprocess
import urllib.request

import pytest

from contour.errors import ContourError
from tests.e2e.conftest import SENTINEL_ID, SENTINEL_NAME

SENTINELS = ("SENTINEL", SENTINEL_NAME.partition("^")[2], SENTINEL_ID)


@pytest.fixture(scope="module")
def spoken(shared_server, small_ct):
    """Everything that the server said to anybody while good and bad files went through it."""
    errors = []
    data = small_ct.data()
    half = len(data[0]) // 2
    broken = [
        [data[0][:half]],
        [data[0], data[0].replace(b"SENTINELNAME^Zaphod", b"SENTINELNAME^Zaphox")],
        [data[0].replace(b"DA\x08\x00", b"DA\xff\xff", 1)],
        [data[0][:132] + SENTINEL_NAME.encode() * 50],
        [SENTINEL_NAME.encode()],
    ]
    with shared_server.client() as client:
        for files in broken:
            try:
                client.upload_series(files)
            except ContourError as error:
                errors.append(str(error))
        series = client.upload_series(small_ct.paths)
        for model in ("quick", "surprise", "memory", "noisy", "crash", SENTINEL_NAME):
            with contextlib.suppress(ContourError):
                client.plan(series, model=model if model != SENTINEL_NAME else "nosuch")
    metrics = urllib.request.urlopen(f"http://{shared_server.metrics}/metrics").read().decode()
    return {"errors": "\n".join(errors), "metrics": metrics, "log": shared_server.log()}


def test_broken_files_were_refused(spoken):
    assert len(spoken["errors"].splitlines()) >= 4


@pytest.mark.parametrize("where", ["errors", "metrics", "log"])
def test_no_patient_is_named(spoken, where):
    assert not [sentinel for sentinel in SENTINELS if sentinel in spoken[where]]


def test_every_line_of_the_log_is_json_and_those_of_a_job_name_it(spoken):
    lines = [json.loads(line) for line in spoken["log"].splitlines()]
    assert {"time", "level", "logger", "message"} <= set.intersection(*(set(line) for line in lines))
    of_jobs = [line for line in lines if "job failed" in line["message"]]
    assert of_jobs
    assert all(len(line["job_id"]) == 32 for line in of_jobs)


def test_promtool_finds_nothing_to_say_about_the_metrics(spoken, judge):
    checked = subprocess.run(
        [judge("promtool"), "check", "metrics"], input=spoken["metrics"], capture_output=True, text=True, check=False
    )
    assert (checked.returncode, checked.stdout + checked.stderr) == (0, "")
    assert 'contour_inputs_rejected_total{reason="TRUNCATED' in spoken["metrics"]
    assert 'contour_worker_restarts_total{reason="WORKER_CRASHED"}' in spoken["metrics"]
