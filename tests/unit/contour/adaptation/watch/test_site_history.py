"""A site's history is that of its courses, each counting once, and is used from as many courses on as the rules ask."""

from __future__ import annotations

import math

import pytest

from contour.adaptation.analytics.setup_errors import PatientErrors, patient_errors
from contour.adaptation.watch.rules import read_watch_rules
from contour.adaptation.watch.site_history import site_history

RULES = read_watch_rules("baseline.site_courses = 4\nmargin.prior_courses = 3")
FOUR = ((1.0, 3.0), (-1.0, 1.0), (0.0, 4.0), (-3.0, -1.0))


def errors(values: tuple[float, ...]) -> PatientErrors:
    """LR as given, AP twice, SI against the sign."""
    return patient_errors([(value, 2.0 * value, -value) for value in values])


def test_four_courses_are_those_of_a_hand_worked_example() -> None:
    """Hand-worked: 1 3; -1 1; 0 4; -3 -1. Means 2 0 2 -2, variances 2 2 8 2.

    M = 1/2; Sigma^2 = (9/4 + 1/4 + 9/4 + 25/4) / 3 = 11/3; sigma^2 = 14/4. A fraction of any course scatters by
    sqrt(11/3 + 7/2).
    """
    found = site_history([(errors(values), errors(values[::-1])) for values in FOUR], RULES)

    assert found.courses == 4
    assert found.setup is not None
    assert found.setup == found.target
    assert found.setup.mean_xyz_mm == pytest.approx((0.5, 1.0, -0.5))
    assert found.setup.systematic_sd_xyz_mm == pytest.approx(
        (math.sqrt(11 / 3), 2.0 * math.sqrt(11 / 3), math.sqrt(11 / 3))
    )
    assert found.setup.random_sd_xyz_mm == pytest.approx((math.sqrt(3.5), 2.0 * math.sqrt(3.5), math.sqrt(3.5)))
    assert found.setup_charts is not None
    assert [chart.centre for chart in found.setup_charts] == pytest.approx([0.5, 1.0, -0.5])
    assert found.setup_charts[0].sd == pytest.approx(math.sqrt(11 / 3 + 7 / 2))
    assert {(chart.points, chart.source) for chart in found.setup_charts} == {(4, "site history")}


def test_the_prior_and_the_charts_begin_with_as_many_courses_as_the_rules_ask_for() -> None:
    of = [site_history([(errors(v), errors(v)) for v in FOUR[:count]], RULES) for count in range(5)]

    assert [one.courses for one in of] == [0, 0, 2, 3, 4]
    assert [one.target is not None for one in of] == [False, False, True, True, True]
    assert [one.prior is not None for one in of] == [False, False, False, True, True]
    assert [one.setup_charts is not None for one in of] == [False, False, False, False, True]
    assert [one.target_charts is not None for one in of] == [False, False, False, False, True]


def test_the_prior_is_the_targets_and_not_the_setups() -> None:
    found = site_history([(errors(values), errors(tuple(2.0 * v for v in values))) for values in FOUR], RULES)

    assert found.prior is not None
    assert found.prior.mean_xyz_mm == pytest.approx((1.0, 2.0, -1.0))
    assert found.prior.patients == 4


def test_courses_without_errors_and_of_one_fraction_do_not_count() -> None:
    found = site_history([(None, None), (errors((1.0,)), None), *((errors(v), None) for v in FOUR[:2])], RULES)

    assert found.courses == 2
    assert found.target is None
    assert found.prior is None
