"""`contour audit`: who did what, and whether anybody changed the record of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from contour.cli.people_options import open_place, place_of_data

if TYPE_CHECKING:
    from contour.store.audit_chain import AuditEntry


@click.group(no_args_is_help=True, short_help="The audit: list it, and check that nobody changed it.")
def audit() -> None:
    """The audit of the server whose data folder or configuration is given; it may be running meanwhile."""


@audit.command(short_help="Check that nobody changed the audit.")
@click.option(
    "--head",
    metavar="DIGEST",
    default="",
    help="A digest that an earlier check printed: is it still there, that is, was nothing cut off since?",
)
@place_of_data
def verify(*, head: str, file: Path | None, data: Path | None) -> None:
    """Check the whole chain; ends with 1 and one line where an entry was changed, taken out, moved or put in.

    The last line is the digest of the last entry. Keep it elsewhere and give it to the next check as --head: only so
    does it show when entries are cut off the end, or when all were made anew.
    """
    from contour.errors import UntrustworthyResultError

    if head and (len(head) != 64 or set(head) - set("0123456789abcdef")):
        raise click.UsageError(f"--head has {len(head)} characters; expected the 64 hexadecimal digits of a digest")
    with open_place(file, data) as people:
        found = people.audit.verify(head=head)
    if not found.is_intact:
        raise UntrustworthyResultError(f"{found.why}; {found.entries} entries are in order", reason="AUDIT_BROKEN")
    click.echo(f"Audit intact: {found.entries} entries")
    click.echo(f"Head: {found.head}")


@audit.command(name="list", short_help="List who did what, newest first.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line, with the digests.")
@click.option("--actor", default="", help="Only what this account did.")
@click.option("--subject", default="", help="Only what was done to this id or account.")
@click.option("--most", default=50, show_default=True, type=click.IntRange(min=1), help="How many.")
@place_of_data
def list_entries(*, as_json: bool, actor: str, subject: str, most: int, file: Path | None, data: Path | None) -> None:
    """List the newest entries: when, who, what, to what."""
    from contour.cli.people_table import print_entries, print_entries_as_json

    with open_place(file, data) as people:
        entries: list[AuditEntry] = []
        token = ""
        while len(entries) < most:
            page = people.audit.listing(
                actor=actor, subject=subject, page_size=min(most - len(entries), 200), page_token=token
            )
            entries.extend(page.items)
            token = page.next_token
            if not token:
                break
    (print_entries_as_json if as_json else print_entries)(entries)
