"""Takes jobs from the queue one by one, has them run, and writes down what became of them."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Protocol

from sqlalchemy.exc import SQLAlchemyError

from contour.errors import CancelledError, ContourError
from contour.jobs.changes import Changes
from contour.jobs.executor import Executor
from contour.jobs.failures import describe_failure
from contour.jobs.work import DrawnFile, FractionWork, Work, WorkInstance
from contour.logs import job_in_logs
from contour.progress import Progress
from contour.store import Store
from contour.store.records import FractionInputs, Job, JobResult, JobState, PlanSource, StoredFile

log = logging.getLogger(__name__)

_NOTE_EVERY_S = 0.25
_RETRY_S = 0.5


class Observer(Protocol):
    """Hears of every job that is over; metrics are made from it."""

    def job_ended(self, job: Job) -> None:
        """A job has succeeded, failed or been cancelled."""
        ...


class Dispatcher:
    """One thread that runs the queue. `cancel` and `wake` may be called from any other."""

    def __init__(self, store: Store, executor: Executor, *, changes: Changes, observer: Observer) -> None:
        self._store = store
        self._executor = executor
        self._changes = changes
        self._observer = observer
        self._wake = threading.Event()
        self._draining = threading.Event()
        self._ready = threading.Event()
        self._putting_back = threading.Event()
        self._start_error: ContourError | None = None
        self._running: str | None = None
        self._thread = threading.Thread(target=self._loop, name="dispatcher")

    def start(self) -> None:
        """Start the executor and the queue; returns when jobs can be run.

        Raises:
            ContourError: the executor cannot start.
        """
        self._thread.start()
        self._ready.wait()
        if self._start_error is not None:
            self._thread.join()
            raise self._start_error

    @property
    def is_alive(self) -> bool:
        """Whether jobs are still being run; a server whose queue has died is of no use."""
        return self._thread.is_alive()

    def wake(self) -> None:
        """A job has been queued."""
        self._changes.announce()
        self._wake.set()

    def cancel(self, job_id: str) -> Job:
        """Cancel a job: a queued one at once, a running one within 2 s. The job as it then is.

        Raises:
            NotFoundError: JOB_NOT_FOUND.
        """
        job = self._store.jobs.request_cancel(job_id)
        if job.state is JobState.RUNNING:
            self._executor.stop(job_id)
        elif job.state is JobState.CANCELLED:
            self._observer.job_ended(job)
        self._changes.announce()
        return job

    def stop(self, grace_s: float, hurry: threading.Event | None = None) -> None:
        """Start no further job, let the running one end within the grace, else put it back into the queue.

        `hurry` ends the grace at once.
        """
        self._draining.set()
        self._wake.set()
        deadline_s = time.monotonic() + grace_s
        while self._thread.is_alive() and time.monotonic() < deadline_s and not (hurry and hurry.is_set()):
            self._thread.join(min(0.2, grace_s))
        running = self._running
        if self._thread.is_alive() and running is not None:
            log.info("the grace of %g s is over; the running job goes back into the queue", grace_s)
            self._putting_back.set()
            self._executor.stop(running)
        self._thread.join()

    def _loop(self) -> None:
        """The executor is started, used and closed by this one thread: its worker may not outlive it."""
        try:
            self._executor.start()
        except ContourError as error:
            self._start_error = error
            self._ready.set()
            return
        self._ready.set()
        try:
            while not self._draining.is_set():
                self._wake.clear()
                job = self._claim()
                if job is None:
                    self._wake.wait(timeout=5.0)
                    continue
                with job_in_logs(job.job_id):
                    self._run(job)
        finally:
            self._executor.close()

    def _claim(self) -> Job | None:
        try:
            return self._store.jobs.claim()
        except (ContourError, SQLAlchemyError) as error:
            log.error("the queue cannot be read", exc_info=error)
            return None

    def _run(self, job: Job) -> None:
        self._running = job.job_id
        self._changes.announce()
        log.info("job starts, attempt %d", job.attempt)
        try:
            result = self._executor.run(self._work(job), self._noting(job.job_id))
            path = self._store.files.incoming_path(job.job_id)
            sha256, size_bytes = self._store.files.keep_file(path)
        except Exception as error:  # the one boundary of a job: whatever it was, the queue goes on
            if not isinstance(error, CancelledError):
                log.warning("job failed", exc_info=error)
            self._store.files.incoming_path(job.job_id).unlink(missing_ok=True)
            self._settle(job.job_id, partial(self._write_failure, job.job_id, error))
        else:
            file = StoredFile(sha256=sha256, size_bytes=size_bytes)
            self._settle(job.job_id, partial(self._write_result, job.job_id, result, file))
        self._running = None

    def _work(self, job: Job) -> Work:
        return Work(
            job_id=job.job_id,
            instances=self._instances(job.request.series_id),
            series_instance_uid=job.request.series_instance_uid,
            model=job.request.model,
            structures=job.request.structures or None,
            created_s=job.created_s,
            result_path=str(self._store.files.incoming_path(job.job_id)),
            fraction=None if job.request.inputs is None else self._fraction_work(job.request.inputs),
        )

    def _fraction_work(self, inputs: FractionInputs) -> FractionWork:
        plan = inputs.plan
        return FractionWork(
            plan=self._instances(plan.ct_series_id),
            structures=self._instances(plan.structures_series_id or plan.ct_series_id),
            dose=self._instances(plan.dose_series_id or plan.ct_series_id),
            inputs=inputs,
            drawn=self._drawn(plan),
        )

    def _drawn(self, plan: PlanSource) -> DrawnFile | None:
        """What a network drew on the plan CT last, so that it can be told what was changed of it."""
        job = self._store.jobs.latest_plan(plan.ct_series_id, plan.ct_series_instance_uid)
        if job is None or job.file is None or job.result is None:
            return None
        return DrawnFile(
            path=str(self._store.files.object_path(job.file.sha256)),
            model=job.request.model,
            model_version=job.result.model_version,
        )

    def _instances(self, series_id: str) -> tuple[WorkInstance, ...]:
        return tuple(
            WorkInstance(
                label=instance.identity.sop_instance_uid, path=str(self._store.files.object_path(instance.sha256))
            )
            for instance in self._store.series.instances(series_id)
        )

    def _noting(self, job_id: str) -> Progress:
        """Progress into the store, a few times a second at most."""
        noted_stage, noted_s = "", 0.0

        def note(stage: str, fraction: float) -> None:
            nonlocal noted_stage, noted_s
            now_s = time.monotonic()
            if stage != noted_stage or now_s - noted_s >= _NOTE_EVERY_S:
                noted_stage, noted_s = stage, now_s
                try:
                    self._store.jobs.note_progress(job_id, stage=stage, fraction=fraction)
                except (ContourError, SQLAlchemyError) as error:
                    log.warning("progress cannot be written down", exc_info=error)
                self._changes.announce()

        return note

    def _write_result(self, job_id: str, result: JobResult, file: StoredFile) -> None:
        self._store.jobs.succeed(job_id, result, file)
        log.info("job succeeded")

    def _write_failure(self, job_id: str, error: Exception) -> None:
        if isinstance(error, CancelledError):
            cancelled = self._store.jobs.get(job_id).cancel_requested
            if self._putting_back.is_set() and not cancelled:
                self._store.jobs.requeue(job_id)
                return
            self._store.jobs.cancelled(job_id)
            log.info("job cancelled")
            return
        self._store.jobs.fail(job_id, describe_failure(error))

    def _settle(self, job_id: str, write: Callable[[], None]) -> None:
        """Write down what became of a job, however often the disk refuses; only the end of the server stops it."""
        while True:
            try:
                write()
                job = self._store.jobs.get(job_id)
            except (ContourError, SQLAlchemyError, OSError) as error:
                log.error("the outcome of the job cannot be written yet", exc_info=error)
                if self._draining.wait(_RETRY_S):
                    return
            else:
                break
        if job.state.is_over:
            self._observer.job_ended(job)
        self._changes.announce()
