"""Which of a clinic's rules hold at a course's last fraction, since when, and by what evidence."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from contour.adaptation.analytics.control_charts import Signal
from contour.adaptation.analytics.trend import fit_line, volume_trend
from contour.adaptation.course_history import CourseFraction, CourseHistory
from contour.adaptation.targets import read_target_name
from contour.adaptation.watch.rules import Rule, WatchRules
from contour.adaptation.watch.values import AXES, SETUP, MarginWatch, Point, ShiftWatch, Trigger, VolumeWatch
from contour.errors import Finding

_GRAVITY = ("replan", "watch")
_SURE_OF_A_TREND = 0.99


@dataclass(frozen=True, slots=True, kw_only=True)
class _Evidence:
    """All that rules look at."""

    history: CourseHistory
    setup: ShiftWatch
    structures: tuple[ShiftWatch, ...]
    margins: tuple[MarginWatch, ...]
    volumes: tuple[VolumeWatch, ...]

    @property
    def last(self) -> int:
        return max((fraction.number for fraction in self.history.fractions), default=0)

    @property
    def used(self) -> tuple[CourseFraction, ...]:
        """Refused fractions tell nothing of the patient."""
        return tuple(fraction for fraction in self.history.fractions if fraction.report.verdict != "REFUSE")


def find_triggers(
    history: CourseHistory,
    rules: WatchRules,
    *,
    setup: ShiftWatch,
    structures: tuple[ShiftWatch, ...],
    margins: tuple[MarginWatch, ...],
    volumes: tuple[VolumeWatch, ...],
) -> tuple[Trigger, ...]:
    """Every rule that holds, the gravest first, then the one that has held longest."""
    seen = _Evidence(history=history, setup=setup, structures=structures, margins=margins, volumes=volumes)
    found = [trigger for rule in rules.rules if rule.level != "off" for trigger in _APPLY[rule.name](rule, seen)]
    return tuple(sorted(found, key=lambda one: (_GRAVITY.index(one.level), one.since)))


def _margin_exceeded(rule: Rule, seen: _Evidence) -> Iterator[Trigger]:
    limit = rule.value("share")
    for margin in seen.margins:
        since = _held_since([(point.fraction, point.value >= limit) for point in margin.needed_points])
        if since is None or margin.needed_xyz_mm is None or margin.planned_xyz_mm is None:
            continue
        told = ", ".join(
            f"{axis} {needed:.1f} of {planned:.1f} mm"
            for axis, needed, planned in zip(AXES, margin.needed_xyz_mm, margin.planned_xyz_mm, strict=True)
        )
        yield Trigger(
            rule=rule.name,
            level=rule.level,
            since=since,
            structure=margin.target,
            figure=margin.share,
            limit=limit,
            evidence=f"{margin.target} needs more margin than it was planned with: {told}",
        )


def _margin_forecast(rule: Rule, seen: _Evidence) -> Iterator[Trigger]:
    within = rule.count("fractions")
    for margin in seen.margins:
        for n, one in enumerate(margin.forecasts):
            told_at = [(crossing.fraction, crossing.exceeded_at[n]) for crossing in margin.crossings]
            since = _held_since([(number, at is not None and at <= number + within) for number, at in told_at])
            if since is None or one.exceeded_at is None:
                continue
            told = "has exceeded" if one.outlook == "exceeded" else "will exceed"
            band = f"{one.earliest or '?'} to {one.latest or f'beyond {one.horizon}'}"
            yield Trigger(
                rule=rule.name,
                level=rule.level,
                since=since,
                structure=margin.target,
                axis=one.axis,
                figure=float(one.exceeded_at),
                limit=float(seen.last + within),
                evidence=f"{margin.target} {told} its margin along {one.axis} at fraction {one.exceeded_at} "
                f"(band: {band})",
            )


def _coverage(rule: Rule, seen: _Evidence) -> Iterator[Trigger]:
    limit, least = rule.value("percent"), rule.count("fractions")
    for margin in seen.margins:
        points = [
            Point(fraction=one.number, value=row.drift.margin.inside_today_percent)
            for one in seen.used
            if (row := one.report.row_of(margin.target)) is not None
            and row.drift.margin is not None
            and row.trust.verdict != "REFUSE"
        ]
        since = _run_since([(point.fraction, point.value < limit) for point in points], least)
        if since is not None:
            yield Trigger(
                rule=rule.name,
                level=rule.level,
                since=since,
                structure=margin.target,
                figure=points[-1].value,
                limit=limit,
                evidence=f"{margin.target} lies inside its planning volume to {points[-1].value:.1f} %, "
                f"below {limit:g} % since fraction {since}",
            )


def _target_volume(rule: Rule, seen: _Evidence) -> Iterator[Trigger]:
    return _volume(rule, [one for one in seen.volumes if one.is_target])


def _organ_volume(rule: Rule, seen: _Evidence) -> Iterator[Trigger]:
    return _volume(rule, [one for one in seen.volumes if not one.is_target])


def _volume(rule: Rule, volumes: Sequence[VolumeWatch]) -> Iterator[Trigger]:
    limit, least = rule.value("percent"), rule.count("fractions")
    for one in volumes:
        since = _run_since([(point.fraction, abs(point.value) >= limit) for point in one.points], least)
        if since is not None:
            change = one.points[-1].value
            yield Trigger(
                rule=rule.name,
                level=rule.level,
                since=since,
                structure=one.name,
                figure=change,
                limit=limit,
                evidence=f"{one.name} has changed its volume by {change:+.0f} %",
            )


def _volume_trend(rule: Rule, seen: _Evidence) -> Iterator[Trigger]:
    limit, least = rule.value("percent_per_week"), rule.count("fractions")
    for one in seen.volumes:
        dated = [
            (point.fraction, float(day), point.value)
            for point, day in zip(one.points, one.days_since_plan, strict=True)
            if day is not None
        ]
        held = []
        for count in range(least, len(dated) + 1):
            trend = volume_trend([day for _, day, _ in dated[:count]], [change for _, _, change in dated[:count]])
            steep = trend is not None and trend.differs_from_zero and abs(trend.percent_per_week) >= limit
            held.append((dated[count - 1][0], steep))
        since = _held_since(held)
        if since is not None and one.trend is not None:
            trend = one.trend
            yield Trigger(
                rule=rule.name,
                level=rule.level,
                since=since,
                structure=one.name,
                figure=trend.percent_per_week,
                limit=limit,
                evidence=f"{one.name} changes by {trend.percent_per_week:+.1f} % a week "
                f"({trend.low_percent_per_week:+.1f} to {trend.high_percent_per_week:+.1f})",
            )


def _target_dose(rule: Rule, seen: _Evidence) -> Iterator[Trigger]:
    limit, least = rule.value("percent"), rule.count("fractions")
    losses: dict[str, list[Point]] = {}
    for fraction in seen.used:
        for row in () if fraction.report.dose is None else fraction.report.dose.rows:
            target = read_target_name(row.name)
            is_target = target is not None and target.kind != "PTV"
            if is_target and row.plan is not None and row.today_less_plan is not None and row.plan.d95_gy > 0:
                loss = -100.0 * row.today_less_plan.d95_gy / row.plan.d95_gy
                losses.setdefault(row.name, []).append(Point(fraction=fraction.number, value=loss))
    for name, points in losses.items():
        since = _run_since([(point.fraction, point.value > limit) for point in points], least)
        if since is not None:
            yield Trigger(
                rule=rule.name,
                level=rule.level,
                since=since,
                structure=name,
                figure=points[-1].value,
                limit=limit,
                evidence=f"{name} loses {points[-1].value:.1f} % of its D95 at today's anatomy",
            )


def _setup_chart(rule: Rule, seen: _Evidence) -> Iterator[Trigger]:
    return _chart(rule, [seen.setup])


def _setup_trend(rule: Rule, seen: _Evidence) -> Iterator[Trigger]:
    """A growing shift drowns in the scatter of single days long before a line through all of them does."""
    limit_mm, least = rule.value("mm"), rule.count("fractions")
    for axis in seen.setup.axes:
        numbers = [point.fraction for point in axis.points]
        values = [point.value for point in axis.points]
        held, moved_mm = [], 0.0
        for count in range(least, len(numbers) + 1):
            line = fit_line(numbers[:count], values[:count], confidence=_SURE_OF_A_TREND)
            moved_mm = 0.0 if line is None else line.slope * (numbers[count - 1] - numbers[0])
            steady = line is not None and line.slope_differs_from_zero
            held.append((numbers[count - 1], steady and abs(moved_mm) >= limit_mm))
        since = _held_since(held)
        if since is not None:
            yield Trigger(
                rule=rule.name,
                level=rule.level,
                since=since,
                axis=axis.axis,
                figure=moved_mm,
                limit=limit_mm,
                evidence=f"set-up along {axis.axis} drifts: {moved_mm:+.1f} mm on a line through all fractions",
            )


def _target_chart(rule: Rule, seen: _Evidence) -> Iterator[Trigger]:
    return _chart(rule, [one for one in seen.structures if read_target_name(one.what) is not None])


def _chart(rule: Rule, shifts: Sequence[ShiftWatch]) -> Iterator[Trigger]:
    """A control chart's signal that the last point is a part of."""
    for shift in shifts:
        for axis in shift.axes:
            live = [] if axis.chart is None else [s for s in axis.chart.signals if s.last == len(axis.points) - 1]
            if not live:
                continue
            since = axis.points[min(_begin(one) for one in live)].fraction
            value = axis.points[-1].value
            named = ", ".join(dict.fromkeys(one.rule for one in live))
            yield Trigger(
                rule=rule.name,
                level=rule.level,
                since=since,
                structure="" if shift.what == SETUP else shift.what,
                axis=axis.axis,
                figure=value,
                evidence=f"{shift.what} along {axis.axis} is out of control ({named}): {value:+.1f} mm, "
                f"mean {axis.mean_mm or 0.0:+.1f} mm",
            )


