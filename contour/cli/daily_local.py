"""A fraction worked out in this process, and the form in which both ways of doing it hand over their result."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from contour.adaptation.fraction_report import FractionReport
from contour.adaptation.limits import Limits, Verdict, read_limits
from contour.cli.planned import new_uid
from contour.config import DEFAULT_MODEL
from contour.dicom.ct_reader import read_ct_folder
from contour.errors import Finding
from contour.progress import Progress

NO_MODEL = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class DailyRequest:
    """What was asked for on the command line, apart from where it is written and who does the work."""

    plan_ct: Path
    plan_structures: Path
    daily_ct: Path
    plan_dose: Path | None
    fraction: int | None
    planned_fractions: int | None
    limits: Path | None
    model: str | None
    plan_series: str | None
    daily_series: str | None
    models_dir: Path | None

    def site_limits(self) -> Limits:
        """The site's limits, or those shipped.

        Raises:
            ConfigError: a file that holds what it must not.
        """
        return read_limits() if self.limits is None else read_limits(self.limits)


@dataclass(frozen=True, slots=True, kw_only=True)
class DailyDone:
    """A finished fraction, from here or from a server."""

    verdict: Verdict
    files: tuple[tuple[str, bytes], ...] = field(repr=False)
    report: FractionReport
    warnings: tuple[Finding, ...]
    stage_seconds: tuple[tuple[str, float], ...]


def daily_here(request: DailyRequest, *, progress: Progress) -> DailyDone:
    """Read both series first, so that a bad one is told before anything heavy is imported.

    Raises:
        ContourError: an input that cannot be used.
    """
    limits = request.site_limits()
    progress("read", 0.0)
    started_s = time.perf_counter()
    plan = read_ct_folder(
        request.plan_ct, series_instance_uid=request.plan_series, on_fraction=lambda f: progress("read", f / 2)
    )
    daily = read_ct_folder(
        request.daily_ct, series_instance_uid=request.daily_series, on_fraction=lambda f: progress("read", (1 + f) / 2)
    )
    structures = request.plan_structures.read_bytes()
    dose = None if request.plan_dose is None else request.plan_dose.read_bytes()
    read_s = time.perf_counter() - started_s
    progress("read", 1.0)

    from contour.cli.installed import model_store
    from contour.jobs.daily import adapt_fraction
    from contour.jobs.daily_values import DailyInputs, DailySettings
    from contour.segmentation import best_device

    model = None
    if request.model != NO_MODEL:
        model = model_store(request.models_dir).load(request.model or DEFAULT_MODEL, device=best_device())
    result = adapt_fraction(
        DailyInputs(plan=plan, plan_structures=structures, daily=daily, plan_dose=dose),
        settings=DailySettings(limits=limits, fraction=request.fraction, planned_fractions=request.planned_fractions),
        model=model,
        now=datetime.now(UTC).astimezone(),
        uid_source=new_uid,
        progress=progress,
    )
    return DailyDone(
        verdict=result.verdict,
        files=result.files,
        report=result.report,
        warnings=result.warnings,
        stage_seconds=(("read", read_s), *result.stage_seconds),
    )
