"""One fraction at a glance: verdict, the scans before and after, plan and carried contours, and what moved."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from contour.adaptation.fraction_report import FractionReport
from contour.anatomy.structures import Structure
from contour.preview.annotation import PAPER, annotate
from contour.preview.fraction_text import draw_table, write_frame
from contour.preview.levels import informative_planes
from contour.preview.picture import outline_of
from contour.preview.views import View, ViewName, view_of
from registration.errors import AlignmentError
from registration.foreground import body_mask
from registration.grid import Coordinates
from registration.transform import Alignment, RigidTransform
from registration.volume import Volume
from registration.warp import sample

SOFT_TISSUE_HU = (-160.0, 240.0)
SIZE_INCHES = (18.0, 12.5)
_DOTS_PER_INCH = 100
_AXIAL_PLANES = 3
_NOT_COVERED = 0.25
_BODY_NAMES = {"external", "body", "skin"}
_MARGIN_MM = 12.0
Box = tuple[tuple[float, float], ...]
_VIEWS: tuple[ViewName, ...] = ("axial", "coronal", "sagittal")


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawnStructure:
    """A structure of the plan on the day's grid, by set-up alone and by the whole alignment."""

    name: str
    colour_rgb: tuple[int, int, int]
    by_setup: Structure
    carried: Structure
    verdict: Literal["PASS", "LOOK", "REFUSE"]

    @property
    def colour(self) -> tuple[float, float, float]:
        """For drawing, 0 to 1; never too dark for the paper."""
        red, green, blue = (0.25 + 0.75 * value / 255 for value in self.colour_rgb)
        return red, green, blue


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawnFraction:
    """What the report's picture shows.

    Args:
        plan: Planning CT.
        daily: The day's scan.
        alignment: Day to plan; None where there is none, and the scans are shown as their coordinates have it.
        structures: Carried ones; none of a refused fraction.
        report: For heading and table.
    """

    plan: Volume
    daily: Volume
    alignment: Alignment | None
    structures: tuple[DrawnStructure, ...]
    report: FractionReport


def draw_fraction(fraction: DrawnFraction) -> bytes:
    """A PNG without patient data; the same fraction gives the same bytes."""
    figure = Figure(figsize=SIZE_INCHES, dpi=_DOTS_PER_INCH, facecolor=PAPER)
    FigureCanvasAgg(figure)
    alignment = fraction.alignment or Alignment(
        rigid=RigidTransform(),
        field=None,
        fixed_frame_uid=fraction.daily.grid.frame_of_reference_uid,
        moving_frame_uid=fraction.plan.grid.frame_of_reference_uid,
    )
    box = _body_box(fraction.daily)
    shown = [one.carried for one in fraction.structures if one.name.casefold() not in _BODY_NAMES]
    upper = figure.add_gridspec(
        1, 6, left=0.012, right=0.988, top=0.875, bottom=0.655, wspace=0.03, width_ratios=(1.1, 1, 1, 1.1, 1, 1)
    )
    for column, (name, whole) in enumerate([(v, False) for v in _VIEWS] + [(v, True) for v in _VIEWS]):
        view = view_of(fraction.daily.grid, name)
        axes = figure.add_subplot(upper[0, column])
        _overlay(
            axes, view, _level(shown, view), fraction, alignment=alignment if whole else alignment.rigid_only, box=box
        )
    lower = figure.add_gridspec(1, _AXIAL_PLANES, left=0.012, right=0.988, top=0.61, bottom=0.36, wspace=0.02)
    axial = view_of(fraction.daily.grid, "axial")
    levels = informative_planes(shown, axial.normal_axis, _AXIAL_PLANES) or (_level(shown, axial),)
    if np.asarray(fraction.daily.grid.axes_xyz)[axial.normal_axis][2] > 0:
        levels = levels[::-1]
    for number, level in enumerate(levels):
        _contours(figure.add_subplot(lower[0, number]), axial, level, fraction, box)
    write_frame(figure, fraction.report, aligned=fraction.alignment is not None, carried=bool(fraction.structures))
    draw_table(figure, fraction.report, {one.name: one.colour for one in fraction.structures})
    _legend(figure, fraction.structures)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", facecolor=PAPER, metadata={"Software": None})
    return buffer.getvalue()


def _level(shown: Sequence[Structure], view: View) -> int:
    filled = [one for one in shown if not one.is_empty]
    chosen = informative_planes(filled, view.normal_axis, 1) if filled else ()
    return chosen[0] if chosen else view.grid.shape_zyx[view.normal_axis] // 2


