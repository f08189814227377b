"""A figure beyond a site's limit is a finding that says which structure, by how much, and against what."""

from __future__ import annotations

from dataclasses import replace

import pytest

from contour.adaptation.dose_today import DoseRow, DvhChange
from contour.adaptation.drift import Clearance, StructureDrift, TargetMargin
from contour.adaptation.dvh import DvhPoints
from contour.adaptation.fraction_report import AlignmentQuality
from contour.adaptation.judgement import (
    judge_alignment,
    judge_dose,
    judge_drift,
    judge_lesions,
    judge_setup,
    overall,
)
from contour.adaptation.lesions import LesionToday
from contour.adaptation.limits import read_limits
from contour.adaptation.setup import measure_setup
from registration import RigidTransform

LIMITS = read_limits()
STILL = StructureDrift(
    name="CTV_7000", plan_volume_ml=20.0, today_volume_ml=20.0, volume_change_percent=0.0, change_in_view_percent=0.0,
    shift_xyz_mm=(0.0, 0.0, 0.0), dice=1.0, hd95_mm=0.0, mean_surface_distance_mm=0.0, out_of_view_percent=0.0,
    cut_by=(),
)  # fmt: skip
MARGIN = TargetMargin(
    planning_volume="PTV_7000", excursion_plan_mm=-5.0, excursion_today_mm=-5.0, inside_plan_percent=100.0,
    inside_today_percent=100.0, outside_today_ml=0.0,
)  # fmt: skip
NEAR = Clearance(target="PTV_7000", plan_mm=6.0, today_mm=2.0, overlap_plan_ml=0.0, overlap_today_ml=0.0)
POINTS = DvhPoints(
    volume_ml=10.0, d98_gy=60.0, d95_gy=64.0, d50_gy=66.0, d2_gy=70.0, mean_gy=66.0, minimum_gy=50.0, maximum_gy=71.0
)


def reasons(drift: StructureDrift) -> list[str]:
    return [judgement.finding.reason for judgement in judge_drift(drift, LIMITS.drift)]


def setup(shift_mm: float, turn_deg: float) -> RigidTransform:
    return RigidTransform.about(
        (0.0, 0.0, 0.0), turn_xyz_deg=(0.0, turn_deg, 0.0), shift_xyz_mm=(0.0, -shift_mm, 0.0)
    ).inverse()


def test_what_did_not_move_is_no_finding() -> None:
    assert reasons(replace(STILL, margin=MARGIN, clearance=replace(NEAR, today_mm=6.0))) == []
    assert overall(()) == ("PASS", ())


@pytest.mark.parametrize(
    ("shift_mm", "turn_deg", "verdict", "codes"),
    [
        (2.0, 1.0, "PASS", []),
        (6.0, 1.0, "LOOK", ["SETUP_SHIFT"]),
        (6.0, 4.0, "LOOK", ["SETUP_SHIFT", "SETUP_TURN"]),
        (6.0, 25.0, "REFUSE", ["SETUP_TURN", "SETUP_SHIFT"]),
    ],
)
def test_set_up_is_judged_by_the_couchs_action_levels_gravest_first(
    shift_mm: float, turn_deg: float, verdict: str, codes: list[str]
) -> None:
    found = measure_setup(setup(shift_mm, turn_deg), reference_xyz_mm=(0.0, 0.0, 0.0))

    gravest, findings = overall(judge_setup(found, LIMITS.setup))

    assert gravest == verdict
    assert [finding.reason for finding in findings] == codes


def test_a_target_that_leaves_its_margin_says_which_how_far_and_against_what() -> None:
    out = replace(STILL, margin=replace(MARGIN, excursion_today_mm=2.13, inside_today_percent=96.0))

    first, second = judge_drift(out, LIMITS.drift)

    assert first.finding.message == "CTV_7000 reaches 2.1 mm beyond PTV_7000"
    assert first.finding.measured == (("excursion_mm", "2.13"), ("limit", "0"))
    assert second.finding.reason == "TARGET_NOT_COVERED"
    assert first.verdict == second.verdict == "LOOK"


def test_an_organ_that_came_nearer_is_told_and_a_target_inside_the_high_dose_is_not() -> None:
    assert reasons(replace(STILL, name="Parotid_L", clearance=NEAR)) == ["ORGAN_NEARS_TARGET"]
    assert reasons(replace(STILL, clearance=NEAR)) == []


@pytest.mark.parametrize(("change_percent", "codes"), [(-25.0, ["VOLUME_LOSS"]), (25.0, ["VOLUME_GAIN"]), (None, [])])
def test_volume_is_judged_both_ways_and_not_where_a_scans_end_cuts(
    change_percent: float | None, codes: list[str]
) -> None:
    assert reasons(replace(STILL, volume_change_percent=change_percent)) == codes


def test_an_alignment_is_judged_by_every_figure_that_was_taken() -> None:
    poor = AlignmentQuality(method="deformable", jacobian_minimum=-0.2, folded_percent=0.3, agreement_after=0.4)

    verdict, findings = overall(judge_alignment(poor, LIMITS.registration))

    assert verdict == "REFUSE"
    assert [finding.reason for finding in findings] == ["IMAGES_DISAGREE", "FIELD_FOLDED", "FIELD_FOLDED_SHARE"]
    assert judge_alignment(AlignmentQuality(method="rigid"), LIMITS.registration) == ()


def test_lesions_that_came_or_went_are_told_and_those_that_only_changed_are_not() -> None:
    def lesion(fate: str, *partners: str) -> LesionToday:
        return LesionToday(
            lesion="L2", target="GTVn", fate=fate, first_volume_ml=2.0, volume_ml=1.0, shift_xyz_mm=None,
            partners=partners,
        )  # fmt: skip

    assert judge_lesions([lesion("stable"), lesion("shrunk"), lesion("moved")]) == ()
    (found,) = judge_lesions([lesion("merged", "L1")])
    assert (found.finding.reason, found.finding.message) == ("LESION_MERGED", "L2 of GTVn: merged (L1)")


def test_dose_is_judged_by_what_targets_lose_and_organs_gain() -> None:
    change = DvhChange(d98_gy=-5.0, d95_gy=-4.0, d50_gy=0.0, d2_gy=3.5, mean_gy=1.0)
    target = DoseRow(name="CTV_7000", plan=POINTS, today=POINTS, today_less_plan=change)

    assert [j.finding.reason for j in judge_dose(target, LIMITS.dose)] == ["TARGET_DOSE_LOSS"]
    assert [j.finding.reason for j in judge_dose(replace(target, name="SpinalCord"), LIMITS.dose)] == [
        "ORGAN_DOSE_GAIN"
    ]
    assert judge_dose(replace(target, today_less_plan=None), LIMITS.dose) == ()
    assert judge_dose(replace(target, name="PTV_7000"), LIMITS.dose) == ()
