"""The walk through a real server, with a scripted runner in its worker."""

import hashlib
import threading
import time
import urllib.request

import grpc
import pytest
from google.longrunning import operations_pb2, operations_pb2_grpc
from google.protobuf.duration_pb2 import Duration
from google.rpc import error_details_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from grpc_status import rpc_status

from contour.errors import (
    CancelledError,
    InputError,
    JobFailedError,
    NotFoundError,
    NotReadyError,
    ResourceLimitError,
    SeriesRejectedError,
)
from contour.v1 import contouring_pb2, contouring_pb2_grpc, series_pb2, series_pb2_grpc
from tests.e2e.server_process import wait_until


@pytest.fixture
def client(shared_server):
    with shared_server.client() as made:
        yield made


@pytest.fixture
def series(client, small_ct):
    return client.upload_series(small_ct.paths)


@pytest.fixture
def channel(shared_server):
    with grpc.insecure_channel(shared_server.grpc) as made:
        yield made


def test_a_series_goes_up_and_a_structure_set_comes_down(client, small_ct):
    heard = []
    series = client.upload_series(small_ct.paths, lambda stage, fraction: heard.append((stage, fraction)))
    planned = client.plan(series, progress=lambda stage, fraction: heard.append((stage, fraction)))
    assert series.instances == 7
    assert planned.rtstruct.startswith(b"RTSTRUCT")
    assert len(planned.rtstruct) > 300_000
    assert planned.structures[0].slices == 7
    assert heard[0] == ("upload", 0.0)
    assert ("upload", 1.0) in heard
    assert [stage for stage, _ in planned.stage_seconds] == ["read", "network"]


def test_the_worker_reads_the_bytes_that_were_sent(client, small_ct):
    planned = client.plan(client.upload_series(small_ct.data()))
    digests = b"".join(hashlib.sha256(data).digest() for data in small_ct.data())
    assert planned.rtstruct.startswith(b"RTSTRUCT " + digests)


def test_a_job_is_an_operation_that_is_got_listed_waited_for_and_deleted(client, series, channel):
    job_id = client.start(series)
    operations = operations_pb2_grpc.OperationsStub(channel)
    name = f"operations/{job_id}"
    waited = operations.WaitOperation(operations_pb2.WaitOperationRequest(name=name, timeout=Duration(seconds=10)))
    result = contouring_pb2.ContouringResult()
    assert waited.done
    assert waited.response.Unpack(result)
    assert result.size_bytes > 300_000
    metadata = contouring_pb2.ContouringMetadata()
    assert waited.metadata.Unpack(metadata)
    assert (metadata.state, metadata.model, metadata.model_version) == (
        contouring_pb2.JOB_STATE_SUCCEEDED,
        "quick",
        "7",
    )
    assert metadata.software_version
    listed = operations.ListOperations(operations_pb2.ListOperationsRequest(name="operations"))
    assert listed.operations[0].name == name
    operations.DeleteOperation(operations_pb2.DeleteOperationRequest(name=name))
    with pytest.raises(NotFoundError, match="JOB_NOT_FOUND"):
        client.fetch(job_id)


def test_a_running_job_is_cancelled_within_two_seconds_and_the_next_one_runs(client, series, record_property):
    job_id = client.start(series, model="stubborn")
    wait_until(lambda: client.progress(job_id).stage == "network")
    asked_s = time.monotonic()
    client.cancel(job_id)
    wait_until(lambda: client.progress(job_id).is_over)
    record_property("cancel_s", time.monotonic() - asked_s)
    assert time.monotonic() - asked_s < 2.0
    assert client.progress(job_id).state == "CANCELLED"
    with pytest.raises(CancelledError):
        client.result(job_id)
    client.plan(series)


def test_a_watcher_sees_the_queue_place_the_stages_and_an_estimate(client, series, shared_server):
    client.plan(series)
    first = client.start(series, model="slow")
    second = client.start(series)
    steps = []

    def watch():
        with shared_server.client() as other:
            steps.extend(other.watch(second))

    watcher = threading.Thread(target=watch)
    watcher.start()
    wait_until(lambda: steps)
    assert (steps[0].state, steps[0].queue_place) == ("QUEUED", 1)
    client.cancel(first)
    watcher.join(10)
    assert steps[-1].state == "SUCCEEDED"
    assert steps[-1].estimated_remaining_s == 0.0
    assert client.progress(second).attempt == 1
    third = client.start(series)
    assert client.progress(third).estimated_remaining_s is not None
    wait_until(lambda: client.progress(third).is_over)


