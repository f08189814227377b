"""A process of its own that reads cases, so that a crash in a native library ends a request and not the server."""

from __future__ import annotations

import logging
import multiprocessing
import signal
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import ParamSpec, TypeVar

from contour.errors import ContourError, Finding, SeriesRejectedError, ServiceUnavailableError, rebuild_error

log = logging.getLogger(__name__)

P = ParamSpec("P")
T = TypeVar("T")

LIMIT_S = 300.0
"""Longer than the largest case takes to be read; whatever takes longer hangs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Refusal:
    """A ContourError on its way through the pipe."""

    error: str
    message: str
    reason: str
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Crash:
    """Another exception: its class alone, because its text may quote the input."""

    error: str


class CasePool:
    """Runs one function at a time in a process that starts with the first and is replaced where it dies or hangs.

    A context manager. Every method can be called from any thread.
    """

    def __init__(self, *, limit_s: float = LIMIT_S) -> None:
        self._limit_s = limit_s
        self._lock = threading.Lock()
        self._worker: tuple[BaseProcess, Connection] | None = None
        self._closed = False

    def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What the function gives. It has to be a module's own, and it and its arguments have to pass a pipe.

        Raises:
            ServiceUnavailableError: CASE_UNREADABLE where the process died, hung or met something unforeseen;
                SERVER_STOPPING after `close`.
            ContourError: what the function raises.
        """
        with self._lock:
            answer = self._answer(function, args, kwargs)
        if isinstance(answer, _Refusal):
            raise rebuild_error(answer.error, answer.message, reason=answer.reason, findings=answer.findings)
        if isinstance(answer, _Crash):
            raise _unreadable(f"reading the case failed ({answer.error})")
        found: T = answer  # type: ignore[assignment]
        return found

    def close(self) -> None:
        """End the process; what waits is refused."""
        self._closed = True
        worker = self._worker
        if worker is not None:
            worker[0].kill()
        with self._lock:
            self._drop()

    def __enter__(self) -> CasePool:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _answer(self, function: Callable[..., object], args: object, kwargs: object) -> object:
        if self._closed:
            raise ServiceUnavailableError("the server is stopping", reason="SERVER_STOPPING")
        process, pipe = self._started()
        try:
            pipe.send((function, args, kwargs))
            if not pipe.poll(self._limit_s):
                self._drop()
                raise _unreadable(f"reading the case took longer than {self._limit_s:g} s")
            answer: object = pipe.recv()
        except (EOFError, OSError):
            self._drop()
            log.warning("the process that reads cases died with exit code %s", process.exitcode)
            raise _unreadable("the process that reads the case died") from None
        return answer

    def _started(self) -> tuple[BaseProcess, Connection]:
        if self._worker is not None and not self._worker[0].is_alive():
            self._drop()
        if self._worker is None:
            context = multiprocessing.get_context("spawn")
            ours, theirs = context.Pipe()
            process = context.Process(target=_serve, args=(theirs,), name="contour-cases", daemon=True)
            process.start()
            theirs.close()
            self._worker = (process, ours)
        return self._worker

    def _drop(self) -> None:
        if self._worker is None:
            return
        process, pipe = self._worker
        self._worker = None
        pipe.close()
        process.kill()
        process.join()


def _unreadable(message: str) -> ServiceUnavailableError:
    return ServiceUnavailableError(message, reason="CASE_UNREADABLE")


def _serve(pipe: Connection) -> None:
    """The other end: until the pipe is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    while True:
        with suppress(EOFError, OSError):
            pipe.send(_run(*pipe.recv()))
            continue
        return


def _run(function: Callable[..., object], args: tuple[object, ...], kwargs: dict[str, object]) -> object:
    try:
        return function(*args, **kwargs)
    except ContourError as error:
        findings = error.findings if isinstance(error, SeriesRejectedError) else ()
        return _Refusal(error=type(error).__name__, message=error.message, reason=error.reason, findings=findings)
    except Exception as error:  # noqa: BLE001  the one boundary of the process: the next request goes on
        return _Crash(error=type(error).__name__)