def _overlay(axes: Axes, view: View, level: int, fraction: DrawnFraction, *, alignment: Alignment, box: Box) -> None:
    """Plan in magenta, day in green: grey where they agree; dimmed where the plan's scan shows nothing."""
    today = _windowed(np.asarray(view.plane(fraction.daily.values_zyx, level), dtype=np.float32))
    planned = sample(fraction.plan, alignment.map_points(_plane_points(view, level)), outside=np.nan)
    covered = np.isfinite(planned)
    plan = _windowed(np.where(covered, planned, -1000.0).astype(np.float32))
    picture = np.stack([plan, today, plan], axis=-1)
    picture[~covered] = today[~covered][:, None] * _NOT_COVERED
    _show(axes, view, picture, box)
    annotate(axes, view, level)


def _contours(axes: Axes, view: View, level: int, fraction: DrawnFraction, box: Box) -> None:
    """The day's plane with the plan's contours after set-up (dashed) and the carried ones (solid)."""
    plane = _windowed(np.asarray(view.plane(fraction.daily.values_zyx, level), dtype=np.float32))
    _show(axes, view, np.repeat(plane[..., None], 3, axis=-1), box)
    for one in fraction.structures:
        for structure, style, width in ((one.by_setup, (0, (2, 2)), 0.9), (one.carried, "solid", 1.5)):
            if one.verdict == "REFUSE" and structure is one.carried:
                continue
            lines = outline_of(structure, view, level)
            axes.add_collection(LineCollection(lines, colors=[one.colour], linewidths=width, linestyles=[style]))
    annotate(axes, view, level)


def _legend(figure: Figure, structures: Sequence[DrawnStructure]) -> None:
    if not structures:
        return
    figure.legend(
        [Line2D([], [], color="#e8eaed", linewidth=1.5), Line2D([], [], color="#e8eaed", linewidth=0.9, dashes=(2, 2))],
        ["carried to today", "plan, set-up put right"],
        loc="lower right",
        bbox_to_anchor=(0.988, 0.612),
        ncols=2,
        frameon=False,
        labelcolor="#e8eaed",
        fontsize=9,
    )


def _plane_points(view: View, level: int) -> Coordinates:
    """(down, across, 3) positions of a plane's voxels, in the order of `View.plane`."""
    first, second = sorted((view.down_axis, view.across_axis))
    rows, columns = np.meshgrid(
        np.arange(view.grid.shape_zyx[first]), np.arange(view.grid.shape_zyx[second]), indexing="ij"
    )
    index = np.empty((*rows.shape, 3))
    index[..., view.normal_axis] = level
    index[..., first], index[..., second] = rows, columns
    points = view.grid.to_point_xyz_mm(index)
    return points if view.down_axis < view.across_axis else points.transpose(1, 0, 2)


def _windowed(values: NDArray[np.float32]) -> NDArray[np.float32]:
    low, high = SOFT_TISSUE_HU
    return np.asarray(np.clip((values - low) / (high - low), 0.0, 1.0), dtype=np.float32)


def _body_box(daily: Volume) -> Box:
    """Per array axis the millimetres, from the first voxel, that hold the patient and a margin."""
    grid = daily.grid
    whole = [(-step / 2, (size - 0.5) * step) for size, step in zip(grid.shape_zyx, grid.spacing_zyx_mm, strict=True)]
    try:
        body = body_mask(daily)
    except AlignmentError:
        return tuple(whole)
    inside = grid.to_index_zyx(body.grid.to_point_xyz_mm(np.argwhere(body.values_zyx).astype(np.float64)))
    low = (inside.min(axis=0) - 0.5) * grid.spacing_zyx_mm - _MARGIN_MM
    high = (inside.max(axis=0) + 0.5) * grid.spacing_zyx_mm + _MARGIN_MM
    return tuple(
        (max(first, float(a)), min(last, float(b))) for (first, last), a, b in zip(whole, low, high, strict=True)
    )


def _show(axes: Axes, view: View, picture: NDArray[np.float32], box: Box) -> None:
    left, right, bottom, top = view.edges_mm
    extent = (min(left, right), max(left, right), max(bottom, top), min(bottom, top))
    axes.imshow(picture, extent=extent, aspect="equal", interpolation="bilinear")
    across, down = box[view.across_axis], box[view.down_axis]
    axes.set_xlim(across if view.across_sign > 0 else across[::-1])
    axes.set_ylim(down[::-1] if view.down_sign > 0 else down)
    axes.set_facecolor("black")
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(False)
