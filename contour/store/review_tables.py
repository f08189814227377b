"""Tables of reviews: where each structure set stands, every edit as it was made, and what was decided."""

from __future__ import annotations

from typing import Any

from sqlalchemy import JSON, ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from contour.store.tables import Table


class ReviewRow(Table):
    """A finished job's structure set under review; `revision` counts its edits, undone ones included."""

    __tablename__ = "review"

    sequence: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    review_id: Mapped[str] = mapped_column(unique=True)
    job_id: Mapped[str] = mapped_column(ForeignKey("job.job_id", ondelete="CASCADE"), unique=True)
    state: Mapped[str] = mapped_column(default="new", index=True)
    revision: Mapped[int] = mapped_column(default=0)
    reviewer: Mapped[str] = mapped_column(default="")
    created_s: Mapped[float]
    changed_s: Mapped[float]


class EditRow(Table):
    """One edit: revision n was made from revision n - 1 by `author`. Rows are only ever added."""

    __tablename__ = "edit"
    __table_args__ = (UniqueConstraint("review_id", "revision"), UniqueConstraint("review_id", "request_id"))

    sequence: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    review_id: Mapped[str] = mapped_column(ForeignKey("review.review_id", ondelete="CASCADE"), index=True)
    revision: Mapped[int]
    request_id: Mapped[str | None]
    author: Mapped[str]
    structure: Mapped[str]
    operation: Mapped[dict[str, Any]] = mapped_column(JSON)
    result_sha256: Mapped[str | None]
    seconds: Mapped[float] = mapped_column(default=0.0)
    made_s: Mapped[float]


class DecisionRow(Table):
    """Approved or rejected: by whom, why, of which revision, and the file that was written."""

    __tablename__ = "decision"

    sequence: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    review_id: Mapped[str] = mapped_column(ForeignKey("review.review_id", ondelete="CASCADE"), index=True)
    state: Mapped[str]
    revision: Mapped[int]
    reviewer: Mapped[str]
    reasons: Mapped[list[str]] = mapped_column(JSON)
    comment: Mapped[str] = mapped_column(default="")
    decided_s: Mapped[float]
    sop_instance_uid: Mapped[str | None]
    result_sha256: Mapped[str | None]
    result_bytes: Mapped[int | None]
    scores: Mapped[list[dict[str, Any]]] = mapped_column(JSON)
