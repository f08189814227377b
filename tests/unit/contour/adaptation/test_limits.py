"""Limits come with TG-132's levels, a site changes what differs, and what makes no sense is refused at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from contour.adaptation.limits import Limits, default_limits_toml, read_limits, worst
from contour.errors import ConfigError


@pytest.fixture(scope="module")
def shipped() -> Limits:
    return read_limits()


def test_the_shipped_levels_are_those_of_tg_132(shipped: Limits) -> None:
    assert shipped.registration.landmark_mean_mm.look == 2.0
    assert shipped.registration.landmark_p95_mm.look == 5.0
    assert 2.0 <= shipped.registration.inverse_consistency_mm.look <= 3.0
    assert shipped.registration.folded_percent.look == 0.0
    assert 0.8 <= shipped.structure.witness_dice.look <= 0.9
    assert 2.0 <= shipped.structure.witness_distance_mm.look <= 3.0
    assert "10.1002/mp.12256" in default_limits_toml()


@pytest.mark.parametrize(("figure", "verdict"), [(3.0, "PASS"), (3.1, "LOOK"), (10.0, "LOOK"), (10.1, "REFUSE")])
def test_a_ceiling_is_passed_above_its_levels(shipped: Limits, figure: float, verdict: str) -> None:
    assert shipped.structure.expected_error_mm.verdict(figure) == verdict


@pytest.mark.parametrize(("figure", "verdict"), [(0.8, "PASS"), (0.79, "LOOK"), (0.3, "LOOK"), (0.29, "REFUSE")])
def test_a_floor_is_passed_below_its_levels(shipped: Limits, figure: float, verdict: str) -> None:
    assert shipped.structure.witness_dice.verdict(figure) == verdict


@pytest.mark.parametrize("figure", [None, float("nan")])
def test_a_figure_that_is_not_there_asks_for_a_look(shipped: Limits, figure: float | None) -> None:
    assert shipped.structure.expected_error_mm.verdict(figure) == "LOOK"


def test_what_the_patient_did_keeps_no_result_back(shipped: Limits) -> None:
    assert shipped.drift.coverage_percent.verdict(3.0) == "LOOK"


def test_a_site_changes_only_what_differs(shipped: Limits, tmp_path: Path) -> None:
    file = tmp_path / "limits.toml"
    file.write_text("[drift]\nshift_mm = { look = 3 }\n", encoding="utf-8")

    found = read_limits(file)

    assert found.drift.shift_mm.look == 3.0
    assert found.drift.volume_loss_percent == shipped.drift.volume_loss_percent
    assert found.registration == shipped.registration


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[drift]\nshift_cm = { look = 1 }", "unknown limit drift.shift_cm"),
        ("[drifts]\nshift_mm = { look = 1 }", "unknown table drifts"),
        ("shift_mm = 3", "unknown table shift_mm"),
        ("[drift]\nshift_mm = 3", "expected look"),
        ("[drift]\nshift_mm = { refuse = 3 }", "expected look"),
        ("[drift]\nshift_mm = { look = 3, warn = 4 }", "expected look"),
        ("[drift]\nshift_mm = { look = '3' }", "finite number"),
        ("[drift]\nshift_mm = { look = true }", "finite number"),
        ("[drift]\nshift_mm = { look = inf }", "finite number"),
        ("[drift]\nshift_mm = { look = -3 }", "expected 0 to"),
        ("[drift]\ncoverage_percent = { look = 101 }", "0 to 100"),
        ("[structure]\nwitness_dice = { look = 80 }", "0 to 1"),
        ("[setup]\nshift_mm = { look = 5, refuse = 4 }", "before look"),
        ("[structure]\nwitness_dice = { look = 0.5, refuse = 0.6 }", "before look"),
        ("[drift\n", "not TOML"),
    ],
)
def test_what_makes_no_sense_is_refused_with_its_key(text: str, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        read_limits(text)


def test_the_gravest_verdict_stands() -> None:
    assert worst(("PASS", "REFUSE", "LOOK")) == "REFUSE"
    assert worst(("PASS", "LOOK")) == "LOOK"
    assert worst(()) == "PASS"
