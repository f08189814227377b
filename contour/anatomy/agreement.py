"""How well two outlines of the same structure agree, in overlap and in millimetres.

Surfaces are the voxels of a mask that touch its outside by a face; a distance goes from the centre of a surface voxel
of one mask to the nearest surface voxel's centre of the other. These are MONAI's definitions, so that figures compare.

    >>> import numpy as np
    >>> a = np.zeros((4, 8, 8), dtype=bool); a[1:3, 2:6, 2:6] = True
    >>> b = np.roll(a, 1, axis=2)
    >>> dice(a, b)
    0.75
    >>> surface_agreement(a, b, spacing_zyx_mm=(3.0, 1.0, 1.5)).hausdorff_mm
    1.5

Reference: Taha and Hanbury, doi:10.1186/s12880-015-0068-x; Nikolov et al., doi:10.2196/26151 (surface Dice).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_erosion, distance_transform_edt

from registration.errors import GridError
from registration.grid import Triple

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class SurfaceAgreement:
    """Distances between two surfaces; 0 where both masks are empty, infinite where one of them is.

    Args:
        mean_mm: Mean over the surface voxels of both.
        hd95_mm: The larger of the two directions' 95th percentiles.
        hausdorff_mm: The largest distance.
        surface_dice: Share of both surfaces that lies within the tolerance of the other.
        tolerance_mm: That tolerance.
    """

    mean_mm: float
    hd95_mm: float
    hausdorff_mm: float
    surface_dice: float
    tolerance_mm: float


def dice(a_zyx: Mask, b_zyx: Mask) -> float:
    """Overlap of two masks of the same shape, 0 to 1; 1 where both are empty.

    Raises:
        GridError: the shapes differ.
    """
    _require_same_shape(a_zyx, b_zyx)
    total = int(np.count_nonzero(a_zyx)) + int(np.count_nonzero(b_zyx))
    return 2.0 * int(np.count_nonzero(a_zyx & b_zyx)) / total if total else 1.0


def surface_agreement(
    a_zyx: Mask, b_zyx: Mask, *, spacing_zyx_mm: Triple, tolerance_mm: float = 2.0
) -> SurfaceAgreement:
    """Distances between the surfaces of two masks.

    Args:
        a_zyx: One mask.
        b_zyx: The other, of the same shape.
        spacing_zyx_mm: Voxel spacing.
        tolerance_mm: For the surface Dice.

    Raises:
        GridError: the shapes differ.
    """
    _require_same_shape(a_zyx, b_zyx)
    any_a, any_b = bool(a_zyx.any()), bool(b_zyx.any())
    if not (any_a and any_b):
        far = 0.0 if any_a == any_b else math.inf
        return SurfaceAgreement(
            mean_mm=far, hd95_mm=far, hausdorff_mm=far, surface_dice=float(far == 0.0), tolerance_mm=tolerance_mm
        )
    box = _common_box(a_zyx, b_zyx)
    surface_a, surface_b = _surface(a_zyx[box]), _surface(b_zyx[box])
    a_to_b = distance_transform_edt(~surface_b, sampling=spacing_zyx_mm)[surface_a]
    b_to_a = distance_transform_edt(~surface_a, sampling=spacing_zyx_mm)[surface_b]
    both = np.concatenate([a_to_b, b_to_a])
    return SurfaceAgreement(
        mean_mm=float(both.mean()),
        hd95_mm=float(max(np.percentile(a_to_b, 95), np.percentile(b_to_a, 95))),
        hausdorff_mm=float(both.max()),
        surface_dice=float((both <= tolerance_mm).mean()),
        tolerance_mm=tolerance_mm,
    )


def hd95_mm(a_zyx: Mask, b_zyx: Mask, *, spacing_zyx_mm: Triple) -> float:
    """95th percentile Hausdorff distance, see `SurfaceAgreement`."""
    return surface_agreement(a_zyx, b_zyx, spacing_zyx_mm=spacing_zyx_mm).hd95_mm


def mean_surface_distance_mm(a_zyx: Mask, b_zyx: Mask, *, spacing_zyx_mm: Triple) -> float:
    """Mean distance between the surfaces, both ways, see `SurfaceAgreement`."""
    return surface_agreement(a_zyx, b_zyx, spacing_zyx_mm=spacing_zyx_mm).mean_mm


def _require_same_shape(a_zyx: Mask, b_zyx: Mask) -> None:
    if a_zyx.shape != b_zyx.shape:
        raise GridError(f"masks of shape {a_zyx.shape} and {b_zyx.shape} do not compare")


def _common_box(a_zyx: Mask, b_zyx: Mask) -> tuple[slice, ...]:
    either = a_zyx | b_zyx
    box = []
    for axis in range(either.ndim):
        others = tuple(other for other in range(either.ndim) if other != axis)
        inside = np.flatnonzero(either.any(axis=others))
        box.append(slice(int(inside[0]), int(inside[-1]) + 1))
    return tuple(box)


def _surface(mask_zyx: Mask) -> Mask:
    """Voxels inside that have a neighbour outside; beyond the array is outside."""
    surface: Mask = mask_zyx & ~binary_erosion(mask_zyx)
    return surface
