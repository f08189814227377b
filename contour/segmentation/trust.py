"""What is said of a contour beside its shape: whether it is a proposal, where else to look, how good it may be."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from contour.anatomy.structures import Structure
from contour.errors import Finding
from contour.segmentation.calibration import Calibration, ConfidenceCalibration, LookCalibration
from contour.segmentation.confidence import Features, features_of, predicted_dice
from contour.segmentation.look import LookScores, look_region, look_scores
from contour.segmentation.spec import StructureSpec
from registration.grid import Grid
from registration.orientation import AxisOrder

_PROPOSAL = "Proposal from CT alone, not a diagnosis. It may miss the target: draw or approve it yourself."


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One structure as the network drew it: cleaned up on the CT's grid, and the probability that it came from."""

    rules: StructureSpec
    structure: Structure
    probability_zyx: NDArray[np.float32]
    network_grid: Grid
    order: AxisOrder
    mirror_agreement: float | None

    def features(self) -> Features:
        """What its predicted Dice is made from; the structure must not be empty."""
        return features_of(self.structure, self.probability_zyx, self.mirror_agreement, self.order)

    def look_scores(self, *, from_level: int = 1) -> LookScores:
        """What its must-look region is cut from."""
        ct_grid = self.structure.grid
        return look_scores(self.probability_zyx, self.network_grid, ct_grid, self.order, from_level=from_level)


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A structure with its description, its must-look region where it has one, and its predicted Dice where one is."""

    structure: Structure
    look: Structure | None
    predicted_dice: float | None
    warnings: tuple[Finding, ...]


def judge(answer: Answer, calibration: Calibration | None) -> Judged:
    """Say of an answer what its model's calibration allows to say; without one that is little, and is told."""
    name, rules = answer.structure.name, answer.rules
    confidence = None if calibration is None else calibration.confidence(name)
    cut = calibration.look(name) if calibration is not None and rules.proposal else None
    warnings: list[Finding] = []
    dice = None
    if confidence is not None and not answer.structure.is_empty:
        dice = predicted_dice(answer.features(), confidence)
        if dice < confidence.low_dice:
            warnings.append(_low(confidence, dice))
    look = None
    if cut is not None:
        look = look_region(answer.structure, answer.look_scores(from_level=cut.level), level=cut.level)
        look = replace(look, description=_look_text(cut))
    elif rules.proposal:
        warnings.append(_not_calibrated(name))
    texts = [_PROPOSAL] if rules.proposal else []
    if dice is not None:
        texts.append(f"Predicted Dice {dice:.2f}.")
    return Judged(
        structure=replace(answer.structure, description=" ".join(texts)),
        look=look,
        predicted_dice=dice,
        warnings=tuple(warnings),
    )


def _look_text(cut: LookCalibration) -> str:
    return (
        f"Look here for {cut.structure}: on average at most {cut.alpha:.1%} of such a target's volume lies outside, "
        f"calibrated on {cut.patients} patients. From CT alone. Not a volume to plan on."
    )


def _low(confidence: ConfidenceCalibration, dice: float) -> Finding:
    return Finding(
        reason="LOW_CONFIDENCE",
        message=f"{confidence.structure} has predicted Dice {dice:.2f}, below the {confidence.low_dice:.2f} that nine "
        f"in ten of {confidence.patients} patients exceeded",
        measured=(("structure", confidence.structure), ("predicted_dice", f"{dice:.3f}")),
    )


def _not_calibrated(name: str) -> Finding:
    return Finding(
        reason="NOT_CALIBRATED",
        message=f"{name} is a proposal from CT alone, and this model has no calibrated must-look region for it: "
        "how much of the target is missed is not known",
        measured=(("structure", name),),
    )
