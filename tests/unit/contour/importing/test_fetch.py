"""Files fetched from a real server on this machine: whole ones, cut ones, wrong ones and ones behind redirects."""

from __future__ import annotations

import base64
import errno
import hashlib
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from contour.errors import CancelledError, InputError, ModelError
from contour.importing.fetch import fetch
from contour.importing.fetch_source import shown_url
from tests.file_server import Server

CONTENT = bytes(range(256)) * 12_000
SHA256 = hashlib.sha256(CONTENT).hexdigest()
FIRST = 1_000_000


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with Server(CONTENT) as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield running
        running.shutdown()
        thread.join()


class Seen:
    def __init__(self) -> None:
        self.steps: list[tuple[int, int | None]] = []

    def __call__(self, done: int, total: int | None) -> None:
        self.steps.append((done, total))


def part_of(folder: Path) -> Path:
    return folder / f"{SHA256}.part"


def test_a_file_arrives_whole_under_the_name_of_its_hash(server, tmp_path):
    seen = Seen()
    path = fetch(server.url(), tmp_path / "cache", sha256=SHA256.upper(), progress=seen)
    assert path == tmp_path / "cache" / SHA256
    assert path.read_bytes() == CONTENT
    assert [one.name for one in path.parent.iterdir()] == [SHA256]
    assert seen.steps[0] == (0, len(CONTENT))
    assert seen.steps[-1] == (len(CONTENT), len(CONTENT))


def test_what_is_there_is_not_fetched_again_unless_it_changed(server, tmp_path):
    path = fetch(server.url(), tmp_path, sha256=SHA256, progress=Seen())
    fetch(server.url(), tmp_path, sha256=SHA256, progress=Seen())
    assert len(server.asked) == 1
    path.write_bytes(b"changed")
    assert fetch(server.url(), tmp_path, sha256=SHA256, progress=Seen()).read_bytes() == CONTENT


def test_a_cut_connection_keeps_what_came_and_the_next_fetch_goes_on_there(server, tmp_path):
    server.cut_after = FIRST
    with pytest.raises(ModelError, match=f"FETCH_FAILED.*after {FIRST} of {len(CONTENT)} bytes"):
        fetch(server.url(), tmp_path, sha256=SHA256, progress=Seen())
    assert part_of(tmp_path).read_bytes() == CONTENT[:FIRST]
    server.cut_after = None
    seen = Seen()
    assert fetch(server.url(), tmp_path, sha256=SHA256, progress=seen).read_bytes() == CONTENT
    assert server.asked[-1][1] == f"bytes={FIRST}-"
    assert seen.steps[0] == (FIRST, len(CONTENT))


def test_a_server_without_ranges_begins_anew(server, tmp_path):
    part_of(tmp_path).write_bytes(CONTENT[:FIRST])
    server.ranges = False
    seen = Seen()
    assert fetch(server.url(), tmp_path, sha256=SHA256, progress=seen).read_bytes() == CONTENT
    assert seen.steps[0] == (0, len(CONTENT))


def test_a_part_that_is_whole_already_is_recognised(server, tmp_path):
    part_of(tmp_path).write_bytes(CONTENT)
    assert fetch(server.url(), tmp_path, sha256=SHA256, progress=Seen()).read_bytes() == CONTENT
    assert len(server.asked) == 1


def test_a_part_longer_than_the_file_is_fetched_anew(server, tmp_path):
    part_of(tmp_path).write_bytes(CONTENT + b"more")
    assert fetch(server.url(), tmp_path, sha256=SHA256, progress=Seen()).read_bytes() == CONTENT
    assert [one[1] for one in server.asked] == [f"bytes={len(CONTENT) + 4}-", None]


def test_a_file_that_changed_between_two_fetches_is_noticed_and_then_fetched_anew(server, tmp_path):
    part_of(tmp_path).write_bytes(b"\1" * FIRST)
    with pytest.raises(ModelError, match="HASH_MISMATCH"):
        fetch(server.url(), tmp_path, sha256=SHA256, progress=Seen())
    assert list(tmp_path.iterdir()) == []
    assert fetch(server.url(), tmp_path, sha256=SHA256, progress=Seen()).read_bytes() == CONTENT


def test_another_file_than_expected_is_deleted(server, tmp_path):
    other = "0" * 64
    with pytest.raises(ModelError, match=f"HASH_MISMATCH.*{SHA256}, expected {other}"):
        fetch(server.url(), tmp_path, sha256=other, progress=Seen())
    assert list(tmp_path.iterdir()) == []


def test_whoever_stops_the_fetch_finds_the_part_again(server, tmp_path):
    def stop(done: int, total: int | None) -> None:
        if done:
            raise CancelledError("stopped")

    with pytest.raises(CancelledError):
        fetch(server.url(), tmp_path, sha256=SHA256, progress=stop)
    assert CONTENT.startswith(part_of(tmp_path).read_bytes())
    assert part_of(tmp_path).stat().st_size > 0


def test_redirects_are_followed_with_their_range_but_not_for_ever(server, tmp_path):
    part_of(tmp_path).write_bytes(CONTENT[:FIRST])
    assert fetch(server.url("/redirect/3"), tmp_path, sha256=SHA256, progress=Seen()).read_bytes() == CONTENT
    assert server.asked[-1][1] == f"bytes={FIRST}-"
    with pytest.raises(ModelError, match=r"FETCH_FAILED.*not followed"):
        fetch(server.url("/redirect/9"), tmp_path / "other", sha256=SHA256, progress=Seen())


