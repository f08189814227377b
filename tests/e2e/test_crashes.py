"""The server is killed at the worst moments, or asked to stop; nothing that was promised is lost."""

import hashlib
import os
import signal
import threading
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from contour.errors import JobFailedError, ServiceUnavailableError
from contour.v1 import series_pb2, series_pb2_grpc
from tests.e2e.server_process import ServerProcess, wait_until


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def is_zombie(pid):
    """Ended, and not yet asked for by its parent, as an idle worker's end is not."""
    stat = Path(f"/proc/{pid}/stat")
    return stat.exists() and stat.read_text().rpartition(")")[2].split()[0] == "Z"


def test_an_upload_survives_a_killed_server_and_the_client_goes_on(start_server, small_ct):
    server = start_server()
    killed = threading.Event()

    def kill_once(stage, fraction):
        if fraction > 0.4 and not killed.is_set():
            killed.set()
            server.kill()
            threading.Thread(target=server.start).start()

    with server.client(patience_s=20.0) as client:
        series = client.upload_series(small_ct.paths, kill_once)
        assert killed.is_set()
        assert series.instances == len(small_ct.paths)
        digests = b"".join(hashlib.sha256(data).digest() for data in small_ct.data())
        assert client.plan(series).rtstruct.startswith(b"RTSTRUCT " + digests)


def test_no_instance_with_a_verdict_is_lost_when_the_server_is_killed_right_after_it(start_server, small_ct):
    server = start_server()
    with grpc.insecure_channel(server.grpc) as channel:
        stub = series_pb2_grpc.SeriesServiceStub(channel)
        series_id = stub.CreateSeries(series_pb2.CreateSeriesRequest()).series.series_id
        go_on = threading.Event()

        def parts():
            for place, data in enumerate(small_ct.data()):
                start = series_pb2.InstanceStart(
                    series_id=series_id, sha256=hashlib.sha256(data).hexdigest(), size_bytes=len(data)
                )
                yield series_pb2.UploadInstancesRequest(start=start)
                if place == 3:
                    yield series_pb2.UploadInstancesRequest(chunk=data[:1000])
                    go_on.wait(10)
                    return
                yield series_pb2.UploadInstancesRequest(chunk=data)

        answers = stub.UploadInstances(parts())
        verdicts = [next(answers).verdict for _ in range(3)]
        assert verdicts == [series_pb2.INSTANCE_VERDICT_ACCEPTED] * 3
        partial = hashlib.sha256(small_ct.data()[3]).hexdigest()
        ask = series_pb2.GetInstanceUploadRequest(series_id=series_id, sha256=partial)
        wait_until(lambda: stub.GetInstanceUpload(ask).stored_bytes == 1000)
        server.kill()
        go_on.set()
    server.start()
    with grpc.insecure_channel(server.grpc) as channel:
        stub = series_pb2_grpc.SeriesServiceStub(channel)
        assert stub.GetSeries(series_pb2.GetSeriesRequest(series_id=series_id)).series.instances == 3
        assert stub.GetInstanceUpload(ask).stored_bytes == 1000


def test_a_job_that_ran_when_the_server_was_killed_runs_again_and_no_worker_is_left_behind(start_server, small_ct):
    server = start_server(env={"TEST_SLOW_S": "2"})
    with server.client(patience_s=20.0) as client:
        series = client.upload_series(small_ct.paths)
        done = client.plan(series)
        job_id, waiting = client.start(series, model="slow"), client.start(series, model="quick")
        wait_until(lambda: client.progress(job_id).stage == "network")
        workers = server.worker_pids()
        assert workers
        server.kill()
        wait_until(lambda: not any(alive(pid) for pid in workers), limit_s=2.0)
        server.start()
        assert client.fetch(done.job_id) == done.rtstruct
        steps = list(client.watch(job_id))
        assert (steps[-1].state, steps[-1].attempt) == ("SUCCEEDED", 2)
        assert [step.state for step in client.watch(waiting)][-1] == "SUCCEEDED"


def test_a_job_is_not_tried_for_ever(start_server, small_ct):
    server = start_server(job_attempts=1)
    with server.client(patience_s=20.0) as client:
        job_id = client.start(client.upload_series(small_ct.paths), model="slow")
        wait_until(lambda: client.progress(job_id).stage == "network")
        server.kill()
        server.start()
        with pytest.raises(JobFailedError, match="TOO_MANY_ATTEMPTS"):
            client.result(job_id)


