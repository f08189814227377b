"""Feature points of the fixed scan found again in the moving one: matched both ways, lone ones thrown out.

Each point's surroundings, freed of their mean and contrast, are looked for within 3 cm of where the rigid alignment
puts them: first in windows of 3 cm at 6 mm, then of 2 cm at 3 mm, and the peak is met below voxel size. A match counts
where the way back leads home, and where it moves as its neighbours do. No use is made of any dense field, so that the
matches can bear witness to one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from torch import Tensor
from torch.nn import functional

from registration.foreground import coarser
from registration.grid import Coordinates, Grid
from registration.keypoints import find_keypoints, lattice_about
from registration.resample import resample
from registration.transform import Alignment, DisplacementField, RigidTransform
from registration.volume import Volume
from registration.warp import warp

_STAGES = ((6.0, 2, 5), (3.0, 3, 3))
"""Voxel in mm, half-width of the patch and of the search in voxels, coarse to fine."""
_HOME_MM = 4.0
_SMOOTH_MM = 10.0
_CLEAR_VOXELS = 2
_CLEAR_BY = 0.05
_LEAST_CORRELATION = 0.5
_NEIGHBOURS = 12
_ROUNDS = 3
_STRAY_MM = 2.5
_STRAY_SPREADS = 3.0
_LEAST_MATCHES = 8
_AT_ONCE = 500
_LOWEST_HU, _HIGHEST_HU = -1000.0, 800.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PointMatches:
    """Feature points of the fixed scan and where they lie in the moving one.

    Args:
        fixed_xyz_mm: (n, 3).
        moving_xyz_mm: (n, 3).
        score: (n,) correlation of the surroundings, 0 to 1.
        tried: How many feature points were looked for.
    """

    fixed_xyz_mm: Coordinates
    moving_xyz_mm: Coordinates
    score: NDArray[np.float64]
    tried: int

    @property
    def count(self) -> int:
        """How many there are."""
        return int(self.score.size)

    @property
    def share(self) -> float:
        """Of the points that were looked for; 0 where none was."""
        return self.count / self.tried if self.tried else 0.0


def match_keypoints(
    fixed: Volume, moving: Volume, rigid: RigidTransform, body: Volume, *, most: int = 2500
) -> PointMatches:
    """Matches within 3 cm of where the rigid transform puts them.

    Args:
        fixed: HU.
        moving: HU.
        rigid: Fixed to moving.
        body: The fixed patient.
        most: How many feature points are looked for.
    """
    lattice = lattice_about(fixed.grid, _STAGES[-1][0])
    images = [_both(fixed, moving, rigid, lattice_about(fixed.grid, step)) for step, _, _ in _STAGES]
    points = find_keypoints(images[-1][0], body, most=most, border=2)
    start = lattice.to_point_xyz_mm(points.index_zyx.astype(np.float64))
    stages = [(patch, search) for _, patch, search in _STAGES]
    rough = _matched(start, images, stages, tried=start.shape[0])
    if rough.count < _LEAST_MATCHES:
        return _in_moving(rough, rigid)
    # what bends a patch is taken out by the first round's own account, and what is left is looked for again
    bend = field_from_matches(rough, RigidTransform(), _smooth_lattice(lattice))
    again = _both(fixed, moving, rigid, lattice, bend)
    rest = _matched(start, [again], stages[-1:], tried=start.shape[0])
    whole = rest.moving_xyz_mm + bend.at(rest.moving_xyz_mm)
    kept = _with_neighbours(rest.fixed_xyz_mm, whole - rest.fixed_xyz_mm)
    return _in_moving(
        PointMatches(
            fixed_xyz_mm=rest.fixed_xyz_mm[kept], moving_xyz_mm=whole[kept], score=rest.score[kept], tried=rest.tried
        ),
        rigid,
    )


def displaced_by_matches(
    matches: PointMatches, rigid: RigidTransform, points_xyz_mm: Coordinates
) -> tuple[Coordinates, NDArray[np.float64]]:
    """What the matches say of other points: u in x -> rigid(x + u), and the distance to the third nearest match.

    A plane through the nearest matches' displacements, the nearer ones counting more; (n, 3) to (n, 3) and (n,).
    Without enough matches u is 0 and the distance infinite.
    """
    points = np.asarray(points_xyz_mm, dtype=np.float64).reshape(-1, 3)
    if matches.count < _LEAST_MATCHES:
        return np.zeros_like(points), np.full(points.shape[0], np.inf)
    moved = rigid.inverse().apply(matches.moving_xyz_mm) - matches.fixed_xyz_mm
    near = min(_NEIGHBOURS, matches.count)
    distance, index = cKDTree(matches.fixed_xyz_mm).query(points, k=near)
    reach = np.maximum(distance[:, -1:], 5.0)
    weight = np.maximum(1.0 - (distance / (1.1 * reach)) ** 2, 0.0) ** 2
    away = (matches.fixed_xyz_mm[index] - points[:, None, :]) / reach[..., None]
    design = np.concatenate([np.ones((*away.shape[:2], 1)), away], axis=2)
    normal = np.einsum("nki,nk,nkj->nij", design, weight, design)
    normal += np.diag([1e-9, 0.15, 0.15, 0.15]) * weight.sum(axis=1)[:, None, None]
    right = np.einsum("nki,nk,nkj->nij", design, weight, moved[index])
    found = np.linalg.solve(normal, right)[:, 0, :]
    return found, distance[:, min(2, near - 1)]


def field_from_matches(matches: PointMatches, rigid: RigidTransform, grid: Grid) -> DisplacementField:
    """The matches' account of the whole deformation, on a lattice of the fixed frame."""
    index = np.moveaxis(np.indices(grid.shape_zyx), 0, -1).reshape(-1, 3).astype(np.float64)
    u, _ = displaced_by_matches(matches, rigid, grid.to_point_xyz_mm(index))
    return DisplacementField(grid=grid, displacements_xyz_mm=u.reshape(*grid.shape_zyx, 3).astype(np.float32))


