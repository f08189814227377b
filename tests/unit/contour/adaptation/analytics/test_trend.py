"""The line is NIST's and Anscombe's, and its intervals those of a printed Minitab table."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest
from scipy import stats

from contour.adaptation.analytics.trend import confidence_interval, fit_line, prediction_interval, volume_trend
from contour.errors import InputError

NORRIS_X = (
    *(0.2, 337.4, 118.2, 884.6, 10.1, 226.5, 666.3, 996.3, 448.6, 777.0, 558.2, 0.4, 0.6, 775.5, 666.9, 338.0, 447.5),
    *(11.6, 556.0, 228.1, 995.8, 887.6, 120.2, 0.3, 0.3, 556.8, 339.1, 887.2, 999.0, 779.0, 11.1, 118.3, 229.2, 669.1),
    *(448.9, 0.5),
)
NORRIS_Y = (
    *(0.1, 338.8, 118.1, 888.0, 9.2, 228.1, 668.5, 998.5, 449.1, 778.9, 559.2, 0.3, 0.1, 778.1, 668.8, 339.3, 448.9),
    *(10.8, 557.7, 228.3, 998.0, 888.8, 119.6, 0.3, 0.6, 557.6, 339.3, 888.0, 998.5, 778.9, 10.2, 117.6, 228.9, 668.4),
    *(449.2, 0.2),
)
ANSCOMBE_X = (10, 8, 13, 9, 11, 14, 6, 4, 12, 7, 5)
ANSCOMBE = (
    (ANSCOMBE_X, (8.04, 6.95, 7.58, 8.81, 8.33, 9.96, 7.24, 4.26, 10.84, 4.82, 5.68)),
    (ANSCOMBE_X, (9.14, 8.14, 8.74, 8.77, 9.26, 8.10, 6.13, 3.10, 9.13, 7.26, 4.74)),
    (ANSCOMBE_X, (7.46, 6.77, 12.74, 7.11, 7.81, 8.84, 6.08, 5.39, 8.15, 6.42, 5.73)),
    ((8, 8, 8, 8, 8, 8, 8, 19, 8, 8, 8), (6.58, 5.76, 7.71, 8.84, 8.47, 7.04, 5.25, 12.50, 5.56, 7.91, 6.89)),
)
EXPOSURE = (2.49, 2.57, 3.41, 1.25, 1.62, 3.83, 11.64, 6.41, 8.34)
MORTALITY = (147.1, 130.1, 129.9, 113.5, 137.5, 162.3, 207.5, 177.9, 210.3)


def test_the_line_is_the_certified_one_of_nist_strd_norris() -> None:
    """B0 -0.262323073774029, B1 1.00211681802045 (SD 0.429796848199937E-03), residual SD 0.884796396144373."""
    fit = fit_line(NORRIS_X, NORRIS_Y)

    assert fit is not None
    assert fit.slope == pytest.approx(1.00211681802045, rel=1e-13)
    assert fit.intercept == pytest.approx(-0.262323073774029, rel=1e-10)
    assert fit.residual_sd == pytest.approx(0.884796396144373, rel=1e-12)
    assert (fit.slope_high - fit.slope) / 2.0322445 == pytest.approx(0.429796848199937e-03, rel=1e-7)  # t, 34 degrees
    assert fit.slope - fit.slope_low == pytest.approx(fit.slope_high - fit.slope)
    assert fit.points == 36


@pytest.mark.parametrize(("x", "y"), ANSCOMBE)
def test_the_line_is_that_of_each_of_anscombes_quartet(x: tuple[float, ...], y: tuple[float, ...]) -> None:
    """Anscombe 1973: y = 3.00 + 0.500 x for all four; slope's SE 0.118, residual SD 1.236 or 1.237, t(9) 2.262."""
    fit = fit_line(x, y)

    assert fit is not None
    assert fit.slope == pytest.approx(0.500, abs=5e-4)
    assert fit.intercept == pytest.approx(3.00, abs=5e-3)
    assert fit.residual_sd == pytest.approx(1.2365, abs=1e-3)
    assert (fit.slope_low, fit.slope_high) == pytest.approx((0.500 - 2.262 * 0.118, 0.500 + 2.262 * 0.118), abs=1e-3)
    assert fit.slope_differs_from_zero


