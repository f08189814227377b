"""What Prometheus is told of courses, sites, scanners and models. Read at each scrape.

Labels are bounded: a course is the first twelve digits of an id that was drawn at random, only as many courses are told
as a site allows (those that most need a look), and a structure is told only by a TG-263 name. A structure whose name is
none, which may hold anything, is left out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from contour.adaptation.analytics.setup_errors import PopulationErrors, van_herk_margin_xyz_mm
from contour.adaptation.watch.models import ModelWatch
from contour.adaptation.watch.scanners import DeviceWatch
from contour.adaptation.watch.site_history import SiteHistory
from contour.adaptation.watch.values import AXES, ShiftWatch
from contour.anatomy.names import describe_structure, is_tg263_name
from contour.jobs.course_watching import Overview, WatchedCourse

_TARGET = re.compile(r"(?:I?[GC]TV|ITV|PTV)[pnsvb]{0,4}[0-9]{0,2}(?:_(?:High|Mid|Low|[0-9]{2,5}))?")
"""TG-263 lets anything follow a target's underscore; a metric lets a dose."""

_ID_DIGITS = 12
_MOST_DEVICES = 50
_MOST_MODELS = 50
_LATEST = 20
_ATTENTION = {"ok": 0, "watch": 1, "replan": 2}
_TISSUES = (("air_hu", "air"), ("fat_hu", "fat"), ("muscle_hu", "muscle"))
_COURSE = ("course", "site")
_STRUCTURE = (*_COURSE, "structure")
_AXIS = (*_STRUCTURE, "axis")
_SITE = ("site", "what", "axis")

_FAMILIES: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("contour_courses", "Courses in the store.", ()),
    ("contour_courses_left_out", "Courses beyond the ceiling, of which no figure is told.", ()),
    ("contour_course_info", "Courses of which figures are told.", _COURSE),
    ("contour_course_attention", "What a course asks for: 0 nothing, 1 a look, 2 a new plan.", _COURSE),
    ("contour_course_fractions", "Fractions of a course that were worked out, by verdict.", (*_COURSE, "verdict")),
    ("contour_course_planned_fractions", "Fractions that a course is to have.", _COURSE),
    ("contour_course_last_fraction", "Number of a course's last fraction.", _COURSE),
    ("contour_course_shift_mm", "Shift at the last fraction, of the set-up or of a structure beyond it.", _AXIS),
    ("contour_course_shift_mean_mm", "Mean of the shifts so far.", _AXIS),
    ("contour_course_shift_sd_mm", "Standard deviation of the shifts so far.", _AXIS),
    ("contour_course_shift_limit_mm", "Control limits of the shift.", (*_AXIS, "side")),
    ("contour_course_margin_needed_mm", "Margin that a target needs.", _AXIS),
    ("contour_course_margin_planned_mm", "Margin that a target was planned with.", _AXIS),
    ("contour_course_margin_share", "Largest share of needed in planned margin along any axis.", _STRUCTURE),
    ("contour_course_margin_exceeded_fraction", "Fraction at which the planned margin is exceeded.", _AXIS),
    ("contour_course_volume_change_percent", "Volume against the plan's at the last fraction.", _STRUCTURE),
    ("contour_course_volume_slope_percent_per_week", "How fast the volume changes.", _STRUCTURE),
    ("contour_course_inside_ptv_percent", "Share of a target inside its planning volume.", _STRUCTURE),
    ("contour_course_expected_error_mm", "Expected error of a carried structure's surface.", _STRUCTURE),
    ("contour_course_trigger_since_fraction", "Fraction from which on a rule has held.", (*_COURSE, "rule", "level")),
    ("contour_course_moved", "Whether patient, set-up, model or scanner moved; absent where unknown.",
     (*_COURSE, "source")),
    ("contour_site_courses", "Courses of a site with two fractions or more.", ("site",)),
    ("contour_site_mean_error_mm", "M: mean error of a site's patients.", _SITE),
    ("contour_site_systematic_error_mm", "Sigma: standard deviation of patients' means.", _SITE),
    ("contour_site_random_error_mm", "sigma: root mean square of patients' standard deviations.", _SITE),
    ("contour_site_margin_mm", "2.5 Sigma + 0.7 sigma.", _SITE),
    ("contour_scanner_hu", "HU of air and of body tissue in a scanner's last scan.", ("device", "tissue")),
    ("contour_scanner_noise_hu", "Noise of a scanner's last scan.", ("device",)),
    ("contour_scanner_slice_step_mm", "Slice step of a scanner's last scan.", ("device",)),
    ("contour_scanner_limit", "Control limits of a scanner's figure, in its unit.", ("device", "figure", "side")),
    ("contour_scanner_out_of_control", "1 where a scanner's figure left its limits.", ("device", "figure")),
    ("contour_model_confidence", "Mean predicted Dice of a model's latest patients.", ("model", "version")),
    ("contour_model_edit_dice", "Mean Dice of what a model drew and what was approved.", ("model", "version")),
    ("contour_model_review_seconds", "Mean active seconds of review per structure.", ("model", "version")),
    ("contour_model_bias", "1 where reviewers seem to let a model's contours pass unread.", ("model", "reason")),
    ("contour_model_limit", "Control limits of a model's figure.", ("model", "figure", "side")),
    ("contour_model_out_of_control", "1 where a model's figure left its limits.", ("model", "figure")),
)  # fmt: skip

