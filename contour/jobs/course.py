"""A course summed up: what its fractions gave goes in; trends, lesions and the dose delivered so far come out."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from contour.adaptation.accumulate import AccumulatedDose, same_place, sum_fraction_doses
from contour.adaptation.course_history import CourseFraction, CourseHistory, with_fraction
from contour.adaptation.course_report import CourseReport, course_report, course_report_to_json
from contour.adaptation.dose_today import DoseComparison, compare_accumulated
from contour.adaptation.fraction_report import FractionReport
from contour.adaptation.watch.course import watch_course
from contour.adaptation.watch.rules import WatchRules
from contour.adaptation.watch.scanners import ScanObservation, scanner_source, watch_scanners
from contour.adaptation.watch.values import CourseWatch
from contour.dicom.ct_series import CtSeries
from contour.dicom.plan_structures import read_plan_structures
from contour.dicom.rtdose_reader import read_rtdose
from contour.dicom.rtdose_writer import RtDoseSettings, write_rtdose
from contour.errors import InputError
from contour.jobs.daily_values import AT_DOSES_GY

COURSE, DOSE_ACCUMULATED = "course.json", "dose_accumulated.dcm"


@dataclass(frozen=True, slots=True, kw_only=True)
class FractionGiven:
    """What a fraction gave: its report, and its dose on the plan where it has one."""

    report: FractionReport
    dose_on_plan: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanWithDose:
    """What the delivered dose is compared with."""

    ct: CtSeries
    structures: bytes = field(repr=False)
    dose: bytes = field(repr=False)


def sum_course(
    fractions: Sequence[FractionGiven],
    plan: PlanWithDose | None,
    *,
    now: datetime,
    uid_source: Callable[[], str],
) -> tuple[CourseReport, tuple[tuple[str, bytes], ...]]:
    """The course's report and its files: `course.json`, and with a plan `dose_accumulated.dcm`.

    Args:
        fractions: In any order. A refused one has no dose and is named as missing from the sum.
        plan: None where no dose is to be summed.
        now: Written as date and time.
        uid_source: Gives a new UID at each call.

    Raises:
        InputError: NO_FRACTIONS; NO_FRACTION_NUMBER; FRACTION_CONFLICT; OTHER_PLAN; NO_FRACTION_DOSE where a plan's
            dose is given and no fraction has one; what the readers raise.
    """
    history = _history(fractions)
    dose: DoseComparison | None = None
    files: tuple[tuple[str, bytes], ...] = ()
    if plan is not None:
        if plan.ct.series_instance_uid != history.plan_series_uid:
            raise InputError("the fractions were measured against another plan CT than this one", reason="OTHER_PLAN")
        dose, summed = _dose(fractions, history, plan)
        about = RtDoseSettings(
            now=now, uid_source=uid_source, summation="MULTI_PLAN", description="Dose delivered so far, on the plan"
        )
        files = ((DOSE_ACCUMULATED, write_rtdose(summed.dose, plan.ct, about)),)
    report = course_report(history, dose)
    text = json.dumps(course_report_to_json(report), indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    return report, ((COURSE, text.encode("utf-8")), *files)


def watch_fractions(
    fractions: Sequence[FractionGiven], *, site: str, rules: WatchRules, planned_fractions: int | None = None
) -> CourseWatch:
    """A course watched by its own fractions alone: without other courses there is no history of its site.

    Raises:
        InputError: NO_FRACTIONS; NO_FRACTION_NUMBER; FRACTION_CONFLICT; OTHER_PLAN.
    """
    history = _history(fractions)
    if planned_fractions is not None:
        history = replace(history, planned_fractions=planned_fractions)
    scans = [
        ScanObservation(device=one.report.scan.device, quality=one.report.scan.quality)
        for one in history.fractions
        if one.report.scan is not None
    ]
    scanner = scanner_source(watch_scanners(scans, rules), rules)
    return watch_course(history, site=site, rules=rules, beyond=(scanner,))


def _history(fractions: Sequence[FractionGiven]) -> CourseHistory:
    if not fractions:
        raise InputError("no fraction to sum up", reason="NO_FRACTIONS")
    planned = {
        one.report.dose.planned_fractions
        for one in fractions
        if one.report.dose is not None and one.report.dose.planned_fractions is not None
    }
    if len(planned) > 1:
        raise InputError(f"fractions of plans with {sorted(planned)} fractions", reason="OTHER_PLAN")
    history = CourseHistory(
        plan_series_uid=fractions[0].report.plan_series_uid, planned_fractions=next(iter(planned), None)
    )
    for one in fractions:
        if one.report.fraction is None:
            raise InputError("a fraction was worked out without its number", reason="NO_FRACTION_NUMBER")
        number = one.report.fraction
        if history.of_number(number) is not None:
            raise InputError(f"fraction {number} comes twice", reason="FRACTION_CONFLICT")
        entry = CourseFraction(number=number, daily_series_uid=one.report.daily_series_uid, report=one.report)
        history, _ = with_fraction(history, entry)
    return history


def _dose(
    fractions: Sequence[FractionGiven], history: CourseHistory, plan: PlanWithDose
) -> tuple[DoseComparison, AccumulatedDose]:
    doses = {
        one.report.fraction: read_rtdose(one.dose_on_plan).volume
        for one in fractions
        if one.dose_on_plan is not None and one.report.fraction is not None
    }
    if not doses or history.planned_fractions is None:
        raise InputError(
            "no fraction has its dose on the plan; work them out with the plan's dose and number of fractions",
            reason="NO_FRACTION_DOSE",
        )
    summed = sum_fraction_doses(doses, planned_fractions=history.planned_fractions)
    planned = read_rtdose(plan.dose).volume
    if not same_place(planned.grid, summed.dose.grid):
        raise InputError("the plan's dose lies on another grid than the fractions'", reason="GRID_MISMATCH")
    structures = read_plan_structures(plan.structures, plan.ct).structures
    rows = compare_accumulated(
        planned, structures, summed.dose, delivered_share=summed.delivered_share, at_doses_gy=AT_DOSES_GY
    )
    last = max(fraction.number for fraction in history.fractions)
    return (
        DoseComparison(
            rows=rows,
            planned_fractions=summed.planned_fractions,
            delivered_fractions=summed.delivered,
            missing_fractions=tuple(number for number in range(1, last + 1) if number not in summed.delivered),
        ),
        summed,
    )
