"""`contour course list`: a server's courses, those that most need a look first."""

from __future__ import annotations

import click

from contour.cli.options import ServerOptions, server_options


@click.command("list", short_help="A server's courses, worst first.")
@server_options("Where the courses are kept.", required=True)
@click.option("--most", default=50, show_default=True, type=click.IntRange(1, 200), help="How many.")
def list_courses(*, server: ServerOptions, most: int) -> None:
    """A line for each course: what it asks for, how far it is, what moved, and by what evidence."""
    from contour.cli.course_table import print_courses
    from contour.cli.plan_remote import PATIENCE_S

    with server.connect(patience_s=PATIENCE_S) as client:
        print_courses(client.courses.listing(most=most, worst_first=True))
