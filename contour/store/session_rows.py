"""Sessions of browsers: a cookie that is kept as its SHA-256, good until it is idle for long or a day's work old."""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass

from sqlalchemy import delete, or_, select
from sqlalchemy.orm import Session

from contour.store.people_tables import SessionRow
from contour.store.roles import Actor

_COOKIE = re.compile(r"[A-Za-z0-9_-]{43}")


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionLimits:
    """How long a browser stays signed in: seconds without a request, and seconds altogether.

    A request is noted down only when the last note is `note_s` old, so that scrolling costs no writing.
    """

    idle_s: float = 30 * 60.0
    most_s: float = 12 * 3600.0
    note_s: float = 60.0

    def __post_init__(self) -> None:
        if not 0 <= self.note_s < self.idle_s <= self.most_s:
            raise ValueError(f"found idle {self.idle_s} s and most {self.most_s} s, expected note < idle <= most")


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSession:
    """What the browser gets: the cookie, and the text that its changes have to bring along."""

    cookie: str
    csrf: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WebSession:
    """Who a cookie is, and the text that a change has to bring along."""

    actor: Actor
    csrf: str


def new_session(session: Session, account: str, *, now_s: float, limits: SessionLimits) -> NewSession:
    """Adds a session of an account that exists; those of anybody that are over go."""
    over = or_(SessionRow.seen_s <= now_s - limits.idle_s, SessionRow.created_s <= now_s - limits.most_s)
    session.execute(delete(SessionRow).where(over))
    made = NewSession(cookie=secrets.token_urlsafe(32), csrf=secrets.token_urlsafe(32))
    session.add(
        SessionRow(cookie_sha256=_sha256(made.cookie), account=account, csrf=made.csrf, created_s=now_s, seen_s=now_s)
    )
    return made


def session_row(session: Session, cookie: str, *, now_s: float, limits: SessionLimits) -> SessionRow | None:
    """The session of a cookie; None where it is unknown or over."""
    if not _COOKIE.fullmatch(cookie):
        return None
    row = session.scalar(select(SessionRow).where(SessionRow.cookie_sha256 == _sha256(cookie)))
    if row is None or now_s - row.seen_s >= limits.idle_s or now_s - row.created_s >= limits.most_s:
        return None
    return row


def end_session(session: Session, cookie: str) -> None:
    """Deletes the session of a cookie, where there is one."""
    if _COOKIE.fullmatch(cookie):
        session.execute(delete(SessionRow).where(SessionRow.cookie_sha256 == _sha256(cookie)))


def end_sessions(session: Session, account: str) -> None:
    """Deletes every session of an account."""
    session.execute(delete(SessionRow).where(SessionRow.account == account))


def _sha256(cookie: str) -> str:
    return hashlib.sha256(cookie.encode("ascii")).hexdigest()
