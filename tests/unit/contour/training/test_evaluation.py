"""From masks to rows: what is missed, what is refused, what cannot be judged, and how sure the means are."""

import json
from dataclasses import replace

import numpy as np
import pytest

from contour.anatomy.structures import crop_to_structure
from contour.errors import InputError
from contour.segmentation import ModelStore
from contour.segmentation.spec import parse_spec
from contour.training import evaluation as evaluation_module
from contour.training.box_plot import draw_box_plot
from contour.training.card import with_evaluation
from contour.training.cases import find_cases
from contour.training.evaluation import evaluate_model
from contour.training.measurement import measure
from contour.training.report import to_json, to_markdown
from contour.training.summary import mean_of, summarise
from tests.rtstruct_cases import make_grid
from tests.unit.contour.segmentation.tiny_model import TINY_SPEC, save_tiny_model
from tests.unit.contour.training.patients import case_on_disk

GRID = make_grid((14, 30, 26), (2.5, 0.9, 1.2))
VOXEL_ML = 2.5 * 0.9 * 1.2 / 1000
GLAND = parse_spec(TINY_SPEC).structures[0]


def box(z, y, x):
    mask = np.zeros(GRID.shape_zyx, dtype=np.bool_)
    mask[slice(*z), slice(*y), slice(*x)] = True
    return mask


def measured(case, reference, answer):
    return measure(case, GLAND.name, reference_zyx=reference, answer_zyx=answer, grid=GRID)


REFERENCE = box((3, 9), (5, 15), (3, 13))


def test_a_right_answer_has_nothing_to_correct():
    found = measured("a", REFERENCE, REFERENCE)
    assert (found.dice, found.surface_dice_2mm, found.surface_dice_3mm) == (1.0, 1.0, 1.0)
    assert (found.hd95_mm, found.mean_distance_mm, found.added_path_length_mm) == (0.0, 0.0, 0.0)
    assert (found.volume_bias_percent, found.far_ml) == (0.0, 0.0)
    assert found.reference_ml == pytest.approx(600 * VOXEL_ML)


def test_no_answer_has_no_distance_and_the_whole_outline_to_draw():
    found = measured("a", REFERENCE, REFERENCE & ~REFERENCE)
    assert not found.is_answered
    assert (found.dice, found.surface_dice_2mm, found.surface_dice_3mm, found.volume_bias_percent) == (0, 0, 0, -100.0)
    assert found.hd95_mm is None
    assert found.mean_distance_mm is None
    assert found.added_path_length_mm == pytest.approx(6 * (18 * 0.9 + 18 * 1.2 + 2 * 1.5))


def test_an_answer_elsewhere_is_a_miss_with_distances():
    found = measured("a", REFERENCE, box((3, 9), (5, 15), (18, 23)))
    assert found.is_answered
    assert found.dice == 0.0
    assert found.volume_bias_percent == pytest.approx(-50.0)
    assert found.hd95_mm == pytest.approx(18.0, abs=1.2)
    assert found.far_ml == pytest.approx(6 * 10 * 2 * VOXEL_ML)  # the columns 12 mm and more from the reference's last


def test_a_summary_counts_misses_and_leaves_unanswered_patients_out_of_distances_alone():
    nothing = REFERENCE & ~REFERENCE
    rows = [
        measured("a", REFERENCE, REFERENCE),
        measured("b", REFERENCE, nothing),
        measured("c", REFERENCE, box((3, 9), (5, 15), (18, 23))),
    ]
    found = summarise(replace(GLAND, proposal=True), rows, not_contoured=4, answered_not_contoured=3)
    assert (found.n, found.not_answered, found.missed, found.far_cases, found.proposal) == (3, 1, 2, 1, True)
    assert (found.dice.mean, found.dice.worst, found.dice.worst_case) == (pytest.approx(1 / 3), 0.0, "b")
    assert found.hd95_mm is not None
    assert (found.hd95_mm.n, found.hd95_mm.worst_case) == (2, "c")
    assert (found.volume_bias_percent.mean, found.volume_bias_percent.worst_case) == (-50.0, "b")


