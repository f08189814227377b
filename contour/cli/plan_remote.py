"""Planning on a server: the chosen series goes up, progress comes down, and the structure set with it."""

from __future__ import annotations

from pathlib import Path

from contour.cli.options import ServerOptions
from contour.cli.planned import Planned, PlanRequest, RemovalRow, TableRow
from contour.dicom.ct_reader import select_series
from contour.dicom.instances import FileInstance
from contour.dicom.inventory import scan_instances
from contour.errors import Finding, SeriesRejectedError
from contour.progress import Progress

PATIENCE_S = 15.0
"""How long a server may stay away, to be restarted for instance."""


def plan_there(request: PlanRequest, *, server: ServerOptions, progress: Progress) -> Planned:
    """The same series is chosen here as without a server, and only its slices leave this machine.

    Raises:
        ContourError: what the same work raises in this process, or ServiceUnavailableError.
    """
    slices, set_aside = _chosen_slices(request)
    with server.connect(patience_s=PATIENCE_S) as client:
        series = client.upload_series(slices, progress)
        done = client.plan(series, model=request.model or "", structures=request.structures or (), progress=progress)
    return Planned(
        rtstruct=done.rtstruct,
        rows=tuple(
            TableRow(
                name=row.name,
                volume_ml=row.volume_ml,
                slices=row.slices,
                seconds=row.elapsed_s,
                predicted_dice=row.predicted_dice,
                proposal=row.proposal,
                look_of=row.look_of,
            )
            for row in done.structures
        ),
        stage_seconds=done.stage_seconds,
        warnings=(*set_aside, *series.set_aside, *done.warnings),
        removals=tuple(
            RemovalRow(structure=one.structure, rule=one.rule, parts=one.parts, volume_ml=one.volume_ml)
            for one in done.removals
        ),
        series=None,
    )


def _chosen_slices(request: PlanRequest) -> tuple[list[Path | bytes], tuple[Finding, ...]]:
    inventory = scan_instances([request.ct_dir])
    chosen = select_series(inventory, request.series_uid)
    problems = (*chosen.problems, *inventory.problems)
    if problems:
        raise SeriesRejectedError(problems)
    sources = [header.source for header in chosen.headers]
    paths: list[Path | bytes] = [source.path for source in sources if isinstance(source, FileInstance)]
    return paths, inventory.set_aside
