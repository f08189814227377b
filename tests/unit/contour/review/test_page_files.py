import gzip

import pytest

from contour.review.page_files import STATIC_FOLDER, PageFiles
from tests.review_bench import PAGE, ReviewBench


def test_the_page_and_its_parts_are_served_with_their_kinds(bench: ReviewBench) -> None:
    client = bench.client()
    page = client.get("/")
    assert (page.text, page.headers["content-type"]) == (PAGE, "text/html; charset=utf-8")
    assert client.get("/static/app.js").headers["content-type"] == "text/javascript; charset=utf-8"
    assert client.get("/static/parts/codec.wasm").headers["content-type"] == "application/wasm"
    assert client.get("/static/parts/codec.wasm").content == b"\0asm"


def test_a_file_that_has_not_changed_is_not_sent_again(bench: ReviewBench) -> None:
    client = bench.client()
    first = client.get("/static/app.js")
    again = client.get("/static/app.js", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert first.headers["cache-control"] == "no-cache"
    assert client.get("/static/app.js", headers={"If-None-Match": '"other"'}).status_code == 200


def test_a_large_text_is_sent_compressed_to_who_takes_that(bench: ReviewBench) -> None:
    client = bench.client()
    plain = client.get("/static/app.js", headers={"Accept-Encoding": "identity"})
    squeezed = client.get("/static/app.js", headers={"Accept-Encoding": "gzip"})
    assert squeezed.headers["content-encoding"] == "gzip"
    assert int(squeezed.headers["content-length"]) < len(plain.content) / 10
    assert squeezed.content == plain.content
    assert "content-encoding" not in plain.headers
    assert gzip.compress(b"") != plain.content


@pytest.mark.parametrize(
    "path",
    [
        "/static/",
        "/static/../config.py",
        "/static/..%2f..%2fconfig.py",
        "/static/%2e%2e/%2e%2e/etc/passwd",
        "/static//etc/passwd",
        "/static/parts/../../../../../etc/passwd",
        "/static/parts%5c..%5cindex.html",
        "/static/app.js%00.html",
        "/static/notes.secret",
        "/static/link.txt",
        "/static/parts",
        "/static/APP.JS",
        "/../../etc/passwd",
        "//etc/passwd",
    ],
)
def test_nothing_but_a_name_in_the_table_is_served(bench: ReviewBench, path: str) -> None:
    answer = bench.client().get(f"http://localhost:8443{path}")
    assert answer.status_code == 404
    assert set(answer.json()) == {"reason", "message"}


def test_files_that_come_later_are_not_served(bench: ReviewBench) -> None:
    client = bench.client()
    (bench.static_folder / "late.js").write_text("late")
    assert client.get("/static/late.js").status_code == 404


def test_a_package_without_its_bundle_says_so(tmp_path) -> None:
    assert PageFiles(tmp_path).names == ()
    assert STATIC_FOLDER.name == "static"
