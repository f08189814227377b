"""The plan's structures on today's anatomy.

A structure is carried as a signed distance: how far inside its boundary a point lies. That is sampled where the
alignment says each voxel of the day comes from; between the plan's slices it runs from outline to outline, where a mask
would show steps. Distances are measured between voxels half as wide as the plan's in each slice, so that a graded
membership (a contour between voxel centres) is met to a fraction of a voxel.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt, zoom

from contour.anatomy.structures import Structure, crop_to_structure
from registration.errors import FrameMismatchError
from registration.grid import Coordinates, Grid, Shape
from registration.transform import Alignment, DisplacementField
from registration.volume import Volume
from registration.warp import sample

_FAR_MM = 12.0
"""Beyond that from the boundary a distance is cut off; only its sign counts there."""
_FINE_VOXELS = 24_000_000
_SLAB_VOXELS = 1_500_000
_RAMP_VOXELS = 1.0
_HALF = 127.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Carried:
    """A structure on the day's grid, and how much of it the day's scan cannot show.

    Args:
        structure: On the day's grid; empty where nothing of it lies in the day's scan.
        out_of_view: Share of the plan's structure whose place today lies outside the day's scan, 0 to 1.
        at_plan_end: The plan's structure reaches the first or last slice of the plan CT, so it may have been cut there.
    """

    structure: Structure
    out_of_view: float
    at_plan_end: bool


def signed_distance(structure: Structure) -> Volume:
    """Millimetres to the boundary, positive inside, on a lattice that holds the structure with a margin; float32.

    Zero lies where the membership crosses a half, or half-way between voxel centres where there is none. Cut off at
    12 mm. An empty structure has -12 mm everywhere.
    """
    margin = tuple(max(2, int(np.ceil(_FAR_MM / step))) for step in structure.grid.spacing_zyx_mm)
    level = structure.membership_zyx
    if level is None:
        level = structure.mask_zyx.astype(np.uint8) * np.uint8(255)
    padded = np.pad(level, [(pad, pad) for pad in margin])
    lower = tuple(low - pad for low, pad in zip(structure.lower_zyx, margin, strict=True))
    grid = structure.grid.cropped((lower[0], lower[1], lower[2]), _shape(padded))
    if padded.size * 4 <= _FINE_VOXELS:
        fine, grid = _half_as_wide(padded, grid)
        inside = fine > _HALF
    else:
        inside = padded > _HALF
    if not inside.any():
        return Volume(grid=grid, values_zyx=np.full(grid.shape_zyx, -_FAR_MM, dtype=np.float32))
    within = distance_transform_edt(inside, sampling=grid.spacing_zyx_mm).astype(np.float32)
    beyond = distance_transform_edt(~inside, sampling=grid.spacing_zyx_mm).astype(np.float32)
    return Volume(grid=grid, values_zyx=np.clip(within - beyond, -_FAR_MM, _FAR_MM))


def carry_structure(
    plan: Structure, daily_to_plan: Alignment, onto: Grid, *, plan_to_daily: DisplacementField | None = None
) -> Carried:
    """The plan's structure on a grid of the day.

    Args:
        plan: On the plan CT's grid.
        daily_to_plan: Takes points of the day to the plan.
        onto: The day's CT.
        plan_to_daily: The way back: v in y + v(y), with y a point of the plan after the rigid part is undone. Without
            it only the rigid part is undone to tell what lies outside the day's scan.

    Raises:
        FrameMismatchError: the structure is not in the plan's frame of reference, or the grid not in the day's.
    """
    if plan.grid.frame_of_reference_uid != daily_to_plan.moving_frame_uid:
        raise FrameMismatchError("the structure to carry does not lie in the plan's frame of reference")
    if onto.frame_of_reference_uid != daily_to_plan.fixed_frame_uid:
        raise FrameMismatchError("a structure can only be carried onto a grid of the day's frame of reference")
    at_plan_end = _reaches_end(plan)
    nothing = np.zeros(onto.shape_zyx, dtype=np.bool_)
    if plan.is_empty:
        empty = replace(crop_to_structure(plan.name, onto, nothing), description=plan.description)
        return Carried(structure=empty, out_of_view=0.0, at_plan_end=at_plan_end)
    today = _points_today(plan, daily_to_plan, plan_to_daily)
    out_of_view = float(np.mean(_outside(onto, today)))
    box = _box_around(today, daily_to_plan, onto, known=plan_to_daily is not None)
    if box is None:
        empty = crop_to_structure(plan.name, onto, nothing)
        return Carried(structure=empty, out_of_view=out_of_view, at_plan_end=at_plan_end)
    lower, shape = box
    depth = _depth_today(signed_distance(plan), daily_to_plan, onto.cropped(lower, shape))
    return Carried(structure=_structure_of(plan, depth, onto, lower), out_of_view=out_of_view, at_plan_end=at_plan_end)


def _half_as_wide(level: NDArray[np.uint8], grid: Grid) -> tuple[NDArray[np.float32], Grid]:
    """The membership at twice as many rows and columns, linear between voxel centres."""
    z, y, x = level.shape
    step_z, step_y, step_x = grid.spacing_zyx_mm
    fine = zoom(level.astype(np.float32), (1, 2, 2), order=1, mode="grid-constant", grid_mode=True)
    origin = grid.to_point_xyz_mm(np.array([0.0, -0.25, -0.25]))
    return fine, Grid(
        shape_zyx=(z, 2 * y, 2 * x),
        spacing_zyx_mm=(step_z, step_y / 2, step_x / 2),
        origin_xyz_mm=(float(origin[0]), float(origin[1]), float(origin[2])),
        axes_xyz=grid.axes_xyz,
        frame_of_reference_uid=grid.frame_of_reference_uid,
    )


def _depth_today(depth: Volume, daily_to_plan: Alignment, part: Grid) -> NDArray[np.float32]:
    found = np.empty(part.shape_zyx, dtype=np.float32)
    step = max(1, _SLAB_VOXELS // (part.shape_zyx[1] * part.shape_zyx[2]))
    for first in range(0, part.shape_zyx[0], step):
        planes = slice(first, min(first + step, part.shape_zyx[0]))
        found[planes] = sample(depth, daily_to_plan.map_grid(part, planes), outside=-_FAR_MM)
    return found


def _structure_of(plan: Structure, depth: NDArray[np.float32], onto: Grid, lower: Shape) -> Structure:
    """Membership runs from 0 to 255 over one voxel in the slice, to either side of the boundary."""
    ramp_mm = _RAMP_VOXELS * float(np.mean(onto.spacing_zyx_mm[1:]))
    membership = np.clip(np.rint(_HALF + 0.5 + depth * (_HALF / ramp_mm)), 0, 255).astype(np.uint8)
    membership[(depth > 0) & (membership < 128)] = 128
    membership[(depth <= 0) & (membership >= 128)] = 127
    mask = depth > 0
    if not mask.any():
        return replace(
            crop_to_structure(plan.name, onto, np.zeros(onto.shape_zyx, dtype=np.bool_)), description=plan.description
        )
    bounds = []
    for axis in range(3):
        some = np.flatnonzero((membership > 0).any(axis=tuple(other for other in range(3) if other != axis)))
        bounds.append(slice(int(some[0]), int(some[-1]) + 1))
    z, y, x = bounds
    return replace(
        plan,
        grid=onto,
        lower_zyx=(lower[0] + z.start, lower[1] + y.start, lower[2] + x.start),
        mask_zyx=np.array(mask[z, y, x]),
        membership_zyx=np.array(membership[z, y, x]),
        generation="AUTOMATIC",
        removals=(),
    )


def _points_today(plan: Structure, daily_to_plan: Alignment, back: DisplacementField | None) -> Coordinates:
    """Where the plan's voxels of the structure lie today, as far as the way back is known."""
    index = np.argwhere(plan.mask_zyx) + np.asarray(plan.lower_zyx)
    if index.shape[0] > 40_000:
        index = index[:: index.shape[0] // 20_000]
    undone = daily_to_plan.rigid.inverse().apply(plan.grid.to_point_xyz_mm(index.astype(np.float64)))
    return undone if back is None else back.apply(undone)


def _outside(grid: Grid, points: Coordinates) -> NDArray[np.bool_]:
    index = grid.to_index_zyx(points)
    away = (index < -0.5) | (index > np.asarray(grid.shape_zyx) - 0.5)
    return np.asarray(away.any(axis=1))


def _box_around(
    points: Coordinates, daily_to_plan: Alignment, onto: Grid, *, known: bool
) -> tuple[Shape, Shape] | None:
    """First voxel and shape of the box of the day's grid that can hold the structure; None where there is none."""
    slack_mm = _FAR_MM
    if not known and daily_to_plan.field is not None:
        slack_mm += float(np.abs(daily_to_plan.field.displacements_xyz_mm).max()) * np.sqrt(3.0)
    index = onto.to_index_zyx(points)
    pad = slack_mm / np.asarray(onto.spacing_zyx_mm)
    size = np.asarray(onto.shape_zyx)
    low = np.clip(np.floor(index.min(axis=0) - pad), 0, size).astype(int)
    high = np.clip(np.ceil(index.max(axis=0) + pad) + 1, 0, size).astype(int)
    if (high <= low).any():
        return None
    first, count = [int(v) for v in low], [int(v) for v in high - low]
    return (first[0], first[1], first[2]), (count[0], count[1], count[2])


def _reaches_end(structure: Structure) -> bool:
    filled = np.flatnonzero(structure.mask_zyx.any(axis=(1, 2))) + structure.lower_zyx[0]
    return bool(filled.size) and bool(filled[0] == 0 or filled[-1] == structure.grid.shape_zyx[0] - 1)


def _shape(values: NDArray[np.generic]) -> Shape:
    z, y, x = values.shape
    return (z, y, x)