@pytest.mark.parametrize(
    ("model", "error", "reason"),
    [
        ("crash", JobFailedError, "WORKER_CRASHED"),
        ("killed", JobFailedError, "WORKER_CRASHED"),
        ("memory", ResourceLimitError, "OUT_OF_MEMORY"),
        ("surprise", JobFailedError, "INTERNAL"),
    ],
)
def test_a_job_that_brings_its_worker_down_fails_by_name_and_the_server_goes_on(client, series, model, error, reason):
    with pytest.raises(error) as caught:
        client.plan(series, model=model)
    assert caught.value.reason == reason
    assert "SENTINEL" not in str(caught.value)
    assert client.plan(series).structures


def test_a_rejected_series_is_told_with_every_finding_and_generic_details(client, series, channel):
    job_id = client.start(series, model="reject")
    wait_until(lambda: client.progress(job_id).is_over)
    with pytest.raises(SeriesRejectedError, match="MISSING_SLICE: 2 slices are missing; 1 slice, expected") as caught:
        client.result(job_id)
    assert caught.value.findings[0].measured == (("z_mm", "10.0, 12.5"),)
    got = operations_pb2_grpc.OperationsStub(channel).GetOperation(
        operations_pb2.GetOperationRequest(name=f"operations/{job_id}")
    )
    info, bad = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
    assert got.error.code == grpc.StatusCode.INVALID_ARGUMENT.value[0]
    assert any(detail.Unpack(info) for detail in got.error.details)
    assert any(detail.Unpack(bad) for detail in got.error.details)
    assert (info.reason, info.domain, info.metadata["job_id"]) == ("MISSING_SLICE", "contour-rt", job_id)
    assert [violation.reason for violation in bad.field_violations] == ["MISSING_SLICE", "TOO_FEW_SLICES"]


def test_a_hostile_file_is_rejected_by_its_name_and_the_series_is_refused(client, small_ct):
    nested = b"\xfe\xff\x00\xe0\xff\xff\xff\xff\x08\x00\x40\x11SQ\x00\x00\xff\xff\xff\xff" * 20_000
    broken = small_ct.data()[3] + b"\x08\x00\x40\x11SQ\x00\x00\xff\xff\xff\xff" + nested
    with pytest.raises(SeriesRejectedError, match="instance 2: ") as caught:
        client.upload_series([small_ct.data()[0], broken])
    assert caught.value.reason in {"NESTED_TOO_DEEP", "MALFORMED_DICOM", "TRUNCATED_FILE"}


def test_a_truncated_file_is_rejected(client, small_ct):
    with pytest.raises(SeriesRejectedError, match="TRUNCATED"):
        client.upload_series([*small_ct.data()[1:], small_ct.data()[0][:-500]])


def test_text_files_are_set_aside_and_alone_are_no_series(client, small_ct, tmp_path):
    note = tmp_path / "README.txt"
    note.write_text("no DICOM")
    (tmp_path / "empty").touch()
    series = client.upload_series([*small_ct.paths, note, tmp_path / "empty"])
    assert sorted(finding.message.split(":")[0] for finding in series.set_aside) == ["README.txt", "empty"]
    with pytest.raises(InputError, match="NO_DICOM"):
        client.upload_series([note])
    with pytest.raises(InputError, match="EMPTY_FOLDER"):
        client.upload_series([])


def test_a_slice_that_is_twice_in_a_folder_is_refused(client, small_ct):
    with pytest.raises(SeriesRejectedError, match="DUPLICATE_SLICE: instance 8 is the same slice as instance 3"):
        client.upload_series([*small_ct.data(), small_ct.data()[2]])


def test_what_is_not_there_is_not_found(client, series):
    for ask, reason in [
        (lambda: client.start(series, model="nosuch"), "UNKNOWN_MODEL"),
        (lambda: client.delete_series("f" * 32), "SERIES_NOT_FOUND"),
        (lambda: client.fetch("../../etc/passwd"), "JOB_NOT_FOUND"),
        (lambda: client.cancel("f" * 32), "JOB_NOT_FOUND"),
    ]:
        with pytest.raises(NotFoundError) as caught:
            ask()
        assert caught.value.reason == reason


def test_what_is_asked_for_too_early_is_a_failed_precondition(client, channel, series):
    stub = series_pb2_grpc.SeriesServiceStub(channel)
    opened = stub.CreateSeries(series_pb2.CreateSeriesRequest()).series
    with pytest.raises(grpc.RpcError) as caught:
        contouring_pb2_grpc.ContouringServiceStub(channel).StartContouring(
            contouring_pb2.StartContouringRequest(series_id=opened.series_id)
        )
    assert caught.value.code() is grpc.StatusCode.FAILED_PRECONDITION
    job_id = client.start(series, model="slow")
    with pytest.raises(NotReadyError, match="NO_RESULT"):
        client.fetch(job_id)
    with pytest.raises(NotReadyError, match="SERIES_IN_USE"):
        client.delete_series(series.series_id)
    client.cancel(job_id)


