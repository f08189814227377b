"""What the other courses of a site showed: the prior of a new course, and the limits of its control charts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from contour.adaptation.analytics.control_charts import Baseline
from contour.adaptation.analytics.setup_errors import (
    PatientErrors,
    PopulationErrors,
    population_errors,
)
from contour.adaptation.watch.rules import WatchRules

Charts = tuple[Baseline, Baseline, Baseline]


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteHistory:
    """A site's courses.

    Args:
        courses: How many there are with two fractions or more.
        setup: Errors of the set-up over all courses; None below two courses.
        target: Errors that a target's margin has to hold.
        prior: `target`, from as many courses on as the rules ask for.
        setup_charts: Limits for the set-up of one fraction of any course, along LR, AP, SI; None below as many courses
            as the rules ask for.
        target_charts: The same for a target's shift.
    """

    courses: int
    setup: PopulationErrors | None
    target: PopulationErrors | None
    prior: PopulationErrors | None
    setup_charts: Charts | None
    target_charts: Charts | None


def site_history(
    courses: Sequence[tuple[PatientErrors | None, PatientErrors | None]], rules: WatchRules
) -> SiteHistory:
    """From the set-up's and the target's errors of each course, as `course_errors` gives them."""
    setup = population_errors([one for one, _ in courses if one is not None])
    target = population_errors([one for _, one in courses if one is not None])
    known = 0 if setup is None else setup.patients
    return SiteHistory(
        courses=known,
        setup=setup,
        target=target,
        prior=target if target is not None and target.patients >= rules.prior_courses else None,
        setup_charts=_charts(setup, rules),
        target_charts=_charts(target, rules),
    )


def _charts(population: PopulationErrors | None, rules: WatchRules) -> Charts | None:
    """One fraction of any course scatters by Sigma and sigma together about the mean of all."""
    if population is None or population.patients < rules.site_courses:
        return None
    lr, ap, si = (
        Baseline(centre=mean, sd=math.hypot(systematic, random), points=population.patients, source="site history")
        for mean, systematic, random in zip(
            population.mean_xyz_mm, population.systematic_sd_xyz_mm, population.random_sd_xyz_mm, strict=True
        )
    )
    return lr, ap, si