_MODEL_FIGURES: dict[str, str] = {
    "confidence": "contour_model_confidence",
    "edit": "contour_model_edit_dice",
    "review_s": "contour_model_review_seconds",
}

Sample = tuple[str, tuple[str, ...], float]
"""Metric, values of its labels in order, value."""


class CourseReadings(Collector):
    """The collector. `ceiling` is the most courses that are told."""

    def __init__(self, overview: Callable[[], Overview], *, ceiling: int) -> None:
        self._overview = overview
        self._ceiling = ceiling

    def describe(self) -> Iterable[Metric]:
        """Names alone, so that nothing is worked out when the collector is registered."""
        return [GaugeMetricFamily(name, text, labels=labels) for name, text, labels in _FAMILIES]

    def collect(self) -> Iterable[Metric]:
        """As they are now."""
        families = {name: GaugeMetricFamily(name, text, labels=labels) for name, text, labels in _FAMILIES}
        for name, labels, value in _samples(self._overview(), self._ceiling):
            families[name].add_metric(labels, value)
        return families.values()


def _samples(overview: Overview, ceiling: int) -> Iterator[Sample]:
    told = overview.courses[:ceiling]
    yield "contour_courses", (), len(overview.courses)
    yield "contour_courses_left_out", (), len(overview.courses) - len(told)
    for course in told:
        label = (course.course.course_id[:_ID_DIGITS], course.course.site)
        yield from _course(course, label)
        yield from _shifts(course, label)
        yield from _structures(course, label)
        yield from _margins(course, label)
    for site, history in overview.sites:
        yield from _site(site, history)
    for device in overview.scanners[-_MOST_DEVICES:]:
        yield from _scanner(device)
    models = overview.models[-_MOST_MODELS:]
    for model in models:
        yield from _model(model)
    names = {one.model for one in models}
    for finding in overview.bias:
        name = dict(finding.measured)["model"]
        if name in names:
            yield "contour_model_bias", (name, finding.reason), 1


def _course(course: WatchedCourse, label: tuple[str, ...]) -> Iterator[Sample]:
    watch = course.watch
    yield "contour_course_info", label, 1
    yield "contour_course_attention", label, _ATTENTION[watch.attention]
    for verdict in ("PASS", "LOOK", "REFUSE"):
        count = sum(one.verdict == verdict for one in watch.fractions)
        yield "contour_course_fractions", (*label, verdict), count
    if watch.planned_fractions is not None:
        yield "contour_course_planned_fractions", label, watch.planned_fractions
    if watch.fractions:
        yield "contour_course_last_fraction", label, watch.fractions[-1].number
    held: dict[tuple[str, str], int] = {}
    for trigger in watch.triggers:
        key = (trigger.rule, trigger.level)
        held[key] = min(trigger.since, held.get(key, trigger.since))
    for (rule, level), since in held.items():
        yield "contour_course_trigger_since_fraction", (*label, rule, level), since
    for source in watch.sources:
        if source.state != "unknown":
            yield "contour_course_moved", (*label, source.source), float(source.state == "moved")


def _shifts(course: WatchedCourse, label: tuple[str, ...]) -> Iterator[Sample]:
    structures = [one for one in course.watch.structures if _is_told(one.what)]
    for shift in (course.watch.setup, *structures):
        yield from _shift(shift, label)


