"""Model folders are data: proven by hash, parsed, never executed."""

import hashlib
import json
import tomllib

import pytest
import safetensors.torch
import torch

from contour.errors import ModelError, NotFoundError
from contour.segmentation import ModelStore, save_model, shipped_models_folder
from contour.segmentation.spec import parse_spec
from tests.unit.contour.segmentation.tiny_model import TINY_SPEC, save_tiny_model


def test_a_saved_model_loads_and_says_what_it_is(tmp_path):
    model = ModelStore([save_tiny_model(tmp_path)]).load("tiny", device="cpu")
    assert model.card.structures == ("External", "Parotid_L", "Parotid_R", "SpinalCord")
    assert model.spec.mirror_channels == (1, 0, 2)
    assert not model.network.training


def test_loaded_weights_are_the_saved_ones_to_half_precision(tmp_path):
    save_tiny_model(tmp_path)
    first = ModelStore([tmp_path]).load("tiny", device="cpu").network.state_dict()
    save_model(tmp_path / "tiny", spec_text=TINY_SPEC, weights=first, card_text="again")
    second = ModelStore([tmp_path]).load("tiny", device="cpu").network.state_dict()
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_shared_layers_are_stored_once(tmp_path):
    save_tiny_model(tmp_path)
    stored = safetensors.torch.load_file(tmp_path / "tiny" / "weights.safetensors")
    network = ModelStore([tmp_path]).load("tiny", device="cpu").network
    assert len(stored) == len(dict(network.named_parameters())) < len(network.state_dict())


@pytest.mark.parametrize("file", ["spec.toml", "weights.safetensors", "card.md"])
def test_a_changed_byte_is_noticed(tmp_path, file):
    path = save_tiny_model(tmp_path) / "tiny" / file
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(bytes(data))
    with pytest.raises(ModelError) as refused:
        ModelStore([tmp_path]).load("tiny", device="cpu")
    assert refused.value.reason == "MODEL_FILE_CHANGED"


def test_a_missing_file_is_named(tmp_path):
    (save_tiny_model(tmp_path) / "tiny" / "weights.safetensors").unlink()
    with pytest.raises(ModelError, match=r"weights\.safetensors is missing"):
        ModelStore([tmp_path]).load("tiny", device="cpu")


def test_weights_of_another_network_are_refused_when_saving(tmp_path):
    with pytest.raises(ModelError) as refused:
        save_model(tmp_path / "tiny", spec_text=TINY_SPEC, weights={"x": torch.zeros(1)}, card_text="")
    assert refused.value.reason == "BAD_WEIGHTS"
    assert not (tmp_path / "tiny").exists()


def test_weights_that_are_not_finite_are_refused(tmp_path):
    save_tiny_model(tmp_path)
    weights = ModelStore([tmp_path]).load("tiny", device="cpu").network.state_dict()
    next(iter(weights.values()))[0] = float("nan")
    with pytest.raises(ModelError, match="not finite"):
        save_model(tmp_path / "tiny", spec_text=TINY_SPEC, weights=weights, card_text="")


def test_a_pickle_in_place_of_weights_is_never_opened(tmp_path):
    save_tiny_model(tmp_path)
    path = tmp_path / "tiny" / "weights.safetensors"
    old = ModelStore([tmp_path])
    torch.save({"a": torch.zeros(2)}, path)
    with pytest.raises(ModelError) as refused:
        old.load("tiny", device="cpu")
    assert refused.value.reason == "MODEL_FILE_CHANGED"


def test_an_unknown_model_is_answered_with_the_known_ones(tmp_path):
    with pytest.raises(NotFoundError, match="installed: tiny"):
        ModelStore([save_tiny_model(tmp_path)]).load("../tiny", device="cpu")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("schema = 1", "schema = 2", "schema is 2"),
        ('architecture = "DynUNet"', 'architecture = "os.system"', "unknown architecture"),
        ("filters = [4, 8, 8]", "filters = [4, 8, 8], dropout = 0.1", "unknown network arguments"),
        ("filters = [4, 8, 8]", 'filters = "$import os"', "filters must be"),
        ("overlap = 0.25", "overlap = 0.95", "overlap must be"),
        ("overlap = 0.25", "overlap = 0.25\nsecret = 1", "unknown keys"),
        ("margin_mm = 6.0", "", "margin_mm"),
        ("[-150.0, 250.0]", "[250.0, -150.0]", "a window is a pair"),
        ('mirror = "Parotid_R"', 'mirror = "Eye_R"', "mirrors to"),
        ('name = "SpinalCord"', 'name = "PAROTID_L"', "each once"),
        ("keep_parts = 1", "keep_parts = -1", "must not be negative"),
        ("patch_zyx = [16, 24, 32]", "patch_zyx = [16, 24, 100000]", "patch_zyx must be"),
        ("patch_zyx = [16, 24, 32]", "patch_zyx = [16, 26, 32]", "multiples of 4"),
    ],
)
def test_a_spec_with_anything_unexpected_is_refused_by_name(tmp_path, old, new, said):
    assert old in TINY_SPEC
    with pytest.raises(ModelError, match=said) as refused:
        save_tiny_model(tmp_path, spec_text=TINY_SPEC.replace(old, new, 1))
    assert refused.value.reason == "BAD_MODEL_SPEC"


def test_an_evaluation_is_recorded_without_touching_the_weights(tmp_path):
    store = ModelStore([save_tiny_model(tmp_path)])
    before = (tmp_path / "tiny" / "weights.safetensors").read_bytes()
    rows = [{"structure": "SpinalCord", "n": 3, "mean": 0.7, "worst": 0.5}]
    store.record_evaluation("tiny", card_text="# measured\n", evaluation=json.dumps({"dice": rows}))
    card = store.card("tiny")
    assert card.text == "# measured\n"
    assert [(m.structure, m.patients, m.mean) for m in card.measured] == [("SpinalCord", 3, 0.7)]
    assert (tmp_path / "tiny" / "weights.safetensors").read_bytes() == before


def test_further_files_are_hashed_and_outlive_an_evaluation(tmp_path):
    store = ModelStore([save_tiny_model(tmp_path)])
    weights = store.load("tiny", device="cpu").network.state_dict()
    save_model(tmp_path / "tiny", spec_text=TINY_SPEC, weights=weights, card_text="", extra={"split.json": b"{}"})
    store.record_evaluation("tiny", card_text="", evaluation='{"dice": []}', extra={"evaluation.md": b"| a |"})
    listed = tomllib.loads((tmp_path / "manifest.toml").read_text())["models"]["tiny"]
    assert listed["split.json"] == hashlib.sha256(b"{}").hexdigest()
    assert {"evaluation.json", "evaluation.md", "weights.safetensors"} < set(listed)


def test_a_file_that_no_model_folder_holds_is_refused(tmp_path):
    weights = ModelStore([save_tiny_model(tmp_path)]).load("tiny", device="cpu").network.state_dict()
    with pytest.raises(ModelError) as refused:
        save_model(tmp_path / "tiny", spec_text=TINY_SPEC, weights=weights, card_text="", extra={"../run.py": b""})
    assert refused.value.reason == "UNKNOWN_MODEL_FILE"


def test_the_shipped_folder_is_this_repositorys():
    assert (shipped_models_folder() / "__init__.py").is_file()


def test_the_shipped_specs_parse():
    specs = sorted(shipped_models_folder().glob("*/spec.toml"))
    assert specs
    for path in specs:
        assert parse_spec(path.read_text(encoding="utf-8")).name == path.parent.name
