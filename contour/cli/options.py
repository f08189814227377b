"""Options that several commands share, and how their words are read."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from contour.client import ContourClient

Command = TypeVar("Command", bound=Callable[..., Any])


def names(context: click.Context, parameter: click.Parameter, value: str | None) -> tuple[str, ...] | None:
    """'A,B' as ('A', 'B'); None stays None."""
    if value is None:
        return None
    found = tuple(part.strip() for part in value.split(","))
    if not all(found):
        raise click.BadParameter(f"found {value!r}; expected names separated by single commas", context, parameter)
    return found


def address(context: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    """HOST:PORT, checked but not looked up; None stays None."""
    if value is None:
        return None
    host, _, port = value.rpartition(":")
    if not host or not port.isdecimal() or int(port) > 65535:
        raise click.BadParameter(f"found {value!r}; expected HOST:PORT", context, parameter)
    return value


def folder_of_models(command: Command) -> Command:
    """Adds `--models DIR`, the user's own model folder."""
    return click.option(
        "--models",
        "models_dir",
        default=None,
        envvar="CONTOUR_MODELS",
        type=click.Path(exists=True, file_okay=False, path_type=Path),
        help="Folder with more models, searched before the installed ones. [env: CONTOUR_MODELS]",
    )(command)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerOptions:
    """A server, and what it is shown and known by."""

    address: str
    token: str = field(default="", repr=False)
    ca_file: Path | None = None
    certificate: Path | None = None
    key: Path | None = None

    def connect(self, *, patience_s: float) -> ContourClient:
        """A client, to be closed.

        Raises:
            ConfigError: files or a token that cannot be used.
        """
        os.environ.setdefault("GRPC_VERBOSITY", "NONE")  # gRPC's core would write lines of its own to stderr
        from contour.client import ContourClient

        return ContourClient(
            self.address,
            token=self.token,
            ca_file=self.ca_file,
            certificate_file=self.certificate,
            key_file=self.key,
            patience_s=patience_s,
        )


_FILE = click.Path(dir_okay=False, path_type=Path)


def server_options(
    says: str = "A contour server that does the work.", *, required: bool = False
) -> Callable[[Command], Command]:
    """Adds `--server HOST:PORT` and how to get in; the command is given `server`, `ServerOptions` or None.

    The token comes from the environment or from a file, never from the command line, which others on this machine see.
    """

    def add(command: Command) -> Command:
        @functools.wraps(command)
        def given(
            *arguments: Any,
            server: str | None,
            token_file: Path | None,
            ca_file: Path | None,
            certificate: Path | None,
            key: Path | None,
            **others: Any,
        ) -> Any:
            found = None
            if server is not None:
                found = ServerOptions(
                    address=server, token=_token(token_file), ca_file=ca_file, certificate=certificate, key=key
                )
            return command(*arguments, server=found, **others)

        options = (
            click.option("--server", metavar="HOST:PORT", required=required, callback=address, help=says),
            click.option(
                "--token-file", default=None, type=_FILE, help="Holds the token of an account; else CONTOUR_TOKEN."
            ),
            click.option(
                "--ca-file",
                default=None,
                envvar="CONTOUR_CA_FILE",
                type=_FILE,
                help="PEM that the server's certificate is checked by; encrypts. [env: CONTOUR_CA_FILE]",
            ),
            click.option(
                "--certificate",
                default=None,
                envvar="CONTOUR_CERTIFICATE",
                type=_FILE,
                help="PEM, for a server that asks for one. [env: CONTOUR_CERTIFICATE]",
            ),
            click.option(
                "--key", default=None, envvar="CONTOUR_KEY", type=_FILE, help="PEM, its key. [env: CONTOUR_KEY]"
            ),
        )
        for option in reversed(options):
            given = option(given)
        return given  # type: ignore[return-value]

    return add


def _token(file: Path | None) -> str:
    if file is None:
        return os.environ.get("CONTOUR_TOKEN", "").strip()
    try:
        return file.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        raise click.UsageError("the token file cannot be read; expected a file with one word, ct_...") from None
