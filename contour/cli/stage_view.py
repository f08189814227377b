"""Progress of a job on the terminal: a moving bar for people, one line per stage for logs."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Protocol, Self

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from contour.progress import STAGES


class StageView(Protocol):
    """A `contour.progress.Progress` that is opened before the work and closed after it."""

    def __call__(self, stage: str, fraction: float) -> None:
        """Show that this fraction of the stage is done."""

    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


def stage_view() -> StageView:
    """Bars where stderr is a terminal, plain lines elsewhere; stdout is left to the result."""
    return BarStages() if sys.stderr.isatty() else PlainStages()


class PlainStages:
    """One line when a stage is done, with its seconds."""

    def __init__(self) -> None:
        self._started_s: dict[str, float] = {}
        self._done: set[str] = set()

    def __call__(self, stage: str, fraction: float) -> None:
        """Note when a stage begins; print it when it ends."""
        now_s = time.perf_counter()
        started_s = self._started_s.setdefault(stage, now_s)
        if fraction >= 1.0 and stage not in self._done:
            self._done.add(stage)
            click.echo(f"{stage:<10}{now_s - started_s:7.1f} s", err=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None


class BarStages:
    """One bar per stage, appearing as the stage begins."""

    def __init__(self) -> None:
        self._tasks: dict[str, TaskID] = {}
        self._bars = Progress(
            TextColumn("{task.description:<10}"),
            BarColumn(bar_width=40),
            TextColumn("{task.percentage:>3.0f} %"),
            TimeElapsedColumn(),
            console=Console(stderr=True),
        )

    def __call__(self, stage: str, fraction: float) -> None:
        """Move the stage's bar."""
        if stage not in self._tasks:
            number = f"{STAGES.index(stage) + 1}/{len(STAGES)} " if stage in STAGES else ""
            self._tasks[stage] = self._bars.add_task(number + stage, total=1.0)
        self._bars.update(self._tasks[stage], completed=min(1.0, fraction))

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.stop()
