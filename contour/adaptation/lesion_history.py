"""A target's lesions over a course: days put in order, and each lesion's fate on each of them.

The plan's lesions are L1, L2, … by size; what appears later is numbered on, by the fraction at which it is first seen,
and known again by its place in the plan's anatomy. A course is worked out anew from its first fraction whenever a day
is added, so the order of arrival does not matter. An early fraction that arrives late may change the numbers of lesions
that the plan does not have.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import linear_sum_assignment

from contour.adaptation.lesions import (
    Fate,
    FractionParts,
    LesionHistory,
    LesionThresholds,
    LesionToday,
    PartToday,
    PlanLesion,
    TargetLesions,
)
from contour.errors import InputError
from registration.grid import Triple

_NEVER = 1e6


@dataclass(slots=True)
class _Late:
    """A lesion that the plan does not have: a new one, or a piece that came off its parent; and where it was last."""

    since: PlanLesion
    parent: str
    anatomy_xyz_mm: Triple


def follow_lesions(previous: LesionHistory, today: FractionParts) -> LesionHistory:
    """The history with one more day, or with a day done again.

    Raises:
        InputError: the day speaks of a lesion that the plan does not have (UNKNOWN_LESION).
    """
    known = {lesion.lesion for lesion in previous.plan}
    spoken_of = {lesion for part in today.parts for lesion in part.lesions} | set(today.unseen)
    if not spoken_of <= known:
        strange = ", ".join(sorted(spoken_of - known))
        raise InputError(f"lesions {strange} are none of the plan's", reason="UNKNOWN_LESION")
    others = [day for day in previous.fractions if day.fraction != today.fraction]
    return replace(previous, fractions=tuple(sorted([*others, today], key=lambda day: day.fraction)))


def lesion_histories(
    days: Iterable[tuple[int, TargetLesions]], thresholds: LesionThresholds | None = None
) -> tuple[LesionHistory, ...]:
    """The history of each target from what a course kept of its days, in any order.

    Args:
        days: The number of each fraction with what was kept of it; the number inside is not looked at.
        thresholds: When something counts.

    Raises:
        InputError: two days speak of different lesions in the plan's target (UNKNOWN_LESION).
    """
    found: dict[str, LesionHistory] = {}
    for fraction, kept in days:
        first = LesionHistory(target=kept.target, plan=kept.plan, thresholds=thresholds or LesionThresholds())
        history = found.get(kept.target, first)
        if history.plan != kept.plan:
            raise InputError("two fractions name different lesions in the plan", reason="UNKNOWN_LESION")
        found[kept.target] = follow_lesions(history, replace(kept.today, fraction=fraction))
    return tuple(found.values())


def lesions_by_fraction(history: LesionHistory) -> tuple[tuple[int, tuple[LesionToday, ...]], ...]:
    """What became of every lesion at each fraction, in order of their numbers."""
    late: list[_Late] = []
    return tuple((day.fraction, _one_day(history, day, late)) for day in history.fractions)


def lesions_at(history: LesionHistory, fraction: int) -> tuple[LesionToday, ...]:
    """What became of every lesion at one fraction; nothing where the history does not hold it."""
    return dict(lesions_by_fraction(history)).get(fraction, ())


def _one_day(history: LesionHistory, day: FractionParts, late: list[_Late]) -> tuple[LesionToday, ...]:
    """One day's rows; `late` is handed on from day to day and grows by what is first seen."""
    rows: list[LesionToday] = []
    off: list[tuple[str, PartToday]] = []  # pieces by what they came off, and parts that nothing was expected at
    for lesion in history.plan:
        own = sorted((p for p in day.parts if lesion.lesion in p.lesions), key=lambda p: -p.volume_ml)
        pieces = [piece for piece in own[1:] if piece.lesions == (lesion.lesion,)]
        rows.append(_of_plan(history, day, lesion, own[0] if own else None, has_split=bool(pieces)))
        off += [(lesion.lesion, piece) for piece in pieces]
    off += [("", part) for part in day.parts if not part.lesions]
    rows += _of_later(history, day, late, off)
    present = {row.lesion for row in rows}
    for entry in late:
        if entry.since.lesion not in present:
            rejoined = any(entry.parent in part.lesions for part in day.parts)
            into = (entry.parent,) if rejoined else ()
            rows.append(_gone(history, entry.since, "merged" if rejoined else "vanished", into))
    for n, row in enumerate(rows):
        if row.fate == "split" and not row.partners:
            rows[n] = replace(
                row, partners=tuple(o.lesion for o in rows if o.volume_ml and o.partners == (row.lesion,))
            )
    return tuple(sorted(rows, key=lambda row: int(row.lesion[1:])))


