"""Callers through a real gRPC server of this process, on a real store of accounts."""

import time
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import grpc
import pytest
from google.protobuf import descriptor_pool
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection, reflection_pb2, reflection_pb2_grpc
from grpc_status import rpc_status

from contour.client.errors import error_of_status
from contour.errors import ServiceUnavailableError
from contour.server.boundary import ErrorBoundary
from contour.server.callers import Callers, address_of, admit_anybody
from contour.server.permissions import NEEDED, OPEN, SIGNED_IN
from contour.server.serve import SERVICES
from contour.server.sign_in import LOOK_AGAIN_S, SignIn
from contour.store.attempts import AttemptLimit
from contour.store.audit_chain import AUTH_OFF
from contour.store.people import open_people
from contour.store.roles import Permission, Role, allowed
from contour.v1 import (
    adaptation_pb2,
    adaptation_pb2_grpc,
    contouring_pb2,
    contouring_pb2_grpc,
    models_pb2,
    models_pb2_grpc,
    series_pb2,
    series_pb2_grpc,
)

JOB = "ab" * 16


class Service:
    """Answers each method with its empty answer, streams with two of them."""

    reached = ()

    def __init__(self, module, name):
        self._module, self._name = module, name
        self.between = lambda: None
        self.error = None

    def __getattr__(self, method):
        (described,) = [
            one for one in self._module.DESCRIPTOR.services_by_name[self._name].methods if one.name == method
        ]
        answer = getattr(self._module, described.output_type.name, None)
        return self._stream(answer) if described.server_streaming else lambda _request, _context: answer()

    def _stream(self, answer):
        def run(_request, _context):
            if self.error is not None:
                raise self.error
            yield answer()
            self.between()
            yield answer()

        return run


@pytest.fixture
def people(tmp_path):
    with open_people(tmp_path / "data", clock_s=time.time, create=True) as opened:
        for role in Role:
            opened.accounts.create(role.value, role, None)
        yield opened


@pytest.fixture
def bench(people):
    """A server whose services answer everything, and its clocks."""
    now = SimpleNamespace(s=0.0)
    callers = Callers(people.accounts, attempts=AttemptLimit(4, 60.0, clock_s=lambda: now.s))
    yield from _serving(callers.admit, people, now)


@pytest.fixture
def open_bench(people):
    """The same with `auth` off."""
    yield from _serving(admit_anybody, people, SimpleNamespace(s=0.0))


def _serving(admit, people, now):
    pool = ThreadPoolExecutor(3)
    server = grpc.server(
        pool, interceptors=[ErrorBoundary(lambda _error: None), SignIn(admit, people.audit, clock_s=lambda: now.s)]
    )
    contouring = Service(contouring_pb2, "ContouringService")
    adaptation = Service(adaptation_pb2, "AdaptationService")
    models_pb2_grpc.add_ModelServiceServicer_to_server(Service(models_pb2, "ModelService"), server)
    series_pb2_grpc.add_SeriesServiceServicer_to_server(Service(series_pb2, "SeriesService"), server)
    contouring_pb2_grpc.add_ContouringServiceServicer_to_server(contouring, server)
    adaptation_pb2_grpc.add_AdaptationServiceServicer_to_server(adaptation, server)
    health_pb2_grpc.add_HealthServicer_to_server(health.HealthServicer(), server)
    reflection.enable_server_reflection((*SERVICES, reflection.SERVICE_NAME), server)
    unlisted = grpc.unary_unary_rpc_method_handler(lambda _request, _context: b"secret")
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("contour.v1.New", {"Do": unlisted}),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield SimpleNamespace(
            channel=channel,
            now=now,
            contouring=contouring,
            adaptation=adaptation,
            models=models_pb2_grpc.ModelServiceStub(channel),
            series=series_pb2_grpc.SeriesServiceStub(channel),
            jobs=contouring_pb2_grpc.ContouringServiceStub(channel),
            courses=adaptation_pb2_grpc.AdaptationServiceStub(channel),
            health=health_pb2_grpc.HealthStub(channel),
            reflection=reflection_pb2_grpc.ServerReflectionStub(channel),
        )
    server.stop(None).wait()
    pool.shutdown()


