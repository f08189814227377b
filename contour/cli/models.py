"""`contour models`: what is installed, and how models that others trained are brought in."""

from __future__ import annotations

from pathlib import Path

import click

from contour.cli.models_import import import_models, public, pull
from contour.cli.options import folder_of_models


@click.group(
    invoke_without_command=True,
    no_args_is_help=False,
    short_help="List the installed models with their cards; import nnU-Net v2 and MONAI models.",
)
@click.option("--card", metavar="NAME", default=None, help="Show the whole card of the model with this name.")
@folder_of_models
@click.pass_context
def models(context: click.Context, *, card: str | None, models_dir: Path | None) -> None:
    """List the installed models: version, licence, size, whether the files are intact, structures and measured Dice.

    'import' and 'pull' bring in models that others trained, as data: nothing in them is executed.
    """
    if context.invoked_subcommand is None:
        _list(card, models_dir)
    elif card is not None:
        raise click.UsageError("--card goes with no command; expected 'contour models --card NAME'")
    else:
        context.obj = models_dir


for _command in (import_models, pull, public):
    models.add_command(_command)


def _list(card: str | None, models_dir: Path | None) -> None:
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
            if not isinstance(loaded, LoadedModel):
                click.echo("  imported: it knows no scan of another region or size; look at each one")
            elif loaded.anatomy is None:
                click.echo("  no anatomy.json: scans of another region or size go unnoticed; see 'contour anatomy'")
        except ModelError as error:
            print_damaged_model(name, error)
    if not names:
        click.echo("No models are installed.")
