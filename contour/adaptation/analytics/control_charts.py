"""Control charts of one figure over the fractions of a course: is today like the days before.

Three questions at once: is a single day far out (individuals), did it jump from the day before (moving range), is it
creeping away (exponentially weighted moving average, and Nelson's rules for runs). Points are 0-based places in the
values that are given; a fraction that was not measured is simply not among them.

References:
    NIST/SEMATECH e-Handbook of Statistical Methods, 6.3.2.2 and 6.3.2.4, doi:10.18434/M32189.
    Nelson 1984, The Shewhart control chart: tests for special causes, J. Qual. Technol. 16, 237-239.
    Montgomery 2013, Introduction to Statistical Quality Control, 6.4 and 9.2.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from contour.adaptation.analytics.finite import at_least_zero, finite_numbers, mean_of
from contour.errors import InputError

Rule = Literal["Nelson 1", "Nelson 2", "Nelson 3", "moving range", "EWMA"]
Source = Literal["first fractions", "site history"]
_RULES: tuple[Rule, ...] = ("Nelson 1", "Nelson 2", "Nelson 3", "moving range", "EWMA")
_D2 = 1.128  # mean range of two normal values, in SDs; 3 / d2 = 2.660
_D4 = 3.267  # upper limit of a range of two, in mean ranges
_WIDTH = 3.0
_ONE_SIDE = 9
_ONE_WAY = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class IndividualsChart:
    """Limits of the single values and of their moving ranges, in the values' own unit.

    Args:
        centre: Mean of the baseline.
        lower: Centre less 3 SD.
        upper: Centre plus 3 SD.
        moving_range_mean: Mean distance of a value from the one before.
        moving_range_upper: 3.267 times that.
        baseline_points: How many values the limits rest on.
    """

    centre: float
    lower: float
    upper: float
    moving_range_mean: float
    moving_range_upper: float
    baseline_points: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EwmaPoint:
    """The weighted average after one value, and its limits there."""

    value: float
    lower: float
    upper: float


@dataclass(frozen=True, slots=True, kw_only=True)
class EwmaChart:
    """Weighted averages, one for each value; the limits widen with the first ones to their final width."""

    points: tuple[EwmaPoint, ...]
    weight: float
    width: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """A rule that is met, and the points that meet it: `first` to `last`, both among them."""

    rule: Rule
    first: int
    last: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """What a figure is measured against.

    Args:
        centre: Where it usually is.
        sd: How far it usually strays; 0 says that it never does, and any other value is then beyond the limits.
        points: How many values that rests on.
        source: The patient's own first fractions, or the site's history.

    Raises:
        InputError: not finite, a negative SD, or no point (BAD_VALUES).
    """

    centre: float
    sd: float
    points: int
    source: Source

    def __post_init__(self) -> None:
        finite_numbers((self.centre,), "centre")
        at_least_zero((self.sd,), "sd")
        if self.points < 1:
            raise InputError(f"a baseline of {self.points} points; expected 1 or more", reason="BAD_VALUES")


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlChart:
    """One figure over a course with all that is to be drawn; `moving_ranges[i]` is between the values i and i + 1."""

    values: tuple[float, ...]
    baseline: Baseline
    individuals: IndividualsChart
    moving_ranges: tuple[float, ...]
    ewma: EwmaChart
    signals: tuple[Signal, ...]


def individuals_limits(values: Sequence[float]) -> IndividualsChart:
    """Limits from values that are taken to be in control: mean and 2.660 mean moving ranges to either side.

    Raises:
        InputError: fewer than two values, or one that is not finite (BAD_VALUES).
    """
    centre, sd = _centre_and_sd(finite_numbers(values, "values"))
    return _individuals(centre, sd, len(values))


def ewma(values: Sequence[float], *, centre: float, sd: float, weight: float = 0.2, width: float = 3.0) -> EwmaChart:
    """Exponentially weighted moving averages, begun at the centre, with the exact limits of each point.

    z_i = weight x_i + (1 - weight) z_(i-1), z_0 the centre; its limits are the centre give or take
    width sd sqrt(weight / (2 - weight) (1 - (1 - weight)^(2 i))). Montgomery 9.2.2: weights of 0.05 to 0.25 work well,
    the smaller for smaller shifts, with a width of 3 or a little less.

    Raises:
        InputError: not finite, a negative SD or width, or a weight that is not above 0 and at most 1 (BAD_VALUES).
    """
    finite_numbers((centre,), "centre")
    at_least_zero((sd, width), "sd and width")
    if not 0.0 < weight <= 1.0:
        raise InputError(f"weight {weight}; expected more than 0, at most 1", reason="BAD_VALUES")
    points: list[EwmaPoint] = []
    average = centre
    for count, value in enumerate(finite_numbers(values, "values"), start=1):
        average += weight * (value - average)
        reach = width * sd * math.sqrt(weight / (2.0 - weight) * (1.0 - (1.0 - weight) ** (2 * count)))
        points.append(EwmaPoint(value=average, lower=centre - reach, upper=centre + reach))
    return EwmaChart(points=tuple(points), weight=weight, width=width)


def nelson_signals(values: Sequence[float], *, centre: float, sd: float) -> tuple[Signal, ...]:
    """Nelson's rules 1 to 3, in order of the first point; a run that goes on is one signal from its first point.

    1: beyond 3 SD of the centre, at least one point. 2: nine or more in a row on one side of the centre; a value that
    is the centre ends the run. 3: six or more in a row, each above the one before, or each below; equal neighbours end
    the run. In control each is met by chance in fewer than five of a thousand places.

    Raises:
        InputError: not finite, or a negative SD (BAD_VALUES).
    """
    numbers = finite_numbers(values, "values")
    finite_numbers((centre,), "centre")
    at_least_zero((sd,), "sd")
    beyond = _sides((number, centre - _WIDTH * sd, centre + _WIDTH * sd) for number in numbers)
    sides = _sides((number, centre, centre) for number in numbers)
    ways = _sides((after, before, before) for before, after in itertools.pairwise(numbers))
    return _in_order(
        [
            *_signals("Nelson 1", beyond, at_least=1),
            *_signals("Nelson 2", sides, at_least=_ONE_SIDE),
            *_signals("Nelson 3", ways, at_least=_ONE_WAY - 1, points_more=1),
        ]
    )


def baseline_of(values: Sequence[float], *, first: int, history: Baseline | None) -> Baseline | None:
    """The first so many values, else the site's history, else None: the chart has no limits yet.

    The SD is the mean moving range of those values over 1.128, which a slow drift among them hardly widens.

    Raises:
        InputError: `first` is below 2, or a value is not finite (BAD_VALUES).
    """
    if first < 2:
        raise InputError(f"a baseline of the first {first}; expected 2 or more", reason="BAD_VALUES")
    numbers = finite_numbers(values, "values")
    if len(numbers) < first:
        return history
    centre, sd = _centre_and_sd(numbers[:first])
    return Baseline(centre=centre, sd=sd, points=first, source="first fractions")


def watch_chart(values: Sequence[float], baseline: Baseline) -> ControlChart:
    """All charts of one figure against one baseline, and every signal in order of its first point.

    A signal of the moving range has the two points of the jump, or all of several jumps in a row. Points of the
    baseline itself are watched too.

    Raises:
        InputError: a value is not finite (BAD_VALUES).
    """
    numbers = finite_numbers(values, "values")
    limits = _individuals(baseline.centre, baseline.sd, baseline.points)
    ranges = tuple(abs(after - before) for before, after in itertools.pairwise(numbers))
    averages = ewma(numbers, centre=baseline.centre, sd=baseline.sd)
    jumps = _sides((size, 0.0, limits.moving_range_upper) for size in ranges)
    away = _sides((point.value, point.lower, point.upper) for point in averages.points)
    return ControlChart(
        values=numbers,
        baseline=baseline,
        individuals=limits,
        moving_ranges=ranges,
        ewma=averages,
        signals=_in_order(
            [
                *nelson_signals(numbers, centre=baseline.centre, sd=baseline.sd),
                *_signals("moving range", jumps, at_least=1, points_more=1),
                *_signals("EWMA", away, at_least=1),
            ]
        ),
    )


def _centre_and_sd(numbers: tuple[float, ...]) -> tuple[float, float]:
    if len(numbers) < 2:
        raise InputError(f"limits from {len(numbers)} values; expected 2 or more", reason="BAD_VALUES")
    return mean_of(numbers), mean_of([abs(after - before) for before, after in itertools.pairwise(numbers)]) / _D2


def _individuals(centre: float, sd: float, points: int) -> IndividualsChart:
    return IndividualsChart(
        centre=centre,
        lower=centre - _WIDTH * sd,
        upper=centre + _WIDTH * sd,
        moving_range_mean=_D2 * sd,
        moving_range_upper=_D4 * _D2 * sd,
        baseline_points=points,
    )


def _sides(bounded: Iterable[tuple[float, float, float]]) -> list[int]:
    """+1 above the upper bound, -1 below the lower one, 0 on or between them, for each (value, lower, upper)."""
    return [(value > upper) - (value < lower) for value, lower, upper in bounded]


def _signals(rule: Rule, sides: list[int], *, at_least: int, points_more: int = 0) -> list[Signal]:
    """One signal for each stretch of one side that is long enough; `points_more` where a step has two points."""
    found: list[Signal] = []
    first = 0
    for side, stretch in itertools.groupby(sides):
        length = len(list(stretch))
        if side != 0 and length >= at_least:
            found.append(Signal(rule=rule, first=first, last=first + length - 1 + points_more))
        first += length
    return found


def _in_order(signals: Iterable[Signal]) -> tuple[Signal, ...]:
    return tuple(sorted(signals, key=lambda signal: (signal.first, _RULES.index(signal.rule), signal.last)))