def test_a_deadline_ends_a_wait_and_a_watch(client, series, channel):
    job_id = client.start(series, model="slow")
    watch = contouring_pb2_grpc.ContouringServiceStub(channel).WatchContouring(
        contouring_pb2.WatchContouringRequest(job_id=job_id), timeout=0.5
    )
    with pytest.raises(grpc.RpcError) as caught:
        list(watch)
    assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    asked_s = time.monotonic()
    waited = operations_pb2_grpc.OperationsStub(channel).WaitOperation(
        operations_pb2.WaitOperationRequest(name=f"operations/{job_id}"), timeout=0.6
    )
    assert not waited.done
    assert time.monotonic() - asked_s < 0.6
    client.cancel(job_id)


def test_an_upload_that_breaks_off_goes_on_at_the_stored_byte(channel, small_ct):
    stub, data = series_pb2_grpc.SeriesServiceStub(channel), small_ct.data()[0]
    series_id = stub.CreateSeries(series_pb2.CreateSeriesRequest()).series.series_id
    sha256 = hashlib.sha256(data).hexdigest()

    def parts(offset, end):
        yield series_pb2.UploadInstancesRequest(
            start=series_pb2.InstanceStart(
                series_id=series_id, sha256=sha256, size_bytes=len(data), offset_bytes=offset
            )
        )
        for start in range(offset, end, 500):
            yield series_pb2.UploadInstancesRequest(chunk=data[start : min(start + 500, end)])

    assert list(stub.UploadInstances(parts(0, 1500))) == []
    status = stub.GetInstanceUpload(series_pb2.GetInstanceUploadRequest(series_id=series_id, sha256=sha256))
    assert (status.verdict, status.stored_bytes) == (series_pb2.INSTANCE_VERDICT_UNSPECIFIED, 1500)
    (wrong,) = stub.UploadInstances(parts(0, len(data)))
    assert (wrong.verdict, wrong.stored_bytes) == (series_pb2.INSTANCE_VERDICT_WRONG_OFFSET, 1500)
    (verdict,) = stub.UploadInstances(parts(1500, len(data)))
    assert verdict.verdict == series_pb2.INSTANCE_VERDICT_ACCEPTED
    (again,) = stub.UploadInstances(parts(0, len(data)))
    assert again.verdict == series_pb2.INSTANCE_VERDICT_ALREADY_ACCEPTED


def test_jobs_are_listed_newest_first(client, series):
    ids = [client.plan(series).job_id for _ in range(2)]
    assert [job.job_id for job in client.jobs(most=2)] == ids[::-1]
    assert all(job.is_over for job in client.jobs(most=2))


def test_models_are_listed_with_their_cards(client):
    models = {model.name: model for model in client.models()}
    assert models["quick"].is_default
    assert models["slow"].structures == ("Brainstem",)
    assert client.model_card("quick") == "# card"


def test_health_is_serving_and_reflection_names_every_service(channel):
    check = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest())
    assert check.status == health_pb2.HealthCheckResponse.SERVING
    request = reflection_pb2.ServerReflectionRequest(list_services="")
    (answer,) = reflection_pb2_grpc.ServerReflectionStub(channel).ServerReflectionInfo(iter([request]))
    assert {service.name for service in answer.list_services_response.service} >= {
        "contour.v1.SeriesService",
        "contour.v1.ContouringService",
        "contour.v1.ModelService",
        "google.longrunning.Operations",
        "grpc.health.v1.Health",
    }


def test_what_a_caller_sent_is_not_echoed(channel):
    with pytest.raises(grpc.RpcError) as caught:
        series_pb2_grpc.SeriesServiceStub(channel).GetSeries(series_pb2.GetSeriesRequest(series_id="SENTINEL\x00'"))
    status = rpc_status.from_call(caught.value)
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND
    assert "SENTINEL" not in status.message


def test_the_grpc_process_holds_no_network_library(shared_server):
    """scipy is there since courses are watched there: it is asked for statistics of reports, never given pixels."""
    assert not {"torch", "monai", "SimpleITK", "matplotlib"} & set(shared_server.modules)


def test_metrics_answer_on_their_own_address(shared_server, client, series):
    client.plan(series)
    text = urllib.request.urlopen(f"http://{shared_server.metrics}/metrics").read().decode()
    assert 'contour_jobs{state="SUCCEEDED"}' in text
    assert 'contour_resident_memory_bytes{process="worker"}' in text
    assert "contour_queue_depth 0.0" in text
