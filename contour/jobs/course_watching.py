"""All courses of a store, watched: each one against its site, and what is seen only over all of them.

A finished fraction never changes, so its report is read once and kept; what is made of all is made anew only when a job
has ended since.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass

from contour.adaptation.course_history import CourseFraction, CourseHistory
from contour.adaptation.fraction_report import FractionReport, report_from_json
from contour.adaptation.watch.course import course_errors, watch_course
from contour.adaptation.watch.models import (
    ModelObservation,
    ModelWatch,
    bias_findings,
    model_source,
    watch_models,
)
from contour.adaptation.watch.rules import WatchRules
from contour.adaptation.watch.scanners import DeviceWatch, ScanObservation, scanner_source, watch_scanners
from contour.adaptation.watch.site_history import SiteHistory, site_history
from contour.adaptation.watch.values import Attention, CourseWatch, SourceWatch
from contour.errors import Finding, NotFoundError
from contour.jobs.review_outcomes import ApprovedPlan, approved_plans, observed_review
from contour.store import Store
from contour.store.records import Course, Job, JobState, ResultRow

_MOST_PLANNED = 500
"""Planning CTs that a model's figures are taken from: the latest."""

_GRAVITY: tuple[Attention, ...] = ("replan", "watch", "ok")


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchedCourse:
    """A course of the store, and what is made of it."""

    course: Course
    history: CourseHistory
    watch: CourseWatch


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """Everything that is watched.

    Args:
        courses: Those that most need a look first.
        sites: By site, of all its courses.
        scanners: By device.
        models: By model and figure.
        bias: What speaks for reviewers who let a model's contours pass unread.
    """

    courses: tuple[WatchedCourse, ...]
    sites: tuple[tuple[str, SiteHistory], ...]
    scanners: tuple[DeviceWatch, ...]
    models: tuple[ModelWatch, ...]
    bias: tuple[Finding, ...] = ()

    def of(self, course_id: str) -> WatchedCourse:
        """One course.

        Raises:
            NotFoundError: COURSE_NOT_FOUND.
        """
        for one in self.courses:
            if one.course.course_id == course_id:
                return one
        raise NotFoundError("no course has this id", reason="COURSE_NOT_FOUND")


class CourseWatcher:
    """Watches the courses of one store. Every method can be called from any thread."""

    def __init__(self, store: Store, rules: WatchRules) -> None:
        self._store = store
        self._rules = rules
        self._reports: dict[str, FractionReport] = {}
        self._approved: dict[str, ApprovedPlan] = {}
        self._made: tuple[tuple[float, ...], Overview] | None = None
        self._lock = threading.Lock()

    def overview(self) -> Overview:
        """All courses, sites, scanners and models as they are now."""
        with self._lock:
            key = (*self._store.courses.counts(), *self._store.jobs.ended(), *self._store.reviews.decided())
            if self._made is None or self._made[0] != key:
                self._made = (key, self._make(self._store.courses.every()))
            return self._made[1]

    def _make(self, courses: Sequence[Course]) -> Overview:
        wanted = {entry.job.job_id for course in courses for entry in course.fractions}
        self._reports = {job_id: report for job_id, report in self._reports.items() if job_id in wanted}
        histories = [self._history(course) for course in courses]
        rules = self._rules
        errors = [course_errors(history.fractions, rules) for history in histories]
        planned = self._store.jobs.planned(most=_MOST_PLANNED)
        seen = [_observed(model, version, rows) for model, version, rows in planned]
        self._approved = approved_plans(self._store, most=_MOST_PLANNED, known=self._approved)
        reviewed = {one.series_id for one in self._approved.values()}
        unreviewed = [
            history
            for course, history in zip(courses, histories, strict=True)
            if course.plan.ct_series_id not in reviewed
        ]
        approved = [observed_review(one) for one in self._approved.values()]
        models = watch_models([*seen, *approved, *_edits(unreviewed)], rules)
        scanners = watch_scanners(self._scans(courses), rules)
        watched = []
        for place, (course, history) in enumerate(zip(courses, histories, strict=True)):
            others = [error for n, error in enumerate(errors) if n != place and courses[n].site == course.site]
            watched.append(
                WatchedCourse(
                    course=course,
                    history=history,
                    watch=watch_course(
                        history,
                        site=course.site,
                        rules=rules,
                        others=site_history(others, rules),
                        beyond=(model_source(models), self._scanner_of(history, scanners)),
                    ),
                )
            )
        sites = {
            site: site_history([e for e, course in zip(errors, courses, strict=True) if course.site == site], rules)
            for site in dict.fromkeys(course.site for course in courses)
        }
        return Overview(
            courses=tuple(sorted(watched, key=_urgency)),
            sites=tuple(sites.items()),
            scanners=scanners,
            models=models,
            bias=bias_findings(models),
        )

    def _history(self, course: Course) -> CourseHistory:
        fractions = []
        for entry in course.fractions:
            report = self._report(entry.job)
            if report is not None:
                fractions.append(
                    CourseFraction(number=entry.number, daily_series_uid=entry.job.request.series_id, report=report)
                )
        planned = course.plan.planned_fractions
        return CourseHistory(
            plan_series_uid=fractions[0].report.plan_series_uid if fractions else "",
            planned_fractions=planned or None,
            fractions=tuple(fractions),
        )

    def _report(self, job: Job) -> FractionReport | None:
        if job.job_id not in self._reports:
            result = self._store.jobs.get(job.job_id).result if job.state is JobState.SUCCEEDED else None
            if result is None or result.fraction is None:
                return None
            self._reports[job.job_id] = report_from_json(result.fraction.report)
        return self._reports[job.job_id]

    def _scans(self, courses: Sequence[Course]) -> list[ScanObservation]:
        """Every day's scan, in the order in which they came."""
        jobs = sorted((entry.job for course in courses for entry in course.fractions), key=lambda job: job.created_s)
        reports = (self._report(job) for job in jobs)
        return [
            ScanObservation(device=report.scan.device, quality=report.scan.quality)
            for report in reports
            if report is not None and report.scan is not None
        ]

    def _scanner_of(self, history: CourseHistory, scanners: Sequence[DeviceWatch]) -> SourceWatch:
        used = {one.report.scan.device for one in history.fractions if one.report.scan is not None}
        return scanner_source([one for one in scanners if one.device in used], self._rules)


def _observed(model: str, version: str, rows: Sequence[ResultRow]) -> ModelObservation:
    told = [row.predicted_dice for row in rows if row.predicted_dice is not None]
    return ModelObservation(model=model, version=version, confidence=sum(told) / len(told) if told else None)


def _edits(histories: Sequence[CourseHistory]) -> list[ModelObservation]:
    """What people changed of each course's plan contours, told once for each course."""
    found = []
    for history in histories:
        drawn = next((one.report.drawn for one in history.fractions if one.report.drawn is not None), None)
        if drawn is not None and drawn.structures:
            edit = sum(one.dice for one in drawn.structures) / len(drawn.structures)
            found.append(ModelObservation(model=drawn.model, version=drawn.model_version, confidence=None, edit=edit))
    return found


def _urgency(one: WatchedCourse) -> tuple[int, int, float, str]:
    """Gravest first, then by how many rules of that level hold, then by the share of the margin that is used up."""
    attention = one.watch.attention
    rules = {trigger.rule for trigger in one.watch.triggers if trigger.level == attention}
    shares = [margin.share for margin in one.watch.margins if margin.share is not None]
    return _GRAVITY.index(attention), -len(rules), -max(shares, default=0.0), one.course.course_id
