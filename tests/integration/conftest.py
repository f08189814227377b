"""The command line in this process, and a model of a few kilobytes for it."""

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from contour.cli import main
from tests.tiny_model import save_tiny_model
from tests.tiny_protocol import save_tiny_protocol


@pytest.fixture
def here(capsys, monkeypatch):
    """`contour ...` in this process, which has torch already."""

    def run(*arguments):
        monkeypatch.setattr(sys, "excepthook", sys.excepthook)
        with pytest.raises(SystemExit) as ended:
            main(list(map(str, arguments)))
        return subprocess.CompletedProcess(arguments, ended.value.code, *capsys.readouterr())

    return run


@pytest.fixture(scope="session")
def models(tmp_path_factory):
    """A folder of models that holds `tiny`, and the protocol `tiny_neck`."""
    return save_tiny_protocol(save_tiny_model(tmp_path_factory.mktemp("models")))


@dataclass(frozen=True)
class RunningServer:
    """Where a `contour serve` of our own listens, and its process."""

    address: str
    metrics: str
    process: subprocess.Popen


@pytest.fixture(scope="session")
def start_server(models, tmp_path_factory):
    """Starts `contour serve` with the tiny model as its default, and ends what it started."""
    started = []

    def start():
        folder = tmp_path_factory.mktemp("server")
        config = folder / "contour.toml"
        config.write_text(
            f'data = "jobs"\nauth = "off"\n[review]\nlisten = ""\n[models]\nfolders = ["{models}"]\ndefault = "tiny"\n'
        )
        program = "from contour.cli import main; main()"
        words = ["serve", "--config", config, "--listen", "127.0.0.1:0", "--metrics", "127.0.0.1:0"]
        log = (folder / "log").open("w+")
        process = subprocess.Popen(
            [sys.executable, "-c", program, *map(str, words)],
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "OMP_NUM_THREADS": "1"},
        )
        started.append((process, log))
        line = process.stdout.readline()
        found = re.fullmatch(r"contour is ready: gRPC on (\S+), metrics on (\S+)\n", line)
        assert found, line + (folder / "log").read_text()
        assert (folder / "jobs").is_dir()
        return RunningServer(address=found[1], metrics=found[2], process=process)

    yield start
    for process, log in started:
        process.kill()
        process.communicate()
        log.close()


@pytest.fixture(scope="session")
def running_server(start_server):
    """One server for all tests that leave it as it is."""
    return start_server()
