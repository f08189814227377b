"""The audit on a real database file, which the tests then change as somebody would who wants to hide something."""

import hashlib
import json
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest
from sqlalchemy import insert
from sqlalchemy.exc import IntegrityError

from contour.errors import InputError, UntrustworthyResultError
from contour.store.audit_chain import AUTH_OFF, CONSOLE, FIRST_PREVIOUS, NOBODY, Action
from contour.store.audit_store import AuditStore
from contour.store.database import Database
from contour.store.people_tables import AccountRow

TRIGGERS = ("audit_at_end", "audit_no_delete", "audit_no_update")


@pytest.fixture
def file(tmp_path):
    return tmp_path / "contour.db"


@pytest.fixture
def database(file):
    opened = Database(f"sqlite:///{file}")
    yield opened
    opened.close()


@pytest.fixture
def audit(database):
    times = iter(range(1_700_000_000, 1_800_000_000))
    return AuditStore(database, clock_s=lambda: next(times) + 0.1)


@pytest.fixture
def six(audit):
    """Six entries: what a reviewer does with a case."""
    for action, subject, detail in (
        (Action.SIGNED_IN, "ann", {"peer": "10.0.0.7"}),
        (Action.SAW, "4f" * 16, {}),
        (Action.EDITED, "4f" * 16, {"structure": "Parotid_L", "revision": 1, "volume_ml": 24.125}),
        (Action.UNDONE, "4f" * 16, {"revision": 2}),
        (Action.APPROVED, "4f" * 16, {"revision": 2, "signed": True}),
        (Action.DOWNLOADED, "4f" * 16, {"source": "approved"}),
    ):
        audit.add("ann", action, subject, detail)
    return audit


@pytest.fixture
def tamper(file):
    """Takes the triggers away, as whoever has the file can, and does the rest."""

    def run(*statements):
        with closing(sqlite3.connect(file)) as connection, connection:
            for name in TRIGGERS:
                connection.execute(f"DROP TRIGGER {name}")
            for statement in statements:
                connection.execute(statement)

    return run


def rows_of(file):
    with closing(sqlite3.connect(file)) as connection:
        query = "SELECT sequence, time_s, actor, action, subject, detail, previous, digest FROM audit ORDER BY sequence"
        return connection.execute(query).fetchall()


