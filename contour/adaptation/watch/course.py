"""A course watched: every figure over its fractions, the margin it needs, what drifts, and whether to plan anew.

Set-up is what the couch can put right. A structure's shift is what moved beyond it. Where a clinic puts set-up right
each day (`rules.corrected_daily`), a target's margin has to hold the second alone, else the sum of both.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from contour.adaptation.analytics.control_charts import Baseline, baseline_of, usual_sd_of_axes, watch_chart
from contour.adaptation.analytics.margin_forecast import MarginForecast, drift_crossing, forecast_margins
from contour.adaptation.analytics.setup_errors import (
    BelievedErrors,
    PatientErrors,
    PopulationErrors,
    believed_errors,
    margin_needed_xyz_mm,
    patient_errors,
    running_errors,
)
from contour.adaptation.analytics.trend import fit_line, volume_trend
from contour.adaptation.course_history import CourseFraction, CourseHistory
from contour.adaptation.fraction_report import StructureRow
from contour.adaptation.targets import read_target_name
from contour.adaptation.watch.rules import WatchRules
from contour.adaptation.watch.site_history import SiteHistory
from contour.adaptation.watch.sources import tell_sources
from contour.adaptation.watch.summary import attention_of, summarise_watch
from contour.adaptation.watch.triggers import find_triggers
from contour.adaptation.watch.values import (
    AXES,
    SETUP,
    AxisWatch,
    CourseWatch,
    Crossing,
    MarginWatch,
    Point,
    ShiftWatch,
    SourceWatch,
    VolumeWatch,
    WatchedFraction,
)
from contour.anatomy.names import describe_structure
from registration.grid import Triple

Shifts = list[tuple[int, Triple]]
"""Fraction numbers and shifts (LR, AP, SI) in mm."""


def watch_course(
    history: CourseHistory,
    *,
    site: str,
    rules: WatchRules,
    others: SiteHistory | None = None,
    beyond: tuple[SourceWatch, ...] = (),
) -> CourseWatch:
    """Watch a course.

    Args:
        history: Its fractions; refused ones tell nothing of the patient and are left out of every figure.
        site: Of treatment, one of `SITES`.
        rules: The clinic's.
        others: What the site's other courses showed; None where there are none.
        beyond: What is watched over all courses: `model` and `scanner`, where something is known of them.
    """
    used = [fraction for fraction in history.fractions if fraction.report.verdict != "REFUSE"]
    names = _names(used)
    setup = _shift_watch(SETUP, setup_shifts(used), rules, _setup_usual(others))
    structures = tuple(
        _shift_watch(name, structure_shifts(used, name), rules, _target_usual(others, name)) for name in names
    )
    margins = _margins(used, names, site=site, rules=rules, others=others, planned_fractions=history.planned_fractions)
    volumes = tuple(_volume_watch(used, name) for name in names)
    triggers = find_triggers(history, rules, setup=setup, structures=structures, margins=margins, volumes=volumes)
    off = [rule.name for rule in rules.rules if rule.level == "off"]
    sources = tell_sources(triggers, beyond, usable=len(used), corrected_daily=rules.corrected_daily, off=off)
    return CourseWatch(
        site=site,
        attention=attention_of(triggers),
        summary=summarise_watch(history, triggers, sources),
        planned_fractions=history.planned_fractions,
        fractions=tuple(_line(fraction) for fraction in history.fractions),
        setup=setup,
        structures=structures,
        margins=margins,
        volumes=volumes,
        triggers=triggers,
        sources=sources,
    )


def setup_shifts(fractions: Sequence[CourseFraction]) -> Shifts:
    """The set-up's shift at each fraction that has one."""
    return [(one.number, one.report.setup.shift_xyz_mm) for one in fractions if one.report.setup is not None]


