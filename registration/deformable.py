"""The deformation that is left once set-up is put right: coarse to fine, by local correlation, in torch.

A cubic B-spline on a lattice of control points is moved by Adam until the plan's image, brought over, correlates
window by window with the day's, as far as its strain is worth it. Windows outside the day's body, and those that the
moving scan has no data for, do not count: there the spline's stiffness alone decides, so that a cut field of view does
not tear the field. The same code runs on CPU and GPU.

References: free-form deformation, Rueckert et al., doi:10.1109/42.796284; local correlation, Avants et al.,
doi:10.1016/j.media.2007.06.004; instance optimisation with Adam (convexAdam), Siebert et al.,
doi:10.1109/TMI.2024.3462248.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from registration.descent import Adam
from registration.foreground import PADDING_HU, about_body, at_least, coarser, has_padding
from registration.grid import Grid
from registration.placement import Placement, inside
from registration.resample import resample
from registration.restraint import restrained
from registration.similarity import LocalCorrelation, Seen, windows_of
from registration.splines import Matrices, dense, fitted, roughness, spline_matrix
from registration.transform import DisplacementField, RigidTransform
from registration.volume import Volume

OnFraction = Callable[[float], None]

_SKIN_MM = 8.0
_MOST_VOXELS = 3_600_000
_LOWEST_HU, _HIGHEST_HU = -1000.0, 800.0
_BETAS = (0.9, 0.99)
_NODE_MM = 3.0
_LOOK_AGAIN = 5
"""Where the moving scan has data is looked up again after so many steps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """One step from coarse to fine: voxels, control points, steps and the first step's length, in millimetres."""

    voxel_mm: float
    control_mm: float
    steps: int
    rate_mm: float


