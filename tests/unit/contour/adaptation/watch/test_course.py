"""A course is what its fractions tell: nothing of refused ones, a gap for a gap, and the margin it needs."""

from __future__ import annotations

import math

import pytest

from contour.adaptation.analytics.setup_errors import (
    PopulationErrors,
    believed_errors,
    margin_needed_xyz_mm,
    patient_errors,
)
from contour.adaptation.course_history import CourseFraction, CourseHistory
from contour.adaptation.fraction_report import FractionReport, report_from_json, report_to_json
from contour.adaptation.watch.course import course_errors, margin_shifts, margin_target, watch_course
from contour.adaptation.watch.rules import WatchRules, read_watch_rules
from contour.adaptation.watch.site_history import SiteHistory, site_history
from contour.adaptation.watch.values import CourseWatch, SourceWatch
from registration.grid import Triple
from tests.watched_courses import (
    course,
    course_of,
    fraction,
    refused,
    scatter_mm,
    setup_drifts,
    structure,
    target,
    target_drifts,
    target_shrinks,
)

RULES = read_watch_rules()
UNCORRECTED = read_watch_rules("correction.daily = false")
PRIOR = PopulationErrors(
    mean_xyz_mm=(0.5, 0.0, 0.0), systematic_sd_xyz_mm=(1.0, 2.0, 1.5), random_sd_xyz_mm=(1.0, 1.0, 2.0), patients=12
)
KNOWN_SITE = SiteHistory(courses=12, setup=PRIOR, target=PRIOR, prior=PRIOR, setup_charts=None, target_charts=None)


def watch(history: CourseHistory, rules: WatchRules = RULES, others: SiteHistory | None = None) -> CourseWatch:
    return watch_course(history, site="head and neck", rules=rules, others=others)


def version_1(report: FractionReport) -> FractionReport:
    """The report as version 1 wrote it, without what came later, read again."""
    form = report_to_json(report)
    form["schema_version"] = 1
    del form["scan"], form["drawn"]
    for row in form["structures"]:
        if row["drift"]["margin"] is not None:
            del row["drift"]["margin"]["planned_xyz_mm"]
    return report_from_json(form)


def test_a_quiet_course_is_ok_and_its_figures_are_those_of_its_fractions() -> None:
    found = watch(course_of(12))

    assert (found.attention, found.planned_fractions, len(found.fractions)) == ("ok", 30, 12)
    lr, ap, _ = found.setup.axes
    assert [(point.fraction, point.value) for point in lr.points] == [(n, scatter_mm(n)[0]) for n in range(1, 13)]
    assert ap.running_mean_mm[1] == pytest.approx((scatter_mm(1)[1] + scatter_mm(2)[1]) / 2)
    assert lr.running_sd_mm[0] is None
    assert lr.sd_mm == lr.running_sd_mm[-1]
    assert [one.what for one in found.structures] == ["CTV_7000", "Parotid_L"]
    assert [one.state for one in found.sources] == ["quiet", "quiet", "unknown", "unknown"]
    assert found.summary == "Nothing moved; not known: model, scanner. No rule asks for anything."


def test_an_empty_course_is_watched() -> None:
    found = watch(course([]), others=KNOWN_SITE)

    assert (found.summary, found.attention, found.margins, found.structures) == (
        "No fraction has come yet.", "ok", (), (),
    )  # fmt: skip
    assert all(axis.points == () and axis.chart is None for axis in found.setup.axes)


def test_a_refused_fraction_tells_nothing_of_the_patient() -> None:
    """Fraction 14 is another patient's: 90 mm away and four times as large. Without it every figure is the same."""
    wrong = setup_drifts(20, by=(3.0, 0.0, 0.0))
    without = course(one for one in wrong.fractions if one.number != 14)
    found, expected = watch(wrong), watch(without)

    assert (found.setup, found.structures) == (expected.setup, expected.structures)
    assert (found.margins, found.volumes) == (expected.margins, expected.volumes)
    assert [(one.number, one.verdict, one.reason) for one in found.fractions if one.verdict == "REFUSE"] == [
        (14, "REFUSE", "WRONG_PATIENT")
    ]
    assert {one.rule for one in found.triggers} ^ {one.rule for one in expected.triggers} == {"refused", "missing"}


