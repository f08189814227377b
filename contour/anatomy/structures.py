"""A structure as voxels: the form in which the network, the clean-up and the writer hand anatomy to one another."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from registration.errors import GridError
from registration.grid import Grid, Shape

Generation = Literal["AUTOMATIC", "SEMIAUTOMATIC", "MANUAL"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Removal:
    """Something a clean-up rule took away: the rule's name, its parts and their volume."""

    rule: str
    parts: int
    volume_ml: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RoiIdentity:
    """What another system calls a structure, to be kept when it is written again.

    Args:
        number: ROI Number.
        name: ROI Name as written, in any script; at most 64 characters.
        interpreted_type: RT ROI Interpreted Type; may be empty.
        colour_rgb: ROI Display Color, 0 to 255 each.
    """

    number: int
    name: str
    interpreted_type: str
    colour_rgb: tuple[int, int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Structure:
    """One contoured structure, cropped to the box that holds it.

    Args:
        name: TG-263 name.
        grid: The CT's grid, in full.
        lower_zyx: Where the crop starts in the grid.
        mask_zyx: The crop; True inside. What the structure *is*: volumes and agreement count these voxels.
        membership_zyx: Same shape, uint8, or None. Graded membership of which the mask is the part at or above
            128 (exactly: `mask == (membership >= 128)`); contours run along 127.5 between voxel centres.
            Without it they run half-way between the mask's voxel centres.
        generation: DICOM ROI Generation Algorithm.
        removals: What clean-up took away.
        description: What a reader of the structure set has to be told of it; at most 1024 plain characters.
        roi: Whose structure it was before, None for one of our own: then number, colour and type follow from the name.

    Raises:
        GridError: the crop leaves the grid, or mask and membership differ in shape.
    """

    name: str
    grid: Grid
    lower_zyx: Shape
    mask_zyx: NDArray[np.bool_]
    membership_zyx: NDArray[np.uint8] | None = field(default=None)
    generation: Generation = "AUTOMATIC"
    removals: tuple[Removal, ...] = ()
    description: str = ""
    roi: RoiIdentity | None = None

    def __post_init__(self) -> None:
        for low, size, whole in zip(self.lower_zyx, self.mask_zyx.shape, self.grid.shape_zyx, strict=True):
            if low < 0 or low + size > whole:
                raise GridError(f"crop at {self.lower_zyx} of shape {self.mask_zyx.shape} leaves {self.grid.shape_zyx}")
        self.mask_zyx.flags.writeable = False
        if self.membership_zyx is not None:
            if self.membership_zyx.shape != self.mask_zyx.shape:
                raise GridError(f"membership {self.membership_zyx.shape} is not the mask's {self.mask_zyx.shape}")
            self.membership_zyx.flags.writeable = False

    @property
    def volume_ml(self) -> float:
        """Voxels inside times the voxel's volume."""
        return float(np.count_nonzero(self.mask_zyx)) * self.grid.voxel_volume_mm3 / 1000.0

    @property
    def slices(self) -> int:
        """How many slices hold at least one voxel."""
        return int(np.count_nonzero(self.mask_zyx.any(axis=(1, 2))))

    @property
    def is_empty(self) -> bool:
        """True when there is no voxel inside."""
        return not bool(self.mask_zyx.any())

    def full_mask_zyx(self) -> NDArray[np.bool_]:
        """The mask on the whole grid; allocates one byte per voxel of the CT."""
        whole = np.zeros(self.grid.shape_zyx, dtype=np.bool_)
        box = tuple(slice(low, low + size) for low, size in zip(self.lower_zyx, self.mask_zyx.shape, strict=True))
        whole[box] = self.mask_zyx
        return whole


def crop_to_structure(
    name: str, grid: Grid, mask_zyx: NDArray[np.bool_], *, generation: Generation = "AUTOMATIC"
) -> Structure:
    """A structure from a mask on the whole grid; an empty mask gives an empty crop of one voxel."""
    if mask_zyx.shape != grid.shape_zyx:
        raise GridError(f"mask of shape {mask_zyx.shape} on a grid of shape {grid.shape_zyx}")
    bounds: list[tuple[int, int]] = []
    for axis in range(3):
        others = tuple(other for other in range(3) if other != axis)
        inside = np.flatnonzero(mask_zyx.any(axis=others))
        bounds.append((int(inside[0]), int(inside[-1]) + 1) if inside.size else (0, 1))
    (z0, z1), (y0, y1), (x0, x1) = bounds
    crop = np.array(mask_zyx[z0:z1, y0:y1, x0:x1], dtype=np.bool_)
    return Structure(name=name, grid=grid, lower_zyx=(z0, y0, x0), mask_zyx=crop, generation=generation)
