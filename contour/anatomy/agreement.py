"""How well two outlines of the same structure agree, in overlap, in millimetres and in work left to do.

Distances between surfaces go from surface element to nearest surface element (`surface_elements`), and each element
counts with its area, so that figures hold on anisotropic voxels. They are those of DeepMind's surface-distance, and for
surface Dice those of MONAI with `use_subvoxels=True`. MONAI's other distances go between surface voxels' centres and
count each voxel once: the same within a voxel where voxels are cubic, while with thick slices the top and the bottom of
a body, where its voxels are densest, count too much. Rounded surfaces come out up to half a voxel too near.

    >>> import numpy as np
    >>> a = np.zeros((4, 8, 8), dtype=bool); a[1:3, 2:6, 2:6] = True
    >>> b = np.roll(a, 1, axis=2)
    >>> dice(a, b)
    0.75
    >>> surface_agreement(a, b, spacing_zyx_mm=(3.0, 1.0, 1.5)).hausdorff_mm
    1.5

References: Taha and Hanbury, doi:10.1186/s12880-015-0068-x; Nikolov et al., doi:10.2196/26151 (surface Dice); Vaassen
et al., doi:10.1016/j.phro.2019.12.001 (added path length).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt

from contour.anatomy.surface_elements import Mask, outline_elements, surface_elements
from registration.errors import GridError
from registration.grid import Triple

_APART_MM = 1e6
"""Between slices that have nothing to do with each other: farther than any patient is long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SurfaceAgreement:
    """Distances between two surfaces; 0 where both masks are empty, infinite where one of them is.

    Args:
        mean_mm: Mean over both surfaces' area.
        hd95_mm: The larger of the two directions' 95th percentiles by area.
        hausdorff_mm: The largest distance.
        surface_dice: For each tolerance, the share of both surfaces' area that lies within it of the other surface.
        tolerances_mm: Those tolerances.
    """

    mean_mm: float
    hd95_mm: float
    hausdorff_mm: float
    surface_dice: tuple[float, ...]
    tolerances_mm: tuple[float, ...]


def dice(a_zyx: Mask, b_zyx: Mask) -> float:
    """Overlap of two masks of the same shape, 0 to 1; 1 where both are empty.

    Raises:
        GridError: the shapes differ.
    """
    _require_same_shape(a_zyx, b_zyx)
    total = int(np.count_nonzero(a_zyx)) + int(np.count_nonzero(b_zyx))
    return 2.0 * int(np.count_nonzero(a_zyx & b_zyx)) / total if total else 1.0


def surface_agreement(
    a_zyx: Mask, b_zyx: Mask, *, spacing_zyx_mm: Triple, tolerances_mm: tuple[float, ...] = (2.0, 3.0)
) -> SurfaceAgreement:
    """Distances between the surfaces of two masks.

    Args:
        a_zyx: One mask.
        b_zyx: The other, of the same shape.
        spacing_zyx_mm: Voxel spacing.
        tolerances_mm: For the surface Dice.

    Raises:
        GridError: the shapes differ.
    """
    _require_same_shape(a_zyx, b_zyx)
    any_a, any_b = bool(a_zyx.any()), bool(b_zyx.any())
    if not (any_a and any_b):
        far = 0.0 if any_a == any_b else math.inf
        return SurfaceAgreement(
            mean_mm=far,
            hd95_mm=far,
            hausdorff_mm=far,
            surface_dice=(float(far == 0.0),) * len(tolerances_mm),
            tolerances_mm=tolerances_mm,
        )
    box = common_box(a_zyx, b_zyx)
    areas_a, areas_b = (surface_elements(mask[box], spacing_zyx_mm) for mask in (a_zyx, b_zyx))
    on_a, on_b = areas_a > 0, areas_b > 0
    a_to_b = distance_transform_edt(~on_b, sampling=spacing_zyx_mm)[on_a]
    b_to_a = distance_transform_edt(~on_a, sampling=spacing_zyx_mm)[on_b]
    away_mm = np.concatenate([a_to_b, b_to_a])
    area_mm2 = np.concatenate([areas_a[on_a], areas_b[on_b]])
    whole_mm2 = area_mm2.sum()
    return SurfaceAgreement(
        mean_mm=float((away_mm * area_mm2).sum() / whole_mm2),
        hd95_mm=max(_percentile_95(a_to_b, areas_a[on_a]), _percentile_95(b_to_a, areas_b[on_b])),
        hausdorff_mm=float(away_mm.max()),
        surface_dice=tuple(float(area_mm2[away_mm <= tolerance].sum() / whole_mm2) for tolerance in tolerances_mm),
        tolerances_mm=tolerances_mm,
    )


