"""`contour phantom`: a synthetic head-and-neck patient as a DICOM series, with its true masks."""

from __future__ import annotations

import shutil
import sys
import uuid
from pathlib import Path

import click

from contour.errors import InputError


@click.command(short_help="Write a synthetic patient with its true masks.")
@click.argument("out_dir", type=click.Path(file_okay=False, path_type=Path))
@click.option("--seed", default=1, show_default=True, type=click.IntRange(min=0), help="Same seed, same patient.")
def phantom(*, out_dir: Path, seed: int) -> None:
    """Write a synthetic head-and-neck patient into OUT_DIR: its CT in ct/, its true masks in truth/.

    OUT_DIR has to be new or empty, and appears only once it is complete.
    """
    if out_dir.exists() and any(out_dir.iterdir()):
        raise InputError("the output folder is not empty; expected a new or empty one", reason="OUTPUT_EXISTS")

    from rich.console import Console

    from contour.phantom import write_phantom

    doing = f"Drawing patient {seed} and writing the CT and the masks"
    out_dir.absolute().parent.mkdir(parents=True, exist_ok=True)
    unfinished = out_dir.absolute().with_name(f".contour-{uuid.uuid4().hex}.part")
    try:
        if sys.stderr.isatty():
            with Console(stderr=True).status(doing):
                files = write_phantom(unfinished, seed)
        else:
            click.echo(doing, err=True)
            files = write_phantom(unfinished, seed)
        unfinished.replace(out_dir)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    folder = out_dir / files.ct_folder.name
    click.echo(f"Phantom: {len(files.ct_paths)} CT slices in {folder}, {len(files.truth_paths)} true masks beside it")
