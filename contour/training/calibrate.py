"""Calibrating a model: must-look regions and predicted Dice, measured on patients that it was not trained on.

What is measured is what the product writes: the same walk, the same grid, the same regions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from contour.anatomy.agreement import dice
from contour.errors import InputError
from contour.segmentation import LoadedModel
from contour.segmentation.calibration import Calibration
from contour.segmentation.confidence import Features
from contour.segmentation.segment import answer_all
from contour.segmentation.trust import Answer
from contour.training.cases import Case
from contour.training.confidence_fit import FittedConfidence, fit_confidence
from contour.training.conformal import LookCurve, calibrate_look, look_curve


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationSettings:
    """`alpha` bounds the expected missed share of a target; `folds` and `seed` deal the patients for cross-fitting."""

    alpha: float = 0.05
    folds: int = 5
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0.0 < self.alpha < 1.0 or self.folds < 2:
            raise InputError(
                f"alpha lies between 0 and 1 and there are at least 2 folds, found {self.alpha} and {self.folds}",
                reason="BAD_SETTINGS",
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Contoured:
    """One structure in one patient in whom it was contoured by hand.

    `features` is None where the model found nothing; `curve` is there for targets.
    """

    structure: str
    dice: float
    features: Features | None
    curve: LookCurve | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationReport:
    """A calibration and what it rests on; `uncalibrated` names the targets that no region bounds."""

    calibration: Calibration
    settings: CalibrationSettings
    fits: tuple[FittedConfidence, ...]
    uncalibrated: tuple[str, ...]
    unfitted: tuple[str, ...]
    cases: tuple[str, ...]
    refused: tuple[str, ...]


def calibrate_model(
    model: LoadedModel,
    cases: Sequence[Case],
    settings: CalibrationSettings,
    *,
    fingerprint: str,
    patients: str,
    on_case: Callable[[int, int], None] = lambda done, cases: None,
) -> CalibrationReport:
    """Contour each case, compare with what was contoured by hand, and calibrate every structure.

    Args:
        model: From `ModelStore.load`; an earlier calibration of it plays no part.
        cases: Patients that the model was not trained on, exchangeable with those to come.
        settings: Alpha and the folds.
        fingerprint: Of the model, from `ModelStore.fingerprint`.
        patients: Who they are, for the card; at most 200 characters.
        on_case: Told after each case how many of how many are done.

    Raises:
        InputError: every CT is refused; reason NOTHING_CONTOURED.
    """
    found: list[Contoured] = []
    refused: list[str] = []
    for done, case in enumerate(cases):
        try:
            answers = answer_all(case.read_ct(), model)
        except InputError:
            refused.append(case.name)
        else:
            found += compare(case, answers)
        on_case(done + 1, len(cases))
    if len(refused) == len(cases):
        raise InputError(f"none of {len(cases)} CTs can be contoured by this model", reason="NOTHING_CONTOURED")
    targets = [structure.name for structure in model.spec.structures if structure.proposal]
    looks = {
        name: calibrate_look(name, [one.curve for one in found if one.structure == name and one.curve], settings.alpha)
        for name in targets
    }
    fits = {name: _fit(name, found, settings) for name in model.spec.structure_names}
    kept = tuple(fit for fit in fits.values() if fit is not None)
    return CalibrationReport(
        calibration=Calibration(
            fingerprint=fingerprint,
            patients=patients,
            looks=tuple(look for look in looks.values() if look is not None),
            confidences=tuple(fit.calibration for fit in kept),
        ),
        settings=settings,
        fits=kept,
        uncalibrated=tuple(name for name, look in looks.items() if look is None),
        unfitted=tuple(name for name, fit in fits.items() if fit is None),
        cases=tuple(case.name for case in cases),
        refused=tuple(refused),
    )


def compare(case: Case, answers: Sequence[Answer]) -> tuple[Contoured, ...]:
    """Every structure that was contoured by hand in one patient, beside the model's answer."""
    found: list[Contoured] = []
    for answer in answers:
        truth = case.read_mask(answer.rules)
        if truth is None:
            continue
        structure = answer.structure
        curve = None
        if answer.rules.proposal:
            curve = look_curve(case.name, structure, answer.look_scores(), truth.values_zyx)
        found.append(
            Contoured(
                structure=structure.name,
                dice=dice(structure.full_mask_zyx(), truth.values_zyx),
                features=None if structure.is_empty else answer.features(),
                curve=curve,
            )
        )
    return tuple(found)


def _fit(name: str, found: Sequence[Contoured], settings: CalibrationSettings) -> FittedConfidence | None:
    rows = [(one.features, one.dice) for one in found if one.structure == name and one.features is not None]
    if not rows:
        return None
    features = np.asarray([features for features, _ in rows], dtype=np.float64)
    true = np.asarray([true for _, true in rows], dtype=np.float64)
    return fit_confidence(name, features, true, folds=settings.folds, seed=settings.seed)