@pytest.mark.parametrize(
    "target", ["file:///etc/hostname", "ftp://127.0.0.1/model.zip", "data:,x", "http://u:secret@:x/"]
)
def test_redirects_lead_to_http_only(server, tmp_path, target):
    path = f"/to/{base64.urlsafe_b64encode(target.encode()).decode()}"
    with pytest.raises(ModelError, match="FETCH_FAILED") as caught:
        fetch(server.url(path), tmp_path, sha256=SHA256, progress=Seen())
    assert "secret" not in str(caught.value)


def test_a_user_and_password_go_to_their_own_host_only_and_are_shown_nowhere(server, tmp_path):
    private = f"http://nurse:s3cret%21@127.0.0.1:{server.server_port}"
    fetch(f"{private}/redirect/0", tmp_path, sha256=SHA256, progress=Seen())
    assert server.asked[0][2] == f"Basic {base64.b64encode(b'nurse:s3cret!').decode()}"
    assert server.asked[1][2] is None
    with pytest.raises(ModelError) as caught:
        fetch(f"{private}/missing?token=s3cret", tmp_path / "other", sha256=SHA256, progress=Seen())
    assert "s3cret" not in str(caught.value)
    assert f"127.0.0.1:{server.server_port}/missing could not be fetched: the server answers 404" in str(caught.value)


def test_nobody_answering_is_one_clear_line(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(ModelError, match=r"FETCH_FAILED: .* could not be fetched: Connection refused"):
        fetch(f"http://127.0.0.1:{port}/model.zip", tmp_path, sha256=SHA256, progress=Seen())


def test_a_server_that_speaks_no_http_is_one_clear_line(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def answer() -> None:
            connection, _ = listening.accept()
            with connection:
                connection.recv(1000)
                connection.sendall(b"SSH-2.0-none\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        with pytest.raises(ModelError, match=r"FETCH_FAILED.*BadStatusLine"):
            fetch(f"http://127.0.0.1:{listening.getsockname()[1]}/a", tmp_path, sha256=SHA256, progress=Seen())
        thread.join()


def test_a_file_larger_than_allowed_is_not_kept(server, tmp_path):
    with pytest.raises(ModelError, match="TOO_LARGE"):
        fetch(server.url(), tmp_path, sha256=SHA256, progress=Seen(), most_bytes=1000)
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_one_clear_line_and_the_part_stays(server, tmp_path, monkeypatch):
    part_of(tmp_path).write_bytes(CONTENT[:FIRST])
    plain = Path.open

    class Full:
        def __init__(self, file):
            self.file = file

        def __enter__(self):
            return self

        def __exit__(self, *arguments):
            self.file.close()

        def write(self, data):
            raise OSError(errno.ENOSPC, "No space left on device")

    def open_full(path, mode="r", *arguments, **keywords):
        file = plain(path, mode, *arguments, **keywords)
        return Full(file) if mode == "ab" else file

    monkeypatch.setattr(Path, "open", open_full)
    with pytest.raises(ModelError, match=r"FETCH_FAILED.*the disk is full"):
        fetch(server.url(), tmp_path, sha256=SHA256, progress=Seen())
    monkeypatch.undo()
    assert part_of(tmp_path).stat().st_size == FIRST


def test_a_file_on_this_machine_is_copied_and_checked_the_same_way(tmp_path):
    source = tmp_path / "a model.zip"
    source.write_bytes(CONTENT)
    path = fetch(source.as_uri(), tmp_path / "cache", sha256=SHA256, progress=Seen())
    assert path.read_bytes() == CONTENT
    assert source.exists()
    with pytest.raises(ModelError, match="HASH_MISMATCH"):
        fetch(source.as_uri(), tmp_path / "cache", sha256="1" * 64, progress=Seen())
    with pytest.raises(ModelError, match=r"FETCH_FAILED.*no such file"):
        fetch(tmp_path.as_uri(), tmp_path / "cache", sha256="2" * 64, progress=Seen())


@pytest.mark.parametrize(
    "url",
    ["ftp://host/a.zip", "model.zip", "/tmp/model.zip", "http:///a.zip", "https://host/a b", "http://host:x/a",
     "data:,x", "http://h\u00f6st/a", "file://host/a.zip", "https://host/a\nHost: b", ""],
)  # fmt: skip
def test_other_urls_are_refused(tmp_path, url):
    with pytest.raises(InputError, match="BAD_URL"):
        fetch(url, tmp_path, sha256=SHA256, progress=Seen())


@pytest.mark.parametrize("text", ["", "../../etc/passwd", SHA256[:-1], "g" * 64])
def test_what_is_no_sha256_is_refused(tmp_path, text):
    with pytest.raises(InputError, match="BAD_SHA256"):
        fetch("https://host/a", tmp_path, sha256=text, progress=Seen())


def test_a_shown_url_keeps_no_secret():
    assert shown_url("https://user:pass@host:8443/a/b.zip?sig=abc#part") == "https://host:8443/a/b.zip"
