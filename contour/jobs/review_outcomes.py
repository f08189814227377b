"""What approvals tell of a model and of those who review it: how much was changed, and how long it took."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from contour.adaptation.watch.models import ModelObservation
from contour.store import Store
from contour.store.records import PLAN_JOB
from contour.store.review_records import DecisionRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovedPlan:
    """A model's plan that was approved, as its last approval says.

    Args:
        decided_s: When.
        series_id: Of the planning CT.
        edit: Mean Dice of what was drawn and what was approved, must-look regions left out; None without a structure.
        review_s: Mean seconds of active work per structure; None where nobody counted any.
    """

    decided_s: float
    series_id: str
    model: str
    version: str
    edit: float | None
    review_s: float | None


def approved_plans(store: Store, *, most: int, known: Mapping[str, ApprovedPlan]) -> dict[str, ApprovedPlan]:
    """The latest approved plans by job, in the order of their approval; what is known already is not read again."""
    found: dict[str, ApprovedPlan] = {}
    for job_id, decision in store.reviews.approvals(most=most):
        before = known.get(job_id)
        if before is not None and before.decided_s == decision.decided_s:
            found[job_id] = before
            continue
        plan = _approved(store, job_id, decision)
        if plan is not None:
            found[job_id] = plan
    return found


def observed_review(plan: ApprovedPlan) -> ModelObservation:
    """As the watch of models takes it."""
    return ModelObservation(
        model=plan.model, version=plan.version, confidence=None, edit=plan.edit, review_s=plan.review_s
    )


def _approved(store: Store, job_id: str, decision: DecisionRecord) -> ApprovedPlan | None:
    job = store.jobs.get(job_id)
    if job.request.kind != PLAN_JOB or job.result is None:
        return None
    looks = {row.name for row in job.result.rows if row.look_of}
    rows = [row for row in decision.scores if row["name"] not in looks]
    dices = [float(row["dice"]) for row in rows]
    seconds = [float(row["seconds"]) + float(row["looked_s"]) for row in rows]
    return ApprovedPlan(
        decided_s=decision.decided_s,
        series_id=job.request.series_id,
        model=job.request.model,
        version=job.result.model_version,
        edit=sum(dices) / len(dices) if dices else None,
        review_s=sum(seconds) / len(seconds) if sum(seconds) > 0 else None,
    )
