"""How far each structure drifted since the plan, once set-up is put right.

Today's structure is told in the plan's frame through the rigid part of the alignment, which is what remains after the
couch correction. Shifts are (LR, AP, SI): + to the patient's left, back and head. Figures are taken between solids
(`solid`), below the size of the voxels.

A structure that was carried to the day has been interpolated between slices once more than the plan's, which rounds
it: a ball of 16 mm on slices of 3 mm loses 4 %. So it is compared with the plan's structure carried by set-up alone
onto the same grid, which was rounded alike; the plan's own volume is then changed in proportion.

What a scan's end cuts off is no loss. Such a structure names what cut it, has no volume change, and its other figures
are those of the part that both scans show.

References: Brock et al., AAPM TG-132, doi:10.1002/mp.12256.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from contour.adaptation.solid import Floats, Solid, View, solid_of
from contour.adaptation.targets import TargetPairs
from contour.anatomy.names import describe_structure
from contour.anatomy.structures import Structure
from contour.errors import InputError
from registration.errors import FrameMismatchError
from registration.grid import Triple

CutBy = Literal["plan", "day"]
_OUT_OF_VIEW = 0.005


@dataclass(frozen=True, slots=True, kw_only=True)
class StructurePair:
    """A structure of the plan and the same today.

    Args:
        plan: On the plan CT's grid.
        today: On the daily scan's grid.
        by_setup: For a carried structure, the plan's carried by the rigid part alone, on the daily scan's grid. None
            for one that was drawn or segmented on the day.
        out_of_view: Share of it whose place today the daily scan does not show, as far as a caller knows; 0 to 1.
    """

    plan: Structure
    today: Structure
    by_setup: Structure | None = None
    out_of_view: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetMargin:
    """Today's target in the plan's PTV, which set-up correction puts back into its place in the room.

    Args:
        planning_volume: The PTV's name.
        excursion_plan_mm: The largest distance of a point of the target outside the PTV when planned; negative where
            all of it stays inside by at least that much.
        excursion_today_mm: The same today.
        inside_plan_percent: Share of the target inside the PTV when planned.
        inside_today_percent: The same today.
        outside_today_ml: How much of it lies outside today.
        planned_xyz_mm: How far the PTV reaches beyond the planned target along each axis (LR, AP, SI): the smaller of
            its two sides, negative where the target sticks out; None in reports of versions before 2.
    """

    planning_volume: str
    excursion_plan_mm: float
    excursion_today_mm: float
    inside_plan_percent: float
    inside_today_percent: float
    outside_today_ml: float
    planned_xyz_mm: Triple | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Clearance:
    """A structure's distance to the high-dose target as planned, which the dose was shaped to.

    Args:
        target: The target's name.
        plan_mm: From surface to surface when planned; where they overlap, how deep the structure reaches into the
            target, with a minus.
        today_mm: The same with today's structure.
        overlap_plan_ml: Volume that both share when planned.
        overlap_today_ml: The same today.
    """

    target: str
    plan_mm: float
    today_mm: float
    overlap_plan_ml: float
    overlap_today_ml: float


@dataclass(frozen=True, slots=True, kw_only=True)
class StructureDrift:
    """One structure's drift; None where a figure has no meaning: an empty structure, or one out of view.

    Args:
        name: The plan's.
        plan_volume_ml: Of the whole structure of the plan.
        today_volume_ml: Of what today's scan shows of it.
        volume_change_percent: None of a structure that a scan's end cuts.
        change_in_view_percent: The same of the part that both scans show.
        shift_xyz_mm: Of the centroid: (LR, AP, SI).
        dice: Overlap with the plan's.
        hd95_mm: The larger of the two directions' 95th percentiles by area.
        mean_surface_distance_mm: Over both surfaces' area.
        out_of_view_percent: Share of the plan's structure that the daily scan does not show.
        cut_by: Which scans end in the structure.
        margin: For a target that has a PTV.
        clearance: For all but the high-dose target itself and the patient's outline.
    """

    name: str
    plan_volume_ml: float
    today_volume_ml: float
    volume_change_percent: float | None
    change_in_view_percent: float | None
    shift_xyz_mm: Triple | None
    dice: float | None
    hd95_mm: float | None
    mean_surface_distance_mm: float | None
    out_of_view_percent: float
    cut_by: tuple[CutBy, ...]
    margin: TargetMargin | None = None
    clearance: Clearance | None = None

    @property
    def shift_mm(self) -> float | None:
        """Length of the shift."""
        return None if self.shift_xyz_mm is None else math.hypot(*self.shift_xyz_mm)


def measure_drift(pair: StructurePair, view: View) -> StructureDrift:
    """Drift of one structure, without margin and clearance.

    Raises:
        FrameMismatchError: the structures do not lie in the frames of the view's grids.
    """
    return _drift(pair, view, *_solids(pair, view))


def measure_all_drift(pairs: Iterable[StructurePair], view: View, targets: TargetPairs) -> tuple[StructureDrift, ...]:
    """Drift of every structure, targets against their PTVs and all against the high-dose target.

    Raises:
        FrameMismatchError: as `measure_drift`.
        InputError: two structures of one name.
    """
    every = tuple(pairs)
    names = [pair.plan.name for pair in every]
    if len(set(names)) != len(names):
        raise InputError("two structures of the plan have one name", reason="DUPLICATE_STRUCTURE")
    solids = {pair.plan.name: _solids(pair, view) for pair in every}
    planning_volume = dict(targets.planning_volume)
    rows = []
    for pair in every:
        name = pair.plan.name
        plan, today, _ = solids[name]
        ptv = _planned(solids, planning_volume.get(name, ""))
        is_near = name != targets.high_dose and not _is_body(pair.plan)
        high = _planned(solids, targets.high_dose) if is_near else None
        rows.append(
            _drift(
                pair,
                view,
                *solids[name],
                margin=None if ptv is None else measure_margin(plan, today, ptv),
                clearance=None if high is None else measure_clearance(plan, today, high),
            )
        )
    return tuple(rows)


def _is_body(structure: Structure) -> bool:
    """The patient's outline is no organ that a target could come near to."""
    own = "" if structure.roi is None else structure.roi.interpreted_type
    return "EXTERNAL" in {own, describe_structure(structure.name).interpreted_type}


