"""One structure in one patient: the model's answer against what was contoured by hand."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from contour.anatomy.agreement import added_path_length_mm, common_box, dice, surface_agreement, volume_beyond_ml
from contour.anatomy.surface_elements import Mask
from registration.grid import Grid

PATH_TOLERANCE_MM = 2.0
"""A line that somebody would leave as it is: closer than this to where it belongs."""

FAR_MM = 10.0
"""Answered farther than this from all that was contoured counts as false positive."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """What was measured of one structure in one patient.

    Args:
        case: The patient.
        structure: TG-263 name.
        dice: Share of voxels in common; 0 where the model missed what was contoured.
        surface_dice_2mm: Share of both surfaces within 2 mm of the other; 0 without an answer.
        surface_dice_3mm: The same within 3 mm.
        hd95_mm: 95th percentile of surface distances, the larger direction; None without an answer.
        mean_distance_mm: Mean distance between the surfaces, both ways; None without an answer.
        added_path_length_mm: Outline contoured by hand that the answer's outline in the same slice does not come within
            `PATH_TOLERANCE_MM` of; all of it without an answer.
        volume_bias_percent: Answer less contoured, of contoured; -100 without an answer.
        reference_ml: Volume contoured by hand.
        answer_ml: Volume answered.
        far_ml: Volume answered farther than `FAR_MM` from all that was contoured.
    """

    case: str
    structure: str
    dice: float
    surface_dice_2mm: float
    surface_dice_3mm: float
    hd95_mm: float | None
    mean_distance_mm: float | None
    added_path_length_mm: float
    volume_bias_percent: float
    reference_ml: float
    answer_ml: float
    far_ml: float

    @property
    def is_answered(self) -> bool:
        """Whether the model answered at all, right or wrong."""
        return self.answer_ml > 0.0


def measure(case: str, structure: str, *, reference_zyx: Mask, answer_zyx: Mask, grid: Grid) -> Measurement:
    """Measure an answer on the CT's own grid.

    Args:
        case: The patient's name.
        structure: The structure's name.
        reference_zyx: What was contoured by hand; not empty.
        answer_zyx: What the model answered, of the same shape; may be empty.
        grid: Of both.

    Raises:
        GridError: the shapes differ.
    """
    spacing = grid.spacing_zyx_mm
    overlap = dice(answer_zyx, reference_zyx)
    box = common_box(reference_zyx, answer_zyx)
    reference, answer = reference_zyx[box], answer_zyx[box]
    voxel_ml = grid.voxel_volume_mm3 / 1000.0
    reference_voxels, answer_voxels = (int(np.count_nonzero(mask)) for mask in (reference, answer))
    surfaces = surface_agreement(reference, answer, spacing_zyx_mm=spacing, tolerances_mm=(2.0, 3.0))
    at_2mm, at_3mm = surfaces.surface_dice
    return Measurement(
        case=case,
        structure=structure,
        dice=overlap,
        surface_dice_2mm=at_2mm,
        surface_dice_3mm=at_3mm,
        hd95_mm=surfaces.hd95_mm if answer_voxels else None,
        mean_distance_mm=surfaces.mean_mm if answer_voxels else None,
        added_path_length_mm=added_path_length_mm(
            reference, answer, spacing_zyx_mm=spacing, tolerance_mm=PATH_TOLERANCE_MM
        ),
        volume_bias_percent=100.0 * (answer_voxels - reference_voxels) / reference_voxels,
        reference_ml=reference_voxels * voxel_ml,
        answer_ml=answer_voxels * voxel_ml,
        far_ml=volume_beyond_ml(reference, answer, spacing_zyx_mm=spacing, beyond_mm=FAR_MM),
    )
