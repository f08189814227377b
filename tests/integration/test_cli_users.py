"""`contour user` and `contour audit` as an administrator uses them, with and without a server on the same folder."""

import io
import json
import os
import pty
import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from contour.store import Store, StoreSettings, UploadLimits
from contour.store.people import open_people
from contour.store.roles import Actor, Role

PASSWORD = "correct horse battery"


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "data"


@pytest.fixture
def contour(here, folder, monkeypatch):
    """`contour ... --data FOLDER`, with one line of stdin."""

    def run(*arguments, typed=""):
        monkeypatch.setattr(sys, "stdin", io.StringIO(typed))
        done = here(*arguments, "--data", folder)
        assert PASSWORD not in done.stdout + done.stderr
        return done

    return run


@pytest.fixture
def people(folder):
    """Accounts and audit, opened again for each look."""
    return lambda: open_people(folder, clock_s=lambda: 1.8e9)


@pytest.fixture
def ann(contour):
    words = ("user", "add", "ann", "--role", "physicist", "--full-name", "Ann Smith", "--password-stdin")
    done = contour(*words, typed=f"{PASSWORD}\n")
    assert (done.returncode, done.stdout, done.stderr) == (0, "Account ann: physicist\n", "")


def tamper(folder, statement):
    with closing(sqlite3.connect(folder / "contour.db")) as connection, connection:
        for name in ("audit_no_update", "audit_no_delete"):
            connection.execute(f"DROP TRIGGER {name}")
        connection.execute(statement)


def test_an_account_made_on_the_command_line_can_sign_in(contour, ann, people):
    with people() as found:
        assert found.accounts.check_password("ann", PASSWORD) == Actor(name="ann", role=Role.PHYSICIST)
        assert found.accounts.get("ann").full_name == "Ann Smith"


@pytest.mark.parametrize("typed", [f"{PASSWORD}\n", f"{PASSWORD}\r\n", PASSWORD, f"{PASSWORD}\nsecond line\n"])
def test_the_password_is_stdins_first_line_without_its_end(contour, people, typed):
    assert contour("user", "add", "bob", "--role", "physician", "--password-stdin", typed=typed).returncode == 0
    with people() as found:
        assert found.accounts.check_password("bob", PASSWORD) is not None


def on_a_terminal(folder, *lines):
    """`contour user add ann` with a terminal, where these lines are typed; what was shown, and how it ended."""
    program = "from contour.cli import main; main()"
    words = ["user", "add", "ann", "--role", "physicist", "--data", str(folder)]
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", program, *words],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    os.close(theirs)
    shown, waiting = b"", list(lines)
    while True:
        try:
            shown += os.read(ours, 1024)
        except OSError:  # Linux' way to say that the other end is closed
            break
        if waiting and shown.endswith(b": "):
            os.write(ours, waiting.pop(0).encode() + b"\n")
    os.close(ours)
    return shown.decode(), process.wait()


def test_on_a_terminal_the_password_is_asked_for_twice_and_not_shown(folder, people):
    shown, code = on_a_terminal(folder, PASSWORD, "another by mistake", PASSWORD, PASSWORD)
    assert code == 0, shown
    assert "Password: " in shown
    assert "The same again: " in shown
    assert PASSWORD not in shown
    assert "mistake" not in shown
    with people() as found:
        assert found.accounts.check_password("ann", PASSWORD) is not None


def test_without_a_terminal_or_stdin_no_password_is_guessed(contour, folder):
    done = contour("user", "add", "ann", "--role", "physicist", typed=f"{PASSWORD}\n")
    assert done.returncode == 2
    assert "expected --password-stdin or --no-password" in done.stderr
    done = contour("user", "add", "ann", "--role", "physicist", "--no-password", "--password-stdin")
    assert (done.returncode, "exclude each other" in done.stderr) == (2, True)


