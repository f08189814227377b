"""A course is in order whatever the order of arrival, and a daily series is one fraction however often it comes."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest

from contour.adaptation.course_history import (
    CourseFraction,
    CourseHistory,
    lesions_of,
    number_for,
    summary_rows,
    with_fraction,
)
from contour.adaptation.drift import StructureDrift, TargetMargin
from contour.adaptation.fraction_report import FractionReport, StructureRow, StructureTrust
from contour.adaptation.lesion_history import lesions_by_fraction
from contour.adaptation.lesions import FractionParts, PartToday, PlanLesion, TargetLesions
from contour.adaptation.setup import measure_setup
from contour.errors import Finding, InputError
from registration import RigidTransform

EMPTY = CourseHistory(plan_series_uid="2.25.1", planned_fractions=30)


def row(
    name: str, shift: tuple[float, float, float], change: float, margin: TargetMargin | None = None
) -> StructureRow:
    drift = StructureDrift(
        name=name, plan_volume_ml=20.0, today_volume_ml=18.0, volume_change_percent=change,
        change_in_view_percent=change, shift_xyz_mm=shift, dice=0.9, hd95_mm=3.0, mean_surface_distance_mm=1.0,
        out_of_view_percent=0.0, cut_by=(), margin=margin,
    )  # fmt: skip
    return StructureRow(drift=drift, trust=StructureTrust(expected_error_mm=1.2, verdict="PASS"))


def margin(excursion_mm: float, inside_percent: float) -> TargetMargin:
    return TargetMargin(
        planning_volume="PTV", excursion_plan_mm=-5.0, excursion_today_mm=excursion_mm, inside_plan_percent=100.0,
        inside_today_percent=inside_percent, outside_today_ml=0.1,
    )  # fmt: skip


def fraction(number: int, series: str = "", *, verdict: str = "PASS", **kept: object) -> CourseFraction:
    uid = series or f"2.25.{100 + number}"
    report = FractionReport(verdict=verdict, reasons=(), plan_series_uid="2.25.1", daily_series_uid=uid, **kept)
    return CourseFraction(number=number, daily_series_uid=uid, report=report)


def course(*fractions: CourseFraction) -> CourseHistory:
    history = EMPTY
    for entry in fractions:
        history, _ = with_fraction(history, entry)
    return history


def test_fractions_stand_in_order_whatever_the_order_of_arrival() -> None:
    three = [fraction(1), fraction(2), fraction(5)]

    for order in itertools.permutations(three):
        assert course(*order) == course(*three)
    assert course(*three).missing == (3, 4)


def test_the_same_series_again_is_the_same_fraction_and_changes_nothing() -> None:
    once = course(fraction(1), fraction(2))

    assert number_for(once, "2.25.102") == 2
    assert with_fraction(once, fraction(2)) == (once, "again")


def test_a_fraction_done_again_with_another_result_takes_the_place_of_the_first() -> None:
    again, arrival = with_fraction(course(fraction(1), fraction(2)), fraction(1, verdict="LOOK"))

    assert arrival == "replaced"
    assert [entry.report.verdict for entry in again.fractions] == ["LOOK", "PASS"]


def test_a_new_series_without_a_number_comes_after_the_last() -> None:
    assert number_for(EMPTY, "2.25.9") == 1
    assert number_for(course(fraction(1), fraction(4)), "2.25.9") == 5
    assert number_for(course(fraction(4)), "2.25.9", 2) == 2


def test_a_series_is_no_second_fraction() -> None:
    with pytest.raises(InputError, match="fraction 2 already"):
        number_for(course(fraction(2)), "2.25.102", 3)
    with pytest.raises(InputError, match="fraction 2 already"):
        with_fraction(course(fraction(2)), fraction(3, "2.25.102"))


def test_a_number_that_another_series_holds_is_given_away_only_when_asked() -> None:
    held = course(fraction(1), fraction(2))

    with pytest.raises(InputError, match="another daily series"):
        with_fraction(held, fraction(2, "2.25.999"))
    given, arrival = with_fraction(held, fraction(2, "2.25.999"), give_away_number=True)

    assert arrival == "replaced"
    assert given.of_series("2.25.102") is None
    assert given.of_number(2) == fraction(2, "2.25.999")


@pytest.mark.parametrize("number", [0, 31])
def test_a_number_outside_the_course_is_refused(number: int) -> None:
    with pytest.raises(InputError, match="1 to 30"):
        number_for(EMPTY, "2.25.9", number)


def test_a_fraction_of_another_plan_is_refused() -> None:
    stranger = fraction(1)
    stranger = replace(stranger, report=replace(stranger.report, plan_series_uid="2.25.77"))

    with pytest.raises(InputError, match="another plan"):
        with_fraction(EMPTY, stranger)


def test_a_course_out_of_order_cannot_be_made() -> None:
    with pytest.raises(InputError, match="in order"):
        CourseHistory(plan_series_uid="2.25.1", fractions=(fraction(2), fraction(1)))


def test_a_fractions_line_tells_the_worst_of_each() -> None:
    measured = fraction(
        3,
        verdict="LOOK",
        label="Tuesday",
        setup=measure_setup(RigidTransform(translation_xyz_mm=(-3.0, 4.0, 0.0)), reference_xyz_mm=(0.0, 0.0, 0.0)),
        structures=(
            row("CTV_7000", (1.0, 0.0, 0.0), -3.0, margin(-2.0, 100.0)),
            row("CTV_5400", (0.0, 2.0, 0.0), 1.0, margin(1.5, 97.0)),
            row("Parotid_L", (0.0, 0.0, -6.0), -21.0),
        ),
    )
    measured = replace(
        measured, report=replace(measured.report, reasons=(Finding(reason="TARGET_LEAVES_MARGIN", message="1.5 mm"),))
    )

    (found,) = summary_rows(course(measured))

    assert (found.number, found.label, found.verdict, found.reason) == (3, "Tuesday", "LOOK", "TARGET_LEAVES_MARGIN")
    assert found.shift_xyz_mm == pytest.approx((3.0, -4.0, 0.0))
    assert found.shift_mm == pytest.approx(5.0)
    assert (found.most_moved, found.most_moved_mm) == ("Parotid_L", 6.0)
    assert (found.most_shrunk, found.most_shrunk_percent) == ("Parotid_L", -21.0)
    assert (found.target, found.excursion_mm, found.coverage_percent) == ("CTV_5400", 1.5, 97.0)
    assert found.expected_error_mm == 1.2


def test_a_refused_fraction_has_a_line_with_its_reason_and_no_figures() -> None:
    refused = fraction(14, verdict="REFUSE")
    wrong = Finding(reason="WRONG_PATIENT", message="")
    refused = replace(refused, report=replace(refused.report, reasons=(wrong,)))

    (found,) = summary_rows(course(refused))

    assert (found.verdict, found.reason) == ("REFUSE", "WRONG_PATIENT")
    assert (found.shift_mm, found.most_moved_mm, found.excursion_mm, found.coverage_percent) == (None,) * 4


def test_a_new_lesion_keeps_its_identity_through_the_course_though_each_fraction_was_measured_alone() -> None:
    node = PlanLesion(lesion="L1", volume_ml=3.0, centroid_xyz_mm=(0.0, 0.0, 0.0))

    def part(x_mm: float, *lesions: str) -> PartToday:
        place = (x_mm, 0.0, 0.0)
        return PartToday(lesions=lesions, volume_ml=3.0, centroid_xyz_mm=place, anatomy_xyz_mm=place)

    def day(number: int, *parts: PartToday) -> CourseFraction:
        alone = FractionParts(fraction=1, parts=parts)
        return fraction(number, lesion_parts=(TargetLesions(target="GTVn", plan=(node,), today=alone),))

    measured = course(day(5, part(0.0, "L1"), part(52.0)), day(2, part(0.0, "L1"), part(50.0)), day(1, part(0.0, "L1")))
    (history,) = lesions_of(measured)

    assert [(n, [(row.lesion, row.fate) for row in rows]) for n, rows in lesions_by_fraction(history)] == [
        (1, [("L1", "stable")]),
        (2, [("L1", "stable"), ("L2", "new")]),
        (5, [("L1", "stable"), ("L2", "stable")]),
    ]