def _shift(shift: ShiftWatch, label: tuple[str, ...]) -> Iterator[Sample]:
    for axis in shift.axes:
        at = (*label, shift.what, axis.axis)
        if axis.points:
            yield "contour_course_shift_mm", at, axis.points[-1].value
        if axis.mean_mm is not None:
            yield "contour_course_shift_mean_mm", at, axis.mean_mm
        if axis.sd_mm is not None:
            yield "contour_course_shift_sd_mm", at, axis.sd_mm
        if axis.chart is not None:
            yield "contour_course_shift_limit_mm", (*at, "lower"), axis.chart.individuals.lower
            yield "contour_course_shift_limit_mm", (*at, "upper"), axis.chart.individuals.upper


def _structures(course: WatchedCourse, label: tuple[str, ...]) -> Iterator[Sample]:
    for volume in course.watch.volumes:
        if not _is_told(volume.name):
            continue
        if volume.points:
            yield "contour_course_volume_change_percent", (*label, volume.name), volume.points[-1].value
        if volume.trend is not None:
            slope = volume.trend.percent_per_week
            yield "contour_course_volume_slope_percent_per_week", (*label, volume.name), slope
    used = [one for one in course.history.fractions if one.report.structures]
    for row in used[-1].report.structures if used else ():
        if not _is_told(row.drift.name):
            continue
        if row.drift.margin is not None:
            inside = row.drift.margin.inside_today_percent
            yield "contour_course_inside_ptv_percent", (*label, row.drift.name), inside
        if row.trust.expected_error_mm is not None:
            yield "contour_course_expected_error_mm", (*label, row.drift.name), row.trust.expected_error_mm


def _margins(course: WatchedCourse, label: tuple[str, ...]) -> Iterator[Sample]:
    for margin in course.watch.margins:
        if not _is_told(margin.target):
            continue
        for name, along in (("needed", margin.needed_xyz_mm), ("planned", margin.planned_xyz_mm)):
            for axis, value in zip(AXES, along or (), strict=False):
                yield f"contour_course_margin_{name}_mm", (*label, margin.target, axis), value
        if margin.share is not None:
            yield "contour_course_margin_share", (*label, margin.target), margin.share
        for one in margin.forecasts:
            if one.exceeded_at is not None:
                at = (*label, margin.target, one.axis)
                yield "contour_course_margin_exceeded_fraction", at, one.exceeded_at


def _site(site: str, history: SiteHistory) -> Iterator[Sample]:
    yield "contour_site_courses", (site,), history.courses
    for what, errors in (("set-up", history.setup), ("target", history.target)):
        if errors is not None:
            yield from _population(site, what, errors)


def _population(site: str, what: str, errors: PopulationErrors) -> Iterator[Sample]:
    figures = (
        ("mean_error", errors.mean_xyz_mm),
        ("systematic_error", errors.systematic_sd_xyz_mm),
        ("random_error", errors.random_sd_xyz_mm),
        ("margin", van_herk_margin_xyz_mm(errors.systematic_sd_xyz_mm, errors.random_sd_xyz_mm)),
    )
    for name, along in figures:
        for axis, value in zip(AXES, along, strict=True):
            yield f"contour_site_{name}_mm", (site, what, axis), value


def _scanner(device: DeviceWatch) -> Iterator[Sample]:
    latest = {one.figure: one.values[-1] for one in device.figures if one.values}
    for figure, tissue in _TISSUES:
        if figure in latest:
            yield "contour_scanner_hu", (device.device, tissue), latest[figure]
    for figure in ("noise_hu", "slice_step_mm"):
        if figure in latest:
            yield f"contour_scanner_{figure}", (device.device,), latest[figure]
    for one in device.figures:
        if one.chart is not None:
            yield "contour_scanner_limit", (device.device, one.figure, "lower"), one.chart.individuals.lower
            yield "contour_scanner_limit", (device.device, one.figure, "upper"), one.chart.individuals.upper
            yield "contour_scanner_out_of_control", (device.device, one.figure), float(one.is_out_of_control)


def _model(model: ModelWatch) -> Iterator[Sample]:
    yield _MODEL_FIGURES[model.figure], (model.model, model.version), _mean(model.values[-_LATEST:])
    if model.chart is not None:
        yield "contour_model_limit", (model.model, model.figure, "lower"), model.chart.individuals.lower
        yield "contour_model_limit", (model.model, model.figure, "upper"), model.chart.individuals.upper
        yield "contour_model_out_of_control", (model.model, model.figure), float(model.is_out_of_control)


def _is_told(name: str) -> bool:
    """A name that holds nothing but anatomy and dose."""
    if describe_structure(name).is_target:
        return _TARGET.fullmatch(name) is not None
    return is_tg263_name(name)


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
