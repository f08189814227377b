"""The picture of an evaluation: for each structure every patient as a dot, in Dice and in HD95."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from contour.training.evaluation import Evaluation
from contour.training.summary import INTERVAL_PERCENT, Mean, StructureSummary

_ORGAN, _PROPOSAL, _INK, _FAINT = "#2b6ca3", "#c2571a", "#202124", "#8a9096"
_TICKS_MM = (1, 2, 5, 10, 20, 50, 100, 200)
_SPREAD = 0.2
"""How far dots lie from their row's middle at most, in rows."""

_GOLDEN = (5**0.5 - 1) / 2
"""Its multiples, without their whole part, keep neighbours apart; the same in each drawing."""

_MEAN_BELOW = 0.36

_DPI = 150


def draw_box_plot(evaluation: Evaluation) -> bytes:
    """A PNG: Dice on the left, HD95 on the right, one row per structure, the worst patients by name."""
    rows = evaluation.rows
    figure = Figure(figsize=(12.5, 1.9 + 0.62 * max(len(rows), 1)), layout="constrained")
    FigureCanvasAgg(figure)
    figure.get_layout_engine().set(wspace=0.05)  # type: ignore[union-attr,call-arg]
    left, right = figure.subplots(1, 2, sharey=True)
    for at, row in enumerate(rows):
        measured = [one for one in evaluation.each if one.structure == row.structure]
        colour = _PROPOSAL if row.proposal else _ORGAN
        _draw_row(left, at, [(one.case, one.dice) for one in measured], row.dice, colour)
        if row.hd95_mm is not None:
            distances = [(one.case, one.hd95_mm) for one in measured if one.hd95_mm is not None]
            _draw_row(right, at, distances, row.hd95_mm, colour)
        _note_without_distance(right, at, row)
    _set_up_axes(left, right, rows)
    _write_titles(figure, left, right, evaluation)
    picture = io.BytesIO()
    figure.savefig(picture, format="png", dpi=_DPI, facecolor="white", metadata={"Software": None})
    return picture.getvalue()


def _draw_row(axes: Axes, at: int, patients: Sequence[tuple[str, float]], mean: Mean, colour: str) -> None:
    """Box of the quartiles, every patient, the mean with its interval under them, and the worst patient's name."""
    values = [value for _, value in patients]
    axes.boxplot(
        values,
        positions=[at],
        orientation="horizontal",
        widths=0.5,
        showfliers=False,
        patch_artist=True,
        manage_ticks=False,
        boxprops={"facecolor": colour, "alpha": 0.16, "edgecolor": colour},
        medianprops={"color": colour, "linewidth": 1.8},
        whiskerprops={"color": colour, "alpha": 0.6},
        capprops={"color": colour, "alpha": 0.6},
    )
    heights = [at + _SPREAD * (2.0 * (order * _GOLDEN % 1.0) - 1.0) for order in range(len(values))]
    axes.scatter(values, heights, s=15, color=colour, alpha=0.7, edgecolors="white", linewidths=0.4, zorder=3)
    below = at + _MEAN_BELOW
    if mean.low is not None and mean.high is not None:
        axes.plot([mean.low, mean.high], [below, below], color=_INK, linewidth=1.8, solid_capstyle="butt", zorder=4)
    axes.plot(mean.mean, below, marker="D", markersize=4.5, color=_INK, markeredgecolor="white", zorder=5)
    height = heights[[name for name, _ in patients].index(mean.worst_case)]
    axes.scatter(mean.worst, height, s=36, facecolors="none", edgecolors=colour, linewidths=1.2, zorder=4)
    axes.annotate(
        _literal(mean.worst_case), (mean.worst, height), xytext=(0, 5), textcoords="offset points",
        ha="center", va="bottom", size=7.5, color=_INK, zorder=6,
    )  # fmt: skip


def _note_without_distance(axes: Axes, at: int, row: StructureSummary) -> None:
    if row.not_answered:
        text = f"{row.not_answered} without answer"
        axes.annotate(
            text, (1.0, at), xycoords=("axes fraction", "data"), xytext=(-4, 0), textcoords="offset points",
            ha="right", va="center", size=7.5, color="#b3261e", zorder=6,
        )  # fmt: skip


def _set_up_axes(left: Axes, right: Axes, rows: Sequence[StructureSummary]) -> None:
    left.set_yticks(range(len(rows)), [f"{_literal(row.structure)}\nn = {row.n}" for row in rows], size=9.5)
    left.set_ylim(max(len(rows), 1) - 0.5, -0.62)
    left.set_xlim(-0.03, 1.02)
    left.set_xticks(np.linspace(0, 1, 11))
    left.set_xlabel("Dice")
    right.set_xscale("log")
    worst = [row.hd95_mm.worst for row in rows if row.hd95_mm is not None]
    right.set_xlim(1.0, max([*worst, 10.0]) * 1.6)
    right.xaxis.set_major_locator(FixedLocator(_TICKS_MM))
    right.xaxis.set_minor_locator(NullLocator())
    right.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    right.set_xlabel("HD95 in mm, logarithmic")
    for axes in (left, right):
        axes.grid(axis="x", color="#e3e6ea", linewidth=0.8)
        axes.set_axisbelow(True)
        axes.tick_params(length=0, colors=_INK)
        for side in ("top", "right", "left"):
            axes.spines[side].set_visible(False)
        axes.spines["bottom"].set_color(_FAINT)


def _write_titles(figure: Figure, left: Axes, right: Axes, evaluation: Evaluation) -> None:
    refused = f", {len(evaluation.refused)} of them refused" if evaluation.refused else ""
    title = f"{evaluation.model} {evaluation.version} on {len(evaluation.cases)} patients{refused}"
    figure.suptitle(_literal(title), size=13, weight="bold", color=_INK, x=0.01, ha="left")
    left.set_title("further right is better", size=9, color=_FAINT, loc="left")
    right.set_title("further left is better", size=9, color=_FAINT, loc="left")
    keys = [
        Line2D([], [], marker="o", linestyle="", markersize=4, color=_ORGAN, label="a patient"),
        Line2D([], [], marker="o", linestyle="", markersize=8, markerfacecolor="none", color=_ORGAN, label="the worst"),
        Line2D([], [], color=_ORGAN, linewidth=1.8, label="median in the box of the middle half"),
        Line2D(
            [],
            [],
            color=_INK,
            linewidth=2.2,
            marker="D",
            markersize=5,
            label=f"mean and its {INTERVAL_PERCENT} % interval",
        ),
    ]
    if any(row.proposal for row in evaluation.rows):
        keys.append(
            Line2D(
                [],
                [],
                marker="s",
                linestyle="",
                markersize=8,
                color=_PROPOSAL,
                label="target, a proposal from CT alone",
            )
        )
    figure.legend(handles=keys, loc="outside lower center", ncols=len(keys), frameon=False, fontsize=8.5)


def _literal(text: str) -> str:
    """A name as it is: matplotlib would set what stands between dollar signs as mathematics."""
    return text.replace("$", r"\$")
