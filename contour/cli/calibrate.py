"""`contour calibrate`: must-look regions and predicted Dice, from patients that a model has not seen."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from contour.cli.options import folder_of_models


@click.command(short_help="Calibrate a model's must-look regions and its predicted Dice.")
@click.option(
    "--data",
    required=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder of cases that the model was not trained on.",
)
@click.option("--model", required=True, help="Name of an installed model; see 'contour models'.")
@click.option(
    "--alpha",
    default=0.05,
    show_default=True,
    type=click.FloatRange(min=0, max=1, min_open=True, max_open=True),
    help="Expected missed share of a target outside its must-look region, at most.",
)
@click.option("--seed", default=0, show_default=True, type=click.IntRange(min=0), help="Deals the patients into folds.")
@click.option(
    "--out",
    default=None,
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for calibration.json and calibration.md. [out/calibrate-NAME]",
)
@click.option("--patients", default=None, help="Who they are, for the card; the folder's name by default.")
@click.option("--record", is_flag=True, help="Write the result into the model's folder and card, too.")
@folder_of_models
def calibrate(
    *,
    data: Path,
    model: str,
    alpha: float,
    seed: int,
    out: Path | None,
    patients: str | None,
    record: bool,
    models_dir: Path | None,
) -> None:
    """Contour cases with known contours; say how wide to look for targets and how well Dice is foretold."""
    from contour.cli.installed import model_store
    from contour.cli.output_file import write_whole
    from contour.segmentation import best_device
    from contour.training.calibrate import CalibrationSettings, calibrate_model
    from contour.training.calibration_report import to_markdown, with_calibration
    from contour.training.cases import find_cases

    store = model_store(models_dir)
    loaded = store.load_trainable(model, device=best_device())
    cases = find_cases(data)
    folder = out or Path("out") / f"calibrate-{model}"
    folder.mkdir(parents=True, exist_ok=True)
    with click.progressbar(length=len(cases), label="Calibrating", file=sys.stderr) as bar:
        report = calibrate_model(
            loaded,
            cases,
            CalibrationSettings(alpha=alpha, seed=seed),
            fingerprint=store.fingerprint(model),
            patients=patients or f"`{data.name}`",
            on_case=lambda done, total: bar.update(1),
        )
    markdown = to_markdown(report)
    write_whole(folder / "calibration.json", report.calibration.to_json().encode())
    write_whole(folder / "calibration.md", markdown.encode())
    click.echo(markdown, nl=False)
    click.echo(f"\nWritten: calibration.json and calibration.md in {folder}")
    if record:
        store.record_calibration(
            model, card_text=with_calibration(loaded.card.text, report), calibration=report.calibration
        )
        click.echo(f"Recorded in the folder and the card of {model}.")
