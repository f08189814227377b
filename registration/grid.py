"""Where voxels sit in the patient.

Two coordinate systems, told apart by name and never mixed:
    index_zyx      array order (slice, row, column), zero-based
    point_xyz_mm   DICOM patient coordinates, LPS, millimetres
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from registration.errors import GridError

Triple = tuple[float, float, float]
Shape = tuple[int, int, int]
Coordinates = NDArray[np.float64]

_UNIT_TOLERANCE = 1e-3
_EDGE_SLACK = 1e-6
_INDEX_DECIMALS = 9
"""An index of -1e-16 counts as outside for scipy and would turn a border to air."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """A regular lattice of voxel centres in one frame of reference.

    `axes_xyz` holds the LPS unit vector of each array axis, in z, y, x order: first the direction
    from slice to slice, then from row to row, then from column to column. `origin_xyz_mm` is the
    centre of voxel (0, 0, 0).

    Raises:
        GridError: sizes or spacings that are not positive, axes that are not orthonormal, or numbers
            that are not finite.
    """

    shape_zyx: Shape
    spacing_zyx_mm: Triple
    origin_xyz_mm: Triple
    axes_xyz: tuple[Triple, Triple, Triple]
    frame_of_reference_uid: str

    def __post_init__(self) -> None:
        if len(self.shape_zyx) != 3 or any(size < 1 for size in self.shape_zyx):
            raise GridError(f"shape must be three positive sizes, found {self.shape_zyx}")
        if not all(math.isfinite(step) and step > 0 for step in self.spacing_zyx_mm):
            raise GridError(f"spacing must be positive millimetres, found {self.spacing_zyx_mm}")
        if not all(math.isfinite(value) for value in self.origin_xyz_mm):
            raise GridError(f"origin must be finite, found {self.origin_xyz_mm}")
        axes = np.asarray(self.axes_xyz, dtype=np.float64)
        if axes.shape != (3, 3) or not np.isfinite(axes).all():
            raise GridError(f"axes must be three vectors, found {self.axes_xyz}")
        if not np.allclose(axes @ axes.T, np.eye(3), atol=_UNIT_TOLERANCE):
            raise GridError(f"axes must be orthonormal, found {self.axes_xyz}")

    @property
    def index_to_point(self) -> NDArray[np.float64]:
        """(3, 3) matrix from index steps (z, y, x) to millimetres (x, y, z)."""
        axes = np.asarray(self.axes_xyz, dtype=np.float64)
        matrix: NDArray[np.float64] = (axes * np.asarray(self.spacing_zyx_mm)[:, None]).T
        return matrix

    @property
    def voxel_volume_mm3(self) -> float:
        """Volume of one voxel."""
        return float(np.prod(self.spacing_zyx_mm))

    @property
    def handedness(self) -> int:
        """+1 where slice direction equals row direction x column direction (DICOM's normal), else -1."""
        z_axis, y_axis, x_axis = np.asarray(self.axes_xyz, dtype=np.float64)
        return 1 if float(np.dot(np.cross(x_axis, y_axis), z_axis)) > 0 else -1

    def to_point_xyz_mm(self, index_zyx: Coordinates) -> Coordinates:
        """Patient position of each voxel index, whole or fractional; (..., 3) to (..., 3)."""
        index = np.asarray(index_zyx, dtype=np.float64)
        points: Coordinates = index @ self.index_to_point.T + np.asarray(self.origin_xyz_mm)
        return points

    def to_index_zyx(self, point_xyz_mm: Coordinates) -> Coordinates:
        """Fractional voxel index of each patient position; (..., 3) to (..., 3)."""
        offset = np.asarray(point_xyz_mm, dtype=np.float64) - np.asarray(self.origin_xyz_mm)
        index: Coordinates = np.round(offset @ np.linalg.inv(self.index_to_point).T, _INDEX_DECIMALS)
        return index

    def cropped(self, lower_zyx: Shape, shape_zyx: Shape) -> Grid:
        """The part that starts at voxel `lower_zyx`; may reach beyond this grid, or start before it."""
        origin = self.to_point_xyz_mm(np.asarray(lower_zyx, dtype=np.float64))
        return self._with(shape_zyx, self.spacing_zyx_mm, origin)

    def resampled(self, spacing_zyx_mm: Triple) -> Grid:
        """A grid of another spacing that fills the same box, voxel edges included, rounded up to whole voxels."""
        extent = [n * s for n, s in zip(self.shape_zyx, self.spacing_zyx_mm, strict=True)]
        shape = tuple(max(1, math.ceil(e / s - 1e-6)) for e, s in zip(extent, spacing_zyx_mm, strict=True))
        first_zyx = [
            ((e - (n - 1) * s) / 2 - old / 2) / old
            for e, n, s, old in zip(extent, shape, spacing_zyx_mm, self.spacing_zyx_mm, strict=True)
        ]
        origin = self.to_point_xyz_mm(np.asarray(first_zyx))
        return self._with((shape[0], shape[1], shape[2]), spacing_zyx_mm, origin)

    def on_lattice(self, spacing_zyx_mm: Triple) -> Grid:
        """A grid of another spacing that covers the same box and lies the same way however the box was cut.

        Along each axis its voxel centres lie at whole multiples of the spacing from the frame of reference's origin, so
        two samplings of one patient along the same axes are taken to the same points.
        """
        axes = np.asarray(self.axes_xyz, dtype=np.float64)
        centres = axes @ np.asarray(self.origin_xyz_mm)
        first, count = [], []
        for centre, n, old, step in zip(centres, self.shape_zyx, self.spacing_zyx_mm, spacing_zyx_mm, strict=True):
            low, high = (float(centre) - old / 2) / step, (float(centre) + (n - 0.5) * old) / step
            first.append(math.ceil(low - 0.5 - _EDGE_SLACK))
            count.append(max(1, math.floor(high + 0.5 + _EDGE_SLACK) - first[-1] + 1))
        origin = np.asarray(first) * np.asarray(spacing_zyx_mm) @ np.linalg.inv(axes).T
        return self._with((count[0], count[1], count[2]), spacing_zyx_mm, origin)

    def _with(self, shape_zyx: Shape, spacing_zyx_mm: Triple, origin_xyz_mm: Coordinates) -> Grid:
        """Other voxels along the same axes in the same frame."""
        x, y, z = (float(value) for value in origin_xyz_mm)
        return replace(self, shape_zyx=shape_zyx, spacing_zyx_mm=spacing_zyx_mm, origin_xyz_mm=(x, y, z))
