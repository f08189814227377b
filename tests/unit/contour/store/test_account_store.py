"""Accounts with real argon2 hashes on a real database file; the clock is the tests' own."""

import hashlib
import sqlite3
from contextlib import closing

import pytest
from argon2 import PasswordHasher, Type, extract_parameters

from contour.errors import InputError, NotFoundError, NotReadyError
from contour.store.account_store import AccountStore
from contour.store.audit_chain import CONSOLE, NOBODY
from contour.store.audit_store import AuditStore
from contour.store.database import Database
from contour.store.passwords import Passwords
from contour.store.roles import Actor, Permission, Role, allowed, permissions_of
from contour.store.session_rows import SessionLimits

PASSWORD = "correct horse battery"
MINUTE_S, HOUR_S, DAY_S = 60.0, 3600.0, 86400.0


@pytest.fixture
def file(tmp_path):
    return tmp_path / "contour.db"


@pytest.fixture
def database(file):
    opened = Database(f"sqlite:///{file}")
    yield opened
    opened.close()


@pytest.fixture
def clock_s():
    return [1_700_000_000.0]


@pytest.fixture
def accounts(database, clock_s):
    return AccountStore(database, clock_s=lambda: clock_s[0])


@pytest.fixture
def audit(database, clock_s):
    return AuditStore(database, clock_s=lambda: clock_s[0])


@pytest.fixture
def ann(accounts):
    accounts.create("ann", Role.PHYSICIST, PASSWORD, full_name="Ann Smith")
    return Actor(name="ann", role=Role.PHYSICIST)


@pytest.fixture
def on_disk(file):
    """All bytes of the database's files."""
    return lambda: b"".join(one.read_bytes() for one in file.parent.glob("contour.db*"))


def stored_hash(file, name="ann"):
    with closing(sqlite3.connect(file)) as connection:
        return connection.execute("SELECT password_hash FROM account WHERE name = ?", (name,)).fetchone()[0]


@pytest.mark.parametrize(
    ("role", "may"),
    [
        (Role.DOSIMETRIST, "VIEW EDIT DOWNLOAD SUBMIT WATCH"),
        (Role.PHYSICIST, "VIEW EDIT DECIDE DOWNLOAD SUBMIT WATCH"),
        (Role.PHYSICIAN, "VIEW EDIT DECIDE DOWNLOAD WATCH"),
        (Role.SERVICE, "DOWNLOAD SUBMIT WATCH"),
        (Role.ADMINISTRATOR, "VIEW WATCH ADMINISTER"),
    ],
)
def test_each_role_may_do_its_own_things_and_no_others(role, may):
    wanted = tuple(Permission[name] for name in may.split())
    assert permissions_of(role) == wanted
    assert [each for each in Permission if allowed(role, each)] == list(wanted)


def test_the_right_password_is_its_account_and_no_other_text_is(accounts, ann):
    assert accounts.check_password("ann", PASSWORD) == ann
    for name, password in (
        ("ann", PASSWORD + " "),
        ("ann", PASSWORD.upper()),
        ("ann", ""),
        ("ann", "x" * 5000),
        ("ann", "half \ud800 a character"),
        ("bob", PASSWORD),
        ("", PASSWORD),
        ("Ann", PASSWORD),
        ("ann' OR 1=1 --", PASSWORD),
        ("\ud800", PASSWORD),
    ):
        assert accounts.check_password(name, password) is None


def test_a_password_typed_on_another_keyboard_is_the_same_password(accounts):
    accounts.create("ann", Role.PHYSICIST, "Zu\N{COMBINING DIAERESIS}rich in winter")
    assert accounts.check_password("ann", "Z\N{LATIN SMALL LETTER U WITH DIAERESIS}rich in winter") is not None


def test_the_hash_is_argon2id_with_a_salt_of_its_own_and_the_password_is_nowhere(accounts, ann, file, on_disk):
    accounts.create("bob", Role.PHYSICIST, PASSWORD)
    parameters = extract_parameters(stored_hash(file))
    assert parameters.type is Type.ID
    assert parameters.memory_cost >= 19 * 1024
    assert stored_hash(file) != stored_hash(file, "bob")
    assert PASSWORD.encode() not in on_disk()
    assert PASSWORD not in repr(accounts.get("ann"))
    assert "argon2" not in repr(accounts.get("ann"))


