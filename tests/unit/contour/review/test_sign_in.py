from collections.abc import Callable

import pytest

from contour.listening import OFF, TlsFiles
from contour.review.config import ReviewConfig
from contour.store.roles import Role
from tests.review_bench import PASSWORD, PEOPLE, ReviewBench


def sign_in(client, name: str = "dora", password: str = PASSWORD):
    return client.post("/api/session", json={"name": name, "password": password})


def test_signing_in_tells_who_one_is_and_what_one_may(bench: ReviewBench) -> None:
    client = bench.client()
    answer = sign_in(client)
    assert answer.status_code == 200
    told = answer.json()
    assert {key: told[key] for key in ("name", "role", "full_name")} == {
        "name": "dora",
        "role": "dosimetrist",
        "full_name": "Dora Test",
    }
    assert set(told["may"]) == {"view", "edit", "download", "submit", "watch"}
    assert client.get("/api/session").json() == told


def test_the_cookie_is_out_of_scripts_reach_and_stays_on_this_site(bench: ReviewBench) -> None:
    cookie = sign_in(bench.client()).headers["set-cookie"]
    parts = {part.strip().lower() for part in cookie.split(";")[1:]}
    assert cookie.startswith("contour=")
    assert {"httponly", "samesite=strict", "path=/"} <= parts
    assert not any(part.startswith(("domain", "expires", "max-age")) for part in parts)


def test_over_tls_the_cookie_is_secure_and_bound_to_the_host(open_bench: Callable[..., ReviewBench], tmp_path) -> None:
    tls = TlsFiles(certificate=tmp_path / "c.pem", key=tmp_path / "k.pem")
    config = ReviewConfig(listen="127.0.0.1:0", tls=tls)
    client = open_bench(config=config).client()
    answer = sign_in(client)
    assert answer.headers["set-cookie"].startswith("__Host-contour=")
    assert "Secure" in answer.headers["set-cookie"]
    assert answer.headers["strict-transport-security"]
    assert client.get("/api/session").status_code == 200


@pytest.mark.parametrize(("name", "password"), [("dora", "wrong-password-1"), ("nobody", PASSWORD), ("dora", " ")])
def test_a_wrong_password_and_an_unknown_name_are_answered_alike(bench: ReviewBench, name: str, password: str) -> None:
    answer = sign_in(bench.client(), name, password)
    assert answer.status_code == 401
    assert answer.json() == {
        "reason": "SIGN_IN_REFUSED",
        "message": "name or password is wrong, or the account is closed",
    }
    assert "set-cookie" not in answer.headers


def test_a_closed_account_cannot_sign_in_and_loses_its_session(bench: ReviewBench) -> None:
    client = bench.signed_in("dora")
    bench.store.accounts.disable("dora")
    assert client.get("/api/session").status_code == 401
    assert sign_in(bench.client()).json()["reason"] == "SIGN_IN_REFUSED"


def test_after_too_many_wrong_passwords_the_right_one_is_not_looked_at(bench: ReviewBench) -> None:
    bench.person("phil")
    client = bench.client()
    for _ in range(5):
        assert sign_in(client, password="wrong-password-1").status_code == 401
    answer = sign_in(client)
    assert answer.status_code == 429
    assert answer.json()["reason"] == "TOO_MANY_ATTEMPTS"
    assert 0 < answer.json()["retry_after_s"] <= 900
    assert answer.headers["retry-after"] == str(answer.json()["retry_after_s"])
    assert sign_in(client, name="phil").status_code == 200


def test_who_guesses_at_many_names_is_stopped_too(open_bench: Callable[..., ReviewBench]) -> None:
    client = open_bench(config=ReviewConfig(listen="127.0.0.1:0", attempts=1)).client(peer="192.0.2.7")
    for number in range(4):
        assert sign_in(client, name=f"name{number}").status_code == 401
    assert sign_in(client, name="dora").status_code == 429


def test_signing_in_again_ends_the_earlier_session(bench: ReviewBench) -> None:
    client = bench.signed_in("dora")
    earlier = client.cookies["contour"]
    assert sign_in(client).status_code == 200
    assert client.cookies["contour"] != earlier
    stale = bench.client()
    stale.cookies.set("contour", earlier)
    assert stale.get("/api/session").status_code == 401


def test_signing_out_ends_the_session_for_good(bench: ReviewBench) -> None:
    client = bench.signed_in("dora")
    cookie = client.cookies["contour"]
    assert client.delete("/api/session").status_code == 200
    assert "contour" not in client.cookies
    client.cookies.set("contour", cookie)
    assert client.get("/api/session").status_code == 401


def test_signing_out_needs_the_csrf_text(bench: ReviewBench) -> None:
    client = bench.signed_in("dora")
    for wrong in ("", "x", "ü", client.headers["X-CSRF"] + "x"):
        answer = client.delete("/api/session", headers={"X-CSRF": wrong.encode()})
        assert (answer.status_code, answer.json()["reason"]) == (403, "CSRF")
    assert client.get("/api/session").status_code == 200


def test_an_idle_session_is_over(bench: ReviewBench) -> None:
    client = bench.signed_in("dora")
    bench.later_s = 29 * 60
    assert client.get("/api/session").status_code == 200
    bench.later_s = 60 * 60
    assert client.get("/api/session").json()["reason"] == "NOT_SIGNED_IN"


def test_the_audit_knows_who_came_and_went_and_never_what_was_typed(bench: ReviewBench) -> None:
    client = bench.client()
    sign_in(client, name="my-password-by-mistake", password="x")
    sign_in(client, password="wrong-password-1")
    sign_in(client)
    client.delete("/api/session", headers={"X-CSRF": client.get("/api/session").json()["csrf"]})
    told = [(actor, action) for actor, action, _ in bench.audit() if action != "ACCOUNT_CREATED"]
    assert told == [
        ("(nobody)", "SIGN_IN_REFUSED"),
        ("dora", "SIGN_IN_REFUSED"),
        ("dora", "SIGNED_IN"),
        ("dora", "SIGNED_OUT"),
    ]
    assert "mistake" not in repr(bench.store.audit.listing(page_size=200))


@pytest.mark.parametrize("name", PEOPLE)
def test_each_role_is_told_exactly_what_it_may(bench: ReviewBench, name: str) -> None:
    from contour.store.roles import permissions_of

    told = bench.signed_in(name).get("/api/session").json()
    assert Role(told["role"]) is PEOPLE[name]
    assert told["may"] == [str(permission) for permission in permissions_of(PEOPLE[name])]


def test_where_auth_is_off_nobody_signs_in_and_changes_still_need_the_csrf_text(
    open_bench: Callable[..., ReviewBench],
) -> None:
    client = open_bench(config=ReviewConfig(listen="127.0.0.1:0", auth=OFF)).client()
    told = client.get("/api/session").json()
    assert (told["name"], told["role"]) == ("(auth off)", "physicist")
    assert sign_in(client).json()["reason"] == "AUTH_OFF"
    undo = {"base_revision": 0, "request_id": "a"}
    assert client.post(f"/api/reviews/{'0' * 32}/undo", json=undo).json()["reason"] == "CSRF"
    answer = client.post(f"/api/reviews/{'0' * 32}/undo", json=undo, headers={"X-CSRF": told["csrf"]})
    assert answer.json()["reason"] == "REVIEW_NOT_FOUND"
