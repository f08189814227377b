"""What reviewers ask of the review desk, as it comes in."""

from __future__ import annotations

from dataclasses import dataclass, field

APPROVE_REASONS: tuple[str, ...] = ("AS_DRAWN", "EDITED", "ACCEPTABLE_DEVIATION")
REJECT_REASONS: tuple[str, ...] = (
    "WRONG_ANATOMY",
    "STRUCTURE_MISSING",
    "TOO_MANY_EDITS",
    "BAD_SCAN",
    "BAD_REGISTRATION",
    "WRONG_PATIENT",
    "OTHER",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class EditAsked:
    """An edit as it comes in.

    Args:
        base_revision: The revision that was on the screen.
        request_id: 1 to 64 plain characters; the same again does nothing a second time.
        operation: `contour.anatomy.editing.operations` as JSON.
        seconds: Of active work, since the last edit.
    """

    base_revision: int
    request_id: str
    structure: str
    operation: dict[str, object]
    seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class StepAsked:
    """Undo, redo or revert, made at a revision."""

    base_revision: int
    request_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionAsked:
    """An approval or a rejection of one revision; `seconds` of active work since the last edit."""

    base_revision: int
    password: str = field(repr=False)
    reasons: tuple[str, ...]
    comment: str = ""
    seconds: float = 0.0