class CountingHasher(PasswordHasher):
    """Real argon2, cheaper, that counts how often it worked."""

    def __init__(self):
        super().__init__(time_cost=1, memory_cost=8192)
        self.works = 0

    def hash(self, *arguments, **named):
        self.works += 1
        return super().hash(*arguments, **named)

    def verify(self, *arguments, **named):
        self.works += 1
        return super().verify(*arguments, **named)


def test_unknown_disabled_and_passwordless_accounts_cost_the_same_work_as_a_wrong_password(database, clock_s):
    hasher = CountingHasher()
    accounts = AccountStore(database, clock_s=lambda: clock_s[0], passwords=Passwords(hasher))
    accounts.create("ann", Role.PHYSICIST, PASSWORD)
    accounts.create("gone", Role.PHYSICIST, PASSWORD)
    accounts.create("tps", Role.SERVICE, None)
    accounts.disable("gone")
    for name in ("ann", "gone", "tps", "nobody-at-all", "No Such Name"):
        hasher.works = 0
        assert accounts.check_password(name, "another wrong one") is None
        assert hasher.works == 1


def test_a_hash_with_older_parameters_is_renewed_when_its_password_was_right(database, file, clock_s):
    old = AccountStore(database, clock_s=lambda: clock_s[0], passwords=Passwords(CountingHasher()))
    old.create("ann", Role.PHYSICIST, PASSWORD)
    before = stored_hash(file)
    now = AccountStore(database, clock_s=lambda: clock_s[0])
    assert now.check_password("ann", "another wrong one") is None
    assert stored_hash(file) == before
    assert now.check_password("ann", PASSWORD) is not None
    after = stored_hash(file)
    assert extract_parameters(after).memory_cost > extract_parameters(before).memory_cost
    assert now.check_password("ann", PASSWORD) is not None
    assert stored_hash(file) == after


def test_a_damaged_hash_lets_nobody_in(accounts, ann, file):
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("UPDATE account SET password_hash = 'no hash'")
    assert accounts.check_password("ann", PASSWORD) is None


@pytest.mark.parametrize("password", ["", "elevenchars", "x" * 1025, "ann.the.physicist", "ANN.the.Physicist"])
def test_a_weak_password_is_refused_and_not_echoed(accounts, audit, password):
    with pytest.raises(InputError, match="WEAK_PASSWORD") as caught:
        accounts.create("ann.the.physicist", Role.PHYSICIST, password)
    assert not password or password not in str(caught.value)
    assert accounts.listing() == ()
    assert audit.head()[0] == 0


@pytest.mark.parametrize("password", ["twelve chars", "x" * 1024, "\N{SNOWMAN}" * 12])
def test_passwords_at_the_limits_are_taken_and_work(accounts, password):
    accounts.create("ann", Role.PHYSICIST, password)
    assert accounts.check_password("ann", password) is not None


@pytest.mark.parametrize("name", ["", "Ann", "ann smith", "a" * 65, "ann\n", "änn", "(console)", "../x", "a/b"])
def test_a_name_that_could_be_misread_is_refused(accounts, name):
    with pytest.raises(InputError, match="BAD_ACCOUNT_NAME"):
        accounts.create(name, Role.PHYSICIST, PASSWORD)


@pytest.mark.parametrize(
    ("named", "reason"),
    [
        ({"full_name": "Ann\nSmith"}, "BAD_FULL_NAME"),
        ({"full_name": "x" * 129}, "BAD_FULL_NAME"),
        ({"certificate_name": ""}, "BAD_CERTIFICATE_NAME"),
        ({"certificate_name": "tps\x00"}, "BAD_CERTIFICATE_NAME"),
    ],
)
def test_texts_that_could_not_be_shown_are_refused(accounts, named, reason):
    with pytest.raises(InputError, match=reason):
        accounts.create("ann", Role.PHYSICIST, PASSWORD, **named)


