import subprocess
import sys
import threading
import time
from dataclasses import replace

import pytest

from contour.errors import (
    CancelledError,
    ContourError,
    JobFailedError,
    ModelError,
    ResourceLimitError,
    SeriesRejectedError,
)
from contour.jobs.embedded import EmbeddedExecutor, EmbeddedSettings
from contour.jobs.memory import resident_bytes
from contour.jobs.work import Work
from contour.progress import no_progress

RUNNERS = "tests.unit.contour.jobs.runners"
SETTINGS = EmbeddedSettings(runner=f"{RUNNERS}:open_scripted", log_level="CRITICAL", memory_bytes=300 << 20)


@pytest.fixture(scope="module")
def executor():
    restarts = []
    made = EmbeddedExecutor(SETTINGS, restarted=restarts.append)
    made.restarts = restarts
    made.start()
    yield made
    made.close()


def work_for(tmp_path, model):
    return Work(
        job_id="a1" * 16,
        instances=(),
        series_instance_uid=None,
        model=model,
        structures=None,
        created_s=0.0,
        result_path=str(tmp_path / "result"),
    )


def alive(pid):
    return resident_bytes(pid) > 0


def test_a_job_reports_its_stages_and_leaves_its_file(executor, tmp_path):
    heard = []
    result = executor.run(work_for(tmp_path, "quick"), lambda stage, fraction: heard.append((stage, fraction)))
    assert heard == [("read", 0.0), ("read", 1.0), ("network", 0.25), ("network", 1.0)]
    assert result.rows[0].name == "Brainstem"
    assert (tmp_path / "result").read_bytes().startswith(b"RTSTRUCT")


def test_the_worker_stays_the_same_from_job_to_job_and_after_a_rejected_input(executor, tmp_path):
    executor.run(work_for(tmp_path, "quick"), no_progress)
    pid = executor.worker_pid
    with pytest.raises(SeriesRejectedError):
        executor.run(work_for(tmp_path, "reject"), no_progress)
    executor.run(work_for(tmp_path, "quick"), no_progress)
    assert executor.worker_pid == pid
    assert executor.memory_bytes() > 1 << 20


def test_a_rejection_arrives_with_every_finding_and_measured_value(executor, tmp_path):
    with pytest.raises(SeriesRejectedError, match="MISSING_SLICE: 2 slices are missing; 1 slice") as caught:
        executor.run(work_for(tmp_path, "reject"), no_progress)
    assert caught.value.findings[0].measured == (("z_mm", "10.0, 12.5"),)


@pytest.mark.parametrize(
    ("model", "kind", "reason"),
    [
        ("crash", JobFailedError, "WORKER_CRASHED"),
        ("killed", JobFailedError, "WORKER_CRASHED"),
        ("memory", ResourceLimitError, "OUT_OF_MEMORY"),
        ("hoard", ResourceLimitError, "OUT_OF_MEMORY"),
    ],
)
def test_a_worker_that_dies_fails_its_job_and_the_next_job_gets_a_new_one(executor, tmp_path, model, kind, reason):
    pid = executor.worker_pid
    with pytest.raises(kind) as caught:
        executor.run(work_for(tmp_path, model), no_progress)
    assert caught.value.reason == reason
    assert "SENTINEL" not in str(caught.value)
    assert executor.restarts[-1] == reason
    executor.run(work_for(tmp_path, "quick"), no_progress)
    assert executor.worker_pid != pid
    assert not alive(pid)


def test_an_unforeseen_error_is_told_without_its_text(executor, tmp_path):
    with pytest.raises(JobFailedError, match="INTERNAL: the job failed inside the service") as caught:
        executor.run(work_for(tmp_path, "surprise"), no_progress)
    assert "SENTINEL" not in str(caught.value)


def test_what_libraries_print_neither_breaks_the_frames_nor_reaches_the_log(executor, tmp_path, capfd):
    executor.run(work_for(tmp_path, "noisy"), no_progress)
    captured = capfd.readouterr()
    assert "SENTINEL" not in captured.out + captured.err


@pytest.mark.parametrize("model", ["slow", "stubborn"])
def test_a_running_job_stops_well_within_two_seconds_and_its_worker_is_gone(executor, tmp_path, model):
    executor.run(work_for(tmp_path, "quick"), no_progress)
    pid, stopped_s = executor.worker_pid, []

    def stop():
        stopped_s.append(time.monotonic())
        executor.stop("a1" * 16)

    threading.Timer(0.3, stop).start()
    with pytest.raises(CancelledError):
        executor.run(work_for(tmp_path, model), no_progress)
    assert time.monotonic() - stopped_s[0] < 1.0
    assert not alive(pid)


def test_a_job_stopped_before_it_starts_does_not_start(executor, tmp_path):
    executor.stop("a1" * 16)
    with pytest.raises(CancelledError):
        executor.run(work_for(tmp_path, "quick"), no_progress)
    assert not (tmp_path / "result").exists()
    executor.run(work_for(tmp_path, "quick"), no_progress)


def test_progress_that_raises_stops_the_job(executor, tmp_path):
    def refuse(stage, fraction):
        raise CancelledError("enough")

    with pytest.raises(CancelledError, match="enough"):
        executor.run(work_for(tmp_path, "slow"), refuse)


def test_a_worker_in_the_midst_of_a_job_is_not_used_for_the_next_one_whatever_went_wrong(executor, tmp_path):
    def fail(stage, fraction):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        executor.run(work_for(tmp_path, "slow"), fail)
    assert executor.run(work_for(tmp_path, "quick"), no_progress).rows


def test_a_job_that_takes_too_long_is_ended(tmp_path):
    executor = EmbeddedExecutor(replace(SETTINGS, job_limit_s=0.2))
    try:
        executor.start()
        with pytest.raises(JobFailedError, match=r"JOB_TOO_LONG: the job took longer than 0\.2 s"):
            executor.run(work_for(tmp_path, "slow"), no_progress)
    finally:
        executor.close()


@pytest.mark.parametrize(
    ("runner", "kind", "reason"),
    [("open_broken", ModelError, "MODEL_TAMPERED"), ("open_crashing", JobFailedError, "WORKER_CRASHED")],
)
def test_a_worker_that_cannot_start_says_why(runner, kind, reason):
    executor = EmbeddedExecutor(replace(SETTINGS, runner=f"{RUNNERS}:{runner}"))
    with pytest.raises(ContourError) as caught:
        executor.start()
    assert (type(caught.value), caught.value.reason) == (kind, reason)
    executor.close()


def test_the_worker_ends_when_its_pipe_closes(executor, tmp_path):
    own = EmbeddedExecutor(SETTINGS)
    own.start()
    pid = own.worker_pid
    own._worker.process.stdin.close()
    own._worker.process.wait(timeout=5)
    assert not alive(pid)
    own.run(work_for(tmp_path, "quick"), no_progress)
    own.close()
    assert own.worker_pid is None


def test_the_worker_module_pulls_in_no_network_library():
    code = "import sys, contour.jobs.worker; print(sorted({'torch', 'monai', 'SimpleITK', 'grpc'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
