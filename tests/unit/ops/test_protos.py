import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def protos():
    spec = importlib.util.spec_from_file_location("protos", ROOT / "ops" / "protos.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_stubs_in_the_tree_are_what_the_protos_give(protos, tmp_path):
    protos.generate(tmp_path)
    assert protos.stale(tmp_path / protos.PACKAGE, ROOT / protos.PACKAGE) == []


def test_a_stub_that_was_edited_or_forgotten_is_seen(protos, tmp_path):
    kept, fresh = tmp_path / "kept", tmp_path / "fresh"
    for folder in (kept, fresh):
        folder.mkdir()
        for name in ("a_pb2.py", "b_pb2.pyi"):
            (folder / name).write_text(name)
    (kept / "a_pb2.py").write_text("edited")
    (kept / "b_pb2.pyi").unlink()
    assert protos.stale(fresh, kept) == ["a_pb2.py", "b_pb2.pyi"]


def test_buf_has_nothing_to_say(protos):
    if shutil.which("buf", path=str(Path(sys.executable).parent)) is None:
        pytest.skip("buf is not installed (buf-bin)")
    done = subprocess.run(
        [sys.executable, ROOT / "ops" / "protos.py", "--lint"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
