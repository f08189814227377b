"""The command line in this process, and a model of a few kilobytes for it."""

import subprocess
import sys

import pytest

from contour.cli import main
from tests.tiny_model import save_tiny_model


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
    """A folder of models that holds `tiny`."""
    return save_tiny_model(tmp_path_factory.mktemp("models"))
