"""`contour course`: what became of a course so far, and which course most needs a look."""

from __future__ import annotations

import click

from contour.cli.course_list import list_courses
from contour.cli.course_report import report_course
from contour.cli.course_sum import sum_fractions


@click.group(no_args_is_help=True, short_help="Watch courses: list them, report on one, sum up fractions.")
def course() -> None:
    """What became of a course: 'report' draws its charts, 'sum' sums up its dose, 'list' shows a server's courses."""


for _command in (report_course, list_courses, sum_fractions):
    course.add_command(_command)
