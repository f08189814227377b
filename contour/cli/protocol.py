"""`contour protocol`: requests that take structures from several models, checked and listed."""

from __future__ import annotations

from pathlib import Path

import click

from contour.cli.options import folder_of_models


@click.group(no_args_is_help=False, short_help="Check and list protocols: several models in one request.")
def protocol() -> None:
    """Protocols take structures from several models in one request, and derive others from them.

    A protocol is one file, NAME.protocol.toml, in a folder of models; 'contour plan --model NAME' uses it.
    """


@protocol.command(short_help="Check a protocol against the installed models.")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@folder_of_models
def check(*, file: Path, models_dir: Path | None) -> None:
    """Read the protocol in FILE, look its models up, and say how each structure comes about.

    Ends with 1 and one line where something is wrong with it.
    """
    from contour.cli.installed import model_store, protocol_store
    from contour.cli.protocol_table import print_protocol
    from contour.segmentation.protocol_store import check_models, read_protocol

    found = read_protocol(file)
    protocol_store(models_dir).refuse_models_name(found.name)
    print_protocol(found, check_models(found, model_store(models_dir).card))


@protocol.command(name="list", short_help="List the installed protocols.")
@folder_of_models
def list_protocols(*, models_dir: Path | None) -> None:
    """List the installed protocols: version, models, and how each structure comes about."""
    from contour.cli.installed import model_store, protocol_store
    from contour.cli.protocol_table import print_protocol, print_unusable
    from contour.errors import ContourError
    from contour.segmentation.protocol_store import check_models

    models, protocols = model_store(models_dir), protocol_store(models_dir)
    for name in protocols.names():
        try:
            found = protocols.get(name)
            print_protocol(found, check_models(found, models.card))
        except ContourError as error:
            print_unusable(name, error)
    if not protocols.names():
        click.echo("No protocols are installed.")