def _matched(
    start: Coordinates, images: list[tuple[Volume, Volume]], stages: list[tuple[int, int]], *, tried: int
) -> PointMatches:
    """Matches between images on one lattice: both ways, and with their neighbours."""
    moved, score = _followed(start, np.zeros_like(start), images, stages)
    back, _ = _followed(start + moved, -moved, [(b, a) for a, b in images], stages)
    home = np.linalg.norm(moved + back, axis=1) <= _HOME_MM
    kept = np.flatnonzero(home & (score >= _LEAST_CORRELATION))
    kept = kept[_with_neighbours(start[kept], moved[kept])]
    return PointMatches(
        fixed_xyz_mm=start[kept], moving_xyz_mm=start[kept] + moved[kept], score=score[kept], tried=tried
    )


def _in_moving(matches: PointMatches, rigid: RigidTransform) -> PointMatches:
    return PointMatches(
        fixed_xyz_mm=matches.fixed_xyz_mm,
        moving_xyz_mm=rigid.apply(matches.moving_xyz_mm),
        score=matches.score,
        tried=matches.tried,
    )


def _smooth_lattice(lattice: Grid) -> Grid:
    return lattice_about(lattice, _SMOOTH_MM)


def _both(
    fixed: Volume, moving: Volume, rigid: RigidTransform, lattice: Grid, bend: DisplacementField | None = None
) -> tuple[Volume, Volume]:
    """The fixed scan and the aligned moving one, on one lattice."""
    step = min(lattice.spacing_zyx_mm)
    there = Alignment(
        rigid=rigid,
        field=bend,
        fixed_frame_uid=fixed.grid.frame_of_reference_uid,
        moving_frame_uid=moving.grid.frame_of_reference_uid,
    )
    return (
        resample(fixed, lattice, outside=-1000.0),
        warp(coarser(moving, step), there, lattice, outside=-1000.0),
    )


def _followed(
    points: Coordinates,
    guess: Coordinates,
    images: list[tuple[Volume, Volume]],
    stages: list[tuple[int, int]],
) -> tuple[Coordinates, NDArray[np.float64]]:
    """Displacement of each point from the first images to the second, and its correlation, coarse to fine."""
    moved = guess.copy()
    score = np.zeros(points.shape[0])
    for place, ((patch, search), (one, other)) in enumerate(zip(stages, images, strict=True)):
        last = place == len(stages) - 1
        moved, score = _stage(points, moved, one, other, patch=patch, search=search, clear=last)
    return moved, score


def _stage(
    points: Coordinates, moved: Coordinates, one: Volume, other: Volume, *, patch: int, search: int, clear: bool
) -> tuple[Coordinates, NDArray[np.float64]]:
    grid = one.grid
    at = np.rint(grid.to_index_zyx(points)).astype(np.int64)
    there = np.rint(grid.to_index_zyx(points + moved)).astype(np.int64)
    reach = patch + search
    a, b = (_padded(image, reach + 1) for image in (one, other))
    offset = np.empty((points.shape[0], 3))
    score = np.empty(points.shape[0])
    for first in range(0, points.shape[0], _AT_ONCE):
        some = slice(first, first + _AT_ONCE)
        patches = _windows(a, at[some], patch, reach + 1)
        windows = _windows(b, there[some], reach, reach + 1)
        offset[some], score[some] = _best(_correlations(patches, windows), search, clear=clear)
    found = (there - at) + offset
    return found @ grid.index_to_point.T, score


