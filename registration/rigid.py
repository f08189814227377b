"""Set-up: where the patient as a whole lies in the other scan, from any start.

All shifts at once are tried at 10 mm by masked correlation (FFT), each with a few turns; the best distinct ones are
refined together at 8 mm, the best of them at 4 and 3 mm. Soft tissue finds the place; bone, which does not change over
a course, decides it: what is compared in the end is mostly bone where there is bone.

Reference: masked normalised cross-correlation, Padfield, doi:10.1109/TIP.2011.2181402.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import fft
from torch import Tensor
from torch.nn import functional

from registration.descent import Adam
from registration.errors import AlignmentError
from registration.foreground import at_least, coarser
from registration.grid import Grid, Triple
from registration.placement import normalised_to_point
from registration.resample import resample
from registration.transform import RigidTransform
from registration.volume import Volume
from registration.warp import sample

_SEARCH_MM = 10.0
_REFINE = ((8.0, 60, 8, 20_000), (4.0, 50, 2, 30_000), (3.0, 30, 1, 60_000))
"""Voxel size in mm, steps, how many candidates go on, and how many points at most are looked at."""
_TURNS_DEG: tuple[Triple, ...] = (
    (0.0, 0.0, 0.0),
    (10.0, 0.0, 0.0),
    (-10.0, 0.0, 0.0),
    (0.0, 10.0, 0.0),
    (0.0, -10.0, 0.0),
    (0.0, 0.0, 10.0),
    (0.0, 0.0, -10.0),
)
_PEAKS = 3
_APART_MM = 30.0
_LEAST_OVERLAP = 0.3
_SOFT_HU = (-200.0, 250.0)
_BONE_HU = (150.0, 1200.0)
_BONE_WEIGHT = 3.0
_RATE = 2.0
_LAST_RATE = 0.02
_LEVER_MM = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RigidResult:
    """A rigid alignment and what speaks for it.

    Args:
        transform: Fixed to moving.
        agreement: Correlation of the clipped images over the part of the fixed body that the moving scan covers.
        bone_agreement: The same of bone alone; 0 where there is none.
        overlap: Share of the fixed body that the moving scan covers.
        starts: How many starts were refined.
        margin: By how much the score beats the best solution more than 30 mm away; 1 where there was none.
    """

    transform: RigidTransform
    agreement: float
    bone_agreement: float
    overlap: float
    starts: int
    margin: float


def align_rigid(
    fixed: Volume,
    moving: Volume,
    fixed_body: Volume,
    *,
    device: torch.device,
    start: RigidTransform | None = None,
) -> RigidResult:
    """Fixed to moving, from any start within the scans' overlap.

    Args:
        fixed: HU.
        moving: HU.
        fixed_body: True in the fixed patient, on any lattice along the fixed grid's axes.
        device: Where torch works.
        start: Refined alone where it is given; nothing is searched for.

    Raises:
        AlignmentError: no placement lets a third of the fixed body lie in the moving scan.
    """
    centre = _centre_xyz_mm(fixed_body)
    candidates = (
        [(1.0, start)]
        if start is not None
        else [
            found
            for turn in _TURNS_DEG
            for found in _placements(fixed, moving, fixed_body, centre=centre, turn_deg=turn)
        ]
    )
    candidates.sort(key=lambda found: -found[0])
    if not candidates:
        raise AlignmentError("the scans do not overlap: no placement lets a third of the body lie in the other scan")
    starts = [transform for _, transform in candidates[: _REFINE[0][2]]]
    tried = len(starts)
    scores = np.zeros(len(starts))
    margin = 1.0
    for step_mm, steps, keep, most in _REFINE:
        view = _View(fixed, moving, fixed_body, step_mm, centre=centre, most=most, device=device)
        starts, scores = view.refine(starts[:keep], steps)
        order = np.argsort(-scores, kind="stable")
        starts, scores = [starts[n] for n in order], scores[order]
        margin = min(margin, _margin(starts, scores, centre))
    agreement, bone, overlap = view.agreement(starts[0])
    return RigidResult(
        transform=starts[0],
        agreement=agreement,
        bone_agreement=bone,
        overlap=overlap,
        starts=tried,
        margin=margin,
    )


def _centre_xyz_mm(body: Volume) -> Triple:
    index = np.argwhere(body.values_zyx).astype(np.float64)
    if not index.size:
        raise AlignmentError("the fixed body is empty")
    x, y, z = body.grid.to_point_xyz_mm(index.mean(axis=0))
    return (float(x), float(y), float(z))


def _margin(starts: list[RigidTransform], scores: NDArray[np.float64], centre: Triple) -> float:
    best = np.asarray(starts[0].shift_at_xyz_mm(centre))
    others = [
        float(scores[0] - score)
        for start, score in zip(starts[1:], scores[1:], strict=True)
        if np.linalg.norm(np.asarray(start.shift_at_xyz_mm(centre)) - best) > _APART_MM
    ]
    return min(others, default=1.0)


def _placements(
    fixed: Volume, moving: Volume, body: Volume, *, centre: Triple, turn_deg: Triple
) -> list[tuple[float, RigidTransform]]:
    """The best shifts for one turn, with their masked correlation over the fixed body."""
    turn = RigidTransform.about(centre, turn_xyz_deg=turn_deg)
    step: Triple = (_SEARCH_MM, _SEARCH_MM, _SEARCH_MM)
    lattice = fixed.grid.resampled(step)
    image = resample(_soft(coarser(fixed, _SEARCH_MM)), lattice, outside=0.0).values_zyx
    inside = resample(body, lattice, outside=0.0).values_zyx > 0.5
    other, there = _turned(moving, lattice, turn)
    scores = _masked_correlation(image, inside, other.values_zyx, there)
    found = []
    for _ in range(_PEAKS):
        place = np.unravel_index(int(np.argmax(scores)), scores.shape)
        score = float(scores[place])
        if score <= 0.0:
            break
        shift_zyx = np.asarray(place) - (np.asarray(lattice.shape_zyx) - 1)
        first = np.asarray(other.grid.origin_xyz_mm) + other.grid.index_to_point @ shift_zyx.astype(np.float64)
        # the fixed lattice's first voxel lies at `first` of the turned moving frame
        moved = RigidTransform(translation_xyz_mm=_triple(first - np.asarray(lattice.origin_xyz_mm)))
        found.append((score, moved.then(turn)))
        reach = round(_APART_MM / _SEARCH_MM)
        scores[tuple(slice(max(0, p - reach), p + reach + 1) for p in place)] = 0.0
    return found


def _turned(moving: Volume, lattice: Grid, turn: RigidTransform) -> tuple[Volume, NDArray[np.bool_]]:
    """The moving scan on a lattice along the fixed axes, turned back, that holds all of it; and where it has data."""
    corners = np.array([[z, y, x] for z in (0, 1) for y in (0, 1) for x in (0, 1)], dtype=np.float64)
    corners = corners * np.asarray(moving.grid.shape_zyx) - 0.5
    back = turn.inverse().apply(moving.grid.to_point_xyz_mm(corners))
    ends = lattice.to_index_zyx(back)
    low, high = np.floor(ends.min(axis=0)).astype(int), np.ceil(ends.max(axis=0)).astype(int)
    shape = [int(n) for n in np.maximum(high - low + 1, 1)]
    grid = lattice.cropped((int(low[0]), int(low[1]), int(low[2])), (shape[0], shape[1], shape[2]))
    index = np.moveaxis(np.indices(grid.shape_zyx), 0, -1).astype(np.float64)
    points = turn.apply(grid.to_point_xyz_mm(index))
    soft = _soft(coarser(moving, _SEARCH_MM))
    values = sample(soft, points, outside=np.nan)
    there = np.isfinite(values)
    return Volume(grid=grid, values_zyx=np.where(there, values, 0.0).astype(np.float32)), there


def _masked_correlation(
    image: NDArray[np.float32], inside: NDArray[np.bool_], other: NDArray[np.float32], there: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Correlation of the fixed body with the moving scan for every whole shift; 0 where the overlap is too small."""
    shape = [fft.next_fast_len(a + b - 1, real=True) for a, b in zip(image.shape, other.shape, strict=True)]
    mask, known = inside.astype(np.float64), there.astype(np.float64)
    f, m = image * mask, other * known

    def transformed(values: NDArray[np.float64]) -> NDArray[np.complex128]:
        return np.asarray(fft.rfftn(values, shape))

    def together(a: NDArray[np.complex128], b: NDArray[np.complex128]) -> NDArray[np.float64]:
        size = [x + y - 1 for x, y in zip(image.shape, other.shape, strict=True)]
        whole = fft.irfftn(a * b, shape)
        return np.asarray(whole[: size[0], : size[1], : size[2]])

    flipped = slice(None, None, -1)
    back = (flipped, flipped, flipped)
    fixed_1, fixed_f, fixed_ff = (transformed(v[back]) for v in (mask, f, f * image))
    moving_1, moving_m, moving_mm = (transformed(v) for v in (known, m, m * other))
    count = np.maximum(together(fixed_1, moving_1), 1e-9)
    sum_f, sum_m = together(fixed_f, moving_1), together(fixed_1, moving_m)
    covariance = together(fixed_f, moving_m) - sum_f * sum_m / count
    spread_f = np.maximum(together(fixed_ff, moving_1) - sum_f**2 / count, 0.0)
    spread_m = np.maximum(together(fixed_1, moving_mm) - sum_m**2 / count, 0.0)
    spread = np.sqrt(spread_f * spread_m)
    enough = (count >= _LEAST_OVERLAP * mask.sum()) & (spread > 1e-3 * float(spread.max()))
    correlation = np.where(enough, covariance / np.where(enough, spread, 1.0), 0.0)
    return np.asarray(correlation * np.sqrt(np.clip(count / mask.sum(), 0.0, 1.0)))


