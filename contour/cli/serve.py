"""`contour serve`: the gRPC service, its worker and its metrics."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from contour.cli.options import address, folder_of_models

if TYPE_CHECKING:
    from contour.server.serve import Addresses


@click.command(short_help="Run the gRPC service.")
@click.option(
    "--config", "file", default=None, type=click.Path(exists=True, dir_okay=False, path_type=Path), help="TOML."
)
@click.option(
    "--listen", metavar="HOST:PORT", default=None, callback=address, help="For gRPC; port 0 takes a free one."
)
@click.option("--metrics", metavar="HOST:PORT", default=None, callback=address, help="For Prometheus' /metrics.")
@click.option(
    "--data", default=None, type=click.Path(file_okay=False, path_type=Path), help="Folder for jobs and series."
)
@folder_of_models
def serve(
    *, file: Path | None, listen: str | None, metrics: str | None, data: Path | None, models_dir: Path | None
) -> None:
    """Run the contouring service until SIGTERM or Ctrl-C; one line on stdout says when it is ready.

    What is given here goes before the configuration file. Logs are JSON lines on stderr.
    """
    from contour.config import load_config

    config = load_config(file)
    config = replace(
        config,
        listen=listen or config.listen,
        metrics=metrics or config.metrics,
        data=data or config.data,
        models=replace(config.models, folders=(*([models_dir] if models_dir else []), *config.models.folders)),
    )
    settings = config.for_server()

    from contour.logs import set_up_logs
    from contour.server.serve import serve as run_server

    set_up_logs(config.log_level)
    raise click.exceptions.Exit(run_server(settings, ready=_say_ready))


def _say_ready(addresses: Addresses) -> None:
    metrics = f", metrics on http://{addresses.metrics}/metrics" if addresses.metrics else ""
    click.echo(f"contour is ready: gRPC on {addresses.grpc}{metrics}")
