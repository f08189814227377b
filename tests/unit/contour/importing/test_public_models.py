"""The catalogue of public models says what is known, and nothing that is not."""

from __future__ import annotations

import re

import pytest

from contour.errors import ModelError, NotFoundError
from contour.importing.public_models import parse_public_models, public_model, public_models

CATALOGUE = """
schema = 1
orientation = "RAS"
unverified = "not checked here"

[licences.open]
name = "Apache-2.0"
allows = "any use"
needs_number = false

[licences.number]
name = "by number"
allows = "ask"
needs_number = true

[citations]
paper = "Somebody et al."

[[models]]
name = "first"
task = "total"
dataset = "Dataset001_First"
contours = "everything"
spacing_xyz_mm = [1.5, 1.5, 2]
licence = "open"
cite = ["paper"]
url = "https://example.org/first.zip"
sha256 = ""
verified = false
"""


def changed(old: str, new: str) -> str:
    assert old in CATALOGUE
    return CATALOGUE.replace(old, new)


def test_a_catalogue_is_read_with_what_its_models_refer_to():
    (model,) = parse_public_models(CATALOGUE)
    assert model.spacing_xyz_mm == (1.5, 1.5, 2.0)
    assert model.licence.name == "Apache-2.0"
    assert model.citations == ("Somebody et al.",)
    assert (model.shown, model.note) == ("", "")
    assert model.hash_note == "not checked here"


@pytest.mark.parametrize(
    "text",
    [
        "no toml at all [",
        changed("schema = 1", "schema = 2"),
        changed("schema = 1", "schema = 1\nmore = 1"),
        changed('orientation = "RAS"', 'orientation = "up"'),
        changed('unverified = "not checked here"', ""),
        changed("needs_number = false", "needs_number = 0"),
        changed('allows = "any use"', 'allows = "any use"\nforbids = "none"'),
        changed('paper = "Somebody et al."', "paper = 1"),
        changed('name = "first"', 'name = "First Model"'),
        changed('licence = "open"', 'licence = "GPL"'),
        changed('licence = "open"', 'licence = "number"'),
        changed('cite = ["paper"]', 'cite = ["book"]'),
        changed("[1.5, 1.5, 2]", "[1.5, 1.5]"),
        changed("[1.5, 1.5, 2]", "[1.5, 1.5, 0]"),
        changed("https://example.org", "http://example.org"),
        changed('sha256 = ""', 'sha256 = "abc"'),
        changed("verified = false", "verified = true"),
        changed("verified = false", "verified = false\nhash = 1"),
        changed('contours = "everything"\n', ""),
        CATALOGUE + CATALOGUE[CATALOGUE.index("[[models]]") :],
    ],
)
def test_a_catalogue_with_a_fault_is_refused(text):
    with pytest.raises(ModelError, match="BAD_CATALOGUE"):
        parse_public_models(text)


def test_the_five_parts_of_total_and_its_fast_mode_are_listed():
    folders = {model.dataset for model in public_models() if model.task == "total"}
    assert {re.match(r"Dataset(\d+)", folder)[1] for folder in folders} == {
        "291",
        "292",
        "293",
        "294",
        "295",
        "297",
        "298",
    }


def test_every_model_says_what_its_licence_allows_and_whom_to_cite():
    for model in public_models():
        assert model.licence.allows, model.name
        assert any("ryai.230024" in citation for citation in model.citations), model.name
        assert model.orientation == "RAS"


def test_a_model_whose_licence_needs_a_number_has_no_url_and_others_have_one():
    models = {model.name: model for model in public_models()}
    assert all(bool(model.url) != model.licence.needs_number for model in models.values())
    for task in ("heartchambers_highres", "appendicular_bones", "tissue_types", "face", "brain_structures",
                 "thigh_shoulder_muscles", "coronary_arteries"):  # fmt: skip
        assert models[f"ts_{task}"].licence.needs_number, task


def test_a_url_ends_in_the_data_set_of_its_model():
    for model in public_models():
        assert not model.url or model.url.endswith(f"/{model.dataset}.zip"), model.name


def test_no_hash_is_claimed_that_was_not_checked():
    for model in public_models():
        assert (model.sha256, model.verified) == ("", False)
        assert "could not be checked" in model.hash_note


def test_a_model_is_found_by_its_name():
    assert public_model("ts_total_ribs").task == "total"
    with pytest.raises(NotFoundError, match="UNKNOWN_MODEL"):
        public_model("ts_everything")
