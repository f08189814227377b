"""The chain that the audit is: each entry's digest is over all that is in it and over the digest before.

    digest = SHA-256 of canonical JSON of [sequence, time_s, actor, action, subject, detail, previous]

A change, a gap or another order in the middle breaks it. Entries cut off its end do not, and neither does a chain that
was made anew from some entry on; both show as soon as a digest that was kept elsewhere is looked for in it.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from contour.store.people_tables import AuditRow

Detail = Mapping[str, str | int | float | bool]

FIRST_PREVIOUS = "0" * 64
"""What stands before the first entry."""

CONSOLE = "(console)"
"""Whoever has the data folder itself and uses the command line."""

NOBODY = "(nobody)"
"""Somebody who gave no name that an account has. What was typed is not kept: people type passwords there."""

AUTH_OFF = "(auth off)"
"""Anybody at all, where a configuration says that nobody is asked who they are."""

_ACTOR = re.compile(r"[a-z0-9._-]{1,64}|\([a-z ]{1,32}\)")
_LONGEST_SUBJECT = 256
_MOST_DETAIL = 64
_LONGEST_TEXT = 1024


class Action(StrEnum):
    """What can be in the audit."""

    SIGNED_IN = "SIGNED_IN"
    SIGN_IN_REFUSED = "SIGN_IN_REFUSED"
    SIGNED_OUT = "SIGNED_OUT"
    SAW = "SAW"
    EDITED = "EDITED"
    UNDONE = "UNDONE"
    REDONE = "REDONE"
    REVERTED = "REVERTED"
    APPROVED = "APPROVED"
    REJECTED = "REJECTED"
    REOPENED = "REOPENED"
    DOWNLOADED = "DOWNLOADED"
    DELETED = "DELETED"
    ACCOUNT_CREATED = "ACCOUNT_CREATED"
    ACCOUNT_CHANGED = "ACCOUNT_CHANGED"
    TOKEN_MADE = "TOKEN_MADE"  # noqa: S105
    TOKEN_REVOKED = "TOKEN_REVOKED"  # noqa: S105


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """Who did what to what, and when. `detail` holds ids, names of structures and numbers, never patient data."""

    sequence: int
    time_s: float
    actor: str
    action: str
    subject: str
    detail: Detail
    previous: str
    digest: str


def digest_of(entry: AuditEntry) -> str:
    """The digest that the entry's contents call for, in hexadecimal; the one it has is not looked at."""
    form = [entry.sequence, entry.time_s, entry.actor, entry.action, entry.subject, dict(entry.detail), entry.previous]
    canonical = json.dumps(form, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return hashlib.sha256(canonical.encode("ascii")).hexdigest()


def append(session: Session, *, time_s: float, actor: str, action: Action, subject: str, detail: Detail) -> AuditEntry:
    """Add an entry to the chain's end; it is there when the session is committed, together with all else in it.

    Args:
        session: From `Database.write`.
        time_s: Now, in seconds since the epoch.
        actor: An account's name, or `CONSOLE`, `NOBODY` or `AUTH_OFF`.
        action: What was done.
        subject: To what: an id or an account's name, printable, at most 256 characters.
        detail: At most 64 names with values; text of at most 1024 characters, finite numbers.

    Raises:
        ValueError: something that may not be in an entry.
    """
    _check(actor, subject, detail)
    _take_turn(session)
    last = session.execute(
        select(AuditRow.sequence, AuditRow.digest).order_by(AuditRow.sequence.desc()).limit(1)
    ).first()
    entry = AuditEntry(
        sequence=last.sequence + 1 if last else 1,
        time_s=float(time_s),
        actor=actor,
        action=str(action),
        subject=subject,
        detail=dict(detail),
        previous=last.digest if last else FIRST_PREVIOUS,
        digest="",
    )
    entry = replace(entry, digest=digest_of(entry))
    session.add(
        AuditRow(
            sequence=entry.sequence,
            time_s=entry.time_s,
            actor=entry.actor,
            action=entry.action,
            subject=entry.subject,
            detail=dict(entry.detail),
            previous=entry.previous,
            digest=entry.digest,
        )
    )
    session.flush()
    return entry


def _take_turn(session: Session) -> None:
    """One writer at a time until the commit; SQLite's BEGIN IMMEDIATE has seen to that already."""
    session.flush()
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("LOCK TABLE audit IN EXCLUSIVE MODE"))


def _check(actor: str, subject: str, detail: Detail) -> None:
    if not _ACTOR.fullmatch(actor):
        raise ValueError("the actor of an audit entry is no account's name")
    if len(subject) > _LONGEST_SUBJECT or not subject.isprintable():
        raise ValueError(
            f"found a subject of {len(subject)} characters, expected at most {_LONGEST_SUBJECT}, printable"
        )
    if len(detail) > _MOST_DETAIL:
        raise ValueError(f"found {len(detail)} details, expected at most {_MOST_DETAIL}")
    for name, value in detail.items():
        if not isinstance(name, str) or not isinstance(value, str | int | float):
            raise ValueError(  # noqa: TRY004
                f"found {type(value).__name__} in an audit entry, expected text, a number or a truth value"
            )
        if isinstance(value, float) and not math.isfinite(value):
            raise ValueError("found a number that is not finite in an audit entry")
        if isinstance(value, str) and len(value) > _LONGEST_TEXT:
            raise ValueError(f"found text of {len(value)} characters, expected at most {_LONGEST_TEXT}")
