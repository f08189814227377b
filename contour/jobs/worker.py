"""The worker process: reads jobs from stdin, runs them, writes progress and results to stdout; JSON lines both ways.

    in    {"kind": "start", "runner": …, "settings": …, "level": …}   {"kind": "run", "work": …}
    out   {"kind": "ready", "models": […]}   {"kind": "progress", "stage": …, "fraction": …}
          {"kind": "done", "result": …}   {"kind": "failed", "failure": …}

It ends with its parent, however that ends. Its own stdout and stderr are closed to whatever libraries print: they
could break the frames, or quote a patient's name; its logs go to the parent's stderr as JSON lines.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib
import json
import logging
import os
import queue
import signal
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import asdict
from typing import Any, BinaryIO, cast

from contour.jobs.failures import describe_failure
from contour.jobs.work import Runner, RunnerSettings, settings_from_json, work_from_json
from contour.logs import job_in_logs, set_up_logs
from contour.store.json_form import failure_to_json, result_to_json

log = logging.getLogger("contour.jobs.worker")  # this module runs as __main__

_PR_SET_PDEATHSIG = 1
_PROGRESS_EVERY_S = 0.1

Send = Callable[[dict[str, Any]], None]


def main() -> int:
    """Serve the parent until it ends."""
    if len(sys.argv) != 2 or not sys.argv[1].isdigit():
        return 2
    _end_with_parent(int(sys.argv[1]))
    requests, answers, logs = _take_pipes()
    messages = _read_messages(requests)
    start = messages.get()
    set_up_logs(start["level"], os.fdopen(logs, "w", encoding="ascii", buffering=1))
    send = _sender(answers)
    runner = _open_runner(start["runner"], settings_from_json(start["settings"]), send)
    if runner is None:
        return 1
    send({"kind": "ready", "models": [asdict(model) for model in runner.models()]})
    while True:
        _serve_one(runner, messages.get()["work"], send)


def _serve_one(runner: Runner, form: dict[str, Any], send: Send) -> None:
    work = work_from_json(form)
    with job_in_logs(work.job_id):
        try:
            result = runner.run(work, _Reporter(send))
        except Exception as error:  # the one boundary of a job: whatever it was, it becomes a failure
            log.warning("the job failed", exc_info=error)
            send({"kind": "failed", "failure": failure_to_json(describe_failure(error))})
        else:
            send({"kind": "done", "result": result_to_json(result)})


class _Reporter:
    """Sends progress on, but not more often than anybody could read it."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._stage = ""
        self._sent_s = 0.0

    def __call__(self, stage: str, fraction: float) -> None:
        now_s = time.monotonic()
        if stage != self._stage or fraction >= 1.0 or now_s - self._sent_s >= _PROGRESS_EVERY_S:
            self._stage, self._sent_s = stage, now_s
            self._send({"kind": "progress", "stage": stage, "fraction": min(max(float(fraction), 0.0), 1.0)})


def _open_runner(name: str, settings: RunnerSettings, send: Send) -> Runner | None:
    """The runner, its models loaded; None where it cannot be had, which the parent is then told."""
    module, _, function = name.partition(":")
    try:
        return cast(Runner, getattr(importlib.import_module(module), function)(settings))
    except Exception as error:  # the parent has to learn of it, whatever it is
        log.error("the worker cannot start", exc_info=error)
        send({"kind": "failed", "failure": failure_to_json(describe_failure(error))})
        return None


def _end_with_parent(parent_pid: int) -> None:
    """Ask the kernel to kill us when the parent goes; offer ourselves first where memory runs out."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent_pid:
        os._exit(0)
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w", encoding="ascii") as file:  # noqa: PTH123
        file.write("500")
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _take_pipes() -> tuple[BinaryIO, BinaryIO, int]:
    """Our ends of the pipes and the log's descriptor; 0, 1 and 2 then lead nowhere."""
    requests, answers, logs = os.dup(0), os.dup(1), os.dup(2)
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nowhere, descriptor)
    os.close(nowhere)
    return os.fdopen(requests, "rb"), os.fdopen(answers, "wb", buffering=0), logs


def _read_messages(requests: BinaryIO) -> queue.SimpleQueue[dict[str, Any]]:
    """Messages as they come; the end of the pipe ends the process, in the midst of a job as well."""
    messages: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()

    def read() -> None:
        for line in requests:
            messages.put(json.loads(line))
        os.killpg(0, signal.SIGKILL)

    threading.Thread(target=read, name="requests", daemon=True).start()
    return messages


def _sender(answers: BinaryIO) -> Send:
    lock = threading.Lock()

    def send(message: dict[str, Any]) -> None:
        data = memoryview(json.dumps(message).encode() + b"\n")
        with lock:
            while data:
                data = data[answers.write(data) :]

    return send


if __name__ == "__main__":
    sys.exit(main())
