"""The review page's server as it runs: uvicorn on a port of its own, with TLS and without."""

from __future__ import annotations

import json
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from contour.errors import ConfigError
from contour.listening import TlsFiles
from contour.review import connections
from contour.review.config import ReviewConfig
from contour.review.server import ReviewServer
from tests.certificates import Authority
from tests.review_bench import PAGE, PASSWORD, ReviewBench, brush

SIGN_IN = {"name": "dora", "password": PASSWORD}


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[ReviewBench]:
    opened = ReviewBench(folder=tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def server(bench: ReviewBench) -> Iterator[ReviewServer]:
    with ReviewServer(bench.config, bench.services, static_folder=bench.static_folder) as running:
        yield running


@pytest.fixture
def client(server: ReviewServer) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.url, timeout=30) as browser:
        browser.headers["X-CSRF"] = browser.post("/api/session", json=SIGN_IN).json()["csrf"]
        yield browser


def events(answer: httpx.Response) -> Iterator[tuple[str, dict]]:
    name = ""
    for line in answer.iter_lines():
        if line.startswith("event: "):
            name = line.removeprefix("event: ")
        elif line.startswith("data: "):
            yield name, json.loads(line.removeprefix("data: "))


def test_the_page_is_served_on_a_free_port_and_says_nothing_of_what_serves_it(server: ReviewServer) -> None:
    assert not server.address.endswith(":0")
    answer = httpx.get(server.url)
    assert (answer.status_code, answer.text) == (200, PAGE)
    assert "server" not in answer.headers
    assert "default-src 'none'" in answer.headers["content-security-policy"]


def test_over_tls_the_cookie_has_the_hosts_prefix_and_plain_http_gets_nothing(
    bench: ReviewBench, tmp_path: Path
) -> None:
    authority = Authority(tmp_path / "certificates")
    pair = authority.sign("contour", alternative_names="IP:127.0.0.1")
    config = ReviewConfig(listen="127.0.0.1:0", tls=TlsFiles(certificate=pair.certificate, key=pair.key))
    trusted = ssl.create_default_context(cafile=str(authority.certificate))
    with ReviewServer(config, bench.services, static_folder=bench.static_folder) as server:
        assert server.url.startswith("https://127.0.0.1:")
        with httpx.Client(base_url=server.url, verify=trusted) as browser:
            answer = browser.post("/api/session", json=SIGN_IN)
            assert answer.headers["set-cookie"].startswith("__Host-contour=")
            assert answer.headers["strict-transport-security"]
            assert browser.get("/api/session").json()["name"] == "dora"
        with pytest.raises(httpx.HTTPError):
            httpx.get(f"http://{server.address}/")
        old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        old.load_verify_locations(authority.certificate)
        with pytest.warns(DeprecationWarning, match="TLSv1_1"):
            old.maximum_version = ssl.TLSVersion.TLSv1_1
        with pytest.raises(httpx.ConnectError):
            httpx.get(server.url, verify=old)


def test_a_running_jobs_progress_comes_by_itself(bench: ReviewBench, client: httpx.Client, coarse_series) -> None:
    job = bench.queue_plan(coarse_series)
    with client.stream("GET", "/api/events") as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        told = events(answer)
        name, form = next(told)
        assert (name, form["items"][0]["state"], form["items"][0]["queue_place"]) == ("jobs", "queued", 1)
        claimed = bench.store.jobs.claim()
        assert claimed is not None
        bench.store.jobs.note_progress(job.job_id, stage="network", fraction=0.5)
        bench.changes.announce()
        item = next(form["items"][0] for _, form in told if form["items"][0]["state"] == "running")
        assert (item["stage"], item["fraction"], item["queue_place"]) == ("network", 0.5, 0)


def test_an_edit_is_told_to_every_page(bench: ReviewBench, client: httpx.Client, coarse_series) -> None:
    review_id = bench.plan(coarse_series)
    with client.stream("GET", "/api/events") as answer:
        told = events(answer)
        assert next(told)[0] == "jobs"
        edit = {
            "base_revision": 0,
            "request_id": "one",
            "structure": "Parotid_L",
            "operation": brush(coarse_series, "Parotid_L"),
            "seconds": 1,
        }
        assert client.post(f"/api/reviews/{review_id}/edits", json=edit).status_code == 200
        form = next(form for name, form in told if name == "review" and form["revision"] == 1)
    assert form == {"review_id": review_id, "revision": 1, "state": "in_review", "by": "dora"}