def test_a_name_is_given_once_even_after_its_account_was_disabled(accounts, ann):
    accounts.disable("ann")
    with pytest.raises(InputError, match="ACCOUNT_EXISTS"):
        accounts.create("ann", Role.ADMINISTRATOR, PASSWORD)


def test_a_certificate_is_one_accounts_and_dies_with_it(accounts):
    accounts.create("tps", Role.SERVICE, None, certificate_name="TPS 1")
    with pytest.raises(InputError, match="CERTIFICATE_TAKEN"):
        accounts.create("other", Role.SERVICE, None, certificate_name="TPS 1")
    assert accounts.actor_of_certificate("TPS 1") == Actor(name="tps", role=Role.SERVICE)
    assert [accounts.actor_of_certificate(name) for name in ("", "tps 1", "TPS 2", "\x00", "\ud800")] == [None] * 5
    accounts.disable("tps")
    assert accounts.actor_of_certificate("TPS 1") is None


def test_an_account_without_a_certificate_is_not_that_of_an_empty_name(accounts, ann):
    assert accounts.actor_of_certificate("") is None
    assert accounts.actor_of_certificate("ann") is None


def test_accounts_are_listed_by_name_and_without_their_hashes(accounts, ann):
    accounts.create("adam", Role.SERVICE, None)
    accounts.disable("adam")
    listed = accounts.listing()
    assert [(one.name, one.role, one.has_password, one.disabled) for one in listed] == [
        ("adam", Role.SERVICE, False, True),
        ("ann", Role.PHYSICIST, True, False),
    ]
    assert accounts.get("ann").full_name == "Ann Smith"
    assert accounts.get("ann").created_s == 1_700_000_000.0


@pytest.mark.parametrize("name", ["bob", "No Such Name", "\ud800"])
def test_what_is_asked_of_an_unknown_account_is_an_error_with_a_reason(accounts, name):
    for ask in (
        lambda: accounts.get(name),
        lambda: accounts.set_password(name, PASSWORD),
        lambda: accounts.set_role(name, Role.PHYSICIAN),
        lambda: accounts.disable(name),
        lambda: accounts.enable(name),
        lambda: accounts.make_token(name),
        lambda: accounts.tokens(name),
        lambda: accounts.open_session(name),
    ):
        with pytest.raises(NotFoundError, match="ACCOUNT_NOT_FOUND"):
            ask()


def test_a_new_password_replaces_the_old_one_and_signs_everybody_out(accounts, ann):
    cookie = accounts.open_session("ann").cookie
    accounts.set_password("ann", "another good one")
    assert accounts.check_password("ann", PASSWORD) is None
    assert accounts.check_password("ann", "another good one") == ann
    assert accounts.session_of(cookie) is None


def test_a_disabled_account_is_out_at_once_everywhere_and_its_sessions_do_not_come_back(accounts, ann):
    cookie, token = accounts.open_session("ann").cookie, accounts.make_token("ann")
    accounts.disable("ann")
    assert accounts.check_password("ann", PASSWORD) is None
    assert accounts.session_of(cookie) is None
    assert accounts.actor_of_token(token) is None
    for ask in (accounts.open_session, accounts.make_token):
        with pytest.raises(NotReadyError, match="ACCOUNT_DISABLED"):
            ask("ann")
    accounts.enable("ann")
    assert accounts.check_password("ann", PASSWORD) == ann
    assert accounts.session_of(cookie) is None
    assert accounts.actor_of_token(token) == ann


def test_an_account_disabled_by_another_process_is_out_at_once(accounts, ann, file):
    cookie = accounts.open_session("ann").cookie
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("UPDATE account SET disabled = 1")
    assert accounts.session_of(cookie) is None


def test_another_role_counts_from_the_next_request_on(accounts, ann):
    cookie, token = accounts.open_session("ann").cookie, accounts.make_token("ann")
    accounts.set_role("ann", Role.DOSIMETRIST)
    assert accounts.session_of(cookie).actor.role is Role.DOSIMETRIST
    assert accounts.actor_of_token(token).role is Role.DOSIMETRIST


