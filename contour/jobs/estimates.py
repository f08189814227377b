"""How long a job will still take, going by earlier ones."""

from __future__ import annotations

from collections.abc import Callable

from contour.store.records import Job, JobState

Usual = tuple[tuple[str, float], ...]
"""Stage names and their usual seconds, in order."""


def remaining_s(job: Job, ahead: tuple[Job, ...], usual_of: Callable[[str, str], Usual]) -> float | None:
    """Seconds until the job is over, those of the jobs ahead included; None where there is no history yet."""
    if job.state.is_over:
        return 0.0
    left = [_own_s(one, usual_of(one.request.model, one.request.kind)) for one in (job, *ahead)]
    known = [seconds for seconds in left if seconds is not None]
    return sum(known) if len(known) == len(left) else None


def _own_s(job: Job, usual: Usual) -> float | None:
    if not usual:
        return None
    stages = [stage for stage, _ in usual]
    if job.state is JobState.QUEUED or job.stage not in stages:
        return sum(seconds for _, seconds in usual)
    place = stages.index(job.stage)
    return usual[place][1] * (1.0 - job.fraction) + sum(seconds for _, seconds in usual[place + 1 :])
