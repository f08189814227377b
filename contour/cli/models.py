"""`contour models`: what is installed, and how good it was measured to be."""

from __future__ import annotations

from pathlib import Path

import click

from contour.cli.options import folder_of_models


@click.command()
@click.option("--card", default=None, help="Show one model's whole card.")
@folder_of_models
def models(*, card: str | None, models_dir: Path | None) -> None:
    """List the installed models with their cards."""
    raise NotImplementedError
