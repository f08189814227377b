"""The patient on a coarse lattice: what an alignment looks at, without couch, mask, air and padding.

Coarser and simpler than the external contour, because nothing is drawn from it: thin shells are cut off by an opening,
what is left of at least a tenth of the largest part belongs to the patient, and cavities are filled slice by slice.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from registration.errors import AlignmentError
from registration.grid import Grid, Shape, Triple
from registration.resample import resample
from registration.volume import Volume

TISSUE_HU = -400.0
PADDING_HU = -1500.0
"""Below that a voxel holds no measurement: scanners fill what lies outside their circle with it."""

_MARGIN_MM = 20.0
_STEP_MM = 4.0
_SHELL_MM = 6.0
_PART = 0.1
_SMALLEST_ML = 20.0


def body_mask(scan: Volume) -> Volume:
    """True in the patient, on a lattice of about 4 mm that covers the scan.

    Args:
        scan: HU, on any grid; a cone-beam scan's HU may be off by 200.

    Raises:
        AlignmentError: nothing in the scan is dense and large enough to be a patient, or values are not finite.
    """
    values = np.asarray(scan.values_zyx)
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        raise AlignmentError("the scan holds values that are not finite")
    coarse = coarser(scan, _STEP_MM)
    tissue = coarse.values_zyx > TISSUE_HU
    spacing = coarse.grid.spacing_zyx_mm
    opened = _opened(tissue, spacing)
    labels, count = ndimage.label(opened)
    sizes = np.bincount(labels.reshape(-1), minlength=count + 1)[1:].astype(np.float64)
    voxel_ml = coarse.grid.voxel_volume_mm3 / 1000.0
    if not count or float(sizes.max()) * voxel_ml < _SMALLEST_ML:
        raise AlignmentError(f"no part denser than {TISSUE_HU:.0f} HU of at least {_SMALLEST_ML:.0f} ml in the scan")
    kept = np.flatnonzero(sizes >= _PART * sizes.max()) + 1
    seed = np.isin(labels, kept)
    reach = _ball(spacing, _SHELL_MM)
    body = ndimage.binary_dilation(seed, reach) & tissue
    for axis in range(3):
        body |= _filled(body, axis)
    return Volume(grid=coarse.grid, values_zyx=body)


def coarser(scan: Volume, step_mm: float) -> Volume:
    """A scan at least `step_mm` coarse along every axis, smoothed as it is thinned; padding counts as air. float32."""
    grid = scan.grid.resampled(at_least(scan.grid, step_mm))
    found = resample(scan, grid, outside=-1000.0)
    return Volume(grid=grid, values_zyx=np.maximum(found.values_zyx, np.float32(-1000.0)))


def about_body(grid: Grid, body: Volume) -> Grid:
    """The part of the fixed grid that holds the body and 2 cm about it."""
    index = np.argwhere(body.values_zyx).astype(np.float64)
    corners = np.asarray([index.min(axis=0) - 0.5, index.max(axis=0) + 0.5]) if index.size else np.zeros((2, 3))
    ends = grid.to_index_zyx(body.grid.to_point_xyz_mm(corners))
    pad = _MARGIN_MM / np.asarray(grid.spacing_zyx_mm)
    size = np.asarray(grid.shape_zyx)
    low = np.clip(np.floor(ends.min(axis=0) - pad), 0, size - 1).astype(int)
    high = np.clip(np.ceil(ends.max(axis=0) + pad) + 1, low + 1, size).astype(int)
    first, count = [int(v) for v in low], [int(v) for v in high - low]
    shape: Shape = (count[0], count[1], count[2])
    return grid.cropped((first[0], first[1], first[2]), shape)


def at_least(grid: Grid, step_mm: float) -> Triple:
    """The grid's spacing, each axis no finer than `step_mm`."""
    z, y, x = (max(step, step_mm) for step in grid.spacing_zyx_mm)
    return (z, y, x)


def has_padding(scan: Volume) -> bool:
    """True where part of the scan holds no measurement."""
    return bool((np.asarray(scan.values_zyx) < PADDING_HU).any())


def _opened(tissue: NDArray[np.bool_], spacing: Triple) -> NDArray[np.bool_]:
    """Without shells of up to 6 mm; the scan's border does not count as an edge of the patient."""
    ball = _ball(spacing, _SHELL_MM / 2)
    reach = max(ball.shape) // 2 + 1
    padded = np.pad(tissue, reach, mode="edge")
    opened = ndimage.binary_opening(padded, ball)
    inner = slice(reach, -reach)
    return np.asarray(opened[inner, inner, inner])


def _filled(body: NDArray[np.bool_], axis: int) -> NDArray[np.bool_]:
    """Cavities that are closed within a plane across the axis, such as lungs and airways."""
    planes = np.moveaxis(body, axis, 0)
    filled = np.stack([ndimage.binary_fill_holes(plane) for plane in planes])
    return np.moveaxis(filled, 0, axis)


def _ball(spacing: Triple, radius_mm: float) -> NDArray[np.bool_]:
    reach = [max(1, int(np.ceil(radius_mm / step - 1e-6))) for step in spacing]
    axes = [np.arange(-n, n + 1) * step for n, step in zip(reach, spacing, strict=True)]
    z, y, x = np.meshgrid(*axes, indexing="ij")
    return np.asarray(z**2 + y**2 + x**2 <= max(radius_mm, *spacing) ** 2 + 1e-6)
