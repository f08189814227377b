"""Accounts and entries of the audit, printed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click
from rich.table import Table

from contour.cli.tables import console, plain

if TYPE_CHECKING:
    from contour.store.account_store import Account
    from contour.store.audit_chain import AuditEntry
    from contour.store.token_rows import TokenInfo


def print_accounts(accounts: Sequence[tuple[Account, Sequence[TokenInfo]]], *, now_s: float) -> None:
    """A line for each account: role, what it comes with, and the ids of its valid tokens."""
    if not accounts:
        click.echo("There are no accounts; 'contour user add' makes one.")
        return
    table = Table()
    for title in ("Account", "Role", "Full name", "Comes with", ""):
        table.add_column(title, overflow="fold")
    for account, tokens in accounts:
        ways = ["password"] if account.has_password else []
        ways += [f"certificate {account.certificate_name}"] if account.certificate_name else []
        ways += [f"token {token.token_id} until {_end(token)}" for token in tokens if token.is_valid(now_s)]
        table.add_row(
            plain(account.name),
            plain(account.role),
            plain(account.full_name),
            plain(", ".join(ways) or "nothing"),
            plain("disabled" if account.disabled else "", style="bold red"),
        )
    console().print(table)


def print_entries(entries: Sequence[AuditEntry]) -> None:
    """A line for each entry."""
    if not entries:
        click.echo("Nothing is in the audit.")
        return
    table = Table()
    for title in ("", "Time (UTC)", "Actor", "Action", "Subject", "Detail"):
        table.add_column(title, overflow="fold")
    for entry in entries:
        detail = ", ".join(f"{name} {value}" for name, value in entry.detail.items())
        cells = (str(entry.sequence), _time(entry.time_s), entry.actor, entry.action, entry.subject, detail)
        table.add_row(*(plain(cell) for cell in cells))
    console().print(table)


def print_entries_as_json(entries: Sequence[AuditEntry]) -> None:
    """One JSON object a line, with all that the digest is over."""
    for entry in entries:
        click.echo(json.dumps(asdict(entry)))


def _end(token: TokenInfo) -> str:
    return "it is revoked" if token.expires_s is None else f"{datetime.fromtimestamp(token.expires_s, UTC):%Y-%m-%d}"


def _time(time_s: float) -> str:
    return f"{datetime.fromtimestamp(time_s, UTC):%Y-%m-%d %H:%M:%S}"
