"""`contour daily`: the day's scan beside the plan; today's structures, registration objects, drift and a report out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from contour.cli.options import ServerOptions, folder_of_models, server_options
from contour.errors import UntrustworthyResultError

if TYPE_CHECKING:
    from contour.cli.daily_local import DailyDone

_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command(short_help="Carry the plan's structures to a daily scan.")
@click.option("--plan-ct", required=True, type=_FOLDER, help="Folder with the planning CT.")
@click.option("--plan-structures", required=True, type=_FILE, help="The plan's RTSTRUCT, from any system.")
@click.option("--daily-ct", required=True, type=_FOLDER, help="Folder with the scan of the day.")
@click.option("--out", required=True, type=click.Path(file_okay=False, path_type=Path), help="New or empty folder.")
@click.option("--plan-dose", default=None, type=_FILE, help="RTDOSE of the whole course.")
@click.option("--fraction", default=None, type=click.IntRange(min=1), help="Number of the fraction.")
@click.option("--planned-fractions", default=None, type=click.IntRange(min=1), help="Fractions of the plan's dose.")
@click.option(
    "--limits", default=None, type=_FILE, help="TOML with the site's limits; what it leaves out is as shipped."
)
@click.option("--model", metavar="NAME", default=None, help="Network that bears witness; 'none' for none.")
@click.option("--plan-series", metavar="UID", default=None, help="Where the plan folder holds several CTs.")
@click.option("--daily-series", metavar="UID", default=None, help="Where the day's folder holds several CTs.")
@server_options()
@folder_of_models
def daily(
    *,
    plan_ct: Path,
    plan_structures: Path,
    daily_ct: Path,
    out: Path,
    plan_dose: Path | None,
    fraction: int | None,
    planned_fractions: int | None,
    limits: Path | None,
    model: str | None,
    plan_series: str | None,
    daily_series: str | None,
    server: ServerOptions | None,
    models_dir: Path | None,
) -> None:
    """Register the day's scan to the plan, carry the plan's structures onto it, and measure what moved.

    OUT gets structures.dcm, rigid.dcm, deformable.dcm, drift.json and report.png, and with --plan-dose the dose on
    today's anatomy. It has to be new or empty, and appears only once it is complete. A scan that cannot be trusted is
    refused: OUT then holds drift.json and report.png alone, and the exit code is 1.
    """
    from contour.cli.daily_local import DailyRequest, daily_here
    from contour.cli.output_file import refuse_full_folder, write_folder
    from contour.cli.stage_view import stage_view
    from contour.progress import DAILY_STAGES

    refuse_full_folder(out)
    request = DailyRequest(
        plan_ct=plan_ct,
        plan_structures=plan_structures,
        daily_ct=daily_ct,
        plan_dose=plan_dose,
        fraction=fraction,
        planned_fractions=planned_fractions,
        limits=limits,
        model=model,
        plan_series=plan_series,
        daily_series=daily_series,
        models_dir=models_dir,
    )
    with stage_view(DAILY_STAGES) as progress:
        if server is None:
            done = daily_here(request, progress=progress)
        else:
            from contour.cli.daily_remote import daily_there

            done = daily_there(request, server=server, progress=progress)
    write_folder(out, done.files)
    _report(done, out)


def _report(done: DailyDone, out: Path) -> None:
    from contour.cli.daily_table import print_fraction

    print_fraction(done)
    click.echo(f"{done.verdict}: {out}")
    if done.verdict == "REFUSE":
        leading = done.report.reasons[0]
        raise UntrustworthyResultError(
            f"{leading.message}; no structures are handed out, the evidence is in the output folder",
            reason=leading.reason,
        )
