"""Many patients in one row per structure: means with their uncertainty, the worst patient by name, and the misses.

>>> round(mean_of([("a", 0.8), ("b", 0.6)], badness=abs).mean, 3)
0.7
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from contour.segmentation.spec import StructureSpec
from contour.training.measurement import Measurement

RESAMPLES = 10_000
SEED = 20261121
INTERVAL_PERCENT = 95


@dataclass(frozen=True, slots=True, kw_only=True)
class Mean:
    """A mean over patients, with the percentile-bootstrap interval about it, and the worst of them.

    `low` and `high` are None for a single patient.
    """

    n: int
    mean: float
    low: float | None
    high: float | None
    median: float
    worst: float
    worst_case: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StructureSummary:
    """One structure over all patients in whom it was contoured by hand.

    Args:
        structure: TG-263 name.
        proposal: A target drawn from the CT alone.
        n: Patients in whom it was contoured.
        not_answered: Of these, how many got no answer: they have no surface distances, and count with 0 in Dice and
            surface Dice, with the whole outline in the added path length and with -100 in the volume bias.
        missed: Of these, how many have Dice 0, with or without an answer.
        far_cases: Of these, how many got an answer that reaches farther than `FAR_MM` from what was contoured.
        not_contoured: Further patients in whom it was not contoured; not contoured does not mean not there.
        answered_not_contoured: Of the further ones, how many got an answer, which nobody can judge.
        dice: And each following one as in `Measurement`.
    """

    structure: str
    proposal: bool
    n: int
    not_answered: int
    missed: int
    far_cases: int
    not_contoured: int
    answered_not_contoured: int
    dice: Mean
    surface_dice_2mm: Mean
    surface_dice_3mm: Mean
    hd95_mm: Mean | None
    mean_distance_mm: Mean | None
    added_path_length_mm: Mean
    volume_bias_percent: Mean
    far_ml: Mean


def mean_of(values: Sequence[tuple[str, float]], *, badness: Callable[[float], float]) -> Mean:
    """The mean of one figure over patients.

    Patients are drawn again with replacement `RESAMPLES` times from a generator seeded with `SEED`; the interval holds
    the middle `INTERVAL_PERCENT` of the means (percentile bootstrap). With few patients it is somewhat too narrow.

    Args:
        values: Patient's name and figure; at least one.
        badness: What is largest for the worst figure; the first of equals is named.
    """
    figures = np.asarray([value for _, value in values], dtype=np.float64)
    worst_case, worst = max(values, key=lambda one: badness(one[1]))
    low, high = _interval(figures) if figures.size > 1 else (None, None)
    return Mean(
        n=figures.size,
        mean=float(figures.mean()),
        low=low,
        high=high,
        median=float(np.median(figures)),
        worst=worst,
        worst_case=worst_case,
    )


def summarise(
    structure: StructureSpec, measured: Sequence[Measurement], *, not_contoured: int, answered_not_contoured: int
) -> StructureSummary:
    """The row of one structure.

    Args:
        structure: Which one.
        measured: Of this structure, one per patient in whom it was contoured; at least one.
        not_contoured: How many further patients there were.
        answered_not_contoured: How many of those got an answer.
    """

    def over(figure: Callable[[Measurement], float], badness: Callable[[float], float]) -> Mean:
        return mean_of([(one.case, figure(one)) for one in measured], badness=badness)

    def over_answered(figure: Callable[[Measurement], float | None]) -> Mean | None:
        values = [(one.case, value) for one in measured if (value := figure(one)) is not None]
        return mean_of(values, badness=_largest) if values else None

    return StructureSummary(
        structure=structure.name,
        proposal=structure.proposal,
        n=len(measured),
        not_answered=sum(not one.is_answered for one in measured),
        missed=sum(one.dice == 0.0 for one in measured),
        far_cases=sum(one.far_ml > 0.0 for one in measured),
        not_contoured=not_contoured,
        answered_not_contoured=answered_not_contoured,
        dice=over(lambda one: one.dice, _smallest),
        surface_dice_2mm=over(lambda one: one.surface_dice_2mm, _smallest),
        surface_dice_3mm=over(lambda one: one.surface_dice_3mm, _smallest),
        hd95_mm=over_answered(lambda one: one.hd95_mm),
        mean_distance_mm=over_answered(lambda one: one.mean_distance_mm),
        added_path_length_mm=over(lambda one: one.added_path_length_mm, _largest),
        volume_bias_percent=over(lambda one: one.volume_bias_percent, abs),
        far_ml=over(lambda one: one.far_ml, _largest),
    )


def _interval(figures: NDArray[np.float64]) -> tuple[float, float]:
    drawn = np.random.default_rng(SEED).integers(0, figures.size, size=(RESAMPLES, figures.size))
    beyond = (100 - INTERVAL_PERCENT) / 2
    low, high = np.percentile(figures[drawn].mean(axis=1), [beyond, 100 - beyond])
    return float(low), float(high)


_smallest = operator.neg
_largest = operator.pos
