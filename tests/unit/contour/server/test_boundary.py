from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import grpc
import pytest
from grpc_status import rpc_status

from contour.client.errors import error_of_status
from contour.errors import InputError, ResourceLimitError
from contour.server.boundary import ErrorBoundary, Places
from contour.v1 import models_pb2, models_pb2_grpc, series_pb2, series_pb2_grpc


class Failing:
    """Every method raises what the test put there."""

    error = None

    def __getattr__(self, name):
        return self._stream if name == "UploadInstances" else self._unary

    def _unary(self, request, context):
        raise self.error

    def _stream(self, requests, context):
        yield series_pb2.UploadInstancesResponse(sha256="first")
        raise self.error


@pytest.fixture
def bench():
    heard, service = [], Failing()
    pool = ThreadPoolExecutor(2)
    server = grpc.server(pool, interceptors=[ErrorBoundary(heard.append)])
    models_pb2_grpc.add_ModelServiceServicer_to_server(service, server)
    series_pb2_grpc.add_SeriesServiceServicer_to_server(service, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield SimpleNamespace(
            heard=heard,
            service=service,
            models=models_pb2_grpc.ModelServiceStub(channel),
            series=series_pb2_grpc.SeriesServiceStub(channel),
        )
    server.stop(None).wait()
    pool.shutdown()


def told(bench, call):
    with pytest.raises(grpc.RpcError) as caught:
        call()
    return caught.value.code(), error_of_status(rpc_status.from_call(caught.value))


def test_an_error_of_ours_keeps_its_code_and_reason_and_is_heard_of(bench):
    bench.service.error = InputError("not CT", reason="NOT_CT")
    code, error = told(bench, lambda: bench.models.ListModels(models_pb2.ListModelsRequest()))
    assert (code, str(error)) == (grpc.StatusCode.INVALID_ARGUMENT, "NOT_CT: not CT")
    assert bench.heard == [bench.service.error]


def test_any_other_error_is_internal_with_an_incident_and_without_its_text(bench):
    bench.service.error = ZeroDivisionError("SENTINEL^PATIENT")
    code, error = told(bench, lambda: bench.models.ListModels(models_pb2.ListModelsRequest()))
    assert (code, error.reason) == (grpc.StatusCode.INTERNAL, "INTERNAL")
    assert "incident" in error.message
    assert "SENTINEL" not in error.message


def test_a_full_disk_is_told_as_such(bench):
    bench.service.error = OSError(28, "No space left on device", "/data/SENTINEL")
    code, error = told(bench, lambda: bench.models.ListModels(models_pb2.ListModelsRequest()))
    assert (code, error.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "DISK_FULL")


def test_a_stream_that_fails_half_way_has_given_what_came_before(bench):
    bench.service.error = ResourceLimitError("full", reason="STORE_FULL")
    answers = bench.series.UploadInstances(iter([]))
    assert next(answers).sha256 == "first"
    code, error = told(bench, lambda: next(answers))
    assert (code, error.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "STORE_FULL")


def test_places_are_given_back_even_when_the_call_fails():
    places = Places(1, "uploads")
    for _ in range(2):
        with pytest.raises(KeyError), places.taken():
            raise KeyError
    with places.taken(), pytest.raises(ResourceLimitError, match="TOO_MANY_STREAMS: 1 uploads"), places.taken():
        pass