def structure_shifts(fractions: Sequence[CourseFraction], name: str) -> Shifts:
    """A structure's shift beyond set-up at each fraction that has one."""
    rows = ((one.number, one.report.row_of(name)) for one in fractions)
    return [
        (number, row.drift.shift_xyz_mm)
        for number, row in rows
        if row is not None and row.drift.shift_xyz_mm is not None and row.trust.verdict != "REFUSE"
    ]


def margin_shifts(fractions: Sequence[CourseFraction], name: str, rules: WatchRules) -> Shifts:
    """What a target's margin has to hold at each fraction: its shift beyond set-up, and set-up where it stays."""
    beyond = structure_shifts(fractions, name)
    if rules.corrected_daily:
        return beyond
    setup = dict(setup_shifts(fractions))
    return [(number, _plus(shift, setup[number])) for number, shift in beyond if number in setup]


def course_errors(
    fractions: Sequence[CourseFraction], rules: WatchRules
) -> tuple[PatientErrors | None, PatientErrors | None]:
    """One course's set-up errors, and those of its target of least margin: what a site's history is made of."""
    used = [fraction for fraction in fractions if fraction.report.verdict != "REFUSE"]
    setup = [shift for _, shift in setup_shifts(used)]
    target = margin_target(used)
    beyond = [] if target is None else [shift for _, shift in margin_shifts(used, target, rules)]
    return (patient_errors(setup) if setup else None, patient_errors(beyond) if beyond else None)


def margin_target(fractions: Sequence[CourseFraction]) -> str | None:
    """The target whose planning volume leaves it the least margin; None where no target has one."""
    with_margin = [name for name in _names(fractions) if _has_margin(fractions, name)]
    return min(with_margin, key=lambda name: _least(_planned_by_plan(fractions, name)), default=None)


def _names(fractions: Iterable[CourseFraction]) -> tuple[str, ...]:
    """Structures in the order of their first appearance, targets first; planning volumes and the outline left out.

    A planning volume is a target and a margin, and nothing in the patient.
    """
    names = dict.fromkeys(row.drift.name for fraction in fractions for row in fraction.report.structures)
    told = [name for name in names if not _is_planning_volume(name)]
    return tuple(sorted(told, key=lambda name: not _is_target(name)))


def _is_target(name: str) -> bool:
    return read_target_name(name) is not None


def _is_planning_volume(name: str) -> bool:
    target = read_target_name(name)
    return (target is not None and target.kind == "PTV") or describe_structure(name).interpreted_type == "EXTERNAL"


def _shift_watch(what: str, shifts: Shifts, rules: WatchRules, usual: _Usual) -> ShiftWatch:
    running = running_errors([shift for _, shift in shifts]) if shifts else ()
    first = rules.first_fractions
    of_axes = usual_sd_of_axes([[shift[n] for _, shift in shifts] for n in range(3)], first=first)
    axes: list[AxisWatch] = []
    for n, axis in enumerate(AXES):
        points = tuple(Point(fraction=number, value=shift[n]) for number, shift in shifts)
        values = [point.value for point in points]
        baseline = baseline_of(
            values,
            first=first,
            history=None if usual.charts is None else usual.charts[n],
            usual_sd=of_axes if usual.random_sd_xyz_mm is None else usual.random_sd_xyz_mm[n],
        )
        axes.append(
            AxisWatch(
                axis=axis,
                points=points,
                running_mean_mm=tuple(one.mean_xyz_mm[n] for one in running),
                running_sd_mm=tuple(None if one.sd_xyz_mm is None else one.sd_xyz_mm[n] for one in running),
                chart=None if baseline is None or not values else watch_chart(values, baseline),
            )
        )
    return ShiftWatch(what=what, axes=(axes[0], axes[1], axes[2]))


@dataclass(frozen=True, slots=True)
class _Usual:
    """What the site's other courses say of a chart: limits for one fraction, and how far one patient strays."""

    charts: tuple[Baseline, Baseline, Baseline] | None = None
    random_sd_xyz_mm: Triple | None = None


