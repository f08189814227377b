"""Tables on stdout, as people read them."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from contour.cli.planned import Planned

_PLAIN_WIDTH = 120
"""Columns where stdout is no terminal: wide enough that no cell is broken."""


def console() -> Console:
    """Stdout: the terminal's width, or a fixed one in a pipe or log."""
    return Console() if sys.stdout.isatty() else Console(width=_PLAIN_WIDTH)


def print_plan(done: Planned) -> None:
    """Warnings, stage seconds and the structures with volume, slices and seconds."""
    out = console()
    for warning in done.warnings:
        out.print(Text(f"warning: {warning}", style="yellow"))
    out.print("  ".join(f"{stage} {seconds:.1f} s" for stage, seconds in done.stage_seconds), style="dim")
    table = Table()
    table.add_column("Structure")
    table.add_column("Volume (ml)", justify="right")
    table.add_column("Slices", justify="right")
    table.add_column("Seconds", justify="right")
    for row in done.rows:
        table.add_row(Text(row.name), f"{row.volume_ml:.2f}", str(row.slices), f"{row.seconds:.2f}")
    out.print(table)
