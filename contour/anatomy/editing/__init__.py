"""What a reviewer does to a structure, as values to keep, send and repeat, and what each makes of the voxels."""

from contour.anatomy.editing.apply import apply_operation
from contour.anatomy.editing.forms import operation_from_json, operation_to_json
from contour.anatomy.editing.operations import (
    Boolean,
    Brush,
    Freehand,
    Interpolate,
    Margin,
    Nudge,
    Operation,
    Plane,
    Smooth,
)

__all__ = [
    "Boolean",
    "Brush",
    "Freehand",
    "Interpolate",
    "Margin",
    "Nudge",
    "Operation",
    "Plane",
    "Smooth",
    "apply_operation",
    "operation_from_json",
    "operation_to_json",
]
