"""Margins: a structure grown or shrunk by millimetres, the same to all sides or to each side of the patient its own.

Where the surface lies. A mask's surface crosses each line between the centre of a voxel inside and that of its
neighbour outside half-way. The distance of a voxel outside is the exact Euclidean one from its centre to the nearest
centre inside, but measured from the half-way point next to that centre instead (of its up to three neighbours towards
the voxel the one that is nearest to it). It is in mm along the grid's own, orthonormal axes, so anisotropic and oblique
grids need nothing more. A margin of d mm takes in the voxels at most d mm away: a flat surface along the grid moves by
d to within half a voxel. Shrinking is the same from within. Slanted and curved surfaces move a little further, on
average by up to a fifth of the voxel's longest side, because of their steps the foremost counts.

The grid's edge is no surface. Nothing grows beyond it; where a structure meets it the patient goes on, so nothing is
shrunk away from there.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from contour.anatomy.boxes import INSIDE, Box, Levels, Mask, box_of, mask_in, structure_in_box
from contour.anatomy.structures import Structure
from registration.grid import Grid, Triple
from registration.orientation import anatomical_order

_SLACK_MM = 1e-6
_STILL = 0.45
"""Of a voxel: what a side without a margin may reach so as to move nothing along the grid and yet let an oblique
grid's voxels through to its neighbouring sides."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Margins:
    """Millimetres to each side of the patient, whatever the grid's axes; below 0 they are taken away.

    Raises:
        ValueError: not finite, or some above and some below 0.
    """

    left_mm: float = 0.0
    right_mm: float = 0.0
    anterior_mm: float = 0.0
    posterior_mm: float = 0.0
    superior_mm: float = 0.0
    inferior_mm: float = 0.0

    def __post_init__(self) -> None:
        if not all(math.isfinite(value) for value in self.values_mm):
            raise ValueError(f"margins must be finite, found {self.values_mm}")
        if min(self.values_mm) < 0 < max(self.values_mm):
            raise ValueError(f"margins must all grow or all shrink, found {self.values_mm}")

    @classmethod
    def all_round(cls, margin_mm: float) -> Margins:
        """The same to all sides."""
        return cls(**dict.fromkeys((one.name for one in fields(cls)), margin_mm))

    @property
    def values_mm(self) -> tuple[float, ...]:
        """Left, right, anterior, posterior, superior, inferior."""
        return (
            self.left_mm,
            self.right_mm,
            self.anterior_mm,
            self.posterior_mm,
            self.superior_mm,
            self.inferior_mm,
        )

    @property
    def is_all_round(self) -> bool:
        """True where all six are the same."""
        return len(set(self.values_mm)) == 1

    @property
    def shrinks(self) -> bool:
        """True where any is below 0."""
        return min(self.values_mm) < 0


def with_margins(structure: Structure, margins: Margins, *, name: str) -> Structure:
    """A structure grown by its margins, or shrunk by those below 0; empty stays empty.

    With one margin all round the answer has a membership, so that contours run at the margin's distance and not from
    voxel to voxel. With different margins each surface point is carried out to a piecewise ellipsoid: in each octant of
    the patient the one whose half-axes are the margins of its three sides. Its axes are the patient's, on an oblique
    grid too. A margin under half a voxel then moves nothing.
    """
    if structure.is_empty or not any(margins.values_mm):
        box = box_of(structure)
        return structure_in_box(name, structure.grid, box, structure.mask_zyx, structure.membership_zyx)
    box = _box_for(structure, margins)
    mask = mask_in(structure, box)
    levels: Levels | None = None
    if margins.is_all_round:
        grow = _shrunk if margins.shrinks else _grown
        levels = grow(mask, abs(margins.left_mm), structure.grid.spacing_zyx_mm)
        mask = levels >= INSIDE
    elif margins.shrinks:
        element = _element(margins, structure.grid)[::-1, ::-1, ::-1]
        mask = mask & ~_reached(~mask, element)
    else:
        mask = mask | _reached(mask, _element(margins, structure.grid))
    return structure_in_box(name, structure.grid, box, mask, levels)


def _box_for(structure: Structure, margins: Margins) -> Box:
    """Where the answer may lie, and a voxel round about; for shrinking the structure and a voxel round about."""
    most_mm = 0.0 if margins.shrinks else max(margins.values_mm)
    steps = structure.grid.spacing_zyx_mm
    return box_of(structure).widened([math.ceil(most_mm / step) + 2 for step in steps], structure.grid)


