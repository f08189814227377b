"""A structure as a solid in the plan's frame: volume, centroid and surface, below the size of its voxels.

The structure's signed distance (`carry.signed_distance`) is sampled on a cubic lattice along its own axes, fine enough
that some tens of thousands of points lie inside whatever the structure's size. Points inside are counted for volume
and centroid; the surface has an element in each cell between points of which some lie inside, with the area of marching
cubes, moved along the gradient onto the zero of the distance. A structure of the day is told in the plan's frame by
taking its points through the rigid part of the alignment, so nothing is resampled twice.

References: Nikolov et al., doi:10.2196/26151 (surface elements).
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from contour.adaptation.carry import signed_distance
from contour.anatomy.structures import Structure
from contour.anatomy.surface_elements import surface_elements
from registration.grid import Coordinates, Grid, Triple
from registration.resample import clamped_weights
from registration.transform import RigidTransform
from registration.volume import Volume
from registration.warp import sample

_POINTS_INSIDE = 60_000
_FINEST_MM, _COARSEST_MM = 0.25, 2.5
_MOST_VOXELS = 1_500_000
_MOST_POINTS = 4_000_000
_MOST_ELEMENTS = 120_000
_OUTSIDE_MM = -12.0
_INSIDE = 128
_FAR_REACHES = 3.0

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What both scans show, in the plan's frame.

    Args:
        plan: The plan CT's grid.
        day: The daily scan's grid.
        daily_to_plan: The rigid part of the alignment.
    """

    plan: Grid
    day: Grid
    daily_to_plan: RigidTransform

    def shown_by_plan(self, points_xyz_mm: Coordinates, *, within_mm: float = 0.0) -> NDArray[np.bool_]:
        """True where a point of the plan's frame lies at least `within_mm` inside the plan CT; (n, 3) to (n,)."""
        return _inside(self.plan, points_xyz_mm, within_mm)

    def shown_by_day(self, points_xyz_mm: Coordinates, *, within_mm: float = 0.0) -> NDArray[np.bool_]:
        """The same of the daily scan, with set-up put right."""
        return _inside(self.day, self.daily_to_plan.inverse().apply(points_xyz_mm), within_mm)

    def shown(self, points_xyz_mm: Coordinates, *, within_mm: float = 0.0) -> NDArray[np.bool_]:
        """True where both show it."""
        both: NDArray[np.bool_] = self.shown_by_plan(points_xyz_mm, within_mm=within_mm) & self.shown_by_day(
            points_xyz_mm, within_mm=within_mm
        )
        return both


