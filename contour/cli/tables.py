"""Tables on stdout, as people read them."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table
from rich.text import Text

from contour.config import DEFAULT_MODEL
from contour.errors import ModelError

if TYPE_CHECKING:
    from contour.cli.planned import Planned
    from contour.dicom.rtstruct_lint import LintFinding
    from contour.segmentation import ModelCard

_PLAIN_WIDTH = 120
"""Columns where stdout is no terminal: wide enough that no cell is broken."""


def console() -> Console:
    """Stdout: the terminal's width, or a fixed one in a pipe or log."""
    return Console() if sys.stdout.isatty() else Console(width=_PLAIN_WIDTH)


def plain(text: str, style: str = "") -> Text:
    """Text from outside as a cell: no markup, and nothing that moves a terminal's cursor or changes its colours."""
    return Text(
        "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text), style=style
    )


def print_plan(done: Planned) -> None:
    """Warnings, what clean-up took away, stage seconds and the structures with volume, slices and seconds."""
    out = console()
    for warning in done.warnings:
        out.print(plain(f"warning: {warning}", "yellow"))
    for one in done.removals:
        out.print(plain(f"clean-up: {one.structure}: {one.rule} took {one.parts} parts, {one.volume_ml:.2f} ml", "dim"))
    out.print(
        "  ".join(f"{stage} {seconds:.1f} s" for stage, seconds in done.stage_seconds), style="dim", highlight=False
    )
    table = Table()
    table.add_column("Structure")
    table.add_column("Volume (ml)", justify="right")
    table.add_column("Slices", justify="right")
    table.add_column("Seconds", justify="right")
    table.add_column("Predicted Dice", justify="right")
    table.add_column("")
    for row in done.rows:
        dice = "" if row.predicted_dice is None else f"{row.predicted_dice:.2f}"
        kind = f"must-look region of {row.look_of}" if row.look_of else "proposal from CT alone" if row.proposal else ""
        table.add_row(plain(row.name), f"{row.volume_ml:.2f}", str(row.slices), f"{row.seconds:.2f}", dice, plain(kind))
    out.print(table)


EXTERNAL = "External"
"""The one structure that no network contours."""


def print_damaged_model(name: str, error: ModelError) -> None:
    """Why a model that is installed can't be used."""
    console().print(plain(f"{name}: DAMAGED: {error}", style="bold red"))


def print_model(card: ModelCard) -> None:
    """Of a model whose files are intact: a heading, and Dice per structure on patients that it had not seen."""
    out = console()
    default = ", default" if card.name == DEFAULT_MODEL else ""
    size_mb = card.size_bytes / 1e6
    heading = f"{card.name} {card.version}{default}: {card.region}, {card.licence}, {size_mb:.1f} MB, files intact"
    out.print(plain(heading, style="bold"))
    measured = {row.structure: row for row in card.measured}
    table = Table()
    table.add_column("Structure")
    for title in ("Dice, mean", "Dice, worst", "Patients"):
        table.add_column(title, justify="right")
    for name in card.structures:
        row = measured.get(name)
        unmeasured = ("by rule" if name == EXTERNAL else "not measured", "", "")
        numbers = (f"{row.mean:.3f}", f"{row.worst:.3f}", str(row.patients)) if row else unmeasured
        table.add_row(plain(name), *numbers)
    out.print(table)


def print_findings(findings: Sequence[LintFinding]) -> None:
    """Errors first, then warnings, then the rest; a closing line with the counts."""
    out = console()
    order = ("error", "warning", "info")
    if findings:
        table = Table()
        for title in ("Severity", "Reason", "Structure", "Found"):
            table.add_column(title, overflow="fold")
        styles = {"error": "bold red", "warning": "yellow", "info": "dim"}
        for finding in sorted(findings, key=lambda each: order.index(each.severity)):
            table.add_row(
                plain(finding.severity, style=styles[finding.severity]),
                plain(finding.code),
                plain(finding.roi),
                plain(finding.message),
            )
        out.print(table)
    counts = [sum(finding.severity == severity for finding in findings) for severity in order]
    out.print(f"{counts[0]} errors, {counts[1]} warnings, {counts[2]} notes", highlight=False)
