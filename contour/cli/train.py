"""`contour train` and `contour evaluate`: a model from one's own contoured patients, and how good it is."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from contour.cli.options import folder_of_models

_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)


@click.command(short_help="Train a model from contoured patients.")
@click.option("--data", required=True, type=_FOLDER, help="Folder of cases: CT.nii.gz and one mask per structure each.")
@click.option(
    "--model-spec", required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path), help="spec.toml."
)
@click.option("--out", required=True, type=click.Path(file_okay=False, path_type=Path), help="Model folder to write.")
@click.option(
    "--work", default=None, type=click.Path(file_okay=False, path_type=Path), help="Checkpoints. [out/train-NAME]"
)
@click.option("--steps", default=None, type=click.IntRange(min=1), help="How long; the default is the settings' own.")
@click.option("--seed", default=None, type=click.IntRange(min=0), help="Same seed, same model.")
@click.option("--data-statement", default=None, type=click.Path(exists=True, dir_okay=False, path_type=Path))
def train(
    *,
    data: Path,
    model_spec: Path,
    out: Path,
    work: Path | None,
    steps: int | None,
    seed: int | None,
    data_statement: Path | None,
) -> None:
    """Train a model; run it again with the same words to go on after it was stopped."""
    from dataclasses import replace

    from contour.segmentation import best_device, save_model
    from contour.segmentation.spec import parse_spec
    from contour.training.card import training_card
    from contour.training.cases import find_cases, prepare_case
    from contour.training.loop import TrainingSettings, TrainingStep, train_network

    spec_text = model_spec.read_text(encoding="utf-8")
    spec = parse_spec(spec_text)
    settings = TrainingSettings()
    settings = replace(settings, steps=steps or settings.steps, seed=settings.seed if seed is None else seed)
    place = work or Path("out") / f"train-{spec.name}"
    cases = find_cases(data)
    with click.progressbar(cases, label="Preparing", file=sys.stderr) as bar:
        prepared = [prepare_case(case, spec, place / "cache") for case in bar]
    with click.progressbar(length=settings.steps, label="Training", file=sys.stderr) as steps_bar:

        def show(done: TrainingStep) -> None:
            steps_bar.update(done.step - steps_bar.pos)

        weights = train_network(spec, prepared, settings, work=place, device=best_device(), on_step=show)
    statement = data_statement.read_text(encoding="utf-8") if data_statement else f"Cases of `{data.name}`."
    save_model(
        out,
        spec_text=spec_text,
        weights=weights,
        card_text=training_card(spec, prepared, settings, data_statement=statement),
    )
    click.echo(f"Model: {out}")


@click.command(short_help="Measure a model on patients it has not seen.")
@click.option("--data", required=True, type=_FOLDER, help="Folder of cases that the model was not trained on.")
@click.option("--model", required=True, help="Name of an installed model; see 'contour models'.")
@click.option("--patients", default=None, help="Who they are, for the card; the folder's name by default.")
@click.option("--record", is_flag=True, help="Write the result into the model's folder and card.")
@folder_of_models
def evaluate(*, data: Path, model: str, patients: str | None, record: bool, models_dir: Path | None) -> None:
    """Contour cases with known contours and print the Dice of each structure."""
    from contour.cli.installed import model_store
    from contour.segmentation import best_device
    from contour.training.card import with_evaluation
    from contour.training.cases import find_cases
    from contour.training.evaluation import evaluate_model

    store = model_store(models_dir)
    loaded = store.load(model, device=best_device())
    cases = find_cases(data)
    with click.progressbar(length=len(cases), label="Evaluating", file=sys.stderr) as bar:
        result = evaluate_model(loaded, cases, on_case=lambda done, total: bar.update(1))
    click.echo(result.to_markdown(), nl=False)
    if record:
        card = with_evaluation(loaded.card.text, result, patients=patients or f"`{data.name}`")
        store.record_evaluation(model, card_text=card, evaluation=result.to_json())
        click.echo(f"Recorded in the card of {model}.")
