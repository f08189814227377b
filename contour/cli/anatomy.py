"""`contour anatomy`: what a model's training patients look like, so that it can tell a scan that it does not know."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from contour.cli.options import folder_of_models


@click.command(short_help="Measure the patients a model was trained on, as limits for the scans it accepts.")
@click.option(
    "--data",
    required=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder of the cases that the model was trained on; 'contour train' does this by itself.",
)
@click.option("--model", required=True, help="Name of an installed model; see 'contour models'.")
@click.option(
    "--work", default=None, type=click.Path(file_okay=False, path_type=Path), help="Prepared cases. [out/train-NAME]"
)
@click.option("--record", is_flag=True, help="Write anatomy.json into the model's folder.")
@folder_of_models
def anatomy(*, data: Path, model: str, work: Path | None, record: bool, models_dir: Path | None) -> None:
    """Print where each organ lies in the training patients, how large it is, and how far that varies."""
    from contour.cli.installed import model_store
    from contour.errors import InputError
    from contour.training.anatomy import learn_anatomy
    from contour.training.cases import find_cases
    from contour.training.prepared import prepare_case

    store = model_store(models_dir)
    spec = store.load_trainable(model, device="cpu").spec
    cache = (work or Path("out") / f"train-{model}") / "cache"
    with click.progressbar(find_cases(data), label="Preparing", file=sys.stderr) as cases:
        learnt = learn_anatomy([prepare_case(case, spec, cache) for case in cases], spec)
    if learnt is None:
        raise InputError(f"none of the cases in {data} shows a body", reason="NO_TRAINING_CASES")
    if record:
        store.record_anatomy(model, learnt)
        click.echo(f"{len(learnt.structures)} structures of {learnt.patients} patients, recorded in {model}.")
    else:
        click.echo(learnt.to_json(), nl=False)
