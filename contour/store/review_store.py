"""Reviews: where each structure set stands, its edits in order, and what was decided. Every change is in the audit."""

from __future__ import annotations

import uuid
from collections.abc import Callable

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from contour.errors import NotFoundError, NotReadyError
from contour.store.audit_chain import Action, Detail
from contour.store.audit_store import AuditStore
from contour.store.database import Database
from contour.store.files import is_id
from contour.store.records import JobState, StoredFile
from contour.store.review_records import (
    ApprovedObject,
    DecisionRecord,
    EditConflictError,
    EditRecord,
    NewDecision,
    NewEdit,
    Review,
    ReviewState,
)
from contour.store.review_tables import DecisionRow, EditRow, ReviewRow
from contour.store.tables import JobRow

UNDO, REDO, REVERT = "undo", "redo", "revert"
"""Kinds of edits that are no geometry."""

_ACTIONS = {UNDO: Action.UNDONE, REDO: Action.REDONE, REVERT: Action.REVERTED}


class ReviewStore:
    """Reviews of finished jobs. Every method can be called from any thread."""

    def __init__(self, database: Database, audit: AuditStore, *, clock_s: Callable[[], float]) -> None:
        self._database = database
        self._audit = audit
        self._clock_s = clock_s

    def open_all(self) -> int:
        """A new review for every job that succeeded and has none; how many were made."""
        query = (
            select(JobRow.job_id)
            .outerjoin(ReviewRow, ReviewRow.job_id == JobRow.job_id)
            .where(JobRow.state == JobState.SUCCEEDED.value, ReviewRow.job_id.is_(None))
            .order_by(JobRow.sequence)
        )
        with self._database.read() as session:
            if session.scalar(query.limit(1)) is None:
                return 0
        with self._database.write() as session:
            now_s = self._clock_s()
            missing = session.scalars(query).all()
            for job_id in missing:
                session.add(ReviewRow(review_id=uuid.uuid4().hex, job_id=job_id, created_s=now_s, changed_s=now_s))
            return len(missing)

    def listing(self, states: tuple[ReviewState, ...] = ()) -> tuple[Review, ...]:
        """Reviews in these states, all where none is given; newest first."""
        query = select(ReviewRow).order_by(ReviewRow.sequence.desc())
        if states:
            query = query.where(ReviewRow.state.in_([state.value for state in states]))
        with self._database.read() as session:
            return tuple(_described(row) for row in session.scalars(query))

    def counts(self) -> tuple[tuple[ReviewState, int], ...]:
        """How many reviews are in each state."""
        with self._database.read() as session:
            rows = session.execute(select(ReviewRow.state, func.count()).group_by(ReviewRow.state)).all()
        counts = {state: int(count) for state, count in rows}
        return tuple((state, counts.get(state.value, 0)) for state in ReviewState)

    def get(self, review_id: str) -> Review:
        """One review.

        Raises:
            NotFoundError: REVIEW_NOT_FOUND.
        """
        with self._database.read() as session:
            return _described(_row(session, review_id))

    def edits(self, review_id: str) -> tuple[EditRecord, ...]:
        """All edits of a review, in order; those that were undone as well."""
        query = select(EditRow).where(EditRow.review_id == review_id).order_by(EditRow.revision)
        with self._database.read() as session:
            return tuple(_edit(row) for row in session.scalars(query))

    def edit_of_request(self, review_id: str, request_id: str) -> EditRecord | None:
        """The edit that this request made, None where it made none."""
        query = select(EditRow).where(EditRow.review_id == review_id, EditRow.request_id == request_id)
        with self._database.read() as session:
            row = session.scalar(query)
            return None if row is None else _edit(row)

    def append_edit(self, review_id: str, new: NewEdit) -> Review:
        """Write an edit down, and its entry in the audit with it; on return both survive a power cut.

        A request id that came before changes nothing: the review is given as it is.

        Raises:
            NotFoundError: REVIEW_NOT_FOUND.
            NotReadyError: REVIEW_CLOSED where it is approved or rejected.
            EditConflictError: the review has another revision than the edit was made on.
        """
        with self._database.write() as session:
            row = _row(session, review_id)
            if new.request_id and _known(session, review_id, new.request_id):
                return _described(row)
            _require_current(session, row, new.base_revision)
            row.revision += 1
            row.state, row.reviewer, row.changed_s = ReviewState.IN_REVIEW.value, new.author, self._clock_s()
            session.add(
                EditRow(
                    review_id=review_id,
                    revision=row.revision,
                    request_id=new.request_id or None,
                    author=new.author,
                    structure=new.structure,
                    operation=new.operation,
                    result_sha256=new.result_sha256,
                    seconds=new.seconds,
                    made_s=row.changed_s,
                )
            )
            kind = str(new.operation.get("kind", ""))
            detail: dict[str, str | int | float] = {"revision": row.revision, "structure": new.structure, "kind": kind}
            self._audit.add_in(session, new.author, _ACTIONS.get(kind, Action.EDITED), review_id, detail)
            session.flush()
            return _described(row)

    def decide(self, review_id: str, new: NewDecision) -> DecisionRecord:
        """Approve or reject, with its entry in the audit; an approval's file has to be in the store already.

        Raises:
            NotFoundError: REVIEW_NOT_FOUND.
            NotReadyError: REVIEW_CLOSED.
            EditConflictError: the review has another revision than was decided on.
        """
        with self._database.write() as session:
            row = _row(session, review_id)
            _require_current(session, row, new.base_revision)
            row.state, row.reviewer, row.changed_s = new.state.value, new.reviewer, self._clock_s()
            file = new.file
            decision = DecisionRow(
                review_id=review_id,
                state=new.state.value,
                revision=row.revision,
                reviewer=new.reviewer,
                reasons=list(new.reasons),
                comment=new.comment,
                decided_s=row.changed_s,
                sop_instance_uid=None if file is None else file.sop_instance_uid,
                result_sha256=None if file is None else file.sha256,
                result_bytes=None if file is None else file.size_bytes,
                scores=list(new.scores),
            )
            session.add(decision)
            action = Action.APPROVED if new.state is ReviewState.APPROVED else Action.REJECTED
            detail: dict[str, str | int | float] = {"revision": row.revision, "reasons": ", ".join(new.reasons)}
            if file is not None:
                detail |= {"sha256": file.sha256, "sop_instance_uid": file.sop_instance_uid}
            self._audit.add_in(session, new.reviewer, action, review_id, detail)
            session.flush()
            return _decision(decision)

    def reopen(self, review_id: str, *, by: str, reason: str) -> Review:
        """Open a decided review again, with its entry in the audit; what was decided stays on record.

        Raises:
            NotFoundError: REVIEW_NOT_FOUND.
            NotReadyError: REVIEW_OPEN.
        """
        with self._database.write() as session:
            row = _row(session, review_id)
            if not ReviewState(row.state).is_decided:
                raise NotReadyError(f"the review is {row.state}, expected one that was decided", reason="REVIEW_OPEN")
            row.state, row.reviewer, row.changed_s = ReviewState.IN_REVIEW.value, by, self._clock_s()
            detail: Detail = {"revision": row.revision, "reason": reason}
            self._audit.add_in(session, by, Action.REOPENED, review_id, detail)
            session.flush()
            return _described(row)

    def decisions(self, review_id: str) -> tuple[DecisionRecord, ...]:
        """Everything that was ever decided on a review, in order."""
        query = select(DecisionRow).where(DecisionRow.review_id == review_id).order_by(DecisionRow.sequence)
        with self._database.read() as session:
            return tuple(_decision(row) for row in session.scalars(query))

    def decision(self, review: Review) -> DecisionRecord | None:
        """The decision that holds; None while the review is open."""
        made = self.decisions(review.review_id) if review.state.is_decided else ()
        return made[-1] if made else None

    def approvals(self, *, most: int) -> tuple[tuple[str, DecisionRecord], ...]:
        """Job and approval of the reviews that are approved now, the latest ones, oldest first."""
        last = select(func.max(DecisionRow.sequence)).group_by(DecisionRow.review_id)
        query = (
            select(ReviewRow.job_id, DecisionRow)
            .join(DecisionRow, DecisionRow.review_id == ReviewRow.review_id)
            .where(ReviewRow.state == ReviewState.APPROVED.value, DecisionRow.sequence.in_(last))
            .order_by(DecisionRow.sequence.desc())
            .limit(most)
        )
        with self._database.read() as session:
            rows = session.execute(query).all()
        return tuple((job_id, _decision(row)) for job_id, row in reversed(rows))

    def approved_file(self, job_id: str) -> StoredFile | None:
        """The approved structure set of a job whose review stands approved; None where there is none."""
        query = (
            select(DecisionRow)
            .join(ReviewRow, DecisionRow.review_id == ReviewRow.review_id)
            .where(ReviewRow.job_id == job_id, ReviewRow.state == ReviewState.APPROVED.value)
            .order_by(DecisionRow.sequence.desc())
            .limit(1)
        )
        with self._database.read() as session:
            row = session.scalar(query)
        if row is None or row.result_sha256 is None or row.result_bytes is None:
            return None
        return StoredFile(sha256=row.result_sha256, size_bytes=int(row.result_bytes))

    def decided(self) -> tuple[int, int]:
        """How many decisions there are, and how many reviews stand approved: other figures mean that one changed."""
        standing = select(func.count()).select_from(ReviewRow).where(ReviewRow.state == ReviewState.APPROVED.value)
        with self._database.read() as session:
            count = session.scalar(select(func.count()).select_from(DecisionRow))
            return count or 0, session.scalar(standing) or 0


