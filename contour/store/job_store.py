"""Jobs: what was asked, where each stands, what came of it. The only truth about them."""

from __future__ import annotations

import statistics
import uuid
from collections.abc import Callable

from sqlalchemy import func, select
from sqlalchemy.orm import Session

import contour
from contour.errors import NotFoundError, NotReadyError, ResourceLimitError
from contour.store.database import Database
from contour.store.files import FileStore, is_id
from contour.store.json_form import (
    failure_from_json,
    failure_to_json,
    inputs_from_json,
    inputs_to_json,
    result_from_json,
    result_to_json,
)
from contour.store.paging import page_of, start_of_page
from contour.store.records import (
    PLAN_JOB,
    Failure,
    Job,
    JobRequest,
    JobResult,
    JobState,
    Page,
    ResultRow,
    StoredFile,
)
from contour.store.reviewed import require_unreviewed
from contour.store.series_rows import unreferenced
from contour.store.tables import JobRow, SeriesRow, StageRow

HISTORY_JOBS = 20
"""Stage durations of that many latest jobs with the same model make an estimate."""


class JobStore:
    """Jobs and their results. Every method can be called from any thread."""

    def __init__(self, database: Database, files: FileStore, *, clock_s: Callable[[], float]) -> None:
        self._database = database
        self._files = files
        self._clock_s = clock_s

    def latest_plan(self, series_id: str, series_instance_uid: str) -> Job | None:
        """The last plan job that succeeded on a series; None where there is none.

        Args:
            series_id: Of the CT.
            series_instance_uid: Which CT where the series holds several; empty where there is one.
        """
        with self._database.read() as session:
            query = select(JobRow).where(
                JobRow.series_id == series_id,
                JobRow.kind == PLAN_JOB,
                JobRow.state == JobState.SUCCEEDED.value,
            )
            if series_instance_uid:
                query = query.where(JobRow.series_instance_uid == series_instance_uid)
            row = session.scalar(query.order_by(JobRow.sequence.desc()).limit(1))
            return None if row is None else describe_job(session, row)

    def ended(self) -> tuple[int, float]:
        """How many jobs are over, and when the last one ended: other figures mean that something has changed."""
        with self._database.read() as session:
            count, last_s = session.execute(
                select(func.count(), func.max(JobRow.ended_s)).where(JobRow.ended_s.is_not(None))
            ).one()
            return int(count), float(last_s or 0.0)

    def planned(self, *, most: int) -> list[tuple[str, str, tuple[ResultRow, ...]]]:
        """(model, version that ran, structures) of the latest plan jobs that succeeded, oldest first."""
        with self._database.read() as session:
            query = (
                select(JobRow)
                .where(JobRow.kind == PLAN_JOB, JobRow.state == JobState.SUCCEEDED.value)
                .order_by(JobRow.sequence.desc())
                .limit(most)
            )
            rows = [(row.model, row.result) for row in session.scalars(query) if row.result is not None]
        results = [(model, result_from_json(form)) for model, form in reversed(rows)]
        return [(model, result.model_version, result.rows) for model, result in results]

    def enqueue(self, request: JobRequest, *, request_id: str = "", queue_limit: int) -> Job:
        """Queue a job on a complete series; or give the one that this request id gave before.

        Raises:
            NotFoundError: SERIES_NOT_FOUND.
            NotReadyError: SERIES_NOT_COMPLETE.
            ResourceLimitError: QUEUE_FULL.
        """
        with self._database.write() as session:
            if request_id:
                earlier = session.scalar(select(JobRow).where(JobRow.request_id == request_id))
                if earlier is not None:
                    return describe_job(session, earlier)
            row = queued_row(session, request, request_id, queue_limit=queue_limit, now_s=self._clock_s())
            return describe_job(session, row)

    def get(self, job_id: str) -> Job:
        """One job.

        Raises:
            NotFoundError: JOB_NOT_FOUND.
        """
        with self._database.read() as session:
            return describe_job(session, _job_row(session, job_id))

    def listing(self, *, page_size: int = 0, page_token: str = "", series_id: str = "") -> Page[Job]:
        """Jobs, newest first."""
        before, count = start_of_page(page_token, page_size)
        with self._database.read() as session:
            query = select(JobRow).order_by(JobRow.sequence.desc()).limit(count + 1)
            if before is not None:
                query = query.where(JobRow.sequence < before)
            if series_id:
                query = query.where(JobRow.series_id == series_id)
            rows = session.scalars(query).all()
            return page_of(rows, count, key=lambda row: row.sequence, describe=lambda row: describe_job(session, row))

    def claim(self) -> Job | None:
        """Start the job that waits longest; None where none does."""
        with self._database.write() as session:
            query = select(JobRow).where(JobRow.state == JobState.QUEUED.value).order_by(JobRow.sequence).limit(1)
            row = session.scalar(query)
            if row is None:
                return None
            row.state = JobState.RUNNING.value
            row.attempt += 1
            row.stage, row.fraction = "", 0.0
            row.started_s = self._clock_s()
            row.software_version = contour.__version__
            session.flush()
            return describe_job(session, row)

    def note_progress(self, job_id: str, *, stage: str, fraction: float) -> None:
        """Remember where a running job stands."""
        with self._database.write() as session:
            row = _job_row(session, job_id)
            if row.state == JobState.RUNNING.value:
                row.stage, row.fraction = stage, fraction

    def succeed(self, job_id: str, result: JobResult, file: StoredFile) -> None:
        """A running job is done; its file is in the store already."""
        with self._database.write() as session:
            row = _job_row(session, job_id)
            row.state = JobState.SUCCEEDED.value
            row.ended_s = self._clock_s()
            row.model_version = result.model_version
            row.result = result_to_json(result)
            row.result_sha256, row.result_bytes = file.sha256, file.size_bytes
            for stage, elapsed_s in result.stages:
                session.add(StageRow(job_id=job_id, model=row.model, stage=stage, elapsed_s=elapsed_s))

    def fail(self, job_id: str, failure: Failure) -> None:
        """A job is over without a result."""
        with self._database.write() as session:
            _fail(_job_row(session, job_id), failure, JobState.FAILED, self._clock_s())

    def cancelled(self, job_id: str) -> None:
        """A running job has been stopped because somebody asked for it."""
        with self._database.write() as session:
            _fail(_job_row(session, job_id), _CANCELLED, JobState.CANCELLED, self._clock_s())

    def requeue(self, job_id: str) -> None:
        """Put a running job back to its place in the queue, as if it had never started."""
        with self._database.write() as session:
            row = _job_row(session, job_id)
            row.state = JobState.QUEUED.value
            row.attempt -= 1
            row.stage, row.fraction, row.started_s = "", 0.0, None

    def request_cancel(self, job_id: str) -> Job:
        """Cancel a queued job at once; of a running one, note that it is to stop. One that is over stays as it is."""
        with self._database.write() as session:
            row = _job_row(session, job_id)
            if row.state == JobState.QUEUED.value:
                _fail(row, _CANCELLED, JobState.CANCELLED, self._clock_s())
            elif row.state == JobState.RUNNING.value:
                row.cancel_requested = True
            session.flush()
            return describe_job(session, row)

    def recover(self, *, most_attempts: int) -> tuple[int, int]:
        """After a start: queue again what was running when the server died. How many were queued, and given up.

        A job that the server died with `most_attempts` times is failed (TOO_MANY_ATTEMPTS) rather than tried again.
        """
        queued = given_up = 0
        with self._database.write() as session:
            for row in session.scalars(select(JobRow).where(JobRow.state == JobState.RUNNING.value)):
                if row.cancel_requested:
                    _fail(row, _CANCELLED, JobState.CANCELLED, self._clock_s())
                elif row.attempt >= most_attempts:
                    failure = Failure(
                        error="JobFailedError",
                        reason="TOO_MANY_ATTEMPTS",
                        message=f"the server stopped during each of {row.attempt} attempts",
                    )
                    _fail(row, failure, JobState.FAILED, self._clock_s())
                    given_up += 1
                else:
                    row.state = JobState.QUEUED.value
                    row.stage, row.fraction, row.started_s = "", 0.0, None
                    queued += 1
        return queued, given_up

    def delete(self, job_id: str) -> None:
        """Delete a job that is over, and its result.

        Raises:
            NotReadyError: it is not over (JOB_NOT_OVER), or somebody has reviewed its structure set (REVIEWED).
        """
        with self._database.write() as session:
            row = _job_row(session, job_id)
            if not JobState(row.state).is_over:
                raise NotReadyError("the job is not over; cancel it first", reason="JOB_NOT_OVER")
            require_unreviewed(session, [row.job_id])
            hashes = {row.result_sha256} if row.result_sha256 else set()
            session.delete(row)
            session.flush()
            unused = unreferenced(session, hashes)
        self._files.drop_objects(unused)

    def count_by_state(self) -> dict[JobState, int]:
        """How many jobs are in each state."""
        with self._database.read() as session:
            rows = session.execute(select(JobRow.state, func.count()).group_by(JobRow.state)).all()
        counts = {JobState(state): int(count) for state, count in rows}
        return {state: counts.get(state, 0) for state in JobState}

    def ahead_of(self, job: Job) -> tuple[Job, ...]:
        """The job that runs, and those that wait before this one."""
        with self._database.read() as session:
            place = select(JobRow.sequence).where(JobRow.job_id == job.job_id).scalar_subquery()
            query = select(JobRow).where(
                (JobRow.state == JobState.RUNNING.value)
                | ((JobRow.state == JobState.QUEUED.value) & (JobRow.sequence < place))
            )
            return tuple(describe_job(session, row) for row in session.scalars(query) if row.job_id != job.job_id)

    def usual_stage_seconds(self, model: str, kind: str = PLAN_JOB) -> tuple[tuple[str, float], ...]:
        """Median duration of each stage in the latest jobs of a kind with this model, in the order of the stages."""
        with self._database.read() as session:
            latest = (
                select(JobRow.job_id)
                .where(JobRow.model == model, JobRow.kind == kind, JobRow.state == JobState.SUCCEEDED.value)
                .order_by(JobRow.sequence.desc())
                .limit(HISTORY_JOBS)
                .subquery()
            )
            query = select(StageRow.stage, StageRow.elapsed_s).where(StageRow.job_id.in_(select(latest.c.job_id)))
            durations: dict[str, list[float]] = {}
            for stage, elapsed_s in session.execute(query.order_by(StageRow.sequence)):
                durations.setdefault(stage, []).append(elapsed_s)
        return tuple((stage, statistics.median(values)) for stage, values in durations.items())


