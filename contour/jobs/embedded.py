"""Runs jobs in one worker process that lives long and keeps its models warm.

The worker is a process group of its own, so that a cancel, a hang, a crash or a memory overrun ends it and nothing
else; the next job gets a new one. They talk in JSON lines: the worker's stdin and stdout, see `contour.jobs.worker`.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

from contour.errors import CancelledError, ContourError, JobFailedError, ResourceLimitError, rebuild_error
from contour.jobs.memory import cgroup_oom_kills, resident_bytes
from contour.jobs.work import PLAN_RUNNER, ModelFacts, RunnerSettings, Work, model_from_json, work_to_json
from contour.progress import Progress
from contour.store.json_form import failure_from_json, result_from_json
from contour.store.records import JobResult

log = logging.getLogger(__name__)

_POLL_S = 0.05
_OOM_REASON = "OUT_OF_MEMORY"


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddedSettings:
    """What the worker runs and how much it may take. `memory_bytes` 0: as much as there is.

    `runner` names a function as `module:function`; it comes from code, never from input.
    """

    runner: str = PLAN_RUNNER
    runner_settings: RunnerSettings = field(default_factory=RunnerSettings)
    memory_bytes: int = 0
    job_limit_s: float = 3600.0
    start_limit_s: float = 180.0
    log_level: str = "INFO"


class EmbeddedExecutor:
    """An `Executor` on this machine. `restarted` is told the reason whenever a worker had to be replaced."""

    def __init__(self, settings: EmbeddedSettings, *, restarted: Callable[[str], None] = lambda _reason: None) -> None:
        self._settings = settings
        self._restarted = restarted
        self._worker: _Worker | None = None
        self._models: tuple[ModelFacts, ...] = ()
        self._stops: set[str] = set()
        self._stops_lock = threading.Lock()

    def start(self) -> None:
        """Start a worker and wait until its models are loaded."""
        self._ready_worker()

    def run(self, work: Work, progress: Progress) -> JobResult:
        """Run a job in the worker; see `Executor.run`."""
        try:
            return self._run(work, progress)
        finally:
            with self._stops_lock:
                self._stops.discard(work.job_id)

    def stop(self, job_id: str) -> None:
        """Have the worker killed at the next look, which is never more than 50 ms away."""
        with self._stops_lock:
            self._stops.add(job_id)

    def models(self) -> tuple[ModelFacts, ...]:
        """What the worker said when it started."""
        return self._models

    def memory_bytes(self) -> int:
        """Resident memory of the worker."""
        worker = self._worker
        return 0 if worker is None else resident_bytes(worker.process.pid)

    @property
    def worker_pid(self) -> int | None:
        """Process id of the worker, where there is one."""
        worker = self._worker
        return None if worker is None else worker.process.pid

    def close(self) -> None:
        """Kill the worker."""
        self._end_worker()

    def _run(self, work: Work, progress: Progress) -> JobResult:
        self._raise_if_stopped(work.job_id)
        worker = self._ready_worker(work.job_id)
        oom_kills = cgroup_oom_kills()
        deadline_s = time.monotonic() + self._settings.job_limit_s
        try:
            worker.send({"kind": "run", "work": work_to_json(work)})
            while True:
                self._raise_if_stopped(work.job_id)
                self._raise_if_too_large(worker)
                if time.monotonic() > deadline_s:
                    limit_s = self._settings.job_limit_s
                    raise JobFailedError(f"the job took longer than {limit_s:g} s", reason="JOB_TOO_LONG")
                for message in worker.receive(_POLL_S):
                    match message["kind"]:
                        case "progress":
                            progress(message["stage"], message["fraction"])
                        case "done":
                            return result_from_json(message["result"])
                        case "failed":
                            raise _error_from(message)
        except _WorkerEndedError:
            crash = _crash(self._end_worker(), oom_killed=cgroup_oom_kills() > oom_kills)
            self._replace_worker(crash.reason)
            raise crash from None
        except BaseException as error:  # whatever it was: a worker in the midst of a job is of no use for the next one
            reason = error.reason if isinstance(error, ContourError) else "INTERNAL"
            if worker.busy or reason == _OOM_REASON:
                self._end_worker()
                self._replace_worker(reason)
            raise

    def _replace_worker(self, reason: str) -> None:
        """Start the next worker now, so that it loads its models while nobody waits for it."""
        self._restarted(reason)
        self._worker = _Worker(self._settings)

    def _ready_worker(self, job_id: str = "") -> _Worker:
        if self._worker is not None and self._worker.process.poll() is not None:
            log.warning("the idle worker had ended with status %s", self._end_worker())
            self._restarted("WORKER_CRASHED")
        if self._worker is None:
            self._worker = _Worker(self._settings)
        worker = self._worker
        deadline_s = time.monotonic() + self._settings.start_limit_s
        while not worker.ready:
            try:
                self._raise_if_stopped(job_id)
                if time.monotonic() > deadline_s:
                    raise JobFailedError("the worker did not become ready", reason="WORKER_NOT_READY")
                for message in worker.receive(_POLL_S):
                    if message["kind"] == "failed":
                        raise _error_from(message)
                    self._models = tuple(model_from_json(form) for form in message["models"])
                    log.info("worker %d is ready, %d models", worker.process.pid, len(self._models))
            except _WorkerEndedError:
                raise _crash(self._end_worker(), oom_killed=False) from None
            except ContourError:
                self._end_worker()
                raise
        return worker

    def _raise_if_stopped(self, job_id: str) -> None:
        with self._stops_lock:
            stopped = job_id in self._stops
        if stopped:
            raise CancelledError("the job was cancelled")

    def _raise_if_too_large(self, worker: _Worker) -> None:
        limit = self._settings.memory_bytes
        if limit and (used := resident_bytes(worker.process.pid)) > limit:
            raise ResourceLimitError(
                f"the job needs more memory than allowed: {used >> 20} MiB, at most {limit >> 20} MiB",
                reason=_OOM_REASON,
            )

    def _end_worker(self) -> int:
        worker, self._worker = self._worker, None
        return 0 if worker is None else worker.end()


class _WorkerEndedError(Exception):
    """The pipe to the worker has closed."""


class _Worker:
    """One worker process and the pipes to it."""

    def __init__(self, settings: EmbeddedSettings) -> None:
        self.ready = False
        self.busy = False
        self._buffer = b""
        self.process = subprocess.Popen(
            [sys.executable, "-m", "contour.jobs.worker", str(os.getpid())],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        start = {"runner": settings.runner, "settings": asdict(settings.runner_settings), "level": settings.log_level}
        with contextlib.suppress(_WorkerEndedError):  # its end is seen, and its status told, where it is waited for
            self.send({"kind": "start", **start})

    def send(self, message: dict[str, Any]) -> None:
        """Hand a message over."""
        stdin = self.process.stdin
        if stdin is None:
            raise _WorkerEndedError
        try:
            stdin.write(json.dumps(message).encode() + b"\n")
            stdin.flush()
        except OSError as error:
            raise _WorkerEndedError from error
        self.busy = message["kind"] == "run"

    def receive(self, limit_s: float) -> list[dict[str, Any]]:
        """Messages that have come, waiting at most so long for the first."""
        stdout = self.process.stdout
        if stdout is None:
            raise _WorkerEndedError
        if not select.select([stdout], [], [], limit_s)[0]:
            return []
        data = os.read(stdout.fileno(), 1 << 16)
        if not data:
            raise _WorkerEndedError
        *lines, self._buffer = (self._buffer + data).split(b"\n")
        messages: list[dict[str, Any]] = [json.loads(line) for line in lines]
        for message in messages:
            self.ready = self.ready or message["kind"] == "ready"
            self.busy = self.busy and message["kind"] not in {"done", "failed"}
        return messages

    def end(self) -> int:
        """Kill the whole group; the status it ended with."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        status = self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
        return status


def _error_from(message: dict[str, Any]) -> ContourError:
    failure = failure_from_json(message["failure"])
    return rebuild_error(failure.error, failure.message, reason=failure.reason, findings=failure.findings)


def _crash(status: int, *, oom_killed: bool) -> ContourError:
    if oom_killed:
        return ResourceLimitError("the system ended the worker for want of memory", reason=_OOM_REASON)
    how = f"signal {signal.Signals(-status).name}" if status < 0 else f"exit status {status}"
    return JobFailedError(f"the worker ended with {how} during the job", reason="WORKER_CRASHED")
