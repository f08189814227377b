"""A real server that asks who calls: tokens, roles, TLS and certificates of callers, over real connections."""

import os
import subprocess
import sys
import time

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from contour.client import ContourClient
from contour.errors import (
    ConfigError,
    InputError,
    NotAllowedError,
    NotFoundError,
    NotReadyError,
    NotSignedInError,
    ServiceUnavailableError,
)
from contour.store.people import open_people
from contour.store.roles import Role
from contour.v1 import series_pb2
from tests.certificates import Authority
from tests.e2e.server_process import ROOT, ServerProcess

DAY_S = 86400.0
ASKED = {"auth": "required"}
EVERYWHERE = "0.0.0.0"  # noqa: S104 - what the rules are about


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def strange_authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("strange"))


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """It asks for a token; no TLS, so on the loopback interface."""
    yield from running(ServerProcess(tmp_path_factory.mktemp("asking"), **ASKED))


@pytest.fixture(scope="module")
def tls_server(tmp_path_factory, authority):
    """The same with TLS, on every interface."""
    pair = authority.sign("contour")
    tls = {"certificate": pair.certificate, "key": pair.key}
    yield from running(ServerProcess(tmp_path_factory.mktemp("tls"), **ASKED, tls=tls, host=EVERYWHERE))


@pytest.fixture(scope="module")
def mutual_server(tmp_path_factory, authority):
    """The same, and every caller has to show a certificate."""
    pair = authority.sign("contour")
    tls = {"certificate": pair.certificate, "key": pair.key, "client_ca": authority.certificate}
    yield from running(ServerProcess(tmp_path_factory.mktemp("mutual"), **ASKED, tls=tls))


def people_of(server):
    return open_people(server.folder / "data", clock_s=time.time)


def running(process):
    process.start()
    yield process
    process.end()


@pytest.fixture(scope="module")
def people(server):
    """Accounts by the names of their roles, made while the server runs, as the command line makes them."""
    with people_of(server) as opened:
        for role in Role:
            opened.accounts.create(role.value, role, None)
        yield opened


@pytest.fixture
def token(people):
    """Makes tokens of a role's account."""
    return people.accounts.make_token


def test_the_whole_walk_goes_with_a_token_and_the_download_is_in_the_audit(server, people, token, small_ct):
    with server.client(token=token("service")) as client:
        series = client.upload_series(small_ct.paths)
        planned = client.plan(series)
        assert planned.rtstruct.startswith(b"RTSTRUCT")
        assert planned.job_id in {job.job_id for job in client.jobs()}
        with pytest.raises(NotReadyError, match="NOT_APPROVED"):
            client.fetch(planned.job_id, approved=True)
        client.delete_series(series.series_id)
    (entry,) = people.audit.listing(subject=planned.job_id).items
    assert (entry.actor, entry.action) == ("service", "DOWNLOADED")
    (entry,) = people.audit.listing(subject=series.series_id).items
    assert (entry.actor, entry.action) == ("service", "DELETED")
    assert people.audit.verify().is_intact


@pytest.mark.parametrize(
    "call",
    [
        lambda client, ct: client.models(),
        lambda client, ct: client.jobs(),
        lambda client, ct: client.upload_series(ct.paths),
        lambda client, ct: client.fetch("ab" * 16),
        lambda client, ct: client.cancel("ab" * 16),
        lambda client, ct: list(client.watch("ab" * 16)),
        lambda client, ct: client.courses.listing(),
        lambda client, ct: client.delete_series("ab" * 16),
    ],
)
def test_without_a_token_nothing_is_answered_not_even_whether_something_exists(server, small_ct, call):
    with server.client() as client, pytest.raises(NotSignedInError, match="NOT_SIGNED_IN"):
        call(client, small_ct)


def test_a_token_that_is_wrong_expired_revoked_or_of_a_disabled_account_is_refused(server, people, token):
    good, revoked = token("physicist"), token("physicist")
    people.accounts.revoke_token(revoked.split("_")[1])
    with open_people(server.folder / "data", clock_s=lambda: time.time() - 2 * DAY_S) as earlier:
        expired = earlier.accounts.make_token("physicist", days=1)
    people.accounts.create("gone", Role.PHYSICIST, None)
    disabled = token("gone")
    people.accounts.disable("gone")
    wrong = good[:-3] + ("AAA" if good[-3:] != "AAA" else "BBB")
    for refused in (wrong, expired, revoked, disabled, "ct_nonsense"):
        with server.client(token=refused) as client, pytest.raises(NotSignedInError):
            client.models()
    with server.client(token=good) as client:
        client.models()


def test_a_token_of_before_a_restart_is_good_after_it(start_server):
    server = start_server(**ASKED)
    with people_of(server) as opened:
        opened.accounts.create("tps", Role.SERVICE, None)
        made = opened.accounts.make_token("tps")
    server.kill()
    server.start()
    with server.client(token=made) as client:
        client.models()


