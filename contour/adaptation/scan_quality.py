"""What a CT says of its scanner: HU of air, fat and muscle, noise and steps.

A physicist follows these over a course to tell a scanner that moved from a patient that changed, so each figure is
taken where anatomy matters least: tops of the histogram of flat tissue near the skin, where there is neither brain nor
liver; noise where the image is flattest; air along lines from the image's edge that meet the patient and no couch.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d, label, maximum_filter, minimum_filter, uniform_filter

from contour.anatomy.structures import Structure
from registration.errors import GridError
from registration.grid import Triple
from registration.volume import Volume

_MOST_VOXELS, _FEWEST_PAIRS, _AIR_SLICES, _FEW_VOXELS = 2_500_000, 16, 24, 300
_MEAN_MM, _SKIN_MM, _NEAR_SKIN_MM, _ROUND_BONE_MM, _ROUND_BODY_MM = 4.0, 3.0, 30.0, 4.0, 15.0
_BONE_HU, _DENSE_HU, _LOWEST_AIR_HU, _MOST_HU = 150.0, -800.0, -1500.0, 32767.0
_FAT_POOL_HU, _FAT_HU, _MUSCLE_POOL_HU, _MUSCLE_HU = (-200.0, -10.0), (-150.0, -50.0), (-50.0, 150.0), (0.0, 90.0)
_FLAT_SHARE, _FLATTEST_SHARE, _LEAST_AIR_SHARE, _CONSTANT_SHARE = 0.4, 0.15, 0.2, 0.5
_KERNEL_HU, _AROUND_HU, _VALLEY_HU, _VALLEY_SHARE = 6.0, 20, 40, 0.6
_CLIPPED_SD = 0.98658  # standard deviation of a normal distribution cut off at three of its own

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanQuality:
    """Figures of one scan; None where the scan does not show what they are taken from.

    Args:
        air_hu: Median HU of the air in front of and beside the patient; None where out of view, blanked or clipped.
        fat_hu: Most frequent HU of flat fat near the skin, about -100.
        muscle_hu: Most frequent HU of flat soft tissue near the skin, not enclosed by bone; about 40 to 60.
        noise_hu: Standard deviation of the grain in the flattest soft tissue, anatomy taken out.
        slice_step_mm: Of the grid, along its first axis.
        pixel_spacing_mm: Of the grid, geometric mean of the steps of rows and columns.
    """

    air_hu: float | None
    fat_hu: float | None
    muscle_hu: float | None
    noise_hu: float | None
    slice_step_mm: float
    pixel_spacing_mm: float


@dataclass(frozen=True, slots=True, kw_only=True)
class _Tissue:
    """Voxels under the skin in pairs of neighbouring slices; (n,) each.

    `hu` is the pair's mean over a few millimetres, `uneven_hu2` the variance of that mean about the voxel, `step_hu`
    the second slice less the first; `is_soft` is near the skin, not enclosed by bone. Voxels set by hand are left out.
    """

    hu: NDArray[np.float32]
    uneven_hu2: NDArray[np.float32]
    step_hu: NDArray[np.float32]
    is_soft: Mask


def scan_quality(ct: Volume, body: Structure) -> ScanQuality:
    """Measure a scan. A phantom that loses weight and lies elsewhere moves fat by up to 6 HU, air and muscle by 1.

    Fat and muscle are the tops of a kernel density over the flattest two fifths of the voxels in reach. A top needs 300
    voxels within 20 HU and a valley on both sides within 40 HU, else it is None.

    Noise is the difference of neighbouring slices divided by sqrt(2), in the 15 % of soft tissue where their mean is
    flattest, so in its quieter parts; mean and difference are uncorrelated. Grain correlated within the slice (a smooth
    kernel) is measured in full; where slices share noise with correlation r (overlapping), sqrt(1 - r) of it.

    Args:
        ct: HU, on any grid. Values that equal their neighbours exactly are padding or painted by hand: not counted.
        body: The patient's outline on that grid, without couch; where empty, every figure but the steps is None.

    Raises:
        GridError: the body is on a grid of another shape.
    """
    if body.grid.shape_zyx != ct.grid.shape_zyx:
        raise GridError(f"body on a grid of shape {body.grid.shape_zyx}; expected the CT's {ct.grid.shape_zyx}")
    tissue = _tissue(ct, body)
    return ScanQuality(
        air_hu=_air_hu(ct, body),
        fat_hu=_top_hu(tissue, _FAT_POOL_HU, _FAT_HU),
        muscle_hu=_top_hu(tissue, _MUSCLE_POOL_HU, _MUSCLE_HU),
        noise_hu=_noise_hu(tissue),
        slice_step_mm=ct.grid.spacing_zyx_mm[0],
        pixel_spacing_mm=math.sqrt(math.prod(ct.grid.spacing_zyx_mm[1:])),
    )


def _tissue(ct: Volume, body: Structure) -> _Tissue:
    """From evenly spaced pairs of slices, as many as take a bounded time."""
    mask = body.mask_zyx
    box = tuple(slice(low, low + size) for low, size in zip(body.lower_zyx, mask.shape, strict=True))
    values, spacing = ct.values_zyx[box], ct.grid.spacing_zyx_mm
    most = max(_FEWEST_PAIRS, _MOST_VOXELS // (mask.shape[1] * mask.shape[2]))
    found = [_in_pair(values[k : k + 2], mask[k] & mask[k + 1], spacing) for k in _evenly(mask.shape[0] - 1, most)]
    hu, uneven, step, is_soft = np.concatenate([np.zeros((4, 0), dtype=np.float32), *found], axis=1)
    return _Tissue(hu=hu, uneven_hu2=uneven, step_hu=step, is_soft=is_soft > 0)


def _in_pair(values: NDArray[np.generic], inside: Mask, spacing: Triple) -> NDArray[np.float32]:
    """The rows of `_Tissue` for two slices; (4, n)."""
    first, second = np.nan_to_num(values.astype(np.float32), nan=-_MOST_HU).clip(-_MOST_HU, _MOST_HU)
    mean = (first + second) / 2
    about = _window(_MEAN_MM, spacing, least=1)
    hu = uniform_filter(mean, _window(_MEAN_MM, spacing, least=0))
    uneven = np.maximum(uniform_filter(mean * mean, about) - uniform_filter(mean, about) ** 2, 0)
    bone = maximum_filter(hu > _BONE_HU, _window(2 * _ROUND_BONE_MM, spacing, least=1))
    parts, _ = label(np.pad(~bone, 1, constant_values=True))
    is_soft = (parts == parts[0, 0])[1:-1, 1:-1] & ~_shrunk(inside, _NEAR_SKIN_MM, spacing)
    scanned = _shrunk(inside, _SKIN_MM, spacing) & ~_constant(first) & ~_constant(second)
    return np.stack([hu, uneven, second - first, is_soft])[:, scanned]


def _top_hu(tissue: _Tissue, pool_hu: tuple[float, float], within_hu: tuple[float, float]) -> float | None:
    """The most frequent HU within a range, of the flattest voxels of a wider one."""
    pool = tissue.is_soft & (tissue.hu > pool_hu[0]) & (tissue.hu < pool_hu[1])
    if np.count_nonzero(pool) < _FEW_VOXELS:
        return None
    uneven = tissue.uneven_hu2[pool]
    counts, edges = np.histogram(tissue.hu[pool][uneven <= np.quantile(uneven, _FLAT_SHARE)], np.arange(-250.0, 251.0))
    density = gaussian_filter1d(counts.astype(np.float64), _KERNEL_HU, mode="constant")
    centres = edges[:-1] + 0.5
    is_top = np.r_[False, (density[1:-1] > density[:-2]) & (density[1:-1] >= density[2:]), False]
    is_top &= (centres > within_hu[0]) & (centres < within_hu[1])
    at = int(np.argmax(np.where(is_top, density, -1.0)))
    if not is_top[at] or counts[at - _AROUND_HU : at + _AROUND_HU].sum() < _FEW_VOXELS:
        return None
    if max(density[at - _VALLEY_HU : at].min(), density[at : at + _VALLEY_HU].min()) > _VALLEY_SHARE * density[at]:
        return None
    before, top, after = density[at - 1 : at + 2]
    return float(centres[at] + 0.5 * (before - after) / (before - 2 * top + after))


def _noise_hu(tissue: _Tissue) -> float | None:
    pool = np.abs(tissue.hu) < _BONE_HU
    if np.count_nonzero(pool) < _FEW_VOXELS:
        return None
    uneven = tissue.uneven_hu2[pool]
    step = tissue.step_hu[pool][uneven <= np.quantile(uneven, _FLATTEST_SHARE)]
    away = np.abs(step - np.median(step))
    reach_hu = max(3 * 1.4826 * float(np.median(away)), 3.0)
    return float(step[away <= reach_hu].std()) / _CLIPPED_SD / math.sqrt(2)


def _air_hu(ct: Volume, body: Structure) -> float | None:
    """Air that a line from the image's edge crosses before it comes near the patient, in evenly spaced slices."""
    (z0, y0, x0), (depth, rows, columns) = body.lower_zyx, body.mask_zyx.shape
    found, crossed = [], 0
    for k in _evenly(depth, _AIR_SLICES):
        patient = np.zeros(ct.grid.shape_zyx[1:], dtype=np.bool_)
        patient[y0 : y0 + rows, x0 : x0 + columns] = body.mask_zyx[k]
        plane = np.nan_to_num(ct.values_zyx[z0 + k].astype(np.float32), nan=-_MOST_HU).clip(-_MOST_HU, _MOST_HU)
        near = maximum_filter(patient, _window(2 * _ROUND_BODY_MM, ct.grid.spacing_zyx_mm, least=1))
        blocked = near | (uniform_filter(plane, 3) > _DENSE_HU)
        seen = np.logical_or.reduce([np.rot90(_above(np.rot90(blocked, n), np.rot90(near, n)), -n) for n in range(4)])
        found.append(plane[seen & ~_constant(plane) & (plane > _LOWEST_AIR_HU)])
        crossed += int(np.count_nonzero(seen))
    air = np.concatenate(found)
    if air.size < max(_FEW_VOXELS, _LEAST_AIR_SHARE * crossed):
        return None  # what a blanking left over is no air either
    away = np.abs(air - np.median(air))
    if np.mean(away == 0) > _CONSTANT_SHARE:
        return None
    return float(np.median(air[away <= 3 * 1.4826 * np.median(away)]))


