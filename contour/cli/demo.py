"""`contour demo`: the whole thing on a synthetic patient, so that anybody can see what it catches."""

from __future__ import annotations

from pathlib import Path

import click

from contour.cli.options import folder_of_models


@click.group(no_args_is_help=True, short_help="Play a course of a synthetic patient and see what is caught.")
def demo() -> None:
    """Synthetic patients whose truth is known."""


@demo.command("course", short_help="Twenty fractions: a shrinking target, drift, a wrong patient.")
@click.option("--out", required=True, type=click.Path(file_okay=False, path_type=Path), help="New or empty folder.")
@click.option("--fractions", default=20, show_default=True, type=click.IntRange(1, 60), help="How many.")
@click.option("--wrong-patient", default=14, show_default=True, type=click.IntRange(min=0), help="At which; 0: never.")
@click.option("--seed", default=1, show_default=True, type=click.IntRange(min=0), help="Same seed, same patient.")
@click.option("--fine", is_flag=True, help="Voxels of 3 x 1.95 mm as in a clinic; several times slower.")
@click.option("--with-model", is_flag=True, help="Let the default model bear witness at each fraction.")
@folder_of_models
def demo_course(
    *, out: Path, fractions: int, wrong_patient: int, seed: int, fine: bool, with_model: bool, models_dir: Path | None
) -> None:
    """Play a course: each day's scan is registered, structures carried, drift measured and the course watched.

    The gross target shrinks, the patient loses weight, the set-up drifts to the back from fraction 9 on, and one scan
    is another patient's. What was caught is told when it is caught. OUT gets the scans, each fraction's files, and the
    course's report.
    """
    from contour.cli.demo_course import play
    from contour.cli.output_file import refuse_full_folder
    from contour.phantom.course import COARSE_SCAN, SCAN, CourseSettings

    if wrong_patient > fractions:
        raise click.UsageError(f"--wrong-patient {wrong_patient} of {fractions} fractions")
    refuse_full_folder(out)
    model = None
    if with_model:
        from contour.cli.installed import model_store
        from contour.config import DEFAULT_MODEL
        from contour.segmentation import best_device

        model = model_store(models_dir).load(DEFAULT_MODEL, device=best_device())
    settings = CourseSettings(
        seed=seed, fractions=fractions, wrong_patient=wrong_patient, scan=SCAN if fine else COARSE_SCAN
    )
    play(out, settings, model)
