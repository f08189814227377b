"""Bearer tokens: `ct_<id>_<secret>`. The id names one, the secret is shown once and kept as its SHA-256 alone."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from contour.errors import InputError, NotFoundError
from contour.store.people_tables import TokenRow

MOST_DAYS = 3650
DAY_S = 86400.0

_TOKEN = re.compile(r"ct_([0-9a-f]{16})_([A-Za-z0-9_-]{43})")


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenInfo:
    """A token without its secret; times in seconds since the epoch, `expires_s` None where it never does."""

    token_id: str
    account: str
    created_s: float
    expires_s: float | None
    revoked: bool

    def is_valid(self, now_s: float) -> bool:
        """True where it opens anything."""
        return not self.revoked and (self.expires_s is None or now_s < self.expires_s)


def new_token(session: Session, account: str, *, days: int | None, now_s: float) -> tuple[str, str]:
    """Adds a token of an account that exists; its id, and its whole text.

    Raises:
        InputError: BAD_TOKEN_DAYS.
    """
    if days is not None and not 1 <= days <= MOST_DAYS:
        raise InputError(f"found {days} days, expected 1 to {MOST_DAYS}", reason="BAD_TOKEN_DAYS")
    token_id, secret = secrets.token_hex(8), secrets.token_urlsafe(32)
    session.add(
        TokenRow(
            token_id=token_id,
            account=account,
            secret_sha256=_sha256(secret),
            created_s=now_s,
            expires_s=None if days is None else now_s + days * DAY_S,
            revoked=False,
        )
    )
    return token_id, f"ct_{token_id}_{secret}"


def account_of_token(session: Session, token: str, *, now_s: float) -> str | None:
    """The account whose token this is; None for one that is unknown, revoked or too old."""
    found = _TOKEN.fullmatch(token)
    if found is None:
        return None
    row = session.scalar(select(TokenRow).where(TokenRow.token_id == found[1]))
    if row is None or not hmac.compare_digest(row.secret_sha256, _sha256(found[2])):
        return None
    return row.account if describe_token(row).is_valid(now_s) else None


def token_row(session: Session, token_id: str) -> TokenRow:
    """The row with this id.

    Raises:
        NotFoundError: TOKEN_NOT_FOUND.
    """
    row = session.scalar(select(TokenRow).where(TokenRow.token_id == token_id))
    if row is None:
        raise NotFoundError("no token has this id", reason="TOKEN_NOT_FOUND")
    return row


def describe_token(row: TokenRow) -> TokenInfo:
    """The token as a value."""
    return TokenInfo(
        token_id=row.token_id,
        account=row.account,
        created_s=row.created_s,
        expires_s=row.expires_s,
        revoked=row.revoked,
    )


def _sha256(secret: str) -> str:
    return hashlib.sha256(secret.encode("ascii")).hexdigest()
