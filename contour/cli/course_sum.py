"""`contour course sum`: fractions that were worked out, summed up: trends, lesions and the dose delivered so far."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from contour.cli.options import ServerOptions, server_options

if TYPE_CHECKING:
    from contour.jobs.course import FractionGiven, PlanWithDose

_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command("sum", short_help="Sum up fractions: trends, lesions, delivered dose.")
@click.argument("fractions", nargs=-1, type=_FOLDER)
@click.option("--out", required=True, type=click.Path(file_okay=False, path_type=Path), help="New or empty folder.")
@click.option("--plan-ct", default=None, type=_FOLDER, help="Folder with the planning CT, to sum dose.")
@click.option("--plan-structures", default=None, type=_FILE, help="The plan's RTSTRUCT, to sum dose.")
@click.option("--plan-dose", default=None, type=_FILE, help="RTDOSE of the whole course, to sum dose.")
@server_options("Where the course is kept.")
@click.option("--course", "course_id", metavar="ID", default=None, help="Which course on the server.")
def sum_fractions(
    *,
    fractions: tuple[Path, ...],
    out: Path,
    plan_ct: Path | None,
    plan_structures: Path | None,
    plan_dose: Path | None,
    server: ServerOptions | None,
    course_id: str | None,
) -> None:
    """Sum up FRACTIONS, the output folders of `contour daily` in any order, or a course that a server keeps.

    OUT gets course.json: a line for each fraction, each structure's figures over them, and what became of each lesion.
    With the plan's CT, structures and dose it also gets dose_accumulated.dcm, the dose delivered so far on the plan's
    anatomy, and course.json the difference to as much of the plan.
    """
    from datetime import UTC, datetime

    from contour.cli.course_table import print_course
    from contour.cli.output_file import refuse_full_folder, write_folder
    from contour.cli.planned import new_uid
    from contour.jobs.course import sum_course

    if bool(fractions) == bool(server) or bool(server) != bool(course_id):
        raise click.UsageError("name either the fractions' folders, or --server and --course")
    refuse_full_folder(out)
    plan = _plan(plan_ct, plan_structures, plan_dose)
    given = fractions_here(fractions) if server is None else fractions_there(server, course_id or "")
    report, files = sum_course(given, plan, now=datetime.now(UTC).astimezone(), uid_source=new_uid)
    write_folder(out, files)
    print_course(report)
    click.echo(str(out))


def _plan(ct: Path | None, structures: Path | None, dose: Path | None) -> PlanWithDose | None:
    if ct is None and structures is None and dose is None:
        return None
    if ct is None or structures is None or dose is None:
        raise click.UsageError("summing dose needs --plan-ct, --plan-structures and --plan-dose")
    from contour.dicom.ct_reader import read_ct_folder
    from contour.jobs.course import PlanWithDose

    return PlanWithDose(ct=read_ct_folder(ct), structures=structures.read_bytes(), dose=dose.read_bytes())


def fractions_here(folders: tuple[Path, ...]) -> list[FractionGiven]:
    """Output folders of `contour daily`.

    Raises:
        InputError: one holds no report (NO_FRACTION), or one that is none (BAD_REPORT).
    """
    from contour.errors import InputError
    from contour.jobs.fraction_archive import DOSE_ON_PLAN, DRIFT

    found = []
    for number, folder in enumerate(folders, start=1):
        if not (folder / DRIFT).is_file():
            raise InputError(f"folder {number} of {len(folders)} holds no {DRIFT}", reason="NO_FRACTION")
        dose = folder / DOSE_ON_PLAN
        found.append(_given((folder / DRIFT).read_bytes(), dose.read_bytes() if dose.is_file() else None))
    return found


def fractions_there(server: ServerOptions, course_id: str) -> list[FractionGiven]:
    """Every fraction of a server's course that is over."""
    from contour.cli.plan_remote import PATIENCE_S
    from contour.client.courses import CourseHandle
    from contour.jobs.fraction_archive import DOSE_ON_PLAN, DRIFT
    from contour.v1 import contouring_pb2

    found = []
    with server.connect(patience_s=PATIENCE_S) as client:
        for entry in client.courses.get(CourseHandle(course_id=course_id)).fractions:
            if entry.state != contouring_pb2.JOB_STATE_SUCCEEDED:
                continue
            files = client.courses.result(entry.job_id).files
            dose = client.courses.fetch(entry.job_id, DOSE_ON_PLAN) if DOSE_ON_PLAN in files else None
            found.append(_given(client.courses.fetch(entry.job_id, DRIFT), dose))
    return found


def _given(drift: bytes, dose: bytes | None) -> FractionGiven:
    import json

    from contour.adaptation.fraction_report import report_from_json
    from contour.errors import InputError
    from contour.jobs.course import FractionGiven

    try:
        form = json.loads(drift)
    except ValueError:
        raise InputError("a fraction's drift.json is not JSON", reason="BAD_REPORT") from None
    return FractionGiven(report=report_from_json(form), dose_on_plan=dose)