def test_the_line_is_that_of_anscombes_first_set_to_four_decimals() -> None:
    """R's `lm(y1 ~ x1, anscombe)`: slope 0.5001, intercept 3.0001, slope's SE 0.1179, residual SE 1.237 on 9 df."""
    fit = fit_line(*ANSCOMBE[0])

    assert fit is not None
    assert fit.slope == pytest.approx(0.5001, abs=5e-5)
    assert fit.intercept == pytest.approx(3.0001, abs=5e-5)
    assert (fit.slope_high - fit.slope) / 2.262157 == pytest.approx(0.1179, abs=5e-5)  # t, 9 degrees
    assert fit.residual_sd == pytest.approx(1.237, abs=5e-4)


@pytest.mark.parametrize("confidence", [0.5, 0.95, 0.999])
@pytest.mark.parametrize(("x", "y"), [*ANSCOMBE, (NORRIS_X, NORRIS_Y), (EXPOSURE, MORTALITY)])
def test_scipys_linregress_finds_the_same_line_and_the_same_interval(
    x: tuple[float, ...], y: tuple[float, ...], confidence: float
) -> None:
    fit, judge = fit_line(x, y, confidence=confidence), stats.linregress(x, y)
    reach = stats.t.ppf(0.5 + 0.5 * confidence, len(x) - 2) * judge.stderr

    assert fit is not None
    assert (fit.slope, fit.intercept) == pytest.approx((judge.slope, judge.intercept), rel=1e-8)
    assert (fit.slope_low, fit.slope_high) == pytest.approx((judge.slope - reach, judge.slope + reach), rel=1e-8)
    assert fit.residual_sd**2 * (len(x) - 2) == pytest.approx(
        np.sum((np.array(y) - fit.intercept - fit.slope * np.array(x)) ** 2)
    )
    at_zero = stats.t.ppf(0.5 + 0.5 * confidence, len(x) - 2) * judge.intercept_stderr
    assert confidence_interval(fit, 0.0) == pytest.approx((judge.intercept - at_zero, judge.intercept + at_zero))


def test_gaps_do_not_move_an_exact_line_and_its_interval_has_no_width() -> None:
    """By hand: y = 2 - x / 2 at 1, 2, 9 and 14."""
    fit = fit_line((14.0, 1.0, 9.0, 2.0), (-5.0, 1.5, -2.5, 1.0))

    assert fit is not None
    assert (fit.slope, fit.intercept, fit.at(30.0)) == pytest.approx((-0.5, 2.0, -13.0))
    assert (fit.slope_low, fit.slope_high) == pytest.approx((-0.5, -0.5))
    assert fit.slope_differs_from_zero


def test_intervals_are_those_of_minitab_for_the_oregon_counties() -> None:
    """Fadeley 1965, cancer mortality on exposure, nine Oregon counties; Minitab's table as in Dalhousie's course 2080.

    114.716 + 9.231 x, slope's SE 1.419, s 14.01; at 4: 95 % C.I. (140.40, 162.88), P.I. (116.65, 186.63); at 15:
    C.I. (216.64, 289.74), P.I. (203.85, 302.52), where its t is a touch large. The course's page prints Clatsop's
    exposure as 8.43, which does not give its own table; 8.34 does.
    """
    fit = fit_line(EXPOSURE, MORTALITY)

    assert fit is not None
    assert fit.intercept == pytest.approx(114.716, abs=5e-4)
    assert fit.slope == pytest.approx(9.231, abs=5e-4)
    assert fit.residual_sd == pytest.approx(14.01, abs=5e-3)
    assert (fit.slope_high - fit.slope) / 2.3646 == pytest.approx(1.419, abs=5e-4)  # t, 7 degrees
    assert fit.at(4.0) == pytest.approx(151.64, abs=5e-3)
    assert confidence_interval(fit, 4.0) == pytest.approx((140.40, 162.88), abs=0.02)
    assert prediction_interval(fit, 4.0) == pytest.approx((116.65, 186.63), abs=0.02)
    assert confidence_interval(fit, 15.0) == pytest.approx((216.64, 289.74), abs=0.02)
    assert prediction_interval(fit, 15.0) == pytest.approx((203.85, 302.52), abs=0.02)


