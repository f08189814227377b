"""What was measured on patients so that a contour can say how far to trust it, read from `calibration.json`.

Two things, both bound to one spec and one set of weights: for each target the level at which its must-look region is
cut (`contour.segmentation.look`), and for each structure the small model that predicts its Dice
(`contour.segmentation.confidence`). The file is data from outside: every key known, every number finite and in bounds.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from contour.errors import ModelError
from contour.segmentation.spec import ModelSpec

SCHEMA = 1
HIGHEST_LEVEL = 255
FEATURES = ("expected_dice", "mirror_agreement", "log_volume_ml", "cut_share", "kept_share")
"""What a predicted Dice may be made from (`contour.segmentation.confidence.features_of`)."""
_LARGEST_TEXT = 1_000_000
_MOST_PATIENTS = 1_000_000
_LARGEST_NUMBER = 1e6
_SMALLEST_SCALE = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class LookCalibration:
    """Where a target's must-look region is cut, and what that gave on the patients it was calibrated on.

    Args:
        structure: The target.
        alpha: On patients exchangeable with these the expected missed share of the target is at most this.
        patients: How many there were.
        level: Score, 1 to 255, from which a voxel belongs to the region (`contour.segmentation.look`).
        observed_missed: Mean missed share on the same patients, 0 to 1.
        held_out_missed: Mean missed share when each patient is judged by the level that the others give.
        bound: patients / (patients + 1) * observed_missed + 1 / (patients + 1).
        worst_missed: The largest missed share of one patient.
        median_size: The region's volume over the contour's, the median over patients in whom there was a contour.
    """

    structure: str
    alpha: float
    patients: int
    level: int
    observed_missed: float
    held_out_missed: float
    bound: float
    worst_missed: float
    median_size: float


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureWeight:
    """One feature's part in a predicted Dice: weight * (value - mean) / scale."""

    feature: str
    mean: float
    scale: float
    weight: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfidenceCalibration:
    """How one structure's Dice is predicted, and how good the prediction was on patients that it was not fitted to.

    Args:
        structure: Its TG-263 name.
        patients: How many it was fitted to.
        mean_dice: Their mean true Dice; the prediction where every feature is at its mean.
        low_dice: A prediction below this is told as LOW_CONFIDENCE: the true Dice that all but a tenth of the
            patients exceeded.
        spearman: Rank correlation of predicted and true Dice, cross-fitted; 0 where either is constant.
        mean_absolute_error: Of the predicted Dice, cross-fitted.
        features: The model.
    """

    structure: str
    patients: int
    mean_dice: float
    low_dice: float
    spearman: float
    mean_absolute_error: float
    features: tuple[FeatureWeight, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """A model's calibration; `fingerprint` is that of the spec and weights it was measured with."""

    fingerprint: str
    patients: str
    looks: tuple[LookCalibration, ...]
    confidences: tuple[ConfidenceCalibration, ...]

    def look(self, structure: str) -> LookCalibration | None:
        """A target's, or None."""
        return next((one for one in self.looks if one.structure == structure), None)

    def confidence(self, structure: str) -> ConfidenceCalibration | None:
        """A structure's, or None."""
        return next((one for one in self.confidences if one.structure == structure), None)

    def to_json(self) -> str:
        """The text of `calibration.json`."""
        return json.dumps({"schema": SCHEMA, **asdict(self)}, indent=1) + "\n"


def parse_calibration(text: str, spec: ModelSpec, *, fingerprint: str) -> Calibration:
    """Read a `calibration.json`.

    Args:
        text: The file.
        spec: Of the model that it lies beside; other structures than its own are refused.
        fingerprint: Of that model (`ModelStore.fingerprint`); a calibration of other weights means nothing.

    Raises:
        ModelError: not JSON, a key missing or unknown, a value out of range, a structure twice; reason
            BAD_CALIBRATION. Measured with another spec or other weights; reason OTHER_CALIBRATION.
    """
    if len(text) > _LARGEST_TEXT:
        raise _bad(f"{len(text)} characters, at most {_LARGEST_TEXT}")
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _bad("not JSON") from error
    root = _Form(document, "calibration")
    if root.whole("schema", SCHEMA, SCHEMA) != SCHEMA:
        raise _bad("another schema")
    found = Calibration(
        fingerprint=root.text("fingerprint"),
        patients=root.text("patients"),
        looks=tuple(_look(form) for form in root.forms("looks", len(spec.structures))),
        confidences=tuple(_confidence(form) for form in root.forms("confidences", len(spec.structures))),
    )
    root.finish()
    if found.fingerprint != fingerprint:
        raise ModelError(
            "calibration.json was measured with another spec or other weights; run contour calibrate again",
            reason="OTHER_CALIBRATION",
        )
    targets = [structure.name for structure in spec.structures if structure.proposal]
    _require_known_once([one.structure for one in found.looks], targets)
    _require_known_once([one.structure for one in found.confidences], list(spec.structure_names))
    return found


def _look(form: _Form) -> LookCalibration:
    look = LookCalibration(
        structure=form.text("structure"),
        alpha=form.number("alpha", 0.0, 1.0),
        patients=form.whole("patients", 1, _MOST_PATIENTS),
        level=form.whole("level", 1, HIGHEST_LEVEL),
        observed_missed=form.number("observed_missed", 0.0, 1.0),
        held_out_missed=form.number("held_out_missed", 0.0, 1.0),
        bound=form.number("bound", 0.0, 1.0),
        worst_missed=form.number("worst_missed", 0.0, 1.0),
        median_size=form.number("median_size", 0.0, _LARGEST_NUMBER),
    )
    form.finish()
    n = look.patients
    if look.bound > look.alpha or not math.isclose(look.bound, (n * look.observed_missed + 1) / (n + 1), abs_tol=1e-6):
        raise _bad(f"{form.where} has bound {look.bound} for alpha {look.alpha}, which its own numbers do not give")
    return look


def _confidence(form: _Form) -> ConfidenceCalibration:
    confidence = ConfidenceCalibration(
        structure=form.text("structure"),
        patients=form.whole("patients", 1, _MOST_PATIENTS),
        mean_dice=form.number("mean_dice", 0.0, 1.0),
        low_dice=form.number("low_dice", 0.0, 1.0),
        spearman=form.number("spearman", -1.0, 1.0),
        mean_absolute_error=form.number("mean_absolute_error", 0.0, 1.0),
        features=tuple(_feature(one) for one in form.forms("features", len(FEATURES))),
    )
    form.finish()
    _require_known_once([one.feature for one in confidence.features], list(FEATURES))
    return confidence


def _feature(form: _Form) -> FeatureWeight:
    feature = FeatureWeight(
        feature=form.text("feature"),
        mean=form.number("mean", -_LARGEST_NUMBER, _LARGEST_NUMBER),
        scale=form.number("scale", _SMALLEST_SCALE, _LARGEST_NUMBER),
        weight=form.number("weight", -1.0, 1.0),
    )
    form.finish()
    return feature


def _require_known_once(names: list[str], known: list[str]) -> None:
    for name in names:
        if name not in known or names.count(name) > 1:
            raise _bad(f"{name[:64]!a} is there {names.count(name)} times, expected at most once and one of {known}")


class _Form:
    """A JSON object that is taken apart key by key; what is left over at the end is an error."""

    def __init__(self, values: object, where: str) -> None:
        if not isinstance(values, dict):
            raise _bad(f"{where} must be an object")
        self._left: dict[str, Any] = dict(values)
        self.where = where

    def _take(self, key: str) -> object:
        if key not in self._left:
            raise _bad(f"{self.where} lacks {key!r}")
        return self._left.pop(key)

    def text(self, key: str) -> str:
        value = self._take(key)
        if not isinstance(value, str) or not 0 < len(value) <= 200 or not value.isprintable():
            raise _bad(f"{self.where}.{key} must be 1 to 200 printable characters")
        return value

    def number(self, key: str, low: float, high: float) -> float:
        value = self._take(key)
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not low <= value <= high:
            raise _bad(f"{self.where}.{key} must be a number from {low:g} to {high:g}")
        return float(value)

    def whole(self, key: str, low: int, high: int) -> int:
        value = self._take(key)
        if type(value) is not int or not low <= value <= high:
            raise _bad(f"{self.where}.{key} must be a whole number from {low} to {high}")
        return value

    def forms(self, key: str, most: int) -> Iterator[_Form]:
        values = self._take(key)
        if not isinstance(values, list) or len(values) > most:
            raise _bad(f"{self.where}.{key} must be a list of at most {most}")
        return (_Form(value, f"{self.where}.{key}[{place}]") for place, value in enumerate(values))

    def finish(self) -> None:
        if self._left:
            raise _bad(f"{self.where} has {len(self._left)} unknown keys")


def _bad(message: str) -> ModelError:
    return ModelError(f"calibration.json: {message}", reason="BAD_CALIBRATION")