LEVELS = (
    Level(voxel_mm=12.0, control_mm=32.0, steps=40, rate_mm=1.5),
    Level(voxel_mm=7.0, control_mm=18.0, steps=50, rate_mm=1.0),
    Level(voxel_mm=4.0, control_mm=10.0, steps=36, rate_mm=0.6),
    Level(voxel_mm=2.2, control_mm=6.0, steps=18, rate_mm=0.7),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeformableSettings:
    """How a deformation is looked for.

    Args:
        levels: Coarse to fine.
        strain_weight: What one unit of mean squared strain costs against one minus the mean squared correlation.
        noise_hu: Noise that is left in a level's smoothed images; below it, nothing is structure.
        restrained: Take back small displacements that nothing speaks for.
    """

    levels: tuple[Level, ...] = LEVELS
    strain_weight: float = 1.0
    noise_hu: float = 3.0
    restrained: bool = True


def deform(
    fixed: Volume,
    moving: Volume,
    rigid: RigidTransform,
    body: Volume,
    settings: DeformableSettings,
    *,
    device: torch.device,
    start: DisplacementField | None = None,
    on_fraction: OnFraction | None = None,
) -> DisplacementField:
    """U in x -> rigid(x + u(x)), on nodes of about 3 mm about the fixed body; float32 millimetres.

    Args:
        fixed: HU.
        moving: HU, in any frame; `rigid` leads there.
        rigid: Fixed to moving.
        body: True in the fixed patient, on any lattice along the fixed grid's axes.
        settings: Levels and weights.
        device: Where torch works.
        start: Where to start from; nothing is displaced where None.
        on_fraction: Called with 0 to 1; what it raises stops the work.
    """
    scans = _Scans(fixed=fixed, moving=moving, rigid=rigid, body=body)
    region = about_body(fixed.grid, body)
    todo = sum(level.steps * _cost(region, level) for level in settings.levels)
    done = 0.0
    field: Tensor | None = None
    grid = region
    for level in settings.levels:
        step_mm = _fitting_mm(region, level.voxel_mm)
        previous, grid = grid, region.resampled(at_least(region, step_mm))
        cost = _cost(region, level)

        def tell(steps: int, done: float = done, cost: float = cost) -> None:
            if on_fraction is not None:
                on_fraction(min(1.0, (done + steps * cost) / todo))

        begin = _begin(field, previous, grid, start, device)
        images = _Images.of(scans, grid, step_mm, device=device)
        field = _optimised(images, begin, level, settings, tell)
        if level is settings.levels[-1] and settings.restrained:
            field = _restrained(field, images, settings)
        done += level.steps * cost
    if field is None:
        field = torch.zeros(3, *grid.shape_zyx)
    return _as_field(field, grid, region)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Scans:
    """What is aligned, whatever the level."""

    fixed: Volume
    moving: Volume
    rigid: RigidTransform
    body: Volume


@dataclass(frozen=True, slots=True, kw_only=True)
class _Images:
    """Both scans at one level."""

    grid: Grid
    moving: Tensor
    gaps: Tensor | None
    voxels: Tensor
    placement: Placement
    fixed: Tensor
    body: Tensor

    @classmethod
    def of(cls, scans: _Scans, grid: Grid, step_mm: float, *, device: torch.device) -> _Images:
        fixed, moving = scans.fixed, scans.moving
        coarse = coarser(moving, step_mm)
        near = resample(scans.body, grid, outside=0.0).values_zyx
        gaps = None
        if has_padding(moving):
            holes = Volume(grid=moving.grid, values_zyx=np.asarray(moving.values_zyx) < PADDING_HU)
            gaps = _tensor(resample(holes, coarse.grid, outside=0.0).values_zyx, device)
        body = _widened(_tensor(near, device), grid)
        voxels = torch.nonzero(windows_of(body).reshape(-1)).reshape(-1)
        return cls(
            grid=grid,
            moving=_tensor(np.clip(coarse.values_zyx, _LOWEST_HU, _HIGHEST_HU), device),
            gaps=gaps,
            voxels=voxels,
            placement=Placement(grid, coarse.grid, scans.rigid, voxels),
            fixed=_tensor(np.clip(resample(fixed, grid, outside=-1000.0).values_zyx, _LOWEST_HU, _HIGHEST_HU), device),
            body=body,
        )

    def moved(self, at: Tensor) -> Tensor:
        """The moving image at sampling positions, in place of the fixed voxels."""
        return self._placed(self._sampled(self.moving, at), _LOWEST_HU)

    def known(self, at: Tensor) -> Tensor:
        """1 where the moving scan has data at sampling positions."""
        known = inside(at)
        if self.gaps is not None:
            known = known * (self._sampled(self.gaps, at) < 0.01).to(known.dtype)
        return self._placed(known, 0.0)

    def _sampled(self, image: Tensor, at: Tensor) -> Tensor:
        return functional.grid_sample(image, at, mode="bilinear", padding_mode="border", align_corners=False)

    def _placed(self, values: Tensor, elsewhere: float) -> Tensor:
        whole = torch.full((self.fixed.numel(),), elsewhere, dtype=self.fixed.dtype, device=self.fixed.device)
        return whole.index_copy(0, self.voxels, values.reshape(-1)).reshape(self.fixed.shape)


def _optimised(
    images: _Images, begin: Tensor, level: Level, settings: DeformableSettings, tell: Callable[[int], None]
) -> Tensor:
    grid, device = images.grid, images.fixed.device
    z, y, x = (
        spline_matrix(size, step, level.control_mm, device=device)
        for size, step in zip(grid.shape_zyx, grid.spacing_zyx_mm, strict=True)
    )
    matrices: Matrices = (z, y, x)
    controls = fitted(begin, matrices).requires_grad_(True)
    correlation = LocalCorrelation.of(images.fixed, images.body, noise=settings.noise_hu)
    adam = Adam(controls, rate=level.rate_mm, steps=level.steps, betas=_BETAS)
    weight = correlation.weight
    for step in range(level.steps):
        # the control points are turned into the moving grid's steps, not the voxels: the same, and far fewer
        at = images.placement.at(dense(images.placement.steps(controls), matrices))
        if step % _LOOK_AGAIN == 0:
            with torch.no_grad():
                weight = correlation.where(images.known(at))
        mismatch = correlation.mismatch(images.moved(at), weight)
        adam.step(mismatch + settings.strain_weight * roughness(controls, level.control_mm))
        tell(step + 1)
    with torch.no_grad():
        return dense(controls, matrices)


def _restrained(field: Tensor, images: _Images, settings: DeformableSettings) -> Tensor:
    correlation = LocalCorrelation.of(images.fixed, images.body, noise=settings.noise_hu)

    def seen(displacements: Tensor) -> Seen:
        at = images.placement.at(images.placement.steps(displacements))
        return Seen(moved=images.moved(at), weight=correlation.where(images.known(at)))

    with torch.no_grad():
        return restrained(field, correlation, with_it=seen(field), without=seen(torch.zeros_like(field)))


def _begin(
    field: Tensor | None, previous: Grid, grid: Grid, start: DisplacementField | None, device: torch.device
) -> Tensor:
    if field is not None:
        before = DisplacementField(grid=previous, displacements_xyz_mm=_nodes(field))
        return torch.from_numpy(np.moveaxis(before.on(grid), -1, 0).copy()).to(device)
    if start is not None:
        return torch.from_numpy(np.moveaxis(start.on(grid), -1, 0).copy()).to(device)
    return torch.zeros(3, *grid.shape_zyx, device=device)


def _as_field(field: Tensor, grid: Grid, region: Grid) -> DisplacementField:
    """On nodes no closer than 3 mm."""
    nodes = region.resampled(at_least(region, _NODE_MM))
    found = DisplacementField(grid=grid, displacements_xyz_mm=_nodes(field))
    if nodes.shape_zyx == grid.shape_zyx:
        return found
    return DisplacementField(grid=nodes, displacements_xyz_mm=found.on(nodes))


def _nodes(field: Tensor) -> NDArray[np.float32]:
    return np.ascontiguousarray(np.moveaxis(field.detach().cpu().numpy(), 0, -1), dtype=np.float32)


def _fitting_mm(region: Grid, voxel_mm: float) -> float:
    """The level's voxel size, larger where the region would hold too many."""
    volume = float(np.prod([n * s for n, s in zip(region.shape_zyx, region.spacing_zyx_mm, strict=True)]))
    return max(voxel_mm, float(np.cbrt(volume / _MOST_VOXELS)))


def _cost(region: Grid, level: Level) -> float:
    step = _fitting_mm(region, level.voxel_mm)
    counts = [n * s / max(s, step) for n, s in zip(region.shape_zyx, region.spacing_zyx_mm, strict=True)]
    return counts[0] * counts[1] * counts[2]


def _widened(body: Tensor, grid: Grid) -> Tensor:
    """The body and a little of the air about it: the skin is where much of what moves can be seen."""
    found = (body > 0.5).to(body.dtype)
    for axis, step in enumerate(grid.spacing_zyx_mm):
        reach = max(1, round(_SKIN_MM / step))
        size, pad = [1, 1, 1], [0, 0, 0]
        size[axis], pad[axis] = 2 * reach + 1, reach
        found = functional.max_pool3d(found, size, stride=1, padding=pad)
    return found


def _tensor(values: NDArray[np.float32], device: torch.device) -> Tensor:
    return torch.tensor(np.asarray(values, dtype=np.float32), device=device)[None, None]
