"""Each rule fires when it should, since the fraction from which on it holds, and is silent when it should be."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from contour.adaptation.course_history import CourseFraction, CourseHistory
from contour.adaptation.watch.course import watch_course
from contour.adaptation.watch.rules import WatchRules, read_watch_rules
from contour.adaptation.watch.values import Trigger
from tests.watched_courses import (
    DRIFTS_FROM,
    STILL,
    course,
    course_of,
    dose_of,
    fraction,
    plus,
    refused,
    scatter_mm,
    setup_drifts,
    structure,
    target,
    target_drifts,
    target_shrinks,
)

SHIPPED = read_watch_rules()


def fired(rule: str, history: CourseHistory, rules: WatchRules = SHIPPED) -> list[Trigger]:
    return [one for one in watch_course(history, site="head and neck", rules=rules).triggers if one.rule == rule]


def inside(*percents: float | None) -> CourseHistory:
    """One fraction for each share of the target inside its planning volume; None for a refused one at 0 %."""
    return course(
        refused(number, target(inside_percent=0.0))
        if percent is None
        else fraction(number, target(inside_percent=percent))
        for number, percent in enumerate(percents, start=1)
    )


def changed(name: str, *percents: float) -> CourseHistory:
    return course(
        fraction(number, structure(name, change_percent=percent)) for number, percent in enumerate(percents, start=1)
    )


def lost(name: str, *percents: float | None) -> CourseHistory:
    """One fraction for each loss of D95; None for one without dose."""
    return course(
        fraction(number, dose=None if percent is None else dose_of(name, loss_percent=percent))
        for number, percent in enumerate(percents, start=1)
    )


def test_a_quiet_course_asks_for_nothing() -> None:
    found = watch_course(course_of(30), site="head and neck", rules=SHIPPED)

    assert found.triggers == ()
    assert found.attention == "ok"


def test_an_empty_course_and_one_of_refused_fractions_ask_for_nothing_but_what_they_are() -> None:
    rules = read_watch_rules()

    assert watch_course(course([]), site="brain", rules=rules).triggers == ()
    (found,) = watch_course(course([refused(1), refused(2)]), site="brain", rules=rules).triggers
    assert (found.rule, found.figure) == ("refused", 2.0)


# margin_exceeded ---------------------------------------------------------------------------------------------------


def still_target(shift_mm: float, planned_mm: float) -> Callable[[int], CourseFraction]:
    return lambda number: fraction(number, target((shift_mm, 0.0, 0.0), planned_xyz_mm=(planned_mm,) * 3))


def test_margin_exceeded_fires_from_the_fraction_at_which_the_needed_margin_is_known() -> None:
    """A target 6 mm off without scatter needs 6 mm of 5; without a prior that is known from the fifth fraction on."""
    (found,) = fired("margin_exceeded", course_of(6, still_target(6.0, 5.0)))

    assert (found.level, found.since, found.structure, found.limit) == ("replan", 5, "CTV_7000", 1.0)
    assert found.figure == pytest.approx(1.2)
    assert found.evidence.endswith("LR 6.0 of 5.0 mm, AP 0.0 of 5.0 mm, SI 0.0 of 5.0 mm")


def test_margin_exceeded_is_silent_below_the_margin_and_before_it_is_known() -> None:
    assert fired("margin_exceeded", course_of(6, still_target(4.9, 5.0))) == []
    assert fired("margin_exceeded", course_of(4, still_target(6.0, 5.0))) == []


def test_margin_exceeded_takes_the_share_that_the_site_asks_for() -> None:
    rules = read_watch_rules("rules.margin_exceeded.share = 0.9")

    (found,) = fired("margin_exceeded", course_of(6, still_target(4.6, 5.0)), rules)
    assert found.limit == 0.9


def test_margin_exceeded_is_silent_where_no_margin_was_planned() -> None:
    unknown = course_of(6, lambda n: fraction(n, target((9.0, 0.0, 0.0), planned_xyz_mm=None)))

    assert fired("margin_exceeded", unknown) == []


def test_a_target_that_sticks_out_of_its_planning_volume_has_no_margin_and_is_watched_all_the_same() -> None:
    """TargetMargin.planned_xyz_mm is negative there; the course must not fail of it."""
    out = course_of(6, lambda n: fraction(n, target((0.4, 0.0, 0.0), planned_xyz_mm=(-1.0, 5.0, 5.0))))
    (found,) = fired("margin_exceeded", out)

    assert found.figure == pytest.approx(4.0)
    (margin,) = watch_course(out, site="brain", rules=SHIPPED).margins
    assert [one.outlook for one in margin.forecasts] == ["exceeded", "within the margin", "within the margin"]


# margin_forecast ---------------------------------------------------------------------------------------------------


def smooth_drift(number: int) -> CourseFraction:
    return fraction(number, target((0.4 * number, 0.0, 0.0)))


def test_margin_forecast_fires_within_five_fractions_of_the_crossing_and_not_before() -> None:
    """By hand: 0.4 mm a fraction without scatter is more than 5 mm from fraction 13 on, which is seen from 8 on."""
    found = {count: fired("margin_forecast", course_of(count, smooth_drift)) for count in range(4, 14)}

    assert [count for count, triggers in found.items() if triggers] == [8, 9, 10, 11, 12, 13]
    (ahead,), (there,) = found[10], found[13]
    assert (ahead.level, ahead.structure, ahead.axis, ahead.figure) == ("watch", "CTV_7000", "LR", 13.0)
    assert ahead.evidence == "CTV_7000 will exceed its margin along LR at fraction 13 (band: 13 to 13)"
    assert there.evidence == "CTV_7000 has exceeded its margin along LR at fraction 13 (band: 13 to 13)"


def test_margin_forecast_does_not_fall_silent_once_the_trend_has_crossed_the_margin() -> None:
    (found,) = fired("margin_forecast", target_drifts(16, mm_a_fraction=0.4))

    assert (found.since, found.figure, found.axis) == (7, 12.0, "LR")


def test_margin_forecast_is_silent_where_the_slope_may_as_well_be_none() -> None:
    """Scatter of half a millimetre about 4.6 mm comes near 5 mm on a line that goes nowhere."""
    noisy = course_of(6, lambda n: fraction(n, target(plus(scatter_mm(n), (4.6, 0.0, 0.0)))))
    (margin,) = watch_course(noisy, site="brain", rules=SHIPPED).margins

    assert margin.forecasts[0].exceeded_at is not None
    assert fired("margin_forecast", noisy) == []


def test_margin_forecast_does_not_fall_silent_because_the_last_fractions_were_refused() -> None:
    measured = target_drifts(10, mm_a_fraction=0.4).fractions

    (found,) = fired("margin_forecast", course([*measured, refused(11), refused(12), refused(13)]))
    assert found.figure == 12.0


def test_margin_forecast_is_silent_where_nothing_drifts() -> None:
    assert fired("margin_forecast", course_of(30)) == []


# coverage ----------------------------------------------------------------------------------------------------------


def test_coverage_fires_at_the_third_fraction_in_a_row_since_the_first_of_them() -> None:
    (found,) = fired("coverage", inside(99.0, 94.0, 99.0, 94.0, 94.5, 93.0))

    assert (found.level, found.since, found.structure, found.figure, found.limit) == (
        "replan", 4, "CTV_7000", 93.0, 95.0,
    )  # fmt: skip
    assert found.evidence == "CTV_7000 lies inside its planning volume to 93.0 %, below 95 % since fraction 4"


@pytest.mark.parametrize(
    "percents",
    [(94.0, 94.0), (94.0, 94.0, 94.0, 99.0), (95.0, 95.0, 95.0), (94.0, 99.0, 94.0, 94.0), (94.0, 94.0, None)],
)
def test_coverage_is_silent_below_three_in_a_row_at_the_limit_and_after_a_recovery(
    percents: tuple[float | None, ...],
) -> None:
    assert fired("coverage", inside(*percents)) == []


def test_a_refused_fraction_neither_breaks_nor_makes_a_run_of_coverage() -> None:
    (found,) = fired("coverage", inside(99.0, 94.0, None, 94.0, 94.0))

    assert (found.since, found.figure) == (2, 94.0)
    assert fired("coverage", inside(None, None, None)) == []


def test_a_structure_that_is_not_believed_tells_nothing_of_coverage() -> None:
    believed = [fraction(n, target(inside_percent=94.0)) for n in (1, 2)]
    doubted = fraction(3, target(inside_percent=10.0, trust="REFUSE"))

    assert fired("coverage", course([*believed, doubted])) == []


def test_a_gap_in_the_numbers_does_not_break_a_run_of_coverage() -> None:
    (found,) = fired("coverage", course(fraction(n, target(inside_percent=94.0)) for n in (3, 7, 8)))

    assert found.since == 3


# target_volume, organ_volume ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "name", "other"),
    [("target_volume", "GTVp", "organ_volume"), ("organ_volume", "Parotid_L", "target_volume")],
)
@pytest.mark.parametrize("sign", [-1.0, 1.0])
def test_a_volume_rule_fires_at_the_second_fraction_in_a_row_for_loss_and_gain(
    rule: str, name: str, other: str, sign: float
) -> None:
    history = changed(name, 0.0, 25.0 * sign, 0.0, 20.0 * sign, 22.0 * sign)
    (found,) = fired(rule, history)

    assert (found.level, found.since, found.structure, found.figure, found.limit) == (
        "watch", 4, name, 22.0 * sign, 20.0,
    )  # fmt: skip
    assert found.evidence == f"{name} has changed its volume by {22.0 * sign:+.0f} %"
    assert fired(other, history) == []


@pytest.mark.parametrize("rule", ["target_volume", "organ_volume"])
@pytest.mark.parametrize("percents", [(-25.0,), (-25.0, -25.0, 0.0), (-19.9, -19.9), (-25.0, 0.0, -25.0)])
def test_a_volume_rule_is_silent_below_its_limit_and_its_run(rule: str, percents: tuple[float, ...]) -> None:
    assert fired(rule, changed("GTVp" if rule == "target_volume" else "Parotid_L", *percents)) == []


# volume_trend ------------------------------------------------------------------------------------------------------


def test_volume_trend_fires_from_the_fifth_fraction_on() -> None:
    """1.2 % a fraction, five a week: 6 % on five days and none on the weekend's two, so 6 % a week."""
    (found,) = fired("volume_trend", target_shrinks(15, percent_a_fraction=1.2))

    assert (found.level, found.structure, found.limit) == ("watch", "CTV_7000", 5.0)
    assert found.since in (5, 6, 7)
    assert found.figure == pytest.approx(-6.0, abs=0.3)
    assert found.evidence == "CTV_7000 changes by -6.2 % a week (-6.6 to -5.7)"


