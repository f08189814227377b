"""What is wrong with the contours of one ROI."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from contour.anatomy.crossing_test import crosses_itself
from contour.anatomy.keyholes import row_crossings
from contour.anatomy.marching import Floats
from contour.anatomy.thinning import loop_areas
from contour.dicom.contour_placement import PlacedContours
from contour.dicom.ct_series import CtSeries
from contour.dicom.lint_finding import LintFinding
from contour.dicom.rtstruct_reader import CLOSED_TYPES, Contour, Roi

MOST_DECIMAL_BYTES = 16
MOST_EXPLICIT_BYTES = 65_534
OFF_SLICE_MM = 0.01
GROSSLY_OFF_SLICE_MM = 0.5
UNEVEN_MM = 0.01
_KNOWN_TYPES = CLOSED_TYPES | {"POINT", "OPEN_PLANAR", "OPEN_NONPLANAR"}
_FIELD_MARGIN_VOXELS = 1.0
_TINY_VOXELS = 0.25
_MOST_POINTS_TESTED = 10_000
_MOST_RINGS_COMPARED = 40
_SAME_POINT_VOXELS = 1e-4


def lint_contours(roi: Roi, placed: PlacedContours, series: CtSeries) -> Iterator[LintFinding]:
    """Findings about the contours of a ROI, one per kind of fault with the number of contours that have it.

    Args:
        roi: With all of its contours.
        placed: Its closed contours, on the series.
        series: The CT.
    """
    name = roi.name or f"#{roi.number}"
    yield from _lint_text(roi, name)
    yield from _lint_kinds(roi, name)
    closed = [contour for contour in roi.contours if contour.is_closed]
    if closed:
        yield from _lint_planes(closed, placed, series, name)
        yield from _lint_shapes(closed, placed, series, name)
        yield from _lint_holes(closed, placed, name)


@dataclass(frozen=True, slots=True)
class _Tally:
    """Turns a number of faulty contours into no finding or one."""

    name: str
    total: int

    def error(self, code: str, found: int, message: str, **measured: str) -> Iterator[LintFinding]:
        if found:
            yield LintFinding.error(code, self._text(found, message), roi=self.name, contours=str(found), **measured)

    def warning(self, code: str, found: int, message: str, **measured: str) -> Iterator[LintFinding]:
        if found:
            yield LintFinding.warning(code, self._text(found, message), roi=self.name, contours=str(found), **measured)

    def info(self, code: str, found: int, message: str, **measured: str) -> Iterator[LintFinding]:
        if found:
            yield LintFinding.info(code, self._text(found, message), roi=self.name, contours=str(found), **measured)

    def _text(self, found: int, message: str) -> str:
        return f"{found} of {self.total} contours {message}"


def _lint_text(roi: Roi, name: str) -> Iterator[LintFinding]:
    contours = roi.contours
    tally = _Tally(name, len(contours))
    longest = max((contour.longest_decimal_bytes for contour in contours), default=0)
    long = sum(contour.longest_decimal_bytes > MOST_DECIMAL_BYTES for contour in contours)
    yield from tally.error(
        "DS_TOO_LONG",
        long,
        f"hold decimal strings of up to {longest} bytes; {MOST_DECIMAL_BYTES} are allowed",
        longest_bytes=str(longest),
    )
    broken = [contour.problem for contour in contours if contour.problem]
    if broken:
        yield LintFinding.error(
            "UNREADABLE_CONTOUR",
            f"{len(broken)} of {len(contours)} contours cannot be read: the first {broken[0]}",
            roi=name,
        )
    odd = sum(contour.data_bytes % 2 for contour in contours)
    yield from tally.error("ODD_LENGTH", odd, "have Contour Data of odd length")
    huge = sum(contour.data_bytes > MOST_EXPLICIT_BYTES for contour in contours)
    yield from tally.info("IMPLICIT_VR_ONLY", huge, "are too long for an explicit VR transfer syntax")
    wrong = sum(contour.stated_points != contour.points_xyz_mm.shape[0] for contour in contours if not contour.problem)
    yield from tally.error("POINT_COUNT", wrong, "have another number of points than they state")


def _lint_kinds(roi: Roi, name: str) -> Iterator[LintFinding]:
    contours = roi.contours
    tally = _Tally(name, len(contours))
    kinds = {contour.geometric_type for contour in contours}
    strange = sum(contour.geometric_type not in _KNOWN_TYPES for contour in contours)
    yield from tally.error("UNKNOWN_GEOMETRY", strange, "have no known geometric type")
    open_kinds = sum(contour.geometric_type in _KNOWN_TYPES - CLOSED_TYPES for contour in contours)
    yield from tally.info("NOT_CLOSED", open_kinds, "are points or open lines")
    if kinds >= CLOSED_TYPES:
        yield LintFinding.error("MIXED_HOLES", "mixes CLOSED_PLANAR with CLOSEDPLANAR_XOR contours", roi=name)
    few = sum(
        contour.geometric_type in CLOSED_TYPES and not contour.problem and contour.points_xyz_mm.shape[0] < 3
        for contour in contours
    )
    yield from tally.error("TOO_FEW_POINTS", few, "have fewer than three points")
    unreferenced = sum(not contour.referenced_sop_instance_uids for contour in contours)
    yield from tally.warning("NO_IMAGE", unreferenced, "name no image")


def _lint_planes(closed: list[Contour], placed: PlacedContours, series: CtSeries, name: str) -> Iterator[LintFinding]:
    tally = _Tally(name, len(closed))
    away = np.abs(placed.off_slice_mm)
    farthest = f"{float(away.max()):.3f}"
    up_to = f", by up to {farthest} mm"
    slightly = int(((away > OFF_SLICE_MM) & (away <= GROSSLY_OFF_SLICE_MM)).sum())
    grossly = int((away > GROSSLY_OFF_SLICE_MM).sum())
    yield from tally.warning("OFF_SLICE", slightly, f"lie a little off every slice{up_to}", off_mm=farthest)
    yield from tally.error("OFF_SLICE", grossly, f"lie off every slice{up_to}", off_mm=farthest)
    uneven = int((placed.uneven_mm > UNEVEN_MM).sum())
    worst = f"{float(placed.uneven_mm.max()):.3f}"
    yield from tally.error("NOT_PLANAR", uneven, f"leave the plane of a slice, by up to {worst} mm", uneven_mm=worst)
    own = [series.slices[z].sop_instance_uid for z in placed.polygons.slice_z.tolist()]
    everything = {reference.sop_instance_uid for reference in series.slices}
    pairs = list(zip(closed, own, strict=True))
    strangers = sum(not everything.issuperset(contour.referenced_sop_instance_uids) for contour, _ in pairs)
    yield from tally.error("UNKNOWN_IMAGE", strangers, "name an image that the CT lacks")
    wrong = sum(
        bool(contour.referenced_sop_instance_uids)
        and everything.issuperset(contour.referenced_sop_instance_uids)
        and uid not in contour.referenced_sop_instance_uids
        for contour, uid in pairs
    )
    yield from tally.error("WRONG_IMAGE", wrong, "name another image than they lie on")


def _lint_shapes(closed: list[Contour], placed: PlacedContours, series: CtSeries, name: str) -> Iterator[LintFinding]:
    tally = _Tally(name, len(closed))
    polygons = placed.polygons
    firsts, lasts = polygons.starts[:-1], polygons.starts[1:] - 1
    repeated = int((polygons.points_yx[firsts] == polygons.points_yx[lasts]).all(axis=1).sum())
    yield from tally.error("FIRST_POINT_REPEATED", repeated, "end on their first point")
    partly, wholly = _beyond_field(placed, series)
    yield from tally.error("OUTSIDE_CT", int(wholly.sum()), "lie outside of the CT")
    yield from tally.warning("LEAVES_CT", int((partly & ~wholly).sum()), "leave the CT's field")
    areas = np.abs(loop_areas(polygons.points_yx, polygons.starts))
    tiny = int((areas < _TINY_VOXELS).sum())
    yield from tally.warning("TINY_CONTOUR", tiny, "enclose less than a quarter of a pixel")
    short = [n for n in range(polygons.count) if polygons.starts[n + 1] - polygons.starts[n] <= _MOST_POINTS_TESTED]
    yield from tally.info("CROSSING_NOT_TESTED", len(closed) - len(short), "are too long to be tested for crossings")
    crossed = sum(crosses_itself(polygons.polygon_yx(number)) for number in short)
    yield from tally.warning("CROSSES_ITSELF", crossed, "cross themselves")
    copies = len(closed) - len({contour.points_xyz_mm.tobytes() for contour in closed})
    yield from tally.error("CONTOUR_REPEATED", copies, "are copies of another")


def _beyond_field(placed: PlacedContours, series: CtSeries) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """(contours,) True where a part, and where the whole, is off the image or between no two slices."""
    polygons = placed.polygons
    _, rows, columns = series.grid.shape_zyx
    high = np.array([rows, columns]) - 1 + _FIELD_MARGIN_VOXELS
    points = polygons.points_yx
    off_field = ((points < -_FIELD_MARGIN_VOXELS) | (points > high)).any(axis=1)
    partly: NDArray[np.bool_] = np.logical_or.reduceat(off_field, polygons.starts[:-1]) | ~placed.within
    wholly: NDArray[np.bool_] = np.logical_and.reduceat(off_field, polygons.starts[:-1]) | ~placed.within
    return partly, wholly


def _lint_holes(closed: list[Contour], placed: PlacedContours, name: str) -> Iterator[LintFinding]:
    """Holes can be drawn in three ways; a file that mixes them, or draws the third, reads differently elsewhere."""
    polygons = placed.polygons
    keyholed = sum(_has_slit(polygons.polygon_yx(number)) for number in range(polygons.count))
    if keyholed and any(contour.geometric_type == "CLOSEDPLANAR_XOR" for contour in closed):
        yield LintFinding.error(
            "MIXED_HOLES", "has keyholes among CLOSEDPLANAR_XOR contours", roi=name, contours=str(keyholed)
        )
    plain = np.array([contour.geometric_type == "CLOSED_PLANAR" for contour in closed])
    planes = np.stack([polygons.slice_z, np.rint(placed.off_slice_mm / OFF_SLICE_MM)], axis=1)
    _, plane, sharing = np.unique(planes, axis=0, return_inverse=True, return_counts=True)
    nested = 0
    for number in np.flatnonzero(sharing > 1).tolist():
        loops = [polygons.polygon_yx(n) for n in np.flatnonzero(plain & (plane == number)).tolist()]
        pairs = itertools.permutations(loops[:_MOST_RINGS_COMPARED], 2)
        nested += sum(_lies_within(inner, outer) for inner, outer in pairs)
    yield from _Tally(name, len(closed)).warning(
        "RING_IN_RING", nested, "lie within another of the same slice; read as a hole here, but not by every system"
    )


def _has_slit(loop_yx: Floats) -> bool:
    """True where the line comes back to a point that it passed before, other than by closing."""
    ordered = loop_yx[np.lexsort(loop_yx.T)]
    repeats = int((np.abs(np.diff(ordered, axis=0)) < _SAME_POINT_VOXELS).all(axis=1).sum())
    closes = int((np.abs(loop_yx[0] - loop_yx[-1]) < _SAME_POINT_VOXELS).all())
    return repeats > closes


def _lies_within(inner: Floats, outer: Floats) -> bool:
    if (inner.min(axis=0) < outer.min(axis=0)).any() or (inner.max(axis=0) > outer.max(axis=0)).any():
        return False
    y, x = inner[0]
    columns, _ = row_crossings(outer, float(y))
    return bool(np.count_nonzero(columns < x) % 2)
