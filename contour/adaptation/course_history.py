"""A course: its fractions by number, whatever the order in which they arrive, and one line about each.

A fraction is known by its daily series. The same series again is the same fraction, never a new one; done again, it
takes the place of what was there. A number that another series holds is only given away where that is asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Literal

from contour.adaptation.fraction_report import FractionReport, StructureRow
from contour.adaptation.lesion_history import lesion_histories
from contour.adaptation.lesions import LesionHistory
from contour.adaptation.limits import Verdict
from contour.errors import InputError
from registration.grid import Triple

Arrival = Literal["new", "again", "replaced"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CourseFraction:
    """One fraction of a course: its number from 1, its daily series and what was found."""

    number: int
    daily_series_uid: str
    report: FractionReport

    def __post_init__(self) -> None:
        if self.number < 1:
            raise InputError(f"fraction {self.number}; expected 1 or more", reason="BAD_FRACTION")


@dataclass(frozen=True, slots=True, kw_only=True)
class CourseHistory:
    """A course: fractions in order of their numbers.

    Args:
        plan_series_uid: The plan CT's series, which every fraction is measured against.
        planned_fractions: How many there are to be; None where unknown.
        fractions: Those that came.

    Raises:
        InputError: two fractions of one number or of one series (BAD_FRACTION).
    """

    plan_series_uid: str
    planned_fractions: int | None = None
    fractions: tuple[CourseFraction, ...] = ()

    def __post_init__(self) -> None:
        numbers = [fraction.number for fraction in self.fractions]
        series = {fraction.daily_series_uid for fraction in self.fractions}
        if numbers != sorted(set(numbers)) or len(series) != len(numbers):
            raise InputError("a course holds each number and each series once, in order", reason="BAD_FRACTION")

    @property
    def missing(self) -> tuple[int, ...]:
        """Numbers before the last fraction that did not come."""
        there = {fraction.number for fraction in self.fractions}
        return tuple(number for number in range(1, max(there, default=0)) if number not in there)

    def of_number(self, number: int) -> CourseFraction | None:
        """The fraction of a number, None where it did not come."""
        return next((fraction for fraction in self.fractions if fraction.number == number), None)

    def of_series(self, daily_series_uid: str) -> CourseFraction | None:
        """The fraction of a daily series, None where it did not come."""
        return next((fraction for fraction in self.fractions if fraction.daily_series_uid == daily_series_uid), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class FractionSummary:
    """A fraction's line in the course's table; None where there is nothing to tell.

    Args:
        number: From 1.
        label: What a site calls it.
        verdict: PASS, LOOK or REFUSE.
        reason: Code of the gravest reason; "" where there is none.
        shift_xyz_mm: Set-up: (LR, AP, SI).
        shift_mm: Its length.
        largest_turn_deg: Of pitch, yaw and roll, without sign.
        most_moved: The structure whose centroid moved most after set-up.
        most_moved_mm: By how much.
        most_shrunk: The structure that lost the largest share of its volume.
        most_shrunk_percent: Its volume change, negative for a loss.
        target: The target that leaves its PTV most.
        excursion_mm: How far; negative where it stays inside.
        coverage_percent: The least share of any target inside its PTV.
        expected_error_mm: The largest of any structure.
    """

    number: int
    label: str
    verdict: Verdict
    reason: str
    shift_xyz_mm: Triple | None = None
    shift_mm: float | None = None
    largest_turn_deg: float | None = None
    most_moved: str = ""
    most_moved_mm: float | None = None
    most_shrunk: str = ""
    most_shrunk_percent: float | None = None
    target: str = ""
    excursion_mm: float | None = None
    coverage_percent: float | None = None
    expected_error_mm: float | None = None


def number_for(history: CourseHistory, daily_series_uid: str, wanted: int | None = None) -> int:
    """Which fraction a daily series is: the one it already is, the one wanted, or the next after the last.

    Raises:
        InputError: the series is another fraction than the one wanted, or its number is no number (FRACTION_CONFLICT).
    """
    held = history.of_series(daily_series_uid)
    if held is not None:
        if wanted is not None and wanted != held.number:
            raise InputError(
                f"this daily series is fraction {held.number} already; expected it to be {wanted}",
                reason="FRACTION_CONFLICT",
            )
        return held.number
    if wanted is None:
        return max((fraction.number for fraction in history.fractions), default=0) + 1
    if wanted < 1 or (history.planned_fractions is not None and wanted > history.planned_fractions):
        most = "" if history.planned_fractions is None else f" to {history.planned_fractions}"
        raise InputError(f"fraction {wanted}; expected 1{most or ' or more'}", reason="FRACTION_CONFLICT")
    return wanted


def with_fraction(
    history: CourseHistory, fraction: CourseFraction, *, give_away_number: bool = False
) -> tuple[CourseHistory, Arrival]:
    """The course with one more fraction, or with one done again.

    Args:
        history: The course so far.
        fraction: What came.
        give_away_number: Let it take the place of another series that holds its number: the patient was scanned anew.

    Returns:
        The course, and whether the fraction is new, came again with the same result, or replaced what was there.

    Raises:
        InputError: its report is of another plan (OTHER_PLAN), its series is another fraction already, or its number is
            another series' (FRACTION_CONFLICT).
    """
    if fraction.report.plan_series_uid != history.plan_series_uid:
        raise InputError("the fraction was measured against another plan than the course's", reason="OTHER_PLAN")
    number_for(history, fraction.daily_series_uid, fraction.number)
    held = history.of_number(fraction.number)
    if held == fraction:
        return history, "again"
    if held is not None and held.daily_series_uid != fraction.daily_series_uid and not give_away_number:
        raise InputError(f"fraction {fraction.number} is another daily series already", reason="FRACTION_CONFLICT")
    others = [other for other in history.fractions if other.number != fraction.number]
    ordered = tuple(sorted([*others, fraction], key=lambda entry: entry.number))
    return replace(history, fractions=ordered), "new" if held is None else "replaced"


def lesions_of(history: CourseHistory) -> tuple[LesionHistory, ...]:
    """Each target's lesions over the course, with one identity from fraction to fraction.

    Raises:
        InputError: two fractions name different lesions in the plan (UNKNOWN_LESION).
    """
    return lesion_histories(
        (fraction.number, kept) for fraction in history.fractions for kept in fraction.report.lesion_parts
    )


def summary_rows(history: CourseHistory) -> tuple[FractionSummary, ...]:
    """The course's table, one line per fraction, in order."""
    return tuple(summarise(fraction) for fraction in history.fractions)