def test_a_role_may_do_what_its_row_says(server, token, small_ct):
    with server.client(token=token("physician")) as client:
        client.models()
        with pytest.raises(NotAllowedError, match="role is physician, expected one that may submit"):
            client.upload_series(small_ct.paths)
        with pytest.raises(NotFoundError):
            client.fetch("ab" * 16)
    with server.client(token=token("administrator")) as client:
        client.courses.listing()
        with pytest.raises(NotAllowedError, match="expected one that may download"):
            client.fetch("ab" * 16)
        with pytest.raises(NotAllowedError):
            client.cancel("ab" * 16)
    with server.client(token=token("dosimetrist")) as client:
        assert client.upload_series(small_ct.paths).instances == len(small_ct.paths)


def test_a_message_that_cannot_be_read_is_an_error_of_whoever_sent_it(server, token, small_ct):
    metadata = (("authorization", f"Bearer {token('service')}"),)
    with grpc.insecure_channel(server.grpc) as channel:
        for method in ("/contour.v1.SeriesService/UploadInstances", "/contour.v1.SeriesService/CreateSeries"):
            with pytest.raises(grpc.RpcError) as caught:
                list(channel.stream_stream(method)(iter([b"\xff\xff"]), metadata=metadata))
            assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    with server.client(token=token("service")) as client, pytest.raises(InputError):
        client.start(client.upload_series(small_ct.paths), structures=["x" * 100])


def test_strangers_who_begin_calls_and_send_nothing_do_not_keep_others_out(server, token):
    with grpc.insecure_channel(server.grpc) as channel:
        method = channel.stream_unary(
            "/contour.v1.SeriesService/CreateSeries",
            request_serializer=series_pb2.CreateSeriesRequest.SerializeToString,
        )
        silent = [method.future(_never()) for _ in range(80)]  # the server has 32 threads for calls
        with server.client(token=token("service"), patience_s=0.0) as client:
            client.models()
        assert {call.exception(timeout=10).code() for call in silent} == {grpc.StatusCode.UNAUTHENTICATED}


def _never():
    time.sleep(3.0)
    yield from ()


def test_health_is_open_and_reflection_is_not(server, token):
    with grpc.insecure_channel(server.grpc) as channel:
        health = health_pb2_grpc.HealthStub(channel)
        assert health.Check(health_pb2.HealthCheckRequest()).status == health_pb2.HealthCheckResponse.SERVING
        reflection = reflection_pb2_grpc.ServerReflectionStub(channel)
        ask = reflection_pb2.ServerReflectionRequest(list_services="")
        with pytest.raises(grpc.RpcError) as caught:
            list(reflection.ServerReflectionInfo(iter([ask])))
        assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED
        metadata = (("authorization", f"Bearer {token('service')}"),)
        (answer,) = reflection.ServerReflectionInfo(iter([ask]), metadata=metadata)
        assert "contour.v1.SeriesService" in {one.name for one in answer.list_services_response.service}


def test_guessing_is_answered_less_and_less_and_is_in_the_log_without_the_guess(start_server):
    server = start_server(**ASKED)
    reasons = []
    with grpc.insecure_channel(server.grpc) as channel:
        call = channel.unary_unary("/contour.v1.ModelService/ListModels")
        for guess in range(40):
            with pytest.raises(grpc.RpcError) as caught:
                call(b"", metadata=(("authorization", f"Bearer ct_{guess:016x}_guessed"),))
            reasons.append(caught.value.code())
    assert reasons == [grpc.StatusCode.UNAUTHENTICATED] * 30 + [grpc.StatusCode.RESOURCE_EXHAUSTED] * 10
    assert server.log().count("wrong token came from 127.0.0.1") == 30
    assert "guessed" not in server.log()


def test_tls_lets_in_by_token_from_every_interface(tls_server, authority, small_ct):
    with people_of(tls_server) as opened:
        opened.accounts.create("service", Role.SERVICE, None)
        made = opened.accounts.make_token("service")
    with tls_server.client(ca_file=authority.certificate, token=made) as client:
        assert client.plan(client.upload_series(small_ct.paths)).rtstruct.startswith(b"RTSTRUCT")
    with tls_server.client(ca_file=authority.certificate) as client, pytest.raises(NotSignedInError):
        client.models()


def test_a_server_whose_certificate_another_authority_signed_is_not_spoken_to(tls_server, strange_authority):
    with (
        tls_server.client(ca_file=strange_authority.certificate, token="ct_x") as client,
        pytest.raises(ServiceUnavailableError, match="TLS_FAILED"),
    ):
        client.models()


