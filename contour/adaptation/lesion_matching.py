"""Which of the plan's lesions each part of today's target is: masks of one box of the daily scan against one another.

Parts are matched to what is expected by overlap first and then by distance (Hungarian assignment). Two parts in the
place of one are a split, unless

    they lie less than two voxels apart, or
    the plan's part had a bridge of less than two voxels there and they are less than four apart, or
    the field is creased there: its Jacobian says that the alignment changed, not the patient.

One part in the place of two is a merger, unless these were less than two voxels apart in the plan, are expected so, or
the field is creased.

Reference: Kuhn, doi:10.1002/nav.3800020109 (assignment).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation, distance_transform_edt
from scipy.optimize import linear_sum_assignment
from scipy.sparse.csgraph import connected_components

from contour.adaptation.lesions import LesionThresholds
from registration.grid import Triple

Mask = NDArray[np.bool_]
ALL_NEIGHBOURS = np.ones((3, 3, 3), dtype=np.bool_)
_NEVER = 1e6


@dataclass(frozen=True, slots=True)
class Expected:
    """A lesion of the plan on the day.

    Args:
        lesion: L1, L2, …
        mask: Where it is expected, in the box.
        thin_bridge: In the plan it held together only by less than two voxels.
        creased: The field is no smooth map there.
        neighbours: Lesions less than two voxels away in the plan.
    """

    lesion: str
    mask: Mask
    thin_bridge: bool
    creased: bool
    neighbours: frozenset[str]


@dataclass(frozen=True, slots=True)
class Matched:
    """A part of today's target, the lesions that it is, and what was decided about it."""

    mask: Mask
    lesions: tuple[str, ...]
    note: str = ""


def match_parts(
    expected: list[Expected], parts: list[Mask], *, spacing_zyx_mm: Triple, thresholds: LesionThresholds
) -> list[Matched]:
    """Today's parts with the lesions they are; pieces put together and mergers taken apart by the rules above."""
    belongs = _by_overlap(expected, parts, thresholds)
    _tie_by_distance(belongs, expected, parts, np.asarray(spacing_zyx_mm), thresholds)
    n = len(expected)
    links = np.zeros((n + len(parts), n + len(parts)), dtype=np.int8)
    links[:n, n:] = belongs
    count, group = connected_components(links, directed=False)
    out: list[Matched] = []
    strangers: list[Mask] = []
    for number in range(count):
        own = [expected[i] for i in range(n) if group[i] == number]
        pieces = [parts[j] for j in range(len(parts)) if group[n + j] == number]
        if own and pieces:
            out += _told_apart(own, pieces, spacing_zyx_mm, thresholds)
        else:
            strangers += pieces
    for part in strangers:
        _take_in(part, out, float(np.prod(spacing_zyx_mm)) / 1000.0, thresholds)
    return out


def _by_overlap(expected: list[Expected], parts: list[Mask], thresholds: LesionThresholds) -> Mask:
    shared = np.array([[np.count_nonzero(e.mask & p) for p in parts] for e in expected], dtype=np.float64)
    shared = shared.reshape(len(expected), len(parts))
    of_lesion = thresholds.taken_share * np.array([np.count_nonzero(e.mask) for e in expected])
    of_part = thresholds.taken_share * np.array([np.count_nonzero(p) for p in parts])
    return np.asarray(((shared >= of_lesion[:, None]) | (shared >= of_part[None, :])) & (shared > 0))


def _tie_by_distance(
    belongs: Mask,
    expected: list[Expected],
    parts: list[Mask],
    spacing: NDArray[np.float64],
    thresholds: LesionThresholds,
) -> None:
    """Ties what overlap left over, in place."""
    rows = [i for i in np.flatnonzero(~belongs.any(axis=1)) if expected[i].mask.any()]
    columns = list(np.flatnonzero(~belongs.any(axis=0)))
    if not (rows and columns):
        return
    centre_e = [np.argwhere(expected[i].mask).mean(axis=0) * spacing for i in rows]
    centre_p = [np.argwhere(parts[j]).mean(axis=0) * spacing for j in columns]
    apart = np.array([[float(np.linalg.norm(a - b)) for b in centre_p] for a in centre_e])
    cost = np.where(apart <= thresholds.reach_mm, apart, _NEVER)
    for row, column in zip(*linear_sum_assignment(cost), strict=True):
        if cost[row, column] < _NEVER:
            belongs[rows[row], columns[column]] = True