@dataclass(frozen=True, slots=True, kw_only=True)
class Surface:
    """Elements of a surface in the plan's frame.

    Args:
        points_xyz_mm: (n, 3).
        outward_xyz: (n, 3) unit normals.
        areas_mm2: (n,).
        reach_mm: How far the nearest element can be from a point of the surface.
    """

    points_xyz_mm: Floats
    outward_xyz: Floats
    areas_mm2: Floats
    reach_mm: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Solid:
    """A structure in the plan's frame.

    Args:
        name: The structure's.
        depth: Signed distance in the structure's own frame, positive inside.
        own_to_plan: Takes the structure's own frame to the plan's; the identity for the plan's structures.
        inside_xyz_mm: (n, 3) lattice points inside, in the plan's frame; all stand for the same volume.
        point_ml: That volume.
        surface: Its surface in the plan's frame.
    """

    name: str
    depth: Volume
    own_to_plan: RigidTransform
    inside_xyz_mm: Floats
    point_ml: float
    surface: Surface

    @property
    def is_empty(self) -> bool:
        """True where no point lies inside."""
        return not self.inside_xyz_mm.size

    @property
    def volume_ml(self) -> float:
        """Volume of the solid."""
        return float(self.inside_xyz_mm.shape[0]) * self.point_ml

    @property
    def centroid_xyz_mm(self) -> Triple | None:
        """Centre of the volume in the plan's frame; None of an empty solid."""
        if self.is_empty:
            return None
        x, y, z = (float(value) for value in self.inside_xyz_mm.mean(axis=0))
        return (x, y, z)

    def holds(self, points_xyz_mm: Coordinates) -> NDArray[np.bool_]:
        """True for points of the plan's frame that lie inside; (n, 3) to (n,)."""
        own = self.own_to_plan.inverse().apply(points_xyz_mm)
        found: NDArray[np.bool_] = sample(self.depth, own, outside=_OUTSIDE_MM) > 0
        return found

    def height_of(self, points_xyz_mm: Coordinates) -> Floats:
        """Distance of points of the plan's frame from the surface, negative inside; (n, 3) to (n,).

        Near the surface its elements are small planes, across which the distance counts. Infinite without a surface.
        """
        if not self.surface.areas_mm2.size:
            return np.full(points_xyz_mm.shape[0], np.inf)
        away_mm, nearest = cKDTree(self.surface.points_xyz_mm).query(points_xyz_mm)
        across = np.einsum(
            "ij,ij->i", points_xyz_mm - self.surface.points_xyz_mm[nearest], self.surface.outward_xyz[nearest]
        )
        far = away_mm > _FAR_REACHES * self.surface.reach_mm
        sign = np.where(self.holds(points_xyz_mm), -1.0, 1.0)
        along = np.sqrt(np.maximum(away_mm**2 - across**2, 0.0))
        near = np.hypot(across, np.maximum(along - self.surface.reach_mm, 0.0)) * np.where(across < 0, -1.0, 1.0)
        height: Floats = np.where(far, sign * away_mm, near)
        return height

    def shown_in(self, view: View, *, within_mm: float) -> Solid:
        """The part that both scans show; where a scan's end cuts it there is no surface."""
        kept = view.shown(self.inside_xyz_mm)
        on_surface = view.shown(self.surface.points_xyz_mm, within_mm=within_mm)
        return Solid(
            name=self.name,
            depth=self.depth,
            own_to_plan=self.own_to_plan,
            inside_xyz_mm=self.inside_xyz_mm[kept],
            point_ml=self.point_ml,
            surface=Surface(
                points_xyz_mm=self.surface.points_xyz_mm[on_surface],
                outward_xyz=self.surface.outward_xyz[on_surface],
                areas_mm2=self.surface.areas_mm2[on_surface],
                reach_mm=self.surface.reach_mm,
            ),
        )


