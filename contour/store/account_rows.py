"""Accounts as rows: found by name or certificate, and described as values."""

from __future__ import annotations

import re
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from contour.errors import InputError, NotFoundError
from contour.store.people_tables import AccountRow
from contour.store.roles import Actor, Role

_NAME = re.compile(r"[a-z0-9._-]{1,64}")
_LONGEST_TEXT = 128


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Somebody who may sign in, or a system that may call. `created_s` is in seconds since the epoch."""

    name: str
    role: Role
    full_name: str
    has_password: bool
    certificate_name: str | None
    disabled: bool
    created_s: float


def check_names(name: str, full_name: str, certificate_name: str | None) -> None:
    """Refuse what no account may be called.

    Raises:
        InputError: BAD_ACCOUNT_NAME, BAD_FULL_NAME, BAD_CERTIFICATE_NAME.
    """
    if not _NAME.fullmatch(name):
        raise InputError(
            f"found a name of {len(name)} characters that cannot be used, "
            "expected 1 to 64 of a-z, 0-9, dot, underscore and hyphen",
            reason="BAD_ACCOUNT_NAME",
        )
    _check_text(full_name, fewest=0, reason="BAD_FULL_NAME")
    if certificate_name is not None:
        _check_text(certificate_name, fewest=1, reason="BAD_CERTIFICATE_NAME")


def row_of(session: Session, name: str) -> AccountRow | None:
    """The row of the account with this name; None where there is none, whatever the text is."""
    if not _NAME.fullmatch(name):
        return None
    return session.scalar(select(AccountRow).where(AccountRow.name == name))


def known_row(session: Session, name: str) -> AccountRow:
    """The row of the account with this name.

    Raises:
        NotFoundError: ACCOUNT_NOT_FOUND.
    """
    row = row_of(session, name)
    if row is None:
        raise NotFoundError("no account has this name", reason="ACCOUNT_NOT_FOUND")
    return row


def row_of_certificate(session: Session, common_name: str) -> AccountRow | None:
    """The row of the account that comes with this certificate; None where there is none."""
    if not common_name or not common_name.isprintable():
        return None
    return session.scalar(select(AccountRow).where(AccountRow.certificate_name == common_name))


def enabled_actor(row: AccountRow | None) -> Actor | None:
    """Who the row is, where there is one and it is not disabled."""
    return None if row is None or row.disabled else Actor(name=row.name, role=Role(row.role))


def describe_account(row: AccountRow) -> Account:
    """The account as a value, without its hash."""
    return Account(
        name=row.name,
        role=Role(row.role),
        full_name=row.full_name,
        has_password=row.password_hash is not None,
        certificate_name=row.certificate_name,
        disabled=row.disabled,
        created_s=row.created_s,
    )


def _check_text(text: str, *, fewest: int, reason: str) -> None:
    if not fewest <= len(text) <= _LONGEST_TEXT or not text.isprintable():
        raise InputError(
            f"found {len(text)} characters, expected {fewest} to {_LONGEST_TEXT}, all of them printable", reason=reason
        )
