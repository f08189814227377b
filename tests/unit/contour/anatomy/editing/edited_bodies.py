"""Grids, graded bodies and questions that the tests of edits share."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from contour.anatomy.boxes import box_of, levels_in
from contour.anatomy.structures import Removal, RoiIdentity, Structure
from tests.phantoms import centre_xyz_mm, small_grid, voxel_points_xyz_mm

STRAIGHT = small_grid((30, 90, 80), (3.0, 0.9, 1.2))
OBLIQUE = small_grid((30, 90, 80), (3.0, 0.9, 1.2), tilt_xyz_deg=(9.0, -14.0, 21.0))
BOTH = {"argvalues": [STRAIGHT, OBLIQUE], "ids": ["straight", "oblique"]}
ROI = RoiIdentity(number=7, name="Ohrspeichel", interpreted_type="ORGAN", colour_rgb=(1, 2, 3))
REMOVALS = (Removal(rule="islands", parts=2, volume_ml=0.1),)


def at(grid, *index_zyx):
    """The patient position of a voxel, whole or fractional."""
    return tuple(float(value) for value in grid.to_point_xyz_mm(np.asarray(index_zyx, dtype=float)))


def graded(grid, radius_mm=18.0, hole_mm=6.0, offset_xyz_mm=(0.0, 0.0, 0.0)):
    """A ball with a ball-shaped hole off its centre, a slope of four pixels across its surface, and an identity."""
    points = voxel_points_xyz_mm(grid) - centre_xyz_mm(grid) - np.asarray(offset_xyz_mm)
    inside_mm = radius_mm - np.linalg.norm(points, axis=-1)
    if hole_mm:
        inside_mm = np.minimum(inside_mm, np.linalg.norm(points - (4.0, -3.0, 1.0), axis=-1) - hole_mm)
    levels = np.clip(np.rint(127.5 + 50.0 * inside_mm), 0, 255).astype(np.uint8)
    return Structure(
        name="Parotid_L", grid=grid, lower_zyx=(0, 0, 0), mask_zyx=levels >= 128, membership_zyx=levels,
        roi=ROI, description="Research software.", removals=REMOVALS,
    )  # fmt: skip


def plain(structure):
    """The same voxels without a membership."""
    return replace(structure, membership_zyx=None)


def empty(grid, *, with_membership=False):
    nothing = np.zeros((1, 1, 1), dtype=np.uint8)
    return Structure(
        name="Drawn", grid=grid, lower_zyx=(0, 0, 0), mask_zyx=nothing.astype(bool),
        membership_zyx=nothing if with_membership else None,
    )  # fmt: skip


def whole(structure):
    return structure.full_mask_zyx()


def whole_levels(structure):
    grid_box = replace(box_of(structure), lower_zyx=(0, 0, 0), upper_zyx=structure.grid.shape_zyx)
    return levels_in(structure, grid_box)


def is_sound(structure):
    """Lies on its grid, and its mask is the part of its membership at or above 128."""
    ends = [low + size for low, size in zip(structure.lower_zyx, structure.mask_zyx.shape, strict=True)]
    fits = all(end <= size for end, size in zip(ends, structure.grid.shape_zyx, strict=True))
    levels = structure.membership_zyx
    return fits and (levels is None or bool(np.array_equal(structure.mask_zyx, levels >= 128)))


def holes_in(mask_yx):
    """How many holes a slice's mask has."""
    from scipy import ndimage

    labels, count = ndimage.label(~np.pad(mask_yx, 1))
    return count - 1 if labels[0, 0] else count


def flat_mm(grid, axis):
    """Along the two axes of a slice: index times spacing, to measure with."""
    first, second = (other for other in range(3) if other != axis)
    a = np.arange(grid.shape_zyx[first]) * grid.spacing_zyx_mm[first]
    b = np.arange(grid.shape_zyx[second]) * grid.spacing_zyx_mm[second]
    return a[:, None], b[None, :]


def dice_of(one, other):
    return 2 * np.count_nonzero(one & other) / (np.count_nonzero(one) + np.count_nonzero(other))