def _told_apart(
    own: list[Expected], pieces: list[Mask], spacing_zyx_mm: Triple, thresholds: LesionThresholds
) -> list[Matched]:
    if len(own) == 1:
        return _split(own[0], pieces, thresholds)
    if len(pieces) == 1:
        return _merger(own, pieces[0], spacing_zyx_mm)
    # several in the place of several: each lesion has one of its own first, then each piece goes where it shares most
    shared = np.array([[np.count_nonzero(e.mask & p) for p in pieces] for e in own], dtype=np.float64)
    holder = [int(np.argmax(shared[:, j])) for j in range(len(pieces))]
    for i, j in zip(*linear_sum_assignment(-shared), strict=True):
        holder[j] = int(i)
    out: list[Matched] = []
    for i in sorted(set(holder)):
        held = [pieces[j] for j in range(len(pieces)) if holder[j] == i]
        guests = [k for k in range(len(own)) if k not in holder and holder[int(np.argmax(shared[k]))] == i]
        if guests and len(held) == 1:
            out += _merger([own[i], *(own[k] for k in guests)], held[0], spacing_zyx_mm)
        else:
            out += _split(own[i], held, thresholds)
    return out


def _split(lesion: Expected, pieces: list[Mask], thresholds: LesionThresholds) -> list[Matched]:
    whole = sum(int(np.count_nonzero(piece)) for piece in pieces)
    main, *others = sorted(pieces, key=lambda piece: -int(np.count_nonzero(piece)))
    apart: list[Matched] = []
    note = ""
    for piece in others:
        why = ""
        if np.count_nonzero(piece) < thresholds.piece_share * whole:
            why = "a small piece beside it"
        elif lesion.creased:
            why = "two pieces where the field is creased"
        elif within_reach(main, piece, 1):
            why = "two pieces less than two voxels apart"
        elif lesion.thin_bridge and within_reach(main, piece, 2):
            why = "two pieces that a bridge of less than two voxels held together in the plan"
        if why:
            main, note = main | piece, f"{why}: told as one"
        else:
            apart.append(Matched(piece, (lesion.lesion,)))
    return [Matched(main, (lesion.lesion,), note), *apart]


def _merger(own: list[Expected], part: Mask, spacing_zyx_mm: Triple) -> list[Matched]:
    touching = all(
        any(b.lesion in a.neighbours or within_reach(a.mask, b.mask, 1) for b in own if b is not a) for a in own
    )
    creased = any(entry.creased for entry in own)
    if not (touching or creased):
        return [Matched(part, tuple(entry.lesion for entry in own))]
    why = "touches its neighbour where the field is creased" if creased else "was less than two voxels away"
    away = np.stack([distance_transform_edt(~entry.mask, sampling=spacing_zyx_mm) for entry in own])
    nearest = np.argmin(away, axis=0)
    shares = [Matched(part & (nearest == i), (entry.lesion,), f"{why}: told apart") for i, entry in enumerate(own)]
    return [share for share in shares if share.mask.any()]


def _take_in(part: Mask, out: list[Matched], voxel_ml: float, thresholds: LesionThresholds) -> None:
    """Adds a part that nothing expected, in place; what lies against a lesion, or is too small, is not a new one."""
    for n, found in enumerate(out):
        if found.lesions and within_reach(found.mask, part, 1):
            out[n] = Matched(found.mask | part, found.lesions, "a piece less than two voxels beside it: told as one")
            return
    if np.count_nonzero(part) * voxel_ml >= thresholds.new_ml:
        out.append(Matched(part, ()))


def within_reach(a: Mask, b: Mask, voxels: int) -> bool:
    """True where both masks, each grown by so many voxels, meet: fewer than twice so many lie between them."""
    wide_a, wide_b = (binary_dilation(mask, structure=ALL_NEIGHBOURS, iterations=voxels) for mask in (a, b))
    return bool((wide_a & wide_b).any())
