"""A drift meets the margin where the line says, no sooner than the band's edge and no later than its other edge."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest

from contour.adaptation.analytics.margin_forecast import MarginForecast, drift_crossing, forecast_margins
from contour.adaptation.analytics.trend import confidence_interval
from contour.errors import InputError
from registration.grid import Triple

SD = (1.0, 1.5, 2.0)
PLANNED = (3.0, 4.0, 5.0)


def forecast(
    fractions: list[int],
    shifts: list[Triple],
    *,
    planned: tuple[float | None, float | None, float | None] = PLANNED,
    sd: Triple = SD,
    count: int = 33,
) -> dict[str, MarginForecast]:
    found = forecast_margins(
        fractions, shifts, planned_margin_xyz_mm=planned, random_sd_xyz_mm=sd, planned_fractions=count
    )
    return {entry.axis: entry for entry in found}


def test_drifts_on_a_line_meet_the_margin_where_it_says_by_hand() -> None:
    """LR 0.11 n + 0.7 > 3 at n = 21 (20.9); AP -0.2 n, + 1.05 > 4 at 15 (14.75); SI level at 1 + 1.4: never."""
    numbers = list(range(1, 9))
    found = forecast(numbers, [(0.11 * n, -0.2 * n, 1.0) for n in numbers])

    assert [found[axis].exceeded_at for axis in ("LR", "AP", "SI")] == [21, 15, None]
    assert [found[axis].outlook for axis in ("LR", "AP", "SI")] == [
        "will be exceeded",
        "will be exceeded",
        "within the margin",
    ]
    assert [found[axis].needed_now_mm for axis in ("LR", "AP", "SI")] == pytest.approx([1.58, 2.65, 2.4])
    assert (found["LR"].earliest, found["LR"].latest) == (21, 21)
    assert (found["SI"].earliest, found["SI"].latest) == (None, None)
    assert [found[axis].planned_mm for axis in ("LR", "AP", "SI")] == [3.0, 4.0, 5.0]
    assert {entry.horizon for entry in found.values()} == {33}


def test_gaps_and_order_do_not_move_the_forecast() -> None:
    numbers = [9, 2, 5, 1, 14]
    found = forecast(numbers, [(0.11 * n, -0.2 * n, 1.0) for n in numbers])

    assert [found[axis].exceeded_at for axis in ("LR", "AP", "SI")] == [21, 15, None]
    assert found["LR"].needed_now_mm == pytest.approx(0.11 * 14 + 0.7)


def test_a_margin_that_is_exceeded_already_is_told_from_its_first_fraction() -> None:
    """0.25 n + 0.7 > 3 from n = 10 (9.2) on, seen at fraction 14."""
    numbers = [2, 6, 12, 14]
    found = forecast(numbers, [(0.25 * n, 0.0, 0.0) for n in numbers])["LR"]

    assert found.outlook == "exceeded"
    assert found.exceeded_at == 10
    assert found.needed_now_mm == pytest.approx(4.2)


def test_a_margin_that_was_exceeded_from_the_start_is_told_from_the_first_measured_fraction() -> None:
    found = forecast([3, 4, 5, 6], [(4.0, 0.0, 0.0)] * 4)["LR"]

    assert (found.outlook, found.exceeded_at, found.earliest, found.latest) == ("exceeded", 3, 3, 3)


def test_a_drift_back_into_the_margin_is_not_called_exceeded() -> None:
    """3 - 0.5 n is +2.5 at 1, within at 5, and -2.5 at 11: |line| + 0.7 > 3 from n = 11 (10.6) on."""
    found = forecast([1, 2, 3, 4, 5], [(3.0 - 0.5 * n, 0.0, 0.0) for n in range(1, 6)])["LR"]

    assert (found.outlook, found.exceeded_at) == ("will be exceeded", 11)


def test_needed_margin_is_the_drift_without_sign_and_seven_tenths_of_the_random_error() -> None:
    one_way = forecast([1, 2, 3, 4, 6], [(0.3 * n, 0.0, 0.0) for n in (1, 2, 3, 4, 6)])["LR"]
    other_way = forecast([1, 2, 3, 4, 6], [(-0.3 * n, 0.0, 0.0) for n in (1, 2, 3, 4, 6)])["LR"]

    assert one_way.needed_now_mm == other_way.needed_now_mm == pytest.approx(1.8 + 0.7)
    assert one_way.exceeded_at == other_way.exceeded_at


def test_the_band_is_the_confidence_interval_of_the_line() -> None:
    draw = random.Random(5)
    numbers = list(range(1, 13))
    found = forecast(numbers, [(0.12 * n + draw.gauss(0.0, 0.4), 0.0, 0.0) for n in numbers])["LR"]

    assert found.line is not None
    assert found.earliest is not None
    assert found.exceeded_at is not None
    assert confidence_interval(found.line, found.earliest)[1] + 0.7 > 3.0
    assert confidence_interval(found.line, found.earliest - 1)[1] + 0.7 <= 3.0
    assert found.earliest < found.exceeded_at
    assert found.latest is None or found.latest > found.exceeded_at


def test_earliest_is_never_after_the_line_and_latest_never_before_it() -> None:
    draw = random.Random(23)
    for _ in range(300):
        numbers = sorted(draw.sample(range(1, 30), draw.randint(4, 15)))
        slope, spread = draw.gauss(0.0, 0.2), draw.random()
        shifts = [(slope * n + draw.gauss(0.0, spread), draw.gauss(0.0, spread), slope * n - 2.0) for n in numbers]
        for entry in forecast(numbers, shifts).values():
            places = [math.inf if at is None else at for at in (entry.earliest, entry.exceeded_at, entry.latest)]
            assert places == sorted(places)
            assert (entry.outlook == "within the margin") == (entry.exceeded_at is None)
            assert entry.needed_now_mm is not None
            assert (entry.outlook == "exceeded") == (
                entry.needed_now_mm > PLANNED[("LR", "AP", "SI").index(entry.axis)]
            )


@pytest.mark.parametrize("count", [0, 1, 2, 3])
def test_below_four_fractions_nothing_is_known(count: int) -> None:
    found = forecast(list(range(1, count + 1)), [(9.0, 9.0, 9.0)] * count)

    assert [entry.axis for entry in found.values()] == ["LR", "AP", "SI"]
    for entry in found.values():
        assert entry.outlook == "not known"
        assert (entry.exceeded_at, entry.earliest, entry.latest, entry.needed_now_mm) == (None, None, None, None)
        assert entry.planned_mm is not None
        assert entry.horizon == 33


def test_without_a_planned_margin_only_the_needed_one_is_known() -> None:
    found = forecast([1, 2, 3, 4], [(0.5, 0.5, 0.5)] * 4, planned=(None, 1.0, None))

    assert [entry.outlook for entry in found.values()] == ["not known", "exceeded", "not known"]
    assert found["LR"].needed_now_mm == pytest.approx(0.5 + 0.7)
    assert found["LR"].planned_mm is None


def test_constant_shifts_stay_within_the_margin_for_ever() -> None:
    found = forecast([1, 5, 6, 20], [(0.1, -0.1, 0.0)] * 4)

    assert {entry.outlook for entry in found.values()} == {"within the margin"}
    assert found["SI"].needed_now_mm == pytest.approx(1.4)


def test_a_course_beyond_its_plan_reaches_to_its_last_fraction() -> None:
    assert forecast([1, 2, 3, 36], [(0.0, 0.0, 0.0)] * 4)["LR"].horizon == 36


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_what_is_no_finite_number_is_refused(bad: float) -> None:
    still: list[Triple] = [(0.0, 0.0, 0.0)] * 4
    for refused in (
        lambda: forecast([1, 2, 3, 4], [*still[:3], (0.0, bad, 0.0)]),
        lambda: forecast([1, 2, 3, 4], still, planned=(bad, None, None)),
        lambda: forecast([1, 2, 3, 4], still, sd=(1.0, 1.0, bad)),
    ):
        with pytest.raises(InputError) as told:
            refused()
        assert told.value.reason == "BAD_VALUES"


def test_what_makes_no_sense_is_refused() -> None:
    still: list[Triple] = [(0.0, 0.0, 0.0)] * 4
    for refused in (
        lambda: forecast([1, 2, 3], still),
        lambda: forecast([1, 2, 3, 3], still),
        lambda: forecast([0, 1, 2, 3], still),
        lambda: forecast([1, 2, 3, 4], still, count=0),
        lambda: forecast([1, 2, 3, 4], still, planned=(-1.0, None, None)),
        lambda: forecast([1, 2, 3, 4], still, sd=(-1.0, 1.0, 1.0)),
    ):
        with pytest.raises(InputError) as told:
            refused()
        assert told.value.reason == "BAD_VALUES"


def test_the_forecast_is_the_line_of_anscombes_first_set_and_its_band_by_hand() -> None:
    """Slope 0.5001, intercept 3.0001: at 14 the line is at 10.001, so with 0.7 x 1 of sigma 10.70 mm are needed.

    12 mm are exceeded where 3.0001 + 0.5001 n > 11.3: n = 17 (16.6). The line's SE at 17 is
    1.2366 sqrt(1/11 + 64/110) = 1.0140, t(9) = 2.262: 11.502 +- 2.294. At 12 the upper edge is at
    9.001 + 2.262 x 1.2366 sqrt(1/11 + 9/110) = 10.164, at 14 at 11.631: beyond 11.3 at 13 (10.881) not yet, 14 on.
    """
    numbers = [10, 8, 13, 9, 11, 14, 6, 4, 12, 7, 5]
    values = (8.04, 6.95, 7.58, 8.81, 8.33, 9.96, 7.24, 4.26, 10.84, 4.82, 5.68)
    found = forecast(numbers, [(value, 0.0, 0.0) for value in values], planned=(12.0, None, None))["LR"]

    assert found.line is not None
    assert (found.line.slope, found.line.intercept) == pytest.approx((0.5001, 3.0001), abs=5e-5)
    assert found.needed_now_mm == pytest.approx(10.701, abs=1e-3)
    assert (found.outlook, found.exceeded_at, found.earliest) == ("will be exceeded", 17, 14)
    assert confidence_interval(found.line, 17.0) == pytest.approx((11.502 - 2.294, 11.502 + 2.294), abs=2e-3)


def test_a_margin_of_nothing_is_exceeded_by_any_drift_and_by_none_without_one() -> None:
    none = (0.0, 0.0, 0.0)
    found = forecast([1, 2, 3, 4], [(0.1, 0.0, 0.0)] * 4, planned=none, sd=none)

    assert [entry.outlook for entry in found.values()] == ["exceeded", "within the margin", "within the margin"]


def test_a_drift_crosses_where_its_forecast_says_and_scatter_alone_nowhere() -> None:
    noise = np.random.default_rng(3)
    numbers = list(range(1, 13))
    for slope in (0.0, 0.4, -0.4):
        shifts = (slope * np.array(numbers) + noise.normal(0.0, 0.3, 12)).tolist()
        crossing = drift_crossing(numbers, shifts, planned_mm=5.0, random_sd_mm=0.3, planned_fractions=30)
        forecast, *_ = forecast_margins(
            numbers,
            [(shift, 0.0, 0.0) for shift in shifts],
            planned_margin_xyz_mm=(5.0, 5.0, 5.0),
            random_sd_xyz_mm=(0.3, 0.3, 0.3),
            planned_fractions=30,
        )
        assert crossing == (forecast.exceeded_at if slope else None)
    assert drift_crossing([1, 2, 3], [4.0, 5.0, 6.0], planned_mm=5.0, random_sd_mm=0.0, planned_fractions=30) is None