def test_volume_trend_is_silent_for_a_slow_loss_for_scatter_and_for_four_fractions() -> None:
    assert fired("volume_trend", target_shrinks(15, percent_a_fraction=0.8)) == []
    assert fired("volume_trend", target_shrinks(4, percent_a_fraction=3.0)) == []
    assert fired("volume_trend", changed("GTVp", 9.0, -9.0, 9.0, -9.0, 0.0, -20.0)) == []


def test_volume_trend_is_silent_where_no_day_is_known() -> None:
    undated = course(fraction(n, structure("GTVp", change_percent=-3.0 * n), has_scan=False) for n in range(1, 9))

    assert fired("volume_trend", undated) == []


# target_dose -------------------------------------------------------------------------------------------------------


def test_target_dose_fires_at_the_second_fraction_in_a_row_that_has_a_dose() -> None:
    (found,) = fired("target_dose", lost("CTV_7000", 6.0, 1.0, 5.5, None, 7.0))

    assert (found.level, found.since, found.structure, found.limit) == ("replan", 3, "CTV_7000", 5.0)
    assert found.figure == pytest.approx(7.0)
    assert found.evidence == "CTV_7000 loses 7.0 % of its D95 at today's anatomy"


@pytest.mark.parametrize("percents", [(6.0,), (6.0, 6.0, 4.9), (5.0, 5.0), (-6.0, -6.0), (None, None)])
def test_target_dose_is_silent_below_its_limit_its_run_and_for_a_gain(percents: tuple[float | None, ...]) -> None:
    assert fired("target_dose", lost("CTV_7000", *percents)) == []


