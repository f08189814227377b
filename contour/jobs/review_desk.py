"""The review desk: who looks at, edits, signs and takes away structure sets, with every step written down."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

from contour.anatomy.structures import Structure
from contour.errors import InputError, NotAllowedError, NotFoundError, NotReadyError
from contour.jobs.fraction_archive import DEFORMABLE, RIGID
from contour.jobs.review_cache import OpenCase
from contour.jobs.review_case import read_displacement, read_plan_volume, read_planned, ready, structure_set_bytes
from contour.jobs.review_decisions import approve, current_scores, reject
from contour.jobs.review_edits import REDO, UNDO, make_edit, make_revert, make_step
from contour.jobs.review_pool import CasePool
from contour.jobs.review_room import ReviewRoom
from contour.jobs.review_signing import check_decision, check_text
from contour.jobs.review_values import (
    CaseView,
    DecisionAsked,
    DisplacementView,
    EditAsked,
    EditResult,
    FileView,
    MaskSource,
    MaskView,
    OnChange,
    ReviewChange,
    ReviewRules,
    StepAsked,
    StructureScore,
    SurfaceMesh,
    VolumeView,
    Worklist,
)
from contour.jobs.review_views import case_view, mask_view
from contour.jobs.review_worklist import WorklistMaker
from contour.store import Store
from contour.store.audit_chain import Action
from contour.store.review_records import DecisionRecord, ReviewState
from contour.store.roles import Actor, Permission

SignatureCheck = Callable[[str, str], bool]
"""Whether a password is that account's."""

_NODES_MM = 8.0
"""How far apart the arrows of a deformation are."""