def digest_by_hand(sequence, time_s, actor, action, subject, detail, previous):
    form = [sequence, time_s, actor, action, subject, json.loads(detail), previous]
    text = json.dumps(form, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def test_each_digest_is_over_the_entry_and_the_digest_before(six, file):
    previous = FIRST_PREVIOUS
    for number, row in enumerate(rows_of(file), start=1):
        assert row[0] == number
        assert row[6] == previous
        assert row[7] == digest_by_hand(*row[:7])
        previous = row[7]
    assert six.head() == (6, previous)


def test_an_empty_audit_is_intact(audit):
    found = audit.verify()
    assert found.is_intact
    assert (found.entries, found.head) == (0, FIRST_PREVIOUS)
    assert audit.head() == (0, FIRST_PREVIOUS)


def test_an_untouched_audit_is_intact_after_it_was_closed_and_opened(six, database, file):
    head = six.head()
    database.close()
    again = AuditStore(Database(f"sqlite:///{file}"), clock_s=lambda: 2e9)
    again.add("ann", Action.SIGNED_OUT, "ann")
    found = again.verify(head=head[1])
    assert found.is_intact
    assert found.entries == 7


@pytest.mark.parametrize(
    "change",
    [
        "actor = 'bob'",
        "action = 'SAW'",
        "subject = 'another'",
        "time_s = time_s + 3600",
        "time_s = 'yesterday'",
        'detail = \'{"structure": "Parotid_L", "revision": 1, "volume_ml": 24.0}\'',
        "detail = '{}'",
        "detail = '[]'",
        "detail = 'no JSON at all'",
        "detail = '{\"volume_ml\": NaN}'",
        'detail = \'{"structure": "Cochlea_L", \' || substr(detail, 2)',
        "actor = CAST(actor AS BLOB)",
        f"digest = '{'0' * 64}'",
        f"previous = '{'0' * 64}'",
    ],
)
def test_a_changed_entry_is_found(six, tamper, change):
    tamper(f"UPDATE audit SET {change} WHERE sequence = 3")  # noqa: S608
    found = six.verify()
    assert not found.is_intact
    assert (found.entries, found.broken_at) == (2, 3)
    assert "entry 3" in found.why


def test_a_changed_entry_is_found_even_with_a_digest_that_fits_it(six, tamper, file):
    row = list(rows_of(file)[2])
    row[2] = "bob"
    tamper(f"UPDATE audit SET actor = 'bob', digest = '{digest_by_hand(*row[:7])}' WHERE sequence = 3")  # noqa: S608
    assert six.verify().broken_at == 4


def test_an_entry_taken_out_of_the_middle_is_found(six, tamper):
    tamper("DELETE FROM audit WHERE sequence = 4")
    found = six.verify()
    assert (found.broken_at, found.why) == (4, "entry 4 is missing: found 5 in its place")


def test_an_entry_taken_out_of_the_middle_is_found_when_the_others_move_up(six, tamper):
    tamper("DELETE FROM audit WHERE sequence = 4", "UPDATE audit SET sequence = sequence - 1 WHERE sequence > 4")
    assert six.verify().broken_at == 4


def test_a_first_entry_taken_out_is_found(six, tamper):
    tamper("DELETE FROM audit WHERE sequence = 1")
    assert six.verify().broken_at == 1


def test_entries_in_another_order_are_found(six, tamper):
    tamper(
        "UPDATE audit SET sequence = 99 WHERE sequence = 3",
        "UPDATE audit SET sequence = 3 WHERE sequence = 4",
        "UPDATE audit SET sequence = 4 WHERE sequence = 99",
    )
    assert six.verify().broken_at == 3


def test_an_entry_put_in_is_found(six, tamper):
    tamper(
        "UPDATE audit SET sequence = sequence + 10 WHERE sequence > 3",
        "INSERT INTO audit SELECT 4, time_s, actor, action, subject, detail, digest, 'x' FROM audit WHERE sequence = 3",
        "UPDATE audit SET sequence = sequence - 9 WHERE sequence > 10",
    )
    assert six.verify().broken_at == 4


def test_a_cut_off_end_is_found_with_a_digest_that_was_kept_and_only_so(six, tamper):
    head = six.head()[1]
    tamper("DELETE FROM audit WHERE sequence > 4")
    assert six.verify().is_intact
    found = six.verify(head=head)
    assert not found.is_intact
    assert (found.entries, found.broken_at) == (4, None)
    assert "cut off" in found.why


def test_a_chain_made_anew_is_found_with_a_digest_that_was_kept_and_only_so(six, tamper, file):
    head = six.head()[1]
    statements, previous = [], FIRST_PREVIOUS
    for row in rows_of(file):
        forged = [*row[:2], "bob", *row[3:6], previous]
        previous = digest_by_hand(*forged)
        statements.append(
            f"UPDATE audit SET actor = 'bob', previous = '{forged[6]}', digest = '{previous}' WHERE sequence = {row[0]}"  # noqa: S608
        )
    tamper(*statements)
    assert six.verify().is_intact
    assert not six.verify(head=head).is_intact


def test_every_digest_that_was_ever_the_head_is_found_later(audit):
    heads = [audit.head()[1]]
    for number in range(5):
        audit.add(CONSOLE, Action.ACCOUNT_CHANGED, "ann", {"number": number})
        heads.append(audit.head()[1])
    assert all(audit.verify(head=head).is_intact for head in heads)


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("UPDATE audit SET actor = 'bob' WHERE sequence = 2", "append-only"),
        ("UPDATE audit SET sequence = 99 WHERE sequence = 6", "append-only"),
        ("DELETE FROM audit WHERE sequence = 6", "append-only"),
        ("DELETE FROM audit", "append-only"),
        ("INSERT OR REPLACE INTO audit SELECT 2, 0, 'bob', 'SAW', '', '{}', 'a', 'b'", "at its end"),
        ("INSERT INTO audit SELECT 9, 0, 'bob', 'SAW', '', '{}', 'a', 'b'", "at its end"),
        ("INSERT INTO audit SELECT -1, 0, 'bob', 'SAW', '', '{}', 'a', 'b'", "at its end"),
    ],
)
def test_the_database_itself_refuses_changes(six, file, statement, said):
    before = rows_of(file)
    with closing(sqlite3.connect(file)) as connection, pytest.raises(sqlite3.IntegrityError, match=said):
        connection.execute(statement)
    assert rows_of(file) == before


def test_triggers_that_were_taken_away_are_back_when_the_audit_is_opened_again(six, tamper, database, file):
    tamper()
    AuditStore(database, clock_s=lambda: 0.0)
    with closing(sqlite3.connect(file)) as connection, pytest.raises(sqlite3.IntegrityError, match="append-only"):
        connection.execute("DELETE FROM audit")