@pytest.mark.parametrize("name", ["Parotid_L", "PTV_7000"])
def test_an_organ_and_a_planning_volume_lose_no_target_dose(name: str) -> None:
    """A carried planning volume leaves the dose by design: that is what its margin is for."""
    assert fired("target_dose", lost(name, 9.0, 9.0, 9.0)) == []


def test_a_refused_fraction_tells_nothing_of_the_dose() -> None:
    bad = [fraction(n, verdict="REFUSE", dose=dose_of("CTV_7000", loss_percent=50.0)) for n in (2, 3)]

    assert fired("target_dose", course([fraction(1), *bad])) == []


# setup_chart, target_chart -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [9, 10, 12, 15, 16])
def test_setup_chart_tells_a_jump_of_3_mm_since_fraction_9_from_that_day_on(count: int) -> None:
    (found,) = fired("setup_chart", setup_drifts(count, by=(3.0, 0.0, 0.0)))

    assert (found.level, found.since, found.structure, found.axis) == ("watch", 9, "", "LR")
    assert found.evidence.startswith("set-up along LR is out of control (")
    assert "(Nelson 1" in found.evidence
    assert fired("target_chart", setup_drifts(count, by=(3.0, 0.0, 0.0))) == []


def test_a_run_of_nine_does_not_begin_nearer_to_the_centre_than_the_centre_is_known() -> None:
    """Fraction 8 lay 0.2 mm to the side that set-up jumped to at 9; five fractions tell a centre to 0.22 mm."""
    (found,) = fired("setup_chart", setup_drifts(20, by=(3.0, 0.0, 0.0)))

    assert "Nelson 2" in found.evidence
    assert found.since == 9