def _of_plan(
    history: LesionHistory, day: FractionParts, lesion: PlanLesion, main: PartToday | None, *, has_split: bool
) -> LesionToday:
    if main is None:
        return _gone(history, lesion, "unseen" if lesion.lesion in day.unseen else "vanished")
    if len(main.lesions) == 1:
        return _present(history, day, main, lesion, fate="split" if has_split else None)
    volume_ml = {entry.lesion: entry.volume_ml for entry in history.plan}
    survivor = max(main.lesions, key=lambda name: (volume_ml[name], -int(name[1:])))
    if survivor != lesion.lesion:
        return _gone(history, lesion, "merged", (survivor,))
    others = tuple(name for name in main.lesions if name != survivor)
    return _present(history, day, main, lesion, fate="merged", partners=others)


def _of_later(
    history: LesionHistory, day: FractionParts, late: list[_Late], off: list[tuple[str, PartToday]]
) -> list[LesionToday]:
    """Rows of the lesions that the plan does not have; what is first seen is added to `late`."""
    rows: list[LesionToday] = []
    for parent, part, known in _known_again(history.thresholds, late, off):
        entry = known
        if entry is None:
            since = PlanLesion(
                lesion=f"L{len(history.plan) + len(late) + 1}",
                volume_ml=part.volume_ml,
                centroid_xyz_mm=part.centroid_xyz_mm,
            )
            entry = _Late(since=since, parent=parent, anatomy_xyz_mm=part.anatomy_xyz_mm)
            late.append(entry)
        entry.anatomy_xyz_mm = part.anatomy_xyz_mm
        first_seen: Fate = "split" if parent else "new"
        partners = (parent,) if parent else ()
        rows.append(_present(history, day, part, entry.since, fate=None if known else first_seen, partners=partners))
    return rows


def _known_again(
    thresholds: LesionThresholds, late: list[_Late], off: list[tuple[str, PartToday]]
) -> list[tuple[str, PartToday, _Late | None]]:
    """Each part, largest first, with the later lesion that it is by its place in the plan's anatomy."""
    ordered = sorted(off, key=lambda entry: -entry[1].volume_ml)
    known: list[_Late | None] = [None] * len(ordered)
    if ordered and late:
        apart = np.array([[math.dist(p.anatomy_xyz_mm, e.anatomy_xyz_mm) for e in late] for _, p in ordered])
        kin = np.array([[e.parent == parent for e in late] for parent, _ in ordered])
        cost = np.where(kin & (apart <= thresholds.reach_mm), apart, _NEVER)
        for row, column in zip(*linear_sum_assignment(cost), strict=True):
            if cost[row, column] < _NEVER:
                known[row] = late[column]
    return [(parent, part, entry) for (parent, part), entry in zip(ordered, known, strict=True)]


def _present(
    history: LesionHistory,
    day: FractionParts,
    part: PartToday,
    since: PlanLesion,
    *,
    fate: Fate | None = None,
    partners: tuple[str, ...] = (),
) -> LesionToday:
    x, y, z = (a - b for a, b in zip(part.centroid_xyz_mm, since.centroid_xyz_mm, strict=True))
    return LesionToday(
        lesion=since.lesion,
        target=history.target,
        fate=fate or _plain_fate(history.thresholds, day, part, since),
        first_volume_ml=since.volume_ml,
        volume_ml=part.volume_ml,
        shift_xyz_mm=(x, y, z),
        partners=partners,
        note=part.note,
    )


def _plain_fate(thresholds: LesionThresholds, day: FractionParts, part: PartToday, since: PlanLesion) -> Fate:
    radius_mm = (3000.0 * since.volume_ml / (4.0 * math.pi)) ** (1 / 3)
    unsure_percent = 300.0 * thresholds.edge_voxels * day.voxel_mm / radius_mm
    change_percent = 100.0 * (part.volume_ml / since.volume_ml - 1.0)
    if abs(change_percent) > max(thresholds.volume_percent, unsure_percent):
        return "grown" if change_percent > 0 else "shrunk"
    return "moved" if math.dist(part.centroid_xyz_mm, since.centroid_xyz_mm) > thresholds.moved_mm else "stable"


def _gone(history: LesionHistory, lesion: PlanLesion, fate: Fate, partners: tuple[str, ...] = ()) -> LesionToday:
    return LesionToday(
        lesion=lesion.lesion,
        target=history.target,
        fate=fate,
        first_volume_ml=lesion.volume_ml,
        volume_ml=0.0,
        shift_xyz_mm=None,
        partners=partners,
    )
