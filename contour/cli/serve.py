"""`contour serve`: the gRPC service, its worker and its metrics."""

from __future__ import annotations

from pathlib import Path

import click

from contour.cli.options import address


@click.command()
@click.option("--config", default=None, type=click.Path(exists=True, dir_okay=False, path_type=Path), help="TOML file.")
@click.option("--listen", default=None, callback=address, help="HOST:PORT for gRPC.")
@click.option("--metrics", default=None, callback=address, help="HOST:PORT for Prometheus' /metrics.")
@click.option(
    "--data", default=None, type=click.Path(file_okay=False, path_type=Path), help="Folder for jobs and series."
)
def serve(*, config: Path | None, listen: str | None, metrics: str | None, data: Path | None) -> None:
    """Run the contouring service until SIGTERM or Ctrl-C."""
    raise NotImplementedError
