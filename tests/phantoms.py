"""Patients and bodies for tests: none cubic, none at the origin, none the same from left to right or head to feet."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from contour.anatomy.structures import Structure, crop_to_structure
from contour.phantom import Phantom, PhantomSettings, head_and_neck_phantom
from contour.phantom.settings import turned_by
from registration import Grid, Volume

DEFAULT_SEED = 1
FRAME_OF_REFERENCE_UID = "2.25.20260001"

COARSE = PhantomSettings(shape_zyx=(60, 128, 112), spacing_zyx_mm=(5.0, 3.9, 4.4))
"""A whole patient in half a second: anisotropic, and with more rows than columns."""

OBLIQUE = PhantomSettings(shape_zyx=(64, 128, 112), spacing_zyx_mm=(5.0, 3.9, 4.4), tilt_xyz_deg=(7.0, -4.0, 11.0))
FEET_FIRST = PhantomSettings(shape_zyx=(60, 128, 112), spacing_zyx_mm=(5.0, 3.9, 4.4), patient_position="FFS")


@lru_cache(maxsize=4)
def patient(settings: PhantomSettings = COARSE, seed: int = DEFAULT_SEED) -> Phantom:
    """A synthetic patient, made once per test run for each scan and seed among the last few."""
    return head_and_neck_phantom(seed, settings)


def small_grid(
    shape_zyx: tuple[int, int, int] = (24, 40, 32),
    spacing_zyx_mm: tuple[float, float, float] = (3.0, 0.9, 1.2),
    *,
    origin_xyz_mm: tuple[float, float, float] = (-21.5, -140.25, 37.0),
    tilt_xyz_deg: tuple[float, float, float] = (0.0, 0.0, 0.0),
    frame_of_reference_uid: str = FRAME_OF_REFERENCE_UID,
) -> Grid:
    """A small anisotropic grid away from the origin, oblique where a tilt is given."""
    z_axis, y_axis, x_axis = ((float(v[0]), float(v[1]), float(v[2])) for v in turned_by(tilt_xyz_deg).T[::-1])
    return Grid(
        shape_zyx=shape_zyx,
        spacing_zyx_mm=spacing_zyx_mm,
        origin_xyz_mm=origin_xyz_mm,
        axes_xyz=(z_axis, y_axis, x_axis),
        frame_of_reference_uid=frame_of_reference_uid,
    )


def centre_xyz_mm(grid: Grid) -> NDArray[np.float64]:
    """The middle of the grid, in patient coordinates."""
    return grid.to_point_xyz_mm((np.asarray(grid.shape_zyx) - 1) / 2)


def voxel_points_xyz_mm(grid: Grid) -> NDArray[np.float64]:
    """(Z, Y, X, 3) positions of all voxel centres."""
    return grid.to_point_xyz_mm(np.moveaxis(np.indices(grid.shape_zyx), 0, -1))


def ball(grid: Grid, radius_mm: float, *, offset_xyz_mm: tuple[float, float, float] = (0.0, 0.0, 0.0)) -> Structure:
    """The voxels whose centres lie within `radius_mm` of a point near the grid's middle."""
    distance = np.linalg.norm(voxel_points_xyz_mm(grid) - centre_xyz_mm(grid) - np.asarray(offset_xyz_mm), axis=-1)
    return crop_to_structure("Ball", grid, distance <= radius_mm)


def shell(grid: Grid, outer_mm: float, inner_mm: float) -> Structure:
    """A ball with a ball-shaped cavity that lies off its centre: every middle slice has a hole."""
    outer = ball(grid, outer_mm).full_mask_zyx()
    inner = ball(grid, inner_mm, offset_xyz_mm=(0.2 * outer_mm, -0.1 * outer_mm, 0.0)).full_mask_zyx()
    return crop_to_structure("Shell", grid, outer & ~inner)


def ramp(grid: Grid) -> Volume:
    """HU that rise along all three patient axes at different rates, so that every flip and every shift shows."""
    points = voxel_points_xyz_mm(grid) - centre_xyz_mm(grid)
    values = np.rint(points @ np.asarray((3.0, 5.0, 7.0))).clip(-1024, 3071)
    return Volume(grid=grid, values_zyx=values.astype(np.int16))