def bearer(token):
    return (("authorization", f"Bearer {token}"),)


def reason_of(call):
    """Code and reason of a call that is refused."""
    with pytest.raises(grpc.RpcError) as caught:
        call()
    return caught.value.code(), error_of_status(rpc_status.from_call(caught.value)).reason


NOT_SIGNED_IN = (grpc.StatusCode.UNAUTHENTICATED, "NOT_SIGNED_IN")
NOT_ALLOWED = (grpc.StatusCode.PERMISSION_DENIED, "NOT_ALLOWED")
LIST = models_pb2.ListModelsRequest()


def test_every_method_that_the_server_offers_is_in_the_table_and_nothing_else():
    pool = descriptor_pool.Default()
    services = (*SERVICES, reflection.SERVICE_NAME)
    offered = {f"/{name}/{one.name}" for name in services for one in pool.FindServiceByName(name).methods}
    assert offered == set(NEEDED)
    assert not any(method.startswith(OPEN) for method in NEEDED)


@pytest.mark.parametrize("role", Role)
def test_whoever_may_not_submit_can_call_no_method_that_changes_anything(role):
    changing = ("Create", "Upload", "Complete", "Delete", "Start", "Adapt", "Cancel")
    for method, needed in NEEDED.items():
        name = method.rpartition("/")[2]
        if name.startswith(changing):
            assert needed is Permission.SUBMIT
        elif name.startswith("Fetch"):
            assert needed is Permission.DOWNLOAD
    assert allowed(role, Permission.SUBMIT) == (role in {Role.DOSIMETRIST, Role.PHYSICIST, Role.SERVICE})


def test_who_brings_nothing_is_not_signed_in_and_a_token_lets_in(bench, people):
    assert reason_of(lambda: bench.models.ListModels(LIST)) == NOT_SIGNED_IN
    token = people.accounts.make_token("service")
    assert bench.models.ListModels(LIST, metadata=bearer(token)) == models_pb2.ListModelsResponse()
    assert bench.models.ListModels(LIST, metadata=(("authorization", f"bearer {token}"),)) is not None


@pytest.mark.parametrize(
    "text", ["Bearer", "Bearer ", "Basic dXNlcjpwYXNz", "ct_0", "Bearer ct_", "Bearer ct_00_00", "Bearer " + "x" * 4000]
)
def test_what_is_no_token_is_refused(bench, text):
    assert reason_of(lambda: bench.models.ListModels(LIST, metadata=(("authorization", text),))) == NOT_SIGNED_IN


def test_two_tokens_are_refused_even_when_both_are_good(bench, people):
    both = bearer(people.accounts.make_token("service")) + bearer(people.accounts.make_token("physicist"))
    assert reason_of(lambda: bench.models.ListModels(LIST, metadata=both)) == NOT_SIGNED_IN


def test_a_token_whose_secret_is_changed_by_one_letter_is_refused(bench, people):
    token = people.accounts.make_token("service")
    other = token[:-1] + ("A" if token[-1] != "A" else "B")
    assert reason_of(lambda: bench.models.ListModels(LIST, metadata=bearer(other))) == NOT_SIGNED_IN


@pytest.mark.parametrize("role", Role)
def test_each_role_may_do_what_its_row_says_and_no_more(bench, people, role):
    metadata = bearer(people.accounts.make_token(role.value))
    calls = {
        Permission.SUBMIT: lambda: bench.series.CreateSeries(series_pb2.CreateSeriesRequest(), metadata=metadata),
        Permission.WATCH: lambda: bench.models.ListModels(LIST, metadata=metadata),
        Permission.DOWNLOAD: lambda: list(
            bench.jobs.FetchStructureSet(contouring_pb2.FetchStructureSetRequest(job_id=JOB), metadata=metadata)
        ),
    }
    for permission, call in calls.items():
        if allowed(role, permission):
            assert call() is not None
        else:
            assert reason_of(call) == NOT_ALLOWED