def measure_margin(plan: Solid, today: Solid, planning_volume: Solid) -> TargetMargin | None:
    """Where a target lies in its PTV, planned and today; None where one of the three is empty."""
    if plan.is_empty or today.is_empty or planning_volume.is_empty:
        return None
    inside_plan, inside_today = (float(planning_volume.holds(s.inside_xyz_mm).mean()) for s in (plan, today))
    return TargetMargin(
        planning_volume=planning_volume.name,
        excursion_plan_mm=float(planning_volume.height_of(plan.surface.points_xyz_mm).max()),
        excursion_today_mm=float(planning_volume.height_of(today.surface.points_xyz_mm).max()),
        inside_plan_percent=100.0 * inside_plan,
        inside_today_percent=100.0 * inside_today,
        outside_today_ml=(1.0 - inside_today) * today.volume_ml,
        planned_xyz_mm=_reach_beyond(plan, planning_volume),
    )


def _reach_beyond(target: Solid, planning_volume: Solid) -> Triple:
    """By how much a planning volume reaches beyond its target along each axis, on the side where it is less."""
    inner, outer = target.surface.points_xyz_mm, planning_volume.surface.points_xyz_mm
    x, y, z = np.minimum(outer.max(axis=0) - inner.max(axis=0), inner.min(axis=0) - outer.min(axis=0))
    return (float(x), float(y), float(z))


def measure_clearance(plan: Solid, today: Solid, target: Solid) -> Clearance | None:
    """A structure's distance to a planned target, planned and today; None where one of the three is empty."""
    if plan.is_empty or today.is_empty or target.is_empty:
        return None
    return Clearance(
        target=target.name,
        plan_mm=float(target.height_of(plan.surface.points_xyz_mm).min()),
        today_mm=float(target.height_of(today.surface.points_xyz_mm).min()),
        overlap_plan_ml=float(target.holds(plan.inside_xyz_mm).sum()) * plan.point_ml,
        overlap_today_ml=float(target.holds(today.inside_xyz_mm).sum()) * today.point_ml,
    )


def _planned(solids: Mapping[str, tuple[Solid, Solid, Solid]], name: str) -> Solid | None:
    return solids[name][0] if name in solids else None


def _solids(pair: StructurePair, view: View) -> tuple[Solid, Solid, Solid]:
    """The plan's, today's, and what today's is compared with; all in the plan's frame."""
    if pair.plan.grid.frame_of_reference_uid != view.plan.frame_of_reference_uid:
        raise FrameMismatchError("the plan's structure does not lie in the plan's frame of reference")
    for structure in (pair.today, pair.by_setup):
        if structure is not None and structure.grid.frame_of_reference_uid != view.day.frame_of_reference_uid:
            raise FrameMismatchError("today's structure does not lie in the day's frame of reference")
    plan = solid_of(pair.plan)
    like_today = plan if pair.by_setup is None else solid_of(pair.by_setup, view.daily_to_plan)
    return plan, solid_of(pair.today, view.daily_to_plan), like_today


