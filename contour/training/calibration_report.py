"""A calibration as people read it: the tables that `contour calibrate` prints, and a model card's section."""

from __future__ import annotations

import re

import numpy as np

from contour.segmentation.look import level_probability
from contour.training.calibrate import CalibrationReport
from contour.training.confidence_fit import FEWEST_PATIENTS

_HEADING = "## Calibration"
_SMALL = 30


def look_table(report: CalibrationReport) -> str:
    """One row per target, Markdown."""
    lines = [
        "| target | n | alpha | probability from | missed, in sample | missed, leave-one-out | bound | worst | size |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    lines += [
        f"| {one.structure} | {one.patients} | {one.alpha:g} | {level_probability(one.level):.2g} (level {one.level}) "
        f"| {one.observed_missed:.3f} | {one.held_out_missed:.3f} | {one.bound:.3f} | {one.worst_missed:.3f} "
        f"| {one.median_size:.2f} |"
        for one in report.calibration.looks
    ]
    return "\n".join(lines) + "\n"


def confidence_table(report: CalibrationReport) -> str:
    """One row per structure, Markdown; all figures but the first two are cross-fitted."""
    lines = [
        "| structure | n | mean Dice | Spearman | mean absolute error | error of the mean | warned below | warned "
        "| their Dice | others' |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for fit in report.fits:
        one = fit.calibration
        warned = fit.predicted < one.low_dice
        of_the_mean = np.abs(fit.dice - fit.dice.mean()).mean()
        lines.append(
            f"| {one.structure} | {one.patients} | {one.mean_dice:.3f} | {one.spearman:.2f} "
            f"| {one.mean_absolute_error:.3f} | {of_the_mean:.3f} | {one.low_dice:.3f} "
            f"| {np.count_nonzero(warned)} | {_mean(fit.dice[warned])} | {_mean(fit.dice[~warned])} |"
        )
    return "\n".join(lines) + "\n"


def to_markdown(report: CalibrationReport) -> str:
    """Both tables and what they mean."""
    settings = report.settings
    answered = len(report.cases) - len(report.refused)
    parts = [
        f"Measured by `contour calibrate` on {report.calibration.patients}: {len(report.cases)} patients, {answered} "
        "of them contoured, with the product's whole walk, on each CT's own grid."
    ]
    if report.calibration.looks:
        parts += ["### Must-look regions", _look_words(), look_table(report).rstrip()]
    if report.uncalibrated:
        parts.append(
            f"No must-look region for {', '.join(report.uncalibrated)}: with these patients only the whole CT would "
            f"keep the expected missed share at {settings.alpha:g}."
        )
    if report.fits:
        parts += ["### Predicted Dice", _confidence_words(settings.folds, settings.seed)]
        parts.append(confidence_table(report).rstrip())
    parts += _small_numbers(report)
    return "\n\n".join(parts) + "\n"


def with_calibration(card: str, report: CalibrationReport) -> str:
    """The card with its calibration section replaced; a card without one gets it at its end."""
    section = f"{_HEADING}\n\n{to_markdown(report)}"
    before, found, after = f"\n{card}".partition(f"\n{_HEADING}\n")
    if not found:
        return f"{card.rstrip()}\n\n{section}"
    following = re.search(r"^# |^## ", after, flags=re.MULTILINE)
    kept = f"\n{after[following.start() :]}" if following else ""
    return f"{before.strip()}\n\n{section}{kept}"


def _look_words() -> str:
    return (
        "Conformal risk control (Angelopoulos et al., ICLR 2024, arXiv:2208.02814): for the next patient, if "
        "exchangeable with these, the expected share of the target's volume outside the region is at most alpha. "
        "That is an average over patients, not a promise for each: `worst` is the largest share that one of them "
        "missed. `size` is the region's volume over the contour's, the median."
    )


def _confidence_words(folds: int, seed: int) -> str:
    return (
        "Spearman, error and warnings are of predictions for patients that the prediction was not fitted to "
        f"({folds} folds, dealt many times from seed {seed}; Spearman within folds). `error of the mean` is what "
        "always saying the mean would give: where the prediction's error is no lower, it says no more than that. A "
        "contour is told as LOW_CONFIDENCE where its predicted Dice is below the Dice that nine in ten of the "
        "patients exceeded; the last two columns are the mean true Dice of those warned of and of the others."
    )


def _small_numbers(report: CalibrationReport) -> list[str]:
    words = []
    few = [fit.calibration.structure for fit in report.fits if fit.calibration.patients < _SMALL]
    if few:
        words.append(f"Fewer than {_SMALL} patients for {', '.join(few)}: take those figures as hints.")
    if report.unfitted:
        words.append(
            f"No predicted Dice for {', '.join(report.unfitted)}: contoured and found in fewer than {FEWEST_PATIENTS} "
            "patients."
        )
    return words


def _mean(values: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> str:
    return f"{values.mean():.3f}" if values.size else "-"
