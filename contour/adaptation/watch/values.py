"""What is told of a course that is being watched: plain frozen values for a store, the wire, a chart and a report.

Axes are the patient's: LR + to the left, AP + to the back, SI + to the head. Charts keep every point with the number of
its fraction, so that a fraction which did not come leaves a gap and not a shift.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from contour.adaptation.analytics.control_charts import ControlChart
from contour.adaptation.analytics.margin_forecast import MarginForecast
from contour.adaptation.analytics.trend import VolumeTrend
from contour.adaptation.limits import Verdict
from contour.adaptation.watch.rules import Level
from registration.grid import Triple

Axis = Literal["LR", "AP", "SI"]
AXES: tuple[Axis, Axis, Axis] = ("LR", "AP", "SI")
Attention = Literal["ok", "watch", "replan"]
Source = Literal["patient", "set-up", "model", "scanner"]
State = Literal["quiet", "moved", "unknown"]

SETUP = "set-up"
"""What `ShiftWatch.what` is for the shift of the patient as a whole."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One figure at one fraction."""

    fraction: int
    value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class AxisWatch:
    """A shift along one axis over the course.

    Args:
        axis: Of the patient.
        points: In mm.
        running_mean_mm: After each point.
        running_sd_mm: The same; None at the first.
        chart: Control chart; None while there are too few points and the site has no history.
    """

    axis: Axis
    points: tuple[Point, ...]
    running_mean_mm: tuple[float, ...]
    running_sd_mm: tuple[float | None, ...]
    chart: ControlChart | None

    @property
    def mean_mm(self) -> float | None:
        """Of all fractions so far."""
        return self.running_mean_mm[-1] if self.running_mean_mm else None

    @property
    def sd_mm(self) -> float | None:
        """Of all fractions so far."""
        return self.running_sd_mm[-1] if self.running_sd_mm else None


@dataclass(frozen=True, slots=True, kw_only=True)
class ShiftWatch:
    """The set-up's shift, or a structure's beyond it, along the three axes."""

    what: str
    axes: tuple[AxisWatch, AxisWatch, AxisWatch]


@dataclass(frozen=True, slots=True, kw_only=True)
class Crossing:
    """What was forecast after a fraction: where a drift along LR, AP and SI exceeds the margin; None: nowhere."""

    fraction: int
    exceeded_at: tuple[int | None, int | None, int | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class MarginWatch:
    """The margin that a target needs against the one it was given.

    Args:
        target: Whose.
        planned_xyz_mm: Along each axis; None where neither the plan nor the site tells.
        planned_from: `plan` (the PTV's own reach), `site` (its rules) or "".
        needed_xyz_mm: After the last fraction; None while too little is known.
        needed_points: The largest share of needed in planned along any axis, after each fraction from which on it is
            known.
        prior_courses: How many courses of the site stand behind the prior; 0 for none.
        forecasts: One for each axis; empty while too little is known, or without a planned margin.
        crossings: What was forecast after each fraction.
    """

    target: str
    planned_xyz_mm: Triple | None
    planned_from: Literal["plan", "site", ""]
    needed_xyz_mm: Triple | None
    needed_points: tuple[Point, ...]
    prior_courses: int
    forecasts: tuple[MarginForecast, ...]
    crossings: tuple[Crossing, ...] = ()

    @property
    def share(self) -> float | None:
        """The largest share of needed in planned along any axis."""
        return self.needed_points[-1].value if self.needed_points else None


@dataclass(frozen=True, slots=True, kw_only=True)
class VolumeWatch:
    """A structure's volume against the plan's, in percent of it.

    Args:
        name: The structure's.
        is_target: Else an organ at risk.
        points: Change in percent; negative for a loss.
        days_since_plan: Of each point; None where a header has no date.
        trend: None below three scans whose days are known.
    """

    name: str
    is_target: bool
    points: tuple[Point, ...]
    days_since_plan: tuple[int | None, ...]
    trend: VolumeTrend | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Trigger:
    """A rule that holds at the last fraction.

    Args:
        rule: Its name.
        level: What it leads to.
        since: The fraction from which on it has held without a break.
        structure: Whose figure; "" for the set-up or the course.
        axis: Of the patient; "" where it has none.
        figure: What was found, in the unit that `evidence` names.
        limit: The rule's own.
        evidence: One sentence.
    """

    rule: str
    level: Level
    since: int
    structure: str = ""
    axis: str = ""
    figure: float | None = None
    limit: float | None = None
    evidence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceWatch:
    """One of the four things that can drift.

    Args:
        source: Which.
        state: moved, quiet, or unknown where there is too little to tell.
        since: Fraction, where it moved; None for a source that is watched over all courses.
        evidence: One sentence.
    """

    source: Source
    state: State
    since: int | None
    evidence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchedFraction:
    """A fraction's line: its number, verdict, first reason, days since the plan, and scanner."""

    number: int
    verdict: Verdict
    reason: str
    days_since_plan: int | None
    device: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CourseWatch:
    """A course against its plan, its own past and its site's.

    Args:
        site: Of treatment.
        attention: The gravest level of the triggers.
        summary: What moved and what to do about it, in one to three sentences.
        planned_fractions: None where unknown.
        fractions: In order.
        setup: Of every fraction that could be aligned.
        structures: Beyond set-up, targets first.
        margins: Of every target with a planning volume, the one with the least planned margin first.
        volumes: Targets first.
        triggers: The gravest first.
        sources: patient, set-up, model, scanner.
    """

    site: str
    attention: Attention
    summary: str
    planned_fractions: int | None
    fractions: tuple[WatchedFraction, ...]
    setup: ShiftWatch
    structures: tuple[ShiftWatch, ...]
    margins: tuple[MarginWatch, ...]
    volumes: tuple[VolumeWatch, ...]
    triggers: tuple[Trigger, ...]
    sources: tuple[SourceWatch, ...]