def test_sigterm_lets_the_running_job_end_refuses_new_ones_and_exits_with_zero(start_server, small_ct):
    server = start_server(env={"TEST_SLOW_S": "2"}, grace_s=10.0)
    with server.client(patience_s=0.0) as client, grpc.insecure_channel(server.grpc) as channel:
        series = client.upload_series(small_ct.paths)
        job_id = client.start(series, model="slow")
        queued = client.start(series, model="quick")
        wait_until(lambda: client.progress(job_id).stage == "network")
        server.terminate()
        health = health_pb2_grpc.HealthStub(channel)
        serving = health_pb2.HealthCheckResponse.SERVING
        wait_until(lambda: health.Check(health_pb2.HealthCheckRequest()).status != serving)
        with pytest.raises(ServiceUnavailableError, match="stopping"):
            client.start(series)
        assert list(client.watch(job_id))[-1].state == "SUCCEEDED"
        assert server.wait() == 0
    server.start()
    with server.client() as client:
        assert client.fetch(job_id).startswith(b"RTSTRUCT")
        assert list(client.watch(queued))[-1].state == "SUCCEEDED"


@pytest.mark.parametrize("second_signal", [False, True])
def test_after_the_grace_the_running_job_goes_back_into_the_queue(start_server, small_ct, second_signal):
    server = start_server(grace_s=30.0 if second_signal else 0.3)
    with server.client() as client:
        series = client.upload_series(small_ct.paths)
        job_id = client.start(series, model="stubborn")
        wait_until(lambda: client.progress(job_id).stage == "network")
        server.terminate()
        if second_signal:
            wait_until(lambda: "stopping" in server.log())
            server.process.send_signal(signal.SIGINT)
        assert server.wait() == 0
        server.start()
        wait_until(lambda: client.progress(job_id).stage == "network")
        assert client.progress(job_id).attempt == 1
        client.cancel(job_id)


def test_a_server_that_is_starting_takes_uploads_and_lets_jobs_wait_for_its_models(tmp_path, small_ct):
    server = ServerProcess(tmp_path, runner="tests.unit.contour.jobs.runners:open_slowly")
    starting = threading.Thread(target=server.start)
    starting.start()
    try:
        with server.client(patience_s=20.0) as client, grpc.insecure_channel(f"127.0.0.1:{server.port}") as channel:
            grpc.channel_ready_future(channel).result(10)
            health = health_pb2_grpc.HealthStub(channel)
            assert health.Check(health_pb2.HealthCheckRequest()).status == health_pb2.HealthCheckResponse.NOT_SERVING
            series = client.upload_series(small_ct.paths)
            assert client.plan(series, model="quick").structures
    finally:
        starting.join()
        server.end()


def test_an_idle_worker_that_is_killed_is_replaced_when_the_next_job_comes(start_server, small_ct):
    server = start_server()
    with server.client() as client:
        series = client.upload_series(small_ct.paths)
        workers = server.worker_pids()
        for pid in workers:
            os.kill(pid, signal.SIGKILL)
        wait_until(lambda: all(is_zombie(pid) or not alive(pid) for pid in workers))
        assert client.plan(series).structures


def test_a_second_server_on_the_same_data_or_port_says_so(start_server):
    server = start_server()
    same_data = ServerProcess(server.folder)
    with pytest.raises(AssertionError, match="DATA_DIR_IN_USE"):
        same_data.start()
    other = server.folder / "other"
    other.mkdir()
    same_port = ServerProcess(other)
    same_port.port = server.port
    with pytest.raises(AssertionError, match="ADDRESS_IN_USE"):
        same_port.start()


@pytest.mark.parametrize(("runner", "reason"), [("open_broken", "MODEL_TAMPERED"), ("open_crashing", "WORKER_CRASHED")])
def test_a_server_whose_worker_cannot_start_does_not_start(tmp_path, runner, reason):
    server = ServerProcess(tmp_path, runner=f"tests.unit.contour.jobs.runners:{runner}")
    with pytest.raises(AssertionError, match=reason):
        server.start()