def _setup_usual(others: SiteHistory | None) -> _Usual:
    if others is None:
        return _Usual()
    known = others.setup if others.prior is not None else None
    return _Usual(others.setup_charts, None if known is None else known.random_sd_xyz_mm)


def _target_usual(others: SiteHistory | None, name: str) -> _Usual:
    """A margin holds set-up too where that is not corrected; then the site's targets stray by more than a target."""
    if others is None or not _is_target(name):
        return _Usual()
    return _Usual(others.target_charts, None if others.prior is None else others.prior.random_sd_xyz_mm)


def _margins(
    fractions: Sequence[CourseFraction],
    names: Sequence[str],
    *,
    site: str,
    rules: WatchRules,
    others: SiteHistory | None,
    planned_fractions: int | None,
) -> tuple[MarginWatch, ...]:
    prior = None if others is None else others.prior
    found = []
    for name in names:
        if not _has_margin(fractions, name):
            continue
        planned, told_by = _planned_by_plan(fractions, name), "plan"
        if rules.planned_margin_xyz_mm(site) is not None:
            planned, told_by = rules.planned_margin_xyz_mm(site), "site"
        shifts = margin_shifts(fractions, name, rules)
        found.append(
            MarginWatch(
                target=name,
                planned_xyz_mm=planned,
                planned_from="" if planned is None else "plan" if told_by == "plan" else "site",
                needed_xyz_mm=_needed(_believed(shifts, len(shifts), prior, rules)),
                needed_points=_shares(shifts, prior, planned, rules),
                prior_courses=0 if prior is None else prior.patients,
                forecasts=_forecasts(shifts, prior, planned, planned_fractions),
                crossings=_crossings(shifts, prior, planned, planned_fractions),
            )
        )
    return tuple(sorted(found, key=lambda one: _least(one.planned_xyz_mm)))


def _has_margin(fractions: Sequence[CourseFraction], name: str) -> bool:
    return any(row.drift.margin is not None for row in _rows(fractions, name))


def _planned_by_plan(fractions: Sequence[CourseFraction], name: str) -> Triple | None:
    """What the planning volume leaves the target, as the latest fraction that says so measured it."""
    told = [row.drift.margin.planned_xyz_mm for row in _rows(fractions, name) if row.drift.margin is not None]
    return next((planned for planned in reversed(told) if planned is not None), None)


def _rows(fractions: Sequence[CourseFraction], name: str) -> list[StructureRow]:
    return [row for one in fractions if (row := one.report.row_of(name)) is not None]


def _least(planned_xyz_mm: Triple | None) -> float:
    return float("inf") if planned_xyz_mm is None else min(planned_xyz_mm)


def _believed(shifts: Shifts, count: int, prior: PopulationErrors | None, rules: WatchRules) -> BelievedErrors | None:
    own = patient_errors([shift for _, shift in shifts[:count]]) if count else None
    return _alone(own, rules.first_fractions) if prior is None else believed_errors(own, prior)


def _alone(own: PatientErrors | None, fewest: int) -> BelievedErrors | None:
    """Without other courses a patient's own figures stand alone, from as many fractions on as a chart's limits take."""
    if own is None or own.sd_xyz_mm is None or own.fractions < fewest:
        return None
    lr, ap, si = (sd / math.sqrt(own.fractions) for sd in own.sd_xyz_mm)
    return BelievedErrors(
        systematic_xyz_mm=own.mean_xyz_mm,
        systematic_sd_xyz_mm=(lr, ap, si),
        random_sd_xyz_mm=own.sd_xyz_mm,
        fractions=own.fractions,
    )


def _needed(believed: BelievedErrors | None) -> Triple | None:
    return None if believed is None else margin_needed_xyz_mm(believed)


