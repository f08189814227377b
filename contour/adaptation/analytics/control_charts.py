"""Control charts of one figure over the fractions of a course: is today like the days before.

Three questions at once: is a single day far out (individuals), did it jump from the day before (moving range), is it
creeping away (exponentially weighted moving average, and Nelson's rules for runs). Points are 0-based places in the
values that are given; a fraction that was not measured is simply not among them.

Limits from a handful of values are themselves uncertain, and taken for known they raise a false alarm in nearly every
course. So a baseline that was estimated says by how many degrees of freedom: its limits lie where Student's t leaves as
much outside as 3 SD of a normal figure do, about a centre that may be off by its standard error.

References:
    NIST/SEMATECH e-Handbook of Statistical Methods, 6.3.2.2 and 6.3.2.4, doi:10.18434/M32189.
    Nelson 1984, The Shewhart control chart: tests for special causes, J. Qual. Technol. 16, 237-239.
    Montgomery 2013, Introduction to Statistical Quality Control, 6.4 and 9.2.
    Hahn and Meeker 1991, Statistical Intervals, 4.7: where one further value lies, doi:10.1002/9780470316771.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from scipy.special import stdtrit

from contour.adaptation.analytics.finite import at_least_zero, finite_numbers, mean_of
from contour.adaptation.analytics.setup_errors import PRIOR_DEGREES_OF_FREEDOM
from contour.errors import InputError

Rule = Literal["Nelson 1", "Nelson 2", "Nelson 3", "moving range", "EWMA"]
Source = Literal["first fractions", "site history"]
_RULES: tuple[Rule, ...] = ("Nelson 1", "Nelson 2", "Nelson 3", "moving range", "EWMA")
_D2 = 1.128  # mean range of two normal values, in SDs; 3 / d2 = 2.660
_D4 = 3.267  # upper limit of a range of two, in mean ranges
_WIDTH = 3.0
_BELOW_WIDTH = 0.998650101968370  # of a normal figure, below the mean and 3 SD
_ONE_SIDE = 9
_ONE_WAY = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class IndividualsChart:
    """Limits of the single values and of their moving ranges, in the values' own unit.

    Args:
        centre: Mean of the baseline.
        lower: Centre less 3 SD; farther where the limits are uncertain themselves.
        upper: Centre plus as much.
        moving_range_mean: Mean distance of a value from the one before.
        moving_range_upper: 3.267 times that; more where it is uncertain.
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
        freedom: Degrees of freedom that `sd` rests on; None: centre and SD are taken as known.

    Raises:
        InputError: not finite, a negative SD, no point, or no degree of freedom (BAD_VALUES).
    """

    centre: float
    sd: float
    points: int
    source: Source
    freedom: float | None = None

    def __post_init__(self) -> None:
        finite_numbers((self.centre,), "centre")
        at_least_zero((self.sd,), "sd")
        if self.points < 1:
            raise InputError(f"a baseline of {self.points} points; expected 1 or more", reason="BAD_VALUES")
        if self.freedom is not None and not self.freedom > 0.0:
            raise InputError(f"{self.freedom} degrees of freedom; expected more than 0", reason="BAD_VALUES")

    @property
    def width(self) -> float:
        """How many SDs away a limit lies: 3, or Student's t that is as rare."""
        return _WIDTH if self.freedom is None else float(stdtrit(self.freedom, _BELOW_WIDTH))

    @property
    def centre_sd(self) -> float:
        """How far the centre may be off: its standard error, 0 where it is known."""
        return 0.0 if self.freedom is None else self.sd / math.sqrt(self.points)


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
    return _individuals(Baseline(centre=centre, sd=sd, points=len(values), source="first fractions"))


def ewma(
    values: Sequence[float],
    *,
    centre: float,
    sd: float,
    weight: float = 0.2,
    width: float = 3.0,
    centre_sd: float = 0.0,
) -> EwmaChart:
    """Exponentially weighted moving averages, begun at the centre, with the exact limits of each point.

    z_i = weight x_i + (1 - weight) z_(i-1), z_0 the centre; its limits are the centre give or take
    width sd sqrt(weight / (2 - weight) (1 - (1 - weight)^(2 i))). Montgomery 9.2.2: weights of 0.05 to 0.25 work well,
    the smaller for smaller shifts, with a width of 3 or a little less. What the centre may be off by, `centre_sd`, is
    added to the average's own SD as a square.

    Raises:
        InputError: not finite, a negative SD or width, or a weight that is not above 0 and at most 1 (BAD_VALUES).
    """
    finite_numbers((centre,), "centre")
    at_least_zero((sd, width, centre_sd), "sd, width and centre_sd")
    if not 0.0 < weight <= 1.0:
        raise InputError(f"weight {weight}; expected more than 0, at most 1", reason="BAD_VALUES")
    points: list[EwmaPoint] = []
    average = centre
    for count, value in enumerate(finite_numbers(values, "values"), start=1):
        average += weight * (value - average)
        own = sd * math.sqrt(weight / (2.0 - weight) * (1.0 - (1.0 - weight) ** (2 * count)))
        reach = width * math.hypot(own, centre_sd)
        points.append(EwmaPoint(value=average, lower=centre - reach, upper=centre + reach))
    return EwmaChart(points=tuple(points), weight=weight, width=width)


