"""From CT to structures: model folders, the network's input and answer, body and clean-up."""

from contour.segmentation.precision import best_device
from contour.segmentation.protocol import segment_by_protocol
from contour.segmentation.protocol_parser import parse_protocol
from contour.segmentation.protocol_spec import ProtocolSpec
from contour.segmentation.protocol_store import ProtocolStore
from contour.segmentation.segment import Segmentation, segment
from contour.segmentation.store import (
    EXTERNAL,
    LoadedModel,
    MeasuredDice,
    Model,
    ModelCard,
    ModelStore,
    save_model,
    shipped_models_folder,
)

__all__ = [
    "EXTERNAL",
    "LoadedModel",
    "MeasuredDice",
    "Model",
    "ModelCard",
    "ModelStore",
    "ProtocolSpec",
    "ProtocolStore",
    "Segmentation",
    "best_device",
    "parse_protocol",
    "save_model",
    "segment",
    "segment_by_protocol",
    "shipped_models_folder",
]
