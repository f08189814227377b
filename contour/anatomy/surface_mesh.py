"""A structure's surface as triangles in patient coordinates, closed and smooth enough to look at.

Surface nets: each cube of eight voxel centres that the boundary passes through gets one point, and each pair of
neighbouring voxels on two sides of the boundary joins the points of the four cubes around it. The points are then
relaxed within their cubes, so that steps between slices do not show and the surface stays within half a voxel.

References: Gibson 1998, doi:10.1007/BFb0056277; Taubin 1995, doi:10.1109/ICCV.1995.466848.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from contour.anatomy.structures import Structure
from registration.grid import Grid, Shape

_MOST_VOXELS = 6_000_000
"""A larger crop is looked at coarser: a body's surface needs no half millimetre."""
_ROUNDS = 6
_SHRINK, _GROW = 0.5, -0.53
"""Taubin's two steps, which together keep the volume."""

Fields = NDArray[np.float32]
Indices = NDArray[np.int64]
Points = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class SurfaceMesh:
    """Triangles whose corners run counter-clockwise seen from outside.

    Args:
        points_xyz_mm: (n, 3) float32.
        triangles: (m, 3) uint32 places in `points_xyz_mm`.
    """

    points_xyz_mm: NDArray[np.float32]
    triangles: NDArray[np.uint32]

    @property
    def volume_ml(self) -> float:
        """What the surface encloses, by the divergence theorem."""
        points = self.points_xyz_mm.astype(np.float64)
        points -= points.mean(axis=0) if points.size else 0.0
        a, b, c = (points[self.triangles[:, corner]] for corner in range(3))
        return float(np.einsum("ij,ij->", a, np.cross(b, c))) / 6000.0

    def to_bytes(self) -> bytes:
        """Two uint32 counts (points, triangles), the points, the triangles; little endian."""
        counts = np.array([self.points_xyz_mm.shape[0], self.triangles.shape[0]], dtype="<u4")
        return counts.tobytes() + self.points_xyz_mm.astype("<f4").tobytes() + self.triangles.astype("<u4").tobytes()


def surface_mesh(structure: Structure) -> SurfaceMesh:
    """The surface of a structure; without points where it is empty.

    It runs along the membership's half where there is one, else half-way between voxel centres.
    """
    field, grid = _field(structure)
    quads, cells, sums, counts = _net(field)
    if not cells.size:
        return SurfaceMesh(points_xyz_mm=np.zeros((0, 3), np.float32), triangles=np.zeros((0, 3), np.uint32))
    shape = np.asarray(field.shape) - 1
    centres = np.asarray(np.unravel_index(cells, tuple(shape)), dtype=np.float64).T + 0.5
    index = _relaxed(sums / counts[:, None], centres, quads, np.asarray(grid.spacing_zyx_mm, dtype=np.float64)) - 1.0
    points = grid.to_point_xyz_mm(index)
    outward = quads if np.linalg.det(grid.index_to_point) > 0 else quads[:, ::-1]
    triangles = np.concatenate([outward[:, [0, 1, 2]], outward[:, [0, 2, 3]]])
    return SurfaceMesh(points_xyz_mm=points.astype(np.float32), triangles=triangles.astype(np.uint32))


def _field(structure: Structure) -> tuple[Fields, Grid]:
    """Membership 0 to 1 with one empty voxel all round, and the grid of what is within that rim."""
    level = structure.membership_zyx
    crop = structure.mask_zyx.astype(np.float32) if level is None else level.astype(np.float32) / np.float32(255)
    grid = structure.grid.cropped(structure.lower_zyx, _shape(crop))
    if crop.size > _MOST_VOXELS:
        crop, grid = _coarser(crop, grid)
    return np.pad(crop, 1), grid


