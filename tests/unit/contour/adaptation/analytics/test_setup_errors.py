"""Systematic and random errors, of a patient and of a population, are those of published examples."""

from __future__ import annotations

import math

import numpy as np
import pytest

from contour.adaptation.analytics.setup_errors import (
    PatientErrors,
    PopulationErrors,
    corrected_systematic_sd_xyz_mm,
    patient_errors,
    population_errors,
    running_errors,
    van_herk_margin_mm,
    van_herk_margin_xyz_mm,
)
from contour.errors import InputError
from registration.grid import Triple

YAPOMIF = ((2, 1, 1, 1), (4, -2, 2, 0), (1, -1, 2, 2), (3, -3, -2, 1))
DYESTUFF = (
    (1545, 1440, 1440, 1520, 1580),
    (1540, 1555, 1490, 1560, 1495),
    (1595, 1550, 1605, 1510, 1560),
    (1445, 1440, 1595, 1465, 1545),
    (1595, 1630, 1515, 1635, 1625),
    (1520, 1455, 1450, 1480, 1445),
)
DYESTUFF_2 = (
    (7.298, 3.846, 2.434, 9.566, 7.990),
    (5.220, 6.556, 0.608, 11.788, -0.892),
    (0.110, 10.386, 13.434, 5.510, 8.166),
    (2.212, 4.852, 7.092, 9.288, 4.980),
    (0.282, 9.014, 4.458, 9.446, 7.198),
    (1.722, 4.782, 8.106, 0.758, 3.758),
)


def along_each_axis(values: tuple[float, ...]) -> PatientErrors:
    """The same figures along LR, ten less along AP and against the sign along SI."""
    return patient_errors([(float(value), value - 10.0, -float(value)) for value in values])


def test_a_patient_has_the_mean_and_the_sd_with_n_less_one_of_each_axis() -> None:
    """By hand: 1, 2, 6 has mean 3 and variance (4 + 1 + 9) / 2 = 7."""
    found = patient_errors([(1.0, 0.0, -2.0), (2.0, 0.0, -4.0), (6.0, 0.0, -12.0)])

    assert found.mean_xyz_mm == pytest.approx((3.0, 0.0, -6.0))
    assert found.sd_xyz_mm == pytest.approx((math.sqrt(7.0), 0.0, 2.0 * math.sqrt(7.0)))
    assert found.fractions == 3


def test_one_fraction_has_a_mean_and_no_sd() -> None:
    assert patient_errors([(1.0, -2.0, 3.0)]) == PatientErrors(
        mean_xyz_mm=(1.0, -2.0, 3.0), sd_xyz_mm=None, fractions=1
    )


def test_equal_shifts_have_no_spread_at_all() -> None:
    found = patient_errors([(0.1, -0.3, 1.7)] * 7)

    assert found.mean_xyz_mm == (0.1, -0.3, 1.7)
    assert found.sd_xyz_mm == (0.0, 0.0, 0.0)


def test_running_errors_are_those_of_the_fractions_so_far() -> None:
    shifts: list[Triple] = [(1.0, 4.0, 0.0), (3.0, 2.0, 0.5), (-2.0, 0.0, 1.0)]

    assert running_errors(shifts) == tuple(patient_errors(shifts[:count]) for count in (1, 2, 3))
    assert running_errors([]) == ()


def test_population_is_that_of_the_yapomif_example_after_van_herk_2004() -> None:
    """R package yapomif, `setup_errors`: 2 1 1 1; 4 -2 2 0; 1 -1 2 2; 3 -3 -2 1, which cites van Herk 2004.

    By hand: means 5/4, 1, 1, -1/4; variances 1/4, 20/3, 2, 91/12; so M = 3/4, Sigma^2 = 11/24, sigma^2 = 33/8.
    """
    found = population_errors([along_each_axis(values) for values in YAPOMIF])

    assert found is not None
    assert found.mean_xyz_mm == pytest.approx((0.75, -9.25, -0.75))
    assert found.systematic_sd_xyz_mm == pytest.approx((math.sqrt(11 / 24),) * 3)
    assert found.systematic_sd_xyz_mm[0] == pytest.approx(0.6770, abs=5e-5)
    assert found.random_sd_xyz_mm == pytest.approx((math.sqrt(33 / 8),) * 3)
    assert found.random_sd_xyz_mm[0] == pytest.approx(2.0310, abs=5e-5)
    assert found.patients == 4


