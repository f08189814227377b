"""A watched course, from its values to the wire's messages."""

from __future__ import annotations

from contour.adaptation.watch.values import (
    AxisWatch,
    CourseWatch,
    MarginWatch,
    ShiftWatch,
    SourceWatch,
    Trigger,
    VolumeWatch,
)
from contour.v1 import adaptation_pb2

ATTENTION = {
    "ok": adaptation_pb2.ATTENTION_OK,
    "watch": adaptation_pb2.ATTENTION_WATCH,
    "replan": adaptation_pb2.ATTENTION_REPLAN,
}
_STATES = {
    "quiet": adaptation_pb2.DRIFT_STATE_QUIET,
    "moved": adaptation_pb2.DRIFT_STATE_MOVED,
    "unknown": adaptation_pb2.DRIFT_STATE_UNKNOWN,
}


def watch_message(watch: CourseWatch, *, whole: bool = True) -> adaptation_pb2.CourseWatch:
    """Everything of a course, or with `whole` false what a list tells of it."""
    return adaptation_pb2.CourseWatch(
        attention=ATTENTION[watch.attention],
        summary=watch.summary,
        setup=_shift(watch.setup) if whole else None,
        structures=[_shift(one) for one in watch.structures] if whole else [],
        margins=[_margin(one) for one in watch.margins] if whole else [],
        volumes=[_volume(one) for one in watch.volumes] if whole else [],
        triggers=[_trigger(one) for one in watch.triggers],
        sources=[_source(one) for one in watch.sources],
    )


def _shift(shift: ShiftWatch) -> adaptation_pb2.ShiftWatch:
    return adaptation_pb2.ShiftWatch(what=shift.what, axes=[_axis(axis) for axis in shift.axes])


def _axis(axis: AxisWatch) -> adaptation_pb2.AxisWatch:
    chart = axis.chart
    return adaptation_pb2.AxisWatch(
        axis=axis.axis,
        fractions=[point.fraction for point in axis.points],
        shifts_mm=[point.value for point in axis.points],
        mean_mm=axis.mean_mm,
        sd_mm=axis.sd_mm,
        lower_mm=None if chart is None else chart.individuals.lower,
        centre_mm=None if chart is None else chart.baseline.centre,
        upper_mm=None if chart is None else chart.individuals.upper,
    )


def _margin(margin: MarginWatch) -> adaptation_pb2.MarginWatch:
    return adaptation_pb2.MarginWatch(
        target=margin.target,
        planned_mm=margin.planned_xyz_mm or (),
        needed_mm=margin.needed_xyz_mm or (),
        share=margin.share,
        prior_courses=margin.prior_courses,
        forecasts=[
            adaptation_pb2.MarginForecast(
                axis=one.axis,
                needed_now_mm=one.needed_now_mm,
                exceeded_at=one.exceeded_at,
                earliest=one.earliest,
                latest=one.latest,
            )
            for one in margin.forecasts
        ],
    )


def _volume(volume: VolumeWatch) -> adaptation_pb2.VolumeWatch:
    trend = volume.trend
    return adaptation_pb2.VolumeWatch(
        structure=volume.name,
        fractions=[point.fraction for point in volume.points],
        changes_percent=[point.value for point in volume.points],
        slope_percent_per_week=None if trend is None else trend.percent_per_week,
        slope_low_percent_per_week=None if trend is None else trend.low_percent_per_week,
        slope_high_percent_per_week=None if trend is None else trend.high_percent_per_week,
    )


def _trigger(trigger: Trigger) -> adaptation_pb2.Trigger:
    return adaptation_pb2.Trigger(
        rule=trigger.rule,
        level=ATTENTION[trigger.level],
        since_fraction=trigger.since,
        structure=trigger.structure,
        axis=trigger.axis,
        figure=trigger.figure,
        limit=trigger.limit,
        evidence=trigger.evidence,
    )


def _source(source: SourceWatch) -> adaptation_pb2.DriftSource:
    return adaptation_pb2.DriftSource(
        source=source.source, state=_STATES[source.state], since_fraction=source.since, evidence=source.evidence
    )
