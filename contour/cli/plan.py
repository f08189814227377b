"""`contour plan`: a folder with a planning CT in, an RTSTRUCT file out."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from contour.cli.options import ServerOptions, folder_of_models, names, server_options
from contour.cli.output_file import refuse_to_replace, refuse_to_replace_picture, write_whole

if TYPE_CHECKING:
    from contour.cli.planned import Planned, PlanRequest


@click.command(short_help="Contour a planning CT.")
@click.argument("ct_dir", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--out", required=True, type=click.Path(dir_okay=False, path_type=Path), help="RTSTRUCT file to write.")
@click.option(
    "--model",
    metavar="NAME",
    default=None,
    help="Name of an installed model, see 'contour models', or of a protocol, see 'contour protocol list'.",
)
@click.option(
    "--structures",
    metavar="A,B",
    default=None,
    callback=names,
    help="Only these, comma-separated: Parotid_L,SpinalCord.",
)
@click.option(
    "--series",
    "series_uid",
    metavar="UID",
    default=None,
    help="Series Instance UID, where the folder holds several CTs.",
)
@server_options()
@click.option("--preview", default=None, type=click.Path(dir_okay=False, path_type=Path), help="PNG to draw as well.")
@click.option("--exact", is_flag=True, help="An imported model answers exactly as nnU-Net's own predictor; slow.")
@folder_of_models
def plan(
    *,
    ct_dir: Path,
    out: Path,
    model: str | None,
    structures: tuple[str, ...] | None,
    series_uid: str | None,
    server: ServerOptions | None,
    preview: Path | None,
    exact: bool,
    models_dir: Path | None,
) -> None:
    """Contour the planning CT in CT_DIR and write an RTSTRUCT.

    An existing file is replaced only if it is an unapproved RTSTRUCT. Nothing is written when anything fails.
    """
    if exact and server is not None:
        raise click.UsageError("--exact is for work done here; a server has it in its configuration, models.exact")
    for path in filter(None, (out, preview)):
        folder = path.absolute().parent
        if not folder.is_dir() or not os.access(folder, os.W_OK):
            raise click.UsageError(f"folder {folder} is not there or not writable; expected an existing folder")
    if preview is not None:
        if preview.absolute() == out.absolute():
            raise click.UsageError(f"--out and --preview both name {out}; expected two files")
        refuse_to_replace_picture(preview)
    refuse_to_replace(out)

    from contour.cli.planned import PlanRequest

    request = PlanRequest(
        ct_dir=ct_dir, model=model, structures=structures, series_uid=series_uid, models_dir=models_dir, exact=exact
    )
    done = _plan_here(request) if server is None else _plan_there(request, server)
    picture = None
    if preview is not None:
        picture = _picture(request, done)
    write_whole(out, done.rtstruct)
    if preview is not None and picture is not None:
        write_whole(preview, picture)
    _report(done, out=out, preview=preview)


def _plan_here(request: PlanRequest) -> Planned:
    from contour.cli.planned import plan_here
    from contour.cli.stage_view import stage_view

    with stage_view() as progress:
        return plan_here(request, progress=progress)


def _plan_there(request: PlanRequest, server: ServerOptions) -> Planned:
    from contour.cli.plan_remote import plan_there
    from contour.cli.stage_view import stage_view

    with stage_view() as progress:
        return plan_there(request, server=server, progress=progress)


def _picture(request: PlanRequest, done: Planned) -> bytes:
    from contour.dicom.ct_reader import read_ct_folder
    from contour.preview import draw_preview

    series = done.series
    if series is None:
        series = read_ct_folder(request.ct_dir, series_instance_uid=request.series_uid)
    return draw_preview(series, done.rtstruct)


def _report(done: Planned, *, out: Path, preview: Path | None) -> None:
    from contour.cli.tables import print_plan

    print_plan(done)
    if preview is not None:
        click.echo(f"Preview: {preview}")
    click.echo(f"RTSTRUCT: {out}")
