"""anatomy.json is data from outside: what it says comes back, and nothing but what it may say gets in."""

import json
from dataclasses import replace

import pytest

from contour.errors import ModelError
from contour.segmentation import ModelStore
from contour.segmentation.expected_anatomy import ExpectedAnatomy, ExpectedStructure, Span, parse_anatomy
from contour.segmentation.spec import parse_spec
from tests import tiny_model

SPEC = parse_spec(tiny_model.SPEC)
LARYNX = ExpectedStructure(
    name="Larynx",
    patients=7,
    volume_ml=Span(lowest=3.5, highest=61.0),
    anchor="bottom",
    place_mm=(-63.5, 12.0, 0.5),
    spread_mm=(9.0, 6.0, 3.0),
    top_mm=-40.0,
    bottom_mm=-85.0,
    end_spread_mm=11.0,
    cut_top=0.0,
    cut_bottom=0.08,
    farthest=2.6,
)
ANATOMY = ExpectedAnatomy(
    patients=9,
    soft_tissue_hu=Span(lowest=-7.5, highest=47.5),
    soft_tissue_share=Span(lowest=0.3, highest=0.8),
    size=Span(lowest=0.9, highest=1.1),
    structures=(LARYNX, replace(LARYNX, name="Parotid_L", anchor="middle")),
)


def test_what_is_written_is_read():
    assert parse_anatomy(ANATOMY.to_json(), SPEC) == ANATOMY


def spoilt(path, value):
    document = json.loads(ANATOMY.to_json())
    *way, last = path
    inner = document
    for key in way:
        inner = inner[key]
    if value is KeyError:
        del inner[last]
    else:
        inner[last] = value
    return json.dumps(document)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("schema",), 2),
        (("patients",), 0),
        (("patients",), True),
        (("patients",), KeyError),
        (("size", "lowest"), 3.0),
        (("size", "lowest"), float("nan")),
        (("soft_tissue_share", "highest"), 1.5),
        (("size", "further"), 1.0),
        (("structures",), {}),
        (("structures", 0), 3),
        (("structures", 0, "name"), "Heart"),
        (("structures", 0, "name"), "Parotid_L"),
        (("structures", 0, "anchor"), "left"),
        (("structures", 0, "place_mm"), [1.0, 2.0]),
        (("structures", 0, "place_mm"), [1.0, 2.0, float("inf")]),
        (("structures", 0, "spread_mm"), [0.0, 1.0, 1.0]),
        (("structures", 0, "farthest"), "1"),
        (("further",), 1),
    ],
)
def test_anything_else_is_refused(path, value):
    with pytest.raises(ModelError) as refused:
        parse_anatomy(spoilt(path, value), SPEC)
    assert refused.value.reason == "BAD_ANATOMY"


@pytest.mark.parametrize("text", ["", "[]", "{", "[" * 100_000, " " * 1_000_001])
def test_a_file_that_is_no_anatomy_is_refused(text):
    with pytest.raises(ModelError) as refused:
        parse_anatomy(text, SPEC)
    assert refused.value.reason == "BAD_ANATOMY"


def test_a_recorded_anatomy_is_in_the_manifest_and_loaded_with_the_model(tmp_path):
    store = ModelStore([tiny_model.save_tiny_model(tmp_path)])
    assert store.load(tiny_model.NAME, device="cpu").anatomy is None
    store.record_anatomy(tiny_model.NAME, ANATOMY)
    assert store.load(tiny_model.NAME, device="cpu").anatomy == ANATOMY
    (tmp_path / tiny_model.NAME / "anatomy.json").write_text(replace(ANATOMY, patients=8).to_json())
    with pytest.raises(ModelError) as refused:
        store.load(tiny_model.NAME, device="cpu")
    assert refused.value.reason == "MODEL_FILE_CHANGED"
