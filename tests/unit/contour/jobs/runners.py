"""Runners that do what the test asks for in the model's name; they run in a real worker process."""

import ctypes
import hashlib
import os
import signal
import sys
import time
from pathlib import Path

from contour.errors import Finding, ModelError, SeriesRejectedError
from contour.jobs.work import ModelFacts
from contour.store.records import JobResult, ResultRow

SENTINEL = "SENTINEL^PATIENT"


class ScriptedRunner:
    def models(self):
        names = (
            "quick",
            "slow",
            "crash",
            "killed",
            "memory",
            "hoard",
            "reject",
            "surprise",
            "noisy",
            "stubborn",
            "pid",
        )
        return tuple(
            ModelFacts(
                name=n, version="7", structures=("Brainstem",), summary=n, card="# card", is_default=n == "quick"
            )
            for n in names
        )

    def run(self, work, progress):
        progress("read", 0.0)
        data = b"".join(hashlib.sha256(instance.read_bytes()).digest() for instance in work.instances)
        progress("read", 1.0)
        progress("network", 0.25)
        getattr(self, work.model, self.quick)()
        progress("network", 1.0)
        if work.model == "pid":
            data += str(os.getpid()).encode()
        Path(work.result_path).write_bytes(b"RTSTRUCT " + data + b"." * 300_000)
        row = ResultRow(name="Brainstem", volume_ml=24.5, slices=len(work.instances), elapsed_s=0.01)
        return JobResult(
            sop_instance_uid="2.25.1", model_version="7", rows=(row,), stages=(("read", 0.1), ("network", 0.3))
        )

    def quick(self):
        pass

    def slow(self):
        time.sleep(float(os.environ.get("TEST_SLOW_S", "60")))

    def stubborn(self):
        """Native code that hangs and takes no signal that can be ignored."""
        for name in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(name, signal.SIG_IGN)
        ctypes.PyDLL(None).sleep(60)  # holds the interpreter's lock

    def crash(self):
        os.kill(os.getpid(), signal.SIGSEGV)

    def killed(self):
        os.kill(os.getpid(), signal.SIGKILL)

    def memory(self):
        raise MemoryError(SENTINEL)

    def hoard(self):
        self.hoarded = b"x" * (400 << 20)
        time.sleep(30)

    def reject(self):
        missing = Finding(reason="MISSING_SLICE", message="2 slices are missing", measured=(("z_mm", "10.0, 12.5"),))
        few = Finding(reason="TOO_FEW_SLICES", message="1 slice, expected at least 3", measured=(("slices", "1"),))
        raise SeriesRejectedError((missing, few))

    def surprise(self):
        raise ValueError(SENTINEL)

    def noisy(self):
        sys.stdout.write(SENTINEL)
        sys.stdout.flush()
        os.write(1, b'{"kind": "done"}\n')
        os.write(2, SENTINEL.encode())


def open_scripted(settings):
    return ScriptedRunner()


def open_slowly(settings):
    time.sleep(1.5)
    return ScriptedRunner()


def open_broken(settings):
    raise ModelError("sha256 of tensors differs", reason="MODEL_TAMPERED")


def open_crashing(settings):
    os.kill(os.getpid(), signal.SIGSEGV)