def hd95_mm(a_zyx: Mask, b_zyx: Mask, *, spacing_zyx_mm: Triple) -> float:
    """95th percentile Hausdorff distance, see `SurfaceAgreement`."""
    return surface_agreement(a_zyx, b_zyx, spacing_zyx_mm=spacing_zyx_mm).hd95_mm


def mean_surface_distance_mm(a_zyx: Mask, b_zyx: Mask, *, spacing_zyx_mm: Triple) -> float:
    """Mean distance between the surfaces, both ways, see `SurfaceAgreement`."""
    return surface_agreement(a_zyx, b_zyx, spacing_zyx_mm=spacing_zyx_mm).mean_mm


def added_path_length_mm(
    reference_zyx: Mask, answer_zyx: Mask, *, spacing_zyx_mm: Triple, tolerance_mm: float = 0.0
) -> float:
    """How much line somebody would have to draw to turn the answer into the reference, slice by slice.

    The length of the reference's outlines, within each slice (the array's first axis), that lies farther than
    `tolerance_mm` from every outline of the answer in the same slice; a slice without an answer counts in full, what
    only has to be deleted costs nothing. Vaassen et al. count the pixels of the outline, without tolerance; here
    it is the line's length in mm, so that figures on different pixels compare. A line at 22 degrees to the pixels comes
    out 8 % too long, the most there is; one along them or at 45 degrees on square pixels, right.

    Raises:
        GridError: the shapes differ.
    """
    _require_same_shape(reference_zyx, answer_zyx)
    if not reference_zyx.any():
        return 0.0
    box = common_box(reference_zyx, answer_zyx)
    lengths_mm = outline_elements(reference_zyx[box], spacing_zyx_mm)
    drawn = outline_elements(answer_zyx[box], spacing_zyx_mm) > 0
    if not drawn.any():
        return float(lengths_mm.sum())
    away_mm = distance_transform_edt(~drawn, sampling=(_APART_MM, *spacing_zyx_mm[1:]))
    return float(lengths_mm[away_mm > tolerance_mm].sum())


def volume_beyond_ml(reference_zyx: Mask, answer_zyx: Mask, *, spacing_zyx_mm: Triple, beyond_mm: float) -> float:
    """How much of the answer lies farther than `beyond_mm` from every voxel of the reference, centre to centre.

    All of the answer where the reference is empty.

    Raises:
        GridError: the shapes differ.
    """
    _require_same_shape(reference_zyx, answer_zyx)
    voxel_ml = math.prod(spacing_zyx_mm) / 1000.0
    if not reference_zyx.any() or not answer_zyx.any():
        return int(np.count_nonzero(answer_zyx)) * voxel_ml
    box = common_box(reference_zyx, answer_zyx)
    away_mm = distance_transform_edt(~reference_zyx[box], sampling=spacing_zyx_mm)
    return int(np.count_nonzero(away_mm[answer_zyx[box]] > beyond_mm)) * voxel_ml


def common_box(a_zyx: Mask, b_zyx: Mask) -> tuple[slice, slice, slice]:
    """The box that holds both masks; at least one of them must not be empty."""
    either = a_zyx | b_zyx
    z, y, x = (
        np.flatnonzero(either.any(axis=tuple(other for other in range(3) if other != axis))) for axis in range(3)
    )
    return slice(int(z[0]), int(z[-1]) + 1), slice(int(y[0]), int(y[-1]) + 1), slice(int(x[0]), int(x[-1]) + 1)


def _percentile_95(away_mm: NDArray[np.float64], area_mm2: NDArray[np.float64]) -> float:
    """The smallest distance within which 95 % of the area lies."""
    order = np.argsort(away_mm)
    share = np.cumsum(area_mm2[order])
    return float(away_mm[order][min(int(np.searchsorted(share / share[-1], 0.95)), order.size - 1)])


def _require_same_shape(a_zyx: Mask, b_zyx: Mask) -> None:
    if a_zyx.shape != b_zyx.shape:
        raise GridError(f"masks of shape {a_zyx.shape} and {b_zyx.shape} do not compare")
