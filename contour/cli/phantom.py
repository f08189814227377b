"""`contour phantom`: a synthetic head-and-neck patient as a DICOM series, or a whole course of one, with the truth."""

from __future__ import annotations

import shutil
import sys
import uuid
from collections.abc import Callable
from pathlib import Path

import click

from contour.errors import InputError


@click.command(short_help="Write a synthetic patient, or a course, with the truth.")
@click.argument("out_dir", type=click.Path(file_okay=False, path_type=Path))
@click.option("--seed", default=1, show_default=True, type=click.IntRange(min=0), help="Same seed, same patient.")
@click.option("--course", is_flag=True, help="A plan with structures and dose, and a scan for each fraction.")
@click.option("--fractions", default=20, show_default=True, type=click.IntRange(1, 60), help="Of the course.")
@click.option("--wrong-patient", default=0, type=click.IntRange(min=0), help="Fraction that scans another patient.")
@click.option("--flipped", default=0, type=click.IntRange(min=0), help="Fraction that is flipped left to right.")
@click.option("--plan-again", default=0, type=click.IntRange(min=0), help="Fraction that is the plan CT again.")
def phantom(*, out_dir: Path, seed: int, course: bool, fractions: int, **incidents: int) -> None:
    """Write a synthetic head-and-neck patient into OUT_DIR: its CT in ct/, its true masks in truth/.

    With --course: plan/ with CT, structures and dose, and fraction_NN/ with each day's CT and the truth about it.

    OUT_DIR has to be new or empty, and appears only once it is complete.
    """
    if not course and any(incidents.values()):
        raise click.UsageError("incidents need --course")
    if out_dir.exists() and any(out_dir.iterdir()):
        raise InputError("the output folder is not empty; expected a new or empty one", reason="OUTPUT_EXISTS")
    if not course:
        _write(out_dir, f"Drawing patient {seed} and writing the CT and the masks", lambda into: _patient(into, seed))
        return

    from contour.phantom.course import CourseSettings, write_course

    settings = CourseSettings(
        seed=seed,
        fractions=fractions,
        wrong_patient=incidents["wrong_patient"],
        flipped=incidents["flipped"],
        plan_again=incidents["plan_again"],
    )

    def days(into: Path) -> str:
        write_course(into, settings)
        return f"Course: plan with CT, structures and dose, {fractions} fractions beside it"

    _write(out_dir, f"Drawing patient {seed} and scanning {fractions} fractions", days)


def _patient(into: Path, seed: int) -> str:
    from contour.phantom import write_phantom

    files = write_phantom(into, seed)
    return f"{len(files.ct_paths)} CT slices in {files.ct_folder.name}/, {len(files.truth_paths)} true masks beside it"


def _write(out_dir: Path, doing: str, make: Callable[[Path], str]) -> None:
    """Into a folder of another name first, so that the real one is whole or not there."""
    from rich.console import Console

    out_dir.absolute().parent.mkdir(parents=True, exist_ok=True)
    unfinished = out_dir.absolute().with_name(f".contour-{uuid.uuid4().hex}.part")
    unfinished.mkdir()
    try:
        if sys.stderr.isatty():
            with Console(stderr=True).status(doing):
                told = make(unfinished)
        else:
            click.echo(doing, err=True)
            told = make(unfinished)
        unfinished.replace(out_dir)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    click.echo(f"Phantom in {out_dir}: {told}")
