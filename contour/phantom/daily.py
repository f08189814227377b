"""A scan of the day whose truth is known: the plan's anatomy, moved, and scanned anew on a grid of its own."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, map_coordinates, spline_filter

from contour.adaptation.carry import signed_distance
from contour.anatomy.structures import Structure, crop_to_structure
from contour.errors import InputError
from contour.phantom.motion import Chain
from registration.grid import Coordinates, Grid
from registration.volume import Volume
from registration.warp import sample

_AIR_HU = -1000.0
_LOWEST_HU, _HIGHEST_HU = -1024.0, 3071.0
_SLAB_VOXELS = 1_500_000
_BODY_HU = -400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanSettings:
    """How the day's scanner sees the patient.

    Args:
        noise_hu: Standard deviation of the noise that the day adds to the plan's own.
        hu_offset: Added to every voxel.
        cone_beam: Shading towards the middle, twice the noise, a circle of data with padding beyond it.
        seed: Of the noise and the landmarks.

    Raises:
        InputError: BAD_MOTION for noise below zero.
    """

    noise_hu: float = 20.0
    hu_offset: float = 0.0
    cone_beam: bool = False
    seed: int = 1

    def __post_init__(self) -> None:
        if not 0.0 <= self.noise_hu < 500.0:
            raise InputError(f"noise is 0 to 500 HU, found {self.noise_hu}", reason="BAD_MOTION")


@dataclass(frozen=True, slots=True, kw_only=True)
class Landmarks:
    """Points in the body: where they lie on the day, and where they lay in the plan; (n, 3) each."""

    daily_xyz_mm: Coordinates
    plan_xyz_mm: Coordinates


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """A scan of the day, with what is true of it.

    Args:
        ct: HU, int16, in the day's own frame of reference.
        structures: The plan's structures where they truly lie today; empty where the scan does not show them.
        landmarks: Points in the body.
        motion: Day to plan.
    """

    ct: Volume
    structures: tuple[Structure, ...]
    landmarks: Landmarks
    motion: Chain = field(repr=False)


def day_grid(plan: Grid, frame_of_reference_uid: str, *, ends_mm: float = 12.0) -> Grid:
    """The plan's grid without the slices of its first and last millimetres, in the day's frame of reference."""
    cut = min(round(ends_mm / plan.spacing_zyx_mm[0]), (plan.shape_zyx[0] - 1) // 3)
    part = plan.cropped((cut, 0, 0), (plan.shape_zyx[0] - 2 * cut, *plan.shape_zyx[1:]))
    return replace(part, frame_of_reference_uid=frame_of_reference_uid)


def scan_day(
    plan: Volume, structures: tuple[Structure, ...], motion: Chain, grid: Grid, settings: ScanSettings | None = None
) -> Day:
    """The plan's patient on a day: cubic between the plan's voxels, so that nothing is blurred; noise on top.

    Args:
        plan: HU.
        structures: On the plan's grid.
        motion: Day to plan.
        grid: Of the day; where it leaves the plan's scan there is air.
        settings: The scanner.
    """
    rules = settings or ScanSettings()
    coefficients = spline_filter(np.asarray(plan.values_zyx, dtype=np.float32), order=3, output=np.float32)
    depths = [signed_distance(structure) for structure in structures]
    values = np.empty(grid.shape_zyx, dtype=np.float32)
    masks = [np.zeros(grid.shape_zyx, dtype=np.bool_) for _ in structures]
    step = max(1, _SLAB_VOXELS // (grid.shape_zyx[1] * grid.shape_zyx[2]))
    for first in range(0, grid.shape_zyx[0], step):
        planes = slice(first, min(first + step, grid.shape_zyx[0]))
        part = grid.cropped((first, 0, 0), (planes.stop - first, *grid.shape_zyx[1:]))
        points = part.to_point_xyz_mm(np.moveaxis(np.indices(part.shape_zyx), 0, -1).astype(np.float64))
        mapped = motion(points)
        values[planes] = _cubic(plan.grid, coefficients, mapped)
        for mask, depth in zip(masks, depths, strict=True):
            mask[planes] = sample(depth, mapped, outside=-1.0) > 0.0
    body = values > _BODY_HU
    seen = _seen(values, grid, rules)
    ct = Volume(grid=grid, values_zyx=np.rint(np.clip(seen, *_limits(rules))).astype(np.int16))
    return Day(
        ct=ct,
        structures=tuple(
            crop_to_structure(structure.name, grid, mask) for structure, mask in zip(structures, masks, strict=True)
        ),
        landmarks=_landmarks(body, grid, plan.grid, motion, rules.seed),
        motion=motion,
    )


def _cubic(grid: Grid, coefficients: NDArray[np.float32], points: Coordinates) -> NDArray[np.float32]:
    index = grid.to_index_zyx(points).reshape(-1, 3)
    last = np.asarray(grid.shape_zyx) - 1
    away = ((index < -0.5) | (index > last + 0.5)).any(axis=1)
    found = map_coordinates(
        coefficients, np.clip(index, 0, last).T, order=3, prefilter=False, mode="nearest", output=np.float32
    )
    found[away] = _AIR_HU
    return np.asarray(found.reshape(points.shape[:-1]), dtype=np.float32)


def _seen(values: NDArray[np.float32], grid: Grid, rules: ScanSettings) -> NDArray[np.float32]:
    rng = np.random.default_rng(rules.seed)
    noise = rng.normal(scale=1.0, size=grid.shape_zyx).astype(np.float32)
    if not rules.cone_beam:
        return values + np.float32(rules.hu_offset) + np.float32(rules.noise_hu) * noise
    middle = (np.asarray(grid.shape_zyx[1:]) - 1) / 2
    rows, columns = np.indices(grid.shape_zyx[1:])
    radius_mm = np.hypot((rows - middle[0]) * grid.spacing_zyx_mm[1], (columns - middle[1]) * grid.spacing_zyx_mm[2])
    circle_mm = 0.48 * min(n * s for n, s in zip(grid.shape_zyx[1:], grid.spacing_zyx_mm[1:], strict=True))
    shading = (80.0 - 140.0 * np.exp(-((radius_mm / 70.0) ** 2))).astype(np.float32)
    tissue = np.clip((values + 900.0) / 500.0, 0.0, 1.0)
    grain = gaussian_filter(noise, (0.0, 0.6, 0.6))
    grain *= np.float32(2.0 * rules.noise_hu / max(float(grain.std()), 1e-6))
    seen = 0.9 * values + tissue * shading[None] + np.float32(rules.hu_offset) + grain
    return np.where(radius_mm[None] <= circle_mm, seen, np.float32(-2000.0)).astype(np.float32)


def _limits(rules: ScanSettings) -> tuple[float, float]:
    return (-2000.0 if rules.cone_beam else _LOWEST_HU), _HIGHEST_HU


def _landmarks(body: NDArray[np.bool_], grid: Grid, plan: Grid, motion: Chain, seed: int) -> Landmarks:
    """Up to 2000 points of the body that both scans show."""
    index = np.argwhere(body)
    if not index.size:
        nothing = np.zeros((0, 3))
        return Landmarks(daily_xyz_mm=nothing, plan_xyz_mm=nothing)
    rng = np.random.default_rng((seed, 20260000))
    chosen = index[rng.choice(index.shape[0], size=min(3000, index.shape[0]), replace=False)]
    points = grid.to_point_xyz_mm(chosen + rng.uniform(-0.5, 0.5, size=chosen.shape))
    mapped = motion(points)
    at = plan.to_index_zyx(mapped)
    shown = ((at >= 0) & (at <= np.asarray(plan.shape_zyx) - 1)).all(axis=1)
    return Landmarks(daily_xyz_mm=points[shown][:2000], plan_xyz_mm=mapped[shown][:2000])
