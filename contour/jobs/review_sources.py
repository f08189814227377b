"""Where a review's files lie in the store."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pydicom.uid import CTImageStorage, RTStructureSetStorage

from contour.errors import NotFoundError, NotReadyError
from contour.jobs.review_case import CaseSource, PlanBeside
from contour.jobs.work import WorkInstance
from contour.store import Store
from contour.store.records import Job, JobResult, PlanSource, StoredInstance


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewedJob:
    """A job that succeeded, its result, and what to call it."""

    job: Job
    result: JobResult
    label: str
    course_id: str
    fraction: int | None


def reviewed_job(store: Store, job_id: str) -> ReviewedJob:
    """The job of a review.

    Raises:
        NotReadyError: NO_RESULT where it has none.
        NotFoundError: JOB_NOT_FOUND.
    """
    job = store.jobs.get(job_id)
    if job.result is None or job.file is None:
        raise NotReadyError(f"the job is {job.state}, expected one that succeeded", reason="NO_RESULT")
    inputs = job.request.inputs
    if inputs is None:
        label = f"{job.request.model} {job.result.model_version}"
        return ReviewedJob(job=job, result=job.result, label=label, course_id="", fraction=None)
    return ReviewedJob(
        job=job,
        result=job.result,
        label=_course_label(store, inputs.course_id),
        course_id=inputs.course_id,
        fraction=inputs.fraction or None,
    )


def case_source(store: Store, reviewed: ReviewedJob) -> CaseSource:
    """The files of a case; of the scan's series its CT slices alone."""
    job, outcome = reviewed.job, reviewed.result.fraction
    file = "" if job.file is None else str(store.files.object_path(job.file.sha256))
    inputs = job.request.inputs
    return CaseSource(
        ct=_slices(store, job.request.series_id),
        series_instance_uid=job.request.series_instance_uid,
        file=file,
        members=() if outcome is None else tuple(member.name for member in outcome.files),
        plan=None if inputs is None else _plan(store, inputs.plan),
    )


def slice_paths(store: Store, reviewed: ReviewedJob, slice_uids: Sequence[str]) -> tuple[Path, ...]:
    """The file of each slice."""
    held = {
        one.identity.sop_instance_uid: store.files.object_path(one.sha256)
        for one in store.series.instances(reviewed.job.request.series_id)
    }
    return tuple(held[uid] for uid in slice_uids)


def _plan(store: Store, plan: PlanSource) -> PlanBeside:
    sets = [
        one
        for one in store.series.instances(plan.structures_series_id or plan.ct_series_id)
        if one.identity.sop_class_uid == RTStructureSetStorage
        and plan.structures_sop_instance_uid in {"", one.identity.sop_instance_uid}
    ]
    return PlanBeside(
        ct=_slices(store, plan.ct_series_id),
        series_instance_uid=plan.ct_series_instance_uid or None,
        structures=str(store.files.object_path(sets[0].sha256)) if len(sets) == 1 else "",
    )


def _slices(store: Store, series_id: str) -> tuple[WorkInstance, ...]:
    found: list[StoredInstance] = [
        one for one in store.series.instances(series_id) if one.identity.sop_class_uid == CTImageStorage
    ]
    return tuple(
        WorkInstance(label=one.identity.sop_instance_uid, path=str(store.files.object_path(one.sha256)))
        for one in found
    )


def _course_label(store: Store, course_id: str) -> str:
    if not course_id:
        return ""
    try:
        return store.courses.get(course_id).label
    except NotFoundError:
        return ""
