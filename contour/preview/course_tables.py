"""A watched course as CSV (RFC 4180): what a spreadsheet or a script reads."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

from contour.adaptation.watch.values import AXES, CourseWatch

Cell = str | int | float | None


def course_csv(watch: CourseWatch) -> tuple[tuple[str, bytes], ...]:
    """Names and bytes: fractions, shifts, volumes, margins, triggers."""
    return (
        ("fractions.csv", _fractions(watch)),
        ("shifts.csv", _shifts(watch)),
        ("volumes.csv", _volumes(watch)),
        ("margins.csv", _margins(watch)),
        ("triggers.csv", _triggers(watch)),
    )


def _fractions(watch: CourseWatch) -> bytes:
    rows = ((one.number, one.verdict, one.reason, one.days_since_plan, one.device) for one in watch.fractions)
    return _table(("fraction", "verdict", "reason", "days_since_plan", "device"), rows)


def _shifts(watch: CourseWatch) -> bytes:
    rows: list[tuple[Cell, ...]] = []
    for shift in (watch.setup, *watch.structures):
        for axis in shift.axes:
            limits = None if axis.chart is None else axis.chart.individuals
            for place, point in enumerate(axis.points):
                rows.append(
                    (
                        shift.what,
                        axis.axis,
                        point.fraction,
                        point.value,
                        axis.running_mean_mm[place],
                        axis.running_sd_mm[place],
                        None if limits is None else limits.lower,
                        None if limits is None else limits.upper,
                        None if axis.chart is None else axis.chart.ewma.points[place].value,
                    )
                )
    titles = ("what", "axis", "fraction", "shift_mm", "mean_mm", "sd_mm", "lower_mm", "upper_mm", "ewma_mm")
    return _table(titles, rows)


def _volumes(watch: CourseWatch) -> bytes:
    rows = (
        (one.name, point.fraction, day, point.value)
        for one in watch.volumes
        for point, day in zip(one.points, one.days_since_plan, strict=True)
    )
    return _table(("structure", "fraction", "days_since_plan", "change_percent"), rows)


def _margins(watch: CourseWatch) -> bytes:
    rows: list[tuple[Cell, ...]] = []
    for margin in watch.margins:
        forecasts = {one.axis: one for one in margin.forecasts}
        for n, axis in enumerate(AXES):
            one = forecasts.get(axis)
            rows.append(
                (
                    margin.target,
                    axis,
                    None if margin.planned_xyz_mm is None else margin.planned_xyz_mm[n],
                    None if margin.needed_xyz_mm is None else margin.needed_xyz_mm[n],
                    margin.prior_courses,
                    None if one is None else one.exceeded_at,
                    None if one is None else one.earliest,
                    None if one is None else one.latest,
                )
            )
    titles = ("target", "axis", "planned_mm", "needed_mm", "prior_courses", "exceeded_at", "earliest", "latest")
    return _table(titles, rows)


def _triggers(watch: CourseWatch) -> bytes:
    rows = (
        (one.rule, one.level, one.since, one.structure, one.axis, one.figure, one.limit, one.evidence)
        for one in watch.triggers
    )
    return _table(("rule", "level", "since", "structure", "axis", "figure", "limit", "evidence"), rows)


def _table(titles: Sequence[str], rows: Iterable[Sequence[Cell]]) -> bytes:
    stream = io.StringIO(newline="")
    writer = csv.writer(stream, lineterminator="\r\n")
    writer.writerow(titles)
    for row in rows:
        writer.writerow([_cell(value) for value in row])
    return stream.getvalue().encode("utf-8")


def _cell(value: Cell) -> str:
    """Text that a spreadsheet would take for a formula is led by an apostrophe; numbers stay numbers."""
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.4f}"
    text = str(value)
    return f"'{text}" if isinstance(value, str) and text[:1] in ("=", "+", "-", "@", "\t", "\r") else text
