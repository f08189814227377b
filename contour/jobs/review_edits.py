"""Edits: each one is applied, kept, written down and only then answered; whoever is behind is told so."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from contour.anatomy.editing import Boolean, Operation, apply_operation, operation_from_json, operation_to_json
from contour.anatomy.structures import Structure
from contour.errors import InputError, NotReadyError
from contour.jobs.review_cache import OpenCase
from contour.jobs.review_masks import structure_to_bytes
from contour.jobs.review_room import ReviewRoom
from contour.jobs.review_signing import check_seconds
from contour.jobs.review_values import EditAsked, EditResult, StepAsked
from contour.jobs.review_views import may, same_voxels, structure_state
from contour.store.review_records import EditConflictError, NewEdit, Review
from contour.store.review_store import REDO, REVERT, UNDO
from contour.store.roles import Actor, Permission

_REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,64}")


def make_edit(room: ReviewRoom, review_id: str, actor: Actor, asked: EditAsked) -> EditResult:
    """Apply an operation; see `ReviewDesk.edit`."""
    room.require(actor, Permission.EDIT)
    _check_request(asked.request_id)
    check_seconds(asked.seconds)
    operation = operation_from_json(asked.operation)
    case, _ = room.case(review_id)
    with case.lock:
        review = room.store.reviews.get(review_id)
        if _is_known(room, review_id, asked.request_id):
            return _answer(room, case, review, actor, since=asked.base_revision)
        _require_open_at(review, asked.base_revision, case)
        before = case.graded(asked.structure)
        after = _applied(case, before, operation)
        if _is_same(before, after):
            return _answer(room, case, review, actor, since=asked.base_revision)
        new = NewEdit(
            base_revision=asked.base_revision,
            author=actor.name,
            structure=asked.structure,
            operation=operation_to_json(operation),
            result_sha256=room.keep(structure_to_bytes(after)),
            seconds=asked.seconds,
            request_id=asked.request_id,
        )
        return _written(room, case, actor, new, review_id)


def make_step(room: ReviewRoom, review_id: str, actor: Actor, kind: str, asked: StepAsked) -> EditResult:
    """Undo or redo; see `ReviewDesk.undo`."""
    room.require(actor, Permission.EDIT)
    _check_request(asked.request_id)
    case, _ = room.case(review_id)
    with case.lock:
        review = room.store.reviews.get(review_id)
        if _is_known(room, review_id, asked.request_id):
            return _answer(room, case, review, actor, since=asked.base_revision)
        _require_open_at(review, asked.base_revision, case)
        stack = case.standing.done if kind == UNDO else case.standing.undone
        if not stack:
            raise NotReadyError(f"there is nothing to {kind}", reason=f"NOTHING_TO_{kind.upper()}")
        return _written(room, case, actor, _step(asked, actor, kind, stack[-1].structure), review_id)


def make_revert(room: ReviewRoom, review_id: str, actor: Actor, structure: str, asked: StepAsked) -> EditResult:
    """Put one structure back; see `ReviewDesk.revert`."""
    room.require(actor, Permission.EDIT)
    _check_request(asked.request_id)
    case, _ = room.case(review_id)
    with case.lock:
        review = room.store.reviews.get(review_id)
        if _is_known(room, review_id, asked.request_id):
            return _answer(room, case, review, actor, since=asked.base_revision)
        _require_open_at(review, asked.base_revision, case)
        if same_voxels(case.drawn(structure), case.structure(structure)):
            return _answer(room, case, review, actor, since=asked.base_revision)
        return _written(room, case, actor, _step(asked, actor, REVERT, structure), review_id)


def _applied(case: OpenCase, before: Structure, operation: Operation) -> Structure:
    wanted = operation.others if isinstance(operation, Boolean) else ()
    return apply_operation(before, operation, case.others(before.name, wanted))


def _step(asked: StepAsked, actor: Actor, kind: str, structure: str) -> NewEdit:
    form: dict[str, Any] = {"kind": kind}
    return NewEdit(
        base_revision=asked.base_revision,
        author=actor.name,
        structure=structure,
        operation=form,
        result_sha256=None,
        seconds=0.0,
        request_id=asked.request_id,
    )


def _written(room: ReviewRoom, case: OpenCase, actor: Actor, new: NewEdit, review_id: str) -> EditResult:
    review = room.store.reviews.append_edit(review_id, new)
    room.catch_up(case, review_id)
    room.tell(review, actor.name)
    return _answer(room, case, review, actor, since=new.base_revision)


def _answer(room: ReviewRoom, case: OpenCase, review: Review, actor: Actor, *, since: int) -> EditResult:
    """Every structure that was touched since the revision that was on the screen."""
    if review.revision != case.revision:
        room.catch_up(case, review.review_id)
    touched = dict.fromkeys(edit.structure for edit in case.edits if edit.revision > since)
    return EditResult(
        revision=case.revision,
        state=review.state,
        structures=tuple(structure_state(case, name) for name in touched if name in case.names),
        may=may(case, review, actor, room.rules),
    )


def _require_open_at(review: Review, base_revision: int, case: OpenCase) -> None:
    """Before anything is worked out; the store looks again when it writes."""
    if review.state.is_decided:
        raise NotReadyError(f"the review is {review.state}; reopen it first", reason="REVIEW_CLOSED")
    if review.revision != base_revision:
        by = case.edits[-1].author if case.edits else review.reviewer
        raise EditConflictError(revision=review.revision, by=by, base_revision=base_revision)


def _is_known(room: ReviewRoom, review_id: str, request_id: str) -> bool:
    return room.store.reviews.edit_of_request(review_id, request_id) is not None


def _is_same(before: Structure, after: Structure) -> bool:
    if after is before:
        return True
    if not same_voxels(before, after):
        return False
    a, b = before.membership_zyx, after.membership_zyx
    return a is not None and b is not None and a.shape == b.shape and np.array_equal(a, b)


def _check_request(request_id: str) -> None:
    if not _REQUEST_ID.fullmatch(request_id):
        raise InputError(
            "request_id is 1 to 64 letters, digits, dots, colons, dashes and underscores", reason="BAD_REQUEST"
        )


__all__ = ["REDO", "UNDO", "make_edit", "make_revert", "make_step"]
