"""A fraction's report survives JSON to the last rounded decimal, and nothing else passes for one."""

from __future__ import annotations

import json
import math
from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest

from contour.adaptation.dose_today import DoseComparison, DoseRow, DvhChange
from contour.adaptation.drift import Clearance, StructureDrift, TargetMargin
from contour.adaptation.dvh import DvhPoints, VolumeAtDose
from contour.adaptation.fraction_report import (
    AlignmentQuality,
    FractionReport,
    StructureRow,
    StructureTrust,
    Witness,
    report_from_json,
    report_to_json,
)
from contour.adaptation.lesions import LesionToday
from contour.adaptation.setup import measure_setup
from contour.errors import Finding, InputError
from registration import RigidTransform

FINDING = Finding(reason="TARGET_LEAVES_MARGIN", message="2.1 mm beyond", measured=(("excursion_mm", "2.1"),))
POINTS = DvhPoints(
    volume_ml=12.34567, d98_gy=60.12345, d95_gy=63.0, d50_gy=66.0, d2_gy=70.0, mean_gy=65.98765, minimum_gy=50.0,
    maximum_gy=71.0, at_dose=(VolumeAtDose(dose_gy=66.5, percent=43.219, volume_ml=5.333),),
)  # fmt: skip
DRIFT = StructureDrift(
    name="CTV_7000", plan_volume_ml=20.0, today_volume_ml=18.0004, volume_change_percent=-9.998,
    change_in_view_percent=-9.998, shift_xyz_mm=(1.23456, -0.001, 3.0), dice=0.91234567, hd95_mm=3.0,
    mean_surface_distance_mm=1.1, out_of_view_percent=0.0, cut_by=("plan",),
    margin=TargetMargin(
        planning_volume="PTV_7000", excursion_plan_mm=-5.0, excursion_today_mm=2.1, inside_plan_percent=100.0,
        inside_today_percent=97.0, outside_today_ml=0.54,
    ),
    clearance=Clearance(target="PTV_7000", plan_mm=4.0, today_mm=-1.0, overlap_plan_ml=0.0, overlap_today_ml=0.2),
)  # fmt: skip
REPORT = FractionReport(
    verdict="LOOK",
    reasons=(FINDING,),
    plan_series_uid="2.25.1",
    daily_series_uid="2.25.2",
    fraction=7,
    setup=measure_setup(RigidTransform(translation_xyz_mm=(-1.0, 2.0, 1 / 3)), reference_xyz_mm=(1.0, 2.0, 3.0)),
    alignment=AlignmentQuality(method="deformable", jacobian_minimum=0.51, folded_voxels=0),
    structures=(
        StructureRow(
            drift=DRIFT,
            trust=StructureTrust(
                expected_error_mm=1.5, verdict="PASS",
                witnesses=(Witness(name="features", dice=0.9), Witness(name="network", available=False, why_not="no")),
            ),
        ),
    ),
    lesions=(
        LesionToday(
            lesion="L1", target="GTVn", fate="shrunk", first_volume_ml=3.0, volume_ml=2.0, shift_xyz_mm=(0.0, 1.0, 2.0)
        ),
    ),
    dose=DoseComparison(
        rows=(
            DoseRow(
                name="CTV_7000", plan=POINTS, today=POINTS,
                today_less_plan=DvhChange(d98_gy=-1.0, d95_gy=-0.5, d50_gy=0.0, d2_gy=0.1, mean_gy=-0.2),
            ),
        ),
        planned_fractions=33, delivered_fractions=(1, 2, 4), missing_fractions=(3,),
    ),
    settings=(("method", "deformable"),),
    versions=(("contour", "0.1.0"),),
)  # fmt: skip


def through_text(form: dict[str, Any]) -> Any:
    return json.loads(json.dumps(form, allow_nan=False))


def test_a_report_survives_json() -> None:
    form = report_to_json(REPORT)

    again = report_from_json(through_text(form))

    assert report_to_json(again) == form
    assert again.structures[0].trust == REPORT.structures[0].trust
    assert again.row_of("CTV_7000") == again.structures[0]
    assert again.row_of("Brain") is None


def test_decimals_are_rounded_by_unit_and_zero_has_no_sign() -> None:
    drift = report_to_json(REPORT)["structures"][0]["drift"]

    assert drift["shift_xyz_mm"] == [1.23, 0.0, 3.0]
    assert str(drift["shift_xyz_mm"][1]) == "0.0"
    assert drift["today_volume_ml"] == 18.0
    assert drift["dice"] == 0.9123


def test_a_number_that_is_not_finite_is_null_where_it_may_be() -> None:
    far = replace(REPORT.structures[0], drift=replace(DRIFT, hd95_mm=math.inf))

    form = report_to_json(replace(REPORT, structures=(far,)))

    assert form["structures"][0]["drift"]["hd95_mm"] is None
    assert report_from_json(form).structures[0].drift.hd95_mm is None


@pytest.mark.parametrize(
    "drift", [replace(DRIFT, plan_volume_ml=math.nan), replace(DRIFT, shift_xyz_mm=(math.nan, 0.0, 0.0))]
)
def test_a_number_that_is_not_finite_where_one_is_needed_is_an_error(drift: StructureDrift) -> None:
    with pytest.raises(InputError, match="not finite"):
        report_to_json(replace(REPORT, structures=(replace(REPORT.structures[0], drift=drift),)))


def test_a_refusal_may_hold_nothing_but_its_reason() -> None:
    refused = FractionReport(verdict="REFUSE", reasons=(FINDING,), plan_series_uid="2.25.1", daily_series_uid="2.25.2")

    assert report_from_json(through_text(report_to_json(refused))) == refused


@pytest.mark.parametrize(
    ("path", "value", "told"),
    [
        (("verdict",), "FINE", "PASS, LOOK, REFUSE"),
        (("fraction",), "7", "FractionReport.fraction"),
        (("fraction",), True, "FractionReport.fraction"),
        (("schema_version",), 99, "schema version 99"),
        (("structures", 0, "drift", "dice"), "0.9", r"structures\[0\].drift.dice"),
        (("structures", 0, "drift", "shift_xyz_mm"), [1.0, 2.0], "3 entries"),
        (("structures", 0, "drift", "plan_volume_ml"), None, "plan_volume_ml"),
        (("structures", 0, "drift", "plan_volume_ml"), math.inf, "plan_volume_ml"),
        (("structures", 0, "drift", "extra"), 1, "unknown key extra"),
        (("structures",), {}, "a list"),
        (("setup",), 3, "an object"),
    ],
)
def test_what_is_no_report_to_the_letter_is_refused_with_its_path(path: tuple[Any, ...], value: Any, told: str) -> None:
    form = deepcopy(report_to_json(REPORT))
    at: Any = form
    for step in path[:-1]:
        at = at[step]
    at[path[-1]] = value

    with pytest.raises(InputError, match=told):
        report_from_json(form)


def test_a_missing_key_is_refused() -> None:
    form = report_to_json(REPORT)
    del form["alignment"]["method"]

    with pytest.raises(InputError, match="has no key method"):
        report_from_json(form)
