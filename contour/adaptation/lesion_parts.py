"""The separate parts of a target on one day, and which of the plan's lesions each belongs to.

Each of the plan's parts is carried to the day by itself: that is where it is expected. Without another look at the day
the carried parts are all there is. They keep their identity, and since a smooth field neither tears nor joins tissue, a
carried part that falls into pieces or touches its neighbour does so on the voxels only: it is told as one, with a note.
With a structure that was segmented or drawn on the day, its parts are matched to what is expected (`lesion_matching`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation, label

from contour.adaptation.carry import carry_structure, signed_distance
from contour.adaptation.lesion_matching import ALL_NEIGHBOURS, Expected, Mask, match_parts, within_reach
from contour.adaptation.lesions import FractionParts, LesionHistory, LesionThresholds, PartToday, PlanLesion
from contour.anatomy.structures import Structure
from registration.errors import FrameMismatchError
from registration.grid import Grid, Triple
from registration.transform import Alignment, DisplacementField
from registration.volume import Volume
from registration.warp import sample

_CREASED = (0.2, 5.0)
_UNSEEN = 0.5
_PAD_VOXELS = 3


@dataclass(frozen=True, slots=True)
class _CarriedLesion:
    """A lesion of the plan, where the whole alignment and set-up alone put it."""

    lesion: PlanLesion
    plan: Structure
    today: Structure
    by_setup: Structure


def plan_parts(plan: Structure, thresholds: LesionThresholds | None = None) -> tuple[Structure, ...]:
    """The separate parts of a target as structures named L1, L2, … by size; debris left out."""
    limits = thresholds or LesionThresholds()
    labels, sizes_ml = _labelled(plan)
    order = [int(n) for n in np.argsort(-sizes_ml, kind="stable") if sizes_ml[n] >= limits.debris_ml]
    parts = []
    for number, found in enumerate(order, start=1):
        mask = labels == found + 1
        level = None
        if plan.membership_zyx is not None:  # what lies around it belongs to its boundary, the other parts don't
            near = mask | (binary_dilation(mask, structure=ALL_NEIGHBOURS) & ~plan.mask_zyx)
            level = np.where(near, plan.membership_zyx, 0).astype(np.uint8)
        parts.append(
            Structure(
                name=f"L{number}",
                grid=plan.grid,
                lower_zyx=plan.lower_zyx,
                mask_zyx=mask,
                membership_zyx=level,
                generation=plan.generation,
            )
        )
    return tuple(parts)


def start_lesions(plan: Structure, thresholds: LesionThresholds | None = None) -> LesionHistory:
    """The history of a target before its first fraction."""
    limits = thresholds or LesionThresholds()
    lesions = tuple(_as_lesion(part) for part in plan_parts(plan, limits))
    return LesionHistory(target=plan.name, plan=lesions, thresholds=limits)


def observe_parts(
    plan: Structure,
    daily_to_plan: Alignment,
    onto: Grid,
    *,
    fraction: int,
    found: Structure | None = None,
    plan_to_daily: DisplacementField | None = None,
    jacobian: Volume | None = None,
    thresholds: LesionThresholds | None = None,
) -> FractionParts:
    """A target's parts on one day.

    Args:
        plan: The target in the plan.
        daily_to_plan: Takes points of the day to the plan.
        onto: The daily scan's grid.
        fraction: Its number, from 1.
        found: The target as segmented or drawn on the day, on `onto`; None where there is only the carried one.
        plan_to_daily: The way back, as for `carry_structure`.
        jacobian: Determinant of the derivative of x + u(x), in the daily frame; where it is far from 1 no split or
            merger is believed.
        thresholds: When something counts.

    Raises:
        FrameMismatchError: structures or grids lie in other frames than the alignment's.
    """
    if found is not None and found.grid != onto:
        raise FrameMismatchError("the target found on the day does not lie on the daily scan's grid")
    limits = thresholds or LesionThresholds()
    carried: list[_CarriedLesion] = []
    unseen: list[str] = []
    for part in plan_parts(plan, limits):
        today = carry_structure(part, daily_to_plan, onto, plan_to_daily=plan_to_daily)
        if today.out_of_view > _UNSEEN:
            unseen.append(part.name)
            continue
        by_setup = carry_structure(part, daily_to_plan.rigid_only, onto).structure
        carried.append(_CarriedLesion(_as_lesion(part), part, today.structure, by_setup))
    if found is None:
        parts = [_as_carried(entry, daily_to_plan) for entry in carried if not entry.today.is_empty]
    else:
        parts = _as_found(found, carried, daily_to_plan, jacobian, limits)
    return FractionParts(
        fraction=fraction,
        parts=tuple(parts),
        unseen=tuple(unseen),
        voxel_mm=float(np.cbrt(onto.voxel_volume_mm3)),
    )


def _as_carried(entry: _CarriedLesion, daily_to_plan: Alignment) -> PartToday:
    """Its volume is the plan's, changed in proportion as between the two ways of carrying it, which round it alike."""
    ratio = entry.today.volume_ml / entry.by_setup.volume_ml if not entry.by_setup.is_empty else 1.0
    pieces = int(label(entry.today.mask_zyx, structure=ALL_NEIGHBOURS)[1])
    return _part(
        daily_to_plan,
        entry.today.grid.cropped(entry.today.lower_zyx, _shape(entry.today.mask_zyx)),
        entry.today.mask_zyx,
        lesions=(entry.lesion.lesion,),
        volume_ml=entry.lesion.volume_ml * ratio,
        note=f"carried in {pieces} pieces that only the voxels part: told as one" if pieces > 1 else "",
    )


