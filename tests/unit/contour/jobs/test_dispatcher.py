import threading
import time
from pathlib import Path

import pytest

from contour.errors import CancelledError, Finding, JobFailedError, ModelError, SeriesRejectedError
from contour.jobs.changes import Changes
from contour.jobs.dispatcher import Dispatcher
from contour.store import Store, StoreSettings, UploadLimits
from contour.store.records import InstanceIdentity, JobRequest, JobResult, JobState, ResultRow

RESULT = JobResult(
    sop_instance_uid="2.25.1",
    model_version="1",
    rows=(ResultRow(name="Brainstem", volume_ml=1.0, slices=2, elapsed_s=0.1),),
    stages=(("read", 1.0),),
)


class ScriptedExecutor:
    """Runs in the dispatcher's thread; each model name is a script."""

    def __init__(self):
        self.stops, self.works, self.running, self.closed = set(), [], threading.Event(), False
        self.start_error = None

    def start(self):
        if self.start_error:
            raise self.start_error

    def run(self, work, progress):
        self.works.append(work)
        progress("network", 0.5)
        self.running.set()
        if work.model == "slow":
            while work.job_id not in self.stops:
                time.sleep(0.01)
            raise CancelledError("the job was cancelled")
        if work.model == "reject":
            raise SeriesRejectedError((Finding(reason="MISSING_SLICE", message="2 slices are missing"),))
        if work.model == "surprise":
            raise ZeroDivisionError("SENTINEL^PATIENT")
        if work.model == "crash":
            raise JobFailedError("the worker ended with signal SIGSEGV", reason="WORKER_CRASHED")
        if work.model != "forgetful":
            Path(work.result_path).write_bytes(b"rtstruct of " + work.job_id.encode())
        return RESULT

    def stop(self, job_id):
        self.stops.add(job_id)

    def models(self):
        return ()

    def memory_bytes(self):
        return 0

    def close(self):
        self.closed = True


class Ends:
    def __init__(self):
        self.jobs = []

    def job_ended(self, job):
        self.jobs.append(job)


class Bench:
    def __init__(self, folder):
        limits = UploadLimits(instance_bytes=100, instances_per_series=10)
        settings = StoreSettings(data_dir=folder, limits=limits, quota_bytes=10_000, most_attempts=2)
        self.store = Store(settings, clock_s=time.time)
        self.executor, self.ends = ScriptedExecutor(), Ends()
        self.dispatcher = Dispatcher(self.store, self.executor, changes=Changes(), observer=self.ends)
        series = self.store.series.create()
        sha256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
        self.store.series.append(series.series_id, sha256, offset_bytes=0, data=b"test")
        identity = InstanceIdentity(sop_instance_uid="1.1", sop_class_uid="1", series_instance_uid="1", modality="CT")
        self.store.series.finish(series.series_id, sha256, vet=lambda _: identity, set_aside=frozenset())
        self.series = self.store.series.complete(series.series_id)

    def add(self, model):
        request = JobRequest(
            series_id=self.series.series_id,
            series_instance_uid=None,
            model=model,
            model_version="1",
            structures=(),
            software_version="0",
        )
        job = self.store.jobs.enqueue(request, queue_limit=10)
        self.dispatcher.wake()
        return job.job_id

    def wait_for(self, job_id, state):
        deadline = time.monotonic() + 5
        while (job := self.store.jobs.get(job_id)).state is not state:
            assert time.monotonic() < deadline, job
            time.sleep(0.01)
        return job


@pytest.fixture
def bench(tmp_path):
    made = Bench(tmp_path)
    made.dispatcher.start()
    yield made
    made.dispatcher.stop(0.0)
    made.store.close()


def test_jobs_run_in_order_and_their_files_are_kept_under_their_hash(bench):
    first, second = bench.add("quick"), bench.add("quick")
    job = bench.wait_for(second, JobState.SUCCEEDED)
    assert [work.job_id for work in bench.executor.works] == [first, second]
    assert bench.store.files.object_path(job.file.sha256).read_bytes() == b"rtstruct of " + second.encode()
    assert (job.result, job.request.structures, bench.executor.works[0].structures) == (RESULT, (), None)
    assert [ended.job_id for ended in bench.ends.jobs] == [first, second]


@pytest.mark.parametrize(
    ("model", "error", "reason"),
    [
        ("reject", "SeriesRejectedError", "MISSING_SLICE"),
        ("crash", "JobFailedError", "WORKER_CRASHED"),
        ("surprise", "JobFailedError", "INTERNAL"),
        ("forgetful", "JobFailedError", "INTERNAL"),
    ],
)
def test_a_failed_job_keeps_its_reason_and_the_queue_goes_on(bench, model, error, reason):
    job = bench.wait_for(bench.add(model), JobState.FAILED)
    assert (job.failure.error, job.failure.reason) == (error, reason)
    assert "SENTINEL" not in job.failure.message
    bench.wait_for(bench.add("quick"), JobState.SUCCEEDED)


def test_cancelling_the_running_job_lets_the_next_one_start(bench):
    slow, quick = bench.add("slow"), bench.add("quick")
    bench.executor.running.wait(5)
    bench.dispatcher.cancel(slow)
    assert bench.wait_for(slow, JobState.CANCELLED).failure.reason == "CANCELLED"
    bench.wait_for(quick, JobState.SUCCEEDED)


def test_cancelling_a_queued_job_never_starts_it(bench):
    slow, quick = bench.add("slow"), bench.add("quick")
    bench.executor.running.wait(5)
    assert bench.dispatcher.cancel(quick).state is JobState.CANCELLED
    bench.dispatcher.cancel(slow)
    bench.wait_for(slow, JobState.CANCELLED)
    assert [work.job_id for work in bench.executor.works] == [slow]


def test_a_stop_puts_the_running_job_back_after_the_grace_and_closes_the_executor(bench):
    slow = bench.add("slow")
    bench.executor.running.wait(5)
    bench.dispatcher.stop(0.05)
    job = bench.store.jobs.get(slow)
    assert (job.state, job.attempt) == (JobState.QUEUED, 0)
    assert bench.executor.closed


def test_a_stop_lets_a_job_that_ends_within_the_grace_end(bench):
    quick = bench.add("quick")
    bench.executor.running.wait(5)
    bench.dispatcher.stop(5.0)
    assert bench.store.jobs.get(quick).state is JobState.SUCCEEDED


def test_an_executor_that_cannot_start_is_told_to_whoever_starts_the_queue(tmp_path):
    bench = Bench(tmp_path)
    bench.executor.start_error = ModelError("sha256 differs", reason="MODEL_TAMPERED")
    with pytest.raises(ModelError, match="MODEL_TAMPERED"):
        bench.dispatcher.start()
    bench.store.close()