def test_a_change_and_its_entry_are_there_together_or_not_at_all(audit, database):
    account = {"name": "ann", "role": "physicist", "full_name": "", "disabled": False, "created_s": 0.0}

    def make_it_twice():
        with database.write() as session:
            session.execute(insert(AccountRow).values(account))
            audit.add_in(session, CONSOLE, Action.ACCOUNT_CREATED, "ann")
            session.execute(insert(AccountRow).values(account))

    with pytest.raises(IntegrityError):
        make_it_twice()
    assert audit.head() == (0, FIRST_PREVIOUS)
    with database.write() as session:
        session.execute(insert(AccountRow).values(account))
        audit.add_in(session, CONSOLE, Action.ACCOUNT_CREATED, "ann")
        audit.add_in(session, CONSOLE, Action.TOKEN_MADE, "ann")
    assert audit.head()[0] == 2
    assert audit.verify().is_intact


def test_many_writers_in_several_processes_databases_make_one_chain(six, file):
    others = [Database(f"sqlite:///{file}") for _ in range(3)]
    stores = [AuditStore(other, clock_s=lambda: 1.8e9) for other in others]
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda number: stores[number % 3].add("bob", Action.SAW, f"case {number}"), range(60)))
    for other in others:
        other.close()
    found = six.verify()
    assert found.is_intact
    assert found.entries == 66
    assert {f"case {number}" for number in range(60)} <= {row[4] for row in rows_of(file)}


def test_entries_are_listed_newest_first_in_pages_and_by_actor_or_subject(six):
    six.add(NOBODY, Action.SIGN_IN_REFUSED, "web", {"peer": "10.0.0.9"})
    first = six.listing(page_size=4)
    rest = six.listing(page_size=4, page_token=first.next_token)
    entries = (*first.items, *rest.items)
    assert [entry.sequence for entry in entries] == [7, 6, 5, 4, 3, 2, 1]
    assert rest.next_token == ""
    assert entries[4].detail == {"structure": "Parotid_L", "revision": 1, "volume_ml": 24.125}
    assert [entry.sequence for entry in six.listing(actor=NOBODY).items] == [7]
    assert [entry.sequence for entry in six.listing(subject="4f" * 16, page_size=2).items] == [6, 5]
    with pytest.raises(InputError, match="INVALID_PAGE"):
        six.listing(page_token="nonsense")


def test_an_entry_that_cannot_be_read_is_not_listed_as_if_it_could(six, tamper):
    tamper("UPDATE audit SET detail = 'no JSON at all' WHERE sequence = 2")
    with pytest.raises(UntrustworthyResultError, match="AUDIT_BROKEN: entry 2"):
        six.listing()


@pytest.mark.parametrize(
    ("actor", "subject", "detail"),
    [
        ("", "x", {}),
        ("Ann Smith", "x", {}),
        ("my-password is here!", "x", {}),
        ("ann", "line\nbreak", {}),
        ("ann", "x" * 257, {}),
        ("ann", "half \ud800", {}),
        ("ann", "x", {"dice": float("nan")}),
        ("ann", "x", {"dice": float("inf")}),
        ("ann", "x", {"names": ["a", "b"]}),
        ("ann", "x", {"nothing": None}),
        ("ann", "x", {1: "x"}),
        ("ann", "x", {"text": "x" * 1025}),
        ("ann", "x", {str(number): number for number in range(65)}),
    ],
)
def test_what_may_not_be_in_an_entry_is_refused_before_anything_is_written(audit, actor, subject, detail):
    with pytest.raises(ValueError, match=r"found|no account's name") as caught:
        audit.add(actor, Action.SAW, subject, detail)
    assert "password" not in str(caught.value)
    assert audit.head() == (0, FIRST_PREVIOUS)


def test_every_kind_of_value_that_may_be_in_an_entry_keeps_the_chain_intact(audit):
    detail = {
        "text": 'Zürich "\\ \ud800 \N{GREEK SMALL LETTER ALPHA}',
        "whole": 10**30,
        "one": 1,
        "real": 1.0,
        "tiny": 5e-324,
    }
    audit.add(AUTH_OFF, Action.EDITED, "Struktur_ü", {**detail, "yes": True, "no": False, "minus": -0.0})
    assert audit.verify().is_intact
    (entry,) = audit.listing().items
    assert {name: entry.detail[name] for name in detail} == detail
    assert [type(entry.detail[name]) for name in ("one", "real", "yes")] == [int, float, bool]
