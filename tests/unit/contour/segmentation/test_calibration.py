"""`calibration.json` is data from outside: read back as it was written, refused by name where anything is odd."""

import json
from dataclasses import replace

import pytest

from contour.errors import ModelError
from contour.segmentation import ModelStore
from contour.segmentation.calibration import parse_calibration
from contour.segmentation.spec import parse_spec
from tests.tiny_targets import NAME, TARGET_SPEC, calibration, look, save_tiny_targets

SPEC = parse_spec(TARGET_SPEC)
GOOD = calibration("f1")


def parse(text):
    return parse_calibration(text, SPEC, fingerprint="f1")


def changed(change):
    document = json.loads(GOOD.to_json())
    change(document)
    return json.dumps(document)


def test_what_was_written_is_what_is_read():
    assert parse(GOOD.to_json()) == GOOD


def test_a_model_brings_its_calibration_and_keeps_it_through_an_evaluation(tmp_path):
    store = ModelStore([save_tiny_targets(tmp_path)])
    assert store.load(NAME, device="cpu").calibration == calibration(store.fingerprint(NAME))
    store.record_evaluation(NAME, card_text="# measured\n", evaluation=json.dumps({"dice": []}))
    assert store.load(NAME, device="cpu").calibration == calibration(store.fingerprint(NAME))


def test_a_calibration_of_other_weights_is_refused(tmp_path):
    store = ModelStore([save_tiny_targets(tmp_path)])
    store.record_calibration(NAME, card_text="", calibration=calibration("those of another model"))
    with pytest.raises(ModelError) as refused:
        store.load(NAME, device="cpu")
    assert refused.value.reason == "OTHER_CALIBRATION"


def test_a_changed_byte_is_noticed_before_anything_is_parsed(tmp_path):
    path = save_tiny_targets(tmp_path) / NAME / "calibration.json"
    path.write_text(path.read_text(encoding="utf-8").replace("184", "185"), encoding="utf-8")
    with pytest.raises(ModelError) as refused:
        ModelStore([tmp_path]).load(NAME, device="cpu")
    assert refused.value.reason == "MODEL_FILE_CHANGED"


def set_level(value):
    return lambda document: document["looks"][0].update(level=value)


HOSTILE = {
    "not JSON": "{",
    "deep": "[" * 100_000,
    "long": " " * 2_000_000,
    "a list": "[]",
    "null": "null",
    "another schema": changed(lambda d: d.update(schema=2)),
    "schema true": changed(lambda d: d.update(schema=True)),
    "key missing": changed(lambda d: d.pop("looks")),
    "key unknown": changed(lambda d: d.update(run="rm -rf")),
    "key unknown below": changed(lambda d: d["looks"][0].update(extra=1)),
    "level 0 is everything": changed(set_level(0)),
    "level 256": changed(set_level(256)),
    "level in parts": changed(set_level(83.5)),
    "level true": changed(set_level(True)),
    "level text": changed(set_level("184")),
    "nan": changed(lambda d: d["confidences"][0].update(mean_dice=float("nan"))),
    "infinite": changed(lambda d: d["confidences"][0]["features"][0].update(mean=float("inf"))),
    "scale 0": changed(lambda d: d["confidences"][0]["features"][0].update(scale=0)),
    "weight that outweighs all": changed(lambda d: d["confidences"][0]["features"][0].update(weight=1e9)),
    "unknown feature": changed(lambda d: d["confidences"][0]["features"][0].update(feature="__class__")),
    "feature twice": changed(lambda d: d["confidences"][0].update(features=d["confidences"][0]["features"] * 2)),
    "many features": changed(lambda d: d["confidences"][0].update(features=d["confidences"][0]["features"] * 99)),
    "target twice": changed(lambda d: d.update(looks=[d["looks"][0]] * 2)),
    "region of an organ": changed(lambda d: d["looks"][0].update(structure="Brain")),
    "unknown structure": changed(lambda d: d["confidences"][0].update(structure="Heart")),
    "control characters": changed(lambda d: d.update(patients="\x1b[2Jnobody")),
    "a bound that the numbers do not give": changed(lambda d: d["looks"][0].update(observed_missed=0.0)),
    "a bound above alpha": changed(lambda d: d["looks"][0].update(alpha=0.01)),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_a_calibration_with_anything_unexpected_is_refused_by_name(what):
    with pytest.raises(ModelError) as refused:
        parse(HOSTILE[what])
    assert refused.value.reason == "BAD_CALIBRATION"
    assert len(str(refused.value)) < 500


def test_a_structure_without_a_calibration_is_none():
    lacking = replace(GOOD, looks=(look("PTV_High"),))
    assert lacking.look("PTV_Low") is None
    assert lacking.confidence("PTV_Low") is None
