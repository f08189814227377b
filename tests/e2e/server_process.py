"""Starts, watches and kills real server processes."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

from contour.client import ContourClient

SCRIPTED = "tests.unit.contour.jobs.runners:open_scripted"
ROOT = Path(__file__).resolve().parents[2]


class ServerProcess:
    """One data folder, one port, and the server process that is on them now. It asks nobody who they are.

    With `auth="required"` it does; `tls` holds paths by the names of `TlsFiles`.
    """

    def __init__(
        self,
        folder,
        *,
        runner=SCRIPTED,
        model_folders=(),
        default_model="",
        grace_s=5.0,
        env=(),
        auth="off",
        tls=(),
        host="127.0.0.1",
        **limits,
    ):
        self.folder = folder
        self.log_path = folder / "server.log"
        self.port = free_port()
        self.env = dict(env)
        self.settings = {
            "data_dir": str(folder / "data"),
            "host": host,
            "auth": auth,
            "tls": {name: str(path) for name, path in dict(tls).items()},
            "runner": runner,
            "model_folders": [str(one) for one in model_folders],
            "default_model": default_model,
            "grace_s": grace_s,
            "limits": limits,
        }
        self.process = None

    def start(self):
        env = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"} | self.env
        with self.log_path.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.e2e.serving", json.dumps(self.settings | {"port": self.port})],
                stdout=subprocess.PIPE,
                stderr=log,
                cwd=ROOT,
                env=env,
            )
        line = json.loads(self.process.stdout.readline() or "{}")
        if "grpc" not in line:
            self.end()
            raise AssertionError(f"server did not start: {line}")
        self.grpc, self.metrics, self.modules = line["grpc"], line["metrics"], line["modules"]
        return self

    def client(self, **settings):
        return ContourClient(f"127.0.0.1:{self.port}", **({"timeout_s": 10.0, "patience_s": 10.0} | settings))

    def kill(self):
        """As a power cut would: no time for anything."""
        self.process.kill()
        self._reap()

    def terminate(self):
        self.process.send_signal(signal.SIGTERM)

    def end(self):
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
        if self.process is not None:
            self._reap()

    def wait(self, limit_s=20.0):
        status = self.process.wait(limit_s)
        self._reap()
        return status

    def log(self):
        return self.log_path.read_text(encoding="utf-8")

    def worker_pids(self):
        return children_of(self.process.pid)

    def _reap(self):
        self.process.wait(10)
        self.process.stdout.close()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def children_of(pid):
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == pid and fields[0] != "Z":
            found.append(int(path.parent.name))
    return found


def wait_until(true, limit_s=10.0):
    deadline = time.monotonic() + limit_s
    while not true():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.02)
