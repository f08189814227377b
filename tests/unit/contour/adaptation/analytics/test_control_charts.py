"""Limits and averages are those of NIST and Montgomery, signals those of Nelson, and a run is one signal."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest

from contour.adaptation.analytics.control_charts import (
    Baseline,
    Signal,
    baseline_of,
    ewma,
    individuals_limits,
    nelson_signals,
    usual_sd_of_axes,
    watch_chart,
)
from contour.errors import InputError

NIST_INDIVIDUALS = (49.6, 47.6, 49.9, 51.3, 47.8, 51.2, 52.6, 52.4, 53.6, 52.1)
NIST_EWMA = (52.0, 47.0, 53.0, 49.3, 50.1, 47.0, 51.0, 50.1, 51.2, 50.5, *NIST_INDIVIDUALS)
MONTGOMERY = (
    *(9.45, 7.99, 9.29, 11.66, 12.16, 10.18, 8.04, 11.46, 9.20, 10.34, 9.03, 11.47, 10.51, 9.40, 10.08),
    *(9.37, 10.62, 10.31, 8.52, 10.84, 10.90, 9.33, 12.29, 11.50, 10.60, 11.08, 10.38, 11.62, 11.31, 10.52),
)
AROUND_ZERO = Baseline(centre=0.0, sd=1.0, points=20, source="site history")


def test_individuals_limits_are_those_of_nist_6_3_2_2() -> None:
    """Mean 50.81, mean moving range 1.8778, limits 55.8041 and 45.8159."""
    found = individuals_limits(NIST_INDIVIDUALS)

    assert found.centre == pytest.approx(50.81)
    assert found.moving_range_mean == pytest.approx(1.8778, abs=5e-5)
    assert (found.lower, found.upper) == pytest.approx((45.8159, 55.8041), abs=5e-5)
    assert found.moving_range_upper == pytest.approx(3.267 * 16.9 / 9)
    assert (found.upper - found.centre) / found.moving_range_mean == pytest.approx(2.660, abs=5e-4)
    assert found.baseline_points == 10
    assert found.centre == pytest.approx(np.mean(NIST_INDIVIDUALS))
    assert found.moving_range_mean == pytest.approx(np.abs(np.diff(NIST_INDIVIDUALS)).mean())


def test_nothing_is_out_of_control_in_nist_6_3_2_2() -> None:
    baseline = baseline_of(NIST_INDIVIDUALS, first=10, history=None)

    assert baseline is not None
    assert not {signal.rule for signal in watch_chart(NIST_INDIVIDUALS, baseline).signals} & {
        "Nelson 1",
        "moving range",
    }


def test_ewma_is_that_of_nist_6_3_2_4() -> None:
    """Weight 0.3, target 50, s 2.0539: the twenty averages as printed, and the final limits 52.5884 and 47.4115."""
    printed = (
        *(50.60, 49.52, 50.56, 50.18, 50.16, 49.21, 49.75, 49.85, 50.26, 50.33),
        *(50.11, 49.36, 49.52, 50.05, 49.38, 49.92, 50.73, 51.23, 51.94, 51.99),
    )
    chart = ewma(NIST_EWMA, centre=50.0, sd=2.0539, weight=0.3)

    assert [point.value for point in chart.points] == pytest.approx(printed, abs=5.001e-3)
    assert chart.points[-1].upper == pytest.approx(52.5884, abs=5e-5)
    assert chart.points[-1].lower == pytest.approx(47.4115, abs=1e-4)  # NIST cuts off 47.41157
    assert all(point.lower < point.value < point.upper for point in chart.points)


def test_ewma_is_that_of_montgomery_example_9_2() -> None:
    """Lambda 0.1, L 2.7, target 10, sigma 1; limits 10.27/9.73, 10.36/9.64, at last 10.62/9.38; averages as printed."""
    printed = (
        *(9.945, 9.7495, 9.70355, 9.8992, 10.1253, 10.1307, 9.92167, 10.0755, 9.98796, 10.0232),
        *(9.92384, 10.0785, 10.1216, 10.0495, 10.0525, 9.98426, 10.0478, 10.074, 9.91864, 10.0108),
        *(10.0997, 10.0227, 10.2495, 10.3745, 10.3971, 10.4654, 10.4568, 10.5731, 10.6468, 10.6341),
    )
    points = ewma(MONTGOMERY, centre=10.0, sd=1.0, weight=0.1, width=2.7).points

    assert [point.value for point in points] == pytest.approx(printed, abs=1e-4)
    assert [(round(point.lower, 2), round(point.upper, 2)) for point in (points[0], points[1], points[-1])] == [
        (9.73, 10.27),
        (9.64, 10.36),
        (9.38, 10.62),
    ]
    # Montgomery's points 29 and 30: the printed average at 28 is 10.5731, within 10.62
    assert [place + 1 for place, point in enumerate(points) if point.value > point.upper] == [29, 30]


def test_weight_one_is_the_individuals_chart() -> None:
    chart = ewma(MONTGOMERY, centre=10.0, sd=1.0, weight=1.0)

    assert [point.value for point in chart.points] == pytest.approx(MONTGOMERY)
    assert {(point.lower, point.upper) for point in chart.points} == {(7.0, 13.0)}


def test_nelson_1_is_a_point_beyond_three_sd_and_not_one_on_it() -> None:
    assert nelson_signals((0.0, 3.0, -3.0, 3.01), centre=0.0, sd=1.0) == (Signal(rule="Nelson 1", first=3, last=3),)


def test_nelson_1_merges_neighbours_on_one_side_and_not_across() -> None:
    assert nelson_signals((0.0, 4.0, 5.0, -4.0, 0.0, 4.0), centre=0.0, sd=1.0) == (
        Signal(rule="Nelson 1", first=1, last=2),
        Signal(rule="Nelson 1", first=3, last=3),
        Signal(rule="Nelson 1", first=5, last=5),
    )


def test_nelson_1984_rule_2_is_nine_in_a_row_and_met_by_two_of_512_patterns() -> None:
    """Nelson 1984: nine on one side; of nine coin throws two patterns in 2^9 are one-sided, a chance of 0.0039."""
    met = [
        sides
        for sides in itertools.product((-0.4, 0.4), repeat=9)
        if any(signal.rule == "Nelson 2" for signal in nelson_signals(sides, centre=0.0, sd=1.0))
    ]

    assert len(met) == 2
    assert len(met) / 512 == pytest.approx(0.0039, abs=5e-5)


def test_nelson_1984_rule_3_is_six_in_a_row_and_met_by_two_of_720_orders() -> None:
    """Nelson 1984: six all rising or all falling; of 6! orders two are, a chance of 0.0028, below 5 in a thousand."""
    met = [order for order in itertools.permutations(range(6)) if nelson_signals(order, centre=2.5, sd=9.0)]

    assert met == [(0, 1, 2, 3, 4, 5), (5, 4, 3, 2, 1, 0)]
    assert len(met) / 720 == pytest.approx(0.0028, abs=5e-5)


def test_a_run_of_nelson_2_is_one_signal_from_its_first_point() -> None:
    values = (-0.5, 0.5, 0.4, 0.5, 0.4, 0.5, 0.4, 0.5, 0.4, 0.5, 0.4, 0.5, -0.5)

    assert nelson_signals(values, centre=0.0, sd=1.0) == (Signal(rule="Nelson 2", first=1, last=11),)


def test_a_value_on_the_centre_breaks_a_run_of_nelson_2() -> None:
    values = (0.5, 0.4, 0.5, 0.4, 0.0, 0.5, 0.4, 0.5, 0.4, 0.5)

    assert nelson_signals(values, centre=0.0, sd=1.0) == ()
    assert nelson_signals(values, centre=-0.1, sd=1.0) == (Signal(rule="Nelson 2", first=0, last=9),)


def test_a_run_of_nelson_3_is_one_signal_and_the_turn_belongs_to_both() -> None:
    values = (0.0, -0.3, -0.2, -0.1, 0.1, 0.2, 0.3, 0.4, 0.35, 0.25, 0.15, 0.05, -0.05)

    assert nelson_signals(values, centre=0.0, sd=1.0) == (
        Signal(rule="Nelson 3", first=1, last=7),
        Signal(rule="Nelson 3", first=7, last=12),
    )


def test_equal_neighbours_break_a_run_of_nelson_3() -> None:
    assert nelson_signals((-0.2, -0.1, 0.1, 0.1, 0.2, 0.3, 0.4), centre=0.0, sd=1.0) == ()


def test_the_first_fractions_are_the_baseline_and_before_them_the_sites_history() -> None:
    found = baseline_of(NIST_EWMA[10:], first=5, history=AROUND_ZERO)

    assert found is not None
    assert found.source == "first fractions"
    assert found.points == 5
    assert found.centre == pytest.approx((49.6 + 47.6 + 49.9 + 51.3 + 47.8) / 5)
    assert found.sd == pytest.approx((2.0 + 2.3 + 1.4 + 3.5) / 4 / 1.128)
    assert baseline_of((1.0, 2.0), first=3, history=AROUND_ZERO) is AROUND_ZERO
    assert baseline_of((1.0, 2.0), first=3, history=None) is None
    assert baseline_of((), first=2, history=None) is None


def test_limits_from_five_values_lie_at_students_t_about_a_centre_that_may_be_off() -> None:
    """By hand: 1 3 2 4 0 has the mean 2 and moving ranges 2 1 2 4, so an SD of 2.25 / 1.128; t with 4 is 6.620."""
    baseline = baseline_of((1.0, 3.0, 2.0, 4.0, 0.0), first=5, history=None)
    assert baseline is not None
    sd = 2.25 / 1.128

    assert (baseline.sd, baseline.freedom) == (pytest.approx(sd), 4.0)
    assert baseline.width == pytest.approx(6.620, abs=5e-4)
    chart = watch_chart((1.0, 3.0, 2.0, 4.0, 0.0), baseline)
    assert chart.individuals.upper == pytest.approx(2.0 + 6.6202 * sd * math.sqrt(1.2), abs=1e-3)
    assert chart.ewma.points[-1].upper < 2.0 + 6.6203 * sd * math.sqrt(0.2 / 1.8 + 0.2)
    assert Baseline(centre=0.0, sd=1.0, points=5, source="first fractions", freedom=1e9).width == pytest.approx(3.0)


def test_what_is_known_of_a_sites_patients_steadies_the_limits() -> None:
    """By hand: variances 3.979 with 4 and 1 with 5 degrees of freedom."""
    baseline = baseline_of((1.0, 3.0, 2.0, 4.0, 0.0), first=5, history=None, usual_sd=1.0)
    assert baseline is not None

    assert baseline.sd == pytest.approx(math.sqrt((4 * (2.25 / 1.128) ** 2 + 5 * 1.0) / 9))
    assert (baseline.freedom, baseline.width) == (9.0, pytest.approx(4.094, abs=1e-3))


def test_the_axes_of_one_patient_tell_how_far_it_strays() -> None:
    still, wide, short = (0.0, 0.0, 0.0), (0.0, 2.256, 0.0), (1.0,)

    assert usual_sd_of_axes([still, wide, still], first=3) == pytest.approx(math.sqrt(4.0 / 3.0))
    assert usual_sd_of_axes([still, wide, short], first=3) == pytest.approx(math.sqrt(2.0))
    assert usual_sd_of_axes([short, short, short], first=3) is None


def test_a_course_of_noise_alone_seldom_raises_an_alarm() -> None:
    """Of 300 charts of 20 fractions; limits that took five values for known gave a signal in half of them."""
    noise = np.random.default_rng(5).normal(size=(300, 20)).tolist()

    def alarms(known: bool) -> int:
        found = 0
        for values in noise:
            baseline = baseline_of(values, first=5, history=None)
            assert baseline is not None
            found += bool(watch_chart(values, replace(baseline, freedom=None) if known else baseline).signals)
        return found

    assert alarms(known=True) > 120
    assert alarms(known=False) < 45


def test_one_jump_is_told_by_the_moving_range_with_both_its_points() -> None:
    chart = watch_chart((0.1, -0.1, 2.0, -2.0, 0.1), AROUND_ZERO)

    assert chart.moving_ranges == pytest.approx((0.2, 2.1, 4.0, 2.1))
    assert chart.individuals.moving_range_upper == pytest.approx(3.267 * 1.128)
    assert chart.signals == (Signal(rule="moving range", first=2, last=3),)


def test_a_lasting_shift_of_one_and_a_half_sd_is_told_by_the_ewma_alone_before_it_is_nine_points_long() -> None:
    chart = watch_chart((0.2, -0.2) * 4 + (1.6, 1.4, 1.5, 1.4, 1.6, 1.5, 1.4, 1.6), AROUND_ZERO)

    (signal,) = chart.signals
    assert signal.rule == "EWMA"
    assert 8 < signal.first <= 15
    assert signal.last == 15


def test_signals_come_in_order_of_their_first_point() -> None:
    chart = watch_chart((0.0, 4.0, 0.0, *(0.5, 0.4) * 3, *(0.6 + 0.1 * step for step in range(9))), AROUND_ZERO)

    assert {signal.rule for signal in chart.signals} == {"Nelson 1", "Nelson 2", "Nelson 3", "moving range", "EWMA"}
    assert [signal.first for signal in chart.signals] == sorted(signal.first for signal in chart.signals)


@pytest.mark.parametrize("value", [0.0, 0.1, -7.3, 1e9, 1.1e-7])
def test_equal_values_give_no_signal_and_any_other_value_is_beyond(value: float) -> None:
    baseline = baseline_of([value] * 7, first=7, history=None)
    assert baseline is not None
    assert (baseline.centre, baseline.sd) == (value, 0.0)

    assert watch_chart([value] * 30, baseline).signals == ()
    found = watch_chart([value] * 5 + [value + 1e-3], baseline).signals
    assert {signal.rule for signal in found} == {"Nelson 1", "moving range", "EWMA"}


def test_nothing_or_one_value_is_a_chart_without_signals() -> None:
    assert watch_chart((), AROUND_ZERO).signals == ()
    chart = watch_chart((0.5,), AROUND_ZERO)
    assert chart.moving_ranges == ()
    assert len(chart.ewma.points) == 1


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_what_is_no_finite_number_is_refused(bad: float) -> None:
    for refused in (
        lambda: individuals_limits((1.0, bad, 2.0)),
        lambda: ewma((1.0, bad), centre=0.0, sd=1.0),
        lambda: ewma((1.0,), centre=bad, sd=1.0),
        lambda: nelson_signals((bad,), centre=0.0, sd=1.0),
        lambda: nelson_signals((1.0,), centre=0.0, sd=bad),
        lambda: baseline_of((bad,), first=2, history=None),
        lambda: watch_chart((bad,), AROUND_ZERO),
        lambda: Baseline(centre=bad, sd=1.0, points=3, source="site history"),
    ):
        with pytest.raises(InputError) as told:
            refused()
        assert told.value.reason == "BAD_VALUES"


def test_what_makes_no_sense_is_refused() -> None:
    for refused in (
        lambda: individuals_limits((1.0,)),
        lambda: ewma((1.0,), centre=0.0, sd=-1.0),
        lambda: ewma((1.0,), centre=0.0, sd=1.0, weight=0.0),
        lambda: ewma((1.0,), centre=0.0, sd=1.0, weight=1.1),
        lambda: baseline_of((1.0, 2.0), first=1, history=None),
        lambda: Baseline(centre=0.0, sd=-1.0, points=3, source="site history"),
        lambda: Baseline(centre=0.0, sd=1.0, points=0, source="site history"),
    ):
        with pytest.raises(InputError) as told:
            refused()
        assert told.value.reason == "BAD_VALUES"


def test_the_exact_ewma_limits_of_nist_6_3_2_4_begin_at_the_weight_and_end_at_the_asymptote() -> None:
    """0.3 x 3 x 2.0539 = 1.8485 at the first point; 3 x 2.0539 sqrt(0.3 / 1.7) = 2.5884 at last; by hand."""
    points = ewma(NIST_EWMA, centre=50.0, sd=2.0539, weight=0.3).points

    assert points[0].upper - 50.0 == pytest.approx(1.8485, abs=5e-5)
    assert 50.0 - points[0].lower == pytest.approx(1.8485, abs=5e-5)
    assert points[-1].upper - 50.0 == pytest.approx(2.5884, abs=5e-5)
    reach = [point.upper for point in points]
    assert reach == sorted(reach)


def test_an_ewma_without_spread_has_limits_of_no_width() -> None:
    points = ewma((1.0, 1.0, 2.0), centre=1.0, sd=0.0).points

    assert {(point.lower, point.upper) for point in points} == {(1.0, 1.0)}
    assert [point.value for point in points] == pytest.approx([1.0, 1.0, 1.2])
