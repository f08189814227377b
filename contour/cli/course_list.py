"""`contour course list`: a server's courses, those that most need a look first."""

from __future__ import annotations

import click

from contour.cli.options import address


@click.command("list", short_help="A server's courses, worst first.")
@click.option("--server", metavar="HOST:PORT", required=True, callback=address, help="Where the courses are kept.")
@click.option("--most", default=50, show_default=True, type=click.IntRange(1, 200), help="How many.")
def list_courses(*, server: str, most: int) -> None:
    """A line for each course: what it asks for, how far it is, what moved, and by what evidence."""
    from contour.cli.course_table import print_courses
    from contour.cli.plan_remote import PATIENCE_S
    from contour.client import ContourClient

    with ContourClient(server, patience_s=PATIENCE_S) as client:
        print_courses(client.courses.listing(most=most, worst_first=True))
