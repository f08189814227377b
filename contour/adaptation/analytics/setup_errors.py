"""Systematic and random errors, of a patient and of a population, and the margin they ask for.

Errors are triples (LR, AP, SI) in millimetres, signed; every statistic is taken along one axis at a time.

    patient      mean: the patient's systematic error; SD (n - 1): the patient's random error
    population   M: mean of the patients' means; Sigma: SD of them; sigma: root mean square of the patients' SDs
    believed     what is to be believed of one patient after n fractions, the population being what was known before

    >>> van_herk_margin_mm(1.2, 1.5)
    4.05

References:
    van Herk 2004, Errors and margins in radiotherapy, doi:10.1053/j.semradonc.2003.10.003.
    van Herk et al. 2000, the margin recipe, doi:10.1016/S0360-3016(00)00518-6.
    Lam et al. 2005, Bayesian statistics for set-up errors, doi:10.1088/0031-9155/50/16/013.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from contour.adaptation.analytics.finite import at_least_zero, finite_numbers, finite_triples, mean_of, sd_of
from contour.errors import InputError
from registration.grid import Triple

SYSTEMATIC_WEIGHT = 2.5
RANDOM_WEIGHT = 0.7
PRIOR_DEGREES_OF_FREEDOM = 5.0  # ours: the population's variance counts as much as six fractions of the patient's own


@dataclass(frozen=True, slots=True, kw_only=True)
class PatientErrors:
    """One patient's errors.

    Args:
        mean_xyz_mm: Systematic error.
        sd_xyz_mm: Random error, with n - 1; None after a single fraction.
        fractions: n, at least 1.

    Raises:
        InputError: not finite, a negative SD, or an SD where n is 1 and none where n is more (BAD_VALUES).
    """

    mean_xyz_mm: Triple
    sd_xyz_mm: Triple | None
    fractions: int

    def __post_init__(self) -> None:
        finite_numbers(self.mean_xyz_mm, "mean_xyz_mm")
        at_least_zero(self.sd_xyz_mm or (), "sd_xyz_mm")
        if self.fractions < 1 or (self.fractions > 1) != (self.sd_xyz_mm is not None):
            raise InputError(f"{self.fractions} fractions do not go with the SD that is given", reason="BAD_VALUES")


@dataclass(frozen=True, slots=True, kw_only=True)
class PopulationErrors:
    """A population's errors.

    Args:
        mean_xyz_mm: M, the mean of the patients' means.
        systematic_sd_xyz_mm: Sigma, the SD of the patients' means.
        random_sd_xyz_mm: sigma, the root mean square of the patients' SDs, each patient counting once.
        patients: How many there were.

    Raises:
        InputError: not finite, or a negative SD (BAD_VALUES).
    """

    mean_xyz_mm: Triple
    systematic_sd_xyz_mm: Triple
    random_sd_xyz_mm: Triple
    patients: int

    def __post_init__(self) -> None:
        finite_numbers(self.mean_xyz_mm, "mean_xyz_mm")
        at_least_zero(self.systematic_sd_xyz_mm, "systematic_sd_xyz_mm")
        at_least_zero(self.random_sd_xyz_mm, "random_sd_xyz_mm")


@dataclass(frozen=True, slots=True, kw_only=True)
class BelievedErrors:
    """What is to be believed of one patient.

    Args:
        systematic_xyz_mm: The systematic error.
        systematic_sd_xyz_mm: How far it may still be from that: a standard deviation.
        random_sd_xyz_mm: The random error.
        fractions: How many of the patient's own fractions are in it; 0 is the population.
    """

    systematic_xyz_mm: Triple
    systematic_sd_xyz_mm: Triple
    random_sd_xyz_mm: Triple
    fractions: int


# Head and neck, mask, laser set-up, before any image guidance; for a site that has no history of its own. Lenko and
# Peterlin 2018, doi:10.1017/S1460396917000504: 79 plans with the reference isocentre in the skull. Their abstract tells
# no M; 0 stands for it, since one room's offset is not another's. What remains after daily guidance is smaller.
HEAD_AND_NECK_BEFORE_GUIDANCE = PopulationErrors(
    mean_xyz_mm=(0.0, 0.0, 0.0),
    systematic_sd_xyz_mm=(1.9, 2.5, 2.1),
    random_sd_xyz_mm=(1.6, 1.8, 1.5),
    patients=79,
)


def patient_errors(shifts_xyz_mm: Sequence[Triple]) -> PatientErrors:
    """A patient's mean and standard deviation over the fractions so far.

    Raises:
        InputError: no fraction, or a shift that is not finite (BAD_VALUES).
    """
    shifts = finite_triples(shifts_xyz_mm, "shifts_xyz_mm")
    if not shifts:
        raise InputError("no fraction; expected 1 or more", reason="BAD_VALUES")
    along = tuple(zip(*shifts, strict=True))
    return PatientErrors(
        mean_xyz_mm=_triple(mean_of(values) for values in along),
        sd_xyz_mm=None if len(shifts) < 2 else _triple(sd_of(values) for values in along),
        fractions=len(shifts),
    )


def running_errors(shifts_xyz_mm: Sequence[Triple]) -> tuple[PatientErrors, ...]:
    """A patient's errors after each fraction, from the first on; empty where there is none.

    Raises:
        InputError: a shift that is not finite (BAD_VALUES).
    """
    return tuple(patient_errors(shifts_xyz_mm[: count + 1]) for count in range(len(shifts_xyz_mm)))


def population_errors(patients: Sequence[PatientErrors]) -> PopulationErrors | None:
    """M, Sigma and sigma over the patients with two fractions or more; None where there are fewer than two of them.

    Every patient counts once, however many fractions there were: van Herk 2004. Sigma is as found; it holds a share of
    the random error too, see `corrected_systematic_sd_xyz_mm`.
    """
    spreads = [(patient, patient.sd_xyz_mm) for patient in patients if patient.sd_xyz_mm is not None]
    if len(spreads) < 2:
        return None
    means = tuple(zip(*(patient.mean_xyz_mm for patient, _ in spreads), strict=True))
    return PopulationErrors(
        mean_xyz_mm=_triple(mean_of(values) for values in means),
        systematic_sd_xyz_mm=_triple(sd_of(values) for values in means),
        random_sd_xyz_mm=_triple(
            math.sqrt(mean_of([sd * sd for sd in values]))
            for values in zip(*(spread for _, spread in spreads), strict=True)
        ),
        patients=len(spreads),
    )


def corrected_systematic_sd_xyz_mm(patients: Sequence[PatientErrors]) -> Triple | None:
    """Sigma without what the random error adds to it; None where there are fewer than two patients with two fractions.

    A mean over n_p fractions strays by sigma_p^2 / n_p, which the SD of the patients' means takes for a difference
    between patients: Sigma_corrected^2 = Sigma^2 - mean(sigma_p^2 / n_p), 0 where that is negative. With as many
    fractions for each patient it is the analysis-of-variance estimate of the component between groups.

    References:
        Searle, Casella and McCulloch 1992, Variance Components, 3, doi:10.1002/9780470316856.
    """
    population = population_errors(patients)
    if population is None:
        return None
    shares = [
        [sd * sd / patient.fractions for sd in patient.sd_xyz_mm]
        for patient in patients
        if patient.sd_xyz_mm is not None
    ]
    return _triple(
        math.sqrt(max(0.0, sd * sd - mean_of(share)))
        for sd, share in zip(population.systematic_sd_xyz_mm, zip(*shares, strict=True), strict=True)
    )


def van_herk_margin_mm(systematic_sd_mm: float, random_sd_mm: float) -> float:
    """2.5 Sigma + 0.7 sigma: at least 95 % of the dose to the CTV's edge for 90 % of the patients.

    For many fractions and a photon beam's penumbra; doi:10.1016/S0360-3016(00)00518-6.

    Raises:
        InputError: negative or not finite (BAD_VALUES).
    """
    systematic_mm, random_mm = at_least_zero((systematic_sd_mm, random_sd_mm), "standard deviation")
    return SYSTEMATIC_WEIGHT * systematic_mm + RANDOM_WEIGHT * random_mm


def van_herk_margin_xyz_mm(systematic_sd_xyz_mm: Triple, random_sd_xyz_mm: Triple) -> Triple:
    """`van_herk_margin_mm` along each axis."""
    return _triple(map(van_herk_margin_mm, systematic_sd_xyz_mm, random_sd_xyz_mm))


def believed_errors(
    patient: PatientErrors | None,
    prior: PopulationErrors,
    *,
    prior_degrees_of_freedom: float = PRIOR_DEGREES_OF_FREEDOM,
) -> BelievedErrors:
    """A patient's errors with the population as what was known before; normal about normal, axis by axis.

    Systematic error, sigma being the population's: (n Sigma^2 xbar + sigma^2 M) / (n Sigma^2 + sigma^2), give or take
    sqrt(Sigma^2 sigma^2 / (n Sigma^2 + sigma^2)). Where Sigma is 0 no patient differs and it stays M. Random error:
    sqrt((d sigma^2 + (n - 1) s^2) / (d + n - 1)), the mean of the patient's variance and the population's, weighted
    with their degrees of freedom; after one fraction it is still the population's.

    Args:
        patient: The patient's own fractions; None before the first.
        prior: The population.
        prior_degrees_of_freedom: d. Five by choice: no published value is for this patient group.

    Raises:
        InputError: d is negative, 0 or not finite (BAD_VALUES).

    References:
        Gelman et al. 2013, Bayesian Data Analysis, 2.5 and 2.6; Lam et al. 2005, doi:10.1088/0031-9155/50/16/013;
        the variance's conjugate prior suits patients: Herschtal et al. 2012, doi:10.1088/0031-9155/57/9/2743.
    """
    if not (math.isfinite(prior_degrees_of_freedom) and prior_degrees_of_freedom > 0.0):
        raise InputError(f"{prior_degrees_of_freedom} degrees of freedom; expected more than 0", reason="BAD_VALUES")
    fractions = 0 if patient is None else patient.fractions
    means = prior.mean_xyz_mm if patient is None else patient.mean_xyz_mm
    spreads = (prior.random_sd_xyz_mm if patient is None else patient.sd_xyz_mm) or prior.random_sd_xyz_mm
    known = [
        _systematic(fractions, mean, prior_mean, between, within)
        for mean, prior_mean, between, within in zip(
            means, prior.mean_xyz_mm, prior.systematic_sd_xyz_mm, prior.random_sd_xyz_mm, strict=True
        )
    ]
    own = max(fractions - 1, 0)
    return BelievedErrors(
        systematic_xyz_mm=_triple(mean for mean, _ in known),
        systematic_sd_xyz_mm=_triple(sd for _, sd in known),
        random_sd_xyz_mm=_triple(
            math.sqrt((prior_degrees_of_freedom * within**2 + own * sd**2) / (prior_degrees_of_freedom + own))
            for within, sd in zip(prior.random_sd_xyz_mm, spreads, strict=True)
        ),
        fractions=fractions,
    )


def margin_needed_xyz_mm(believed: BelievedErrors) -> Triple:
    """|systematic| + 2.5 its SD + 0.7 the random SD, along each axis: the margin this patient needs.

    With no fraction yet and M = 0 this is van Herk's recipe for the population, 2.5 Sigma + 0.7 sigma. As fractions
    come in, the spread of what is not known shrinks, and what is known, the mean, takes its place.
    """
    spread = van_herk_margin_xyz_mm(believed.systematic_sd_xyz_mm, believed.random_sd_xyz_mm)
    return _triple(abs(mean) + more for mean, more in zip(believed.systematic_xyz_mm, spread, strict=True))


def _systematic(n: int, mean: float, prior_mean: float, between: float, within: float) -> tuple[float, float]:
    """Posterior mean and SD along one axis."""
    if n == 0 or between == 0.0:
        return prior_mean, between
    ratio = within / between
    weight = n / (n + ratio * ratio)
    return prior_mean + weight * (mean - prior_mean), between * math.sqrt(1.0 - weight)


def _triple(values: Iterable[float]) -> Triple:
    lr, ap, si = values
    return lr, ap, si
