"""What an edit makes of a structure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from contour.anatomy.editing.brush import brushed
from contour.anatomy.editing.combination import combined, with_margin
from contour.anatomy.editing.freehand import drawn_freehand
from contour.anatomy.editing.interpolate import interpolated
from contour.anatomy.editing.nudge import nudged
from contour.anatomy.editing.operations import (
    Boolean,
    Brush,
    Freehand,
    Interpolate,
    Margin,
    Nudge,
    Operation,
    Smooth,
)
from contour.anatomy.editing.smooth import smoothed
from contour.anatomy.structures import Structure
from contour.errors import InputError


def apply_operation(structure: Structure, operation: Operation, others: Mapping[str, Structure]) -> Structure:
    """The structure as the operation leaves it, inside the CT, with its name, ROI, description and removals.

    Voxels that the operation does not touch keep their mask and membership to the bit; a structure without a membership
    gets one only from what moves or rounds its surface. The same structure and operation always give the same voxels.
    The answer is SEMIAUTOMATIC, but where nothing changes it is the very structure that was given.

    Args:
        structure: May be empty, to be drawn.
        operation: What was done.
        others: The other structures of the set by name, on the same grid; only `Boolean` looks at them.

    Raises:
        InputError: OUTSIDE_CT or BAD_OPERATION, drawn on no slice of the CT or on several; EMPTY_DRAWING, an outline
            that shall replace a slice holds no voxel; EMPTY_RESULT, anything but a brush or an outline leaves no voxel.
        NotFoundError: STRUCTURE_NOT_FOUND, one of the others is not in the set.
        GridError: one of the others lies on another grid.
    """
    edited = _edited(structure, operation, others)
    if edited.is_empty and not isinstance(operation, Brush | Freehand):
        raise InputError(f"{operation.KIND} leaves no voxel of the structure", reason="EMPTY_RESULT")
    return structure if edited is structure else replace(edited, generation="SEMIAUTOMATIC")


def _edited(structure: Structure, operation: Operation, others: Mapping[str, Structure]) -> Structure:
    match operation:
        case Brush():
            edited = brushed(structure, operation)
        case Freehand():
            edited = drawn_freehand(structure, operation)
        case Nudge():
            edited = nudged(structure, operation)
        case Interpolate():
            edited = interpolated(structure)
        case Margin():
            edited = with_margin(structure, operation)
        case Boolean():
            edited = combined(structure, operation, others)
        case Smooth():
            edited = smoothed(structure, operation)
    return edited
