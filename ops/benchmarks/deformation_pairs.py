"""Two pairs of 8.3 million voxels, a real CT each and what a known motion makes of it: true landmarks for benchmarks.

The motion: smooth random displacements, with a step of 5 mm across a layer 14 mm below the skin, 6 mm on average and
15 mm at most; noise of 15 HU on the plan, 20 HU on the day. The step is steeper than what any clinic sees.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from registration.grid import Grid
from registration.itk_bridge import read_nifti
from registration.volume import Volume

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
SOURCES = {
    "abdomen": (DATA / "totalsegmentator_example" / "example_ct_3mm.nii.gz", (200, 200, 208), 45.0, 3),
    "neck": (DATA / "openkbp" / "validation" / "pt_201" / "CT.nii.gz", (200, 200, 208), 30.0, 1),
}
"""The CT, voxels, how smooth the motion is in mm, and the seed."""
_LANDMARKS = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A day, its plan, and where landmarks of the day lie in the plan.

    Args:
        day: HU, int16.
        plan: HU, int16, in the same frame.
        landmarks_zyx: (n, 3) indices of the day's voxels, in the body.
        truth_xyz_mm: (n, 3) from each landmark to its place in the plan.
    """

    day: Volume
    plan: Volume
    landmarks_zyx: NDArray[np.int64]
    truth_xyz_mm: NDArray[np.float32]


def make_pair(name: str) -> Pair:
    source, shape, smooth_mm, seed = SOURCES[name]
    ct = read_nifti(source, "2.25.1")
    step = [s * a / b for s, a, b in zip(ct.grid.spacing_zyx_mm, ct.grid.shape_zyx, shape, strict=True)]
    grid = ct.grid.resampled((step[0], step[1], step[2]))
    # the motion is written along the array's axes, so the grid's axes are laid along the patient's
    grid = Grid(
        shape_zyx=grid.shape_zyx,
        spacing_zyx_mm=grid.spacing_zyx_mm,
        origin_xyz_mm=(0.0, 0.0, 0.0),
        axes_xyz=((0.0, 0.0, 1.0), (0.0, 1.0, 0.0), (1.0, 0.0, 0.0)),
        frame_of_reference_uid="2.25.1",
    )
    zoom = [b / a for a, b in zip(ct.grid.shape_zyx, grid.shape_zyx, strict=True)]
    plan = ndimage.zoom(
        ct.values_zyx.astype(np.float32).clip(-1024, 2000), zoom, order=3, mode="nearest", grid_mode=True
    )
    random = np.random.default_rng(seed)
    body = ndimage.binary_fill_holes(ndimage.binary_opening(plan > -400, iterations=2))
    moved = _motion(grid, body, smooth_mm, random)
    index = np.indices(grid.shape_zyx).astype(np.float32)
    for axis, component in enumerate((2, 1, 0)):
        index[axis] += moved[..., component] / grid.spacing_zyx_mm[axis]
    day = ndimage.map_coordinates(plan, index, order=3, mode="nearest")
    there = np.argwhere(ndimage.map_coordinates(body.astype(np.float32), index, order=1) > 0.5)
    landmarks = there[random.choice(len(there), _LANDMARKS, replace=False)]
    noisy = [
        (values + random.normal(size=values.shape) * hu).clip(-1100, 3000).astype(np.int16)
        for values, hu in ((day, 20.0), (plan, 15.0))
    ]
    return Pair(
        day=Volume(grid=grid, values_zyx=noisy[0]),
        plan=Volume(grid=grid, values_zyx=noisy[1]),
        landmarks_zyx=landmarks,
        truth_xyz_mm=moved[tuple(landmarks.T)],
    )


def _motion(grid: Grid, body: NDArray[np.bool_], smooth_mm: float, random: np.random.Generator) -> NDArray[np.float32]:
    depth = ndimage.distance_transform_edt(body, sampling=grid.spacing_zyx_mm)
    moved = np.stack([_smooth(grid, smooth_mm, random) for _ in range(3)], axis=-1).astype(np.float32) * 2.2
    moved[..., 2] += 5.0 / (1.0 + np.exp(-(depth - 14.0) / 2.0))
    moved *= 6.0 / np.linalg.norm(moved, axis=-1)[body].mean()
    moved /= np.maximum(1.0, np.linalg.norm(moved, axis=-1) / 15.0)[..., None]
    return moved


def _smooth(grid: Grid, smooth_mm: float, random: np.random.Generator) -> NDArray[np.float64]:
    size = [max(8, int(n * s / 10)) for n, s in zip(grid.shape_zyx, grid.spacing_zyx_mm, strict=True)]
    coarse = ndimage.gaussian_filter(random.normal(size=size), smooth_mm / 10)
    coarse /= coarse.std()
    zoom = [n / m for n, m in zip(grid.shape_zyx, coarse.shape, strict=True)]
    fine = ndimage.zoom(coarse, zoom, order=1, mode="nearest", grid_mode=True)
    return fine[tuple(slice(n) for n in grid.shape_zyx)]


def save_pair(pair: Pair, path: Path) -> None:
    np.savez(
        path,
        day=pair.day.values_zyx,
        plan=pair.plan.values_zyx,
        spacing_zyx_mm=pair.day.grid.spacing_zyx_mm,
        landmarks_zyx=pair.landmarks_zyx,
        truth_xyz_mm=pair.truth_xyz_mm,
    )


def load_pair(path: Path) -> Pair:
    held = np.load(path)
    z, y, x = (float(v) for v in held["spacing_zyx_mm"])
    count = held["day"].shape
    grid = Grid(
        shape_zyx=(count[0], count[1], count[2]),
        spacing_zyx_mm=(z, y, x),
        origin_xyz_mm=(0.0, 0.0, 0.0),
        axes_xyz=((0.0, 0.0, 1.0), (0.0, 1.0, 0.0), (1.0, 0.0, 0.0)),
        frame_of_reference_uid="2.25.1",
    )
    return Pair(
        day=Volume(grid=grid, values_zyx=held["day"]),
        plan=Volume(grid=grid, values_zyx=held["plan"]),
        landmarks_zyx=held["landmarks_zyx"],
        truth_xyz_mm=held["truth_xyz_mm"],
    )
