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


def stage_view(stages: tuple[str, ...] = STAGES) -> StageView:
    """Bars where stderr is a terminal, plain lines elsewhere; stdout is left to the result."""
    return BarStages(stages) if sys.stderr.isatty() else PlainStages()


class PlainStages:
    """One line when a stage is done, with its seconds. A stage is done when it says so or when the next begins."""

    def __init__(self) -> None:
        self._stage = ""
        self._started_s = 0.0
        self._running = False

    def __call__(self, stage: str, fraction: float) -> None:
        """Note when a stage begins; print it when it ends."""
        if stage != self._stage:
            self._end()
            self._stage, self._started_s, self._running = stage, time.perf_counter(), True
        if fraction >= 1.0:
            self._end()

    def _end(self) -> None:
        if self._running:
            self._running = False
            click.echo(f"{self._stage:<10}{time.perf_counter() - self._started_s:7.1f} s", err=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self._end()


class BarStages:
    """One bar per stage, appearing as the stage begins."""

    def __init__(self, stages: tuple[str, ...] = STAGES) -> None:
        self._stages = stages
        self._tasks: dict[str, TaskID] = {}
        self._bars = Progress(
            TextColumn("{task.description:<17}"),
            BarColumn(bar_width=40),
            TextColumn("{task.percentage:>3.0f} %"),
            TimeElapsedColumn(),
            console=Console(stderr=True),
        )

    def __call__(self, stage: str, fraction: float) -> None:
        """Move the stage's bar; those before it are done."""
        if stage not in self._tasks:
            self._fill()
            known = stage in self._stages
            number = f"{self._stages.index(stage) + 1}/{len(self._stages)} " if known else ""
            self._tasks[stage] = self._bars.add_task(number + stage, total=1.0)
        self._bars.update(self._tasks[stage], completed=min(1.0, fraction))

    def _fill(self) -> None:
        for task in self._tasks.values():
            self._bars.update(task, completed=1.0)

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self._fill()
        self._bars.stop()