def test_a_token_is_its_account_until_it_expires_and_only_its_hash_is_kept(accounts, ann, clock_s, file, on_disk):
    token = accounts.make_token("ann", 30)
    _, token_id, secret = token.split("_", 2)
    assert accounts.actor_of_token(token) == ann
    assert secret.encode() not in on_disk()
    with closing(sqlite3.connect(file)) as connection:
        kept = connection.execute("SELECT token_id, secret_sha256 FROM token").fetchone()
    assert kept == (token_id, hashlib.sha256(secret.encode()).hexdigest())
    clock_s[0] += 30 * DAY_S - 1
    assert accounts.actor_of_token(token) == ann
    clock_s[0] += 1
    assert accounts.actor_of_token(token) is None


def test_a_token_without_an_end_does_not_expire(accounts, ann, clock_s):
    token = accounts.make_token("ann", None)
    clock_s[0] += 40 * 365 * DAY_S
    assert accounts.actor_of_token(token) == ann


def test_text_that_is_no_token_is_nobodys(accounts, ann):
    token = accounts.make_token("ann")
    other = accounts.make_token("ann")
    mixed = f"ct_{token.split('_')[1]}_{other.split('_', 2)[2]}"
    changed = token[:-1] + ("A" if token[-1] != "A" else "B")
    for text in (
        "",
        "ct__",
        token[:-1],
        token + "A",
        f" {token}",
        f"{token}\n",
        mixed,
        changed,
        token.upper(),
        "\ud800",
    ):
        assert accounts.actor_of_token(text) is None


def test_a_revoked_token_is_good_for_nothing_and_the_others_stay(accounts, ann, audit):
    first, second = accounts.make_token("ann", 1), accounts.make_token("ann", 2)
    accounts.revoke_token(first.split("_")[1])
    accounts.revoke_token(first.split("_")[1])
    assert accounts.actor_of_token(first) is None
    assert accounts.actor_of_token(second) == ann
    assert [(one.revoked, one.account) for one in accounts.tokens("ann")] == [(False, "ann"), (True, "ann")]
    assert [entry.action for entry in audit.listing().items].count("TOKEN_REVOKED") == 1
    with pytest.raises(NotFoundError, match="TOKEN_NOT_FOUND"):
        accounts.revoke_token("0" * 16)


@pytest.mark.parametrize("days", [0, -1, 3651])
def test_a_token_for_no_time_or_for_ever_by_mistake_is_refused(accounts, ann, days):
    with pytest.raises(InputError, match="BAD_TOKEN_DAYS"):
        accounts.make_token("ann", days)
    assert accounts.tokens("ann") == ()


def test_a_session_is_found_by_its_cookie_alone_which_is_kept_as_a_hash(accounts, ann, on_disk):
    opened, other = accounts.open_session("ann"), accounts.open_session("ann")
    assert opened.cookie != other.cookie
    assert opened.csrf != other.csrf
    found = accounts.session_of(opened.cookie)
    assert (found.actor, found.csrf) == (ann, opened.csrf)
    assert opened.cookie.encode() not in on_disk()
    for text in ("", opened.cookie[:-1], opened.cookie + "A", opened.cookie[::-1], opened.csrf, "\ud800"):
        assert accounts.session_of(text) is None


def test_a_session_ends_when_nothing_was_asked_for_half_an_hour(accounts, ann, clock_s):
    cookie = accounts.open_session("ann").cookie
    for _ in range(5):
        clock_s[0] += 29 * MINUTE_S
        assert accounts.session_of(cookie) is not None
    clock_s[0] += 30 * MINUTE_S
    assert accounts.session_of(cookie) is None


def test_what_a_page_asks_for_by_itself_keeps_nobody_signed_in(accounts, ann, clock_s):
    cookie = accounts.open_session("ann").cookie
    for _ in range(29):
        clock_s[0] += MINUTE_S
        assert accounts.session_of(cookie, note=False) is not None
    clock_s[0] += MINUTE_S
    assert accounts.session_of(cookie, note=False) is None


