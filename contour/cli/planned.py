"""Planning in this process, and the form in which both ways of planning hand over their result."""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from contour.config import DEFAULT_MODEL
from contour.dicom.ct_reader import read_ct_folder
from contour.dicom.ct_series import CtSeries
from contour.errors import Finding
from contour.progress import Progress


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanRequest:
    """What was asked for on the command line, apart from where it is written and who does the work."""

    ct_dir: Path
    model: str | None
    structures: tuple[str, ...] | None
    series_uid: str | None
    models_dir: Path | None
    exact: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TableRow:
    """One structure of the closing table."""

    name: str
    volume_ml: float
    slices: int
    seconds: float
    predicted_dice: float | None = None
    proposal: bool = False
    look_of: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RemovalRow:
    """What one clean-up rule took away from a structure."""

    structure: str
    rule: str
    parts: int
    volume_ml: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """A finished plan, from here or from a server; `series` is the CT where this process has read it."""

    rtstruct: bytes
    rows: tuple[TableRow, ...]
    stage_seconds: tuple[tuple[str, float], ...]
    warnings: tuple[Finding, ...]
    removals: tuple[RemovalRow, ...]
    series: CtSeries | None


def new_uid() -> str:
    """A UID nobody else has: PS3.5 B.2, the UUID-derived root."""
    return f"2.25.{uuid.uuid4().int}"


def plan_here(request: PlanRequest, *, progress: Progress) -> Planned:
    """Read the series first, so that a bad one is told before anything heavy is imported."""
    progress("read", 0.0)
    started_s = time.perf_counter()
    series = read_ct_folder(
        request.ct_dir,
        series_instance_uid=request.series_uid,
        on_fraction=lambda fraction: progress("read", fraction),
    )
    read_s = time.perf_counter() - started_s
    progress("read", 1.0)

    from contour.cli.installed import model_store, protocol_store
    from contour.jobs.contourers import contourer_named, loader
    from contour.jobs.plan import plan_contours
    from contour.segmentation import best_device

    models = model_store(request.models_dir)
    result = plan_contours(
        series,
        contourer_named(
            request.model or DEFAULT_MODEL,
            models,
            protocol_store(request.models_dir),
            loader(models, best_device(), exact=request.exact),
        ),
        structures=request.structures,
        now=datetime.now(UTC).astimezone(),
        uid_source=new_uid,
        progress=progress,
    )
    return Planned(
        rtstruct=result.rtstruct,
        rows=tuple(
            TableRow(
                name=row.name,
                volume_ml=row.volume_ml,
                slices=row.slices,
                seconds=row.seconds,
                predicted_dice=row.predicted_dice,
                proposal=row.proposal,
                look_of=row.look_of,
            )
            for row in result.rows
        ),
        stage_seconds=(("read", read_s), *result.stage_seconds),
        warnings=result.warnings,
        removals=tuple(
            RemovalRow(structure=of.name, rule=one.rule, parts=one.parts, volume_ml=one.volume_ml)
            for of in result.removals
            for one in of.removals
        ),
        series=series,
    )