def _padded(image: Volume, reach: int) -> NDArray[np.float32]:
    values = np.clip(image.values_zyx, _LOWEST_HU, _HIGHEST_HU).astype(np.float32)
    return np.pad(values, reach, mode="edge")


def _windows(padded: NDArray[np.float32], index: NDArray[np.int64], half: int, pad: int) -> Tensor:
    """(n, w, w, w) surroundings of voxels; an index beyond the lattice is taken to its border."""
    last = np.asarray(padded.shape) - 2 * pad - 1
    centre = np.clip(index, 0, last) + pad
    steps = np.arange(-half, half + 1)
    z, y, x = (centre[:, axis, None] + steps for axis in range(3))
    return torch.from_numpy(padded[z[:, :, None, None], y[:, None, :, None], x[:, None, None, :]])


def _correlations(patches: Tensor, windows: Tensor) -> Tensor:
    """(n, s, s, s) Pearson's correlation of each patch with each place of its window."""
    count, width = patches.shape[0], patches.shape[1]
    size = float(width**3)
    patch = patches - patches.mean(dim=(1, 2, 3), keepdim=True)
    norm = patch.square().sum(dim=(1, 2, 3)).clamp_min(1.0).sqrt()
    product = functional.conv3d(windows[None], patch[:, None], groups=count)[0]
    ones = torch.ones(1, 1, width, width, width)
    total = functional.conv3d(windows[:, None], ones)[:, 0]
    squares = functional.conv3d(windows[:, None].square(), ones)[:, 0]
    spread = (squares - total * total / size).clamp_min(size)
    return product / (norm[:, None, None, None] * spread.sqrt())


def _best(correlation: Tensor, search: int, *, clear: bool) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Offset of the peak in voxels, by a parabola along each axis, and its height.

    Where it has to be clear, a peak that two voxels away is hardly lower has a height of 0: along an edge, or in
    a flat place, a window fits anywhere.
    """
    values = correlation.double().numpy()
    count, width = values.shape[0], values.shape[1]
    flat = values.reshape(count, -1).argmax(axis=1)
    peak = np.stack(np.unravel_index(flat, (width, width, width)), axis=1)
    rows = np.arange(count)
    height = values[rows, peak[:, 0], peak[:, 1], peak[:, 2]]
    offset = (peak - search).astype(np.float64)
    for axis in range(3):
        step = np.zeros(3, dtype=np.int64)
        step[axis] = 1
        low, high = np.clip(peak - step, 0, width - 1), np.clip(peak + step, 0, width - 1)
        before = values[rows, low[:, 0], low[:, 1], low[:, 2]]
        after = values[rows, high[:, 0], high[:, 1], high[:, 2]]
        bend = before - 2 * height + after
        inner = (peak[:, axis] > 0) & (peak[:, axis] < width - 1) & (bend < -1e-9)
        offset[:, axis] += np.where(inner, 0.5 * (before - after) / np.where(inner, bend, -1.0), 0.0)
    if clear:
        steps = np.stack(np.unravel_index(np.arange(width**3), (width, width, width)), axis=1)
        far = np.abs(steps[None] - peak[:, None]).max(axis=2) >= _CLEAR_VOXELS
        second = np.where(far, values.reshape(count, -1), -1.0).max(axis=1)
        height = np.where(height - second >= _CLEAR_BY, height, 0.0)
    return offset, height


def _with_neighbours(points: Coordinates, moved: Coordinates) -> NDArray[np.intp]:
    """Which matches move as those around them do."""
    kept = np.arange(points.shape[0])
    for _ in range(_ROUNDS):
        if kept.size <= _LEAST_MATCHES:
            return kept
        near = min(_NEIGHBOURS + 1, kept.size)
        _, index = cKDTree(points[kept]).query(points[kept], k=near)
        around = moved[kept][index[:, 1:]]
        middle = np.median(around, axis=1)
        spread = np.median(np.linalg.norm(around - middle[:, None, :], axis=2), axis=1)
        stray = np.linalg.norm(moved[kept] - middle, axis=1)
        kept = kept[stray <= np.maximum(_STRAY_MM, _STRAY_SPREADS * spread)]
    return kept