@pytest.mark.parametrize(
    ("words", "typed", "code", "reason"),
    [
        (("add", "Ann", "--role", "physicist", "--password-stdin"), PASSWORD, 1, "BAD_ACCOUNT_NAME"),
        (("add", "ann", "--role", "physicist", "--password-stdin"), PASSWORD, 1, "ACCOUNT_EXISTS"),
        (("add", "bob", "--role", "physicist", "--password-stdin"), "short", 1, "WEAK_PASSWORD"),
        (("add", "bob", "--role", "physicist", "--password-stdin"), "", 1, "WEAK_PASSWORD"),
        (("add", "bob", "--role", "boss", "--password-stdin"), PASSWORD, 2, "USAGE"),
        (("add", "bob", "--password-stdin"), PASSWORD, 2, "USAGE"),
        (("password", "bob", "--password-stdin"), PASSWORD, 1, "ACCOUNT_NOT_FOUND"),
        (("password", "ann", "--password-stdin"), "short", 1, "WEAK_PASSWORD"),
        (("disable", "bob"), "", 1, "ACCOUNT_NOT_FOUND"),
        (("role", "bob", "--role", "physician"), "", 1, "ACCOUNT_NOT_FOUND"),
        (("token", "bob"), "", 1, "ACCOUNT_NOT_FOUND"),
        (("token", "ann", "--days", "0"), "", 2, "USAGE"),
        (("revoke", "0" * 16), "", 1, "TOKEN_NOT_FOUND"),
    ],
)
def test_what_cannot_be_done_is_one_line_with_a_reason(contour, ann, people, words, typed, code, reason):
    done = contour("user", *words, typed=typed)
    assert (done.returncode, done.stdout) == (code, "")
    assert done.stderr.startswith(f"contour: {reason}: ")
    assert len(done.stderr.splitlines()) == 1
    with people() as found:
        assert found.audit.verify().entries == 1


def test_only_adding_an_account_makes_a_data_folder(contour, folder):
    for words in (("user", "list"), ("user", "token", "ann"), ("audit", "verify"), ("audit", "list")):
        done = contour(*words)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.startswith("contour: NO_DATA_DIR: ")
    assert not folder.exists()


def test_a_token_is_printed_once_and_works_until_it_is_revoked(contour, folder, people):
    contour("user", "add", "tps", "--role", "service", "--no-password", "--certificate", "TPS 1")
    token = contour("user", "token", "tps", "--days", "30").stdout.strip()
    assert re.fullmatch(r"ct_[0-9a-f]{16}_[A-Za-z0-9_-]{43}", token)
    token_id, secret = token.split("_", 2)[1:]
    with people() as found:
        assert found.accounts.actor_of_certificate("TPS 1").name == "tps"
    listed = contour("user", "list").stdout
    assert token_id in listed
    for shown in (listed, contour("audit", "list").stdout, contour("audit", "list", "--json").stdout):
        assert secret not in shown
    assert all(secret.encode() not in file.read_bytes() for file in folder.glob("contour.db*"))
    assert contour("user", "revoke", token_id).returncode == 0
    assert token_id not in contour("user", "list").stdout
    with people() as found:
        assert found.accounts.actor_of_token(token) is None


def test_the_list_tells_role_ways_in_and_who_is_shut_out(contour, ann):
    contour("user", "add", "bob", "--role", "physician", "--no-password")
    contour("user", "disable", "bob")
    rows = [line for line in contour("user", "list").stdout.splitlines() if "bob" in line or "ann" in line]
    assert len(rows) == 2
    assert all(word in rows[0] for word in ("ann", "physicist", "Ann Smith", "password"))
    assert all(word in rows[1] for word in ("bob", "physician", "nothing", "disabled"))
    contour("user", "enable", "bob")
    assert "disabled" not in contour("user", "list").stdout


def test_a_server_that_runs_obeys_at_once_and_its_folder_stays_its_own(contour, ann, folder):
    limits = UploadLimits(instance_bytes=10, instances_per_series=10)
    settings = StoreSettings(data_dir=folder, limits=limits, quota_bytes=100, most_attempts=2)
    with Store(settings, clock_s=lambda: 1.8e9) as server:
        cookie = server.accounts.open_session("ann").cookie
        assert contour("user", "role", "ann", "--role", "dosimetrist").stdout == "Account ann: dosimetrist\n"
        assert server.accounts.session_of(cookie).actor.role is Role.DOSIMETRIST
        assert contour("user", "password", "ann", "--password-stdin", typed="another good one\n").returncode == 0
        assert server.accounts.session_of(cookie) is None
        assert server.accounts.check_password("ann", "another good one") is not None
        assert contour("user", "disable", "ann").returncode == 0
        assert server.accounts.check_password("ann", "another good one") is None
        assert contour("audit", "verify").stdout.startswith("Audit intact: 4 entries\n")


