"""What goes beyond a limit is refused by name, and costs nobody else anything."""

import pytest

from contour.errors import JobFailedError, ResourceLimitError
from tests.e2e.server_process import wait_until


@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        ({"instance_bytes": 1000}, "INSTANCE_TOO_LARGE"),
        ({"instances_per_series": 3}, "TOO_MANY_INSTANCES"),
        ({"store_bytes": 8000}, "STORE_FULL"),
    ],
)
def test_uploads_are_bounded_and_a_refused_series_leaves_nothing(start_server, small_ct, limits, reason):
    server = start_server(**limits)
    with server.client() as client:
        with pytest.raises(ResourceLimitError) as caught:
            client.upload_series(small_ct.paths)
        assert caught.value.reason == reason
    left = [path for path in (server.folder / "data").rglob("*") if path.is_file() and path.parent.name != "data"]
    assert left == []


def test_the_queue_is_bounded(start_server, small_ct):
    with start_server(queued_jobs=1).client() as client:
        series = client.upload_series(small_ct.paths)
        running = client.start(series, model="slow")
        wait_until(lambda: client.progress(running).state == "RUNNING")
        client.start(series)
        with pytest.raises(ResourceLimitError, match="QUEUE_FULL: 1 jobs are waiting"):
            client.start(series)


def test_more_watchers_than_places_are_refused_and_short_calls_still_answered(start_server, small_ct):
    with start_server(streams=2).client() as client:
        job_id = client.start(client.upload_series(small_ct.paths), model="slow")
        held = [client.watch(job_id) for _ in range(2)]
        for watch in held:
            next(watch)
        with pytest.raises(ResourceLimitError, match="TOO_MANY_STREAMS"):
            list(client.watch(job_id))
        assert client.progress(job_id).state == "RUNNING"
        client.cancel(job_id)
        for watch in held:
            assert list(watch)[-1].state == "CANCELLED"


@pytest.mark.parametrize(
    ("limits", "model", "error", "reason"),
    [
        ({"worker_memory_bytes": 250 << 20}, "hoard", ResourceLimitError, "OUT_OF_MEMORY"),
        ({"job_s": 3}, "slow", JobFailedError, "JOB_TOO_LONG"),
    ],
)
def test_a_job_that_hoards_memory_or_takes_too_long_is_ended_by_name(
    start_server, small_ct, limits, model, error, reason
):
    with start_server(**limits).client() as client:
        series = client.upload_series(small_ct.paths)
        with pytest.raises(error) as caught:
            client.plan(series, model=model)
        assert caught.value.reason == reason
        assert client.plan(series).structures