def test_setup_chart_is_silent_before_the_jump_and_without_one() -> None:
    assert fired("setup_chart", setup_drifts(8, by=(3.0, 0.0, 0.0))) == []
    assert fired("setup_chart", course_of(30)) == []


def test_a_chart_has_no_limits_before_the_baseline_is_full() -> None:
    wild = course(fraction(n, setup=(9.0 * (-1) ** n, 0.0, 0.0)) for n in range(1, 5))

    assert fired("setup_chart", wild) == []


def test_a_jump_that_was_put_right_is_told_no_more() -> None:
    def day(number: int) -> CourseFraction:
        return fraction(number, setup=plus(scatter_mm(number), (4.0, 0.0, 0.0) if number == 9 else STILL))

    assert fired("setup_chart", course_of(9, day))
    assert fired("setup_chart", course_of(20, day)) == []


def test_target_chart_tells_a_target_and_not_an_organ() -> None:
    def day(number: int) -> CourseFraction:
        away = plus(scatter_mm(number), (0.0, -3.0, 0.0) if number >= 9 else STILL)
        return fraction(number, target(away), structure("Parotid_L", away), setup=scatter_mm(number))

    (found,) = fired("target_chart", course_of(12, day))

    assert (found.since, found.structure, found.axis) == (9, "CTV_7000", "AP")
    assert fired("setup_chart", course_of(12, day)) == []


# setup_trend -------------------------------------------------------------------------------------------------------


def setup_creeps(count: int, *, mm_a_fraction: float = 0.6) -> CourseHistory:
    """A patient who strays by 2 mm from day to day, and from fraction 9 on a little farther back each day."""

    def day(number: int) -> CourseFraction:
        ap = 4.0 * scatter_mm(number)[1] + mm_a_fraction * max(0, number - DRIFTS_FROM + 1)
        return fraction(number, setup=(0.0, ap, 0.0))

    return course_of(count, day)


def test_setup_trend_sees_a_growing_shift_that_no_single_day_shows() -> None:
    found = {count: fired("setup_trend", setup_creeps(count)) for count in range(6, 21)}

    first = next(count for count, triggers in found.items() if triggers)
    assert DRIFTS_FROM < first <= 14
    (last,) = found[20]
    assert (last.level, last.since, last.structure, last.axis) == ("watch", first, "", "AP")
    assert last.figure is not None
    assert 0.6 * 12 - 1.5 < last.figure < 0.6 * 12 + 1.5  # the line goes on beyond the last day's 7.2 mm
    assert last.evidence.startswith("set-up along AP drifts: +")


