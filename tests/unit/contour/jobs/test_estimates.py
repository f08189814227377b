import pytest

from contour.jobs.estimates import remaining_s
from contour.store.records import Job, JobRequest, JobState

USUAL = (("read", 2.0), ("network", 10.0), ("write", 1.0))


def job(state, stage="", fraction=0.0, model="known"):
    request = JobRequest(
        series_id="s", series_instance_uid=None, model=model, model_version="1", structures=(), software_version="0"
    )
    return Job(
        job_id="j", request=request, state=state, stage=stage, fraction=fraction, attempt=1, queue_place=0,
        created_s=0.0, started_s=None, ended_s=None, cancel_requested=False, failure=None, result=None, file=None,
    )  # fmt: skip


def usual_of(model, kind):
    return USUAL if kind == "plan" and model == "known" else ()


@pytest.mark.parametrize(
    ("waiting", "ahead", "expected"),
    [
        (job(JobState.QUEUED), (), 13.0),
        (job(JobState.RUNNING, "read", 0.5), (), 12.0),
        (job(JobState.RUNNING, "network", 0.25), (), 8.5),
        (job(JobState.QUEUED), (job(JobState.RUNNING, "write", 0.0), job(JobState.QUEUED)), 27.0),
        (job(JobState.SUCCEEDED), (), 0.0),
        (job(JobState.QUEUED, model="new"), (), None),
        (job(JobState.QUEUED), (job(JobState.QUEUED, model="new"),), None),
    ],
)
def test_what_is_left_is_the_rest_of_the_stages_and_of_the_jobs_ahead(waiting, ahead, expected):
    assert remaining_s(waiting, ahead, usual_of) == expected
