"""Where accounts and audit are: the options for it, and how they are opened."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from contour.store.people import People

Command = TypeVar("Command", bound=Callable[..., Any])


def place_of_data(command: Command) -> Command:
    """Adds `--data DIR` and `--config FILE`, as `contour serve` has them."""
    command = click.option(
        "--data",
        default=None,
        type=click.Path(file_okay=False, path_type=Path),
        help="The server's data folder; goes before the configuration file.",
    )(command)
    return click.option(
        "--config",
        "file",
        default=None,
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help="The server's configuration, TOML.",
    )(command)


def open_place(file: Path | None, data: Path | None, *, create: bool = False) -> People:
    """Accounts and audit where the options say; a server may be running there.

    Raises:
        ConfigError: as `contour.config.load_config` and `contour.store.people.open_people`.
    """
    import time

    from contour.config import load_config
    from contour.store.people import open_people

    config = load_config(file)
    return open_people(data or config.data, config.database_url, clock_s=time.time, create=create)
