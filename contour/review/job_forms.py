"""Jobs as the page shows them: those that run or wait, and the latest that are over."""

from __future__ import annotations

from functools import cache
from typing import Any

from contour.jobs.estimates import Usual, remaining_s
from contour.store import Store
from contour.store.records import Job

_LATEST = 50


def jobs_form(store: Store) -> dict[str, Any]:
    """`{"items": [...]}`, newest first; `state` in small letters, `queue_place` 1 for the next in line.

    `estimate_s` is None where there is no history.
    """
    jobs = list(store.jobs.listing(page_size=_LATEST).items)
    if jobs and not jobs[-1].state.is_over:
        known = {job.job_id for job in jobs}
        jobs += [job for job in reversed(store.jobs.ahead_of(jobs[-1])) if job.job_id not in known]
    open_jobs = [job for job in reversed(jobs) if not job.state.is_over]

    @cache
    def usual(model: str, kind: str) -> Usual:
        return store.jobs.usual_stage_seconds(model, kind)

    ahead = {job.job_id: tuple(open_jobs[:place]) for place, job in enumerate(open_jobs)}
    estimates = {job.job_id: remaining_s(job, ahead[job.job_id], usual) for job in open_jobs}
    return {"items": [_job_form(job, estimates.get(job.job_id)) for job in jobs]}


def _job_form(job: Job, estimate_s: float | None) -> dict[str, Any]:
    failure = job.failure
    return {
        "job_id": job.job_id,
        "kind": job.request.kind,
        "state": str(job.state).lower(),
        "stage": job.stage,
        "fraction": round(job.fraction, 4),
        "queue_place": job.queue_place,
        "estimate_s": None if estimate_s is None else round(estimate_s, 1),
        "created": job.created_s,
        "failure": None if failure is None else {"reason": failure.reason, "message": failure.message},
    }
