"""The plan's structures from anybody's RT Structure Set, as voxels of the plan CT fine enough to be carried.

What is honoured: closed contours, several in a slice, holes by keyhole, by exclusive or or as rings in rings, contours
between slices or on another slice step, names in any script. What cannot be honoured is named, ROI by ROI; nothing is
left out without a word.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt

from contour.anatomy.names import describe_structure, tg263_name
from contour.anatomy.polygons import SlicePolygons
from contour.anatomy.rasterise import rasterise_polygons
from contour.anatomy.structures import Generation, RoiIdentity, Structure
from contour.dicom.contour_placement import PlacedContours, place_contours
from contour.dicom.ct_series import CtSeries
from contour.dicom.rtstruct_reader import Roi, StructureSet, read_rtstruct
from contour.errors import Finding, InputError

_FINE = 4
"""Sub-voxels along rows and along columns."""

_SAME_PLANE_MM = 0.05
_ON_SLICE = 0.25
_WIDEST_GAP = 1.5
_FORGOTTEN = 4.5
"""Contour steps: a wider gap is between two parts, a narrower one may be slices that somebody forgot."""
_LONGEST_NAME = 64
_KINDS: dict[str, Generation] = {"AUTOMATIC": "AUTOMATIC", "SEMIAUTOMATIC": "SEMIAUTOMATIC"}


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanStructures:
    """The structures that could be read, what could not, and whose structure set it was.

    `structures` are on the plan CT's grid, with graded membership; each keeps its `roi` identity and goes by its
    TG-263 name where it has one that no other ROI shares, else by the name as written.
    """

    structures: tuple[Structure, ...]
    findings: tuple[Finding, ...]
    sop_instance_uid: str
    label: str
    approval_status: str


def read_plan_structures(data: bytes, plan: CtSeries) -> PlanStructures:
    """The structures of a structure set on its CT.

    Args:
        data: The RTSTRUCT file.
        plan: The CT that it was drawn on.

    Raises:
        InputError: NOT_RTSTRUCT and what else `read_rtstruct` raises; OTHER_SERIES where it was drawn on another CT;
            NO_STRUCTURES where none of its ROIs can be used.
    """
    found = read_rtstruct(data)
    _require_of(found, plan)
    findings = list(_about_set(found, plan))
    names = roi_names(found)
    structures: list[Structure] = []
    for roi in found.rois:
        structure, said = _structure_of(roi, names[roi.number], plan, repeated=found.repeated_roi_numbers)
        findings.extend(said)
        if structure is not None:
            structures.append(structure)
    if not structures:
        raise InputError(f"none of {len(found.rois)} ROIs can be used on this CT", reason="NO_STRUCTURES")
    return PlanStructures(
        structures=tuple(structures),
        findings=tuple(findings),
        sop_instance_uid=found.sop_instance_uid,
        label=found.label,
        approval_status=found.approval_status,
    )


def _require_of(found: StructureSet, plan: CtSeries) -> None:
    """By frame of reference, by series or by slice; a set that refers to nothing at all is taken at its coordinates."""
    slices = {reference.sop_instance_uid for reference in plan.slices}
    named = {*found.frame_of_reference_uids, *(roi.frame_of_reference_uid for roi in found.rois)} - {""}
    matches = (
        plan.frame_of_reference_uid in named
        or plan.series_instance_uid in found.referenced_series_uids
        or bool(found.referenced_sop_instance_uids & slices)
    )
    if not matches and (named or found.referenced_series_uids or found.referenced_sop_instance_uids):
        raise InputError(
            "the structure set was drawn on another CT: it names neither this series nor its frame of reference",
            reason="OTHER_SERIES",
        )


def _about_set(found: StructureSet, plan: CtSeries) -> Iterator[Finding]:
    if found.approval_status != "APPROVED":
        status = found.approval_status or "no approval status"
        yield Finding(reason="PLAN_NOT_APPROVED", message=f"the plan's structure set is not approved: {status}")
    if found.referenced_series_uids and plan.series_instance_uid not in found.referenced_series_uids:
        yield Finding(
            reason="OTHER_SERIES_NAMED",
            message="the structure set names another series of the plan CT's frame of reference",
        )
    if found.repeated_roi_numbers:
        numbers = ", ".join(str(number) for number in found.repeated_roi_numbers)
        yield Finding(reason="REPEATED_ROI_NUMBER", message=f"ROI numbers used more than once: {numbers}")


def roi_names(found: StructureSet) -> dict[int, str]:
    """What each ROI goes by: its TG-263 name where it is the only one with it."""
    official = {roi.number: tg263_name(roi.name) or "" for roi in found.rois}
    shared = [name for name in official.values() if list(official.values()).count(name) > 1]
    raw = [roi.name for roi in found.rois]
    return {
        roi.number: official[roi.number]
        if official[roi.number] and official[roi.number] not in shared
        else (roi.name if raw.count(roi.name) == 1 and roi.name.strip() else f"{roi.name} #{roi.number}".strip())
        for roi in found.rois
    }


def _structure_of(
    roi: Roi, name: str, plan: CtSeries, *, repeated: tuple[int, ...]
) -> tuple[Structure | None, list[Finding]]:
    said: list[Finding] = []

    def say(reason: str, what: str) -> None:
        said.append(
            Finding(reason=reason, message=f"ROI {roi.number}: {what}", measured=(("roi_number", str(roi.number)),))
        )

    if roi.number in repeated:
        say("REPEATED_ROI_NUMBER", "its number is used by several ROIs; none of them is used")
        return None, said
    if roi.frame_of_reference_uid not in {"", plan.frame_of_reference_uid}:
        say("ROI_IN_OTHER_FRAME", "lies in another frame of reference than the plan CT and is not used")
        return None, said
    broken = [contour.problem for contour in roi.contours if contour.problem]
    if broken:
        say("UNREADABLE_CONTOUR", f"{len(broken)} contours cannot be read, so it is not used; the first {broken[0]}")
        return None, said
    closed = [contour for contour in roi.contours if contour.is_closed]
    if len(closed) < len(roi.contours):
        kinds = sorted({c.geometric_type or "no type" for c in roi.contours if not c.is_closed})
        say("OPEN_CONTOUR", f"{len(roi.contours) - len(closed)} contours enclose nothing ({', '.join(kinds)})")
    if not closed:
        say("NO_CONTOUR", "has no closed contour and is not used")
        return None, said
    placed = place_contours(closed, plan)
    beyond = int(np.count_nonzero(~placed.within))
    if beyond:
        say("CONTOUR_OUTSIDE_CT", f"{beyond} of {len(closed)} contours lie above or below the plan CT and are not used")
    cut = _share_beside(placed, plan)
    if cut > 0.0:
        say("CONTOUR_OUTSIDE_CT", f"{cut:.1%} of its points lie beside the plan CT; what leaves it is cut off")
    structure, gaps = _filled(placed, plan, name)
    if gaps:
        say("CONTOUR_GAP", f"{gaps} slices between its contours have none; they are left empty")
    if structure is None or structure.is_empty:
        say("EMPTY_ROI", "encloses no voxel of the plan CT and is not used")
        return None, said
    return _identified(structure, roi, name), said


def _identified(structure: Structure, roi: Roi, name: str) -> Structure:
    kind = describe_structure(name)
    written = "".join(c for c in roi.name if c.isprintable() and c != "\\").strip()[:_LONGEST_NAME]
    return Structure(
        name=name,
        grid=structure.grid,
        lower_zyx=structure.lower_zyx,
        mask_zyx=structure.mask_zyx,
        membership_zyx=structure.membership_zyx,
        generation=_KINDS.get(roi.generation, "MANUAL"),
        roi=RoiIdentity(
            number=roi.number,
            name=written or f"ROI {roi.number}",
            interpreted_type=(roi.interpreted_type or kind.interpreted_type) if roi.observed else kind.interpreted_type,
            colour_rgb=roi.colour_rgb or kind.colour_rgb,
        ),
    )


def _share_beside(placed: PlacedContours, plan: CtSeries) -> float:
    points = placed.polygons.points_yx
    _, rows, columns = plan.grid.shape_zyx
    beside = (points < -0.5).any(axis=1) | (points > np.array([rows, columns]) - 0.5).any(axis=1)
    return float(np.mean(beside)) if beside.size else 0.0


def _filled(placed: PlacedContours, plan: CtSeries, name: str) -> tuple[Structure | None, int]:
    """The structure, and how many slices within it were left empty because the contours leave too wide a gap."""
    kept = np.flatnonzero(placed.within)
    if not kept.size:
        return None, 0
    normal = np.asarray(plan.grid.axes_xyz[0])
    slice_mm = plan.slice_origins_xyz_mm @ normal
    height_mm = slice_mm[placed.polygons.slice_z[kept]] + placed.off_slice_mm[kept]
    planes, member = _planes(height_mm)
    lower, shape = _box(placed, kept, plan)
    if min(shape) < 1:
        return None, 0
    step_mm = plan.grid.spacing_zyx_mm[0]
    usual_mm = float(np.median(np.diff(planes))) if planes.size > 1 else step_mm
    drawn = _Planes(placed, kept, member, lower, shape)
    slices = np.argsort(slice_mm)
    level = np.zeros((slice_mm.size, *shape), dtype=np.uint8)
    gaps = 0
    for k in slices:
        found, gap = _slice_level(float(slice_mm[k]), planes, drawn, usual_mm=max(usual_mm, 0.1), step_mm=step_mm)
        gaps += gap
        if found is not None:
            level[k] = found
    some = np.flatnonzero(level.any(axis=(1, 2)))
    if not some.size:
        return None, gaps
    crop = np.ascontiguousarray(level[some[0] : some[-1] + 1])
    return (
        Structure(
            name=name,
            grid=plan.grid,
            lower_zyx=(int(some[0]), lower[0], lower[1]),
            mask_zyx=crop >= 128,
            membership_zyx=crop,
        ),
        gaps,
    )


def _slice_level(
    at_mm: float, planes: NDArray[np.float64], drawn: _Planes, *, usual_mm: float, step_mm: float
) -> tuple[NDArray[np.uint8] | None, int]:
    """Membership of one slice, from the plane on it, between two planes, or within half a step of the last one."""
    nearest = int(np.argmin(np.abs(planes - at_mm)))
    away = abs(float(planes[nearest]) - at_mm)
    if away <= _ON_SLICE * min(step_mm, usual_mm):
        return drawn.level(nearest), 0
    above = int(np.searchsorted(planes, at_mm))
    if 0 < above < planes.size:
        gap = float(planes[above] - planes[above - 1])
        if gap <= _WIDEST_GAP * max(usual_mm, step_mm):
            share = (at_mm - float(planes[above - 1])) / gap
            return drawn.between(above - 1, above, share), 0
        within = away <= max(usual_mm, step_mm) / 2
        return (drawn.level(nearest), 0) if within else (None, int(gap <= _FORGOTTEN * max(usual_mm, step_mm)))
    return (drawn.level(nearest) if away <= max(usual_mm, step_mm) / 2 else None), 0


class _Planes:
    """The planes of one ROI, rasterised when they are asked for; the last two are kept."""

    def __init__(
        self,
        placed: PlacedContours,
        kept: NDArray[np.intp],
        member: NDArray[np.intp],
        lower: tuple[int, int],
        shape: tuple[int, int],
    ) -> None:
        self._placed, self._kept, self._member = placed, kept, member
        self._lower, self._shape = lower, shape
        self._fine: dict[int, NDArray[np.bool_]] = {}

    def level(self, plane: int) -> NDArray[np.uint8]:
        """Share of each voxel's area inside, 0 to 255."""
        return _graded(self._mask(plane))

    def between(self, low: int, high: int, share: float) -> NDArray[np.uint8]:
        """The outline part of the way from one plane to the next, by their signed distances."""
        depth = (1.0 - share) * _depth(self._mask(low)) + share * _depth(self._mask(high))
        return _graded(depth > 0.0)

    def _mask(self, plane: int) -> NDArray[np.bool_]:
        if plane not in self._fine:
            while len(self._fine) > 1:
                del self._fine[next(iter(self._fine))]
            self._fine[plane] = self._rasterised(plane)
        return self._fine[plane]

    def _rasterised(self, plane: int) -> NDArray[np.bool_]:
        numbers = self._kept[self._member == plane]
        loops = [self._placed.polygons.polygon_yx(int(number)) for number in numbers]
        points = (np.concatenate(loops) - np.asarray(self._lower, dtype=np.float64)) * _FINE + (_FINE - 1) / 2
        polygons = SlicePolygons(
            points_yx=points,
            starts=np.concatenate(([0], np.cumsum([loop.shape[0] for loop in loops]))).astype(np.int64),
            slice_z=np.zeros(len(loops), dtype=np.int64),
        )
        rows, columns = self._shape
        return np.asarray(rasterise_polygons(polygons, (1, rows * _FINE, columns * _FINE))[0])


