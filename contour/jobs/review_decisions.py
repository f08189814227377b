"""Approvals and rejections: scored, written, and committed together with their entry in the audit."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime

from contour.anatomy.structures import Structure
from contour.errors import NotAllowedError, NotFoundError, NotReadyError
from contour.jobs.review_approval import ApprovalWork, write_approved
from contour.jobs.review_cache import OpenCase
from contour.jobs.review_room import ReviewRoom
from contour.jobs.review_scores import score_edits
from contour.jobs.review_signing import edited_names, scores_of, scores_to_json, written_name
from contour.jobs.review_values import DecisionAsked, StructureScore
from contour.jobs.review_views import editors_of
from contour.store.review_records import (
    ApprovedObject,
    DecisionRecord,
    EditConflictError,
    NewDecision,
    Review,
    ReviewState,
)
from contour.store.roles import Actor


@dataclass(frozen=True, slots=True, kw_only=True)
class _Made:
    """What a decision adds to what was asked."""

    state: ReviewState
    scores: tuple[StructureScore, ...]
    file: ApprovedObject | None = None


def approve(room: ReviewRoom, review_id: str, actor: Actor, asked: DecisionAsked) -> DecisionRecord:
    """Write the approved file and sign; see `ReviewDesk.approve`. The signature was checked."""
    case, review = room.case(review_id)
    with case.lock:
        _require_current(case, review, asked)
        if not case.source.has_structures:
            raise NotReadyError("the fraction was refused; there is nothing to approve", reason="NOTHING_TO_APPROVE")
        if room.rules.four_eyes and actor.name in editors_of(case):
            raise NotAllowedError("who edited a structure set cannot approve it", reason="FOUR_EYES")
        edited = tuple(case.graded(name) for name in edited_names(case))
    scores = current_scores(room, case, looked_s=asked.seconds)
    path = room.incoming()
    try:
        written = room.pool.run(
            write_approved,
            ApprovalWork(
                source=case.source,
                edited=edited,
                reviewer=written_name(_full_name(room, actor), actor.name),
                now=datetime.fromtimestamp(room.clock_s(), UTC).astimezone(),
                uid_seed=_uid_seed(room, review_id),
                result_path=str(path),
            ),
        )
        sha256, size_bytes = room.store.files.keep_file(path)
    finally:
        path.unlink(missing_ok=True)
    file = ApprovedObject(sop_instance_uid=written.sop_instance_uid, sha256=sha256, size_bytes=size_bytes)
    made = _Made(state=ReviewState.APPROVED, scores=scores, file=file)
    return _decided(room, review_id, actor, asked, made)


def reject(room: ReviewRoom, review_id: str, actor: Actor, asked: DecisionAsked) -> DecisionRecord:
    """Say that it is not to be used; see `ReviewDesk.reject`. The signature was checked."""
    case, review = room.case(review_id)
    with case.lock:
        _require_current(case, review, asked)
    scores = current_scores(room, case, looked_s=asked.seconds)
    return _decided(room, review_id, actor, asked, _Made(state=ReviewState.REJECTED, scores=scores))


def current_scores(room: ReviewRoom, case: OpenCase, *, looked_s: float = 0.0) -> tuple[StructureScore, ...]:
    """Every structure as it is now against what the machine drew."""
    tolerance_mm = room.rules.tolerance_mm
    while True:
        with case.lock:
            revision, names = case.revision, edited_names(case)
            pairs: tuple[tuple[Structure, Structure], ...] = tuple(
                (case.drawn(name), case.structure(name)) for name in names
            )
        found = room.pool.run(score_edits, pairs, tolerance_mm=tolerance_mm) if pairs else ()
        with case.lock:
            if case.revision == revision:  # else somebody went on editing meanwhile
                agreements = dict(zip(names, found, strict=True))
                return scores_of(case, agreements, tolerance_mm=tolerance_mm, looked_s=looked_s)


def _decided(room: ReviewRoom, review_id: str, actor: Actor, asked: DecisionAsked, made: _Made) -> DecisionRecord:
    decision = room.store.reviews.decide(
        review_id,
        NewDecision(
            state=made.state,
            base_revision=asked.base_revision,
            reviewer=actor.name,
            reasons=asked.reasons,
            comment=asked.comment,
            scores=scores_to_json(made.scores),
            file=made.file,
        ),
    )
    room.tell(room.store.reviews.get(review_id), actor.name)
    return decision


def _require_current(case: OpenCase, review: Review, asked: DecisionAsked) -> None:
    """Before anything is written; the store looks again when it commits."""
    if review.state.is_decided:
        raise NotReadyError(f"the review is {review.state}; reopen it first", reason="REVIEW_CLOSED")
    if case.revision != asked.base_revision:
        raise EditConflictError(
            revision=case.revision,
            by=case.edits[-1].author if case.edits else review.reviewer,
            base_revision=asked.base_revision,
        )


def _uid_seed(room: ReviewRoom, review_id: str) -> str:
    """Another for each decision on a review."""
    count = len(room.store.reviews.decisions(review_id))
    return uuid.uuid5(uuid.UUID(hex=review_id), f"decision {count + 1}").hex


def _full_name(room: ReviewRoom, actor: Actor) -> str:
    try:
        return room.store.accounts.get(actor.name).full_name
    except NotFoundError:
        return ""
