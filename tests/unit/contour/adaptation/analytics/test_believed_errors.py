"""What is believed of a patient begins as the population, moves to the patient's own, and asks for a margin."""

from __future__ import annotations

import itertools
import math
import random

import pytest

from contour.adaptation.analytics.setup_errors import (
    HEAD_AND_NECK_BEFORE_GUIDANCE,
    PatientErrors,
    PopulationErrors,
    believed_errors,
    margin_needed_xyz_mm,
    patient_errors,
    running_errors,
    van_herk_margin_xyz_mm,
)
from contour.errors import InputError
from registration.grid import Triple

POPULATION = PopulationErrors(
    mean_xyz_mm=(0.5, -0.2, 0.0),
    systematic_sd_xyz_mm=(1.2, 0.8, 2.0),
    random_sd_xyz_mm=(1.5, 1.1, 1.8),
    patients=40,
)


@pytest.mark.parametrize(("count", "mean", "low", "high"), [(10, 150.7, 138, 163), (100, 150.1, 146, 154)])
def test_systematic_error_is_the_posterior_of_gelman_bda3_exercise_2_8(
    count: int, mean: float, low: int, high: int
) -> None:
    """Weights: known SD 20, prior N(180, 40), n students of mean 150; 95 % intervals 138-163 and 146-154."""
    believed = believed_errors(
        PatientErrors(mean_xyz_mm=(150.0,) * 3, sd_xyz_mm=(20.0,) * 3, fractions=count),
        PopulationErrors(
            mean_xyz_mm=(180.0,) * 3, systematic_sd_xyz_mm=(40.0,) * 3, random_sd_xyz_mm=(20.0,) * 3, patients=2
        ),
    )

    assert believed.systematic_xyz_mm == pytest.approx((mean,) * 3, abs=0.05)
    assert round(believed.systematic_xyz_mm[0] - 1.96 * believed.systematic_sd_xyz_mm[0]) == low
    assert round(believed.systematic_xyz_mm[2] + 1.96 * believed.systematic_sd_xyz_mm[2]) == high
    assert believed.random_sd_xyz_mm == pytest.approx((20.0,) * 3)
    assert believed.fractions == count


def test_systematic_error_is_what_bolstads_normnp_gives() -> None:
    """R package Bolstad, normnp(v, 30, 4): v 31.1 28.2 34.2 35 31.5, SD 2.708: mean 31.8320261, SD 1.1592201."""
    patient = patient_errors([(value, value - 10.0, -value) for value in (31.1, 28.2, 34.2, 35.0, 31.5)])
    assert patient.sd_xyz_mm is not None
    assert patient.sd_xyz_mm[0] == pytest.approx(2.708, abs=5e-4)

    believed = believed_errors(
        patient,
        PopulationErrors(
            mean_xyz_mm=(30.0, 20.0, -30.0),
            systematic_sd_xyz_mm=(4.0,) * 3,
            random_sd_xyz_mm=patient.sd_xyz_mm,
            patients=2,
        ),
    )

    assert believed.systematic_xyz_mm == pytest.approx((31.8320261, 21.8320261, -31.8320261), abs=1e-7)
    assert believed.systematic_sd_xyz_mm == pytest.approx((1.1592201,) * 3, abs=1e-7)


def test_random_error_is_the_weighted_variance_of_gelman_bda3_section_2_6() -> None:
    """By hand, d = 5: variances 4 of the population and 9 of six fractions: (5 * 4 + 5 * 9) / 10 = 6.5."""
    prior = PopulationErrors(
        mean_xyz_mm=(0.0,) * 3, systematic_sd_xyz_mm=(1.0,) * 3, random_sd_xyz_mm=(2.0, 3.0, 2.0), patients=9
    )
    patient = PatientErrors(mean_xyz_mm=(0.0,) * 3, sd_xyz_mm=(3.0, 3.0, 0.0), fractions=6)

    found = believed_errors(patient, prior).random_sd_xyz_mm
    stiff = believed_errors(patient, prior, prior_degrees_of_freedom=1e9).random_sd_xyz_mm

    assert found == pytest.approx((math.sqrt(6.5), 3.0, math.sqrt(2.0)))
    assert stiff == pytest.approx((2.0, 3.0, 2.0))


def test_before_the_first_fraction_the_patient_is_the_population() -> None:
    believed = believed_errors(None, POPULATION)

    assert believed.systematic_xyz_mm == (0.5, -0.2, 0.0)
    assert believed.systematic_sd_xyz_mm == (1.2, 0.8, 2.0)
    assert believed.random_sd_xyz_mm == pytest.approx((1.5, 1.1, 1.8))
    assert believed.fractions == 0


def test_after_one_fraction_the_random_error_is_still_the_populations() -> None:
    believed = believed_errors(patient_errors([(3.0, 0.0, -1.0)]), POPULATION)

    assert believed.random_sd_xyz_mm == pytest.approx(POPULATION.random_sd_xyz_mm)
    assert 0.5 < believed.systematic_xyz_mm[0] < 3.0
    assert believed.systematic_sd_xyz_mm[0] < 1.2


def test_margin_before_the_first_fraction_is_van_herks_of_the_population() -> None:
    prior = HEAD_AND_NECK_BEFORE_GUIDANCE

    assert margin_needed_xyz_mm(believed_errors(None, prior)) == pytest.approx(
        van_herk_margin_xyz_mm(prior.systematic_sd_xyz_mm, prior.random_sd_xyz_mm)
    )
    assert margin_needed_xyz_mm(believed_errors(None, prior)) == pytest.approx((5.87, 7.51, 6.30))