def test_a_method_that_nobody_put_into_the_table_is_for_nobody(bench, people):
    call = bench.channel.unary_unary("/contour.v1.New/Do")
    assert reason_of(lambda: call(b"")) == NOT_SIGNED_IN
    assert reason_of(lambda: call(b"", metadata=bearer(people.accounts.make_token("physicist")))) == NOT_ALLOWED


def test_health_is_open_and_reflection_is_for_every_role(bench, people):
    assert bench.health.Check(health_pb2.HealthCheckRequest()).status == health_pb2.HealthCheckResponse.SERVING
    ask = reflection_pb2.ServerReflectionRequest(list_services="")
    assert reason_of(lambda: list(bench.reflection.ServerReflectionInfo(iter([ask])))) == NOT_SIGNED_IN
    assert NEEDED["/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"] == SIGNED_IN
    for role in Role:
        metadata = bearer(people.accounts.make_token(role.value))
        (answer,) = bench.reflection.ServerReflectionInfo(iter([ask]), metadata=metadata)
        assert {one.name for one in answer.list_services_response.service} >= set(SERVICES)


def test_what_was_taken_away_is_taken_away_from_the_next_call_on(bench, people):
    token = people.accounts.make_token("physicist")
    call = lambda: bench.series.CreateSeries(series_pb2.CreateSeriesRequest(), metadata=bearer(token))  # noqa: E731
    assert call() is not None
    people.accounts.set_role("physicist", Role.PHYSICIAN)
    assert reason_of(call) == NOT_ALLOWED
    people.accounts.disable("physicist")
    assert reason_of(call) == NOT_SIGNED_IN
    people.accounts.enable("physicist")
    people.accounts.revoke_token(token.split("_")[1])
    assert reason_of(call) == NOT_SIGNED_IN


def test_a_stream_ends_when_its_token_is_revoked_while_it_lasts(bench, people):
    token = people.accounts.make_token("physician")

    def revoke():
        people.accounts.revoke_token(token.split("_")[1])
        bench.now.s += LOOK_AGAIN_S

    bench.adaptation.between = revoke
    watch = bench.courses.WatchCourse(adaptation_pb2.WatchCourseRequest(course_id="c"), metadata=bearer(token))
    assert next(watch) is not None
    assert reason_of(lambda: next(watch)) == NOT_SIGNED_IN


def test_an_address_with_many_wrong_tokens_is_not_listened_to_but_for_tokens_that_were_good(bench, people):
    good, fresh = people.accounts.make_token("service"), people.accounts.make_token("physicist")
    call = lambda token: bench.models.ListModels(LIST, metadata=bearer(token))  # noqa: E731
    assert call(good) is not None
    for _ in range(4):
        assert reason_of(lambda: call("ct_wrong")) == NOT_SIGNED_IN
    blocked = (grpc.StatusCode.RESOURCE_EXHAUSTED, "TOO_MANY_ATTEMPTS")
    assert reason_of(lambda: call("ct_wrong")) == blocked
    assert reason_of(lambda: call(fresh)) == blocked
    assert call(good) is not None
    people.accounts.disable("service")
    assert reason_of(lambda: call(good)) == NOT_SIGNED_IN
    assert reason_of(lambda: call(good)) == blocked
    bench.now.s += 60.0
    assert call(fresh) is not None