def _drift(
    pair: StructurePair,
    view: View,
    plan: Solid,
    today: Solid,
    before: Solid,
    *,
    margin: TargetMargin | None = None,
    clearance: Clearance | None = None,
) -> StructureDrift:
    hidden = 0.0 if plan.is_empty else float(1.0 - view.shown_by_day(plan.inside_xyz_mm).mean())
    out_of_view = max(hidden, pair.out_of_view)
    cut_by: list[CutBy] = ["plan"] if _meets_an_end(pair.plan) else []
    if out_of_view > _OUT_OF_VIEW or _meets_an_end(pair.today):
        cut_by.append("day")
    if cut_by:
        within_mm = max(*view.plan.spacing_zyx_mm, *view.day.spacing_zyx_mm)
        today, before = (solid.shown_in(view, within_mm=within_mm) for solid in (today, before))
    change = None if before.is_empty else today.volume_ml / before.volume_ml - 1.0
    if pair.by_setup is None and not cut_by:  # voxels were rounded by nobody
        change = None if pair.plan.is_empty else pair.today.volume_ml / pair.plan.volume_ml - 1.0
    in_proportion = change is not None and pair.by_setup is not None and not cut_by
    both = not (today.is_empty or before.is_empty)
    mean_mm, hd95_mm = _apart(today, before) if both else (None, None)
    return StructureDrift(
        name=pair.plan.name,
        plan_volume_ml=pair.plan.volume_ml,
        today_volume_ml=pair.plan.volume_ml * (1.0 + (change or 0.0)) if in_proportion else pair.today.volume_ml,
        volume_change_percent=None if cut_by or change is None else 100.0 * change,
        change_in_view_percent=None if change is None else 100.0 * change,
        shift_xyz_mm=_shift(before, today),
        dice=_dice(today, before) if both else (None if today.is_empty and before.is_empty else 0.0),
        hd95_mm=hd95_mm,
        mean_surface_distance_mm=mean_mm,
        out_of_view_percent=100.0 * out_of_view,
        cut_by=tuple(cut_by),
        margin=margin,
        clearance=clearance,
    )


def _shift(before: Solid, today: Solid) -> Triple | None:
    if before.centroid_xyz_mm is None or today.centroid_xyz_mm is None:
        return None
    x, y, z = (float(a - b) for a, b in zip(today.centroid_xyz_mm, before.centroid_xyz_mm, strict=True))
    return (x, y, z)


def _dice(a: Solid, b: Solid) -> float:
    """The overlap as either's points see it, on average: they lie on different lattices."""
    shared_ml = (
        float(b.holds(a.inside_xyz_mm).sum()) * a.point_ml + float(a.holds(b.inside_xyz_mm).sum()) * b.point_ml
    ) / 2
    return min(1.0, 2.0 * shared_ml / (a.volume_ml + b.volume_ml))


def _apart(a: Solid, b: Solid) -> tuple[float | None, float | None]:
    """Mean distance of the surfaces and the larger 95th percentile, by area; None where a cut left no surface."""
    if not (a.surface.areas_mm2.size and b.surface.areas_mm2.size):
        return None, None
    a_to_b, b_to_a = np.abs(b.height_of(a.surface.points_xyz_mm)), np.abs(a.height_of(b.surface.points_xyz_mm))
    away_mm = np.concatenate([a_to_b, b_to_a])
    area_mm2 = np.concatenate([a.surface.areas_mm2, b.surface.areas_mm2])
    mean_mm = float((away_mm * area_mm2).sum() / area_mm2.sum())
    return mean_mm, max(_percentile_95(a_to_b, a.surface.areas_mm2), _percentile_95(b_to_a, b.surface.areas_mm2))


def _percentile_95(away_mm: Floats, area_mm2: Floats) -> float:
    order = np.argsort(away_mm)
    share = np.cumsum(area_mm2[order])
    return float(away_mm[order][min(int(np.searchsorted(share, 0.95 * share[-1])), order.size - 1)])


def _meets_an_end(structure: Structure) -> bool:
    """True where the structure reaches a face of its scan."""
    if structure.is_empty:
        return False
    mask = structure.mask_zyx
    for axis, (low, whole) in enumerate(zip(structure.lower_zyx, structure.grid.shape_zyx, strict=True)):
        filled = np.flatnonzero(mask.any(axis=tuple(other for other in range(3) if other != axis))) + low
        if filled[0] == 0 or filled[-1] == whole - 1:
            return True
    return False