def test_margin_holds_the_populations_mean_and_the_patients() -> None:
    assert margin_needed_xyz_mm(believed_errors(None, POPULATION)) == pytest.approx(
        (0.5 + 3.0 + 1.05, 0.2 + 2.0 + 0.77, 5.0 + 1.26)
    )


def test_what_is_not_known_shrinks_with_every_fraction_and_the_mean_takes_its_place() -> None:
    draw = random.Random(3)
    shifts: list[Triple] = [(draw.gauss(2.0, 1.5), draw.gauss(-1.0, 1.1), draw.gauss(0.0, 1.8)) for _ in range(400)]
    steps = [believed_errors(None, POPULATION)]
    steps += [believed_errors(errors, POPULATION) for errors in running_errors(shifts[:40])]
    last = believed_errors(patient_errors(shifts), POPULATION)

    for before, after in itertools.pairwise(steps):
        assert all(
            wide > narrow for wide, narrow in zip(before.systematic_sd_xyz_mm, after.systematic_sd_xyz_mm, strict=True)
        )
    assert last.systematic_xyz_mm == pytest.approx(patient_errors(shifts).mean_xyz_mm, abs=0.02)
    assert margin_needed_xyz_mm(last)[0] == pytest.approx(2.0 + 0.7 * 1.5, abs=0.5)


@pytest.mark.parametrize(
    ("between", "within", "systematic", "spread"),
    [(0.0, 1.0, 0.5, 0.0), (1.0, 0.0, 2.0, 0.0), (0.0, 0.0, 0.5, 0.0), (1e-200, 0.0, 2.0, 0.0)],
)
def test_a_population_without_spread_divides_by_nothing(
    between: float, within: float, systematic: float, spread: float
) -> None:
    prior = PopulationErrors(
        mean_xyz_mm=(0.5,) * 3, systematic_sd_xyz_mm=(between,) * 3, random_sd_xyz_mm=(within,) * 3, patients=2
    )
    believed = believed_errors(patient_errors([(2.0, 2.0, 2.0)] * 3), prior)

    assert believed.systematic_xyz_mm == pytest.approx((systematic,) * 3)
    assert believed.systematic_sd_xyz_mm == pytest.approx((spread,) * 3)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf, 0.0, -1.0])
def test_prior_degrees_of_freedom_that_make_no_sense_are_refused(bad: float) -> None:
    with pytest.raises(InputError) as told:
        believed_errors(None, POPULATION, prior_degrees_of_freedom=bad)
    assert told.value.reason == "BAD_VALUES"


def test_the_posterior_is_that_of_fractions_worked_by_hand() -> None:
    """By hand, BDA3 2.11 and 2.12: M 1, Sigma 2, sigma 3; four fractions of mean 5.

    (4 x 4 x 5 + 9 x 1) / (4 x 4 + 9) = 89 / 25 = 3.56; SD^2 = 4 x 9 / 25, SD 6 / 5. Random: d 5, s 1 with three
    degrees: (5 x 9 + 3 x 1) / 8 = 6. Margin: 3.56 + 2.5 x 1.2 + 0.7 sqrt(6).
    """
    believed = believed_errors(
        PatientErrors(mean_xyz_mm=(5.0,) * 3, sd_xyz_mm=(1.0,) * 3, fractions=4),
        PopulationErrors(
            mean_xyz_mm=(1.0,) * 3, systematic_sd_xyz_mm=(2.0,) * 3, random_sd_xyz_mm=(3.0,) * 3, patients=9
        ),
    )

    assert believed.systematic_xyz_mm == pytest.approx((89 / 25,) * 3)
    assert believed.systematic_sd_xyz_mm == pytest.approx((6 / 5,) * 3)
    assert believed.random_sd_xyz_mm == pytest.approx((math.sqrt(6.0),) * 3)
    assert margin_needed_xyz_mm(believed) == pytest.approx((3.56 + 3.0 + 0.7 * math.sqrt(6.0),) * 3)


def test_no_fraction_asks_for_two_and_a_half_sigma_and_seven_tenths_sigma_of_the_prior_by_hand() -> None:
    """Sigma 2, sigma 3, M 0: 2.5 x 2 + 0.7 x 3 = 7.1 mm."""
    prior = PopulationErrors(
        mean_xyz_mm=(0.0,) * 3, systematic_sd_xyz_mm=(2.0,) * 3, random_sd_xyz_mm=(3.0,) * 3, patients=9
    )

    assert margin_needed_xyz_mm(believed_errors(None, prior)) == pytest.approx((7.1,) * 3)


def test_where_patients_do_not_differ_the_patients_own_mean_is_not_believed() -> None:
    """Sigma 0: it stays M, and the margin is |M| + 0.7 sigma, however far the patient's own fractions lie."""
    prior = PopulationErrors(
        mean_xyz_mm=(0.5,) * 3, systematic_sd_xyz_mm=(0.0,) * 3, random_sd_xyz_mm=(1.0,) * 3, patients=9
    )
    believed = believed_errors(patient_errors([(9.0, 9.0, 9.0)]), prior)

    assert margin_needed_xyz_mm(believed) == pytest.approx((1.2,) * 3)