def test_a_course_of_refused_fractions_alone_is_unknown_and_not_quiet() -> None:
    found = watch(course([refused(1, target()), refused(2, target()), refused(3, target())]))

    assert {one.state for one in found.sources} == {"unknown"}
    assert (found.margins, found.structures, found.volumes) == ((), (), ())


def test_a_gap_leaves_a_gap_and_no_shift() -> None:
    found = watch(course_of(9, without=(3, 4)))

    for points in (found.setup.axes[0].points, found.structures[0].axes[0].points, found.volumes[0].points):
        assert [point.fraction for point in points] == [1, 2, 5, 6, 7, 8, 9]
    assert found.setup.axes[0].points[2].value == scatter_mm(5)[0]


def test_a_fraction_without_setup_or_with_a_structure_not_believed_is_a_gap_of_that_alone() -> None:
    found = watch(
        course(
            [fraction(1, target()), fraction(2, target(), setup=None), fraction(3, target(trust="REFUSE")), fraction(4)]
        )
    )

    assert [point.fraction for point in found.setup.axes[0].points] == [1, 3, 4]
    assert [point.fraction for point in found.structures[0].axes[0].points] == [1, 2]
    assert [point.fraction for point in found.volumes[0].points] == [1, 2]


def test_planning_volumes_and_the_outline_are_not_watched_and_targets_come_first() -> None:
    names = ("External", "BODY", "Parotid_L", "PTV_7000", "PTV 54", "CTV_7000", "Brainstem", "GTVp")
    found = watch(course_of(3, lambda n: fraction(n, *(structure(name) for name in names))))

    expected = ["CTV_7000", "GTVp", "Parotid_L", "Brainstem"]
    assert [one.what for one in found.structures] == expected
    assert [(one.name, one.is_target) for one in found.volumes] == [
        (name, name in {"CTV_7000", "GTVp"}) for name in expected
    ]


def test_reports_of_version_1_are_watched_without_scans_and_planned_margins() -> None:
    now = course_of(8)
    old = course(
        CourseFraction(number=one.number, daily_series_uid=one.daily_series_uid, report=version_1(one.report))
        for one in now.fractions
    )
    found = watch(old)

    assert found.setup == watch(now).setup
    assert {(line.device, line.days_since_plan) for line in found.fractions} == {("", None)}
    (margin,) = found.margins
    assert (margin.planned_xyz_mm, margin.planned_from, margin.needed_points, margin.forecasts) == (None, "", (), ())
    assert margin.needed_xyz_mm == watch(now).margins[0].needed_xyz_mm
    assert {one.trend for one in found.volumes} == {None}
    assert {one.days_since_plan for one in found.volumes} == {(None,) * 8}


def test_old_and_new_reports_in_one_course_take_the_planned_margin_of_the_new() -> None:
    now = course_of(8)
    mixed = course(
        CourseFraction(number=n, daily_series_uid=one.daily_series_uid, report=version_1(one.report)) if n != 3 else one
        for n, one in enumerate(now.fractions, start=1)
    )

    assert watch(mixed).margins[0].planned_xyz_mm == (5.0, 5.0, 5.0)


# what a margin has to hold -----------------------------------------------------------------------------------------


def test_where_setup_is_corrected_a_margin_holds_the_shift_beyond_it_and_else_the_sum() -> None:
    history = course(fraction(n, target((1.0, 0.0, -2.0)), setup=(0.5, float(n), 0.0)) for n in (1, 2, 4))

    assert margin_shifts(history.fractions, "CTV_7000", RULES) == [(n, (1.0, 0.0, -2.0)) for n in (1, 2, 4)]
    assert margin_shifts(history.fractions, "CTV_7000", UNCORRECTED) == [(n, (1.5, float(n), -2.0)) for n in (1, 2, 4)]


def test_where_setup_stays_and_is_not_known_there_is_no_sum() -> None:
    history = course([fraction(1, target()), fraction(2, target(), setup=None)])

    assert [n for n, _ in margin_shifts(history.fractions, "CTV_7000", UNCORRECTED)] == [1]
    assert [n for n, _ in margin_shifts(history.fractions, "CTV_7000", RULES)] == [1, 2]


