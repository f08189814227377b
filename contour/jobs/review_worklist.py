"""The work list: every review with its priority, most pressing first."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from dataclasses import dataclass

from contour.adaptation.fraction_report import report_from_json
from contour.errors import ContourError
from contour.jobs.review_priority import Priority, priority_of_fraction, priority_of_plan
from contour.jobs.review_sources import ReviewedJob, reviewed_job
from contour.jobs.review_values import WorkItem, Worklist
from contour.store import Store
from contour.store.review_records import Review, ReviewState

log = logging.getLogger(__name__)

_MOST = 1000
"""Lines of a list."""
_MOST_KNOWN = 5000


@dataclass(frozen=True, slots=True, kw_only=True)
class _Facts:
    """What never changes of a job that is over."""

    kind: str
    label: str
    course_id: str
    fraction: int | None
    priority: Priority
    verdict: str
    structures: int
    warnings: int


class WorklistMaker:
    """Makes work lists of one store; what a finished job says is read once. Can be called from any thread."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._known: dict[str, _Facts] = {}

    def make(self, states: Sequence[ReviewState]) -> Worklist:
        """Reviews in these states, all where none is given; a finished job without a review gets one first."""
        self._store.reviews.open_all()
        found = [self._item(review) for review in self._store.reviews.listing(tuple(states))]
        items = sorted((one for one in found if one is not None), key=lambda one: (-one.priority, one.created_s))
        return Worklist(items=tuple(items[:_MOST]), counts=self._store.reviews.counts())

    def _item(self, review: Review) -> WorkItem | None:
        """None where the job was deleted meanwhile or its report is of another version."""
        try:
            facts = self._facts(review.job_id)
        except ContourError as error:
            log.warning("a review is left out of the work list: %s", error.reason)
            return None
        return WorkItem(
            review_id=review.review_id,
            job_id=review.job_id,
            kind=facts.kind,
            label=facts.label,
            course_id=facts.course_id,
            fraction=facts.fraction,
            state=review.state,
            reviewer=review.reviewer,
            priority=round(facts.priority.value, 2),
            risk=facts.priority.risk,
            expected_edit_cm2=facts.priority.expected_edit_cm2,
            why=facts.priority.why,
            verdict=facts.verdict,
            structures=facts.structures,
            warnings=facts.warnings,
            created_s=review.created_s,
            changed_s=review.changed_s,
        )

    def _facts(self, job_id: str) -> _Facts:
        with self._lock:
            known = self._known.get(job_id)
        if known is None:
            known = _facts_of(reviewed_job(self._store, job_id))
            with self._lock:
                while len(self._known) >= _MOST_KNOWN:
                    del self._known[next(iter(self._known))]
                self._known[job_id] = known
        return known


def _facts_of(reviewed: ReviewedJob) -> _Facts:
    result = reviewed.result
    if result.fraction is None:
        priority, verdict = priority_of_plan(result.rows, result.warnings), ""
        structures = sum(1 for row in result.rows if not row.look_of)
    else:
        report = report_from_json(result.fraction.report)
        priority, verdict, structures = priority_of_fraction(report), result.fraction.verdict, len(report.structures)
    return _Facts(
        kind=reviewed.job.request.kind,
        label=reviewed.label,
        course_id=reviewed.course_id,
        fraction=reviewed.fraction,
        priority=priority,
        verdict=verdict,
        structures=structures,
        warnings=len(result.warnings),
    )
