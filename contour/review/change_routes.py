"""Changing and deciding: edits, undo, redo, revert; approve, reject, reopen; and the files to take away."""

from __future__ import annotations

from collections.abc import Callable

from starlette.responses import Response

from contour.errors import NotAllowedError
from contour.jobs.review_desk import ReviewDesk
from contour.jobs.review_values import DecisionAsked, EditAsked, EditResult, StepAsked
from contour.review.answers import json_answer
from contour.review.case_routes import review_id
from contour.review.door import Asked
from contour.review.fields import Fields
from contour.review.forms import decision_form, edit_form
from contour.review.gate import PasswordGate
from contour.review.sign_in import LONGEST_PASSWORD
from contour.store.review_records import DecisionRecord

_MOST_REVISIONS = 10**9
_LONGEST_STRUCTURE = 64
_LONGEST_REQUEST_ID = 64
_LONGEST_COMMENT = 4000
_LONGEST_REOPENING = 1000
_LONGEST_CODE = 32
_MOST_CODES = 8
_MOST_SECONDS = 86400.0


class ChangeRoutes:
    """Each method answers one route; the desk has everything on disk before it does."""

    def __init__(self, desk: ReviewDesk, gate: PasswordGate) -> None:
        self._desk = desk
        self._gate = gate

    def edit(self, asked: Asked) -> Response:
        """Apply an operation."""
        fields = asked.fields
        edit = EditAsked(
            base_revision=_revision(fields),
            request_id=_request_id(fields),
            structure=_structure(fields),
            operation=fields.table("operation"),
            seconds=_seconds(fields),
        )
        fields.end()
        return _changed(self._desk.edit(review_id(asked), asked.actor, edit))

    def undo(self, asked: Asked) -> Response:
        """Take the last edit back."""
        return _changed(self._desk.undo(review_id(asked), asked.actor, _step(asked.fields)))

    def redo(self, asked: Asked) -> Response:
        """Make the last edit that was taken back hold again."""
        return _changed(self._desk.redo(review_id(asked), asked.actor, _step(asked.fields)))

    def revert(self, asked: Asked) -> Response:
        """Put a structure back to what the machine drew."""
        structure = _structure(asked.fields)
        return _changed(self._desk.revert(review_id(asked), asked.actor, structure, _step(asked.fields)))

    def approve(self, asked: Asked) -> Response:
        """Sign the structure set; the password is the signature."""
        return self._decide(asked, self._desk.approve)

    def reject(self, asked: Asked) -> Response:
        """Say that the structure set is not to be used; the password is the signature."""
        return self._decide(asked, self._desk.reject)

    def reopen(self, asked: Asked) -> Response:
        """Open a decided review again."""
        reason = asked.fields.text("reason", most=_LONGEST_REOPENING)
        asked.fields.end()
        self._desk.reopen(review_id(asked), asked.actor, reason)
        return json_answer({})

    def file(self, asked: Asked) -> Response:
        """A structure set to take away."""
        source = asked.choice("source", ("original", "approved"))
        take = self._desk.original_file if source == "original" else self._desk.approved_file
        file = take(review_id(asked), asked.actor)
        headers = {"Content-Disposition": f'attachment; filename="{_plain(file.name)}"', "X-SHA256": file.sha256}
        return Response(file.data, headers=headers, media_type="application/dicom")

    def _decide(self, asked: Asked, decide: Callable[..., DecisionRecord]) -> Response:
        fields = asked.fields
        decision = DecisionAsked(
            base_revision=_revision(fields),
            password=fields.text("password", least=0, most=LONGEST_PASSWORD),
            reasons=fields.texts("reasons", most=_MOST_CODES, longest=_LONGEST_CODE),
            comment=fields.text("comment", least=0, most=_LONGEST_COMMENT),
            seconds=_seconds(fields),
        )
        fields.end()
        with self._gate.counting(asked.actor.name, asked.peer) as attempt:
            try:
                record = decide(review_id(asked), asked.actor, decision)
            except NotAllowedError as error:
                attempt.failed = error.reason == "SIGNATURE_REFUSED"
                raise
        return json_answer({"decision": decision_form(record)})


def _step(fields: Fields) -> StepAsked:
    step = StepAsked(base_revision=_revision(fields), request_id=_request_id(fields))
    fields.end()
    return step


def _revision(fields: Fields) -> int:
    return fields.whole("base_revision", least=0, most=_MOST_REVISIONS)


def _request_id(fields: Fields) -> str:
    return fields.text("request_id", most=_LONGEST_REQUEST_ID)


def _structure(fields: Fields) -> str:
    return fields.text("structure", most=_LONGEST_STRUCTURE)


def _seconds(fields: Fields) -> float:
    return fields.number("seconds", least=0.0, most=_MOST_SECONDS)


def _changed(result: EditResult) -> Response:
    return json_answer(edit_form(result))


def _plain(name: str) -> str:
    return "".join(letter if letter.isascii() and (letter.isalnum() or letter in "._-") else "_" for letter in name)
