"""`contour course report`: a course's charts, margins, rules and tables as a page, pictures and CSV."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from contour.adaptation.watch.sites import SITES, UNSPECIFIED
from contour.cli.options import ServerOptions, server_options
from contour.errors import InputError

if TYPE_CHECKING:
    from contour.adaptation.watch.values import CourseWatch


@click.command("report", short_help="A course's charts as a page, SVG and CSV.")
@click.argument("course")
@click.option("--out", required=True, type=click.Path(file_okay=False, path_type=Path), help="New or empty folder.")
@server_options("Where the course is kept.")
@click.option(
    "--site", metavar="SITE", default=UNSPECIFIED, type=click.Choice(SITES), help="Of treatment; a wrong one names all."
)
@click.option("--planned-fractions", default=None, type=click.IntRange(1, 200), help="How many there are to be.")
@click.option(
    "--rules",
    default=None,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="TOML with what differs from the shipped watch rules.",
)
def report_course(
    *,
    course: str,
    out: Path,
    server: ServerOptions | None,
    site: str,
    planned_fractions: int | None,
    rules: Path | None,
) -> None:
    """Report on COURSE: a course's id on a server, or a folder that holds the output folders of 'contour daily'.

    OUT gets report.html, its charts as SVG, and tables as CSV. A server's report is by the server's own rules and with
    what its other courses of the site showed.
    """
    from datetime import UTC, datetime

    from contour.cli.course_table import print_watch
    from contour.cli.output_file import refuse_full_folder, write_folder
    from contour.preview.course_page import course_report_files

    if server is not None and (rules is not None or planned_fractions is not None or site != UNSPECIFIED):
        raise click.UsageError("a server has its own rules, and knows site and number of fractions")
    refuse_full_folder(out)
    if server is None:
        title, watch = f"Course in {Path(course).name}", _here(Path(course), site, planned_fractions, rules)
    else:
        title, watch = _there(server, course)
    write_folder(out, course_report_files(watch, title=title, made=datetime.now(UTC).astimezone()))
    print_watch(watch)
    click.echo(str(out))


def _here(folder: Path, site: str, planned_fractions: int | None, rules: Path | None) -> CourseWatch:
    from contour.adaptation.watch.rules import read_watch_rules
    from contour.cli.course_sum import fractions_here
    from contour.jobs.course import watch_fractions
    from contour.jobs.fraction_archive import DRIFT

    if not folder.is_dir():
        raise InputError("no such folder; a course's id goes with --server", reason="NO_SUCH_FOLDER")
    found = tuple(sorted(path for path in folder.iterdir() if (path / DRIFT).is_file()))
    given = fractions_here(found)
    known = read_watch_rules() if rules is None else read_watch_rules(rules)
    return watch_fractions(given, site=site, rules=known, planned_fractions=planned_fractions)


def _there(server: ServerOptions, course_id: str) -> tuple[str, CourseWatch]:
    from contour.cli.plan_remote import PATIENCE_S
    from contour.client.courses import CourseHandle

    with server.connect(patience_s=PATIENCE_S) as client:
        course, watch = client.courses.watched(CourseHandle(course_id=course_id))
    return course.label or f"Course {course.course_id[:12]}", watch
