"""Lesions: the separate parts of a target, each with one identity over the whole course, and what became of them.

stable, grown, shrunk   in its place, with its volume within, above or below what counts as unchanged
moved                   as large as before, but elsewhere
vanished                not found today where it was expected
new                     found today where none was expected
merged                  grown together with another; the larger keeps its identity, the others end in it
split                   come apart; the largest piece keeps the identity, the others get their own
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from registration.grid import Triple

Fate = Literal["stable", "moved", "grown", "shrunk", "vanished", "new", "merged", "split"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LesionToday:
    """One lesion at one fraction.

    Args:
        lesion: Its identity in the course: L1, L2, …
        target: The structure it is a part of.
        fate: What became of it since the plan, or since it first appeared.
        first_volume_ml: When it was first seen; in the plan for most.
        volume_ml: Today; 0 where it is not there.
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
