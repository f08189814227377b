"""Logs as JSON lines, with the job they belong to and without patient data.

Our own messages hold none, by rule. Other libraries quote what they read (pydicom quotes bad values), so of their
records only where they came from is written, never the text; of an exception, its type and the places it passed.
"""

from __future__ import annotations

import json
import logging
import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TextIO

from contour.errors import ContourError

_OURS = ("contour", "registration")
_job_id: ContextVar[str] = ContextVar("job_id", default="")


@contextmanager
def job_in_logs(job_id: str) -> Iterator[None]:
    """Every record written inside names this job."""
    token = _job_id.set(job_id)
    try:
        yield
    finally:
        _job_id.reset(token)


class JsonLines(logging.Formatter):
    """One record, one line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as a line, without its end."""
        line: dict[str, object] = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created)) + f".{int(record.msecs):03d}Z",
            "level": record.levelname,
            "logger": record.name,
        }
        if job_id := _job_id.get():
            line["job_id"] = job_id
        if record.name.split(".", 1)[0] in _OURS:
            line["message"] = record.getMessage()
        else:
            line["message"] = "text withheld: another library wrote it and may quote the input"
            line["place"] = f"{record.module}:{record.lineno}"
        if record.exc_info and record.exc_info[1] is not None:
            line |= _describe(record.exc_info[1])
        return json.dumps(line, ensure_ascii=True)


def set_up_logs(level: str, stream: TextIO | None = None) -> None:
    """Send every record of this process to a stream (stderr) as JSON lines. Called once, where a process starts."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonLines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    logging.captureWarnings(capture=True)
    logging.raiseExceptions = False


def _describe(error: BaseException) -> dict[str, object]:
    places = [f"{frame.name} {frame.filename.rsplit('/', 1)[-1]}:{frame.lineno}" for frame in _frames(error)]
    described: dict[str, object] = {"error": type(error).__name__, "places": places}
    if isinstance(error, ContourError):
        described["reason"] = error.reason
    if error.__cause__ is not None:
        described["cause"] = type(error.__cause__).__name__
    return described


def _frames(error: BaseException) -> list[traceback.FrameSummary]:
    return list(traceback.extract_tb(error.__traceback__, limit=-12))
