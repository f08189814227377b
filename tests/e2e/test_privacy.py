"""A patient's name and ID go in; they come out nowhere but in the structure set."""

import contextlib
import json
import re
import subprocess
import urllib.request

import pytest

from contour.errors import ContourError
from tests.e2e.conftest import SENTINEL_ID, SENTINEL_NAME
from tests.e2e.server_process import ServerProcess
from tests.tiny_model import NAME, save_tiny_model

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


@pytest.fixture(scope="module")
def planned(tmp_path_factory, coarse_series):
    """What a server says that reads, contours and refuses for real; the same patient under the sentinel's name."""
    models = save_tiny_model(tmp_path_factory.mktemp("models"))
    server = ServerProcess(tmp_path_factory.mktemp("read"), runner="", model_folders=[models], default_model=NAME)
    named = [
        path.read_bytes()
        .replace(b"Phantom^Contour", b"SENTINEL^Zaphod")
        .replace(b"CONTOUR-PHANTOM", b"SENTINEL-ID-471")
        for path in sorted(coarse_series.ct_folder.iterdir())
    ]
    bad_date = [re.sub(rb"(?<=DA\x08\x00).{8}", b"SENTINEL", data) for data in named]
    bad_position = [re.sub(rb"(?<=\x20\x00\x32\x00DS..).{4}", b"SENT", data, flags=re.DOTALL) for data in named]
    assert len({b"".join(files) for files in (named, bad_date, bad_position)}) == 3
    outcomes = []
    server.start()
    with server.client() as client:
        for files in (named, bad_date, bad_position, [*named[:9], *named[11:]]):
            try:
                outcomes.append(client.plan(client.upload_series(files)).sop_instance_uid)
            except ContourError as error:
                outcomes.append(str(error))
    metrics = urllib.request.urlopen(f"http://{server.metrics}/metrics").read().decode()
    server.end()
    return {"outcomes": outcomes, "errors": "\n".join(outcomes), "metrics": metrics, "log": server.log()}


def test_broken_files_were_refused(spoken):
    assert len(spoken["errors"].splitlines()) >= 4


@pytest.mark.parametrize("where", ["errors", "metrics", "log"])
def test_no_patient_is_named(spoken, where):
    assert not [sentinel for sentinel in SENTINELS if sentinel in spoken[where]]


@pytest.mark.parametrize("where", ["errors", "metrics", "log"])
def test_no_patient_is_named_by_what_reads_the_files(planned, where):
    assert planned["outcomes"][0].startswith("2.25.")
    assert planned["outcomes"][3].startswith("MISSING_SLICE")
    assert not [sentinel for sentinel in SENTINELS if sentinel in planned[where]]


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
