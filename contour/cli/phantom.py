"""`contour phantom`: a synthetic head-and-neck patient as a DICOM series, with its true masks."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("out_dir", type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "--seed", default=1, show_default=True, type=click.IntRange(min=0), help="The same seed, the same patient."
)
def phantom(*, out_dir: Path, seed: int) -> None:
    """Write a synthetic head-and-neck patient into OUT_DIR."""
    raise NotImplementedError
