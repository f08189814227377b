"""A watched course in pictures: shifts with their limits, margins, volumes, verdicts; as SVG, the same bytes each time.

Fractions keep their numbers: one that did not come leaves a gap, and one that was refused is named and has no point.
Colours are those of Okabe and Ito, told apart by the colour-blind; nothing is told by colour alone.
"""

from __future__ import annotations

import io
from collections.abc import Sequence

import matplotlib
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator

from contour.adaptation.watch.values import AxisWatch, CourseWatch, MarginWatch, ShiftWatch, VolumeWatch

_BLUE, _ORANGE, _GREEN, _RED, _GREY = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#555555"
_VERDICTS = {"PASS": _GREEN, "LOOK": _ORANGE, "REFUSE": _RED}
_SIGNS = {"LR": "LR, + left", "AP": "AP, + back", "SI": "SI, + head"}
_MOST_VOLUMES = 12


def course_charts(watch: CourseWatch) -> tuple[tuple[str, bytes], ...]:
    """Names and SVG: verdicts, set-up, every target's shift beyond it, margins, volumes."""
    named = {volume.name for volume in watch.volumes if volume.is_target}
    targets = [one for one in watch.structures if one.what in named]
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "contour", "font.size": 9.0}):
        return (
            ("verdicts.svg", _verdicts(watch)),
            ("setup.svg", _shifts([watch.setup], watch)),
            ("targets.svg", _shifts(targets, watch)),
            ("margins.svg", _margins(watch)),
            ("volumes.svg", _volumes(watch)),
        )


def _verdicts(watch: CourseWatch) -> bytes:
    figure = Figure(figsize=(13.0, 1.5), layout="constrained")
    axes = figure.add_subplot()
    last = _last(watch)
    for fraction in watch.fractions:
        axes.add_patch(Rectangle((fraction.number - 0.45, 0), 0.9, 1, color=_VERDICTS[fraction.verdict], alpha=0.55))
        axes.text(fraction.number, 0.5, fraction.verdict[0], ha="center", va="center", weight="bold")
    _number_axis(axes, last)
    axes.set(ylim=(0, 1), yticks=[], title="Verdicts: P pass, L look, R refused")
    return _svg(figure)


def _shifts(shifts: Sequence[ShiftWatch], watch: CourseWatch) -> bytes:
    if not shifts or not any(axis.points for shift in shifts for axis in shift.axes):
        return _nothing("No shift is known yet")
    figure = Figure(figsize=(13.0, 3.1 * len(shifts)), layout="constrained")
    grid = figure.subplots(len(shifts), 3, squeeze=False)
    for row, shift in zip(grid, shifts, strict=True):
        for axes, axis in zip(row, shift.axes, strict=True):
            _shift(axes, axis, shift.what, watch)
    handles, labels = grid[0][0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=6, frameon=False)
    return _svg(figure)


def _shift(axes: Axes, axis: AxisWatch, what: str, watch: CourseWatch) -> None:
    numbers = [point.fraction for point in axis.points]
    chart = axis.chart
    if chart is not None:
        limits = chart.individuals
        axes.axhspan(limits.lower, limits.upper, color=_BLUE, alpha=0.09, label="control limits")
        axes.axhline(limits.centre, color=_BLUE, linewidth=0.7)
        axes.plot(numbers, [point.value for point in chart.ewma.points], color=_ORANGE, linewidth=1.2, label="EWMA")
        for name in ("lower", "upper"):
            edge = [getattr(point, name) for point in chart.ewma.points]
            axes.plot(
                numbers,
                edge,
                color=_ORANGE,
                linewidth=0.7,
                linestyle=":",
                label="EWMA limits" if name == "lower" else None,
            )
    axes.plot(numbers, axis.running_mean_mm, color=_GREY, linewidth=0.9, linestyle="--", label="mean so far")
    axes.plot(numbers, [point.value for point in axis.points], "o", color=_BLUE, markersize=4, label="fraction")
    told: dict[int, list[str]] = {}
    for signal in () if chart is None else chart.signals:
        told.setdefault(signal.last, []).append(signal.rule.replace("Nelson ", "N").replace("moving range", "MR"))
    shown = [place for place in sorted(told) if place < len(numbers)]
    if shown:
        values = [axis.points[place].value for place in shown]
        axes.plot(
            [numbers[place] for place in shown], values, "o", mfc="none", mec=_RED, markersize=9, label="signal ends"
        )
        for place, value in zip(shown, values, strict=True):
            axes.annotate(
                ", ".join(told[place]),
                (numbers[place], value),
                xytext=(0, 8),
                textcoords="offset points",
                ha="center",
                fontsize=7,
                color=_RED,
            )
    _refused(axes, watch)
    _number_axis(axes, _last(watch))
    axes.margins(y=0.18)
    axes.set(ylabel="mm", title=f"{_plain(what)} {_SIGNS[axis.axis]}")