def _grown(mask: Mask, margin_mm: float, spacing_zyx_mm: Triple) -> Levels:
    surface_mm = _mm_from_surface(mask, spacing_zyx_mm, most_mm=margin_mm + max(spacing_zyx_mm))
    levels = _levels(margin_mm - surface_mm, spacing_zyx_mm)
    levels[mask] = 255
    return levels


def _shrunk(mask: Mask, margin_mm: float, spacing_zyx_mm: Triple) -> Levels:
    if mask.all():  # no surface in the whole grid
        return mask * np.uint8(255)
    surface_mm = _mm_from_surface(~mask, spacing_zyx_mm, most_mm=margin_mm + max(spacing_zyx_mm))
    levels = _levels(surface_mm - margin_mm, spacing_zyx_mm)
    levels[~mask] = 0
    return levels


def _levels(inside_mm: Floats, spacing_zyx_mm: Triple) -> Levels:
    """Membership that falls from 255 to 0 over a pixel's breadth on either side of the surface."""
    breadth_mm = max(spacing_zyx_mm[1:])
    return np.rint(127.5 + 127.5 * np.clip((inside_mm + _SLACK_MM) / breadth_mm, -1.0, 1.0)).astype(np.uint8)


def _mm_from_surface(mask: Mask, spacing_zyx_mm: Triple, *, most_mm: float) -> Floats:
    """How far each voxel outside the mask is from its surface, as the module says; infinite beyond `most_mm`."""
    centres_mm, nearest = ndimage.distance_transform_edt(~mask, sampling=spacing_zyx_mm, return_indices=True)
    surface_mm = np.full(mask.shape, np.inf)
    surface_mm[mask] = 0.0
    near = np.nonzero((centres_mm <= most_mm) & ~mask)
    square, gain = centres_mm[near] ** 2, np.zeros(near[0].size)
    for axis, step in enumerate(spacing_zyx_mm):
        along_mm = np.abs(nearest[axis][near] - near[axis]) * step
        np.maximum(gain, along_mm * step - np.where(along_mm > 0, step * step / 4, 0.0), out=gain)
    surface_mm[near] = np.sqrt(np.maximum(square - gain, 0.0))
    return surface_mm


def _reached(mask: Mask, element: Mask) -> Mask:
    """The voxels that some voxel of the mask reaches by one of the element's steps."""
    from scipy.signal import fftconvolve  # takes a second to import

    sums = fftconvolve(mask.astype(np.float32), element.astype(np.float32), mode="full")
    middle = tuple(slice(size // 2, size // 2 + n) for size, n in zip(element.shape, mask.shape, strict=True))
    reached: Mask = np.asarray(sums[middle] > 0.5)
    return reached


def _element(margins: Margins, grid: Grid) -> Mask:
    """The steps, in whole voxels from the middle, that end in the piecewise ellipsoid about a surface point."""
    reach_mm = np.abs(np.asarray(margins.values_mm)).reshape(3, 2)  # patient axes x, y, z; towards and against
    toward = np.stack([reach_mm[0], reach_mm[1][::-1], reach_mm[2]])  # left, posterior and superior are positive
    toward = np.maximum(toward, _still_mm(grid)[:, None])
    most_mm = float(toward.max())
    halves = [math.ceil(most_mm / step + 0.5) for step in grid.spacing_zyx_mm]
    steps = np.moveaxis(np.indices([2 * half + 1 for half in halves]), 0, -1) - np.asarray(halves)
    points = steps @ grid.index_to_point.T
    element = np.zeros(points.shape[:-1], dtype=np.bool_)
    for axis in range(3):
        half_step = np.sign(steps[..., axis, None]) * (grid.index_to_point[:, axis] / 2)
        from_surface = points - half_step
        over = np.where(from_surface > 0, from_surface / toward[:, 0], from_surface / toward[:, 1])
        element |= ((over**2).sum(axis=-1) <= 1.0 + _SLACK_MM) & (steps[..., axis] != 0)
    element[tuple(halves)] = True
    return element


def _still_mm(grid: Grid) -> Floats:
    """Along the patient's x, y and z: how far a side without a margin reaches, just under half a voxel."""
    back_to_front = anatomical_order(grid).source[::-1]
    steps = [grid.spacing_zyx_mm[axis] * abs(grid.axes_xyz[axis][n]) for n, axis in enumerate(back_to_front)]
    return _STILL * np.asarray(steps)