def test_population_needs_two_patients_of_two_fractions() -> None:
    many, single = along_each_axis((1, 2, 3)), along_each_axis((9,))

    assert population_errors([]) is None
    assert population_errors([many, single, single]) is None
    assert corrected_systematic_sd_xyz_mm([many, single]) is None
    found = population_errors([many, single, many])
    assert found is not None
    assert found.patients == 2
    assert found.mean_xyz_mm[0] == 2.0


def test_corrected_sigma_is_the_batch_component_of_davies_dyestuff() -> None:
    """Davies 1967 (lme4's Dyestuff): mean squares 11271.5 and 2451.25, component of batches 1764.05, mean 1527.5."""
    batches = [along_each_axis(values) for values in DYESTUFF]
    population, corrected = population_errors(batches), corrected_systematic_sd_xyz_mm(batches)

    assert population is not None
    assert corrected is not None
    assert population.mean_xyz_mm[0] == pytest.approx(1527.5)
    assert population.random_sd_xyz_mm[0] ** 2 == pytest.approx(2451.25)
    assert 5 * population.systematic_sd_xyz_mm[0] ** 2 == pytest.approx(11271.5)
    assert [sd**2 for sd in corrected] == pytest.approx([1764.05] * 3)


def test_corrected_sigma_is_zero_for_box_and_tiaos_batches() -> None:
    """Box and Tiao 1973 (lme4's Dyestuff2): mean squares 8.336 between and 14.946 within; the component is negative."""
    batches = [along_each_axis(values) for values in DYESTUFF_2]
    population = population_errors(batches)

    assert population is not None
    assert 5 * population.systematic_sd_xyz_mm[0] ** 2 == pytest.approx(8.336, abs=5e-4)
    assert population.random_sd_xyz_mm[0] ** 2 == pytest.approx(14.946, abs=5e-4)
    assert corrected_systematic_sd_xyz_mm(batches) == (0.0, 0.0, 0.0)


def test_corrected_sigma_takes_each_patients_own_number_of_fractions() -> None:
    """By hand: means 0 and 4 (Sigma^2 8); variances 2 over 2 fractions and 1 over 3: 8 - (1 + 1/3) / 2 = 22/3."""
    corrected = corrected_systematic_sd_xyz_mm([along_each_axis((-1, 1)), along_each_axis((3, 4, 5))])

    assert corrected == pytest.approx((math.sqrt(22 / 3),) * 3)


@pytest.mark.parametrize(
    ("systematic_mm", "random_mm", "printed_mm"), [(2.1, 3.3, 7.6), (1.1, 2.0, 4.2), (2.9, 2.2, 8.8), (4.1, 3.8, 12.9)]
)
def test_margin_is_van_herks_of_four_rows_of_a_published_table(
    systematic_mm: float, random_mm: float, printed_mm: float
) -> None:
    """Table 1 of doi:10.1016/j.phro.2019.02.005: Sigma, sigma and the margin by van Herk's formula, to 0.1 mm.

    Its two other rows print 0.2 and 0.3 mm more than the formula gives of their Sigma and sigma.
    """
    assert van_herk_margin_mm(systematic_mm, random_mm) == pytest.approx(printed_mm, abs=0.0501)