def test_a_download_is_in_the_audit_before_its_first_byte_is_given(bench, people):
    metadata = bearer(people.accounts.make_token("service"))
    before = people.audit.head()[0]
    answers = bench.jobs.FetchStructureSet(
        contouring_pb2.FetchStructureSetRequest(job_id=JOB, offset_bytes=7), metadata=metadata
    )
    next(answers)
    entry = people.audit.listing().items[0]
    assert (entry.sequence, entry.actor, entry.action, entry.subject) == (before + 1, "service", "DOWNLOADED", JOB)
    assert entry.detail == {"file": "structures.dcm", "offset_bytes": 7, "over": "grpc"}
    assert len(list(answers)) == 1
    request = adaptation_pb2.FetchFractionFileRequest(job_id=JOB, file=adaptation_pb2.FRACTION_FILE_REPORT_PNG)
    list(bench.courses.FetchFractionFile(request, metadata=metadata))
    assert people.audit.listing().items[0].detail["file"] == "report.png"
    assert people.audit.head()[0] == before + 2
    assert people.audit.verify().is_intact


def test_what_was_not_handed_out_is_not_in_the_audit_as_a_download(bench, people):
    bench.contouring.error = ServiceUnavailableError("stopping", reason="STOPPING")
    metadata = bearer(people.accounts.make_token("service"))
    before = people.audit.head()
    request = contouring_pb2.FetchStructureSetRequest(job_id=JOB)
    assert reason_of(lambda: list(bench.jobs.FetchStructureSet(request, metadata=metadata)))[1] == "STOPPING"
    administrator = bearer(people.accounts.make_token("administrator"))
    assert reason_of(lambda: list(bench.jobs.FetchStructureSet(request, metadata=administrator))) == NOT_ALLOWED
    assert people.audit.head()[0] == before[0] + 1  # the administrator's token


def test_where_auth_is_off_anybody_is_let_in_and_downloads_are_written_down_all_the_same(open_bench, people):
    assert open_bench.series.CreateSeries(series_pb2.CreateSeriesRequest()) is not None
    list(open_bench.jobs.FetchStructureSet(contouring_pb2.FetchStructureSetRequest(job_id=JOB)))
    assert people.audit.listing().items[0].actor == AUTH_OFF


@pytest.mark.parametrize("method", ["/contour.v1.ModelService/ListModels", "/contour.v1.SeriesService/UploadInstances"])
def test_a_message_that_cannot_be_read_is_read_only_for_those_who_are_let_in(bench, people, method):
    call = bench.channel.stream_stream(method)
    metadata = bearer(people.accounts.make_token("service"))
    if method.endswith("ListModels"):
        bad = (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_ARGUMENT")
        assert reason_of(lambda: list(call(iter([b"\xff\xff"]), metadata=metadata))) == bad
        assert reason_of(lambda: list(call(iter([]), metadata=metadata))) == bad
    assert reason_of(lambda: list(call(iter([b"\xff\xff"])))) == NOT_SIGNED_IN


@pytest.mark.parametrize("method", [one for one in NEEDED if one.startswith("/contour.")])
def test_strangers_who_begin_a_call_and_say_nothing_hold_no_thread(bench, people, method):
    silent = [bench.channel.stream_stream(method)(_nothing()) for _ in range(9)]
    for call in silent:
        assert reason_of(lambda call=call: next(call)) == NOT_SIGNED_IN
    token = people.accounts.make_token("service")
    assert bench.models.ListModels(LIST, metadata=bearer(token), timeout=10) is not None


def _nothing():
    """Requests of a caller who never sends one, and never ends."""
    time.sleep(1.0)
    yield from ()


@pytest.mark.parametrize(
    ("peer", "address"),
    [
        ("ipv4:192.0.2.7:50123", "192.0.2.7"),
        ("ipv6:%5B2001:db8:1:2:3:4:5:6%5D:50123", "2001:db8:1:2::/64"),
        ("ipv6:[2001:db8:1:2:ffff::1]:4", "2001:db8:1:2::/64"),
        ("ipv6:%5Bfe80::1%25eth0%5D:4", "fe80::/64"),
        ("unix:", "unix:"),
    ],
)
def test_attempts_are_counted_by_address_without_port_and_by_network_in_ipv6(peer, address):
    assert address_of(peer) == address
