"""What holds of a review's edits: a pure function of the log of all that was done, undone and done again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from contour.anatomy.editing import apply_operation, operation_from_json
from contour.anatomy.structures import Structure
from contour.errors import UntrustworthyResultError
from contour.store.review_records import EditRecord
from contour.store.review_store import REDO, REVERT, UNDO


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """The edits that hold, in order, and those that were undone and can be done again, the next one last."""

    done: tuple[EditRecord, ...] = ()
    undone: tuple[EditRecord, ...] = ()

    def after(self, edit: EditRecord) -> Standing:
        """With one more edit; anything but undo and redo makes what was undone be forgotten.

        Raises:
            UntrustworthyResultError: BROKEN_LOG for an undo or redo of nothing.
        """
        if edit.kind not in {UNDO, REDO}:
            return Standing(done=(*self.done, edit))
        source, target = (self.done, self.undone) if edit.kind == UNDO else (self.undone, self.done)
        if not source:
            raise UntrustworthyResultError(
                f"edit {edit.revision} of the log is an {edit.kind} of nothing", reason="BROKEN_LOG"
            )
        moved = (*target, source[-1])
        if edit.kind == UNDO:
            return Standing(done=source[:-1], undone=moved)
        return Standing(done=moved, undone=source[:-1])

    def last_of(self, structure: str) -> EditRecord | None:
        """The last edit of a structure that holds; None where it is as the machine drew it."""
        found = next((edit for edit in reversed(self.done) if edit.structure == structure), None)
        return None if found is None or found.kind == REVERT else found


def standing_of(edits: Sequence[EditRecord]) -> Standing:
    """What holds after these edits, from the first on.

    Raises:
        UntrustworthyResultError: BROKEN_LOG.
    """
    standing = Standing()
    for edit in edits:
        standing = standing.after(edit)
    return standing


def replayed(drawn: Mapping[str, Structure], edits: Sequence[EditRecord]) -> dict[str, Structure]:
    """Every structure after these edits, worked out anew from what the machine drew.

    Args:
        drawn: The machine's structures by name, with membership.
        edits: The log, from the first edit on.

    Raises:
        UntrustworthyResultError: BROKEN_LOG.
        InputError, NotFoundError: what an operation raises; it raised nothing when it was made.
    """
    now = dict(drawn)
    for edit in standing_of(edits).done:
        if edit.kind == REVERT:
            now[edit.structure] = drawn[edit.structure]
        else:
            others = {name: structure for name, structure in now.items() if name != edit.structure}
            now[edit.structure] = apply_operation(now[edit.structure], operation_from_json(edit.operation), others)
    return now
