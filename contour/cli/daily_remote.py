"""A fraction on a server: both series, structures and dose go up, progress and the files come down."""

from __future__ import annotations

import json
from pathlib import Path

from contour.adaptation.fraction_report import report_from_json
from contour.cli.daily_local import NO_MODEL, DailyDone, DailyRequest
from contour.cli.options import ServerOptions
from contour.cli.plan_remote import PATIENCE_S
from contour.client.courses import PlanHandle
from contour.dicom.ct_reader import select_series
from contour.dicom.instances import FileInstance
from contour.dicom.inventory import scan_instances
from contour.errors import InputError, SeriesRejectedError
from contour.jobs.fraction_archive import DRIFT
from contour.progress import Progress


def daily_there(request: DailyRequest, *, server: ServerOptions, progress: Progress) -> DailyDone:
    """The same series are chosen here as without a server, and only their slices leave this machine.

    Raises:
        ContourError: what the same work raises in this process, or ServiceUnavailableError.
    """
    if request.model == NO_MODEL:
        raise InputError("a server always asks a model; leave --model away or name one", reason="INVALID_ARGUMENT")
    request.site_limits()
    limits = "" if request.limits is None else request.limits.read_text(encoding="utf-8")
    plan_slices = _slices(request.plan_ct, request.plan_series)
    daily_slices = _slices(request.daily_ct, request.daily_series)
    with server.connect(patience_s=PATIENCE_S) as client:
        plan = client.upload_series(plan_slices, progress)
        structures = client.upload_series([request.plan_structures], progress)
        dose = None if request.plan_dose is None else client.upload_series([request.plan_dose], progress)
        daily = client.upload_series(daily_slices, progress)
        done = client.courses.adapt(
            PlanHandle(ct=plan, structures=structures, dose=dose, planned_fractions=request.planned_fractions or 0),
            daily,
            fraction=request.fraction or 0,
            limits_toml=limits,
            model=request.model or "",
            progress=progress,
        )
        files = client.courses.files(done)
    report = report_from_json(json.loads(dict(files)[DRIFT]))
    return DailyDone(
        verdict=report.verdict,
        files=files,
        report=report,
        warnings=(*plan.set_aside, *daily.set_aside, *done.warnings),
        stage_seconds=done.stage_seconds,
    )


def _slices(folder: Path, series_uid: str | None) -> list[Path | bytes]:
    inventory = scan_instances([folder])
    chosen = select_series(inventory, series_uid)
    problems = (*chosen.problems, *inventory.problems)
    if problems:
        raise SeriesRejectedError(problems)
    sources = [header.source for header in chosen.headers]
    return [source.path for source in sources if isinstance(source, FileInstance)]
