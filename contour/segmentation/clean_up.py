"""What is taken away from a network's answer, by named rules, each removal recorded."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from contour.anatomy.structures import Removal, Structure
from contour.segmentation.spec import StructureSpec

_FACES = ndimage.generate_binary_structure(3, 1)


def clean_up(structure: Structure, rules: StructureSpec) -> Structure:
    """The structure without small and surplus parts, small holes filled, cropped to what is left.

    Parts and holes are connected through voxel faces, in three dimensions. A hole that reaches the crop's border is
    outside, not a hole.
    """
    if structure.is_empty:
        return structure
    if not (rules.keep_parts or rules.smallest_part_ml or rules.fill_holes_ml):
        return cropped(structure)
    mask = structure.mask_zyx.copy()
    membership = None if structure.membership_zyx is None else structure.membership_zyx.copy()
    voxel_ml = structure.grid.voxel_volume_mm3 / 1000.0
    removals: list[Removal] = []
    parts, count = ndimage.label(mask, structure=_FACES)
    voxels = np.bincount(parts.ravel(), minlength=count + 1)
    voxels[0] = 0
    for rule, gone in _surplus(voxels, rules, voxel_ml):
        where = gone[parts] & mask
        removals.append(Removal(rule=rule, parts=int(gone.sum()), volume_ml=float(np.count_nonzero(where)) * voxel_ml))
        mask[where] = False
        if membership is not None:
            membership[where] = 0
    holes = _small_holes(mask, rules.fill_holes_ml / voxel_ml)
    if holes.any():
        mask |= holes
        if membership is not None:
            membership[holes] = 255
    return cropped(replace(structure, mask_zyx=mask, membership_zyx=membership, removals=tuple(removals)))


def _surplus(voxels: NDArray[np.int64], rules: StructureSpec, voxel_ml: float) -> list[tuple[str, NDArray[np.bool_]]]:
    """For each rule that applies, which parts go: a flag per part, part 0 being the background."""
    going: list[tuple[str, NDArray[np.bool_]]] = []
    left = voxels.copy()
    if rules.smallest_part_ml > 0:
        small = (left > 0) & (left * voxel_ml < rules.smallest_part_ml)
        if small.any():
            going.append((f"smallest_part_ml={rules.smallest_part_ml:g}", small))
            left[small] = 0
    if rules.keep_parts and np.count_nonzero(left) > rules.keep_parts:
        order = np.argsort(left, kind="stable")[::-1]
        surplus = np.zeros(left.shape, dtype=np.bool_)
        surplus[order[rules.keep_parts :]] = True
        surplus &= left > 0
        going.append((f"keep_parts={rules.keep_parts}", surplus))
    return going


def _small_holes(mask: NDArray[np.bool_], most_voxels: float) -> NDArray[np.bool_]:
    if most_voxels <= 0:
        return np.zeros_like(mask)
    background, count = ndimage.label(np.pad(~mask, 1, constant_values=True), structure=_FACES)
    voxels = np.bincount(background.ravel(), minlength=count + 1)
    hole = voxels <= most_voxels
    hole[[0, background[0, 0, 0]]] = False
    filled: NDArray[np.bool_] = hole[background][1:-1, 1:-1, 1:-1]
    return filled


def cropped(structure: Structure) -> Structure:
    """The same structure in the smallest crop that keeps one voxel of margin for the membership's slope."""
    mask = structure.mask_zyx
    if not mask.any():
        return replace(structure, mask_zyx=mask[:1, :1, :1].copy(), membership_zyx=None)
    bounds = []
    for axis in range(3):
        inside = np.flatnonzero(mask.any(axis=tuple(other for other in range(3) if other != axis)))
        bounds.append(slice(max(0, int(inside[0]) - 1), int(inside[-1]) + 2))
    box = (bounds[0], bounds[1], bounds[2])
    z, y, x = structure.lower_zyx
    return replace(
        structure,
        lower_zyx=(z + box[0].start, y + box[1].start, x + box[2].start),
        mask_zyx=mask[box].copy(),
        membership_zyx=None if structure.membership_zyx is None else structure.membership_zyx[box].copy(),
    )
