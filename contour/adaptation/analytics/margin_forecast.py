"""At which fraction a drift will have used up the planned margin.

Along each axis a line is fitted to the residual shifts over the fraction numbers. The margin needed at fraction n is
|line(n)| + 0.7 sigma: the drift as far as it is known, and the random error's share of van Herk's recipe. The band
about it comes from the line's confidence interval, not from its prediction interval: the scatter of a single day is in
0.7 sigma already and would be counted twice. What is not known of the systematic error is in that band and gets no
2.5 Sigma of its own.

A line is a poor picture of what levels off or comes in one step; the forecast says what happens if it goes on like
this, no more.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from contour.adaptation.analytics.finite import at_least_zero, finite_triples
from contour.adaptation.analytics.setup_errors import RANDOM_WEIGHT
from contour.adaptation.analytics.trend import LineFit, confidence_interval, fit_line
from contour.errors import InputError
from registration.grid import Triple

Axis = Literal["LR", "AP", "SI"]
Outlook = Literal["not known", "within the margin", "will be exceeded", "exceeded"]
AXES: tuple[Axis, ...] = ("LR", "AP", "SI")
LEAST_FRACTIONS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class MarginForecast:
    """What becomes of the planned margin along one axis.

    Args:
        axis: LR, AP or SI.
        outlook: "exceeded": it is, at the last measured fraction; "will be exceeded": by the horizon; "within the
            margin": not by then; "not known": fewer than four fractions, or no planned margin.
        exceeded_at: The first fraction at which more is needed than was planned; where that is so already, the first
            of the unbroken row of fractions up to the last measured one. None: not by the horizon, or not known.
        earliest: The same for the band's edge that is farther from 0; None as above.
        latest: The same for the edge that is nearer; None as above.
        needed_now_mm: By the line, at the last measured fraction; None below four fractions.
        planned_mm: The planned margin; None where there is none.
        horizon: The last planned fraction, or the last measured one where that is later.
        line: Residual shift in mm on the fraction's number; None below four fractions.
    """

    axis: Axis
    outlook: Outlook
    exceeded_at: int | None
    earliest: int | None
    latest: int | None
    needed_now_mm: float | None
    planned_mm: float | None
    horizon: int
    line: LineFit | None


def forecast_margins(
    fractions: Sequence[int],
    shifts_xyz_mm: Sequence[Triple],
    *,
    planned_margin_xyz_mm: tuple[float | None, float | None, float | None],
    random_sd_xyz_mm: Triple,
    planned_fractions: int,
    confidence: float = 0.95,
) -> tuple[MarginForecast, ...]:
    """The forecast along LR, AP and SI, in that order.

    Args:
        fractions: Numbers of the measured fractions, from 1, each once, in any order; gaps do no harm.
        shifts_xyz_mm: The residual shift of each.
        planned_margin_xyz_mm: CTV to PTV along each axis; None where there is none.
        random_sd_xyz_mm: sigma, the patient's believed one or the population's.
        planned_fractions: How many there are to be.
        confidence: Of the band, 0 to 1.

    Raises:
        InputError: fractions that are no numbers from 1 or come twice, not as many shifts, or a number that is not
            finite or negative where it may not be (BAD_VALUES).
    """
    shifts = finite_triples(shifts_xyz_mm, "shifts_xyz_mm")
    random_sd = at_least_zero(random_sd_xyz_mm, "random_sd_xyz_mm")
    at_least_zero((planned for planned in planned_margin_xyz_mm if planned is not None), "planned_margin_xyz_mm")
    if len(fractions) != len(shifts) or len(set(fractions)) != len(fractions):
        raise InputError("expected a shift for each fraction, and each fraction once", reason="BAD_VALUES")
    if min(fractions, default=1) < 1 or planned_fractions < 1:
        raise InputError("a fraction's number, and how many are planned, is 1 or more", reason="BAD_VALUES")
    horizon = max(planned_fractions, *fractions) if fractions else planned_fractions
    along = zip(*shifts, strict=True) if shifts else ((), (), ())
    return tuple(
        _forecast(
            axis,
            _line(fractions, values, confidence),
            fractions,
            planned_mm=planned,
            random_mm=RANDOM_WEIGHT * sd,
            horizon=horizon,
        )
        for axis, values, planned, sd in zip(AXES, along, planned_margin_xyz_mm, random_sd, strict=True)
    )


def drift_crossing(
    fractions: Sequence[int],
    shifts_mm: Sequence[float],
    *,
    planned_mm: float,
    random_sd_mm: float | None,
    planned_fractions: int,
) -> int | None:
    """`exceeded_at` along one axis, of a drift: None where the line's slope may as well be none.

    Args:
        fractions: As for `forecast_margins`.
        shifts_mm: Along the axis.
        planned_mm: CTV to PTV.
        random_sd_mm: sigma; None: the scatter about the line.
        planned_fractions: How many there are to be.

    Raises:
        InputError: as `fit_line` (BAD_VALUES).
    """
    line = _line(fractions, shifts_mm, 0.95)
    if line is None or not line.slope_differs_from_zero:
        return None
    random_mm = RANDOM_WEIGHT * (line.residual_sd if random_sd_mm is None else random_sd_mm)
    return _first_beyond(
        lambda fraction: abs(line.at(fraction)) + random_mm > planned_mm,
        min(fractions),
        max(fractions),
        max(planned_fractions, *fractions),
    )


def _line(fractions: Sequence[int], values: Sequence[float], confidence: float) -> LineFit | None:
    return fit_line(fractions, values, confidence=confidence) if len(fractions) >= LEAST_FRACTIONS else None


def _forecast(
    axis: Axis,
    line: LineFit | None,
    fractions: Sequence[int],
    *,
    planned_mm: float | None,
    random_mm: float,
    horizon: int,
) -> MarginForecast:
    needed_now_mm = None if line is None else abs(line.at(max(fractions))) + random_mm
    if line is None or needed_now_mm is None or planned_mm is None:
        return MarginForecast(
            axis=axis,
            outlook="not known",
            exceeded_at=None,
            earliest=None,
            latest=None,
            needed_now_mm=needed_now_mm,
            planned_mm=planned_mm,
            horizon=horizon,
            line=line,
        )

    def first(offset_mm: Callable[[LineFit, int], float]) -> int | None:
        return _first_beyond(
            lambda fraction: offset_mm(line, fraction) + random_mm > planned_mm, min(fractions), max(fractions), horizon
        )

    exceeded_at = first(lambda fit, fraction: abs(fit.at(fraction)))
    ahead: Outlook = "within the margin" if exceeded_at is None else "will be exceeded"
    return MarginForecast(
        axis=axis,
        outlook="exceeded" if needed_now_mm > planned_mm else ahead,
        exceeded_at=exceeded_at,
        earliest=first(_farthest_mm),
        latest=first(_nearest_mm),
        needed_now_mm=needed_now_mm,
        planned_mm=planned_mm,
        horizon=horizon,
        line=line,
    )


def _first_beyond(beyond: Callable[[int], bool], first: int, now: int, horizon: int) -> int | None:
    """Where the row of fractions beyond that holds `now` begins, else the first after it, else None."""
    if not beyond(now):
        return next((fraction for fraction in range(now + 1, horizon + 1) if beyond(fraction)), None)
    return next((fraction + 1 for fraction in range(now - 1, first - 1, -1) if not beyond(fraction)), first)


def _farthest_mm(line: LineFit, fraction: int) -> float:
    """The band's edge that is farther from 0."""
    low, high = confidence_interval(line, fraction)
    return max(abs(low), abs(high))


def _nearest_mm(line: LineFit, fraction: int) -> float:
    """The band's edge that is nearer to 0; 0 where the band holds it."""
    low, high = confidence_interval(line, fraction)
    return max(0.0, low, -high)
