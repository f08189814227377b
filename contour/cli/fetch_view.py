"""A bar for bytes on their way, on stderr; nothing where stderr is not a terminal."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn


@contextlib.contextmanager
def fetch_view() -> Iterator[Callable[[int, int | None], None]]:
    """Gives what to call with the bytes that are there and the bytes of all, None where the server does not say."""
    if not sys.stderr.isatty():
        yield lambda done, size: None
        return
    bar = Progress(
        TextColumn("fetch"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
    )
    with bar:
        task = bar.add_task("fetch", total=None)
        yield lambda done, size: bar.update(task, completed=done, total=size)
