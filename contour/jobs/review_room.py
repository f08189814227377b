"""What all use-cases of the review desk share: permission, the audit of who saw what, and cases that are up to date."""

from __future__ import annotations

import errno
import threading
import uuid
from collections.abc import Callable
from pathlib import Path

from contour.anatomy.structures import Structure
from contour.errors import NotAllowedError, NotFoundError, ResourceLimitError
from contour.jobs.review_cache import CaseCache, OpenCase
from contour.jobs.review_case import read_case
from contour.jobs.review_log import replayed
from contour.jobs.review_masks import structure_from_bytes
from contour.jobs.review_pool import CasePool
from contour.jobs.review_sources import case_source, reviewed_job, slice_paths
from contour.jobs.review_values import OnChange, ReviewChange, ReviewRules
from contour.store import Store
from contour.store.audit_chain import Action
from contour.store.review_records import EditRecord, Review
from contour.store.roles import Actor, Permission, allowed

SEEN_AGAIN_S = 600.0
"""Somebody who still looks at the same case does not see it anew."""

_MOST_SEEN = 10_000


class ReviewRoom:
    """One store's open cases. Every method can be called from any thread."""

    def __init__(
        self, store: Store, pool: CasePool, rules: ReviewRules, *, clock_s: Callable[[], float], on_change: OnChange
    ) -> None:
        self.store = store
        self.pool = pool
        self.rules = rules
        self.clock_s = clock_s
        self._on_change = on_change
        self._cache = CaseCache(most=rules.cases, most_bytes=rules.case_bytes)
        self._seen: dict[tuple[str, str], float] = {}
        self._seen_lock = threading.Lock()

    def require(self, actor: Actor, permission: Permission) -> None:
        """Refuse an actor whose role does not allow it.

        Raises:
            NotAllowedError: NOT_ALLOWED.
        """
        if not allowed(actor.role, permission):
            raise NotAllowedError(f"a {actor.role} may not {permission}", reason="NOT_ALLOWED")

    def require_decider(self, actor: Actor) -> None:
        """Refuse an actor who may not approve or reject here.

        Raises:
            NotAllowedError: NOT_ALLOWED.
        """
        self.require(actor, Permission.DECIDE)
        if actor.role.value not in self.rules.approvers:
            raise NotAllowedError(f"a {actor.role} does not approve at this site", reason="NOT_ALLOWED")

    def see(self, review_id: str, actor: Actor) -> tuple[OpenCase, Review]:
        """A case for somebody who looks at it, which goes into the audit.

        Raises:
            NotAllowedError: NOT_ALLOWED.
            ContourError: as `case`.
        """
        self.require(actor, Permission.VIEW)
        case, review = self.case(review_id)
        now_s, key = self.clock_s(), (review_id, actor.name)
        with self._seen_lock:
            last_s = self._seen.get(key)
            fresh = last_s is None or now_s - last_s > SEEN_AGAIN_S
            if fresh:
                while len(self._seen) >= _MOST_SEEN:
                    del self._seen[next(iter(self._seen))]
                self._seen[key] = now_s
        if fresh:
            self.store.audit.add(
                actor.name, Action.SAW, review_id, {"job_id": review.job_id, "revision": case.revision}
            )
        return case, review

    def case(self, review_id: str) -> tuple[OpenCase, Review]:
        """A case with every edit that is in the store.

        Raises:
            NotFoundError: REVIEW_NOT_FOUND.
            NotReadyError: NO_RESULT.
            ServiceUnavailableError: CASE_UNREADABLE.
            ContourError: what the readers raise.
        """
        review = self.store.reviews.get(review_id)
        case = self._cache.get(review_id, lambda: self._read(review))
        with case.lock:
            review = self.store.reviews.get(review_id)
            if review.revision != case.revision:
                self.catch_up(case, review_id)
        return case, review

    def catch_up(self, case: OpenCase, review_id: str) -> None:
        """Take over what the store holds of a review's edits."""
        edits = self.store.reviews.edits(review_id)

        def load(edit: EditRecord, drawn: Structure) -> Structure:
            return self._load(case, edits, edit, drawn)

        case.catch_up(edits, load)

    def keep(self, data: bytes) -> str:
        """Put bytes into the store as an object; its hash. On return they survive a power cut.

        Raises:
            ResourceLimitError: DISK_FULL.
        """
        path = self.incoming()
        try:
            path.write_bytes(data)
            sha256, _ = self.store.files.keep_file(path)
        except OSError as error:
            path.unlink(missing_ok=True)
            if error.errno in {errno.ENOSPC, errno.EDQUOT}:
                raise ResourceLimitError("no space is left on the store's disk", reason="DISK_FULL") from error
            raise
        return sha256

    def incoming(self) -> Path:
        """A new path on the store's own disk, for a file that `keep_file` then takes."""
        return self.store.files.incoming_path(uuid.uuid4().hex)

    def tell(self, review: Review, by: str) -> None:
        """Tell whoever listens that a review has changed."""
        self._on_change(ReviewChange(review_id=review.review_id, revision=review.revision, state=review.state, by=by))

    def _read(self, review: Review) -> OpenCase:
        reviewed = reviewed_job(self.store, review.job_id)
        source = case_source(self.store, reviewed)
        case = self.pool.run(read_case, source)
        slices = slice_paths(self.store, reviewed, case.slice_uids)
        return OpenCase(reviewed=reviewed, source=source, case=case, slices=slices)

    def _load(self, case: OpenCase, edits: tuple[EditRecord, ...], edit: EditRecord, drawn: Structure) -> Structure:
        """From its object; where that is gone, from the log, which gives the same voxels."""
        path = None if edit.result_sha256 is None else self.store.files.object_path(edit.result_sha256)
        if path is not None and path.exists():
            return structure_from_bytes(path.read_bytes(), drawn)
        until = tuple(one for one in edits if one.revision <= edit.revision)
        originals = {name: case.original(name) for name in case.names}
        found = replayed(originals, until).get(edit.structure)
        if found is None:
            raise NotFoundError("the case has no structure of this name", reason="UNKNOWN_STRUCTURE")
        return found
