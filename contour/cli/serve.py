"""`contour serve`: the gRPC service, its worker, its metrics and the review page."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from contour.cli.options import address, folder_of_models

if TYPE_CHECKING:
    from contour.config import ReviewSettings
    from contour.review.config import ReviewConfig
    from contour.server.serve import Addresses, Beside


@click.command(short_help="Run the gRPC service and the review page.")
@click.option(
    "--config", "file", default=None, type=click.Path(exists=True, dir_okay=False, path_type=Path), help="TOML."
)
@click.option(
    "--listen", metavar="HOST:PORT", default=None, callback=address, help="For gRPC; port 0 takes a free one."
)
@click.option("--metrics", metavar="HOST:PORT", default=None, callback=address, help="For Prometheus' /metrics.")
@click.option("--review", metavar="HOST:PORT", default=None, callback=address, help="For the review page.")
@click.option(
    "--data", default=None, type=click.Path(file_okay=False, path_type=Path), help="Folder for jobs and series."
)
@folder_of_models
def serve(
    *,
    file: Path | None,
    listen: str | None,
    metrics: str | None,
    review: str | None,
    data: Path | None,
    models_dir: Path | None,
) -> None:
    """Run the contouring service and the review page until SIGTERM or Ctrl-C.

    One line on stdout says when it is ready, and one more where nobody has an account yet.

    What is given here goes before the configuration file. Logs are JSON lines on stderr.
    """
    from contour.config import load_config

    config = load_config(file)
    config = replace(
        config,
        listen=listen or config.listen,
        metrics=metrics or config.metrics,
        data=data or config.data,
        review=replace(config.review, listen=review) if review else config.review,
        models=replace(config.models, folders=(*([models_dir] if models_dir else []), *config.models.folders)),
    )
    settings, page = config.for_server(), config.for_review()

    from contour.logs import set_up_logs
    from contour.server.serve import serve as run_server

    set_up_logs(config.log_level)
    raise click.exceptions.Exit(
        run_server(settings, ready=_say_ready, beside=None if page is None else _page(page, config.review))
    )


def _page(config: ReviewConfig, settings: ReviewSettings) -> Beside:
    from contour.jobs.review_values import ReviewRules
    from contour.review.page import review_page

    rules = ReviewRules(four_eyes=settings.four_eyes, approvers=settings.approvers)
    return partial(review_page, config, rules)


def _say_ready(addresses: Addresses) -> None:
    metrics = f", metrics on http://{addresses.metrics}/metrics" if addresses.metrics else ""
    review = f", review page on {addresses.review}" if addresses.review else ""
    click.echo(f"contour is ready: gRPC on {addresses.grpc}{metrics}{review}")
    if addresses.nobody_has_account:
        click.echo(
            "nobody has an account yet, so nobody can use it: 'contour user add NAME --role ROLE' makes one, "
            "'contour user token NAME' lets a program in"
        )
