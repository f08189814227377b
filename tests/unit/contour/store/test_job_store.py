import pytest

import contour
from contour.errors import Finding, NotFoundError, NotReadyError, ResourceLimitError
from contour.store.records import Failure, JobResult, JobState, ResultRemoval, ResultRow, StoredFile

RESULT = JobResult(
    sop_instance_uid="2.25.7",
    model_version="1.1",
    rows=(ResultRow(name="Brainstem", volume_ml=24.5, slices=18, elapsed_s=0.2),),
    stages=(("read", 1.0), ("network", 8.0)),
    warnings=(Finding(reason="UNEVEN_SLICES", message="steps differ", measured=(("largest_mm", "3.1"),)),),
    removals=(ResultRemoval(structure="Brainstem", rule="largest part", parts=2, volume_ml=0.3),),
)


@pytest.fixture
def queue(bench, run_request):
    series = bench.complete_series()

    def add(request_id="", queue_limit=10):
        return bench.store.jobs.enqueue(run_request(series), request_id=request_id, queue_limit=queue_limit)

    return add


def finish(bench, job, data=b"rtstruct"):
    path = bench.store.files.incoming_path(job.job_id)
    path.write_bytes(data)
    sha256, size_bytes = bench.store.files.keep_file(path)
    bench.store.jobs.succeed(job.job_id, RESULT, StoredFile(sha256=sha256, size_bytes=size_bytes))


def test_jobs_start_in_the_order_they_came_and_know_their_place(bench, queue):
    first, second, third = queue(), queue(), queue()
    assert (first.queue_place, second.queue_place, third.queue_place) == (1, 2, 3)
    assert bench.store.jobs.claim().job_id == first.job_id
    assert bench.store.jobs.get(third.job_id).queue_place == 2
    ahead = bench.store.jobs.ahead_of(bench.store.jobs.get(third.job_id))
    assert [job.job_id for job in ahead] == [first.job_id, second.job_id]


def test_a_result_reads_back_as_it_was_written_after_a_restart(bench, queue):
    job = queue()
    bench.store.jobs.claim()
    finish(bench, job)
    found = bench.reopen().jobs.get(job.job_id)
    assert (found.state, found.result) == (JobState.SUCCEEDED, RESULT)
    assert bench.store.files.object_path(found.file.sha256).read_bytes() == b"rtstruct"


def test_a_job_cut_off_by_a_crash_is_queued_again_until_its_attempts_are_used_up(bench, queue):
    job = queue()
    for attempt in (1, 2, 3):
        assert bench.store.jobs.claim().attempt == attempt
        bench.reopen()
    failed = bench.store.jobs.get(job.job_id)
    assert (failed.state, failed.failure.reason) == (JobState.FAILED, "TOO_MANY_ATTEMPTS")


def test_a_job_put_back_by_a_graceful_stop_has_not_used_an_attempt(bench, queue):
    job = queue()
    bench.store.jobs.claim()
    bench.store.jobs.note_progress(job.job_id, stage="network", fraction=0.5)
    bench.store.jobs.requeue(job.job_id)
    again = bench.store.jobs.get(job.job_id)
    assert (again.state, again.attempt, again.stage, again.fraction) == (JobState.QUEUED, 0, "", 0.0)


def test_cancelling_a_queued_job_ends_it_and_a_running_one_is_told(bench, queue):
    running, waiting = queue(), queue()
    bench.store.jobs.claim()
    assert bench.store.jobs.request_cancel(waiting.job_id).state is JobState.CANCELLED
    assert bench.store.jobs.request_cancel(running.job_id).cancel_requested
    bench.reopen()
    assert bench.store.jobs.get(running.job_id).state is JobState.CANCELLED


def test_cancelling_a_job_that_is_over_changes_nothing(bench, queue):
    job = queue()
    bench.store.jobs.claim()
    finish(bench, job)
    assert bench.store.jobs.request_cancel(job.job_id).state is JobState.SUCCEEDED


def test_a_failure_keeps_its_findings(bench, queue):
    job = queue()
    bench.store.jobs.claim()
    finding = Finding(reason="MISSING_SLICE", message="two slices are missing", measured=(("z_mm", "12.5, 15.0"),))
    failure = Failure(error="SeriesRejectedError", reason="MISSING_SLICE", message=finding.message, findings=(finding,))
    bench.store.jobs.fail(job.job_id, failure)
    assert bench.store.jobs.get(job.job_id).failure == failure


def test_a_full_queue_refuses_and_a_repeated_request_does_not_count(bench, queue):
    job = queue("ask", queue_limit=1)
    assert queue("ask", queue_limit=1).job_id == job.job_id
    with pytest.raises(ResourceLimitError, match="QUEUE_FULL: 1 jobs"):
        queue(queue_limit=1)


def test_a_job_needs_a_complete_series(bench, run_request):
    series = bench.store.series.create()
    with pytest.raises(NotReadyError, match="SERIES_NOT_COMPLETE"):
        bench.store.jobs.enqueue(run_request(series), queue_limit=5)
    with pytest.raises(NotFoundError, match="JOB_NOT_FOUND"):
        bench.store.jobs.get("0" * 32)


def test_a_series_in_use_is_not_deleted_and_afterwards_takes_its_results_along(bench, queue):
    job = queue()
    with pytest.raises(NotReadyError, match="SERIES_IN_USE"):
        bench.store.series.delete(job.request.series_id)
    with pytest.raises(NotReadyError, match="JOB_NOT_OVER"):
        bench.store.jobs.delete(job.job_id)
    bench.store.jobs.claim()
    finish(bench, job)
    bench.store.series.delete(job.request.series_id)
    assert bench.files() == ["lock", "store-id"]


def test_deleting_a_job_deletes_its_result_only(bench, queue):
    job = queue()
    bench.store.jobs.claim()
    finish(bench, job)
    before = len(bench.files())
    bench.store.jobs.delete(job.job_id)
    assert len(bench.files()) == before - 1
    assert bench.store.series.get(job.request.series_id).instances == 2


def test_estimates_are_the_medians_of_earlier_jobs_with_the_same_model(bench, queue):
    assert bench.store.jobs.usual_stage_seconds("head-and-neck") == ()
    for _ in range(2):
        job = queue()
        bench.store.jobs.claim()
        finish(bench, job)
    assert bench.store.jobs.usual_stage_seconds("head-and-neck") == (("read", 1.0), ("network", 8.0))
    assert bench.store.jobs.usual_stage_seconds("thorax") == ()
    assert bench.store.jobs.count_by_state()[JobState.SUCCEEDED] == 2


def test_a_job_records_the_versions_that_really_ran(bench, queue):
    job = queue()
    assert (job.request.model_version, job.request.software_version) == ("1", "0.1")
    bench.store.jobs.claim()
    finish(bench, job)
    ran = bench.store.jobs.get(job.job_id).request
    assert (ran.model_version, ran.software_version) == ("1.1", contour.__version__)
    assert (ran.model, ran.structures) == (job.request.model, job.request.structures)