def _graded(fine: NDArray[np.bool_]) -> NDArray[np.uint8]:
    rows, columns = fine.shape[0] // _FINE, fine.shape[1] // _FINE
    share = fine.reshape(rows, _FINE, columns, _FINE).sum(axis=(1, 3))
    return np.asarray(np.rint(share * (255.0 / _FINE**2)), dtype=np.uint8)


def _depth(fine: NDArray[np.bool_]) -> NDArray[np.float32]:
    if not fine.any():
        return np.full(fine.shape, -float(max(fine.shape)), dtype=np.float32)
    return np.asarray(distance_transform_edt(fine) - distance_transform_edt(~fine), dtype=np.float32)


def _planes(height_mm: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """Heights of the planes in rising order, and which plane each contour belongs to."""
    order = np.argsort(height_mm, kind="stable")
    new = np.diff(height_mm[order], prepend=-np.inf) > _SAME_PLANE_MM
    number = np.cumsum(new) - 1
    member = np.empty(height_mm.size, dtype=np.intp)
    member[order] = number
    heights = np.bincount(number, weights=height_mm[order]) / np.bincount(number)
    return heights, member


def _box(placed: PlacedContours, kept: NDArray[np.intp], plan: CtSeries) -> tuple[tuple[int, int], tuple[int, int]]:
    """First row and column, and how many, of the box that holds the contours within the CT."""
    points = np.concatenate([placed.polygons.polygon_yx(int(number)) for number in kept])
    size = np.asarray(plan.grid.shape_zyx[1:])
    low = np.clip(np.floor(points.min(axis=0)) - 1, 0, size).astype(int)
    high = np.clip(np.ceil(points.max(axis=0)) + 2, 0, size).astype(int)
    return (int(low[0]), int(low[1])), (int(high[0] - low[0]), int(high[1] - low[1]))
