"""The audit: who saw, changed, decided and took away what. It only grows, and a change of it can be found."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, Select, String, select, type_coerce
from sqlalchemy.orm import Session

from contour.errors import UntrustworthyResultError
from contour.store.audit_chain import FIRST_PREVIOUS, Action, AuditEntry, Detail, append, digest_of
from contour.store.audit_guard import guard_audit
from contour.store.database import Database
from contour.store.paging import page_of, start_of_page
from contour.store.people_tables import AuditRow
from contour.store.records import Page

_ROWS_AT_ONCE = 1000

_EntryRow = Row[int, float, str, str, str, str, str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditCheck:
    """What a check of the chain found.

    `entries` is how many are in order, from the first on. `broken_at` is the sequence number of the first that is not,
    or None; `why` says what is wrong and is empty where nothing is. `head` is the digest of the last entry in order.
    """

    entries: int
    head: str
    broken_at: int | None = None
    why: str = ""

    @property
    def is_intact(self) -> bool:
        """True where nothing is wrong."""
        return not self.why


class AuditStore:
    """The audit. Every method can be called from any thread, and several processes may add to it at a time."""

    def __init__(self, database: Database, *, clock_s: Callable[[], float]) -> None:
        """Opens it, and makes the database refuse changes of it."""
        self._database = database
        self._clock_s = clock_s
        with database.write() as session:
            guard_audit(session.connection())

    def add(self, actor: str, action: Action, subject: str, detail: Detail | None = None) -> AuditEntry:
        """Add an entry in a transaction of its own; `contour.store.audit_chain.append` says what may be in it.

        Raises:
            ValueError: something that may not be in an entry.
        """
        with self._database.write() as session:
            return self.add_in(session, actor, action, subject, detail)

    def add_in(
        self, session: Session, actor: str, action: Action, subject: str, detail: Detail | None = None
    ) -> AuditEntry:
        """Add an entry in a transaction of `Database.write`, so that a change and its entry are there together or not.

        Raises:
            ValueError: something that may not be in an entry.
        """
        return append(session, time_s=self._clock_s(), actor=actor, action=action, subject=subject, detail=detail or {})

    def listing(
        self, *, actor: str = "", subject: str = "", page_size: int = 0, page_token: str = ""
    ) -> Page[AuditEntry]:
        """Entries, newest first; only those of an actor or a subject where one is given.

        Raises:
            InputError: INVALID_PAGE.
            UntrustworthyResultError: an entry that somebody made unreadable (AUDIT_BROKEN).
        """
        before, count = start_of_page(page_token, page_size)
        query = _entries().order_by(AuditRow.sequence.desc()).limit(count + 1)
        if before is not None:
            query = query.where(AuditRow.sequence < before)
        if actor:
            query = query.where(AuditRow.actor == actor)
        if subject:
            query = query.where(AuditRow.subject == subject)
        with self._database.read() as session:
            rows = session.execute(query).all()
        return page_of(rows, count, key=lambda row: row.sequence, describe=_readable)

    def head(self) -> tuple[int, str]:
        """Sequence number and digest of the last entry; 0 and zeros where there is none. To be kept elsewhere."""
        query = select(AuditRow.sequence, AuditRow.digest).order_by(AuditRow.sequence.desc()).limit(1)
        with self._database.read() as session:
            last = session.execute(query).first()
        return (last.sequence, last.digest) if last else (0, FIRST_PREVIOUS)

    def verify(self, *, head: str = "") -> AuditCheck:
        """Check every entry, and that the digest `head`, kept from an earlier check, is still in the chain."""
        previous, entries, has_head = FIRST_PREVIOUS, 0, head in {"", FIRST_PREVIOUS}
        with self._database.read() as session:
            for row in _all_rows(session):
                why = _fault(row, entries + 1, previous)
                if why:
                    return AuditCheck(entries=entries, head=previous, broken_at=entries + 1, why=why)
                previous, entries = row.digest, entries + 1
                has_head = has_head or previous == head
        if not has_head:
            why = "the digest that was kept is not in the chain: entries were cut off its end, or it was made anew"
            return AuditCheck(entries=entries, head=previous, why=why)
        return AuditCheck(entries=entries, head=previous)


def _entries() -> Select[int, float, str, str, str, str, str, str]:
    """Details as they are in the database: what somebody put there need not be JSON."""
    return select(
        AuditRow.sequence,
        AuditRow.time_s,
        AuditRow.actor,
        AuditRow.action,
        AuditRow.subject,
        type_coerce(AuditRow.detail, String).label("detail"),
        AuditRow.previous,
        AuditRow.digest,
    )


def _all_rows(session: Session) -> Iterator[_EntryRow]:
    query = _entries().order_by(AuditRow.sequence)
    return iter(session.execute(query.execution_options(yield_per=_ROWS_AT_ONCE)))


def _fault(row: _EntryRow, expected: int, previous: str) -> str:
    """What is wrong with an entry that should be number `expected` after the one with the digest `previous`; or ""."""
    if row.sequence != expected:
        return f"entry {expected} is missing: found {row.sequence} in its place"
    entry = _read(row)
    if entry is None:
        return f"entry {expected} is not what was written: it cannot be read"
    if entry.previous != previous:
        return f"entry {expected} does not follow the one before it"
    if entry.digest != digest_of(entry):
        return f"entry {expected} is not what was written: its digest differs"
    return ""


def _readable(row: _EntryRow) -> AuditEntry:
    entry = _read(row)
    if entry is None:
        raise UntrustworthyResultError(
            f"entry {row.sequence} of the audit cannot be read; 'contour audit verify' checks all",
            reason="AUDIT_BROKEN",
        )
    return entry


def _read(row: _EntryRow) -> AuditEntry | None:
    """The entry; None where a value is of another type than was written."""
    texts = (row.actor, row.action, row.subject, row.previous, row.digest)
    if not all(isinstance(value, str) for value in texts) or not isinstance(row.time_s, float):
        return None
    detail: Any = row.detail
    if isinstance(detail, str):
        try:
            detail = json.loads(detail, parse_constant=_refuse_constant, object_pairs_hook=_each_name_once)
        except (ValueError, RecursionError):
            return None
    if not isinstance(detail, dict):
        return None
    return AuditEntry(
        sequence=row.sequence,
        time_s=row.time_s,
        actor=row.actor,
        action=row.action,
        subject=row.subject,
        detail=detail,
        previous=row.previous,
        digest=row.digest,
    )


def _refuse_constant(found: str) -> float:
    raise ValueError(f"{found} is no JSON")


def _each_name_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Of a name that is there twice, readers take one or the other."""
    if len(dict(pairs)) < len(pairs):
        raise ValueError("a name is there twice")
    return dict(pairs)
