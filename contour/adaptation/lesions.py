"""Lesions: the separate parts of a target, each with one identity over the whole course, and what became of them.

    stable, grown, shrunk   in its place, with its volume within, above or below what counts as unchanged
    moved                   as large as before, but elsewhere
    vanished                not found today where it was expected
    new                     found today where none was expected
    merged                  grown together with others; the one largest at first goes on, the others end in it
    split                   come apart; the largest piece keeps the identity, the others get their own
    unseen                  today's scan does not reach it

`lesion_parts` says what was found on one day and which of the plan's lesions it belongs to, `lesion_history` puts days
in order and tells each lesion's fate.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from registration.grid import Triple

Fate = Literal["stable", "moved", "grown", "shrunk", "vanished", "new", "merged", "split", "unseen"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LesionThresholds:
    """When something counts.

    Args:
        volume_percent: A volume within that of the first is unchanged.
        edge_voxels: An outline that lies off by that share of a voxel is no change either; for small lesions it weighs
            more than `volume_percent`.
        moved_mm: A centroid that lies farther than that from where it was has moved.
        reach_mm: A part that overlaps nothing expected is the lesion nearest to it, up to that distance.
        debris_ml: Smaller parts are no lesions.
        new_ml: Nor is a part where none was expected, up to that volume.
        piece_share: A lesion has split only into pieces of at least that share of it.
        taken_share: A part belongs to a lesion where that share of either lies in the other.
    """

    volume_percent: float = 20.0
    edge_voxels: float = 0.25
    moved_mm: float = 5.0
    reach_mm: float = 15.0
    debris_ml: float = 0.03
    new_ml: float = 0.1
    piece_share: float = 0.1
    taken_share: float = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanLesion:
    """A part of the plan's target: its identity, volume and centroid in the plan's frame."""

    lesion: str
    volume_ml: float
    centroid_xyz_mm: Triple


@dataclass(frozen=True, slots=True, kw_only=True)
class PartToday:
    """A separate part of today's target.

    Args:
        lesions: Those of the plan that it is: one, several where they merged, none where none was expected.
        volume_ml: Its volume.
        centroid_xyz_mm: In the plan's frame, with set-up put right.
        anatomy_xyz_mm: Where that tissue lay in the plan, by the whole alignment.
        note: Why a split or merger was not taken for one, and the like.
    """

    lesions: tuple[str, ...]
    volume_ml: float
    centroid_xyz_mm: Triple
    anatomy_xyz_mm: Triple
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FractionParts:
    """All parts of a target at one fraction.

    Args:
        fraction: Its number, from 1.
        parts: What was found.
        unseen: The plan's lesions that today's scan does not reach.
        voxel_mm: Edge of a cube as large as a voxel of the day.
    """

    fraction: int
    parts: tuple[PartToday, ...]
    unseen: tuple[str, ...] = ()
    voxel_mm: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetLesions:
    """A target's lesions in the plan and its parts on one day: all that a course has to keep of the day."""

    target: str
    plan: tuple[PlanLesion, ...]
    today: FractionParts


@dataclass(frozen=True, slots=True, kw_only=True)
class LesionHistory:
    """A target's lesions over a course; fractions in order of their numbers."""

    target: str
    plan: tuple[PlanLesion, ...]
    fractions: tuple[FractionParts, ...] = ()
    thresholds: LesionThresholds = field(default_factory=LesionThresholds)


@dataclass(frozen=True, slots=True, kw_only=True)
class LesionToday:
    """One lesion at one fraction.

    Args:
        lesion: Its identity in the course: L1, L2, …
        target: The structure it is a part of.
        fate: What became of it since the plan, or since it first appeared.
        first_volume_ml: When it was first seen; in the plan for most.
        volume_ml: Today; 0 where it is not there or went up in another.
        shift_xyz_mm: Of its centroid since then, after set-up: (LR, AP, SI). None where it is not there.
        partners: What it merged with or split from.
        note: What speaks against taking the fate at its word, or why a split or merger was not taken for one.
    """

    lesion: str
    target: str
    fate: Fate
    first_volume_ml: float
    volume_ml: float
    shift_xyz_mm: Triple | None
    partners: tuple[str, ...] = ()
    note: str = ""
