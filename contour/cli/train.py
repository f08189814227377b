"""`contour train`: a model from one's own contoured patients."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import click

from contour.cli.options import folder_of_models

_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command(short_help="Train or fine-tune a model on contoured patients.")
@click.option(
    "--data",
    required=True,
    type=_FOLDER,
    help="Folder with one sub-folder per patient: CT.nii.gz and a mask per structure, or a CT series and its RTSTRUCT.",
)
@click.option("--model-spec", required=True, type=_FILE, help="spec.toml.")
@click.option("--out", required=True, type=click.Path(file_okay=False, path_type=Path), help="Model folder to write.")
@click.option("--from", "start", default=None, help="Fine-tune this installed model; see 'contour models'.")
@click.option(
    "--hold-out", default=None, metavar="N|FILE", help="Cases to keep away from learning: how many, or a file of names."
)
@click.option(
    "--work", default=None, type=click.Path(file_okay=False, path_type=Path), help="Checkpoints. [out/train-NAME]"
)
@click.option("--steps", default=None, type=click.IntRange(min=1), help="How long; the default is the settings' own.")
@click.option(
    "--learning-rate", default=None, type=click.FloatRange(min=0, min_open=True), help="Lower by default with --from."
)
@click.option("--seed", default=None, type=click.IntRange(min=0), help="Same seed, same model.")
@click.option("--data-statement", default=None, type=_FILE, help="Text for the card: what the data are and are not.")
@folder_of_models
def train(
    *,
    data: Path,
    model_spec: Path,
    out: Path,
    start: str | None,
    hold_out: str | None,
    work: Path | None,
    steps: int | None,
    learning_rate: float | None,
    seed: int | None,
    data_statement: Path | None,
    models_dir: Path | None,
) -> None:
    """Train a model; run it again with the same words to go on after it was stopped."""
    from contour.cli.installed import model_store
    from contour.segmentation import best_device
    from contour.segmentation.spec import parse_spec
    from contour.training.fine_tuning import FINE_TUNING_SHARE
    from contour.training.loop import TrainingSettings, TrainingStep
    from contour.training.run import TrainingRequest, at_learning_rate, gather_cases, train_model
    from contour.training.split import learnt_from

    spec_text = model_spec.read_text(encoding="utf-8")
    usual = TrainingSettings()
    settings = replace(usual, steps=steps or usual.steps, seed=usual.seed if seed is None else seed)
    store = model_store(models_dir)
    split_json = store.further_file(start, "split.json") if start else None
    rate = learning_rate or usual.learning_rate * (FINE_TUNING_SHARE if start else 1.0)
    request = TrainingRequest(
        data=data,
        spec_text=spec_text,
        out=out,
        work=work or Path("out") / f"train-{parse_spec(spec_text).name}",
        settings=at_learning_rate(settings, rate),
        hold_out=_held_out(hold_out),
        start=store.load_trainable(start, device="cpu") if start else None,
        start_learnt_from=learnt_from(split_json) if split_json is not None else frozenset(),
        data_statement=data_statement.read_text(encoding="utf-8") if data_statement else f"Cases of `{data.name}`.",
        device=best_device(),
    )
    with click.progressbar(length=1, label="Preparing", file=sys.stderr) as cases_bar:

        def show_case(done: int, cases: int) -> None:
            cases_bar.length = cases
            cases_bar.update(done - cases_bar.pos)

        cases = gather_cases(request, on_case=show_case)
    for finding in cases.findings:
        click.echo(f"warning: {finding}", err=True)
    click.echo(f"{len(cases.learnt_from)} cases to learn from, {len(cases.held_out)} held out", err=True)
    with click.progressbar(length=settings.steps, label="Training", file=sys.stderr) as steps_bar:

        def show_step(done: TrainingStep) -> None:
            steps_bar.update(done.step - steps_bar.pos)

        train_model(request, cases, on_step=show_step)
    click.echo(f"Model: {out}")


def _held_out(words: str | None) -> int | tuple[str, ...]:
    """How many, or the names in a file."""
    from contour.training.split import read_hold_out

    if words is None:
        return 0
    if words.isdecimal():
        return int(words)
    if not Path(words).is_file():
        raise click.BadParameter(f"found {words!r}; expected a number or a file of names", param_hint="--hold-out")
    return read_hold_out(Path(words))
