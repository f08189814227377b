"""From CT to structures: model folders, the network's input and answer, body and clean-up."""

from contour.segmentation.precision import best_device
from contour.segmentation.segment import Segmentation, segment
from contour.segmentation.store import (
    EXTERNAL,
    LoadedModel,
    MeasuredDice,
    ModelCard,
    ModelStore,
    save_model,
    shipped_models_folder,
)

__all__ = [
    "EXTERNAL",
    "LoadedModel",
    "MeasuredDice",
    "ModelCard",
    "ModelStore",
    "Segmentation",
    "best_device",
    "save_model",
    "segment",
    "shipped_models_folder",
]
