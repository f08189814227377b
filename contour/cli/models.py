"""`contour models`: what is installed, and how good it was measured to be."""

from __future__ import annotations

from pathlib import Path

import click

from contour.cli.options import folder_of_models


@click.command(short_help="List the installed models with their cards.")
@click.option("--card", metavar="NAME", default=None, help="Show the whole card of the model with this name.")
@folder_of_models
def models(*, card: str | None, models_dir: Path | None) -> None:
    """List the installed models: version, licence, size, whether the files are intact, structures and measured Dice."""
    from contour.cli.installed import model_store
    from contour.errors import ModelError
    from contour.segmentation import LoadedModel

    store = model_store(models_dir)
    if card is not None:
        click.echo(store.card(card).text)
        return

    from contour.cli.tables import print_damaged_model, print_model

    names = store.names()
    for name in names:
        try:
            loaded = store.load(name, device="cpu")
            print_model(loaded.card)
            if isinstance(loaded, LoadedModel) and loaded.anatomy is None:
                click.echo("  no anatomy.json: scans of another region or size go unnoticed; see 'contour anatomy'")
        except ModelError as error:
            print_damaged_model(name, error)
    if not names:
        click.echo("No models are installed.")
