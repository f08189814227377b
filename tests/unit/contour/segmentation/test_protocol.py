"""Several models asked once each, their answers merged: with models whose answers are known balls."""

from dataclasses import dataclass, replace
from types import SimpleNamespace

import numpy as np
import pytest

from contour.anatomy.margins import Margins, with_margins
from contour.anatomy.structures import crop_to_structure
from contour.errors import CancelledError, Finding, NotFoundError
from contour.progress import STAGES
from contour.segmentation import Segmentation, parse_protocol, protocol, segment_by_protocol
from tests.phantoms import ball, ramp, small_grid

GRID = small_grid((30, 60, 56), (3.0, 0.9, 1.2), tilt_xyz_deg=(6.0, -4.0, 9.0))
CT = ramp(GRID)
HEAD = 'schema = 1\nname = "test"\nversion = "3"\n'


def at(radius_mm, x=0.0, y=0.0, z=0.0):
    return ball(GRID, radius_mm, offset_xyz_mm=(x, y, z))


NOTHING = crop_to_structure("Nothing", GRID, np.zeros(GRID.shape_zyx, dtype=np.bool_))
ANSWERS = {
    "one": {"External": at(24), "Cord": at(6, x=-5), "Heart": at(9, x=6), "PTV_High": at(8, y=6)},
    "two": {"External": at(24), "Heart": at(9, x=8), "GTV": at(7, x=-9)},
    "three": {"External": at(24), "Heart": at(9, x=6, y=4), "Lost": NOTHING, "GTV": at(7, x=-9)},
}


@dataclass
class Asked:
    """What the models were asked for; and a model's warning about a scan that all of them give."""

    loads: list
    questions: list


@pytest.fixture(autouse=True)
def asked(monkeypatch):
    found = Asked([], [])

    def segment(_ct, model, *, structures, progress):
        found.questions.append((model.card.name, structures))
        for stage in ("body", "network", "restore", "clean-up"):
            for fraction in (0.0, 0.5, 1.0):
                progress(stage, fraction)
        of_model = ANSWERS[model.card.name]
        made = tuple(
            replace(of_model[name], name=name, description="Predicted Dice 0.81.", generation="AUTOMATIC")
            for name in of_model
            if name in structures
        )
        looks = tuple(replace(at(11, y=6), name=f"zLook_{s.name}") for s in made if s.name == "PTV_High")
        lost = [Finding(reason="STRUCTURE_NOT_FOUND", message=f"{s.name} lost") for s in made if s.is_empty]
        own = [Finding(reason="LOW_CONFIDENCE", message="Heart is low")] if model.card.name == "two" else []
        return Segmentation(
            structures=(*made, *looks),
            warnings=(Finding(reason="BLANKED_SCAN", message="blanked"), *lost, *own),
            stage_seconds=(("body", 1.0), ("network", 2.0), ("restore", 0.5), ("clean-up", 0.25)),
            structure_seconds=tuple((s.name, 0.1) for s in (*made, *looks)),
            proposals=tuple(s.name for s in made if s.name.startswith("PTV")),
            looks=tuple((look.name, "PTV_High") for look in looks),
            predicted_dice=tuple((s.name, 0.81) for s in made if s.name != "External"),
        )

    monkeypatch.setattr(protocol, "segment", segment)
    found.load = lambda name: (
        found.loads.append(name) or SimpleNamespace(card=SimpleNamespace(name=name, version="1.0"))
    )
    return found


def run(asked, body, **settings):
    return segment_by_protocol(CT, parse_protocol(HEAD + body), asked.load, **settings)


def drawn(name, models, **more):
    source = f'"{models}"' if isinstance(models, str) else str(list(models)).replace("'", '"')
    extra = "".join(f"{key} = {str(value).lower() if value is False else repr(value)}\n" for key, value in more.items())
    return f'[[structures]]\nname = "{name}"\nfrom = {source}\n{extra}'


def masks(result):
    return {structure.name: structure.full_mask_zyx() for structure in result.structures}


BODY = '[[structures]]\nname = "External"\n'
CORD = drawn("SpinalCord", "one", structure="Cord")
HEART = drawn("Heart", ("one", "two", "three"))