def summarise(fraction: CourseFraction) -> FractionSummary:
    """One fraction's line: the worst of each."""
    report = fraction.report
    rows = report.structures
    moved = _largest(rows, lambda row: row.drift.shift_mm)
    shrunk = _largest(rows, lambda row: _negated(row.drift.volume_change_percent))
    out = _largest(rows, lambda row: None if row.drift.margin is None else row.drift.margin.excursion_today_mm)
    covered = [row.drift.margin.inside_today_percent for row in rows if row.drift.margin is not None]
    errors = [row.trust.expected_error_mm for row in rows if row.trust.expected_error_mm is not None]
    return FractionSummary(
        number=fraction.number,
        label=report.label,
        verdict=report.verdict,
        reason=report.reasons[0].reason if report.reasons else "",
        shift_xyz_mm=None if report.setup is None else report.setup.shift_xyz_mm,
        shift_mm=None if report.setup is None else report.setup.vector_mm,
        largest_turn_deg=None if report.setup is None else report.setup.largest_turn_deg,
        most_moved="" if moved is None else moved[0],
        most_moved_mm=None if moved is None else moved[1],
        most_shrunk="" if shrunk is None else shrunk[0],
        most_shrunk_percent=None if shrunk is None else -shrunk[1],
        target="" if out is None else out[0],
        excursion_mm=None if out is None else out[1],
        coverage_percent=min(covered, default=None),
        expected_error_mm=max(errors, default=None),
    )


def _largest(rows: Iterable[StructureRow], figure: Callable[[StructureRow], float | None]) -> tuple[str, float] | None:
    """The structure with the largest figure, and that figure; None where no structure has one."""
    found = [(row.drift.name, value) for row in rows if (value := figure(row)) is not None]
    return max(found, key=lambda entry: entry[1], default=None)


def _negated(value: float | None) -> float | None:
    return None if value is None else -value
