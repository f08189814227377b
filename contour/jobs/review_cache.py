"""Cases that are open: what the machine drew, and every structure as it is now; the latest few are kept in memory."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from pathlib import Path

from contour.anatomy.structures import Structure
from contour.anatomy.surface_mesh import SurfaceMesh, surface_mesh
from contour.errors import NotFoundError
from contour.jobs.review_case import CaseSource, CaseStructure, ReviewCase
from contour.jobs.review_log import Standing, standing_of
from contour.jobs.review_sources import ReviewedJob
from contour.store.review_records import EditRecord

LoadEdited = Callable[[EditRecord, Structure], Structure]
"""Gives a structure as it was after an edit, from the object that the edit refers to."""


class OpenCase:
    """One case and what holds of its edits. Whoever uses more than one method at a time holds `lock`."""

    def __init__(
        self, *, reviewed: ReviewedJob, source: CaseSource, case: ReviewCase, slices: tuple[Path, ...]
    ) -> None:
        self.lock = threading.RLock()
        self.reviewed = reviewed
        self.source = source
        self.case = case
        self.slices = slices
        self.edits: tuple[EditRecord, ...] = ()
        self.standing = Standing()
        self.planned: dict[str, Structure] | None = None
        self._drawn = {one.structure.name: one for one in case.structures}
        self._graded: dict[str, Structure] = {}
        self._now: dict[str, tuple[int, Structure]] = {}
        self._meshes: dict[str, tuple[int, SurfaceMesh]] = {}

    @property
    def names(self) -> tuple[str, ...]:
        """Of its structures, in the order of the file."""
        return tuple(self._drawn)

    @property
    def revision(self) -> int:
        """How many edits it knows."""
        return self.edits[-1].revision if self.edits else 0

    @property
    def nbytes(self) -> int:
        """What it takes in memory."""
        held = [*(one for _, one in self._now.values()), *(self.planned or {}).values()]
        return self.case.nbytes + sum(2 * one.mask_zyx.nbytes for one in held)

    def original(self, name: str) -> Structure:
        """A structure as the machine drew it, with the membership that its contours give.

        Raises:
            NotFoundError: UNKNOWN_STRUCTURE.
        """
        with self.lock:
            if name not in self._graded:
                self._graded[name] = self._known(name).graded()
            return self._graded[name]

    def drawn(self, name: str) -> Structure:
        """The same voxels without membership, which costs nothing.

        Raises:
            NotFoundError: UNKNOWN_STRUCTURE.
        """
        return self._known(name).structure

    def structure(self, name: str) -> Structure:
        """A structure as it is now, to be looked at.

        Raises:
            NotFoundError: UNKNOWN_STRUCTURE.
        """
        with self.lock:
            return self._now[name][1] if name in self._now else self.drawn(name)

    def graded(self, name: str) -> Structure:
        """A structure as it is now, to be edited."""
        with self.lock:
            return self._now[name][1] if name in self._now else self.original(name)

    def others(self, name: str, wanted: Sequence[str]) -> dict[str, Structure]:
        """Those of the other structures that an operation names, as they are now; unknown names are left out."""
        return {one: self.graded(one) for one in wanted if one != name and one in self._drawn}

    def mesh(self, name: str) -> SurfaceMesh:
        """The surface of a structure as it is now."""
        with self.lock:
            revision = self._now[name][0] if name in self._now else 0
            held = self._meshes.get(name)
            structure = self.graded(name)
        if held is None or held[0] != revision:
            held = (revision, surface_mesh(structure))
            self._meshes[name] = held
        return held[1]

    def changed(self) -> tuple[str, ...]:
        """The structures that an edit which holds has touched."""
        with self.lock:
            return tuple(name for name in self._drawn if name in self._now)

    def catch_up(self, edits: tuple[EditRecord, ...], load: LoadEdited) -> None:
        """Take the log as it is now; structures are loaded where another edit of theirs holds than before."""
        standing = standing_of(edits)
        now: dict[str, tuple[int, Structure]] = {}
        with self.lock:
            for name in self._drawn:
                last = standing.last_of(name)
                if last is None:
                    continue
                held = self._now.get(name)
                same = held is not None and held[0] == last.revision
                now[name] = held if same and held is not None else (last.revision, load(last, self.drawn(name)))
            self.edits, self.standing, self._now = edits, standing, now

    def _known(self, name: str) -> CaseStructure:
        found = self._drawn.get(name)
        if found is None:
            raise NotFoundError("the case has no structure of this name", reason="UNKNOWN_STRUCTURE")
        return found


class CaseCache:
    """The cases opened last, within a number and a size. Every method can be called from any thread."""

    def __init__(self, *, most: int, most_bytes: int) -> None:
        self._most = most
        self._most_bytes = most_bytes
        self._lock = threading.Lock()
        self._opening: dict[str, threading.Lock] = {}
        self._cases: OrderedDict[str, OpenCase] = OrderedDict()

    def get(self, review_id: str, read: Callable[[], OpenCase]) -> OpenCase:
        """The open case; read where it is not open, by one thread however many ask."""
        with self._lock:
            held = self._cases.get(review_id)
            if held is not None:
                self._cases.move_to_end(review_id)
                return held
            opening = self._opening.setdefault(review_id, threading.Lock())
        with opening:
            with self._lock:
                held = self._cases.get(review_id)
            if held is None:
                held = read()
                self._keep(review_id, held)
        with self._lock:
            self._opening.pop(review_id, None)
        return held

    def drop(self, review_id: str) -> None:
        """Forget a case."""
        with self._lock:
            self._cases.pop(review_id, None)

    def _keep(self, review_id: str, case: OpenCase) -> None:
        with self._lock:
            self._cases[review_id] = case
            while len(self._cases) > 1 and (
                len(self._cases) > self._most or sum(one.nbytes for one in self._cases.values()) > self._most_bytes
            ):
                self._cases.popitem(last=False)