def test_each_model_is_asked_once_for_all_that_is_needed_of_it_and_external_of_the_first(asked):
    result = run(asked, BODY + CORD + HEART + drawn("GTVp", "two", structure="GTV"))
    assert asked.loads == ["one", "two", "three"]
    assert asked.questions == [("one", ("Cord", "Heart", "External")), ("two", ("Heart", "GTV")), ("three", ("Heart",))]
    assert [s.name for s in result.structures] == ["External", "SpinalCord", "Heart", "GTVp"]
    assert result.stage_seconds[:3] == (("body", 3.0), ("network", 6.0), ("restore", 1.5))
    assert result.stage_seconds[3][1] >= 0.75
    assert dict(result.structure_seconds)["Heart"] == pytest.approx(0.3)
    assert result.predicted_dice == (("SpinalCord", 0.81), ("GTVp", 0.81))


def test_only_the_models_behind_what_was_asked_for_run(asked):
    text = BODY + CORD + HEART + drawn("GTVp", "two", structure="GTV")
    assert [s.name for s in run(asked, text, structures=("GTVp",)).structures] == ["GTVp"]
    assert asked.questions == [("two", ("GTV",))]
    assert [s.name for s in run(asked, text, structures=("External",)).structures] == ["External"]
    assert asked.questions[1:] == [("one", ("External",))]
    with pytest.raises(NotFoundError, match="test contours External, SpinalCord") as refused:
        run(asked, text, structures=("Cord",))
    assert refused.value.reason == "UNKNOWN_STRUCTURE"


@pytest.mark.parametrize(("vote", "least"), [("majority", 2), ("any", 1), ("all", 3)])
def test_an_ensemble_votes_voxel_by_voxel(asked, vote, least):
    result = run(asked, drawn("Heart", ("one", "two", "three"), vote=vote))
    votes = sum(ANSWERS[model]["Heart"].full_mask_zyx().astype(int) for model in ANSWERS)
    assert np.array_equal(masks(result)["Heart"], votes >= least)
    assert result.structures[0].description == f"Vote ({vote}) of one 1.0, two 1.0, three 1.0."


def test_of_two_listed_structures_the_earlier_keeps_the_voxels_and_others_may_overlap(asked):
    gtv, cord = ANSWERS["two"]["GTV"].full_mask_zyx(), ANSWERS["one"]["Cord"].full_mask_zyx()
    body = CORD + drawn("GTVp", "two", structure="GTV") + drawn("Heart", "one")
    free = masks(run(asked, body))
    assert (free["GTVp"] & free["SpinalCord"]).any()
    ruled = body + '[overlaps]\npriority = ["GTVp", "SpinalCord"]\n'
    result = run(asked, ruled)
    found = masks(result)
    assert np.array_equal(found["GTVp"], gtv)
    assert np.array_equal(found["SpinalCord"], cord & ~gtv)
    assert (found["Heart"] & cord).any()
    assert np.array_equal(masks(run(asked, ruled, structures=("SpinalCord",)))["SpinalCord"], found["SpinalCord"])
    described = {s.name: s.description for s in result.structures}
    assert described["SpinalCord"] == "From one 1.0. Without what it shared with GTVp."
    assert described["GTVp"] == "Predicted Dice 0.81. From two 1.0."
    assert dict(result.predicted_dice) == {"GTVp": 0.81, "Heart": 0.81}


def test_structures_are_derived_from_the_settled_ones_in_the_order_of_the_file(asked):
    body = CORD + drawn("GTVp", "two", structure="GTV", keep=False)
    body += '[[derived]]\nname = "SpinalCord_PRV05"\ngrow = { of = "SpinalCord", margin_mm = 5.0 }\n'
    body += '[[derived]]\nname = "Edge"\nkeep = false\ndifference = ["SpinalCord_PRV05", "SpinalCord"]\n'
    body += '[[derived]]\nname = "EdgeOff"\ncrop = { of = "Edge", away_from = "GTVp", distance_mm = 4.0 }\n'
    body += '[overlaps]\npriority = ["GTVp", "SpinalCord"]\n'
    result = run(asked, body)
    assert [s.name for s in result.structures] == ["SpinalCord", "SpinalCord_PRV05", "EdgeOff"]
    found, gtv = masks(result), ANSWERS["two"]["GTV"]
    settled = crop_to_structure("X", GRID, found["SpinalCord"])
    prv = with_margins(settled, Margins.all_round(5.0), name="X").full_mask_zyx()
    assert np.array_equal(found["SpinalCord_PRV05"], prv)
    near = with_margins(gtv, Margins.all_round(4.0), name="X").full_mask_zyx()
    assert np.array_equal(found["EdgeOff"], prv & ~found["SpinalCord"] & ~near)
    described = {s.name: s.description for s in result.structures}
    assert described["SpinalCord_PRV05"] == "Derived: SpinalCord grown by 5 mm."
    assert described["EdgeOff"].startswith("Derived: Edge, 4 mm away from GTVp. Edge: SpinalCord_PRV05 without SpinalC")
    assert {s.generation for s in result.structures} == {"AUTOMATIC"}