def _above(blocked: Mask, near: Mask) -> Mask:
    """Where a column, from row 0 on, has met nothing yet and will come near the patient first."""
    meets = near[np.argmax(blocked, axis=0), np.arange(blocked.shape[1])]
    return np.asarray(~np.logical_or.accumulate(blocked, axis=0) & meets, dtype=np.bool_)


def _constant(plane: NDArray[np.float32]) -> Mask:
    """Within two voxels of one that equals all its neighbours: padding, or a part set to one value by hand."""
    return np.asarray(maximum_filter(maximum_filter(plane, 3) == minimum_filter(plane, 3), 5), dtype=np.bool_)


def _shrunk(mask: Mask, by_mm: float, spacing: Triple) -> Mask:
    """Eroded within the slice, by a voxel at least; beyond the mask's box is outside."""
    return np.asarray(minimum_filter(mask, _window(2 * by_mm, spacing, least=1), mode="constant"), dtype=np.bool_)


def _window(width_mm: float, spacing: Triple, *, least: int) -> tuple[int, int]:
    """Odd numbers of rows and columns about so wide in all, at least `least` to each side of the middle."""
    rows, columns = (2 * max(least, round(width_mm / step) // 2) + 1 for step in spacing[1:])
    return rows, columns


def _evenly(count: int, most: int) -> list[int]:
    """Up to `most` of the first `count` whole numbers, evenly spaced."""
    return sorted({round(n) for n in np.linspace(0, count - 1, min(count, most))}) if count > 0 else []
