"""Transforms as functions of points, in patient coordinates and millimetres.

A transform takes points of the fixed frame (the daily scan) to the moving frame (the plan), because sampling pulls:
`moving(transform(x))` is to look like `fixed(x)`. It is named by its direction, `daily_to_plan`.

    RigidTransform      x -> R x + t
    DisplacementField   x -> x + u(x), both in the fixed frame
    Alignment           x -> rigid(x + u(x)): first the deformation, in the fixed frame, then the rigid part

The last is what DICOM's Deformable Spatial Registration stores with an identity pre-deformation matrix, the offsets
`u` and the rigid part as post-deformation matrix (PS3.3 C.20.3). What `u` holds is therefore what is left once set-up
is put right, in millimetres of the room on the day.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates
from scipy.spatial.transform import Rotation

from registration.errors import FrameMismatchError, GridError
from registration.grid import Coordinates, Grid, Triple
from registration.resample import clamped_weights

Matrix = tuple[Triple, Triple, Triple]
Displacements = NDArray[np.float32]

_ROTATION_TOLERANCE = 1e-5
_IDENTITY: Matrix = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))


@dataclass(frozen=True, slots=True, kw_only=True)
class RigidTransform:
    """x -> rotation x + translation.

    Args:
        rotation: Rows of a proper rotation matrix that acts on (x, y, z) columns.
        translation_xyz_mm: Added after the rotation.

    Raises:
        GridError: the matrix is no rotation, or a number is not finite.
    """

    rotation: Matrix = _IDENTITY
    translation_xyz_mm: Triple = (0.0, 0.0, 0.0)

    def __post_init__(self) -> None:
        matrix = np.asarray(self.rotation, dtype=np.float64)
        if matrix.shape != (3, 3) or not np.isfinite(matrix).all():
            raise GridError("a rotation is three finite rows of three")
        if not all(math.isfinite(value) for value in self.translation_xyz_mm):
            raise GridError(f"a translation must be finite, found {self.translation_xyz_mm}")
        if not np.allclose(matrix @ matrix.T, np.eye(3), atol=_ROTATION_TOLERANCE) or np.linalg.det(matrix) < 0:
            raise GridError("a rotation must keep lengths and handedness")

    @classmethod
    def from_matrix(cls, matrix: Coordinates) -> RigidTransform:
        """From a (4, 4) homogeneous matrix.

        Raises:
            GridError: the upper left part is no rotation.
        """
        rows = [[float(v) for v in row] for row in np.asarray(matrix, dtype=np.float64)[:3]]
        (a, b, c, x), (d, e, f, y), (g, h, i, z) = rows
        return cls(rotation=((a, b, c), (d, e, f), (g, h, i)), translation_xyz_mm=(x, y, z))

    @classmethod
    def about(
        cls, centre_xyz_mm: Triple, *, turn_xyz_deg: Triple = (0.0, 0.0, 0.0), shift_xyz_mm: Triple = (0.0, 0.0, 0.0)
    ) -> RigidTransform:
        """Turns about a centre, first about the patient's x, then y, then z axis (fixed axes), and then shifts."""
        matrix = np.eye(4)
        matrix[:3, :3] = Rotation.from_euler("xyz", turn_xyz_deg, degrees=True).as_matrix()
        centre = np.asarray(centre_xyz_mm, dtype=np.float64)
        matrix[:3, 3] = centre - matrix[:3, :3] @ centre + np.asarray(shift_xyz_mm)
        return cls.from_matrix(matrix)

    @property
    def matrix(self) -> NDArray[np.float64]:
        """(4, 4) homogeneous matrix."""
        whole = np.eye(4)
        whole[:3, :3] = self.rotation
        whole[:3, 3] = self.translation_xyz_mm
        return whole

    @property
    def turn_xyz_deg(self) -> Triple:
        """Angles about the fixed x, y and z axis, turned in that order, as `about` takes them."""
        x, y, z = Rotation.from_matrix(np.asarray(self.rotation)).as_euler("xyz", degrees=True)
        return (float(x), float(y), float(z))

    def shift_at_xyz_mm(self, point_xyz_mm: Triple) -> Triple:
        """How far one point is moved: `about(point, turn, shift)` gives `shift` back."""
        x, y, z = self.apply(np.asarray(point_xyz_mm)) - np.asarray(point_xyz_mm)
        return (float(x), float(y), float(z))

    def apply(self, points_xyz_mm: Coordinates) -> Coordinates:
        """Where each point goes; (..., 3) to (..., 3)."""
        points = np.asarray(points_xyz_mm, dtype=np.float64)
        moved: Coordinates = points @ np.asarray(self.rotation).T + np.asarray(self.translation_xyz_mm)
        return moved

    def inverse(self) -> RigidTransform:
        """The way back."""
        back = np.asarray(np.linalg.inv(self.matrix), dtype=np.float64)
        return RigidTransform.from_matrix(back)

    def then(self, after: RigidTransform) -> RigidTransform:
        """First this, then the other."""
        return RigidTransform.from_matrix(after.matrix @ self.matrix)


