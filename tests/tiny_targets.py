"""The tiny model with targets in it: `PTV_High` is whatever random weights make of it, `PTV_Low` is never found."""

from __future__ import annotations

from pathlib import Path

import torch

from contour.segmentation import ModelStore, save_model
from contour.segmentation.calibration import Calibration, ConfidenceCalibration, FeatureWeight, LookCalibration
from contour.segmentation.networks import build_network
from contour.segmentation.spec import parse_spec
from tests.tiny_model import SPEC

NAME = "tiny_targets"
FOUND = ("External", "Brain", "PTV_High", "zLook_PTV_High")

TARGET_SPEC = (
    SPEC.replace('name = "tiny"', f'name = "{NAME}"')
    .replace('name = "Parotid_L"\nmirror = "Parotid_L"', 'name = "PTV_High"\nproposal = true')
    .replace('name = "Larynx"', 'name = "PTV_Low"\nproposal = true')
)


def look(structure: str = "PTV_High", **changes) -> LookCalibration:
    """At level 192, which is a logit of 0, the region is hardly more than the contour; at 184 it is more."""
    values = {
        "structure": structure,
        "alpha": 0.05,
        "patients": 40,
        "level": 184,
        "observed_missed": 0.02,
        "held_out_missed": 0.025,
        "bound": (40 * 0.02 + 1) / 41,
        "worst_missed": 0.3,
        "median_size": 1.8,
    }
    return LookCalibration(**(values | changes))


def confidence(structure: str = "Brain", **changes) -> ConfidenceCalibration:
    values = {
        "structure": structure,
        "patients": 40,
        "mean_dice": 0.8,
        "low_dice": 0.6,
        "spearman": 0.5,
        "mean_absolute_error": 0.06,
        "features": (FeatureWeight(feature="cut_share", mean=0.0, scale=1.0, weight=0.0),),
    }
    return ConfidenceCalibration(**(values | changes))


def calibration(fingerprint: str) -> Calibration:
    """Brain is trusted, PTV_High is not."""
    return Calibration(
        fingerprint=fingerprint,
        patients="nobody",
        looks=(look("PTV_High"), look("PTV_Low")),
        confidences=(confidence("Brain"), confidence("PTV_High", mean_dice=0.41)),
    )


def save_tiny_targets(models_folder: Path, *, calibrated: bool = True) -> Path:
    """Writes the model with its manifest; gives the folder back."""
    torch.manual_seed(20)
    weights = {name: value.clone() for name, value in build_network(parse_spec(TARGET_SPEC)).state_dict().items()}
    head, bias = weights["output_block.conv.conv.weight"], weights["output_block.conv.conv.bias"]
    head[[0, 2]] = 0.0
    bias[:] = torch.tensor([5.0, 0.3, -9.0])
    save_model(models_folder / NAME, spec_text=TARGET_SPEC, weights=weights, card_text="# tiny_targets\n")
    if calibrated:
        store = ModelStore([models_folder])
        store.record_calibration(NAME, card_text="# tiny_targets\n", calibration=calibration(store.fingerprint(NAME)))
    return models_folder