def solid_of(structure: Structure, own_to_plan: RigidTransform | None = None) -> Solid:
    """The solid of a structure of the plan, or of the day with the rigid part of its alignment to the plan."""
    to_plan = own_to_plan or RigidTransform()
    depth = signed_distance(_thinned(structure))
    lattice = _lattice(structure)
    on_lattice = _between(depth, lattice)
    inside = lattice.to_point_xyz_mm(np.argwhere(on_lattice > 0).astype(np.float64))
    points_xyz_mm, outward_xyz, areas_mm2 = _elements(on_lattice, lattice)
    every = -(-areas_mm2.size // _MOST_ELEMENTS) or 1
    return Solid(
        name=structure.name,
        depth=depth,
        own_to_plan=to_plan,
        inside_xyz_mm=to_plan.apply(inside),
        point_ml=lattice.voxel_volume_mm3 / 1000.0,
        surface=Surface(
            points_xyz_mm=to_plan.apply(points_xyz_mm[::every]),
            outward_xyz=outward_xyz[::every] @ np.asarray(to_plan.rotation).T,
            areas_mm2=areas_mm2[::every],
            reach_mm=lattice.spacing_zyx_mm[0] * float(np.sqrt(every)),
        ),
    )


def _lattice(structure: Structure) -> Grid:
    """Cubic, over the box of the structure, as fine as its volume asks for and the box's size allows."""
    box = _around(structure)
    box_mm3 = math.prod(box.shape_zyx) * box.voxel_volume_mm3
    for_volume = float(np.clip(np.cbrt(structure.volume_ml * 1000.0 / _POINTS_INSIDE), _FINEST_MM, _COARSEST_MM))
    step_mm = max(for_volume, float(np.cbrt(box_mm3 / _MOST_POINTS)))
    return box.resampled((step_mm, step_mm, step_mm))


def _between(depth: Volume, lattice: Grid) -> NDArray[np.float32]:
    """Linear between the voxels of the distance, on a lattice with the same axes; as at its border beyond it."""
    z, y, x = clamped_weights(depth.grid, lattice)
    on_z = np.tensordot(z, depth.values_zyx, axes=(1, 0))
    on_zy = np.tensordot(on_z, y, axes=(1, 1))  # (z, X, y)
    return np.asarray(np.tensordot(on_zy, x, axes=(1, 1)), dtype=np.float32)


def _thinned(structure: Structure) -> Structure:
    """A large structure with fewer, wider voxels in its slices, of which mean membership keeps the outline."""
    every = math.ceil(math.sqrt(structure.mask_zyx.size / _MOST_VOXELS))
    if every == 1:
        return structure
    z, y, x = structure.mask_zyx.shape
    rows, columns = -(-y // every), -(-x // every)
    level = structure.membership_zyx
    if level is None:
        level = structure.mask_zyx.view(np.uint8) * np.uint8(255)
    level = np.pad(level, ((0, 0), (0, rows * every - y), (0, columns * every - x)))
    mean = level.reshape(z, rows, every, columns, every).mean(axis=(2, 4), dtype=np.float32)
    membership = np.rint(mean).astype(np.uint8)
    to_middle = np.array([0.0, (every - 1) / 2, (every - 1) / 2])
    low = structure.grid.to_point_xyz_mm(np.asarray(structure.lower_zyx) + to_middle)
    step_z, step_y, step_x = structure.grid.spacing_zyx_mm
    grid = replace(
        structure.grid,
        shape_zyx=(z, rows, columns),
        spacing_zyx_mm=(step_z, step_y * every, step_x * every),
        origin_xyz_mm=(float(low[0]), float(low[1]), float(low[2])),
    )
    return replace(structure, grid=grid, lower_zyx=(0, 0, 0), mask_zyx=membership >= _INSIDE, membership_zyx=membership)


def _around(structure: Structure) -> Grid:
    """The box that holds the structure's outline, one voxel wider to each side."""
    low = [int(value) - 1 for value in structure.lower_zyx]
    size = [int(value) + 2 for value in structure.mask_zyx.shape]
    return structure.grid.cropped((low[0], low[1], low[2]), (size[0], size[1], size[2]))


def _elements(depth: NDArray[np.float32], lattice: Grid) -> tuple[Floats, Floats, Floats]:
    """Points, outward normals and areas of the surface in the cells between a lattice's points."""
    areas = surface_elements(depth > 0, lattice.spacing_zyx_mm)[1:-1, 1:-1, 1:-1]
    cells = np.argwhere(areas > 0)
    if not cells.size:
        return np.empty((0, 3)), np.empty((0, 3)), np.empty(0)
    corners = np.stack(
        [depth[tuple((cells + offset).T)] for offset in itertools.product((0, 1), repeat=3)], axis=-1
    ).reshape(-1, 2, 2, 2)
    step_mm = np.asarray(lattice.spacing_zyx_mm)
    along = [np.diff(corners, axis=axis).reshape(-1, 4).mean(axis=1) for axis in (1, 2, 3)]
    slope = np.stack(along, axis=-1) / step_mm
    squared = np.maximum(np.einsum("ij,ij->i", slope, slope), 1e-6)
    move = -slope * (corners.reshape(-1, 8).mean(axis=1) / squared)[:, None]
    move = np.clip(move, -step_mm, step_mm)
    points = lattice.to_point_xyz_mm(cells + 0.5 + move / step_mm)
    outward = -(slope / np.sqrt(squared)[:, None]) @ np.asarray(lattice.axes_xyz)
    return points, outward, areas[tuple(cells.T)]


def _inside(grid: Grid, points_xyz_mm: Coordinates, within_mm: float) -> NDArray[np.bool_]:
    index = grid.to_index_zyx(points_xyz_mm)
    slack = within_mm / np.asarray(grid.spacing_zyx_mm)
    last = np.asarray(grid.shape_zyx) - 0.5
    return np.asarray(((index >= -0.5 + slack) & (index <= last - slack)).all(axis=-1))
