"""The expected error grows with what speaks against a contour, and its weights say what they were fitted on."""

from __future__ import annotations

from dataclasses import replace

import pytest

from contour.adaptation.evidence import StructureEvidence
from contour.adaptation.expected_error import expected_error, shipped_error_model

GOOD = StructureEvidence(
    points=500,
    voxel_mm=2.0,
    motion_mm=5.0,
    supported=0.9,
    disagreement_mm=1.0,
    inconsistency_mm=0.8,
    agreement=0.95,
    agreement_rigid=0.5,
    jacobian_minimum=0.8,
    jacobian_maximum=1.3,
    network_mm=None,
)


@pytest.mark.parametrize(
    "change", [{"inconsistency_mm": 4.0}, {"agreement": 0.3}, {"disagreement_mm": 9.0}, {"motion_mm": 25.0}]
)
def test_evidence_against_a_contour_never_makes_it_look_better(change: dict[str, float]) -> None:
    assert expected_error(replace(GOOD, **change)).mean_mm >= expected_error(GOOD).mean_mm  # type: ignore[arg-type]


def test_two_registrations_that_contradict_each_other_or_images_that_do_not_agree_raise_it() -> None:
    for change in ({"inconsistency_mm": 4.0}, {"agreement": 0.3}):
        assert expected_error(replace(GOOD, **change)).mean_mm > expected_error(GOOD).mean_mm + 0.3  # type: ignore[arg-type]


def test_the_shipped_weights_say_what_they_rest_on() -> None:
    model = shipped_error_model()
    assert min(model.weights) >= 0.0
    assert model.patients >= 6
    assert model.contours >= 200
    assert 0.5 < model.rank_correlation <= 1.0
    assert 1.0 < model.likely_below < 3.0
