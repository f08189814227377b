"""Contours in patient coordinates, put on the slices of a CT."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from contour.anatomy.marching import Floats, Integers
from contour.anatomy.polygons import SlicePolygons
from contour.anatomy.rasterise import polygons_to_structure
from contour.anatomy.structures import Generation, Structure
from contour.dicom.ct_series import CtSeries
from contour.dicom.rtstruct_reader import Contour, Roi
from contour.errors import InputError

_SAME_PLANE_MM = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedContours:
    """Closed contours, each measured against the nearest slice of a series.

    Args:
        polygons: In the indices of the series' grid; `polygons.slice_z` is the nearest slice.
        off_slice_mm: (contours,) signed distance from that slice's true plane.
        uneven_mm: (contours,) how far a contour's points leave its own mean plane, at most.
        within: (contours,) False where the contour is farther from every slice than half a slice step.
    """

    polygons: SlicePolygons
    off_slice_mm: Floats
    uneven_mm: Floats
    within: NDArray[np.bool_]


def place_contours(contours: Sequence[Contour], series: CtSeries) -> PlacedContours:
    """Each contour's nearest slice, and its points as (row, column) indices of that slice's own image.

    Args:
        contours: Closed ones (`Contour.is_closed`).
        series: Gives true slice positions, axes and spacing.
    """
    z_axis, y_axis, x_axis = np.asarray(series.grid.axes_xyz)
    step_mm, row_mm, column_mm = series.grid.spacing_zyx_mm
    points = np.concatenate([contour.points_xyz_mm for contour in contours]) if contours else np.zeros((0, 3))
    counts = np.array([contour.points_xyz_mm.shape[0] for contour in contours], dtype=np.int64)
    starts = np.concatenate(([0], np.cumsum(counts))).astype(np.int64)
    if not contours:
        empty = np.zeros(0)
        polygons = SlicePolygons(points_yx=np.zeros((0, 2)), starts=starts, slice_z=np.zeros(0, dtype=np.int64))
        return PlacedContours(polygons=polygons, off_slice_mm=empty, uneven_mm=empty, within=empty.astype(np.bool_))
    height = points @ z_axis
    plane = np.add.reduceat(height, starts[:-1]) / counts
    uneven = np.maximum.reduceat(np.abs(height - np.repeat(plane, counts)), starts[:-1])
    origins = series.slice_origins_xyz_mm
    slice_z = _nearest(plane, origins @ z_axis)
    from_origin = points - origins[np.repeat(slice_z, counts)]
    points_yx = np.stack([from_origin @ y_axis / row_mm, from_origin @ x_axis / column_mm], axis=1)
    off = plane - (origins @ z_axis)[slice_z]
    return PlacedContours(
        polygons=SlicePolygons(points_yx=points_yx, starts=starts, slice_z=slice_z),
        off_slice_mm=off,
        uneven_mm=uneven,
        within=np.abs(off) <= step_mm / 2 + _SAME_PLANE_MM,
    )


def filling_polygons(placed: PlacedContours) -> SlicePolygons:
    """The polygons that fill slices: of several planes nearest to one slice only the nearest plane's.

    Contours drawn at another slice step than the CT's would otherwise cancel one another out.
    """
    away = np.abs(placed.off_slice_mm)
    slices = placed.polygons.slice_z
    nearest = np.full(int(slices.max()) + 1 if slices.size else 0, np.inf)
    np.minimum.at(nearest, slices, away)
    signed = np.full(nearest.size, np.inf)
    best = away <= nearest[slices]
    signed[slices[best]] = placed.off_slice_mm[best]
    return _chosen(placed.polygons, placed.within & (np.abs(placed.off_slice_mm - signed[slices]) <= _SAME_PLANE_MM))


def roi_to_structure(roi: Roi, series: CtSeries) -> Structure:
    """A ROI as voxels of the CT, by the voxel-centre rule; empty where it encloses no voxel centre.

    Raises:
        InputError: UNREADABLE_CONTOUR where a contour of the ROI could not be read, because a structure that lacks
            a part is worse than none.
    """
    broken = [contour.problem for contour in roi.contours if contour.problem]
    if broken:
        raise InputError(
            f"ROI {roi.number}: {len(broken)} contours cannot be read; the first {broken[0]}",
            reason="UNREADABLE_CONTOUR",
        )
    placed = place_contours([contour for contour in roi.contours if contour.is_closed], series)
    generations: dict[str, Generation] = {"AUTOMATIC": "AUTOMATIC", "SEMIAUTOMATIC": "SEMIAUTOMATIC"}
    return polygons_to_structure(
        filling_polygons(placed),
        series.grid,
        name=roi.name,
        generation=generations.get(roi.generation, "MANUAL"),
    )


def _nearest(values: Floats, among: Floats) -> Integers:
    """Index of the nearest of `among` for each value."""
    order = np.argsort(among, kind="stable")
    ordered = among[order]
    right = np.clip(np.searchsorted(ordered, values), 1, max(1, ordered.size - 1)) if ordered.size > 1 else None
    if right is None:
        return np.zeros(values.size, dtype=np.int64)
    nearer_left = values - ordered[right - 1] <= ordered[right] - values
    chosen: Integers = order[np.where(nearer_left, right - 1, right)].astype(np.int64)
    return chosen


def _chosen(polygons: SlicePolygons, kept: NDArray[np.bool_]) -> SlicePolygons:
    counts = np.diff(polygons.starts)
    return SlicePolygons(
        points_yx=polygons.points_yx[np.repeat(kept, counts)],
        starts=np.concatenate(([0], np.cumsum(counts[kept]))).astype(np.int64),
        slice_z=polygons.slice_z[kept],
    )