class _View:
    """Both scans at one voxel size, ready to be compared for many transforms at once."""

    def __init__(
        self,
        fixed: Volume,
        moving: Volume,
        body: Volume,
        step_mm: float,
        *,
        centre: Triple,
        most: int,
        device: torch.device,
    ) -> None:
        grid = fixed.grid.resampled(at_least(fixed.grid, step_mm))
        near = resample(body, grid, outside=0.0).values_zyx > 0.5
        coarse_fixed, coarse_moving = coarser(fixed, step_mm), coarser(moving, step_mm)
        index = _thinned(np.argwhere(near), most)
        points = grid.to_point_xyz_mm(index.astype(np.float64))
        self._centre = np.asarray(centre)
        self._points = _tensor(points - self._centre, device)
        at = (index[:, 0], index[:, 1], index[:, 2])
        self._fixed = [
            _tensor(channel.values_zyx[at], device) for channel in (_soft(coarse_fixed), _bone(coarse_fixed))
        ]
        channels = [channel.values_zyx for channel in (_soft(coarse_moving), _bone(coarse_moving))]
        self._moving = _tensor(np.stack(channels), device)[None]
        self._to_normalised = _tensor(np.linalg.inv(normalised_to_point(coarse_moving.grid)), device)
        self._device = device

    def refine(self, starts: list[RigidTransform], steps: int) -> tuple[list[RigidTransform], NDArray[np.float64]]:
        """All starts moved uphill together; the transforms and their scores."""
        base = _tensor(np.stack([np.asarray(start.rotation) for start in starts]), self._device)
        shift = np.stack([np.asarray(start.apply(self._centre)) for start in starts])
        moved = _tensor(shift, self._device)
        change = torch.zeros(len(starts), 6, device=self._device, requires_grad=True)
        adam = Adam(change, rate=_RATE, steps=steps, betas=(0.9, 0.95), last=_LAST_RATE)
        for _ in range(steps):
            adam.step(-self._scores(base, moved, change).sum())
        with torch.no_grad():
            scores = self._scores(base, moved, change).double().cpu().numpy()
            rotations = (_turns(change[:, :3]) @ base).double().cpu().numpy()
            places = (moved + change[:, 3:]).double().cpu().numpy()
        found = [_rigid(rotation, place, self._centre) for rotation, place in zip(rotations, places, strict=True)]
        return found, scores

    def agreement(self, transform: RigidTransform) -> tuple[float, float, float]:
        """Correlation of soft tissue, of bone, and the overlap."""
        base = _tensor(np.asarray(transform.rotation)[None], self._device)
        moved = _tensor(transform.apply(self._centre)[None], self._device)
        with torch.no_grad():
            soft, bone, overlap = self._compared(base, moved, torch.zeros(1, 6, device=self._device))
        return float(soft[0]), float(bone[0]), float(overlap[0])

    def _scores(self, base: Tensor, moved: Tensor, change: Tensor) -> Tensor:
        soft, bone, overlap = self._compared(base, moved, change)
        return (soft + _BONE_WEIGHT * bone) * overlap.clamp(0.05, 1.0).pow(0.25)

    def _compared(self, base: Tensor, moved: Tensor, change: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        rotation = _turns(change[:, :3]) @ base
        points = self._points @ rotation.transpose(1, 2) + (moved + change[:, 3:])[:, None, :]
        matrix = self._to_normalised
        positions = points @ matrix[:3, :3].T + matrix[:3, 3]
        count = positions.shape[0]
        found = functional.grid_sample(
            self._moving.expand(count, -1, -1, -1, -1),
            positions[:, :, None, None, :],
            mode="bilinear",
            padding_mode="border",
            align_corners=False,
        )[..., 0, 0]
        known = (positions.abs() <= 1.0).all(dim=-1).to(found.dtype).detach()
        soft = _correlation(self._fixed[0], found[:, 0], known)
        bone = _correlation(self._fixed[1], found[:, 1], known)
        return soft, bone, known.mean(dim=1)


def _thinned(index: NDArray[np.int64], most: int) -> NDArray[np.int64]:
    """So many of the body's voxels at most, the same ones each time."""
    order = np.random.default_rng(20260000).permutation(index.shape[0])[:most]
    return np.asarray(index[np.sort(order)])


def _correlation(fixed: Tensor, moved: Tensor, known: Tensor) -> Tensor:
    """Pearson's over the known points of each row; 0 where one side is flat."""
    total = known.sum(dim=1).clamp_min(1.0)
    mean_f = (fixed * known).sum(dim=1) / total
    mean_m = (moved * known).sum(dim=1) / total
    f = (fixed - mean_f[:, None]) * known
    m = (moved - mean_m[:, None]) * known
    spread = ((f * f).sum(dim=1) * (m * m).sum(dim=1) + 1.0).sqrt()
    return (f * m).sum(dim=1) / spread


def _turns(lever_mm: Tensor) -> Tensor:
    """(n, 3, 3) rotations from vectors whose length is the way, in mm, of a point 120 mm from the axis."""
    x, y, z = (lever_mm / _LEVER_MM).unbind(dim=1)
    nothing = torch.zeros_like(x)
    skew = torch.stack([nothing, -z, y, z, nothing, -x, -y, x, nothing], dim=1).reshape(-1, 3, 3)
    turned: Tensor = torch.linalg.matrix_exp(skew)
    return turned


def _rigid(rotation: NDArray[np.float64], place: NDArray[np.float64], centre: NDArray[np.float64]) -> RigidTransform:
    """The transform that turns about the centre and takes it to a place; the rotation made exact."""
    left, _, right = np.linalg.svd(rotation)
    matrix = np.eye(4)
    matrix[:3, :3] = left @ right
    matrix[:3, 3] = place - matrix[:3, :3] @ centre
    return RigidTransform.from_matrix(matrix)


def _soft(scan: Volume) -> Volume:
    return Volume(grid=scan.grid, values_zyx=np.clip(scan.values_zyx, *_SOFT_HU).astype(np.float32))


def _bone(scan: Volume) -> Volume:
    return Volume(grid=scan.grid, values_zyx=np.clip(scan.values_zyx, *_BONE_HU).astype(np.float32))


def _tensor(values: NDArray[np.generic], device: torch.device) -> Tensor:
    return torch.tensor(np.asarray(values, dtype=np.float32), device=device)


def _triple(values: NDArray[np.float64]) -> Triple:
    x, y, z = (float(v) for v in values)
    return (x, y, z)
