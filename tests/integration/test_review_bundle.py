"""The review page's bundle in the repository is what its sources give, and holds nothing that it should not."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

REVIEW = Path(__file__).parents[2] / "contour" / "review"
STATIC = REVIEW / "static"
FILES = sorted(path.name for path in STATIC.iterdir())


def test_a_new_build_gives_the_bundle_to_the_byte(tmp_path):
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("npm is not installed")
    ignored = shutil.ignore_patterns("node_modules")
    shutil.copytree(REVIEW / "web", tmp_path / "review" / "web", ignore=ignored)
    web = tmp_path / "review" / "web"
    words = [npm, "ci", "--no-audit", "--no-fund", "--ignore-scripts"]
    installed = subprocess.run(words, cwd=web, capture_output=True, text=True, check=False)
    if installed.returncode != 0:
        pytest.skip("npm cannot install the page's packages here")
    for step in ("check", "build"):
        done = subprocess.run([npm, "run", step], cwd=web, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
    built = tmp_path / "review" / "static"
    assert sorted(path.name for path in built.iterdir()) == FILES
    assert [name for name in FILES if (built / name).read_bytes() != (STATIC / name).read_bytes()] == []


def test_the_page_asks_nobody_else_and_holds_no_script_of_its_own():
    html = (STATIC / "index.html").read_text(encoding="utf-8")
    assert re.findall(r"(?:src|href)=\"([^\"]*)\"", html)
    assert not re.search(r"(?:src|href)=\"(?:https?:)?//", html)
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\bstyle=|\bon[a-z]+=", html)


def test_every_package_in_it_has_a_licence_that_may_be_shipped():
    told = (STATIC / "THIRD_PARTY_LICENSES.txt").read_text(encoding="utf-8")
    for name in ("@cornerstonejs/core", "@cornerstonejs/tools", "@cornerstonejs/dicom-image-loader", "preact"):
        assert name in told
    assert not re.search(r"\bA?GPL|GNU (?:AFFERO )?GENERAL PUBLIC", told, flags=re.IGNORECASE)
