"""The closing tables of a course."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table

from contour.cli.daily_table import STYLES, number
from contour.cli.tables import console, plain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from contour.adaptation.course_history import FractionSummary
    from contour.adaptation.course_report import CourseReport
    from contour.adaptation.dose_today import DoseRow
    from contour.adaptation.watch.values import CourseWatch
    from contour.v1 import adaptation_pb2


def print_course(report: CourseReport) -> None:
    """A row per fraction, what is missing, each lesion at the last fraction, and the dose delivered so far."""
    out = console()
    out.print(_fractions(report.fractions))
    if report.missing_fractions:
        out.print(plain(f"missing: fractions {_listed(report.missing_fractions)}", "yellow"))
    last = {day.target: day for day in report.lesions}
    for day in last.values():
        for lesion in day.lesions:
            out.print(plain(f"{lesion.lesion} of {day.target}, fraction {day.fraction}: {lesion.fate}"))
    if report.dose is not None:
        if report.dose.missing_fractions:
            out.print(plain(f"not in the dose: fractions {_listed(report.dose.missing_fractions)}", "yellow"))
        share = f"{len(report.dose.delivered_fractions)} of {report.dose.planned_fractions} fractions"
        out.print(_dose(report.dose.rows, share))


def _fractions(rows: tuple[FractionSummary, ...]) -> Table:
    table = Table()
    table.add_column("Fraction", justify="right")
    table.add_column("Verdict")
    titles = ("Set-up mm", "Most moved mm", "Most shrunk %", "Beyond PTV mm", "In PTV %", "Error mm")
    for title in titles:
        table.add_column(title, justify="right")
    for row in rows:
        table.add_row(
            str(row.number),
            plain(row.verdict if not row.reason else f"{row.verdict} {row.reason}", STYLES[row.verdict]),
            number(row.shift_mm, ".1f"),
            plain(f"{row.most_moved} {number(row.most_moved_mm, '.1f')}".strip()),
            plain(f"{row.most_shrunk} {number(row.most_shrunk_percent, '+.0f')}".strip()),
            plain(f"{row.target} {number(row.excursion_mm, '+.1f')}".strip()),
            number(row.coverage_percent, ".1f"),
            number(row.expected_error_mm, ".1f"),
        )
    return table


def _dose(rows: tuple[DoseRow, ...], share: str) -> Table:
    table = Table(title=f"Dose delivered in {share}, Gy, and its difference to as much of the plan")
    table.add_column("Structure")
    for title in ("D98", "D95", "D50", "D2", "Mean"):
        table.add_column(title, justify="right")
    for row in rows:
        if row.accumulated is None or row.accumulated_less_plan is None:
            continue
        had, less = row.accumulated, row.accumulated_less_plan
        pairs = (
            (had.d98_gy, less.d98_gy),
            (had.d95_gy, less.d95_gy),
            (had.d50_gy, less.d50_gy),
            (had.d2_gy, less.d2_gy),
            (had.mean_gy, less.mean_gy),
        )
        table.add_row(plain(row.name), *(f"{gy:.1f} ({change:+.1f})" for gy, change in pairs))
    return table


def _listed(numbers: tuple[int, ...]) -> str:
    return ", ".join(str(one) for one in numbers)


_ATTENTION_STYLES = {"ok": "green", "watch": "yellow", "replan": "red"}


def print_watch(watch: CourseWatch) -> None:
    """What a watched course asks for, what moved, and every rule that holds."""
    out = console()
    out.print(plain(f"{watch.attention.upper()}: {watch.summary}", _ATTENTION_STYLES[watch.attention]))
    for source in watch.sources:
        since = "" if source.since is None else f" since fraction {source.since}"
        out.print(plain(f"{source.source}: {source.state}{since}; {source.evidence}"))
    if watch.triggers:
        table = Table()
        for title in ("Rule", "Level", "Since", "Evidence"):
            table.add_column(title)
        for one in watch.triggers:
            table.add_row(one.rule, plain(one.level, _ATTENTION_STYLES[one.level]), str(one.since), plain(one.evidence))
        out.print(table)


def print_courses(courses: Sequence[adaptation_pb2.Course]) -> None:
    """A row per course as a server lists them."""
    names = {1: "ok", 2: "watch", 3: "replan"}
    table = Table()
    for title in ("Course", "Label", "Site", "Asks for", "What moved", "Evidence"):
        table.add_column(title)
    for course in courses:
        attention = names.get(course.watch.attention, "")
        moved = ", ".join(source.source for source in course.watch.sources if source.state == _MOVED)
        evidence = course.watch.triggers[0].evidence if course.watch.triggers else course.watch.summary
        table.add_row(
            course.course_id,
            plain(course.label),
            course.site,
            plain(attention, _ATTENTION_STYLES.get(attention, "")),
            moved,
            plain(evidence),
        )
    console().print(table)


_MOVED = 2