def nelson_signals(
    values: Sequence[float], *, centre: float, sd: float, width: float = _WIDTH, centre_sd: float = 0.0
) -> tuple[Signal, ...]:
    """Nelson's rules 1 to 3, in order of the first point; a run that goes on is one signal from its first point.

    1: beyond 3 SD of the centre, at least one point. 2: nine or more in a row on one side of the centre; a value that
    is the centre ends the run. 3: six or more in a row, each above the one before, or each below; equal neighbours end
    the run. In control each is met by chance in fewer than five of a thousand places. Where the centre itself may be
    off by `centre_sd`, rule 1 allows for it, and a value nearer to the centre than that lies on neither side.

    Raises:
        InputError: not finite, or a negative SD (BAD_VALUES).
    """
    numbers = finite_numbers(values, "values")
    finite_numbers((centre,), "centre")
    at_least_zero((sd, width, centre_sd), "sd, width and centre_sd")
    reach = width * math.hypot(sd, centre_sd)
    beyond = _sides((number, centre - reach, centre + reach) for number in numbers)
    sides = _sides((number, centre - centre_sd, centre + centre_sd) for number in numbers)
    ways = _sides((after, before, before) for before, after in itertools.pairwise(numbers))
    return _in_order(
        [
            *_signals("Nelson 1", beyond, at_least=1),
            *_signals("Nelson 2", sides, at_least=_ONE_SIDE),
            *_signals("Nelson 3", ways, at_least=_ONE_WAY - 1, points_more=1),
        ]
    )


def baseline_of(
    values: Sequence[float], *, first: int, history: Baseline | None, usual_sd: float | None = None
) -> Baseline | None:
    """The first so many values, else the site's history, else None: the chart has no limits yet.

    The SD is the mean moving range of those values over 1.128, which a slow drift among them hardly widens, with
    `first` - 1 degrees of freedom. Where it is known how far a patient usually strays, both are pooled by their degrees
    of freedom, as `setup_errors.believed_errors` does it.

    Args:
        values: All so far.
        first: How many make the baseline.
        history: Limits for one value of any patient.
        usual_sd: The random error of the site's patients; None where it is not known.

    Raises:
        InputError: `first` is below 2, a value is not finite, or a negative SD (BAD_VALUES).
    """
    at_least_zero(() if usual_sd is None else (usual_sd,), "usual_sd")
    if first < 2:
        raise InputError(f"a baseline of the first {first}; expected 2 or more", reason="BAD_VALUES")
    numbers = finite_numbers(values, "values")
    if len(numbers) < first:
        return history
    centre, sd = _centre_and_sd(numbers[:first])
    freedom = first - 1.0
    if usual_sd is not None:
        pooled = freedom + PRIOR_DEGREES_OF_FREEDOM
        sd = math.sqrt((freedom * sd**2 + PRIOR_DEGREES_OF_FREEDOM * usual_sd**2) / pooled)
        freedom = pooled
    return Baseline(centre=centre, sd=sd, points=first, source="first fractions", freedom=freedom)


def usual_sd_of_axes(axes: Sequence[Sequence[float]], *, first: int) -> float | None:
    """How far a patient strays along an axis, the root mean square over the axes; None below `first` values.

    What a patient does along one axis tells something of the others: it steadies limits from a handful of fractions.

    Raises:
        InputError: as `baseline_of` (BAD_VALUES).
    """
    own = [baseline_of(values, first=first, history=None) for values in axes]
    known = [one.sd**2 for one in own if one is not None]
    return math.sqrt(mean_of(known)) if known else None


def watch_chart(values: Sequence[float], baseline: Baseline) -> ControlChart:
    """All charts of one figure against one baseline, and every signal in order of its first point.

    A signal of the moving range has the two points of the jump, or all of several jumps in a row. Points of the
    baseline itself are watched too.

    Raises:
        InputError: a value is not finite (BAD_VALUES).
    """
    numbers = finite_numbers(values, "values")
    limits = _individuals(baseline)
    ranges = tuple(abs(after - before) for before, after in itertools.pairwise(numbers))
    centre, sd, width, centre_sd = baseline.centre, baseline.sd, baseline.width, baseline.centre_sd
    averages = ewma(numbers, centre=centre, sd=sd, width=width, centre_sd=centre_sd)
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
                *nelson_signals(numbers, centre=centre, sd=sd, width=width, centre_sd=centre_sd),
                *_signals("moving range", jumps, at_least=1, points_more=1),
                *_signals("EWMA", away, at_least=1),
            ]
        ),
    )


def _centre_and_sd(numbers: tuple[float, ...]) -> tuple[float, float]:
    if len(numbers) < 2:
        raise InputError(f"limits from {len(numbers)} values; expected 2 or more", reason="BAD_VALUES")
    return mean_of(numbers), mean_of([abs(after - before) for before, after in itertools.pairwise(numbers)]) / _D2


def _individuals(baseline: Baseline) -> IndividualsChart:
    reach = baseline.width * math.hypot(baseline.sd, baseline.centre_sd)
    return IndividualsChart(
        centre=baseline.centre,
        lower=baseline.centre - reach,
        upper=baseline.centre + reach,
        moving_range_mean=_D2 * baseline.sd,
        moving_range_upper=_D4 * _D2 * baseline.sd * baseline.width / _WIDTH,
        baseline_points=baseline.points,
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