def _coarser(crop: Fields, grid: Grid) -> tuple[Fields, Grid]:
    """Means over squares of voxels in each slice, as small as the limit allows."""
    factor = int(np.ceil(np.sqrt(crop.size / _MOST_VOXELS)))
    slices, rows, columns = crop.shape
    padded = np.pad(crop, ((0, 0), (0, -rows % factor), (0, -columns % factor)))
    means = padded.reshape(slices, -(-rows // factor), factor, -(-columns // factor), factor).mean(axis=(2, 4))
    start = grid.to_point_xyz_mm(np.array([0.0, (factor - 1) / 2, (factor - 1) / 2]))
    step_z, step_y, step_x = grid.spacing_zyx_mm
    return means.astype(np.float32), Grid(
        shape_zyx=_shape(means),
        spacing_zyx_mm=(step_z, step_y * factor, step_x * factor),
        origin_xyz_mm=(float(start[0]), float(start[1]), float(start[2])),
        axes_xyz=grid.axes_xyz,
        frame_of_reference_uid=grid.frame_of_reference_uid,
    )


def _net(field: Fields) -> tuple[Indices, Indices, Points, Points]:
    """(m, 4) corners of each quad; flat index of each cube that has a point; sum and count of its crossings."""
    inside = field >= 0.5
    cubes = np.asarray(field.shape) - 1
    rings: list[Indices] = []
    crossings: list[Points] = []
    for axis in range(3):
        low = tuple(slice(None, -1) if a == axis else slice(None) for a in range(3))
        high = tuple(slice(1, None) if a == axis else slice(None) for a in range(3))
        at = np.argwhere(inside[low] != inside[high])
        step = np.eye(3, dtype=np.int64)[axis]
        first, second = field[tuple(at.T)].astype(np.float64), field[tuple((at + step).T)].astype(np.float64)
        crossings.append(at + step * ((0.5 - first) / (second - first))[:, None])
        b, c = np.eye(3, dtype=np.int64)[(axis + 1) % 3], np.eye(3, dtype=np.int64)[(axis + 2) % 3]
        ring = np.stack([at - b - c, at - c, at, at - b], axis=1) @ _strides(cubes)
        leaves = first >= 0.5
        rings.append(np.where(leaves[:, None], ring, ring[:, ::-1]))
    quads, points = np.concatenate(rings), np.concatenate(crossings)
    found, inverse = np.unique(quads, return_inverse=True)
    cells, corner = np.asarray(found, dtype=np.int64), np.asarray(inverse, dtype=np.int64).reshape(-1, 4)
    weight = np.repeat(points, 4, axis=0)
    sums = np.zeros((cells.size, 3))
    for a in range(3):
        sums[:, a] = np.bincount(corner.ravel(), weight[:, a], minlength=cells.size)
    return corner, cells, sums, np.bincount(corner.ravel(), minlength=cells.size).astype(np.float64)


def _relaxed(start: Points, centres: Points, quads: Indices, spacing_mm: Points) -> Points:
    """Each point moved towards the mean of its neighbours and back out, never out of its cube."""
    count = start.shape[0]
    one = np.concatenate([quads[:, n] for n in range(4)])
    other = np.concatenate([quads[:, (n + 1) % 4] for n in range(4)])
    neighbours = np.bincount(one, minlength=count) + np.bincount(other, minlength=count)
    low, high = (centres - 0.5) * spacing_mm, (centres + 0.5) * spacing_mm
    points = start * spacing_mm
    for share in (_SHRINK, _GROW) * _ROUNDS:
        total = np.zeros_like(points)
        for a in range(3):
            total[:, a] += np.bincount(one, points[other, a], minlength=count)
            total[:, a] += np.bincount(other, points[one, a], minlength=count)
        points = np.clip(points + share * (total / neighbours[:, None] - points), low, high)
    return points / spacing_mm


def _strides(shape: NDArray[np.int64]) -> Indices:
    return np.array([shape[1] * shape[2], shape[2], 1], dtype=np.int64)


def _shape(array: NDArray[np.float32]) -> Shape:
    slices, rows, columns = array.shape
    return slices, rows, columns
