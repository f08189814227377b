"""What the daily walk takes and gives."""

from __future__ import annotations

from dataclasses import dataclass, field

from contour.adaptation.fraction_report import FractionReport
from contour.adaptation.limits import Limits, Verdict, read_limits
from contour.dicom.ct_series import CtSeries
from contour.errors import Finding
from registration.align import AlignSettings

AT_DOSES_GY = (20.0, 30.0, 45.0, 60.0)
"""Doses at which volumes are told: those of common constraints to parotid glands, cord and mandible."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawnPlan:
    """The RTSTRUCT that a network gave on the plan CT."""

    structures: bytes = field(repr=False)
    model: str
    model_version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DailyInputs:
    """What goes in.

    Args:
        plan: The planning CT.
        plan_structures: The plan's RTSTRUCT, from whatever system.
        daily: The scan of the day.
        plan_dose: RTDOSE of the whole course, where there is one.
        drawn: What a network drew on the plan CT, where it did.
    """

    plan: CtSeries
    plan_structures: bytes = field(repr=False)
    daily: CtSeries
    plan_dose: bytes | None = field(default=None, repr=False)
    drawn: DrawnPlan | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class DailySettings:
    """How a fraction is worked out and judged.

    Args:
        limits: The site's.
        align: Method.
        fraction: Number in the course, from 1; None outside a course.
        label: What the site calls it; no patient data.
        planned_fractions: Over which the plan's dose is given; needed for this fraction's dose on the plan.
        at_doses_gy: Doses at which volumes are told.
        target_pairs: PTV of targets whose names do not tell; (target, PTV).
    """

    limits: Limits = field(default_factory=read_limits)
    align: AlignSettings = field(default_factory=AlignSettings)
    fraction: int | None = None
    label: str = ""
    planned_fractions: int | None = None
    at_doses_gy: tuple[float, ...] = AT_DOSES_GY
    target_pairs: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DailyResult:
    """What comes out.

    Args:
        verdict: PASS, LOOK or REFUSE.
        reasons: Why it is not PASS, gravest first.
        files: Names and bytes; of a refused fraction `drift.json` and `report.png` alone.
        report: What `drift.json` holds.
        warnings: What was noticed about the input.
        stage_seconds: Names and seconds, in order.
    """

    verdict: Verdict
    reasons: tuple[Finding, ...]
    files: tuple[tuple[str, bytes], ...] = field(repr=False)
    report: FractionReport
    warnings: tuple[Finding, ...]
    stage_seconds: tuple[tuple[str, float], ...]
