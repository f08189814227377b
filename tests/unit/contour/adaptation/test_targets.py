"""Targets find their planning volume by name, as clinics spell them."""

from __future__ import annotations

import pytest

from contour.adaptation.targets import pair_targets, read_target_name
from contour.errors import ConfigError


@pytest.mark.parametrize(
    ("name", "kind", "classifier", "dose"),
    [
        ("PTV_7000", "PTV", "", 70.0),
        ("CTVn2_5425", "CTV", "n2", 54.25),
        ("GTVp", "GTV", "p", 0.0),
        ("IGTVp", "GTV", "p", 0.0),
        ("ITV_6000", "CTV", "", 60.0),
        ("PTV70", "PTV", "", 70.0),
        ("ctv 54 Gy", "CTV", "", 54.0),
        ("PTV_High", "PTV", "", 3.0),
        ("GTV-2", "GTV", "2", 0.0),
    ],
)
def test_a_targets_name_tells_kind_classifier_and_dose(name: str, kind: str, classifier: str, dose: float) -> None:
    found = read_target_name(name)

    assert found is not None
    assert (found.kind, found.classifier, found.dose) == (kind, classifier, dose)


@pytest.mark.parametrize("name", ["Parotid_L", "zPTV_7000", "Brain", ""])
def test_what_is_no_target_has_no_target_name(name: str) -> None:
    assert read_target_name(name) is None


def test_the_dose_pairs_a_target_with_its_planning_volume() -> None:
    found = pair_targets(("CTV_5400", "CTV_7000", "PTV_7000", "PTV_5400", "Brain"))

    assert dict(found.planning_volume) == {"CTV_5400": "PTV_5400", "CTV_7000": "PTV_7000"}
    assert found.high_dose == "PTV_7000"


def test_the_classifier_tells_two_volumes_of_one_dose_apart() -> None:
    found = pair_targets(("CTVp_7000", "CTVn_7000", "PTVn_7000", "PTVp_7000"))

    assert dict(found.planning_volume) == {"CTVp_7000": "PTVp_7000", "CTVn_7000": "PTVn_7000"}
    assert found.high_dose == ""


def test_gross_tumour_lies_in_the_highest_dose() -> None:
    assert dict(pair_targets(("GTV", "PTV56", "PTV63", "PTV70")).planning_volume) == {"GTV": "PTV70"}


def test_the_only_planning_volume_takes_every_target() -> None:
    found = pair_targets(("CTV_Prostate", "GTVp", "PTV"))

    assert dict(found.planning_volume) == {"CTV_Prostate": "PTV", "GTVp": "PTV"}
    assert found.high_dose == "PTV"


def test_what_no_rule_settles_is_named() -> None:
    found = pair_targets(("CTV_6000", "PTV_7000", "PTV_5400"))

    assert found.planning_volume == ()
    assert found.unpaired == ("CTV_6000",)


def test_overrides_go_before_every_rule_and_may_name_any_structure() -> None:
    found = pair_targets(
        ("CTV_7000", "PTV_7000", "PTV_5400", "Bladder"),
        overrides={"CTV_7000": "PTV_5400", "Bladder": "PTV_7000"},
        high_dose="PTV_5400",
    )

    assert dict(found.planning_volume) == {"CTV_7000": "PTV_5400", "Bladder": "PTV_7000"}
    assert found.high_dose == "PTV_5400"
    assert pair_targets(("CTV_7000", "PTV_7000"), overrides={"CTV_7000": ""}).planning_volume == ()


def test_an_override_to_what_is_not_there_is_refused() -> None:
    with pytest.raises(ConfigError, match="PTV_6000"):
        pair_targets(("CTV_7000", "PTV_7000"), overrides={"CTV_7000": "PTV_6000"})