def queued_row(session: Session, request: JobRequest, request_id: str, *, queue_limit: int, now_s: float) -> JobRow:
    """A new row at the end of the queue, in the caller's transaction.

    Raises:
        NotFoundError: SERIES_NOT_FOUND.
        NotReadyError: SERIES_NOT_COMPLETE.
        ResourceLimitError: QUEUE_FULL.
    """
    needed = (request.series_id, *(request.inputs.plan.series_ids if request.inputs else ()))
    for series_id in dict.fromkeys(needed):
        series = session.scalar(select(SeriesRow).where(SeriesRow.series_id == series_id))
        if series is None:
            raise NotFoundError("no series has this id", reason="SERIES_NOT_FOUND")
        if not series.complete:
            raise NotReadyError("the series is still open; complete it first", reason="SERIES_NOT_COMPLETE")
    waiting = _count(session, JobState.QUEUED)
    if waiting >= queue_limit:
        raise ResourceLimitError(f"{waiting} jobs are waiting, the most there may be", reason="QUEUE_FULL")
    row = JobRow(
        job_id=uuid.uuid4().hex,
        request_id=request_id or None,
        series_id=request.series_id,
        series_instance_uid=request.series_instance_uid,
        model=request.model,
        model_version=request.model_version,
        structures=list(request.structures),
        software_version=request.software_version,
        kind=request.kind,
        inputs=None if request.inputs is None else inputs_to_json(request.inputs),
        state=JobState.QUEUED.value,
        stage="",
        fraction=0.0,
        attempt=0,
        cancel_requested=False,
        created_s=now_s,
    )
    session.add(row)
    session.flush()
    return row