def _as_found(
    found: Structure,
    carried: list[_CarriedLesion],
    daily_to_plan: Alignment,
    jacobian: Volume | None,
    limits: LesionThresholds,
) -> list[PartToday]:
    box = _box_around([found, *(entry.today for entry in carried)])
    labels, sizes_ml = _labelled(found)
    separate = [
        _in_box(labels == n + 1, found.lower_zyx, box) for n in range(sizes_ml.size) if sizes_ml[n] >= limits.debris_ml
    ]
    expected = [
        Expected(
            lesion=entry.lesion.lesion,
            mask=_in_box(entry.today.mask_zyx, entry.today.lower_zyx, box),
            thin_bridge=_has_thin_bridge(entry.plan, limits),
            creased=_is_creased(jacobian, entry.today),
            neighbours=frozenset(
                other.lesion.lesion
                for other in carried
                if other is not entry and within_reach(entry.plan.mask_zyx, other.plan.mask_zyx, 1)
            ),
        )
        for entry in carried
    ]
    grid = found.grid.cropped((box[0].start, box[1].start, box[2].start), _size(box))
    matched = match_parts(expected, separate, spacing_zyx_mm=grid.spacing_zyx_mm, thresholds=limits)
    return [
        _part(
            daily_to_plan,
            grid,
            part.mask,
            lesions=part.lesions,
            volume_ml=float(np.count_nonzero(part.mask)) * grid.voxel_volume_mm3 / 1000.0,
            note=part.note,
        )
        for part in matched
    ]


def _labelled(structure: Structure) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
    """The structure's separate parts, numbered from 1, and the volume of each in ml."""
    labels, count = label(structure.mask_zyx, structure=ALL_NEIGHBOURS)
    sizes = np.bincount(labels.ravel(), minlength=count + 1)[1:]
    return labels, np.asarray(sizes * structure.grid.voxel_volume_mm3 / 1000.0, dtype=np.float64)


def _has_thin_bridge(part: Structure, limits: LesionThresholds) -> bool:
    """True where a part holds together only by what is less than two voxels thick in its slices."""
    core = signed_distance(part).values_zyx > max(part.grid.spacing_zyx_mm[1:])
    labels, count = label(core, structure=ALL_NEIGHBOURS)
    sizes = np.bincount(labels.ravel(), minlength=count + 1)[1:]
    return int(np.count_nonzero(sizes >= limits.piece_share * max(1, int(sizes.sum())))) > 1


def _is_creased(jacobian: Volume | None, today: Structure) -> bool:
    if jacobian is None or today.is_empty:
        return False
    index = np.argwhere(today.mask_zyx) + np.asarray(today.lower_zyx)
    found = sample(jacobian, today.grid.to_point_xyz_mm(index.astype(np.float64)), outside=1.0)
    return bool((found < _CREASED[0]).any() or (found > _CREASED[1]).any())


def _box_around(structures: list[Structure]) -> tuple[slice, slice, slice]:
    """The part of the day's grid that holds all of them with room to grow; may start before the grid does."""
    low = np.min([s.lower_zyx for s in structures], axis=0) - _PAD_VOXELS
    high = np.max([np.add(s.lower_zyx, s.mask_zyx.shape) for s in structures], axis=0) + _PAD_VOXELS
    z, y, x = (slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
    return z, y, x


def _in_box(mask: Mask, lower_zyx: tuple[int, int, int], box: tuple[slice, slice, slice]) -> Mask:
    whole = np.zeros(_size(box), dtype=np.bool_)
    at = tuple(
        slice(low - side.start, low - side.start + size)
        for low, side, size in zip(lower_zyx, box, mask.shape, strict=True)
    )
    whole[at] = mask
    return whole


def _part(
    daily_to_plan: Alignment, grid: Grid, mask: Mask, *, lesions: tuple[str, ...], volume_ml: float, note: str
) -> PartToday:
    centre = grid.to_point_xyz_mm(np.argwhere(mask).mean(axis=0))
    return PartToday(
        lesions=lesions,
        volume_ml=volume_ml,
        centroid_xyz_mm=_triple(daily_to_plan.rigid.apply(centre)),
        anatomy_xyz_mm=_triple(daily_to_plan.map_points(centre)),
        note=note,
    )


def _as_lesion(part: Structure) -> PlanLesion:
    index = np.argwhere(part.mask_zyx).mean(axis=0) + np.asarray(part.lower_zyx)
    centre = _triple(part.grid.to_point_xyz_mm(index))
    return PlanLesion(lesion=part.name, volume_ml=part.volume_ml, centroid_xyz_mm=centre)


def _size(box: tuple[slice, slice, slice]) -> tuple[int, int, int]:
    z, y, x = (int(side.stop - side.start) for side in box)
    return z, y, x


def _shape(mask: Mask) -> tuple[int, int, int]:
    z, y, x = mask.shape
    return z, y, x


def _triple(values: NDArray[np.float64]) -> Triple:
    x, y, z = (float(value) for value in values)
    return (x, y, z)