def test_the_slopes_interval_holds_the_truth_as_often_as_it_says() -> None:
    draw = random.Random(11)
    held = 0
    for _ in range(2000):
        fit = fit_line(range(6), [1.0 - 0.5 * place + draw.gauss(0.0, 2.0) for place in range(6)], confidence=0.8)
        assert fit is not None
        held += fit.slope_low <= -0.5 <= fit.slope_high

    assert held / 2000 == pytest.approx(0.8, abs=0.03)


def test_two_points_or_one_place_make_no_line() -> None:
    assert fit_line((), ()) is None
    assert fit_line((1.0, 2.0), (3.0, 4.0)) is None
    assert fit_line((0.1, 0.1, 0.1), (3.0, 4.0, 5.0)) is None
    assert volume_trend((1.0, 8.0), (0.0, -3.0)) is None


def test_equal_values_are_a_level_line_that_does_not_differ_from_zero() -> None:
    fit = fit_line((1.0, 4.0, 5.0, 9.0), (0.1,) * 4)

    assert fit is not None
    assert (fit.slope, fit.slope_low, fit.slope_high, fit.residual_sd) == (0.0, 0.0, 0.0, 0.0)
    assert not fit.slope_differs_from_zero
    assert prediction_interval(fit, 40.0) == (0.1, 0.1)


def test_a_volume_that_loses_half_a_percent_a_day_loses_three_and_a_half_a_week() -> None:
    """By hand, with gaps in the days and +-1 % by turns, which is level on average."""
    days = (0.0, 1.0, 2.0, 7.0, 8.0, 9.0, 14.0, 15.0, 16.0, 21.0)
    noise = (1.0, -1.0, 0.5, -1.0, 1.0, -0.5, 0.5, -1.0, 1.0, -0.5)
    found = volume_trend(days, [-0.5 * day + more for day, more in zip(days, noise, strict=True)])
    level = volume_trend(days, noise)

    assert found is not None
    assert level is not None
    assert found.percent_per_week == pytest.approx(-3.5, abs=0.5)
    assert found.low_percent_per_week < found.percent_per_week < found.high_percent_per_week < 0.0
    assert found.differs_from_zero
    assert not level.differs_from_zero
    assert found.points == 10
    assert found.percent_per_week - level.percent_per_week == pytest.approx(-3.5)


def test_the_weekly_slope_is_seven_daily_ones_of_the_oregon_line() -> None:
    found = volume_trend(EXPOSURE, MORTALITY)

    assert found is not None
    assert found.percent_per_week == pytest.approx(7 * 9.231, abs=4e-3)
    assert found.high_percent_per_week == pytest.approx(7 * (9.231 + 2.3646 * 1.419), abs=0.02)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_what_is_no_finite_number_is_refused(bad: float) -> None:
    fit = fit_line(EXPOSURE, MORTALITY)
    assert fit is not None
    for refused in (
        lambda: fit_line((1.0, bad, 3.0), (1.0, 2.0, 3.0)),
        lambda: fit_line((1.0, 2.0, 3.0), (1.0, bad, 3.0)),
        lambda: fit_line((1.0, 2.0, 3.0), (1.0, 2.0, 3.0), confidence=bad),
        lambda: prediction_interval(fit, bad),
        lambda: volume_trend((bad,), (0.0,)),
    ):
        with pytest.raises(InputError) as told:
            refused()
        assert told.value.reason == "BAD_VALUES"


def test_what_makes_no_sense_is_refused() -> None:
    for refused in (
        lambda: fit_line((1.0, 2.0, 3.0), (1.0, 2.0)),
        lambda: fit_line((1.0, 2.0, 3.0), (1.0, 2.0, 3.0), confidence=1.0),
        lambda: fit_line((1.0, 2.0, 3.0), (1.0, 2.0, 3.0), confidence=0.0),
    ):
        with pytest.raises(InputError) as told:
            refused()
        assert told.value.reason == "BAD_VALUES"
