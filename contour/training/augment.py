"""What another scanner, another couch or another clinic would have made of the same patch.

Works on a patch of HU at the network's spacing, z up, y to the back, x to the left. Where the scan shows nothing
(`inside` False) the network is later shown one constant; what is painted there becomes part of what it is shown.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch.nn import functional

_TISSUE_HU = -500.0
_METAL_HU = 3000.0


@dataclass(frozen=True, slots=True, kw_only=True)
class AugmentationSettings:
    """How far a patch may differ from the patient that it came from; chances are per patch."""

    rotation_deg: float = 9.0
    scale: float = 0.13
    mirror: float = 0.5
    shift_hu: float = 25.0
    contrast: float = 0.08
    noise_hu: float = 30.0
    sharpness: float = 0.6
    thick_slices: float = 0.2
    """Chance of slices two or three voxels thick."""
    coarse_pixels: float = 0.15
    """Chance of pixels up to twice as wide."""
    metal: float = 0.08
    couch: float = 0.2
    mask: float = 0.2
    """Chances that a piece of couch, or of an immobilisation mask, was taken for a part of the patient."""
    cut: float = 0.12
    """Chance that the scan ends inside the patch, above or below."""
    narrow: float = 0.05
    """Chance that the field of view ends inside the patch, at a side."""


AS_SCANNED = AugmentationSettings(
    rotation_deg=0.0,
    scale=0.0,
    mirror=0.0,
    shift_hu=0.0,
    contrast=0.0,
    noise_hu=0.0,
    sharpness=0.0,
    thick_slices=0.0,
    coarse_pixels=0.0,
    metal=0.0,
    couch=0.0,
    mask=0.0,
    cut=0.0,
    narrow=0.0,
)
"""Nothing changed."""


def uniform(generator: torch.Generator, low: float = 0.0, high: float = 1.0) -> float:
    """One number from low to high."""
    return low + (high - low) * float(torch.rand((), generator=generator))


def below(count: int, generator: torch.Generator) -> int:
    """One whole number from 0 to count - 1."""
    return int(torch.randint(count, (), generator=generator))


def as_other_scanner(
    hu: torch.Tensor, inside: torch.Tensor, settings: AugmentationSettings, generator: torch.Generator
) -> torch.Tensor:
    """HU (z, y, x) as another scanner would have given them; `inside` grows where couch or mask are painted."""
    if uniform(generator) < settings.couch:
        hu = _with_couch(hu, inside, generator)
    if uniform(generator) < settings.mask:
        hu = _with_mask(hu, inside, generator)
    if uniform(generator) < settings.metal:
        hu = _with_metal(hu, inside, generator)
    if uniform(generator) < settings.thick_slices:
        hu = _coarser(hu, (uniform(generator, 1.2, 3.0), 1.0, 1.0))
    if uniform(generator) < settings.coarse_pixels:
        step = uniform(generator, 1.1, 2.0)
        hu = _coarser(hu, (1.0, step, step))
    contrast = 1 + uniform(generator, -1, 1) * settings.contrast
    shift = uniform(generator, -1, 1) * settings.shift_hu
    sharpness = uniform(generator, -1, 1) * settings.sharpness
    blurred = functional.avg_pool3d(hu[None, None], 3, stride=1, padding=1, count_include_pad=False)[0, 0]
    hu = (hu + sharpness * (hu - blurred)) * contrast + shift
    if uniform(generator) < 0.5:
        noise = torch.randn(hu.shape, generator=generator)
        if uniform(generator) < 0.5:
            noise = 2.0 * functional.avg_pool3d(noise[None, None], (1, 3, 3), stride=1, padding=(0, 1, 1))[0, 0]
        hu = hu + noise * uniform(generator, 0, settings.noise_hu)
    return hu


def end_scan(inside: torch.Tensor, settings: AugmentationSettings, generator: torch.Generator) -> None:
    """Now and then the scan ends inside the patch: what lies beyond becomes outside, in place."""
    if uniform(generator) < settings.cut:
        gone = below(max(1, inside.shape[0] // 3), generator)
        inside[_end(inside.shape[0], gone, generator)] = False
    if uniform(generator) < settings.narrow:
        gone = below(max(1, inside.shape[2] // 4), generator)
        inside[:, :, _end(inside.shape[2], gone, generator)] = False


def _end(size: int, gone: int, generator: torch.Generator) -> slice:
    return slice(size - gone, None) if uniform(generator) < 0.5 else slice(0, gone)


def _coarser(hu: torch.Tensor, steps: tuple[float, float, float]) -> torch.Tensor:
    """As if scanned with voxels that many times larger, brought back by linear interpolation."""
    size = [max(2, round(n / step)) for n, step in zip(hu.shape, steps, strict=True)]
    small = functional.interpolate(hu[None, None], size=size, mode="area")
    return functional.interpolate(small, size=hu.shape, mode="trilinear", align_corners=False)[0, 0]


def _with_couch(hu: torch.Tensor, inside: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """A flat or hollow couch top behind the patient: a thin shell over foam."""
    tissue = hu > _TISSUE_HU
    rows = torch.nonzero((tissue & inside).any(dim=2).any(dim=0))
    if not len(rows):
        return hu
    back = float(rows.max()) + uniform(generator, 0.5, 4.0)
    across = torch.arange(hu.shape[2], dtype=torch.float32)
    middle, hollow = uniform(generator, 0, hu.shape[2]), uniform(generator, 0, 0.006) * (uniform(generator) < 0.5)
    surface = back - hollow * (across - middle) ** 2
    depth = torch.arange(hu.shape[1], dtype=torch.float32)[:, None] - surface[None, :]
    shell, foam = uniform(generator, 0.6, 2.0), uniform(generator, 2.0, 12.0)
    there = (depth >= 0)[None] & ~(tissue & inside)
    painted = torch.where(
        (depth < shell) | ((depth > shell + foam) & (depth < 2 * shell + foam)),
        torch.tensor(uniform(generator, -700, 150)),
        torch.where(depth < shell + foam, torch.tensor(uniform(generator, -980, -850)), torch.tensor(-1000.0)),
    )
    there &= (depth < 2 * shell + foam)[None]
    inside |= there
    return torch.where(there, painted[None], hu)


def _with_mask(hu: torch.Tensor, inside: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """A thermoplastic shell on the skin, over some of the slices and one half of them."""
    tissue = ((hu > _TISSUE_HU) & inside).float()[None, None]
    gap = 3 if uniform(generator) < 0.7 else 5
    near = functional.max_pool3d(tissue, gap, stride=1, padding=gap // 2)
    if gap == 5:
        near = near - functional.max_pool3d(tissue, 3, stride=1, padding=1)
    shell = (near[0, 0] > 0) & ~tissue[0, 0].bool()
    depth, height = hu.shape[0], hu.shape[1]
    first = below(depth, generator)
    kept = torch.zeros_like(shell)
    kept[first : first + 8 + below(depth, generator), : height // 2 + below(height // 2 + 1, generator)] = True
    shell &= kept
    inside |= shell
    return torch.where(shell, torch.tensor(uniform(generator, -800, 100)), hu)


def _with_metal(hu: torch.Tensor, inside: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """A filling: a spot of metal, and bright and dark rays from it through a few slices."""
    tissue = torch.nonzero((hu > 0) & inside)
    if not len(tissue):
        return hu
    z, y, x = (int(i) for i in tissue[below(len(tissue), generator)])
    first, last = max(0, z - below(3, generator)), z + 1 + below(3, generator)
    dy = torch.arange(hu.shape[1], dtype=torch.float32)[:, None] - y
    dx = torch.arange(hu.shape[2], dtype=torch.float32)[None, :] - x
    angle, radius = torch.atan2(dy, dx), torch.sqrt(dy**2 + dx**2)
    rays = torch.zeros_like(radius)
    for _ in range(4):
        rays += torch.cos((1 + below(12, generator)) * angle + uniform(generator, 0, 2 * math.pi))
    rays *= uniform(generator, 50, 400) / 4 * torch.exp(-radius / uniform(generator, 5, 20))
    hu = hu.clone()
    hu[first:last] += rays
    hu[first:last][:, radius < 1.5] = _METAL_HU
    return hu