def test_the_interval_of_a_mean_covers_it_as_often_as_it_says():
    drawn = np.random.default_rng(4)
    inside = 0
    for _ in range(100):
        figures = drawn.normal(0.7, 0.1, size=40)
        found = mean_of([("a", float(figure)) for figure in figures], badness=abs)
        inside += found.low <= 0.7 <= found.high
    assert 0.88 <= inside / 100 <= 0.99


def test_an_interval_is_the_same_each_time_and_a_single_patient_has_none():
    values = [("a", 0.2), ("b", 0.9), ("c", 0.7)]
    assert mean_of(values, badness=abs) == mean_of(values, badness=abs)
    only = mean_of(values[:1], badness=abs)
    assert (only.n, only.mean, only.low, only.high) == (1, 0.2, None, None)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return ModelStore([save_tiny_model(tmp_path_factory.mktemp("models"))]).load("tiny", device="cpu")


@pytest.fixture
def cases(tmp_path):
    for name in ("a", "b"):
        case_on_disk(tmp_path / "data" / name)
    (tmp_path / "data" / "b" / "LeftParotid.nii.gz").unlink()
    return find_cases(tmp_path / "data")


class Answer:
    """Stands for a segmentation: the gland's own voxels for every structure of the model but the cord."""

    def __init__(self, ct, model):
        bright = ct.values_zyx > 800
        self.structures = tuple(
            crop_to_structure(name, ct.grid, bright & (name != "SpinalCord")) for name in model.spec.structure_names
        )


def test_an_answer_where_nobody_contoured_is_counted_apart_and_never_as_wrong(model, cases, monkeypatch):
    monkeypatch.setattr(evaluation_module, "segment", lambda ct, model, **_: Answer(ct, model))
    result = evaluate_model(model, cases)
    (row,) = result.rows
    assert (row.structure, row.n, row.dice.mean) == ("Parotid_L", 1, 1.0)
    assert (row.not_contoured, row.answered_not_contoured) == (1, 1)
    assert [(one.case, one.structure) for one in result.unjudged] == [
        ("a", "Parotid_R"),
        ("b", "Parotid_L"),
        ("b", "Parotid_R"),
    ]


def test_a_refused_patient_is_named_and_counted_in_no_row(model, cases, monkeypatch):
    answers = iter([None, Answer])

    def refuse_the_first(ct, model, **_):
        answer = next(answers)
        if answer is None:
            raise InputError("not what the model knows", reason="OUT_OF_DEPTH")
        return answer(ct, model)

    monkeypatch.setattr(evaluation_module, "segment", refuse_the_first)
    result = evaluate_model(model, cases)
    assert [(one.case, one.reason) for one in result.refused] == [("a", "OUT_OF_DEPTH")]
    assert result.rows == ()
    assert "1 of 2 patients: a (OUT_OF_DEPTH)" in to_markdown(result)
    assert json.loads(to_json(result))["refused"] == [{"case": "a", "reason": "OUT_OF_DEPTH"}]
    assert draw_box_plot(result).startswith(b"\x89PNG")


@pytest.mark.parametrize("card", ["# m\n", "# m\n\n## Evaluation\n\nOld.\n"])
def test_a_card_gets_its_evaluation_once(model, cases, monkeypatch, card):
    monkeypatch.setattr(evaluation_module, "segment", lambda ct, model, **_: Answer(ct, model))
    result = evaluate_model(model, cases)
    once = with_evaluation(card, result, patients="two")
    assert "Old." not in once
    assert once.count("## Evaluation") == 1
    assert with_evaluation(once, result, patients="two") == once


def test_what_follows_under_another_heading_stays_in_the_card(model, cases, monkeypatch):
    monkeypatch.setattr(evaluation_module, "segment", lambda ct, model, **_: Answer(ct, model))
    result = evaluate_model(model, cases)
    by_hand = "### By eye\n\nSomebody looked.\n\n## Risks\n\nMany.\n"
    card = with_evaluation(f"# m\n\n## Evaluation\n\nOld.\n\n{by_hand}", result, patients="two")
    assert card.endswith(f"\n\n{by_hand}")
    assert with_evaluation(card, result, patients="two") == card