def test_margin_along_each_axis_is_that_of_the_axis() -> None:
    assert van_herk_margin_xyz_mm((1.0, 2.0, 0.0), (2.0, 0.0, 1.0)) == pytest.approx((3.9, 5.0, 0.7))


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_what_is_no_finite_number_is_refused(bad: float) -> None:
    for refused in (
        lambda: patient_errors([(0.0, 0.0, 0.0), (0.0, bad, 0.0)]),
        lambda: running_errors([(0.0, 0.0, bad)]),
        lambda: van_herk_margin_mm(bad, 1.0),
        lambda: PatientErrors(mean_xyz_mm=(0.0, 0.0, bad), sd_xyz_mm=None, fractions=1),
        lambda: PopulationErrors(
            mean_xyz_mm=(0.0,) * 3, systematic_sd_xyz_mm=(bad, 1.0, 1.0), random_sd_xyz_mm=(1.0,) * 3, patients=3
        ),
    ):
        with pytest.raises(InputError) as told:
            refused()
        assert told.value.reason == "BAD_VALUES"


def test_what_makes_no_sense_is_refused() -> None:
    for refused in (
        lambda: patient_errors([]),
        lambda: patient_errors([(1.0, 2.0)]),  # type: ignore[list-item]
        lambda: van_herk_margin_mm(-1.0, 1.0),
        lambda: PatientErrors(mean_xyz_mm=(0.0,) * 3, sd_xyz_mm=None, fractions=2),
        lambda: PatientErrors(mean_xyz_mm=(0.0,) * 3, sd_xyz_mm=(1.0,) * 3, fractions=1),
        lambda: PatientErrors(mean_xyz_mm=(0.0,) * 3, sd_xyz_mm=(-1.0, 1.0, 1.0), fractions=2),
    ):
        with pytest.raises(InputError) as told:
            refused()
        assert told.value.reason == "BAD_VALUES"


def test_population_is_that_of_four_patients_with_unlike_numbers_of_fractions_hand_worked() -> None:
    """Hand-worked, in van Herk 2004's table: a column for each patient, each counting once.

    patient      A: 1 2 3    B: -1 1    C: 4 4 6 6    D: -2
    mean         2           0          5             (one fraction: left out)
    variance     1           2          4/3
    M = 7/3; Sigma^2 = (1/9 + 49/9 + 64/9) / 2 = 19/3; sigma^2 = (1 + 2 + 4/3) / 3 = 13/9.
    """
    patients = [along_each_axis(values) for values in ((1, 2, 3), (-1, 1), (4, 4, 6, 6), (-2,))]
    found = population_errors(patients)

    assert found is not None
    assert found.mean_xyz_mm == pytest.approx((7 / 3, 7 / 3 - 10.0, -7 / 3))
    assert found.systematic_sd_xyz_mm == pytest.approx((math.sqrt(19 / 3),) * 3)
    assert found.random_sd_xyz_mm == pytest.approx((math.sqrt(13 / 9),) * 3)
    assert found.patients == 3


def test_numpy_finds_the_same_means_and_sds() -> None:
    draw = np.random.default_rng(4)
    courses = [draw.normal((1.0, -2.0, 0.5), (1.0, 3.0, 0.2), (count, 3)) for count in (2, 7, 33)]
    found = population_errors([patient_errors([tuple(row) for row in shifts]) for shifts in courses])

    assert found is not None
    means = np.array([shifts.mean(axis=0) for shifts in courses])
    assert found.mean_xyz_mm == pytest.approx(means.mean(axis=0))
    assert found.systematic_sd_xyz_mm == pytest.approx(np.std(means, axis=0, ddof=1))
    assert found.random_sd_xyz_mm == pytest.approx(
        np.sqrt(np.mean([np.var(shifts, axis=0, ddof=1) for shifts in courses], axis=0))
    )


@pytest.mark.parametrize(
    ("systematic_mm", "random_mm", "margin_mm"),
    [(1.0, 0.0, 2.5), (0.0, 1.0, 0.7), (2.0, 3.0, 7.1), (0.0, 0.0, 0.0)],
)
def test_margin_is_two_and_a_half_sigma_and_seven_tenths_as_van_herk_2000_has_it(
    systematic_mm: float, random_mm: float, margin_mm: float
) -> None:
    """doi:10.1016/S0360-3016(00)00518-6: 2.5 Sigma + 0.7 sigma; the figures are hand-worked."""
    assert van_herk_margin_mm(systematic_mm, random_mm) == pytest.approx(margin_mm)
