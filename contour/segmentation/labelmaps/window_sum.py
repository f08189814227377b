"""A network's answer over a volume, window by window, kept only as long as it is needed.

Each window counts by weights that over all windows add up to one, so that nothing has to be divided in the end. Windows
run along the first axis last; logits of rows that no later window reaches are handed on and their memory used again.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage

from contour.segmentation.labelmaps.spec import WindowSpec
from contour.segmentation.windows import window_starts
from registration.grid import Shape

Ask = Callable[[torch.Tensor], torch.Tensor]
"""(1, channels, a, b, c) to (answer channels, a, b, c) logits."""

_SIGMA_OF_PATCH = 1 / 8
_LEAST_MONAI_WEIGHT = 1e-3


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """Where a window starts, and what each of its voxels counts along each axis."""

    start: Shape
    weights: tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowPlan:
    """All windows of a volume, first axis outermost.

    Args:
        shape: Of the padded volume.
        before: By how many voxels it is padded at each axis' start.
        patch: Of a window.
        windows: In the order in which they are asked.
    """

    shape: Shape
    before: Shape
    patch: Shape
    windows: tuple[Window, ...]


def plan_windows(shape: Shape, spec: WindowSpec, *, overlap: float | None = None) -> WindowPlan:
    """The windows of a volume of this shape; a volume smaller than the patch is padded on both sides."""
    padded = _triple([max(n, p) for n, p in zip(shape, spec.patch, strict=True)])
    before = _triple([(q - n) // 2 for n, q in zip(shape, padded, strict=True)])
    starts: list[tuple[int, ...]] = []
    weights: list[tuple[NDArray[np.float32], ...]] = []
    for size, patch in zip(padded, spec.patch, strict=True):
        share = spec.overlap if overlap is None else overlap
        along = window_starts(size, patch, share) if spec.placement == "even" else strided(size, patch, share)
        starts.append(along)
        weights.append(_adding_up_to_one(size, _bell(patch, spec), along))
    windows = tuple(
        Window(start=(starts[0][i], starts[1][j], starts[2][k]), weights=(weights[0][i], weights[1][j], weights[2][k]))
        for i, j, k in itertools.product(*(range(len(along)) for along in starts))
    )
    return WindowPlan(shape=padded, before=before, patch=spec.patch, windows=windows)


def strided(size: int, patch: int, overlap: float) -> tuple[int, ...]:
    """Where MONAI's windows start: at whole steps, the last one moved back to the volume's end."""
    if size <= patch:
        return (0,)
    step = max(1, int(patch * (1 - overlap)))
    count = -(-(size - patch) // step) + 1
    return tuple(dict.fromkeys(min(n * step, size - patch) for n in range(count)))


def mirrored(ask: Ask, axes: Sequence[int]) -> Ask:
    """The mean answer over every combination of mirrored axes; `ask` itself without any."""
    if not axes:
        return ask
    combinations = [turned for n in range(len(axes) + 1) for turned in itertools.combinations(axes, n)]

    def mean(inputs: torch.Tensor) -> torch.Tensor:
        total: torch.Tensor | None = None
        for turned in combinations:
            dims = [axis + 1 for axis in turned]
            answer = ask(inputs.flip([dim + 1 for dim in dims])).flip(dims) if dims else ask(inputs)
            total = answer.clone() if total is None else total.add_(answer)
        if total is None:
            raise AssertionError("there is always the unturned window")
        return total.div_(len(combinations))

    return mean


class RollingLogits:
    """Logits of a volume whose rows (first axis) come and go; (channels, rows, b, c) of those that are held."""

    def __init__(
        self,
        channels: int,
        plan: WindowPlan,
        *,
        rows: int,
        device: torch.device,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        self._held = torch.zeros((channels, rows, *plan.shape[1:]), dtype=dtype, device=device)
        self._rows = rows

    def add(self, window: Window, logits: Sequence[torch.Tensor]) -> None:
        """Add the weighted mean of a window's logits, one for each network of an ensemble; changes `logits`."""
        mean, *others = logits
        for other in others:
            mean += other
        if others:
            mean /= len(logits)
        self._add(window, mean)

    def _add(self, window: Window, logits: torch.Tensor) -> None:
        x, y, z = (torch.from_numpy(weights).to(logits.device) for weights in window.weights)
        logits.mul_(x[:, None, None]).mul_((y[:, None] * z[None, :])[None])
        self.put(window.start, logits)

    def put(self, start: Shape, values: torch.Tensor) -> None:
        """Add values as they are."""
        a, b, c = start
        size = values.shape
        for rows, first, last in self._segments(a, a + size[1]):
            self._held[:, rows, b : b + size[2], c : c + size[3]] += values[:, first:last]

    def rows(self, first: int, last: int) -> torch.Tensor:
        """Rows first … last - 1; a view where they lie side by side."""
        parts = [self._held[:, rows] for rows, _, _ in self._segments(first, last)]
        return parts[0] if len(parts) == 1 else torch.cat(parts, dim=1)

    def release(self, first: int, last: int) -> None:
        """Forget rows, so that later ones can take their place."""
        for rows, _, _ in self._segments(first, last):
            self._held[:, rows] = 0

    def _segments(self, first: int, last: int) -> Iterator[tuple[slice, int, int]]:
        """Where the rows lie: at most two pieces, each with its part of the asked ones."""
        at = first
        while at < last:
            place = at % self._rows
            count = min(last - at, self._rows - place)
            yield slice(place, place + count), at - first, at - first + count
            at += count


def _bell(patch: int, spec: WindowSpec) -> NDArray[np.float64]:
    if not spec.gaussian:
        return np.ones(patch)
    if spec.placement == "strided":
        away = np.arange(patch) - (patch - 1) / 2
        return np.asarray(np.maximum(np.exp(-(away**2) / (2 * (patch * _SIGMA_OF_PATCH) ** 2)), _LEAST_MONAI_WEIGHT))
    return window_bells((patch, patch, patch))[0]


def window_bells(patch: Shape) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """nnU-Net's Gaussian along each axis, 1 at its highest."""
    bells: list[NDArray[np.float64]] = []
    for size in patch:
        centre = np.zeros(size)
        centre[size // 2] = 1.0
        bell = ndimage.gaussian_filter1d(centre, size * _SIGMA_OF_PATCH, mode="constant")
        bells.append(np.asarray(bell / bell.max()))
    return bells[0], bells[1], bells[2]


def _adding_up_to_one(size: int, bell: NDArray[np.float64], starts: tuple[int, ...]) -> tuple[NDArray[np.float32], ...]:
    total = np.zeros(size)
    for start in starts:
        total[start : start + len(bell)] += bell
    return tuple((bell / total[start : start + len(bell)]).astype(np.float32) for start in starts)


def _triple(values: Sequence[int]) -> Shape:
    a, b, c = values
    return a, b, c
