"""What is written on the preview: orientation letters, plane positions, scales, the legend and the warning."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke

from contour import __version__
from contour.preview.views import View
from registration.grid import Grid

PAPER = "#0b0d10"
FAINT = "#9aa0a6"
CAUTION = "#f5b041"
_INK = "#e8eaed"
_OUTLINE = [withStroke(linewidth=2.5, foreground="black")]
_BAR_MM = 50.0
_FLAT = 0.3
_LONG_NAME = 13
"""Below this height over width a view has no room for text inside."""

LegendEntry = tuple[str, float, tuple[float, float, float]]
"""Name, volume in ml, colour from 0 to 1."""


def annotate(axes: Axes, view: View, level: int) -> None:
    """Letters at the edges, the plane's position and a scale; beside the picture where that is too flat for them."""
    (x0, x1), (y0, y1) = axes.get_xlim(), axes.get_ylim()
    title = f"{view.name}  {_position(view, level)}"
    left, right, top, bottom = view.letters
    _letter(axes, 0.012, 0.5, left, ha="left", va="center")
    _letter(axes, 0.988, 0.5, right, ha="right", va="center")
    if abs(y1 - y0) < _FLAT * abs(x1 - x0):
        _letter(axes, 0.5, 1.1, top, ha="center", va="bottom")
        _letter(axes, 0.5, -0.1, bottom, ha="center", va="top")
        axes.text(0.0, 1.1, title, transform=axes.transAxes, color=_INK, size=9, va="bottom")
        return
    _letter(axes, 0.5, 0.985, top, ha="center", va="top")
    _letter(axes, 0.5, 0.015, bottom, ha="center", va="bottom")
    axes.text(0.015, 0.985, title, transform=axes.transAxes, color=_INK, size=9, va="top", path_effects=_OUTLINE)
    _draw_scale(axes)


def _letter(axes: Axes, x: float, y: float, letter: str, *, ha: str, va: str) -> None:
    axes.text(
        x, y, letter, transform=axes.transAxes, color=_INK, size=11, weight="bold", ha=ha, va=va, path_effects=_OUTLINE
    )  # fmt: skip


def _position(view: View, level: int) -> str:
    """Where the plane's centre lies, along the patient axis it is across."""
    grid = view.grid
    centre = np.asarray([(size - 1) / 2 for size in grid.shape_zyx])
    centre[view.normal_axis] = level
    patient_axis = {"axial": 2, "coronal": 1, "sagittal": 0}[view.name]
    return f"{'xyz'[patient_axis]} = {grid.to_point_xyz_mm(centre)[patient_axis]:+.1f} mm"


def _draw_scale(axes: Axes) -> None:
    (x0, x1), (y0, y1) = axes.get_xlim(), axes.get_ylim()
    start = x0 + 0.03 * (x1 - x0)
    end = start + np.copysign(_BAR_MM, x1 - x0)
    height = y0 + 0.03 * (y1 - y0)
    axes.add_line(Line2D([start, end], [height, height], color=_INK, linewidth=2, path_effects=_OUTLINE))
    above = y0 + 0.045 * (y1 - y0)
    text = f"{_BAR_MM:.0f} mm"
    axes.text((start + end) / 2, above, text, color=_INK, size=8, ha="center", path_effects=_OUTLINE)


def _literal(name: str) -> str:
    """A name as it is: matplotlib would set what stands between dollar signs as mathematics."""
    return "".join(letter for letter in name if letter.isprintable()).replace("$", r"\$")


def write_frame(figure: Figure, grid: Grid, legend: Sequence[LegendEntry], *, window_hu: tuple[float, float]) -> None:
    """The heading with size, voxel and window; the legend with volumes; and what the picture must not be used for."""
    slices, rows, columns = grid.shape_zyx
    dz, dy, dx = grid.spacing_zyx_mm
    figure.text(0.015, 0.965, "Structure set over planning CT", color=_INK, size=15, weight="bold", va="center")
    scan = (
        f"{slices} slices of {columns} x {rows}   voxel {dx:.3g} x {dy:.3g} x {dz:.3g} mm"
        f"   window {window_hu[0]:.0f} to {window_hu[1]:.0f} HU"
    )
    figure.text(0.985, 0.965, scan, color=FAINT, size=9.5, ha="right", va="center")
    figure.legend(
        [Line2D([], [], color=colour, linewidth=3) for _, _, colour in legend],
        [f"{_literal(name)}  {volume_ml:.1f} ml" for name, volume_ml, _ in legend],
        loc="center",
        bbox_to_anchor=(0.5, 0.068),
        ncols=_legend_columns([name for name, _, _ in legend]),
        frameon=False,
        labelcolor=_INK,
        fontsize=10,
        handlelength=1.4,
        columnspacing=1.8,
    )
    warning = (
        f"UNAPPROVED, drawn by software (contour {__version__}) from the RTSTRUCT as written.  "
        "Research software, not a medical device; not for clinical use without review."
    )
    figure.text(0.5, 0.018, warning, color=CAUTION, size=10, ha="center", va="center")


def _legend_columns(names: Sequence[str]) -> int:
    """As many as fit across the picture: fewer where a name is long."""
    fit = 6 if any(len(name) > _LONG_NAME for name in names) else 8
    return min(fit, max(1, len(names)))
