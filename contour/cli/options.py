"""Options that several commands share, and how their words are read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

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
