"""The port through which the queue has its jobs run. An executor executes; what is true of a job is in the store."""

from __future__ import annotations

from typing import Protocol

from contour.jobs.work import ModelFacts, Work
from contour.progress import Progress
from contour.store.records import JobResult


class Executor(Protocol):
    """Runs one job at a time. `start`, `run` and `close` belong to one thread; the others may be called from any."""

    def start(self) -> None:
        """Be ready to run; raises ContourError where that cannot be."""
        ...

    def run(self, work: Work, progress: Progress) -> JobResult:
        """Run a job to its end.

        Raises:
            ContourError: what the job itself raised.
            CancelledError: `stop` was called for it.
            ResourceLimitError: it needed too much memory (OUT_OF_MEMORY).
            JobFailedError: WORKER_CRASHED, JOB_TOO_LONG, or INTERNAL for what nobody foresaw.
        """
        ...

    def stop(self, job_id: str) -> None:
        """Make `run` of this job end within 2 s, or at once where it is yet to start."""
        ...

    def models(self) -> tuple[ModelFacts, ...]:
        """What jobs can be run with."""
        ...

    def memory_bytes(self) -> int:
        """Resident memory of whatever runs the jobs; 0 where that is not known."""
        ...

    def close(self) -> None:
        """Let everything go."""
        ...
