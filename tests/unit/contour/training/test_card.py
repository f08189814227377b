"""What a card says of a model that was just trained."""

import numpy as np

from contour.segmentation.spec import parse_spec
from contour.training.card import training_card
from contour.training.loop import TrainingSettings
from contour.training.prepared import PreparedCase
from contour.training.split import Split
from tests.unit.contour.segmentation.tiny_model import TINY_SPEC

PROPOSAL = '\n[[structures]]\nname = "PTV_Low"\nproposal = true\ntrained_from = ["PTV_7000", "PTV_5600"]\n'
AID_RT = (
    "## Card metadata",
    "## Basic information",
    "## Technical specifications",
    "## Training data, methodology and information",
    "## Evaluation",
    "## Other considerations",
)


def card_of(spec_text: str, contoured: list[bool]) -> str:
    nothing = np.zeros((1, 1, 1), dtype=np.int16)
    case = PreparedCase(
        name="somebody",
        hu_zyx=nothing,
        labels_zyx=nothing,
        label_step_zyx=(1.0, 1.0, 1.0),
        label_start_zyx=(0.0, 0.0, 0.0),
        contoured=np.asarray(contoured),
    )
    split = Split(trained_on=("somebody",), held_out=("other",), left_out=(), started_from="", seed=3)
    return training_card(
        parse_spec(spec_text), [case], TrainingSettings(steps=77), split=split, data_statement="Whose data, and how.\n"
    )


def test_a_card_has_the_sections_of_aid_rt_in_their_order() -> None:
    lines = card_of(TINY_SPEC, [True, False, True]).splitlines()

    assert [line for line in lines if line.startswith("## ")] == list(AID_RT)
    assert max(map(len, lines)) <= 200


def test_a_card_says_who_was_contoured_and_what_was_done() -> None:
    card = card_of(TINY_SPEC, [True, False, True])

    assert "| Parotid_L | 1 |" in card
    assert "| Parotid_R | 0 |" in card
    assert "Whose data, and how." in card
    assert "77 steps" in card
    assert "1 patients, 1 more held out" in card
    assert "Proposals" not in card


def test_targets_are_told_apart_from_organs() -> None:
    card = card_of(TINY_SPEC + PROPOSAL, [True, True, True, True])

    assert "Structures: External (by rule), Parotid_L, Parotid_R, SpinalCord\n" in card
    assert "PTV_Low learnt from PTV_7000 + PTV_5600" in card
