"""What the store hands out of reviews: values, never rows."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from contour.errors import ConflictError


class EditConflictError(ConflictError):
    """A change was made on another revision than the review has: nothing was changed.

    Args:
        revision: The one that it has.
        by: Who made that one.
        base_revision: The one that the change was made on.
    """

    default_reason = "EDIT_CONFLICT"

    def __init__(self, *, revision: int, by: str, base_revision: int) -> None:
        super().__init__(f"made on revision {base_revision}, while the review has revision {revision}")
        self.revision = revision
        self.by = by


class ReviewState(StrEnum):
    """Where a structure set under review stands."""

    NEW = "new"
    IN_REVIEW = "in_review"
    APPROVED = "approved"
    REJECTED = "rejected"

    @property
    def is_decided(self) -> bool:
        """Closed to edits until it is reopened."""
        return self in {ReviewState.APPROVED, ReviewState.REJECTED}


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """A finished job's structure set under review; `revision` counts its edits, undone ones included."""

    review_id: str
    job_id: str
    state: ReviewState
    revision: int
    reviewer: str
    created_s: float
    changed_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class NewEdit:
    """An edit to be written down.

    Args:
        base_revision: What it was made from; it becomes the next revision.
        author: Account name.
        structure: Which; empty for undo and redo.
        operation: As JSON, with its `kind`.
        result_sha256: The structure's voxels after it; None for undo, redo and revert.
        seconds: Of active work.
        request_id: Makes it safe to ask twice; may be empty.
    """

    base_revision: int
    author: str
    structure: str
    operation: dict[str, Any]
    result_sha256: str | None
    seconds: float
    request_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class EditRecord:
    """One edit as it was made; revision n was made from revision n - 1."""

    revision: int
    request_id: str
    author: str
    structure: str
    operation: dict[str, Any]
    result_sha256: str | None
    seconds: float
    made_s: float

    @property
    def kind(self) -> str:
        """Of the operation."""
        return str(self.operation.get("kind", ""))


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovedObject:
    """The file that an approval wrote."""

    sop_instance_uid: str
    sha256: str
    size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NewDecision:
    """A decision to be written down; `file` of an approval."""

    state: ReviewState
    base_revision: int
    reviewer: str
    reasons: tuple[str, ...]
    comment: str
    scores: tuple[dict[str, Any], ...]
    file: ApprovedObject | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionRecord:
    """Approved or rejected: by whom, when, why, of which revision, and the file that was written."""

    state: ReviewState
    revision: int
    reviewer: str
    reasons: tuple[str, ...]
    comment: str
    decided_s: float
    file: ApprovedObject | None
    scores: tuple[dict[str, Any], ...]
