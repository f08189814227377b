"""From a URL to an installed model: each kind, and every way in which it is not installed."""

from __future__ import annotations

import hashlib
import os
import shutil
import zipfile
from pathlib import Path

import pytest

from contour.errors import ModelError
from contour.importing.imported import Origin
from contour.importing.pull import PullRequest, pull_model
from contour.segmentation.store import ModelStore
from tests import nnunet_folders, tiny_model


@pytest.fixture(scope="session")
def nnunet_archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small nnU-Net's results as TotalSegmentator packs them."""
    if not nnunet_folders.nnunet_is_installed():
        reason = "nnunetv2 is not installed, which makes the results that are pulled"
        if os.environ.get("CONTOUR_REQUIRE_JUDGES") == "1":
            pytest.fail(f"{reason}, and CONTOUR_REQUIRE_JUDGES=1", pytrace=False)
        pytest.skip(reason)
    folder = tmp_path_factory.mktemp("results")
    plan = nnunet_folders.plans({"3d_fullres": nnunet_folders.configuration()})
    data = nnunet_folders.dataset({"background": 0, "spleen": 1, "vertebrae_T9": 2})
    nnunet_folders.write_results(folder / "zip" / "Dataset900_Phantom", "3d_fullres", plan, data)
    return packed(folder / "zip", folder / "Dataset900_Phantom.zip")


@pytest.fixture
def own_archive(tmp_path: Path) -> Path:
    return packed(tiny_model.save_tiny_model(tmp_path / "made"), tmp_path / "tiny.zip")


def packed(folder: Path, archive: Path) -> Path:
    with zipfile.ZipFile(archive, "w") as file:
        for path in sorted(folder.rglob("*")):
            file.write(path, path.relative_to(folder))
    return archive


def request(archive: Path, name: str, **changes: object) -> PullRequest:
    plain = {
        "url": archive.as_uri(),
        "sha256": hashlib.sha256(archive.read_bytes()).hexdigest(),
        "origin": Origin(name=name, orientation="RAS", names={}),
    }
    return PullRequest(**{**plain, **changes})


def silent(done: int, total: int | None) -> None:
    pass


def refused(asked: PullRequest, models: Path, reason: str) -> None:
    """Nothing is installed, and no temporary folder stays."""
    with pytest.raises(ModelError) as caught:
        pull_model(asked, models, progress=silent)
    assert caught.value.reason == reason, caught.value
    assert not list(models.parent.glob(".*-pull-*"))


def test_nnunet_results_become_a_model_that_loads(nnunet_archive, tmp_path):
    read: list[tuple[int, int]] = []
    models = tmp_path / "models"
    pulled = pull_model(
        request(nnunet_archive, "phantom"), models, progress=silent, on_network=lambda *done: read.append(done)
    )
    assert (pulled.kind, pulled.folder) == ("nnunet", models / "phantom")
    assert [one.name for one in pulled.model.structures] == ["Spleen", "VB_T09"]
    assert pulled.model.notes[-1].endswith(hashlib.sha256(nnunet_archive.read_bytes()).hexdigest())
    assert read == [(1, 1)]
    card = ModelStore((models,)).load("phantom", device="cpu").card
    assert "Fetched from file:" in card.text
    assert [path.name for path in tmp_path.iterdir()] == ["models"]


def test_a_model_of_ours_is_copied_as_it_is(own_archive, tmp_path):
    models = tmp_path / "models"
    pulled = pull_model(request(own_archive, tiny_model.NAME), models, progress=silent)
    assert (pulled.kind, pulled.model) == ("contour", None)
    made = ModelStore((tmp_path / "made",))
    assert ModelStore((models,)).fingerprint(tiny_model.NAME) == made.fingerprint(tiny_model.NAME)
    refused(request(own_archive, tiny_model.NAME), models, "MODEL_EXISTS")
    pull_model(request(own_archive, tiny_model.NAME, replace=True), models, progress=silent)


def test_a_model_of_ours_keeps_its_name(own_archive, tmp_path):
    refused(request(own_archive, "another"), tmp_path / "models", "NAME_MISMATCH")
    assert not (tmp_path / "models").exists()


@pytest.mark.parametrize(
    ("file", "reason"), [("weights.safetensors", "MODEL_FILE_CHANGED"), ("card.md", "MODEL_FILE_CHANGED")]
)
def test_a_model_of_ours_with_a_changed_file_is_not_installed(tmp_path, file, reason):
    made = tiny_model.save_tiny_model(tmp_path / "made")
    with (made / tiny_model.NAME / file).open("ab") as changed:
        changed.write(b" ")
    refused(request(packed(made, tmp_path / "a.zip"), tiny_model.NAME), tmp_path / "models", reason)
    assert not (tmp_path / "models").exists()


def test_a_model_that_the_manifest_does_not_name_is_not_installed(tmp_path):
    made = tiny_model.save_tiny_model(tmp_path / "made")
    shutil.move(made / tiny_model.NAME, made / "renamed")
    refused(request(packed(made, tmp_path / "a.zip"), "renamed"), tmp_path / "models", "BAD_MANIFEST")


def test_the_wrong_hash_opens_nothing(own_archive, tmp_path):
    refused(request(own_archive, "tiny", sha256="0" * 64), tmp_path / "models", "HASH_MISMATCH")
    assert not (tmp_path / "models").exists()


def test_a_name_that_is_taken_is_noticed_before_anything_is_fetched(tmp_path):
    (tmp_path / "models" / "taken").mkdir(parents=True)
    asked = PullRequest(url="https://host.invalid/a.zip", sha256="0" * 64, origin=Origin(name="taken", names={}))
    refused(asked, tmp_path / "models", "MODEL_EXISTS")


def test_an_archive_without_a_model_leaves_nothing_but_the_archive(tmp_path):
    (tmp_path / "made").mkdir()
    (tmp_path / "made" / "README").write_text("no model")
    asked = request(packed(tmp_path / "made", tmp_path / "a.zip"), "nothing")
    refused(asked, tmp_path / "models", "NO_MODEL_FOUND")
    assert (tmp_path / ".models-fetched" / asked.sha256).is_file()


def test_a_broken_nnunet_model_is_not_installed(tmp_path):
    folder = tmp_path / "made" / "T__P__3d_fullres"
    folder.mkdir(parents=True)
    (folder / "plans.json").write_text("{}")
    refused(request(packed(tmp_path / "made", tmp_path / "a.zip"), "broken"), tmp_path / "models", "NO_DATASET_JSON")


def test_folds_are_nothing_for_a_monai_bundle(tmp_path):
    folder = tmp_path / "made" / "bundle" / "configs"
    folder.mkdir(parents=True)
    (folder / "metadata.json").write_text("{}")
    archive = packed(tmp_path / "made", tmp_path / "a.zip")
    refused(request(archive, "bundle", folds=("0",)), tmp_path / "models", "NOT_NNUNET")


def test_a_monai_bundle_goes_to_its_reader(tmp_path):
    folder = tmp_path / "made" / "bundle" / "configs"
    folder.mkdir(parents=True)
    (folder / "metadata.json").write_text("{}")
    refused(request(packed(tmp_path / "made", tmp_path / "a.zip"), "bundle"), tmp_path / "models", "NO_BUNDLE_CONFIG")
