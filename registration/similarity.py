"""Local correlation: do two images show the same structure here, whatever their grey values are?

Windows of four voxels, two voxels apart: half as many along each axis as there are voxels, which costs a quarter of
a window about every voxel and loses nothing that a smooth deformation could use.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor
from torch.nn import functional

WINDOW = 4
STEP = 2


def window_means(values: Tensor) -> Tensor:
    """Means over overlapping windows of a (1, channels, Z, Y, X) image: of pairs of neighbouring disjoint blocks."""
    blocks = functional.avg_pool3d(values, STEP, stride=STEP)
    return functional.avg_pool3d(blocks, WINDOW // STEP, stride=1)


def windows_of(body: Tensor) -> Tensor:
    """True at each voxel of a (1, 1, Z, Y, X) image that shares a window with the body."""
    touched = (window_means(body) > 0.0).to(body.dtype)
    spread = functional.interpolate(touched, scale_factor=STEP, mode="nearest")
    whole = functional.pad(
        spread,
        [n for size, had in zip(body.shape[:1:-1], spread.shape[:1:-1], strict=True) for n in (0, size - had)],
        mode="replicate",
    )
    reach = WINDOW - STEP
    return functional.max_pool3d(whole, 2 * reach + 1, stride=1, padding=reach) > 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """The moving image at the fixed voxels, and the weights of its windows."""

    moved: Tensor
    weight: Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalCorrelation:
    """The fixed image's side of the comparison, worked out once.

    Args:
        fixed: (1, 1, Z, Y, X) image.
        mean: Its window means.
        variance: Its window variances.
        weight: How much each window counts, 0 to 1.
        noise_variance: Added to both variances, so that a flat window's noise is not mistaken for structure.
    """

    fixed: Tensor
    mean: Tensor
    variance: Tensor
    weight: Tensor
    noise_variance: float

    @classmethod
    def of(cls, fixed: Tensor, body: Tensor, *, noise: float) -> LocalCorrelation:
        """For an image, where it is to be looked at (1 in the body, 0 outside), and its noise in HU."""
        mean = window_means(fixed)
        variance = (window_means(fixed * fixed) - mean * mean).clamp_min(0.0)
        weight = (window_means(body) > 0.0).to(fixed.dtype)
        return cls(fixed=fixed, mean=mean, variance=variance, weight=weight, noise_variance=noise * noise)

    def where(self, known: Tensor) -> Tensor:
        """Weights of the windows that the moving scan has data for.

        Args:
            known: (1, 1, Z, Y, X), 1 where it has data, 0 elsewhere; a window that holds unknown voxels is left out.
        """
        return self.weight * (window_means(known) > 0.99).to(self.weight.dtype)

    def squared(self, moved: Tensor) -> Tensor:
        """Squared local correlation of each window with the moving image at the fixed voxels, 0 to 1."""
        mean = window_means(moved)
        variance = (window_means(moved * moved) - mean * mean).clamp_min(0.0)
        covariance = window_means(moved * self.fixed) - mean * self.mean
        return covariance * covariance / ((self.variance + self.noise_variance) * (variance + self.noise_variance))

    def mismatch(self, moved: Tensor, weight: Tensor) -> Tensor:
        """One minus the weighted mean of squared local correlation, 0 to 1.

        Args:
            moved: The moving image at the fixed voxels, (1, 1, Z, Y, X).
            weight: Of the windows, from `where`.
        """
        return 1.0 - (self.squared(moved) * weight).sum() / weight.sum().clamp_min(1.0)
