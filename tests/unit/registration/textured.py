"""Scans with enough structure to be registered, and known ways to deform them; none cubic, none at the origin."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from registration import Grid, Volume
from registration.grid import Coordinates
from registration.warp import sample
from tests.phantoms import small_grid, voxel_points_xyz_mm

FIXED_FRAME, MOVING_FRAME = "2.25.20260011", "2.25.20260012"
CENTRE_XYZ_MM = np.array([12.0, -95.0, 160.0])
HALF_AXES_MM = np.array([88.0, 66.0, 105.0])


def plan_grid(tilt_xyz_deg: tuple[float, float, float] = (0.0, 0.0, 0.0)) -> Grid:
    """A moving grid about the body, oblique where a tilt is given."""
    return _around(CENTRE_XYZ_MM, (76, 84, 92), (3.0, 2.3, 2.6), tilt_xyz_deg, MOVING_FRAME)


def daily_grid(
    shift_xyz_mm: tuple[float, float, float] = (0.0, 0.0, 0.0),
    tilt_xyz_deg: tuple[float, float, float] = (0.0, 0.0, 0.0),
    shape_zyx: tuple[int, int, int] = (90, 80, 96),
) -> Grid:
    """A fixed grid about the body's place on the day."""
    return _around(CENTRE_XYZ_MM + np.asarray(shift_xyz_mm), shape_zyx, (2.5, 2.5, 2.5), tilt_xyz_deg, FIXED_FRAME)


def body_scan(grid: Grid, *, seed: int = 3) -> Volume:
    """An ellipsoid of organs: soft tissue in blobs of several sizes, an asymmetric spine of bone, air around."""
    points = voxel_points_xyz_mm(grid)
    away = (points - CENTRE_XYZ_MM) / HALF_AXES_MM
    inside = (away**2).sum(axis=-1) < 1.0
    values = np.full(grid.shape_zyx, -1000.0)
    values[inside] = _tissue(points[inside], seed)
    spine = np.hypot(points[..., 0] - CENTRE_XYZ_MM[0] - 8.0, points[..., 1] - CENTRE_XYZ_MM[1] - 34.0) < 13.0
    rings = np.sin(points[..., 2] / 4.0) > -0.3
    values[inside & spine & rings] = 550.0
    rib = np.abs(np.linalg.norm(away + np.array([0.1, 0.0, 0.0]), axis=-1) - 0.85) < 0.04
    values[inside & rib & (np.sin(points[..., 2] / 7.0 + points[..., 1] / 20.0) > 0.5) & (away[..., 0] > -0.2)] = 420.0
    return Volume(grid=grid, values_zyx=gaussian_filter(values, 0.5).astype(np.float32))


def deformed(plan: Volume, daily: Grid, daily_to_plan_xyz_mm: Coordinates, *, noise_hu: float, seed: int = 7) -> Volume:
    """The day's scan: the plan's value at each voxel's true place in the plan, and noise."""
    values = sample(plan, daily_to_plan_xyz_mm, outside=-1000.0)
    noise = np.random.default_rng(seed).normal(scale=noise_hu, size=daily.shape_zyx)
    return Volume(grid=daily, values_zyx=(values + noise).astype(np.float32))


def bending_xyz_mm(points: Coordinates, largest_mm: float) -> Coordinates:
    """A smooth displacement of the body, up to about `largest_mm`, that vanishes nowhere near its own maximum."""
    away = (points - CENTRE_XYZ_MM) / HALF_AXES_MM
    x, y, z = away[..., 0], away[..., 1], away[..., 2]
    return (
        np.stack(
            [
                0.45 * np.sin(1.7 * z + 0.4) * np.cos(1.1 * y),
                0.40 * np.cos(1.4 * z - 0.6) * np.sin(1.3 * x + 0.5),
                0.75 * np.sin(1.5 * y + 0.8) * np.cos(0.9 * x - 0.3),
            ],
            axis=-1,
        )
        * largest_mm
    )


def body_points_xyz_mm(count: int, *, seed: int = 11, share: float = 0.9) -> Coordinates:
    """Points within the body, on the day."""
    rng = np.random.default_rng(seed)
    towards = rng.normal(size=(count, 3))
    towards /= np.linalg.norm(towards, axis=1, keepdims=True)
    return np.asarray(CENTRE_XYZ_MM + towards * share * rng.uniform(size=(count, 1)) ** (1 / 3) * HALF_AXES_MM)


def _tissue(points: Coordinates, seed: int) -> NDArray[np.float64]:
    """Sums of plane waves: the same tissue on any grid."""
    rng = np.random.default_rng(seed)
    values = np.full(points.shape[:-1], 10.0)
    for wavelength_mm, height_hu in ((70.0, 35.0), (38.0, 30.0), (22.0, 25.0), (15.0, 15.0)):
        for _ in range(5):
            towards = rng.normal(size=3)
            towards *= 2 * np.pi / wavelength_mm / np.linalg.norm(towards)
            values += height_hu / 2 * np.sign(np.sin(points @ towards + rng.uniform(0, 6.3)))
    return values


def _around(
    centre: Coordinates,
    shape_zyx: tuple[int, int, int],
    spacing_zyx_mm: tuple[float, float, float],
    tilt_xyz_deg: tuple[float, float, float],
    frame: str,
) -> Grid:
    loose = small_grid(shape_zyx, spacing_zyx_mm, tilt_xyz_deg=tilt_xyz_deg, frame_of_reference_uid=frame)
    middle = loose.to_point_xyz_mm((np.asarray(shape_zyx) - 1) / 2)
    origin = np.asarray(loose.origin_xyz_mm) + centre - middle
    return small_grid(
        shape_zyx,
        spacing_zyx_mm,
        origin_xyz_mm=(float(origin[0]), float(origin[1]), float(origin[2])),
        tilt_xyz_deg=tilt_xyz_deg,
        frame_of_reference_uid=frame,
    )