def test_a_session_ends_after_twelve_hours_however_busy(accounts, ann, clock_s):
    cookie = accounts.open_session("ann").cookie
    for _ in range(71):
        clock_s[0] += 10 * MINUTE_S
        assert accounts.session_of(cookie) is not None
    clock_s[0] += 10 * MINUTE_S
    assert accounts.session_of(cookie) is None


def test_requests_within_a_minute_are_noted_once(accounts, ann, clock_s, file):
    def seen_s():
        with closing(sqlite3.connect(file)) as connection:
            return connection.execute("SELECT seen_s FROM web_session").fetchone()[0]

    cookie, start_s = accounts.open_session("ann").cookie, clock_s[0]
    clock_s[0] += 59.0
    accounts.session_of(cookie)
    assert seen_s() == start_s
    clock_s[0] += 1.0
    accounts.session_of(cookie)
    assert seen_s() == start_s + 60.0


def test_signing_out_ends_one_session_and_closing_all_ends_an_accounts(accounts, ann):
    accounts.create("bob", Role.PHYSICIAN, None)
    first, second, third = (accounts.open_session("ann").cookie for _ in range(3))
    bobs = accounts.open_session("bob").cookie
    accounts.close_session(first)
    accounts.close_session("nobody's")
    assert [accounts.session_of(cookie) is None for cookie in (first, second, bobs)] == [True, False, False]
    accounts.close_all("ann")
    assert [accounts.session_of(cookie) is None for cookie in (second, third, bobs)] == [True, True, False]


def test_sessions_that_are_over_do_not_pile_up(accounts, ann, clock_s, file):
    for _ in range(3):
        accounts.open_session("ann")
    clock_s[0] += HOUR_S
    accounts.open_session("ann")
    with closing(sqlite3.connect(file)) as connection:
        assert connection.execute("SELECT count(*) FROM web_session").fetchone() == (1,)


def test_a_site_can_set_shorter_sessions(database, clock_s):
    limits = SessionLimits(idle_s=5 * MINUTE_S, most_s=HOUR_S)
    accounts = AccountStore(database, clock_s=lambda: clock_s[0], limits=limits)
    accounts.create("ann", Role.PHYSICIST, None)
    cookie = accounts.open_session("ann").cookie
    clock_s[0] += 5 * MINUTE_S
    assert accounts.session_of(cookie) is None
    with pytest.raises(ValueError, match="note < idle <= most"):
        SessionLimits(idle_s=30.0)


def test_every_change_is_in_the_audit_with_who_did_it_and_without_secrets(accounts, audit, on_disk):
    accounts.create("ann", Role.PHYSICIST, PASSWORD)
    accounts.set_password("ann", "another good one", by="root")
    accounts.set_role("ann", Role.PHYSICIAN, by="root")
    token = accounts.make_token("ann", 7, by="root")
    token_id = token.split("_")[1]
    accounts.revoke_token(token_id, by="root")
    accounts.disable("ann", by="root")
    accounts.enable("ann")
    entries = audit.listing().items[::-1]
    assert [(entry.actor, entry.action, entry.subject, entry.detail) for entry in entries] == [
        (CONSOLE, "ACCOUNT_CREATED", "ann", {"role": "physicist"}),
        ("root", "ACCOUNT_CHANGED", "ann", {"what": "password"}),
        ("root", "ACCOUNT_CHANGED", "ann", {"what": "role", "role": "physician"}),
        ("root", "TOKEN_MADE", "ann", {"token_id": token_id, "days": 7}),
        ("root", "TOKEN_REVOKED", "ann", {"token_id": token_id}),
        ("root", "ACCOUNT_CHANGED", "ann", {"what": "disabled"}),
        (CONSOLE, "ACCOUNT_CHANGED", "ann", {"what": "enabled"}),
    ]
    assert audit.verify().is_intact


def test_a_password_typed_into_the_names_field_does_not_reach_the_audit(accounts, ann):
    assert accounts.name_for_audit("ann") == "ann"
    for typed in (PASSWORD, "correct-horse-battery", "", "\ud800"):
        assert accounts.name_for_audit(typed) == NOBODY
