"""The closing table of a fraction."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table

from contour.adaptation.dose_today import DoseRow
from contour.adaptation.fraction_report import StructureRow
from contour.cli.tables import console, plain
from contour.preview.fraction_text import setup_line

if TYPE_CHECKING:
    from contour.cli.daily_local import DailyDone

STYLES = {"PASS": "green", "LOOK": "yellow", "REFUSE": "bold red"}


def print_fraction(done: DailyDone) -> None:
    """Warnings, reasons, seconds, set-up, a row per structure, lesions and dose."""
    out = console()
    for warning in done.warnings:
        out.print(plain(f"warning: {warning}", "yellow"))
    for reason in done.report.reasons:
        out.print(plain(str(reason), "yellow"))
    out.print("  ".join(f"{stage} {s:.1f} s" for stage, s in done.stage_seconds), style="dim", highlight=False)
    if done.report.setup is not None:
        out.print(plain(" ".join(setup_line(done.report.setup).split())), highlight=False)
    if done.report.structures:
        out.print(_structures(done.report.structures))
    for lesion in done.report.lesions:
        out.print(plain(f"{lesion.lesion} of {lesion.target}: {lesion.fate}"), highlight=False)
    if done.report.dose is not None:
        out.print(_dose(done.report.dose.rows))


def _structures(rows: tuple[StructureRow, ...]) -> Table:
    table = Table()
    table.add_column("Structure")
    table.add_column("Verdict")
    for title in ("Error mm", "LR AP SI mm", "Volume %", "Dice", "HD95 mm", "In PTV %", "Beyond mm"):
        table.add_column(title, justify="right")
    for row in rows:
        drift, trust = row.drift, row.trust
        margin = drift.margin
        table.add_row(
            plain(drift.name),
            plain(trust.verdict, STYLES[trust.verdict]),
            number(trust.expected_error_mm, ".1f"),
            "" if drift.shift_xyz_mm is None else " ".join(f"{v:+.1f}" for v in drift.shift_xyz_mm),
            "cut off" if drift.volume_change_percent is None else f"{drift.volume_change_percent:+.1f}",
            number(drift.dice, ".2f"),
            number(drift.hd95_mm, ".1f"),
            "" if margin is None else f"{margin.inside_today_percent:.1f}",
            "" if margin is None else f"{margin.excursion_today_mm:+.1f}",
        )
    return table


def _dose(rows: tuple[DoseRow, ...]) -> Table:
    table = Table(title="Dose in Gy, plan and today")
    table.add_column("Structure")
    for title in ("D98", "D95", "D50", "D2", "Mean"):
        table.add_column(title, justify="right")
    for row in rows:
        if row.plan is None or row.today is None:
            continue
        pairs = (
            (row.plan.d98_gy, row.today.d98_gy),
            (row.plan.d95_gy, row.today.d95_gy),
            (row.plan.d50_gy, row.today.d50_gy),
            (row.plan.d2_gy, row.today.d2_gy),
            (row.plan.mean_gy, row.today.mean_gy),
        )
        table.add_row(plain(row.name), *(f"{planned:.1f} > {today:.1f}" for planned, today in pairs))
    return table


def number(value: float | None, form: str) -> str:
    """The value in a format; nothing for None."""
    return "" if value is None else format(value, form)