def test_a_servers_configuration_says_where_its_accounts_are(here, folder, tmp_path, monkeypatch):
    config = tmp_path / "contour.toml"
    config.write_text('data = "data"\n')
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{PASSWORD}\n"))
    done = here("user", "add", "ann", "--role", "physicist", "--password-stdin", "--config", config)
    assert done.returncode == 0, done.stderr
    assert (folder / "contour.db").exists()
    assert "ann" in here("user", "list", "--config", config).stdout


def test_an_intact_audit_gives_the_digest_to_keep_and_knows_it_again(contour, ann):
    first = contour("audit", "verify")
    assert (first.returncode, first.stderr) == (0, "")
    lines = first.stdout.splitlines()
    assert lines[0] == "Audit intact: 1 entries"
    head = re.fullmatch(r"Head: ([0-9a-f]{64})", lines[1])[1]
    contour("user", "disable", "ann")
    assert contour("audit", "verify", "--head", head).stdout.startswith("Audit intact: 2 entries\n")


@pytest.mark.parametrize("head", ["abc", "g" * 64, "A" * 64])
def test_text_that_is_no_digest_is_bad_use(contour, ann, head):
    done = contour("audit", "verify", "--head", head)
    assert (done.returncode, "expected the 64 hexadecimal digits" in done.stderr) == (2, True)


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("UPDATE audit SET actor = 'bob' WHERE sequence = 2", "entry 2 is not what was written"),
        ("DELETE FROM audit WHERE sequence = 2", "entry 2 is missing: found 3 in its place; 1 entries are in order"),
    ],
)
def test_a_tampered_audit_ends_with_1_and_one_line(contour, ann, folder, statement, said):
    contour("user", "disable", "ann")
    contour("user", "enable", "ann")
    tamper(folder, statement)
    done = contour("audit", "verify")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("contour: AUDIT_BROKEN: ")
    assert said in done.stderr


def test_an_end_that_was_cut_off_shows_with_the_digest_that_was_kept(contour, ann, folder):
    contour("user", "disable", "ann")
    head = contour("audit", "verify").stdout.split()[-1]
    tamper(folder, "DELETE FROM audit WHERE sequence = 2")
    assert contour("audit", "verify").returncode == 0
    done = contour("audit", "verify", "--head", head)
    assert done.returncode == 1
    assert "AUDIT_BROKEN" in done.stderr
    assert "cut off" in done.stderr


def test_the_audit_is_listed_newest_first_for_people_and_for_programs(contour, ann, people):
    contour("user", "disable", "ann")
    contour("user", "add", "bob", "--role", "physician", "--no-password")
    table = contour("audit", "list").stdout
    assert table.index("bob") < table.index("disabled") < table.index("physicist")
    assert "(console)" in table
    entries = [json.loads(line) for line in contour("audit", "list", "--json").stdout.splitlines()]
    assert [(entry["sequence"], entry["action"]) for entry in entries] == [
        (3, "ACCOUNT_CREATED"),
        (2, "ACCOUNT_CHANGED"),
        (1, "ACCOUNT_CREATED"),
    ]
    assert entries[0]["previous"] == entries[1]["digest"]
    assert entries[1]["detail"] == {"what": "disabled"}
    only = contour("audit", "list", "--json", "--subject", "ann", "--most", "1").stdout.splitlines()
    assert [json.loads(line)["sequence"] for line in only] == [2]
    assert contour("audit", "list", "--actor", "bob").stdout == "Nothing is in the audit.\n"


def test_a_long_audit_is_listed_over_several_pages(contour, ann, people):
    with people() as found:
        for number in range(230):
            found.accounts.set_role("ann", Role.PHYSICIST if number % 2 else Role.PHYSICIAN)
    listed = contour("audit", "list", "--json", "--most", "210").stdout.splitlines()
    assert [json.loads(line)["sequence"] for line in listed] == list(range(231, 21, -1))