def test_without_a_prior_the_needed_margin_is_the_patients_own_from_the_fifth_fraction_on_by_hand() -> None:
    """LR 1 1 2 3 3: mean 2, SD 1, so 2 + 2.5 / sqrt(5) + 0.7 = 3.818 of 5 mm; AP SD 2: 2.5 x 2 / sqrt(5) + 1.4."""
    shifts: tuple[Triple, ...] = (
        (1.0, 2.0, 0.0), (1.0, -2.0, 0.0), (2.0, 0.0, 0.0), (3.0, -2.0, 0.0), (3.0, 2.0, 0.0),
    )  # fmt: skip
    days = [fraction(n, target(shift, planned_xyz_mm=(5.0, 8.0, 5.0))) for n, shift in enumerate(shifts, start=4)]
    (margin,) = watch(course(days)).margins

    assert margin.needed_xyz_mm == pytest.approx((2.0 + 2.5 / math.sqrt(5) + 0.7, 5.0 / math.sqrt(5) + 1.4, 0.0))
    assert [point.fraction for point in margin.needed_points] == [8]
    assert margin.share == pytest.approx((2.0 + 2.5 / math.sqrt(5) + 0.7) / 5.0)
    assert (margin.prior_courses, margin.planned_from) == (0, "plan")
    (fewer,) = watch(course(days[:4])).margins
    assert (fewer.needed_xyz_mm, fewer.needed_points, fewer.share) == (None, (), None)


def test_with_a_prior_the_needed_margin_is_known_from_the_first_fraction_on() -> None:
    days = [fraction(n, target((1.0, -1.0, 0.5 * n))) for n in (1, 2, 5)]
    (margin,) = watch(course(days), others=KNOWN_SITE).margins

    shifts = [(1.0, -1.0, 0.5 * n) for n in (1, 2, 5)]
    assert [point.fraction for point in margin.needed_points] == [1, 2, 5]
    assert margin.needed_xyz_mm == margin_needed_xyz_mm(believed_errors(patient_errors(shifts), PRIOR))
    assert margin.prior_courses == 12


def test_before_a_target_was_measured_its_margin_is_van_herks_of_the_prior() -> None:
    """M 0.5 0 0, Sigma 1 2 1.5, sigma 1 1 2: |M| + 2.5 Sigma + 0.7 sigma = 3.7, 5.7, 5.15 mm."""
    unseen = course([fraction(1, target(None))], planned_fractions=None)
    (margin,) = watch(unseen, others=KNOWN_SITE).margins

    assert margin.needed_xyz_mm == pytest.approx((3.7, 5.7, 5.15))
    assert margin.needed_points == ()
    assert {one.outlook for one in margin.forecasts} == {"not known"}


def test_a_forecast_without_a_prior_adds_the_scatter_about_the_drifts_line_and_else_the_priors() -> None:
    history = target_drifts(10, mm_a_fraction=0.4)
    alone, known = (watch(history, others=others).margins[0].forecasts[0] for others in (None, KNOWN_SITE))

    assert alone.line is not None
    assert alone.line == known.line
    assert 0.25 < alone.line.residual_sd < 0.5
    assert alone.needed_now_mm == pytest.approx(alone.line.at(10.0) + 0.7 * alone.line.residual_sd)
    assert known.needed_now_mm == pytest.approx(alone.line.at(10.0) + 0.7 * 1.0)


def test_a_sites_own_margin_takes_the_place_of_the_plans() -> None:
    rules = read_watch_rules('margin.planned."head and neck" = {lr_mm = 2.0, ap_mm = 3.0, si_mm = 4.0}')
    (margin,) = watch(course_of(5), rules).margins
    elsewhere = watch_course(course_of(5), site="brain", rules=rules)

    assert (margin.planned_xyz_mm, margin.planned_from) == ((2.0, 3.0, 4.0), "site")
    assert [one.planned_mm for one in margin.forecasts] == [2.0, 3.0, 4.0]
    assert elsewhere.margins[0].planned_from == "plan"