def objects_of_reviews(session: Session) -> set[str]:
    """Hashes of every object that an edit or a decision refers to."""
    edits = select(EditRow.result_sha256).where(EditRow.result_sha256.is_not(None))
    decisions = select(DecisionRow.result_sha256).where(DecisionRow.result_sha256.is_not(None))
    return {sha256 for query in (edits, decisions) for sha256 in session.scalars(query) if sha256 is not None}


def _row(session: Session, review_id: str) -> ReviewRow:
    row = session.scalar(select(ReviewRow).where(ReviewRow.review_id == review_id)) if is_id(review_id) else None
    if row is None:
        raise NotFoundError("no review has this id", reason="REVIEW_NOT_FOUND")
    return row


def _known(session: Session, review_id: str, request_id: str) -> bool:
    query = select(EditRow.sequence).where(EditRow.review_id == review_id, EditRow.request_id == request_id)
    return session.scalar(query) is not None


def _require_current(session: Session, row: ReviewRow, base_revision: int) -> None:
    if ReviewState(row.state).is_decided:
        raise NotReadyError(f"the review is {row.state}; reopen it first", reason="REVIEW_CLOSED")
    if row.revision != base_revision:
        query = select(EditRow.author).where(EditRow.review_id == row.review_id, EditRow.revision == row.revision)
        raise EditConflictError(
            revision=row.revision, by=session.scalar(query) or row.reviewer, base_revision=base_revision
        )


def _described(row: ReviewRow) -> Review:
    return Review(
        review_id=row.review_id,
        job_id=row.job_id,
        state=ReviewState(row.state),
        revision=row.revision,
        reviewer=row.reviewer,
        created_s=row.created_s,
        changed_s=row.changed_s,
    )


def _edit(row: EditRow) -> EditRecord:
    return EditRecord(
        revision=row.revision,
        request_id=row.request_id or "",
        author=row.author,
        structure=row.structure,
        operation=row.operation,
        result_sha256=row.result_sha256,
        seconds=row.seconds,
        made_s=row.made_s,
    )


def _decision(row: DecisionRow) -> DecisionRecord:
    file = None
    if row.sop_instance_uid is not None and row.result_sha256 is not None and row.result_bytes is not None:
        file = ApprovedObject(
            sop_instance_uid=row.sop_instance_uid, sha256=row.result_sha256, size_bytes=row.result_bytes
        )
    return DecisionRecord(
        state=ReviewState(row.state),
        revision=row.revision,
        reviewer=row.reviewer,
        reasons=tuple(row.reasons),
        comment=row.comment,
        decided_s=row.decided_s,
        file=file,
        scores=tuple(row.scores),
    )
