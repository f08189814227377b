"""The calibration's tables, and their place in a model card."""

import numpy as np
import pytest

from contour.segmentation.calibration import Calibration
from contour.training.calibrate import CalibrationReport, CalibrationSettings
from contour.training.calibration_report import to_markdown, with_calibration
from contour.training.confidence_fit import FittedConfidence
from tests.tiny_targets import confidence, look


def report(patients: int = 12) -> CalibrationReport:
    fit = FittedConfidence(
        calibration=confidence("Brain", patients=patients, low_dice=0.6),
        predicted=np.array([0.5, 0.55, 0.8, 0.9]),
        dice=np.array([0.4, 0.6, 0.8, 0.9]),
    )
    return CalibrationReport(
        calibration=Calibration(
            fingerprint="f", patients="`validation`", looks=(look("PTV_High"),), confidences=(fit.calibration,)
        ),
        settings=CalibrationSettings(),
        fits=(fit,),
        uncalibrated=("PTV_Low",),
        unfitted=("Larynx",),
        cases=("a", "b", "c"),
        refused=("b",),
    )


def test_the_tables_state_alpha_n_observed_left_out_bound_and_who_was_warned_of():
    text = to_markdown(report())
    assert "on `validation`: 3 patients, 2 of them contoured" in text
    assert "| PTV_High | 40 | 0.05 | 0.37 (level 184) | 0.020 | 0.025 | 0.044 | 0.300 | 1.80 |" in text
    assert "| Brain | 12 | 0.800 | 0.50 | 0.060 | 0.175 | 0.600 | 2 | 0.500 | 0.850 |" in text


def test_what_is_not_known_or_rests_on_few_is_said():
    text = to_markdown(report())
    assert "No must-look region for PTV_Low" in text
    assert "No predicted Dice for Larynx" in text
    assert "Fewer than 30 patients for Brain" in text
    assert "Fewer than" not in to_markdown(report(patients=40)).replace("fewer than", "")


@pytest.mark.parametrize("after", ["", "\n## Evaluation\n\n### By hand\n\nkept\n"])
def test_a_cards_section_is_replaced_and_all_else_stays(after):
    first = with_calibration("# model\n\n## Data\n\nwords\n", report()) + after
    assert first.startswith("# model\n\n## Data\n\nwords\n\n## Calibration\n\n")
    again = with_calibration(first, report())
    assert again == first
    assert with_calibration(first.replace("1.80", "9.99"), report()) == first