def test_a_crop_between_heights_and_inside(asked):
    body = drawn("Heart", "one") + CORD
    body += '[[derived]]\nname = "Part"\ncrop = { of = "Heart", inside = "SpinalCord", '
    body += 'above = { inferior_end_of = "SpinalCord", plus_mm = 2.0 }, below = { superior_end_of = "SpinalCord" } }\n'
    found = masks(run(asked, body))
    heights = GRID.to_point_xyz_mm(np.argwhere(found["Part"]))[:, 2]
    cord = GRID.to_point_xyz_mm(np.argwhere(found["SpinalCord"]))[:, 2]
    assert heights.min() >= cord.min() + 2.0 - 1e-6
    assert found["Part"].any()
    assert not (found["Part"] & ~(found["SpinalCord"] & found["Heart"])).any()


def test_what_rests_on_a_proposal_is_one_and_a_region_stays_with_its_target(asked):
    body = drawn("CTV_High", "one", structure="PTV_High") + CORD
    body += '[[derived]]\nname = "PTV_High"\ngrow = { of = "CTV_High", margin_mm = 3 }\n'
    result = run(asked, body)
    assert [s.name for s in result.structures] == ["CTV_High", "zLook_CTV_High", "SpinalCord", "PTV_High"]
    assert result.looks == (("zLook_CTV_High", "CTV_High"),)
    assert result.proposals == ("CTV_High", "PTV_High")
    assert "Rests on what is a proposal from CT alone" in result.structures[3].description


def test_a_region_whose_name_would_not_fit_is_left_out_and_that_is_said(asked):
    result = run(asked, drawn("PTV_High_Left", "one", structure="PTV_High"))
    assert [s.name for s in result.structures] == ["PTV_High_Left"]
    assert "LOOK_LEFT_OUT" in [warning.reason for warning in result.warnings]


def test_warnings_name_their_model_but_what_all_say_is_said_once(asked):
    body = HEART + drawn("Larynx", "three", structure="Lost") + drawn("Brain", "three", structure="Lost", keep=False)
    body += '[[derived]]\nname = "Rest"\ndifference = ["Heart", "Brain"]\n'
    body += '[[derived]]\nname = "High"\ncrop = { of = "Heart", above = { superior_end_of = "Brain" } }\n'
    result = run(asked, body)
    assert [str(warning) for warning in result.warnings] == [
        "BLANKED_SCAN: blanked",
        "LOW_CONFIDENCE: two: Heart is low",
        "OPERAND_NOT_FOUND: Rest was made without Brain, which is empty in this CT",
        "OPERAND_NOT_FOUND: High was made without Brain, which is empty in this CT",
        "STRUCTURE_NOT_FOUND: Larynx was not found in this CT and is not in the file",
        "STRUCTURE_NOT_FOUND: High was not found in this CT and is not in the file",
    ]


def test_progress_goes_through_the_stages_once_and_never_back(asked):
    told = []
    body = CORD + HEART + '[[derived]]\nname = "PRV"\ngrow = { of = "SpinalCord", margin_mm = 5.0 }\n'
    run(asked, body, progress=lambda stage, fraction: told.append((STAGES.index(stage), fraction)))
    assert told == sorted(told)
    ends = {stage for stage, fraction in told if fraction == 1.0}
    assert {STAGES[stage] for stage in ends} == {"body", "network", "restore", "clean-up"}
    assert sum(told.count((stage, 0.0)) > 0 for stage in ends) == 4
    assert len({fraction for stage, fraction in told if STAGES[stage] == "network"}) > 8


def test_progress_stops_the_work_in_any_model(asked):
    calls = []

    def stop(stage, fraction):
        calls.append(stage)
        if len(calls) == 20:
            raise CancelledError("stopped by a test")

    with pytest.raises(CancelledError):
        run(asked, CORD + HEART, progress=stop)
    assert asked.loads == ["one", "two"]