def _begin(signal: Signal) -> int:
    """The first point that is not as it was: of a jump's two points the second."""
    return signal.first + (signal.rule == "moving range")


def _refused(rule: Rule, seen: _Evidence) -> Iterator[Trigger]:
    refused = [one for one in seen.history.fractions if one.report.verdict == "REFUSE"]
    yield from _counted(
        rule, [one.number for one in refused], "refused", [_code(one.report.reasons) for one in refused]
    )


def _missing(rule: Rule, seen: _Evidence) -> Iterator[Trigger]:
    yield from _counted(rule, list(seen.history.missing), "missing", [])


def _code(reasons: Sequence[Finding]) -> str:
    return reasons[0].reason if reasons else ""


def _counted(rule: Rule, numbers: list[int], what: str, codes: list[str]) -> Iterator[Trigger]:
    least = rule.count("fractions")
    if len(numbers) >= least:
        told = f" ({', '.join(dict.fromkeys(code for code in codes if code))})" if any(codes) else ""
        yield Trigger(
            rule=rule.name,
            level=rule.level,
            since=numbers[least - 1],
            figure=float(len(numbers)),
            limit=float(least),
            evidence=f"{len(numbers)} of the fractions {what}: {', '.join(map(str, numbers))}{told}",
        )


def _held_since(held: Sequence[tuple[int, bool]]) -> int | None:
    """The fraction that begins the unbroken run up to the last one; None where the last one does not hold."""
    return _run_since(held, 1)


def _run_since(held: Sequence[tuple[int, bool]], least: int) -> int | None:
    run: list[int] = []
    for number, holds in reversed(held):
        if not holds:
            break
        run.append(number)
    return run[-1] if len(run) >= least else None


_APPLY = {
    "margin_exceeded": _margin_exceeded,
    "margin_forecast": _margin_forecast,
    "coverage": _coverage,
    "target_volume": _target_volume,
    "organ_volume": _organ_volume,
    "volume_trend": _volume_trend,
    "target_dose": _target_dose,
    "setup_chart": _setup_chart,
    "setup_trend": _setup_trend,
    "target_chart": _target_chart,
    "refused": _refused,
    "missing": _missing,
}
