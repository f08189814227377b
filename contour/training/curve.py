"""How a training run went: `curve.jsonl` read back, and drawn."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator
from numpy.typing import NDArray

_SIZE_INCHES = (9.0, 5.6)
_DOTS_PER_INCH = 110
_SHARE_SMOOTHED = 0.02
_MOST_DOTS = 4000
_LEARNT, _HELD_OUT, _RATE, _INK, _FAINT = "#1f5fa8", "#c2410c", "#5b6470", "#20262e", "#d5d9de"

Points = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """Loss and learning rate by step; each (n, 2), step first, in order of step."""

    loss: Points
    held_out_loss: Points
    rate: Points


def read_curve(path: Path) -> Curve:
    """The curve of a run, killed and resumed as often as it was.

    A resumed run writes steps since the last checkpoint again: the later line counts. A line that the kill cut short
    is among these, so what cannot be read is passed over.
    """
    found: dict[str, dict[int, float]] = {"loss": {}, "held_out_loss": {}, "rate": {}}
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            document = json.loads(line)
        except json.JSONDecodeError:
            continue
        for key, by_step in found.items():
            if isinstance(document, dict) and isinstance(document.get(key), (int, float)) and "step" in document:
                by_step[int(document["step"])] = float(document[key])
    return Curve(
        loss=_points(found["loss"]), held_out_loss=_points(found["held_out_loss"]), rate=_points(found["rate"])
    )


def draw_curve(curve: Curve, *, title: str) -> bytes:
    """A PNG: each step's loss as dots, its running mean and the held-out loss above, the learning rate below."""
    figure = Figure(figsize=_SIZE_INCHES, dpi=_DOTS_PER_INCH, facecolor="white", layout="constrained")
    FigureCanvasAgg(figure)
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(4, 1))
    _dress(above)
    _dress(below)
    above.set_title(title, loc="left", fontsize=11, color=_INK)
    _draw_losses(above, curve)
    if curve.rate.size:
        below.plot(*curve.rate.T, color=_RATE, linewidth=1.5)
    below.set_ylim(bottom=0)
    below.set_ylabel("learning rate", color=_INK)
    below.yaxis.set_major_locator(MaxNLocator(3))
    below.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    below.set_xlabel("step", color=_INK)
    below.xaxis.set_major_locator(MaxNLocator(integer=True))
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()


def _draw_losses(axes: Axes, curve: Curve) -> None:
    axes.set_ylabel("loss", color=_INK)
    smooth = running_mean(curve.loss)
    if curve.loss.size:
        every = max(1, len(curve.loss) // _MOST_DOTS)
        axes.plot(*curve.loss[::every].T, ".", color=_LEARNT, markersize=2, alpha=0.18, zorder=1)
        axes.plot(*smooth.T, color=_LEARNT, linewidth=1.8, label="learnt from, running mean", zorder=3)
        axes.set_ylim(*_range(curve))
    if curve.held_out_loss.size:
        axes.plot(
            *curve.held_out_loss.T, "o-", color=_HELD_OUT, linewidth=1.5, markersize=4, label="held out", zorder=4
        )
    if axes.get_legend_handles_labels()[0]:
        axes.legend(frameon=False, labelcolor=_INK)


def running_mean(points: Points) -> Points:
    """(n, 2): each value becomes the mean of its neighbourhood, a fiftieth of the run wide, half of it at both ends."""
    count = len(points)
    if count == 0:
        return points
    reach = max(1, round(count * _SHARE_SMOOTHED / 2))
    first = np.maximum(np.arange(count) - reach, 0)
    behind = np.minimum(np.arange(count) + reach + 1, count)
    sums = np.concatenate(([0.0], np.cumsum(points[:, 1])))
    return np.stack([points[:, 0], (sums[behind] - sums[first]) / (behind - first)], axis=1)


def _range(curve: Curve) -> tuple[float, float]:
    """All that is smooth or held out and nearly all single steps: a few wild ones must not flatten the rest."""
    lines = np.concatenate([running_mean(curve.loss)[:, 1], curve.held_out_loss[:, 1], curve.loss[:1, 1]])
    low, high = np.quantile(curve.loss[:, 1], [0.005, 0.995])
    low, high = min(low, float(lines.min())), max(high, float(lines.max()))
    room = 0.04 * (high - low) or 0.5
    return max(0.0, low - room) if low >= 0 else low - room, high + room


def _dress(axes: Axes) -> None:
    axes.grid(color=_FAINT, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.tick_params(colors=_INK, labelsize=9)
    for side, spine in axes.spines.items():
        spine.set_visible(side in {"left", "bottom"})
        spine.set_color(_FAINT)


def _points(by_step: dict[int, float]) -> Points:
    return np.asarray(sorted(by_step.items()), dtype=np.float64).reshape(-1, 2)