_CANCELLED = Failure(error="CancelledError", reason="CANCELLED", message="the job was cancelled")


def _fail(row: JobRow, failure: Failure, state: JobState, now_s: float) -> None:
    row.state = state.value
    row.ended_s = now_s
    row.failure = failure_to_json(failure)


def _count(session: Session, state: JobState) -> int:
    return session.scalar(select(func.count()).select_from(JobRow).where(JobRow.state == state.value)) or 0


def _job_row(session: Session, job_id: str) -> JobRow:
    row = session.scalar(select(JobRow).where(JobRow.job_id == job_id)) if is_id(job_id) else None
    if row is None:
        raise NotFoundError("no job has this id", reason="JOB_NOT_FOUND")
    return row


def _queue_place(session: Session, row: JobRow) -> int:
    if row.state != JobState.QUEUED.value:
        return 0
    query = select(func.count()).select_from(JobRow)
    before = session.scalar(query.where(JobRow.state == JobState.QUEUED.value, JobRow.sequence < row.sequence))
    return (before or 0) + 1


def describe_job(session: Session, row: JobRow, *, with_result: bool = True) -> Job:
    """A job as the store hands it out; without its result where a caller asks for many."""
    file = None
    if row.result_sha256 is not None and row.result_bytes is not None:
        file = StoredFile(sha256=row.result_sha256, size_bytes=int(row.result_bytes))
    return Job(
        job_id=row.job_id,
        request=JobRequest(
            series_id=row.series_id,
            series_instance_uid=row.series_instance_uid,
            model=row.model,
            model_version=row.model_version,
            structures=tuple(row.structures),
            software_version=row.software_version,
            inputs=None if row.inputs is None else inputs_from_json(row.inputs),
        ),
        state=JobState(row.state),
        stage=row.stage,
        fraction=row.fraction,
        attempt=row.attempt,
        queue_place=_queue_place(session, row),
        created_s=row.created_s,
        started_s=row.started_s,
        ended_s=row.ended_s,
        cancel_requested=row.cancel_requested,
        failure=None if row.failure is None else failure_from_json(row.failure),
        result=result_from_json(row.result) if with_result and row.result is not None else None,
        file=file,
    )
