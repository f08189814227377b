"""`contour user`: who may sign in, with what role, and the tokens of planning systems."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from contour.cli.people_options import open_place, place_of_data

_ROLES = ("dosimetrist", "physicist", "physician", "service", "administrator")

_role = click.option(
    "--role",
    required=True,
    type=click.Choice(_ROLES),
    help="physicist and physician approve; service is a planning system; administrator sees and edits no contours.",
)
_from_stdin = click.option("--password-stdin", is_flag=True, help="Read the password from stdin's first line.")


@click.group(no_args_is_help=True, short_help="Accounts and tokens: who may do what on a server.")
def user() -> None:
    """Accounts of the server whose data folder or configuration is given; it may be running meanwhile.

    Every change is written into the audit as done by '(console)'.
    """


@user.command(short_help="Make an account.")
@click.argument("name")
@_role
@click.option("--full-name", default="", help="As it stands in an approved structure set.")
@click.option("--certificate", metavar="CN", default=None, help="Common name of the client certificate it comes with.")
@_from_stdin
@click.option("--no-password", is_flag=True, help="No password: it comes with a token or a certificate alone.")
@place_of_data
def add(
    *,
    name: str,
    role: str,
    full_name: str,
    certificate: str | None,
    password_stdin: bool,
    no_password: bool,
    file: Path | None,
    data: Path | None,
) -> None:
    """Make the account NAME. The password is asked for twice, unless it comes from stdin or there is to be none."""
    if password_stdin and no_password:
        raise click.UsageError("--password-stdin and --no-password exclude each other")
    from contour.store.roles import Role

    with open_place(file, data, create=True) as people:
        password = None if no_password else _new_password(from_stdin=password_stdin)
        made = people.accounts.create(name, Role(role), password, full_name=full_name, certificate_name=certificate)
        click.echo(f"Account {made.name}: {made.role}")


@user.command(name="list", short_help="List the accounts and their tokens.")
@place_of_data
def list_users(*, file: Path | None, data: Path | None) -> None:
    """List the accounts, what each comes with, and the ids of the tokens that are valid."""
    import time

    from contour.cli.people_table import print_accounts

    with open_place(file, data) as people:
        accounts = people.accounts.listing()
        print_accounts([(each, people.accounts.tokens(each.name)) for each in accounts], now_s=time.time())


@user.command(short_help="Give an account another password.")
@click.argument("name")
@_from_stdin
@place_of_data
def password(*, name: str, password_stdin: bool, file: Path | None, data: Path | None) -> None:
    """Give the account NAME another password; whoever is signed in with the old one no longer is."""
    with open_place(file, data) as people:
        people.accounts.get(name)
        people.accounts.set_password(name, _new_password(from_stdin=password_stdin))
        click.echo(f"Account {name} has a new password")


@user.command(short_help="Give an account another role.")
@click.argument("name")
@_role
@place_of_data
def role(*, name: str, role: str, file: Path | None, data: Path | None) -> None:
    """Give the account NAME another role, from its next request on."""
    from contour.store.roles import Role

    with open_place(file, data) as people:
        people.accounts.set_role(name, Role(role))
        click.echo(f"Account {name}: {role}")


@user.command(short_help="Shut an account out.")
@click.argument("name")
@place_of_data
def disable(*, name: str, file: Path | None, data: Path | None) -> None:
    """Refuse whatever comes in the name of the account NAME, from now on."""
    with open_place(file, data) as people:
        people.accounts.disable(name)
        click.echo(f"Account {name} is disabled")


@user.command(short_help="Let an account in again.")
@click.argument("name")
@place_of_data
def enable(*, name: str, file: Path | None, data: Path | None) -> None:
    """Take 'contour user disable NAME' back."""
    with open_place(file, data) as people:
        people.accounts.enable(name)
        click.echo(f"Account {name} is enabled")


@user.command(short_help="Make a bearer token; it is shown once.")
@click.argument("name")
@click.option("--days", default=365, show_default=True, type=click.IntRange(1, 3650), help="How long it is good for.")
@place_of_data
def token(*, name: str, days: int, file: Path | None, data: Path | None) -> None:
    """Make a token of the account NAME, for gRPC. It is printed to stdout this once and kept nowhere."""
    with open_place(file, data) as people:
        click.echo(people.accounts.make_token(name, days))


@user.command(short_help="Make a token good for nothing.")
@click.argument("token_id")
@place_of_data
def revoke(*, token_id: str, file: Path | None, data: Path | None) -> None:
    """Revoke the token with the id TOKEN_ID, the part between 'ct_' and the next underscore."""
    with open_place(file, data) as people:
        people.accounts.revoke_token(token_id)
        click.echo("The token is revoked")


def _new_password(*, from_stdin: bool) -> str:
    if from_stdin:
        line = sys.stdin.readline()
        return line.removesuffix("\n").removesuffix("\r")
    if not sys.stdin.isatty():
        raise click.UsageError("found no terminal to ask for a password; expected --password-stdin or --no-password")
    return str(click.prompt("Password", hide_input=True, confirmation_prompt="The same again", err=True))