@dataclass(frozen=True, slots=True, kw_only=True)
class DisplacementField:
    """x -> x + u(x), with u given on a lattice of nodes and linear between them; beyond the lattice as at its border.

    Args:
        grid: The nodes, in the frame in which the field acts. May be coarser than a CT.
        displacements_xyz_mm: (Z, Y, X, 3) float32, millimetres along the patient axes x, y, z.

    Raises:
        GridError: the array does not have the grid's shape, or holds what is not finite.
    """

    grid: Grid
    displacements_xyz_mm: Displacements

    def __post_init__(self) -> None:
        if self.displacements_xyz_mm.shape != (*self.grid.shape_zyx, 3):
            raise GridError(
                f"displacements of shape {self.displacements_xyz_mm.shape} on a grid of shape {self.grid.shape_zyx}"
            )
        if self.displacements_xyz_mm.dtype != np.float32 or not np.isfinite(self.displacements_xyz_mm).all():
            raise GridError("displacements must be finite float32")
        self.displacements_xyz_mm.flags.writeable = False

    def at(self, points_xyz_mm: Coordinates) -> Coordinates:
        """The displacement at each point, in millimetres; (..., 3) to (..., 3)."""
        points = np.asarray(points_xyz_mm, dtype=np.float64)
        index = self.grid.to_index_zyx(points).reshape(-1, 3).T
        found = [
            map_coordinates(self.displacements_xyz_mm[..., axis], index, order=1, mode="nearest", output=np.float64)
            for axis in range(3)
        ]
        return np.stack(found, axis=-1).reshape(points.shape)

    def apply(self, points_xyz_mm: Coordinates) -> Coordinates:
        """X + u(x); (..., 3) to (..., 3)."""
        moved: Coordinates = np.asarray(points_xyz_mm, dtype=np.float64) + self.at(points_xyz_mm)
        return moved

    def on(self, grid: Grid) -> Displacements:
        """The displacement at the voxel centres of a grid of the same frame; (Z, Y, X, 3) float32.

        Fast where the axes of both grids run the same way.

        Raises:
            FrameMismatchError: the grid belongs to another frame of reference.
        """
        if grid.frame_of_reference_uid != self.grid.frame_of_reference_uid:
            raise FrameMismatchError("a displacement field acts in its own frame of reference only")
        if np.allclose(grid.axes_xyz, self.grid.axes_xyz, atol=1e-6):
            z, y, x = clamped_weights(self.grid, grid)
            on_x = np.tensordot(self.displacements_xyz_mm, x, axes=(2, 1))  # (Z, Y, 3, x)
            on_yx = np.tensordot(on_x, y, axes=(1, 1))  # (Z, 3, x, y)
            on_zyx = np.tensordot(on_yx, z, axes=(0, 1))  # (3, x, y, z)
            return np.ascontiguousarray(on_zyx.transpose(3, 2, 1, 0), dtype=np.float32)
        shape = grid.shape_zyx
        whole = np.empty((*shape, 3), dtype=np.float32)
        plane = np.stack(np.meshgrid(np.arange(shape[1]), np.arange(shape[2]), indexing="ij"), axis=-1)
        for k in range(shape[0]):
            index = np.concatenate([np.full((*shape[1:], 1), k), plane], axis=-1).astype(np.float64)
            whole[k] = self.at(grid.to_point_xyz_mm(index))
        return whole


@dataclass(frozen=True, slots=True, kw_only=True)
class Alignment:
    """Fixed to moving: x -> rigid(x + u(x)).

    Args:
        rigid: Fixed frame to moving frame; set-up, in clinical words.
        field: In the fixed frame; what is left after set-up. None for a rigid alignment.
        fixed_frame_uid: Frame of reference of the points that go in.
        moving_frame_uid: Frame of reference of the points that come out; may be the same.
    """

    rigid: RigidTransform
    field: DisplacementField | None
    fixed_frame_uid: str
    moving_frame_uid: str

    def __post_init__(self) -> None:
        if self.field is not None and self.field.grid.frame_of_reference_uid != self.fixed_frame_uid:
            raise FrameMismatchError("the field of an alignment acts in the fixed frame of reference")

    def map_points(self, points_xyz_mm: Coordinates) -> Coordinates:
        """Where fixed points lie in the moving frame; (..., 3) to (..., 3)."""
        points = np.asarray(points_xyz_mm, dtype=np.float64)
        return self.rigid.apply(points if self.field is None else self.field.apply(points))

    def map_grid(self, grid: Grid, planes: slice) -> Coordinates:
        """Where the voxel centres of some planes of a fixed grid lie in the moving frame; (planes, Y, X, 3)."""
        part = _planes_of(grid, planes)
        index = np.moveaxis(np.indices(part.shape_zyx), 0, -1).astype(np.float64)
        points = part.to_point_xyz_mm(index)
        if self.field is not None:
            points = points + self.field.on(part)
        return self.rigid.apply(points)

    @property
    def rigid_only(self) -> Alignment:
        """The same without its deformation."""
        return Alignment(
            rigid=self.rigid,
            field=None,
            fixed_frame_uid=self.fixed_frame_uid,
            moving_frame_uid=self.moving_frame_uid,
        )


def _planes_of(grid: Grid, planes: slice) -> Grid:
    first, last, _ = planes.indices(grid.shape_zyx[0])
    return grid.cropped((first, 0, 0), (last - first, *grid.shape_zyx[1:]))
