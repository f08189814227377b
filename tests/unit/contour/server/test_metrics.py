import subprocess
import urllib.request
from dataclasses import replace

import pytest
from prometheus_client import generate_latest

from contour.errors import ConfigError, Finding, InputError, NotFoundError
from contour.jobs.work import ModelFacts
from contour.server.metrics import Metrics, MetricsPage, Sources
from contour.store.records import (
    Failure,
    InstanceVerdict,
    Job,
    JobRequest,
    JobResult,
    JobState,
    Verdict,
)

MODEL = ModelFacts(name="hn", version="1.2", structures=("Brainstem",), summary="s", card="c", is_default=True)
JOB = Job(
    job_id="ab" * 16,
    request=JobRequest(
        series_id="s", series_instance_uid=None, model="hn", model_version="1", structures=(), software_version="0"
    ),
    state=JobState.SUCCEEDED,
    stage="verify",
    fraction=1.0,
    attempt=1,
    queue_place=0,
    created_s=0.0,
    started_s=0.0,
    ended_s=1.0,
    cancel_requested=False,
    failure=None,
    result=JobResult(
        sop_instance_uid="2.25.1", model_version="7", rows=(), stages=(("network", 7.5), ("made up", 1.0))
    ),
    file=None,
)


@pytest.fixture
def metrics():
    made = Metrics()
    made.watch(
        Sources(
            jobs_by_state=lambda: {state: index for index, state in enumerate(JobState)},
            store_bytes=lambda: 12345,
            worker_bytes=lambda: 1 << 30,
            models=lambda: (MODEL,),
        )
    )
    return made


def text_of(metrics):
    return generate_latest(metrics.registry).decode()


def test_the_page_has_jobs_queue_memory_models_and_build(metrics):
    text = text_of(metrics)
    for line in (
        'contour_jobs{state="RUNNING"} 1.0',
        "contour_queue_depth 0.0",
        'contour_resident_memory_bytes{process="worker"} 1.073741824e+09',
        'contour_model_info{default="true",model="hn",version="1.2"} 1.0',
        "contour_store_bytes 12345.0",
        "contour_build_info{version=",
    ):
        assert line in text


def test_a_finished_job_counts_with_its_stages_and_only_with_known_ones(metrics):
    metrics.job_ended(JOB)
    text = text_of(metrics)
    assert 'contour_jobs_ended_total{outcome="SUCCEEDED",reason=""} 1.0' in text
    assert 'contour_stage_duration_seconds_sum{stage="network"} 7.5' in text
    assert "made up" not in text


def test_a_rejected_input_counts_by_its_reason_wherever_it_was_found(metrics):
    failure = Failure(error="SeriesRejectedError", reason="MISSING_SLICE", message="m")
    metrics.job_ended(replace(JOB, state=JobState.FAILED, result=None, failure=failure))
    metrics.refused(InputError("m", reason="MISSING_SLICE"))
    finding = Finding(reason="NESTED_TOO_DEEP", message="m")
    metrics.judged(InstanceVerdict(sha256="", verdict=Verdict.REJECTED, stored_bytes=0, finding=finding))
    metrics.refused(NotFoundError("m", reason="UNKNOWN_MODEL"))
    text = text_of(metrics)
    assert 'contour_inputs_rejected_total{reason="MISSING_SLICE"} 2.0' in text
    assert 'contour_inputs_rejected_total{reason="NESTED_TOO_DEEP"} 1.0' in text
    assert 'contour_inputs_rejected_total{reason="UNKNOWN_MODEL"}' not in text
    assert 'contour_calls_refused_total{reason="UNKNOWN_MODEL"} 1.0' in text


def test_a_reason_that_is_no_code_becomes_other_and_reasons_are_bounded(metrics):
    metrics.refused(InputError("m", reason="SENTINEL^PATIENT"))
    for index in range(150):
        metrics.refused(InputError("m", reason=f"REASON_{index}"))
    text = text_of(metrics)
    assert "SENTINEL" not in text
    assert 'contour_inputs_rejected_total{reason="OTHER"} 51.0' in text


def test_two_servers_in_one_process_count_apart(metrics):
    other = Metrics()
    metrics.uploaded(10)
    assert "contour_uploaded_bytes_total 0.0" in text_of(other)


def test_promtool_finds_nothing_to_say(metrics, judge):
    metrics.job_ended(JOB)
    metrics.worker_restarted("OUT_OF_MEMORY")
    checked = subprocess.run(
        [judge("promtool"), "check", "metrics"], input=text_of(metrics), capture_output=True, text=True, check=False
    )
    assert (checked.returncode, checked.stdout + checked.stderr) == (0, "")


def test_the_page_is_served_and_its_port_told_and_a_taken_one_named(metrics):
    page = MetricsPage(metrics, "127.0.0.1", 0)
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{page.port}/metrics") as answer:
            assert b"contour_build_info" in answer.read()
        with pytest.raises(ConfigError, match="ADDRESS_IN_USE"):
            MetricsPage(metrics, "127.0.0.1", page.port)
    finally:
        page.close()
