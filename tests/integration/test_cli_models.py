"""`contour models import` and `pull` as a user runs them, and an imported model through `contour plan`."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from pathlib import Path

import pytest

from contour.dicom.rtstruct_reader import read_rtstruct
from tests import nnunet_folders as folders
from tests.integration.test_cli_plan import COMMAND, ENVIRONMENT

NAME = "3d_fullres"
PLAN = folders.plans({NAME: folders.configuration(spacing=[8.0, 8.0, 8.0])})
DATA = folders.dataset({"background": 0, "spinal_cord": 1, "parotid_left": 2, "costal_cartilages": 3})

pytestmark = pytest.mark.usefixtures("nnunet")


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    return folders.write_results(tmp_path_factory.mktemp("r") / "Dataset900", NAME, PLAN, DATA, mirror_axes=None)


@pytest.fixture(scope="module")
def contour(home):
    def run(*arguments):
        return subprocess.run(
            [*COMMAND, *map(str, arguments)], capture_output=True, text=True, timeout=300, check=False,
            env={**ENVIRONMENT, "XDG_DATA_HOME": str(home)},
        )  # fmt: skip

    return run


@pytest.fixture(scope="module")
def imported(contour, results):
    done = contour("models", "import", "nnunet", results.parent, "--name", "other")
    assert done.returncode == 0, done.stderr
    return done


def test_an_import_tells_names_what_is_unmapped_and_where_the_model_is(imported, home):
    assert "3 structures: SpinalCord, Parotid_L, costal_cartilage" in imported.stdout
    assert "costal_cartilages (here costal_cartilage)" in imported.stdout
    assert "--orientation" in imported.stdout
    assert imported.stdout.splitlines()[-1] == f"Model: {home / 'contour-rt' / 'models' / 'other'}"


@pytest.mark.parametrize("mode", [(), ("--exact",)])
def test_an_imported_model_contours_by_its_name_alone(contour, imported, coarse_series, tmp_path, mode):
    out = tmp_path / "RS.dcm"
    done = contour("plan", coarse_series.ct_folder, "--out", out, "--model", "other", *mode)
    assert done.returncode == 0, done.stderr
    names = {roi.name for roi in read_rtstruct(out.read_bytes()).rois}
    assert "External" in names
    assert names <= {"External", "SpinalCord", "Parotid_L", "costal_cartilage"}
    assert len(names) > 1


def test_exact_and_a_server_exclude_each_other(contour, coarse_series, tmp_path):
    done = contour(
        "plan", coarse_series.ct_folder, "--out", tmp_path / "RS.dcm", "--exact", "--server", "127.0.0.1:1"
    )  # fmt: skip
    assert done.returncode == 2
    assert "models.exact" in done.stderr


def test_a_second_import_of_the_name_is_refused(contour, imported, results):
    done = contour("models", "import", "nnunet", results, "--name", "other")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("contour: MODEL_EXISTS")


def test_pull_checks_the_hash_and_imports(contour, results, tmp_path):
    archive = Path(shutil.make_archive(str(tmp_path / "model"), "zip", results.parent))
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    models = tmp_path / "models"
    models.mkdir()
    wrong = contour("models", "pull", archive.as_uri(), "--sha256", "0" * 64, "--name", "pulled", "--models", models)
    assert wrong.returncode == 1
    assert "HASH_MISMATCH" in wrong.stderr
    assert list(models.iterdir()) == []
    done = contour("models", "pull", archive.as_uri(), "--sha256", digest, "--name", "pulled", "--models", models)
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in models.iterdir()) == ["manifest.toml", "pulled"]
    assert "pulled" in contour("models", "--models", models).stdout


def test_a_folder_that_is_no_model_is_one_line(contour, tmp_path):
    done = contour("models", "import", "monai", tmp_path, "--name", "other2")
    assert done.returncode == 1
    assert len([line for line in done.stderr.splitlines() if line.startswith("contour: ")]) == 1


def test_public_models_are_listed_with_their_licences(contour):
    listed = contour("models", "public")
    assert listed.returncode == 0
    assert "ts_total_fast" in listed.stdout
    one = contour("models", "public", "--name", "ts_total_fast")
    assert "--orientation RAS" in one.stdout
    assert "Not verified" in one.stdout
