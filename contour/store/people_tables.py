"""Tables of who may do what, and of who did what. Secrets are never in them: hashes alone."""

from __future__ import annotations

from typing import Any

from sqlalchemy import JSON, ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from contour.store.tables import Table


class AccountRow(Table):
    """Somebody who may sign in, or a system that may call. Never deleted, so that the audit's names stay known."""

    __tablename__ = "account"

    sequence: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    name: Mapped[str] = mapped_column(unique=True)
    role: Mapped[str]
    full_name: Mapped[str] = mapped_column(default="")
    password_hash: Mapped[str | None]
    certificate_name: Mapped[str | None] = mapped_column(unique=True)
    disabled: Mapped[bool] = mapped_column(default=False)
    created_s: Mapped[float]


class TokenRow(Table):
    """A bearer token: its id, and the SHA-256 of its secret."""

    __tablename__ = "token"

    sequence: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    token_id: Mapped[str] = mapped_column(unique=True)
    account: Mapped[str] = mapped_column(ForeignKey("account.name", ondelete="CASCADE"), index=True)
    secret_sha256: Mapped[str] = mapped_column(unique=True)
    created_s: Mapped[float]
    expires_s: Mapped[float | None]
    revoked: Mapped[bool] = mapped_column(default=False)


class SessionRow(Table):
    """A browser that is signed in: the SHA-256 of its cookie, and the text that its changes have to bring along."""

    __tablename__ = "web_session"

    sequence: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    cookie_sha256: Mapped[str] = mapped_column(unique=True)
    account: Mapped[str] = mapped_column(ForeignKey("account.name", ondelete="CASCADE"), index=True)
    csrf: Mapped[str]
    created_s: Mapped[float]
    seen_s: Mapped[float]


class AuditRow(Table):
    """One entry of the audit. `digest` is over all that is in it and over the digest of the entry before."""

    __tablename__ = "audit"

    sequence: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    time_s: Mapped[float]
    actor: Mapped[str]
    action: Mapped[str]
    subject: Mapped[str] = mapped_column(index=True)
    detail: Mapped[dict[str, Any]] = mapped_column(JSON)
    previous: Mapped[str]
    digest: Mapped[str] = mapped_column(unique=True)