def test_a_server_whose_certificate_is_for_another_address_is_not_spoken_to(start_server, authority):
    pair = authority.sign("contour", "IP:127.0.0.2")
    server = start_server(**ASKED, tls={"certificate": pair.certificate, "key": pair.key})
    with (
        server.client(ca_file=authority.certificate, token="ct_x") as client,
        pytest.raises(ServiceUnavailableError, match="TLS_FAILED"),
    ):
        client.models()


def test_a_server_with_tls_does_not_answer_without_it(tls_server):
    with tls_server.client(patience_s=0.3) as client, pytest.raises(ServiceUnavailableError):
        client.models()


def test_a_certificate_of_an_account_is_as_good_as_a_token(mutual_server, authority, small_ct):
    tps, unknown = authority.sign("tps.clinic"), authority.sign("printer.clinic")
    with people_of(mutual_server) as opened:
        opened.accounts.create("tps", Role.SERVICE, None, certificate_name="tps.clinic")
        opened.accounts.create("watcher", Role.PHYSICIAN, None)
        other = opened.accounts.make_token("watcher")

        def client(pair, token=""):
            return mutual_server.client(
                ca_file=authority.certificate, certificate_file=pair.certificate, key_file=pair.key, token=token
            )

        with client(tps) as known:
            done = known.plan(known.upload_series(small_ct.paths))
        assert opened.audit.listing(subject=done.job_id).items[0].actor == "tps"
        with client(unknown) as strange, pytest.raises(NotSignedInError, match="certificate is no account's"):
            strange.models()
        with client(unknown, token=other) as known_by_token:
            known_by_token.models()
        with client(tps, token=other) as physician, pytest.raises(NotAllowedError, match="role is physician"):
            physician.upload_series(small_ct.paths)
        with client(tps, token="ct_wrong") as mistaken, pytest.raises(NotSignedInError):
            mistaken.models()
        opened.accounts.disable("tps")
        with client(tps) as gone, pytest.raises(NotSignedInError):
            gone.models()


def test_without_a_certificate_of_the_right_authority_there_is_no_connection(
    mutual_server, authority, strange_authority
):
    forged = strange_authority.sign("tps.clinic")
    for certificate, key in ((None, None), (forged.certificate, forged.key)):
        with (
            mutual_server.client(
                ca_file=authority.certificate, certificate_file=certificate, key_file=key, patience_s=0.3
            ) as client,
            pytest.raises(ServiceUnavailableError),
        ):
            client.models()


@pytest.mark.parametrize("encrypted", [False, True])
def test_a_server_that_asks_nobody_does_not_listen_beyond_this_machine(tmp_path, authority, encrypted):
    pair = authority.sign("contour")
    tls = {"certificate": pair.certificate, "key": pair.key} if encrypted else {}
    server = ServerProcess(tmp_path, auth="off", host=EVERYWHERE, tls=tls)
    with pytest.raises(AssertionError, match="INSECURE_REMOTE: listen is 0"):
        server.start()
    assert not (tmp_path / "data").exists()


def test_a_server_that_takes_tokens_unencrypted_does_not_listen_beyond_this_machine(tmp_path):
    with pytest.raises(AssertionError, match="INSECURE_REMOTE"):
        ServerProcess(tmp_path, **ASKED, host=EVERYWHERE).start()


def test_a_certificate_without_its_own_key_keeps_the_server_from_starting(tmp_path, authority):
    one, other = authority.sign("one"), authority.sign("other")
    with pytest.raises(AssertionError, match="BAD_CERTIFICATE"):
        ServerProcess(tmp_path, **ASKED, tls={"certificate": one.certificate, "key": other.key}).start()


def test_the_command_line_takes_its_token_from_a_file_or_from_the_environment(tls_server, authority, tmp_path):
    with people_of(tls_server) as opened:
        opened.accounts.create("planner", Role.DOSIMETRIST, None)
        made = opened.accounts.make_token("planner")
    (tmp_path / "token").write_text(made + "\n")
    address = f"127.0.0.1:{tls_server.port}"
    words = ["course", "list", "--server", address, "--ca-file", authority.certificate]
    assert contour(*words, "--token-file", tmp_path / "token").returncode == 0
    assert contour(*words, CONTOUR_TOKEN=made).returncode == 0
    refused = contour(*words)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr.startswith("contour: NOT_SIGNED_IN: ")
    assert len(refused.stderr.splitlines()) == 1


def contour(*words, **env):
    clean = {name: value for name, value in os.environ.items() if not name.startswith("CONTOUR_")}
    return subprocess.run(
        [sys.executable, "-c", "from contour.cli import main; main()", *map(str, words)],
        capture_output=True, text=True, cwd=ROOT, env=clean | env, timeout=120, check=False,
    )  # fmt: skip


def test_a_token_is_not_sent_unencrypted_to_another_machine():
    with pytest.raises(ConfigError, match="INSECURE_REMOTE"):
        ContourClient("planning.clinic:50051", token="ct_x")
