"""A straight line through a figure over time, and how sure it is.

Ordinary least squares; the intervals are Student's, exact where the residuals are normal and of one spread.

References:
    NIST/SEMATECH e-Handbook of Statistical Methods, 4.1.4.1 and 4.5.1, doi:10.18434/M32189.
    Draper and Smith 1998, Applied Regression Analysis, doi:10.1002/9781118625590.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from scipy.special import stdtrit

from contour.adaptation.analytics.finite import finite_numbers, mean_of
from contour.errors import InputError

_DAYS_A_WEEK = 7.0


@dataclass(frozen=True, slots=True, kw_only=True)
class LineFit:
    """A fitted line y = intercept + slope x.

    Args:
        slope: y per x.
        intercept: y at x = 0.
        slope_low: Lower end of the slope's interval.
        slope_high: Upper end.
        residual_sd: Spread of y about the line, with n - 2.
        points: n, at least 3.
        confidence: Of every interval of this fit, 0 to 1.
        x_mean: Mean of x: where the line is known best.
        x_squares: Sum of squares of x about its mean, more than 0.
    """

    slope: float
    intercept: float
    slope_low: float
    slope_high: float
    residual_sd: float
    points: int
    confidence: float
    x_mean: float
    x_squares: float

    @property
    def slope_differs_from_zero(self) -> bool:
        """True where 0 is outside the slope's interval."""
        return not self.slope_low <= 0.0 <= self.slope_high

    def at(self, x: float) -> float:
        """The line at x."""
        return self.intercept + self.slope * x


@dataclass(frozen=True, slots=True, kw_only=True)
class VolumeTrend:
    """How fast a volume changes, in percent of the plan's volume a week; negative for a loss.

    Args:
        percent_per_week: The slope.
        low_percent_per_week: Lower end of its interval.
        high_percent_per_week: Upper end.
        confidence: Of the interval, 0 to 1.
        points: How many days it rests on.
    """

    percent_per_week: float
    low_percent_per_week: float
    high_percent_per_week: float
    confidence: float
    points: int

    @property
    def differs_from_zero(self) -> bool:
        """True where no change is outside the interval."""
        return not self.low_percent_per_week <= 0.0 <= self.high_percent_per_week


def fit_line(x: Sequence[float], y: Sequence[float], *, confidence: float = 0.95) -> LineFit | None:
    """The least-squares line of y on x; None below three points or where all x are equal.

    Points on a line exactly give an interval of no width.

    Raises:
        InputError: x and y differ in number, a value is not finite, or the confidence is not between 0 and 1
            (BAD_VALUES).
    """
    xs, ys = finite_numbers(x, "x"), finite_numbers(y, "y")
    if len(xs) != len(ys):
        raise InputError(f"{len(xs)} x and {len(ys)} y; expected as many", reason="BAD_VALUES")
    if not 0.0 < confidence < 1.0:
        raise InputError(f"confidence {confidence}; expected more than 0 and less than 1", reason="BAD_VALUES")
    if len(xs) < 3 or min(xs) == max(xs):
        return None
    x_mean, y_mean = mean_of(xs), mean_of(ys)
    x_squares = math.fsum((value - x_mean) ** 2 for value in xs)
    slope = math.fsum((one - x_mean) * (other - y_mean) for one, other in zip(xs, ys, strict=True)) / x_squares
    squares = math.fsum((other - y_mean - slope * (one - x_mean)) ** 2 for one, other in zip(xs, ys, strict=True))
    residual_sd = math.sqrt(squares / (len(xs) - 2))
    reach = _student(confidence, len(xs)) * residual_sd / math.sqrt(x_squares)
    return LineFit(
        slope=slope,
        intercept=y_mean - slope * x_mean,
        slope_low=slope - reach,
        slope_high=slope + reach,
        residual_sd=residual_sd,
        points=len(xs),
        confidence=confidence,
        x_mean=x_mean,
        x_squares=x_squares,
    )


def confidence_interval(fit: LineFit, at: float) -> tuple[float, float]:
    """Where the line itself, the mean of y, may be at x = `at`: low, high."""
    return _interval(fit, at, one_more=0.0)


def prediction_interval(fit: LineFit, at: float) -> tuple[float, float]:
    """Where one further y may be at x = `at`: low, high. Wider than `confidence_interval` by y's own spread."""
    return _interval(fit, at, one_more=1.0)


def volume_trend(
    days: Sequence[float], volume_change_percent: Sequence[float], *, confidence: float = 0.95
) -> VolumeTrend | None:
    """The weekly change of a volume; None below three days or where all are one day.

    Args:
        days: Of each measurement, from any beginning; gaps do no harm.
        volume_change_percent: Against the plan's volume, negative for a loss.
        confidence: Of the interval, 0 to 1.

    Raises:
        InputError: as `fit_line` (BAD_VALUES).
    """
    fit = fit_line(days, volume_change_percent, confidence=confidence)
    if fit is None:
        return None
    return VolumeTrend(
        percent_per_week=fit.slope * _DAYS_A_WEEK,
        low_percent_per_week=fit.slope_low * _DAYS_A_WEEK,
        high_percent_per_week=fit.slope_high * _DAYS_A_WEEK,
        confidence=confidence,
        points=fit.points,
    )


def _interval(fit: LineFit, at: float, *, one_more: float) -> tuple[float, float]:
    (place,) = finite_numbers((at,), "at")
    spread = math.sqrt(one_more + 1.0 / fit.points + (place - fit.x_mean) ** 2 / fit.x_squares)
    reach = _student(fit.confidence, fit.points) * fit.residual_sd * spread
    return fit.at(place) - reach, fit.at(place) + reach


def _student(confidence: float, points: int) -> float:
    """Student's t that leaves half of what the confidence leaves out above it, with n - 2 degrees of freedom."""
    return float(stdtrit(points - 2, 0.5 + 0.5 * confidence))