class ReviewDesk:
    """The use-cases of a review. Every method can be called from any thread.

    Every method raises NotAllowedError (NOT_ALLOWED) where the actor's role does not allow it, and, where it takes a
    review's id, NotFoundError (REVIEW_NOT_FOUND). What reads a case also raises NotReadyError where its series is gone,
    ServiceUnavailableError (CASE_UNREADABLE) where reading it kills its process, and what the readers raise.
    """

    def __init__(
        self,
        store: Store,
        pool: CasePool,
        rules: ReviewRules,
        *,
        clock_s: Callable[[], float],
        is_signature: SignatureCheck | None = None,
        on_change: OnChange | None = None,
    ) -> None:
        """A desk for one store.

        Args:
            store: With `reviews` and `audit`.
            pool: Reads cases in a process of its own.
            rules: Of the site.
            clock_s: Gives seconds since the epoch.
            is_signature: Checks the password that signs a decision; None where nobody signs in.
            on_change: Told of each new revision or state, in the thread that made it.
        """
        self._store = store
        self._rules = rules
        self._is_signature = is_signature
        self._room = ReviewRoom(store, pool, rules, clock_s=clock_s, on_change=on_change or _nobody_listens)
        self._worklist = WorklistMaker(store)

    def warm_up(self) -> None:
        """Start the process that reads cases, which takes a second or two, before somebody waits for it."""
        self._room.pool.run(ready)

    def worklist(self, actor: Actor, states: Sequence[ReviewState] = ()) -> Worklist:
        """Every review in these states (all where none is given), by priority. Permission VIEW."""
        self._room.require(actor, Permission.VIEW)
        return self._worklist.make(states)

    def open(self, review_id: str, actor: Actor) -> CaseView:
        """A case as it is now; SAW goes into the audit. Permission VIEW."""
        case, review = self._room.see(review_id, actor)
        with case.lock:
            return case_view(case, review, actor, self._rules, self._store.reviews.decision(review))

    def instance(self, review_id: str, actor: Actor, slice_z: int) -> Path:
        """The file of one slice of the grid, as uploaded. Permission VIEW.

        Raises:
            NotFoundError: NO_SUCH_SLICE.
        """
        case, _ = self._room.see(review_id, actor)
        if not 0 <= slice_z < len(case.slices):
            raise NotFoundError(f"slice {slice_z} of {len(case.slices)}", reason="NO_SUCH_SLICE")
        return case.slices[slice_z]

    def mask(self, review_id: str, actor: Actor, structure: str, source: MaskSource = "current") -> MaskView:
        """A structure's voxels now, as the machine drew them, or of a fraction as planned. Permission VIEW.

        Raises:
            NotFoundError: UNKNOWN_STRUCTURE.
        """
        case, _ = self._room.see(review_id, actor)
        with case.lock:
            if source == "planned":
                return mask_view(self._planned(case, structure), case.revision)
            found = case.structure(structure) if source == "current" else case.drawn(structure)
            return mask_view(found, case.revision)

    def surface(self, review_id: str, actor: Actor, structure: str) -> SurfaceMesh:
        """A structure's surface now; without a triangle where it is empty. Permission VIEW.

        Raises:
            NotFoundError: UNKNOWN_STRUCTURE.
        """
        case, _ = self._room.see(review_id, actor)
        return case.mesh(structure)

    def edit(self, review_id: str, actor: Actor, asked: EditAsked) -> EditResult:
        """Apply an operation to a structure; on return it is on disk. Permission EDIT.

        Raises:
            ConflictError: EDIT_CONFLICT where the review has another revision than the edit was made on.
            NotReadyError: REVIEW_CLOSED where it is approved or rejected.
            InputError: BAD_OPERATION, BAD_REQUEST; what the operation raises.
            NotFoundError: UNKNOWN_STRUCTURE.
        """
        return make_edit(self._room, review_id, actor, asked)

    def undo(self, review_id: str, actor: Actor, asked: StepAsked) -> EditResult:
        """Take back the last edit that holds, whoever made it. Permission EDIT.

        Raises:
            NotReadyError: NOTHING_TO_UNDO; REVIEW_CLOSED.
            ConflictError: EDIT_CONFLICT.
        """
        return make_step(self._room, review_id, actor, UNDO, asked)

    def redo(self, review_id: str, actor: Actor, asked: StepAsked) -> EditResult:
        """Make the last edit that was taken back hold again. Permission EDIT.

        Raises:
            NotReadyError: NOTHING_TO_REDO; REVIEW_CLOSED.
            ConflictError: EDIT_CONFLICT.
        """
        return make_step(self._room, review_id, actor, REDO, asked)

    def revert(self, review_id: str, actor: Actor, structure: str, asked: StepAsked) -> EditResult:
        """Put one structure back to what the machine drew; can be undone. Permission EDIT.

        Raises:
            NotFoundError: UNKNOWN_STRUCTURE.
            NotReadyError: REVIEW_CLOSED.
            ConflictError: EDIT_CONFLICT.
        """
        return make_revert(self._room, review_id, actor, structure, asked)

    def approve(self, review_id: str, actor: Actor, asked: DecisionAsked) -> DecisionRecord:
        """Sign the structure set as it is: writes the approved file beside the machine's. Permission DECIDE.

        Raises:
            NotAllowedError: SIGNATURE_REFUSED for a wrong password; FOUR_EYES where the actor has edited it.
            ConflictError: EDIT_CONFLICT where it has another revision than was on the screen.
            NotReadyError: REVIEW_CLOSED; NOTHING_TO_APPROVE for a fraction that was refused.
            InputError: BAD_REASON for a code that is none of APPROVE_REASONS; NO_STRUCTURES where all are empty.
            UntrustworthyResultError: the file, read back, is not what was approved.
        """
        self._check(actor, asked, ReviewState.APPROVED)
        return approve(self._room, review_id, actor, asked)

    def reject(self, review_id: str, actor: Actor, asked: DecisionAsked) -> DecisionRecord:
        """Say that the structure set is not to be used, and why. Permission DECIDE.

        Raises: as `approve`; at least one of REJECT_REASONS is needed.
        """
        self._check(actor, asked, ReviewState.REJECTED)
        return reject(self._room, review_id, actor, asked)

    def reopen(self, review_id: str, actor: Actor, reason: str) -> None:
        """Open a decided review again; the decision and its file stay. Permission DECIDE.

        Raises:
            NotReadyError: REVIEW_OPEN where nothing was decided.
            InputError: BAD_REASON for an empty or too long text.
        """
        self._room.require_decider(actor)
        check_text(reason)
        if not reason.strip():
            raise InputError("no reason given; expected why it is opened again", reason="BAD_REASON")
        self._room.tell(self._store.reviews.reopen(review_id, by=actor.name, reason=reason[:1000]), actor.name)

    def original_file(self, review_id: str, actor: Actor) -> FileView:
        """The machine's structure set, to the byte; DOWNLOADED goes into the audit. Permission DOWNLOAD.

        Raises:
            NotReadyError: NO_STRUCTURE_SET of a fraction that was refused.
        """
        self._room.require(actor, Permission.DOWNLOAD)
        case, _ = self._room.case(review_id)
        if not case.source.has_structures:
            raise NotReadyError("the fraction was refused and has no structure set", reason="NO_STRUCTURE_SET")
        return self._handed_out(review_id, actor, "original", structure_set_bytes(case.source))

    def approved_file(self, review_id: str, actor: Actor) -> FileView:
        """The approved structure set; DOWNLOADED goes into the audit. Permission DOWNLOAD.

        Raises:
            NotReadyError: NOT_APPROVED.
        """
        self._room.require(actor, Permission.DOWNLOAD)
        review = self._store.reviews.get(review_id)
        decision = self._store.reviews.decision(review)
        if decision is None or decision.file is None:
            raise NotReadyError(f"the review is {review.state}, expected an approved one", reason="NOT_APPROVED")
        data = self._store.files.object_path(decision.file.sha256).read_bytes()
        return self._handed_out(review_id, actor, "approved", data)

    def score(self, review_id: str, actor: Actor) -> tuple[StructureScore, ...]:
        """Each structure now against what the machine drew. Permission VIEW."""
        case, _ = self._room.see(review_id, actor)
        return current_scores(self._room, case)

    def plan_volume(self, review_id: str, actor: Actor, *, deformed: bool = False) -> VolumeView:
        """A fraction's plan CT on the day's grid, set-up put right, or with the deformation as well. Permission VIEW.

        Raises:
            NotReadyError: NO_PLAN_VOLUME for a plan, or a fraction that was refused.
        """
        case, _ = self._room.see(review_id, actor)
        if case.source.plan is None or RIGID not in case.source.members:
            raise NotReadyError("there is no plan on this scan's grid", reason="NO_PLAN_VOLUME")
        return VolumeView(values_zyx=self._room.pool.run(read_plan_volume, case.source, deformed=deformed))

    def displacement(self, review_id: str, actor: Actor) -> DisplacementView:
        """A fraction's deformation on a coarse lattice. Permission VIEW.

        Raises:
            NotReadyError: NO_DISPLACEMENT.
        """
        case, _ = self._room.see(review_id, actor)
        if DEFORMABLE not in case.source.members:
            raise NotReadyError("there is no deformation of this scan", reason="NO_DISPLACEMENT")
        found = self._room.pool.run(read_displacement, case.source, step_mm=_NODES_MM)
        return DisplacementView(step_zyx=found.step_zyx, start_zyx=found.start_zyx, vectors_zyx=found.vectors_zyx)

    def _check(self, actor: Actor, asked: DecisionAsked, state: ReviewState) -> None:
        self._room.require_decider(actor)
        check_decision(asked, state)
        if self._is_signature is not None and not self._is_signature(actor.name, asked.password):
            raise NotAllowedError("the password that signs is not this account's", reason="SIGNATURE_REFUSED")

    def _planned(self, case: OpenCase, structure: str) -> Structure:
        if case.source.plan is None or RIGID not in case.source.members:
            raise NotFoundError("there are no planned structures on this scan", reason="UNKNOWN_STRUCTURE")
        if case.planned is None:
            case.planned = {one.name: one for one in self._room.pool.run(read_planned, case.source)}
        if structure not in case.planned:
            raise NotFoundError("the plan has no structure of this name", reason="UNKNOWN_STRUCTURE")
        return case.planned[structure]

    def _handed_out(self, review_id: str, actor: Actor, which: str, data: bytes) -> FileView:
        sha256 = hashlib.sha256(data).hexdigest()
        self._store.audit.add(actor.name, Action.DOWNLOADED, review_id, {"what": which, "sha256": sha256})
        return FileView(name=f"structures-{which}-{review_id[:8]}.dcm", sha256=sha256, data=data)


def _nobody_listens(_: ReviewChange) -> None:
    pass