def _beside(axes: Axes, text: str, at: tuple[float, float]) -> None:
    axes.annotate(text, at, xytext=(0, 8), textcoords="offset points", ha="center", fontsize=7, color=_RED)


def _margins(watch: CourseWatch) -> bytes:
    known = [one for one in watch.margins if one.needed_points]
    if not known:
        return _nothing("No margin is known yet: it takes a planning volume and three fractions, or a site's history")
    figure = Figure(figsize=(6.5 * len(known), 3.4), layout="constrained")
    for axes, margin in zip(figure.subplots(1, len(known), squeeze=False)[0], known, strict=True):
        _margin(axes, margin, watch)
    return _svg(figure)


def _margin(axes: Axes, margin: MarginWatch, watch: CourseWatch) -> None:
    numbers = [point.fraction for point in margin.needed_points]
    axes.plot(numbers, [point.value for point in margin.needed_points], "o-", color=_BLUE, markersize=4)
    axes.axhline(1.0, color=_RED, linewidth=1.2)
    axes.annotate("all of the planned margin", (numbers[0], 1.0), xytext=(0, 4), textcoords="offset points", color=_RED)
    for one in margin.forecasts:
        if one.exceeded_at is not None:
            axes.axvline(one.exceeded_at, color=_ORANGE, linestyle="--", linewidth=1.0)
            axes.annotate(f"{one.axis} by trend", (one.exceeded_at, 0.05), rotation=90, fontsize=7, color=_GREY)
    _refused(axes, watch)
    _number_axis(axes, _last(watch))
    axes.set(
        ylim=(0, max(1.25, 1.1 * max(point.value for point in margin.needed_points))),
        ylabel="needed / planned",
        title=f"{_plain(margin.target)}: share of its margin, worst axis",
    )


def _volumes(watch: CourseWatch) -> bytes:
    known = [one for one in watch.volumes if one.points]
    if not known:
        return _nothing("No volume is known yet")
    known = sorted(known, key=lambda one: (not one.is_target, -abs(one.points[-1].value)))[:_MOST_VOLUMES]
    columns = min(4, len(known))
    rows = -(-len(known) // columns)
    figure = Figure(figsize=(13.0, 2.5 * rows), layout="constrained")
    every = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes in every[len(known) :]:
        axes.set_axis_off()
    for axes, volume in zip(every, known, strict=False):
        _volume(axes, volume, watch)
    return _svg(figure)


def _volume(axes: Axes, volume: VolumeWatch, watch: CourseWatch) -> None:
    axes.axhline(0.0, color=_GREY, linewidth=0.7)
    axes.plot(
        [point.fraction for point in volume.points],
        [point.value for point in volume.points],
        "o",
        color=_BLUE,
        markersize=4,
    )
    trend = volume.trend
    told = "no trend yet"
    if trend is not None:
        band = f"{trend.low_percent_per_week:+.1f} to {trend.high_percent_per_week:+.1f}"
        told = f"{trend.percent_per_week:+.1f} % a week ({band})"
    _refused(axes, watch)
    _number_axis(axes, _last(watch))
    axes.set(ylabel="% of plan", title=_plain(volume.name) + "\n" + told)


def _refused(axes: Axes, watch: CourseWatch) -> None:
    for fraction in watch.fractions:
        if fraction.verdict == "REFUSE":
            axes.axvline(fraction.number, color=_RED, linewidth=0.6, linestyle=":")
            axes.plot([fraction.number], [0.03], "x", color=_RED, transform=axes.get_xaxis_transform(), markersize=6)


def _number_axis(axes: Axes, last: int) -> None:
    axes.set_xlim(0.4, last + 0.6)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("fraction")


def _last(watch: CourseWatch) -> int:
    return max([2, watch.planned_fractions or 0, *(fraction.number for fraction in watch.fractions)])


def _plain(text: str) -> str:
    """Nothing that matplotlib would set as mathematics, and nothing that does not print."""
    return "".join(letter if letter.isprintable() else "?" for letter in text).replace("$", r"\$")


def _nothing(text: str) -> bytes:
    figure = Figure(figsize=(10.0, 0.8))
    figure.text(0.01, 0.5, text, va="center")
    return _svg(figure)


def _svg(figure: Figure) -> bytes:
    FigureCanvasSVG(figure)
    stream = io.BytesIO()
    figure.savefig(stream, format="svg", metadata={"Date": None})
    return stream.getvalue()
