"""`contour evaluate`: how good a model is on patients that it has not seen."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from contour.cli.options import folder_of_models

if TYPE_CHECKING:
    from contour.training.cases import Case


@click.command(short_help="Measure a model on patients it has not seen.")
@click.option(
    "--data",
    required=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder of cases; those that the model's split.json says it has learnt from are left out.",
)
@click.option("--model", required=True, help="Name of an installed model; see 'contour models'.")
@click.option(
    "--out",
    default=None,
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for evaluation.json, .md and .png. [out/evaluate-NAME]",
)
@click.option("--patients", default=None, help="Who they are, for the card; the folder's name by default.")
@click.option("--record", is_flag=True, help="Write the result into the model's folder and card, too.")
@folder_of_models
def evaluate(
    *, data: Path, model: str, out: Path | None, patients: str | None, record: bool, models_dir: Path | None
) -> None:
    """Contour cases with known contours; print and write how well each structure agrees, and what was missed."""
    from contour.cli.installed import model_store
    from contour.cli.output_file import write_whole
    from contour.segmentation import best_device
    from contour.training.box_plot import draw_box_plot
    from contour.training.card import with_evaluation
    from contour.training.cases import find_cases
    from contour.training.evaluation import evaluate_model
    from contour.training.report import to_json, to_markdown

    store = model_store(models_dir)
    loaded = store.load(model, device=best_device())
    cases = _not_learnt_from(find_cases(data), store.further_file(model, "split.json"))
    folder = out or Path("out") / f"evaluate-{model}"
    folder.mkdir(parents=True, exist_ok=True)
    with click.progressbar(length=len(cases), label="Evaluating", file=sys.stderr) as bar:
        result = evaluate_model(loaded, cases, on_case=lambda done, total: bar.update(1))
    markdown, figures, picture = to_markdown(result), to_json(result), draw_box_plot(result)
    write_whole(folder / "evaluation.json", figures.encode())
    write_whole(folder / "evaluation.md", markdown.encode())
    write_whole(folder / "evaluation.png", picture)
    click.echo(markdown, nl=False)
    click.echo(f"\nWritten: evaluation.json, evaluation.md and evaluation.png in {folder}")
    if record:
        card = with_evaluation(loaded.card.text, result, patients=patients or f"`{data.name}`")
        store.record_evaluation(model, card_text=card, evaluation=figures, extra={"evaluation.png": picture})
        click.echo(f"Recorded in the folder and the card of {model}.")


def _not_learnt_from(cases: Sequence[Case], split_json: bytes | None) -> tuple[Case, ...]:
    """The cases without those whose names the model has learnt from, which would flatter it; says how many those were.

    Raises:
        InputError: nobody is left; reason NO_UNSEEN_CASES.
    """
    from contour.errors import InputError
    from contour.training.split import learnt_from

    seen = learnt_from(split_json) if split_json is not None else frozenset()
    unseen = tuple(case for case in cases if case.name not in seen)
    if not unseen:
        raise InputError(
            f"the model has learnt from every one of these {len(cases)} cases, by their names", reason="NO_UNSEEN_CASES"
        )
    if len(unseen) < len(cases):
        count = len(cases) - len(unseen)
        click.echo(f"warning: {count} of {len(cases)} cases left out: the model has learnt from them", err=True)
    return unseen
