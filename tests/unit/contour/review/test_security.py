import pytest

from contour.listening import TlsFiles
from contour.review.config import ReviewConfig
from contour.review.security import CONTENT_POLICY
from tests.review_bench import PASSWORD, ReviewBench

SIGN_IN = {"name": "dora", "password": PASSWORD}


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 200),
        ("GET", "/static/app.js", 200),
        ("GET", "/static/none.js", 404),
        ("GET", "/api/session", 401),
        ("GET", "/nowhere", 404),
        ("POST", "/api/jobs", 405),
        ("PUT", "/api/session", 405),
        ("TRACE", "/", 405),
    ],
)
def test_every_answer_carries_the_content_policy_and_its_companions(
    bench: ReviewBench, method: str, path: str, status: int
) -> None:
    answer = bench.client().request(method, path)
    assert answer.status_code == status
    assert answer.headers["content-security-policy"] == CONTENT_POLICY
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["cross-origin-opener-policy"] == "same-origin"
    assert answer.headers["cross-origin-resource-policy"] == "same-origin"
    assert answer.headers["x-frame-options"] == "DENY"
    if status != 200:
        assert set(answer.json()) == {"reason", "message"}


def test_the_content_policy_lets_no_text_become_script_and_no_page_frame_this_one() -> None:
    assert "default-src 'none'" in CONTENT_POLICY
    assert "frame-ancestors 'none'" in CONTENT_POLICY
    assert "unsafe-inline" not in CONTENT_POLICY.partition("script-src")[2].partition(";")[0]
    assert "'unsafe-eval'" not in CONTENT_POLICY


@pytest.mark.parametrize(
    "host", ["localhost", "localhost:8443", "127.0.0.1:8443", "[::1]:8443", "10.1.2.3", "LOCALHOST:1"]
)
def test_the_page_is_served_as_localhost_and_under_addresses(bench: ReviewBench, host: str) -> None:
    assert bench.client().get("/", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:8443",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "",
        "[::1",
        "a@localhost",
    ],
)
def test_a_name_that_was_made_to_point_here_is_refused(bench: ReviewBench, host: str) -> None:
    client = bench.client()
    for path in ("/", "/static/app.js", "/api/session"):
        answer = client.get(path, headers={"Host": host})
        assert (answer.status_code, answer.json()["reason"]) == (400, "UNKNOWN_HOST"), path


def test_a_name_in_the_configuration_is_known(open_bench) -> None:
    bench = open_bench(config=ReviewConfig(listen="127.0.0.1:0", hosts=("Contour.Clinic.Example",)))
    assert bench.client().get("/", headers={"Host": "contour.clinic.example:443"}).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://localhost:9999"},
        {"Origin": "https://localhost"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
    ],
)
def test_a_change_from_another_origin_is_refused_even_with_the_right_password(
    bench: ReviewBench, headers: dict[str, str]
) -> None:
    answer = bench.client().post("/api/session", json=SIGN_IN, headers=headers)
    assert (answer.status_code, answer.json()["reason"]) == (403, "CROSS_ORIGIN")
    assert "set-cookie" not in answer.headers


def test_a_change_from_the_page_itself_is_not(bench: ReviewBench) -> None:
    for scheme in ("http", "https"):
        own = {"Origin": f"{scheme}://localhost:8443", "Sec-Fetch-Site": "same-origin"}
        assert bench.client().post("/api/session", json=SIGN_IN, headers=own).status_code == 200


def test_over_tls_the_same_name_without_tls_is_another_origin(open_bench, tmp_path) -> None:
    tls = TlsFiles(certificate=tmp_path / "c.pem", key=tmp_path / "k.pem")
    client = open_bench(config=ReviewConfig(listen="127.0.0.1:0", tls=tls)).client()
    answer = client.post("/api/session", json=SIGN_IN, headers={"Origin": "http://localhost:8443"})
    assert answer.json()["reason"] == "CROSS_ORIGIN"


def test_another_site_can_link_to_the_page_but_not_read_from_it(bench: ReviewBench) -> None:
    client = bench.signed_in("dora")
    foreign = {"Sec-Fetch-Site": "cross-site"}
    assert client.get("/", headers=foreign).status_code == 200
    for path in ("/api/session", "/api/jobs", "/static/app.js"):
        assert client.get(path, headers=foreign).json()["reason"] == "CROSS_ORIGIN"


def test_what_is_told_of_patients_is_never_kept_by_the_browser(bench: ReviewBench) -> None:
    client = bench.signed_in("dora")
    for path in ("/api/session", "/api/jobs", "/api/worklist", "/api/reviews/none"):
        assert client.get(path).headers["cache-control"] == "no-store", path
