"""Feature points of a scan: places that a small window pins down in all three directions.

Reference: Förstner operator in 3D, Rohr, doi:10.1006/cviu.1998.0677.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from registration.grid import Grid
from registration.resample import resample
from registration.volume import Volume

_TENSOR_MM = 2.5
_APART_MM = 8.0
_LEAST_SLOPE_HU = 2.0
_LOWEST_HU, _HIGHEST_HU = -1000.0, 800.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Keypoints:
    """Voxels of a lattice, most distinct first.

    Args:
        index_zyx: (n, 3) whole voxel indices.
        distinctness: (n,) the smallest weight with which its surroundings resist a shift; in HU squared per voxel.
    """

    index_zyx: NDArray[np.int64]
    distinctness: NDArray[np.float32]


def find_keypoints(image: Volume, body: Volume, *, most: int = 3000, border: int = 0) -> Keypoints:
    """The most distinct points of the body, one at most in each cell of 8 mm.

    Args:
        image: HU, on the lattice in which indices are given.
        body: Where to look, on any lattice along the image's axes.
        most: How many at most.
        border: Voxels at each face of the lattice in which none is looked for.
    """
    spacing = image.grid.spacing_zyx_mm
    values = np.clip(image.values_zyx, _LOWEST_HU, _HIGHEST_HU).astype(np.float32)
    smooth = gaussian_filter(values, 0.7)
    slopes = np.gradient(smooth)
    sigma = [_TENSOR_MM / step for step in spacing]
    a, b, c = (gaussian_filter(slopes[n] * slopes[n], sigma) for n in range(3))
    d, e, f = (gaussian_filter(slopes[n] * slopes[m], sigma) for n, m in ((0, 1), (0, 2), (1, 2)))
    determinant = a * (b * c - f * f) - d * (d * c - f * e) + e * (d * f - b * e)
    minors = (b * c - f * f) + (a * c - e * e) + (a * b - d * d)
    resists = np.maximum(determinant, 0.0) / np.maximum(minors, 1e-3)
    cell = [max(1, round(_APART_MM / step)) for step in spacing]
    peak = _highest_of_cells(resists, cell) & (resists > _LEAST_SLOPE_HU**2)
    peak &= resample(body, image.grid, outside=0.0).values_zyx > 0.5
    if border:
        inner = np.zeros(peak.shape, dtype=np.bool_)
        inner[border:-border, border:-border, border:-border] = True
        peak &= inner
    index = np.argwhere(peak)
    strength = resists[peak]
    order = np.argsort(-strength, kind="stable")[:most]
    return Keypoints(index_zyx=index[order].astype(np.int64), distinctness=strength[order].astype(np.float32))


def _highest_of_cells(values: NDArray[np.float32], cell: list[int]) -> NDArray[np.bool_]:
    """True at the highest voxel of each block: spread over the body, where peaks alone would crowd at its bones."""
    blocks = [-(-size // width) for size, width in zip(values.shape, cell, strict=True)]
    padded = np.full([n * width for n, width in zip(blocks, cell, strict=True)], -np.inf, dtype=np.float32)
    padded[tuple(slice(0, size) for size in values.shape)] = values
    split = padded.reshape(blocks[0], cell[0], blocks[1], cell[1], blocks[2], cell[2])
    inner = split.transpose(0, 2, 4, 1, 3, 5).reshape(*blocks, -1)
    within = np.stack(np.unravel_index(inner.argmax(axis=-1), cell), axis=-1)
    corner = np.moveaxis(np.indices(blocks), 0, -1) * np.asarray(cell)
    z, y, x = (corner + within).reshape(-1, 3).T
    highest = np.zeros(padded.shape, dtype=np.bool_)
    highest[z, y, x] = True
    return highest[tuple(slice(0, size) for size in values.shape)]


def lattice_about(grid: Grid, step_mm: float) -> Grid:
    """A lattice over a scan, no finer than the scan along each axis."""
    z, y, x = (max(step, step_mm) for step in grid.spacing_zyx_mm)
    return grid.resampled((z, y, x))