def test_setup_trend_is_silent_without_a_drift_below_its_mm_and_before_its_fractions() -> None:
    assert fired("setup_trend", course_of(30)) == []
    assert fired("setup_trend", setup_creeps(20), read_watch_rules("rules.setup_trend.mm = 12.0")) == []
    assert fired("setup_trend", course_of(7, lambda n: fraction(n, setup=(0.0, 1.0 * n, 0.0)))) == []
    assert fired("setup_trend", course_of(8, lambda n: fraction(n, setup=(0.0, 1.0 * n, 0.0))))


# refused, missing --------------------------------------------------------------------------------------------------


def test_refused_names_the_fractions_and_their_reasons_once() -> None:
    (found,) = fired("refused", course([fraction(1), refused(2), fraction(3), refused(14)]))

    assert (found.level, found.since, found.figure, found.limit) == ("watch", 2, 2.0, 1.0)
    assert found.evidence == "2 of the fractions refused: 2, 14 (WRONG_PATIENT)"


def test_refused_holds_since_the_fraction_that_filled_its_number() -> None:
    history = course([refused(2), refused(5), refused(9)])

    (found,) = fired("refused", history, read_watch_rules("rules.refused.fractions = 2"))
    assert found.since == 5
    assert fired("refused", history, read_watch_rules("rules.refused.fractions = 4")) == []


def test_missing_names_the_numbers_that_never_came() -> None:
    (found,) = fired("missing", course_of(9, without=(3, 4, 7)))

    assert (found.since, found.figure) == (3, 3.0)
    assert found.evidence == "3 of the fractions missing: 3, 4, 7"
    assert fired("missing", course_of(9)) == []


# all of them -------------------------------------------------------------------------------------------------------

EVERY: tuple[tuple[str, CourseHistory], ...] = (
    ("margin_exceeded", course_of(6, still_target(6.0, 5.0))),
    ("margin_forecast", target_drifts(10, mm_a_fraction=0.4)),
    ("coverage", inside(94.0, 94.0, 94.0)),
    ("target_volume", changed("GTVp", -25.0, -25.0)),
    ("organ_volume", changed("Parotid_L", -25.0, -25.0)),
    ("volume_trend", target_shrinks(15, percent_a_fraction=1.2)),
    ("target_dose", lost("CTV_7000", 6.0, 6.0)),
    ("setup_chart", setup_drifts(12, by=(3.0, 0.0, 0.0))),
    ("setup_trend", setup_creeps(14)),
    ("target_chart", target_drifts(12, mm_a_fraction=0.4)),
    ("refused", course([refused(1)])),
    ("missing", course_of(9, without=(3,))),
)


def test_every_rule_has_its_course() -> None:
    assert [name for name, _ in EVERY] == [one.name for one in SHIPPED.rules]


@pytest.mark.parametrize(("rule", "history"), EVERY, ids=[name for name, _ in EVERY])
def test_a_rule_that_is_off_is_off_and_one_of_another_level_has_that_level(rule: str, history: CourseHistory) -> None:
    assert fired(rule, history)
    assert fired(rule, history, read_watch_rules(f"rules.{rule}.level = 'off'")) == []
    for level in ("replan", "watch"):
        found = fired(rule, history, read_watch_rules(f"rules.{rule}.level = '{level}'"))
        assert {one.level for one in found} == {level}


def test_the_gravest_trigger_comes_first_then_the_one_that_has_held_longest() -> None:
    def day(number: int) -> CourseFraction:
        rows = (target(inside_percent=94.0 if number >= 6 else 99.0), structure("Parotid_L", change_percent=-30.0))
        return fraction(number, *rows, setup=scatter_mm(number))

    found = watch_course(course_of(9, day, without=(4,)), site="brain", rules=SHIPPED).triggers

    assert [(one.rule, one.since) for one in found] == [("coverage", 6), ("organ_volume", 1), ("missing", 4)]