def test_a_listener_that_goes_away_frees_its_place(bench: ReviewBench, client: httpx.Client) -> None:
    for _ in range(20):
        with client.stream("GET", "/api/events") as answer:
            assert answer.status_code == 200
            assert next(events(answer))[0] == "jobs"


def test_a_ninth_page_of_one_account_is_told_that_there_are_too_many(client: httpx.Client) -> None:
    held = [client.build_request("GET", "/api/events") for _ in range(9)]
    answers = [client.send(request, stream=True) for request in held]
    try:
        assert [answer.status_code for answer in answers] == [200] * 8 + [429]
        assert json.loads(answers[-1].read())["reason"] == "TOO_MANY_LISTENERS"
    finally:
        for answer in answers:
            answer.close()


def test_stopping_ends_event_streams_and_leaves_the_port(bench: ReviewBench) -> None:
    server = ReviewServer(bench.config, bench.services, static_folder=bench.static_folder)
    server.start()
    host, _, port = server.address.rpartition(":")
    ended = threading.Event()
    with httpx.Client(base_url=server.url, timeout=30) as browser:
        browser.post("/api/session", json=SIGN_IN)
        with browser.stream("GET", "/api/events") as answer:
            told = events(answer)
            next(told)
            stopper = threading.Thread(target=lambda: (server.stop(), ended.set()))
            stopper.start()
            assert list(told) == []
            stopper.join()
    assert ended.is_set()
    server.stop()
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((host, int(port)))


def test_a_port_that_is_taken_is_a_configuration_error(bench: ReviewBench, server: ReviewServer) -> None:
    with pytest.raises(ConfigError, match="ADDRESS_IN_USE"):
        ReviewServer(ReviewConfig(listen=server.address), bench.services)


def test_a_body_without_end_is_cut_off_at_a_mebibyte(client: httpx.Client) -> None:
    def endless() -> Iterator[bytes]:
        for _ in range(64):
            yield b" " * (64 << 10)

    headers = {"Content-Type": "application/json"}
    try:
        answer = client.post(f"/api/reviews/{'0' * 32}/undo", content=endless(), headers=headers)
    except httpx.WriteError:
        return
    assert (answer.status_code, answer.json()["reason"]) == (413, "BODY_TOO_LARGE")


@pytest.mark.parametrize(
    "request_text",
    [
        "GET /static/../../../../etc/passwd HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "GET //etc/passwd HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "GET /static/%2e%2e/%2e%2e/config.py HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "GET http://evil.example/ HTTP/1.1\r\nHost: evil.example\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n",
        "GET / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.0\r\n\r\n",
        "CONNECT evil.example:443 HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "nonsense\r\n\r\n",
    ],
)
def test_requests_that_no_browser_makes_get_no_file(server: ReviewServer, request_text: str) -> None:
    host, _, port = server.address.rpartition(":")
    with socket.create_connection((host, int(port)), timeout=20) as raw:
        raw.sendall(request_text.encode())
        answer = raw.recv(65536)
    assert answer.split(b" ")[1] in {b"400", b"404", b"405", b"431"}, answer[:200]
    assert b"root:" not in answer


def test_a_connection_whose_request_never_ends_is_closed(bench: ReviewBench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "HEAD_LIMIT_S", 0.2)
    with ReviewServer(bench.config, bench.services, static_folder=bench.static_folder) as server:
        host, _, port = server.address.rpartition(":")
        for said in (b"", b"GET / HTTP/1.1\r\nHost: loc"):
            with socket.create_connection((host, int(port)), timeout=20) as raw:
                raw.sendall(said)
                assert raw.recv(65536) == b""
        with socket.create_connection((host, int(port)), timeout=20) as raw:
            raw.sendall(b"GET /static/none HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert raw.recv(65536).startswith(b"HTTP/1.1 404")
            raw.sendall(b"GET /static/none HT")
            while raw.recv(65536):
                pass