def _shares(
    shifts: Shifts, prior: PopulationErrors | None, planned: Triple | None, rules: WatchRules
) -> tuple[Point, ...]:
    """After each fraction the largest share of needed in planned; a planned margin of nothing is exceeded by any."""
    if planned is None:
        return ()
    found = []
    for count, (number, _) in enumerate(shifts, start=1):
        needed = _needed(_believed(shifts, count, prior, rules))
        if needed is not None:
            share = max(n / max(p, _LEAST_MARGIN_MM) for n, p in zip(needed, planned, strict=True))
            found.append(Point(fraction=number, value=share))
    return tuple(found)


_LEAST_MARGIN_MM = 0.1


def _forecasts(
    shifts: Shifts, prior: PopulationErrors | None, planned: Triple | None, planned_fractions: int | None
) -> tuple[MarginForecast, ...]:
    if planned is None:
        return ()
    last = max((number for number, _ in shifts), default=0)
    lr, ap, si = (max(0.0, margin) for margin in planned)  # a target that sticks out has none
    return forecast_margins(
        [number for number, _ in shifts],
        [shift for _, shift in shifts],
        planned_margin_xyz_mm=(lr, ap, si),
        random_sd_xyz_mm=_scatter(shifts) if prior is None else prior.random_sd_xyz_mm,
        planned_fractions=max(1, last, planned_fractions or last),
    )


def _crossings(
    shifts: Shifts, prior: PopulationErrors | None, planned: Triple | None, planned_fractions: int | None
) -> tuple[Crossing, ...]:
    """What was forecast after each fraction; a slope that may as well be none forecasts nothing."""
    if planned is None:
        return ()
    numbers = [number for number, _ in shifts]

    def along(axis: int, count: int) -> int | None:
        return drift_crossing(
            numbers[:count],
            [shift[axis] for _, shift in shifts[:count]],
            planned_mm=max(0.0, planned[axis]),
            random_sd_mm=None if prior is None else prior.random_sd_xyz_mm[axis],
            planned_fractions=planned_fractions or 1,
        )

    return tuple(
        Crossing(fraction=numbers[count - 1], exceeded_at=(along(0, count), along(1, count), along(2, count)))
        for count in range(1, len(shifts) + 1)
    )


def _scatter(shifts: Shifts) -> Triple:
    """Random error of a patient who drifts, about the line of the drift; 0 while there is no line."""
    numbers = [number for number, _ in shifts]
    lines = [fit_line(numbers, [shift[n] for _, shift in shifts]) for n in range(3)]
    lr, ap, si = (0.0 if line is None else line.residual_sd for line in lines)
    return (lr, ap, si)


def _volume_watch(fractions: Sequence[CourseFraction], name: str) -> VolumeWatch:
    told = [
        (one, row.drift.volume_change_percent)
        for one in fractions
        if (row := one.report.row_of(name)) is not None
        and row.drift.volume_change_percent is not None
        and row.trust.verdict != "REFUSE"
    ]
    days = tuple(None if one.report.scan is None else one.report.scan.days_since_plan for one, _ in told)
    dated = [(float(day), change) for day, (_, change) in zip(days, told, strict=True) if day is not None]
    return VolumeWatch(
        name=name,
        is_target=_is_target(name),
        points=tuple(Point(fraction=one.number, value=change) for one, change in told),
        days_since_plan=days,
        trend=volume_trend([day for day, _ in dated], [change for _, change in dated]),
    )


def _line(fraction: CourseFraction) -> WatchedFraction:
    report = fraction.report
    return WatchedFraction(
        number=fraction.number,
        verdict=report.verdict,
        reason=report.reasons[0].reason if report.reasons else "",
        days_since_plan=None if report.scan is None else report.scan.days_since_plan,
        device="" if report.scan is None else report.scan.device,
    )


def _plus(one: Triple, other: Triple) -> Triple:
    x, y, z = (a + b for a, b in zip(one, other, strict=True))
    return (x, y, z)
