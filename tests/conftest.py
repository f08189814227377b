"""Fixtures that every test may use: synthetic patients, recorded data where it is there, and outside judges."""

from __future__ import annotations

import importlib.util
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from contour.phantom import Phantom, PhantomFiles, PhantomSettings, write_phantom
from tests import phantoms

_REPOSITORY = Path(__file__).resolve().parents[1]
_PACKAGES = {
    "dciodvfy": "dicom3tools",
    "dcentvfy": "dicom3tools",
    "dcmdump": "dcmtk",
    "dcmdjpeg": "dcmtk",
    "dcmcjpeg": "dcmtk",
    "dcmcjpls": "dcmtk",
    "dcmcrle": "dcmtk",
    "dcmconv": "dcmtk",
    "plastimatch": "plastimatch",
    "promtool": "prometheus",
    "prometheus": "prometheus",
    "amtool": "prometheus-alertmanager",
}


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """Recorded patients: CONTOUR_TEST_DATA, or `shared/data` beside the repository."""
    folder = Path(os.environ.get("CONTOUR_TEST_DATA", _REPOSITORY.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no recorded data at {folder}; set CONTOUR_TEST_DATA to the folder that holds openkbp/")
    return folder


@pytest.fixture(scope="session")
def nnunet() -> None:
    """Asked for by tests that need nnunetv2 beside ours; installed by `make`, from tests/nnunet.txt."""
    if importlib.util.find_spec("nnunetv2") is not None:
        return
    if os.environ.get("CONTOUR_REQUIRE_JUDGES"):
        pytest.fail("nnunetv2 is not installed: pip install --no-deps -r tests/nnunet.txt")
    pytest.skip("nnunetv2 is not installed: pip install --no-deps -r tests/nnunet.txt")


@pytest.fixture(scope="session")
def judge() -> Callable[[str], str]:
    """Path of an outside tool by its name; skips where it is absent, or fails where CONTOUR_REQUIRE_JUDGES=1."""

    def path_of(tool: str) -> str:
        path = shutil.which(tool)
        if path is not None:
            return path
        reason = f"{tool} is not installed (Debian package {_PACKAGES.get(tool, tool)})"
        if os.environ.get("CONTOUR_REQUIRE_JUDGES") == "1":
            pytest.fail(f"{reason}, and CONTOUR_REQUIRE_JUDGES=1", pytrace=False)
        pytest.skip(reason)

    return path_of


@pytest.fixture(scope="session")
def coarse_patient() -> Phantom:
    """The synthetic patient on a coarse anisotropic grid, head first supine."""
    return phantoms.patient(phantoms.COARSE)


@pytest.fixture(scope="session")
def oblique_patient() -> Phantom:
    """The same patient with image axes turned by several degrees about all three axes."""
    return phantoms.patient(phantoms.OBLIQUE)


@pytest.fixture(scope="session")
def feet_first_patient() -> Phantom:
    """The same patient feet first: slices run towards the feet, columns towards the patient's right."""
    return phantoms.patient(phantoms.FEET_FIRST)


@pytest.fixture(scope="session")
def planning_patient() -> Phantom:
    """The same patient as a planning CT of 120 slices of 512 x 512; takes about five seconds to make."""
    return phantoms.patient(PhantomSettings())


@pytest.fixture(scope="session")
def coarse_series(tmp_path_factory: pytest.TempPathFactory) -> PhantomFiles:
    """The coarse patient as a DICOM series with its true masks; read it, don't change it."""
    return write_phantom(tmp_path_factory.mktemp("coarse_phantom"), phantoms.DEFAULT_SEED, phantoms.COARSE)
