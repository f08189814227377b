"""The preview: contours over the CT in three views, drawn from the structure set's own bytes."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from PIL import Image

from contour.anatomy.polygons import SlicePolygons
from contour.anatomy.structures import Structure
from contour.preview.annotation import CAUTION, FAINT, PAPER, annotate, write_frame
from contour.preview.levels import informative_planes
from contour.preview.views import View, view_of
from registration.grid import Coordinates
from registration.volume import Volume

SOFT_TISSUE_HU = (-160.0, 240.0)
AXIAL_PLANES = 6
_SIZE_INCHES = (16.0, 9.6)
_DOTS_PER_INCH = 100
_MARGIN_MM = {"axial": 30.0, "coronal": 45.0, "sagittal": 45.0}
_BODY_NAMES = {"external", "body", "skin"}


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawnStructure:
    """A structure as read back from a structure set: its polygons on the CT's slices, and the voxels they enclose."""

    name: str
    colour_rgb: tuple[int, int, int]
    polygons: SlicePolygons
    voxels: Structure

    @property
    def colour(self) -> tuple[float, float, float]:
        """For drawing, 0 to 1."""
        red, green, blue = (value / 255 for value in self.colour_rgb)
        return red, green, blue


def draw_views(ct: Volume, drawn: Sequence[DrawnStructure]) -> bytes:
    """A PNG: up to six axial planes, one coronal, one sagittal, a legend with volumes. No patient data."""
    figure = Figure(figsize=_SIZE_INCHES, dpi=_DOTS_PER_INCH, facecolor=PAPER)
    FigureCanvasAgg(figure)
    voxels = [structure.voxels for structure in drawn]
    axial, coronal, sagittal = (view_of(ct.grid, name) for name in ("axial", "coronal", "sagittal"))
    levels = informative_planes(voxels, axial.normal_axis, AXIAL_PLANES) or (ct.grid.shape_zyx[axial.normal_axis] // 2,)
    if np.asarray(ct.grid.axes_xyz)[axial.normal_axis][2] > 0:
        levels = levels[::-1]  # read from the head down

    box = _organ_box_mm(ct, drawn)
    places = figure.add_gridspec(
        2, 4, left=0.015, right=0.985, top=0.935, bottom=0.105, wspace=0.02, hspace=0.03, width_ratios=(1, 1, 1, 1.15)
    )
    for number, level in enumerate(levels):
        axes = figure.add_subplot(places[number // 3, number % 3])
        _draw(axes, axial, level, ct=ct, drawn=drawn, box=box)
    for row, view in enumerate((coronal, sagittal)):
        level = (informative_planes(voxels, view.normal_axis, 1) or (ct.grid.shape_zyx[view.normal_axis] // 2,))[0]
        axes = figure.add_subplot(places[row, 3])
        _draw(axes, view, level, ct=ct, drawn=drawn, box=box)
        _mark_levels(axes, view, axial, levels)
    write_frame(figure, ct.grid, [(d.name, d.voxels.volume_ml, d.colour) for d in drawn], window_hu=SOFT_TISSUE_HU)
    return _png(figure, drawn)


def _png(figure: Figure, drawn: Sequence[DrawnStructure]) -> bytes:
    """With a palette of greys and the structures' colours: less than half the bytes of full colour."""
    pixels = io.BytesIO()
    figure.savefig(pixels, format="rgba", facecolor=PAPER)
    width, height = (round(inches * _DOTS_PER_INCH) for inches in _SIZE_INCHES)
    picture = Image.frombytes("RGBA", (width, height), pixels.getvalue()).convert("RGB")
    palette = Image.new("P", (1, 1))
    palette.putpalette(_palette(drawn))
    buffer = io.BytesIO()
    picture.quantize(palette=palette, dither=Image.Dither.NONE).save(buffer, format="png")
    return buffer.getvalue()


def _palette(drawn: Sequence[DrawnStructure]) -> bytes:
    """256 colours: 64 greys, then each colour pure and mixed with black, grey and white, as smooth lines need."""
    greys = np.repeat(np.linspace(0, 255, 64)[:, None], 3, axis=1)
    inks = np.asarray([to_rgb(colour) for colour in (CAUTION, PAPER)]) * 255
    pure = np.asarray([d.colour_rgb for d in drawn], dtype=np.float64).reshape(-1, 3)
    mixed = [
        share * np.vstack([pure, inks]) + (1 - share) * background
        for share in (1.0, 0.6, 0.3, 0.8, 0.45)
        for background in ((0.0, 128.0, 255.0) if share < 1.0 else (0.0,))
    ]
    colours = np.vstack([greys, *mixed])[:256]
    return np.pad(colours, ((0, 256 - len(colours)), (0, 0))).round().astype(np.uint8).tobytes()


def _organ_box_mm(ct: Volume, drawn: Sequence[DrawnStructure]) -> tuple[tuple[float, float], ...]:
    """Per array axis the range that holds every structure but the body, in mm from the first voxel; all when none."""
    organs = [d.voxels for d in drawn if d.name.casefold() not in _BODY_NAMES and not d.voxels.is_empty]
    ranges = []
    for axis, (size, step_mm) in enumerate(zip(ct.grid.shape_zyx, ct.grid.spacing_zyx_mm, strict=True)):
        lows = [organ.lower_zyx[axis] for organ in organs] or [0]
        highs = [organ.lower_zyx[axis] + organ.mask_zyx.shape[axis] for organ in organs] or [size]
        ranges.append(((min(lows) - 0.5) * step_mm, (max(highs) - 0.5) * step_mm))
    return tuple(ranges)


def _frame_mm(
    axes: Axes, view: View, box: tuple[tuple[float, float], ...]
) -> tuple[tuple[float, float], tuple[float, float]]:
    """What to show across and down: the organs and a margin, grown to the panel's shape but not beyond the CT."""
    place = axes.get_position(original=True)
    panel = (place.width * _SIZE_INCHES[0]) / (place.height * _SIZE_INCHES[1])
    across, down = view.across_axis, view.down_axis
    wanted_across_mm, wanted_down_mm = (
        box[axis][1] - box[axis][0] + 2 * _MARGIN_MM[view.name] for axis in (across, down)
    )
    down_mm = min(max(wanted_down_mm, wanted_across_mm / panel), _length_mm(view, down))
    across_mm = min(max(wanted_across_mm, down_mm * panel), _length_mm(view, across))
    return _centred(view, across, box, across_mm), _centred(view, down, box, down_mm)


def _length_mm(view: View, axis: int) -> float:
    low_mm, high_mm = view.axis_edges_mm(axis)
    return high_mm - low_mm


def _centred(view: View, axis: int, box: tuple[tuple[float, float], ...], length_mm: float) -> tuple[float, float]:
    low_mm, high_mm = view.axis_edges_mm(axis)
    start_mm = sum(box[axis]) / 2 - length_mm / 2
    start_mm = min(max(start_mm, low_mm), high_mm - length_mm)
    return start_mm, start_mm + length_mm


def _draw(
    axes: Axes,
    view: View,
    level: int,
    *,
    ct: Volume,
    drawn: Sequence[DrawnStructure],
    box: tuple[tuple[float, float], ...],
) -> None:
    left, right, bottom, top = view.edges_mm
    plane = np.asarray(view.plane(ct.values_zyx, level), dtype=np.float32)
    # the array runs along growing millimetres, whatever way the picture runs
    extent = (min(left, right), max(left, right), max(bottom, top), min(bottom, top))
    low_hu, high_hu = SOFT_TISSUE_HU
    axes.imshow(plane, cmap="gray", vmin=low_hu, vmax=high_hu, extent=extent, aspect="equal", interpolation="bilinear")
    for structure in drawn:
        lines = _polygons(structure, view, level) if view.normal_axis == 0 else _outlines(structure, view, level)
        width = 1.0 if structure.name.casefold() in _BODY_NAMES else 1.5
        axes.add_collection(LineCollection(lines, colors=[structure.colour], linewidths=width, capstyle="round"))
    across, down = _frame_mm(axes, view, box)
    axes.set_xlim(across if view.across_sign > 0 else across[::-1])
    axes.set_ylim(down[::-1] if view.down_sign > 0 else down)
    axes.set_facecolor("black")
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(False)
    annotate(axes, view, level)


def _polygons(structure: DrawnStructure, view: View, level: int) -> list[Coordinates]:
    """The contours of one slice, as the boundary they are: a keyhole's bridge, drawn there and back, is left out."""
    lines: list[Coordinates] = []
    for number in np.flatnonzero(structure.polygons.slice_z == level):
        points_yx = structure.polygons.polygon_yx(int(number))
        points_mm = view.in_picture_mm(np.insert(points_yx, 0, level, axis=1))
        edges_mm = np.stack([points_mm, np.roll(points_mm, -1, axis=0)], axis=1)
        unordered = np.sort(edges_mm.round(3).view(np.complex128)[..., 0], axis=1)
        _, first, times = np.unique(unordered, axis=0, return_index=True, return_counts=True)
        if np.all(times == 1):
            lines.append(np.vstack([points_mm, points_mm[:1]]))
        else:
            lines.extend(edges_mm[np.sort(first[times == 1])])
    return lines


def _outlines(structure: DrawnStructure, view: View, level: int) -> list[Coordinates]:
    """Where the plane cuts the voxels that the polygons enclose."""
    return outline_of(structure.voxels, view, level)


def outline_of(voxels: Structure, view: View, level: int) -> list[Coordinates]:
    """Where a plane cuts a structure's voxels, half-way between inside and outside; lines in picture millimetres."""
    from contourpy import contour_generator

    inside = level - voxels.lower_zyx[view.normal_axis]
    if not 0 <= inside < voxels.mask_zyx.shape[view.normal_axis]:
        return []
    cut = np.pad(np.asarray(view.plane(voxels.mask_zyx, inside), dtype=np.float32), 1)
    step_down_mm, step_across_mm = (voxels.grid.spacing_zyx_mm[axis] for axis in (view.down_axis, view.across_axis))
    down_mm = (np.arange(cut.shape[0]) - 1 + voxels.lower_zyx[view.down_axis]) * step_down_mm
    across_mm = (np.arange(cut.shape[1]) - 1 + voxels.lower_zyx[view.across_axis]) * step_across_mm
    return [np.asarray(line) for line in contour_generator(across_mm, down_mm, cut).lines(0.5)]


def _mark_levels(axes: Axes, view: View, axial: View, levels: Sequence[int]) -> None:
    """Thin lines where the axial planes lie."""
    step_mm = view.grid.spacing_zyx_mm[axial.normal_axis]
    for level in levels:
        if view.down_axis == axial.normal_axis:
            axes.axhline(level * step_mm, color=FAINT, linewidth=0.5, alpha=0.7, dashes=(4, 4))