def test_the_target_of_the_least_margin_comes_first_and_makes_the_sites_history() -> None:
    def day(number: int) -> CourseFraction:
        wide = target((9.0, 0.0, 0.0), name="CTV_7000", planned_xyz_mm=(5.0, 5.0, 4.0))
        tight = target((float(number), 0.0, 0.0), name="CTV_5400", planned_xyz_mm=(9.0, 3.0, 9.0))
        bare = target((7.0, 0.0, 0.0), name="GTVn", inside_percent=None)
        return fraction(number, wide, tight, bare, setup=(0.0, 2.0 * number, 0.0))

    history = course_of(3, day)
    setup, beyond = course_errors(history.fractions, RULES)

    assert [one.target for one in watch(history).margins] == ["CTV_5400", "CTV_7000"]
    assert margin_target(history.fractions) == "CTV_5400"
    assert setup == patient_errors([(0.0, 2.0, 0.0), (0.0, 4.0, 0.0), (0.0, 6.0, 0.0)])
    assert beyond == patient_errors([(1.0, 0.0, 0.0), (2.0, 0.0, 0.0), (3.0, 0.0, 0.0)])


def test_a_course_of_refused_fractions_or_without_a_planning_volume_adds_nothing_to_its_site() -> None:
    assert course_errors([refused(1, target(), setup=(9.0, 9.0, 9.0))], RULES) == (None, None)
    bare = course([fraction(1, target(inside_percent=None)), fraction(2, target(inside_percent=None))])
    setup, beyond = course_errors(bare.fractions, RULES)
    assert setup is not None
    assert beyond is None


def test_ten_courses_give_the_eleventh_its_limits_and_its_prior_until_it_has_its_own() -> None:
    made = [course_of(9 + n) for n in range(10)]
    others = site_history([course_errors(one.fractions, RULES) for one in made], RULES)
    young, old = watch(course_of(4), others=others), watch(course_of(5), others=others)

    for axis in (*young.setup.axes, *young.structures[0].axes):
        assert axis.chart is not None
        assert axis.chart.baseline.source == "site history"
    assert young.structures[1].what == "Parotid_L"
    assert young.structures[1].axes[0].chart is None  # a site's limits are of targets
    assert old.setup.axes[0].chart is not None
    assert old.setup.axes[0].chart.baseline.source == "first fractions"
    assert young.margins[0].prior_courses == 10


# what is told ------------------------------------------------------------------------------------------------------


def test_the_summary_names_setup_where_setup_jumped() -> None:
    found = watch(setup_drifts(12, by=(0.0, 0.0, -4.0)))

    assert [one.source for one in found.sources if one.state == "moved"] == ["set-up"]
    assert found.summary.startswith("Moved: set-up since fraction 9; not known: model, scanner. set-up along SI is out")
    assert found.summary.endswith("Somebody should look at the course.")
    assert found.attention == "watch"


def test_where_setup_is_not_corrected_a_setup_that_outgrows_the_margin_is_not_told_of_the_patient() -> None:
    found = watch(setup_drifts(20, by=(0.0, 0.0, 14.0)), UNCORRECTED)

    assert "margin_exceeded" in {one.rule for one in found.triggers}
    assert [one.source for one in found.sources if one.state == "moved"] == ["set-up"]
    assert found.attention == "replan"


def test_the_summary_names_the_patient_where_a_target_shrank() -> None:
    found = watch(target_shrinks(25, percent_a_fraction=1.2))

    assert [one.source for one in found.sources if one.state == "moved"] == ["patient"]
    assert found.summary.startswith("Moved: patient since fraction ")
    assert {one.rule for one in found.triggers} == {"volume_trend", "target_volume"}


def test_the_summary_names_model_and_scanner_where_they_moved() -> None:
    beyond = (
        SourceWatch(source="model", state="moved", since=None, evidence="predicted Dice of heads is 0.7"),
        SourceWatch(source="scanner", state="moved", since=None, evidence="noise of a1b2 is 20.0"),
    )
    found = watch_course(course_of(9), site="brain", rules=RULES, beyond=beyond)

    assert found.summary == "Moved: model, scanner. No rule asks for anything."
    assert found.sources[2:] == beyond


def test_a_refused_fraction_asks_for_a_look_and_accuses_nobody() -> None:
    def day(number: int) -> CourseFraction:
        return refused(14) if number == 14 else fraction(number, target(scatter_mm(number)), setup=scatter_mm(number))

    found = watch(course_of(16, day))

    assert found.attention == "watch"
    assert found.summary == (
        "Nothing moved; not known: model, scanner. 1 of the fractions refused: 14 (WRONG_PATIENT). "
        "Somebody should look at the course."
    )
