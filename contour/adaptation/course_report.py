"""What is told of a course: the value tree of `course.json`.

Fractions in order of their numbers, each structure's figures over them, each lesion's fate, and the dose delivered so
far. Nothing in it depends on when it was made.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from contour.adaptation.course_history import CourseHistory, FractionSummary, lesions_of, summary_rows
from contour.adaptation.dose_today import DoseComparison
from contour.adaptation.lesion_history import lesions_by_fraction
from contour.adaptation.lesions import LesionToday
from contour.adaptation.limits import Verdict
from contour.adaptation.value_json import value_to_json
from registration.grid import Triple

SCHEMA_VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class TrendPoint:
    """One structure at one fraction; None where a figure has no meaning.

    Args:
        fraction: Number, from 1.
        verdict: Of the carried contour.
        expected_error_mm: Of its surface.
        volume_change_percent: Against the plan.
        shift_xyz_mm: Of the centroid after set-up: (LR, AP, SI).
        dice: Overlap with the plan's.
        hd95_mm: Distance from the plan's.
        inside_ptv_percent: Of a target that has a PTV.
        excursion_mm: How far it leaves its PTV; negative where it stays inside.
    """

    fraction: int
    verdict: Verdict
    expected_error_mm: float | None
    volume_change_percent: float | None
    shift_xyz_mm: Triple | None
    dice: float | None
    hd95_mm: float | None
    inside_ptv_percent: float | None
    excursion_mm: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StructureTrend:
    """One structure over the course."""

    name: str
    points: tuple[TrendPoint, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LesionDay:
    """A target's lesions at one fraction."""

    target: str
    fraction: int
    lesions: tuple[LesionToday, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CourseReport:
    """A course against its plan.

    Args:
        plan_series_uid: The plan CT's series.
        planned_fractions: None where unknown.
        fractions: One line each.
        missing_fractions: Numbers before the last one that did not come.
        structures: In the order in which they first appear.
        lesions: By target and fraction.
        dose: Delivered so far, on the plan's anatomy; None where the fractions hold no dose.
        schema_version: Of this tree.
    """

    plan_series_uid: str
    planned_fractions: int | None
    fractions: tuple[FractionSummary, ...]
    missing_fractions: tuple[int, ...]
    structures: tuple[StructureTrend, ...]
    lesions: tuple[LesionDay, ...]
    dose: DoseComparison | None = None
    schema_version: int = SCHEMA_VERSION


def course_report(history: CourseHistory, dose: DoseComparison | None) -> CourseReport:
    """The report of a course.

    Raises:
        InputError: two fractions name different lesions in the plan (UNKNOWN_LESION).
    """
    return CourseReport(
        plan_series_uid=history.plan_series_uid,
        planned_fractions=history.planned_fractions,
        fractions=summary_rows(history),
        missing_fractions=history.missing,
        structures=_trends(history),
        lesions=tuple(
            LesionDay(target=one.target, fraction=fraction, lesions=found)
            for one in lesions_of(history)
            for fraction, found in lesions_by_fraction(one)
        ),
        dose=dose,
    )


def course_report_to_json(report: CourseReport) -> dict[str, Any]:
    """The report as plain JSON, decimals rounded by unit."""
    form: dict[str, Any] = value_to_json(report)
    return form


def _trends(history: CourseHistory) -> tuple[StructureTrend, ...]:
    points: dict[str, list[TrendPoint]] = {}
    for fraction in history.fractions:
        for row in fraction.report.structures:
            drift, margin = row.drift, row.drift.margin
            points.setdefault(drift.name, []).append(
                TrendPoint(
                    fraction=fraction.number,
                    verdict=row.trust.verdict,
                    expected_error_mm=row.trust.expected_error_mm,
                    volume_change_percent=drift.volume_change_percent,
                    shift_xyz_mm=drift.shift_xyz_mm,
                    dice=drift.dice,
                    hd95_mm=drift.hd95_mm,
                    inside_ptv_percent=None if margin is None else margin.inside_today_percent,
                    excursion_mm=None if margin is None else margin.excursion_today_mm,
                )
            )
    return tuple(StructureTrend(name=name, points=tuple(found)) for name, found in points.items())
