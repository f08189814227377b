"""A network's answer over a volume, window by window, kept only as long as it is needed.

Each window counts by weights that over all windows add up to one, so that nothing has to be divided in the end. Windows
run along the first axis last; logits of rows that no later window reaches are handed on and their memory used again.
Where only a part of the volume is asked for, the windows are those of the whole that reach it, so that the answer there
is the same.
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

Spans = tuple[tuple[int, int], tuple[int, int], tuple[int, int]]
"""For each axis the first voxel, and one past the last."""

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
        needed: First voxel along each axis whose logits are asked for, and one past the last, in the padded volume.
    """

    shape: Shape
    before: Shape
    patch: Shape
    windows: tuple[Window, ...]
    needed: Spans

    @property
    def held_before(self) -> Shape:
        """Where the unpadded volume starts in held logits: all rows have a place, of the others those needed."""
        a, b, c = self.before
        return a, b - self.needed[1][0], c - self.needed[2][0]

    def kept(self, window: Window) -> tuple[slice, slice, slice]:
        """The part of a window's voxels whose logits are asked for."""
        a, b, c = (
            slice(max(0, first - start), min(size, last - start))
            for (first, last), start, size in zip(self.needed, window.start, self.patch, strict=True)
        )
        return a, b, c


def plan_windows(
    shape: Shape, spec: WindowSpec, *, needed: Spans | None = None, overlap: float | None = None
) -> WindowPlan:
    """The windows of a volume of this shape that reach what is needed of it, None for all.

    A volume smaller than the patch is padded on both sides.
    """
    padded = _triple([max(n, p) for n, p in zip(shape, spec.patch, strict=True)])
    before = _triple([(q - n) // 2 for n, q in zip(shape, padded, strict=True)])
    starts: list[tuple[int, ...]] = []
    weights: list[tuple[NDArray[np.float32], ...]] = []
    for size, patch in zip(padded, spec.patch, strict=True):
        share = spec.overlap if overlap is None else overlap
        along = window_starts(size, patch, share) if spec.placement == "even" else strided(size, patch, share)
        starts.append(along)
        weights.append(_adding_up_to_one(size, _bell(patch, spec), along))
    asked = ((0, padded[0]), (0, padded[1]), (0, padded[2])) if needed is None else _moved(needed, before)
    reaching = [
        [n for n, start in enumerate(along) if start < last and start + patch > first]
        for along, patch, (first, last) in zip(starts, spec.patch, asked, strict=True)
    ]
    windows = tuple(
        Window(start=(starts[0][i], starts[1][j], starts[2][k]), weights=(weights[0][i], weights[1][j], weights[2][k]))
        for i, j, k in itertools.product(*reaching)
    )
    return WindowPlan(shape=padded, before=before, patch=spec.patch, windows=windows, needed=asked)


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
    """Logits of what is needed of a volume, whose rows (first axis) come and go; (channels, rows, b, c) are held."""

    def __init__(
        self,
        channels: int,
        plan: WindowPlan,
        *,
        rows: int,
        device: torch.device,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        within = [last - first for first, last in plan.needed[1:]]
        self._held = torch.zeros((channels, rows, *within), dtype=dtype, device=device)
        self._rows = rows
        self._plan = plan

    def add(self, window: Window, logits: Sequence[torch.Tensor]) -> None:
        """Add the weighted mean of a window's logits, one for each network of an ensemble; changes `logits`."""
        mean, *others = logits
        for other in others:
            mean += other
        if others:
            mean /= len(logits)
        self._add(window, mean)

    def _add(self, window: Window, logits: torch.Tensor) -> None:
        kept = self._plan.kept(window)
        x, y, z = (
            torch.from_numpy(weights[part]).to(logits.device)
            for weights, part in zip(window.weights, kept, strict=True)
        )
        weights = x[:, None, None] * (y[:, None] * z[None, :])
        for held, values, first, last in self._places(window, logits):
            held.addcmul_(values, weights[first:last])

    def put(self, window: Window, values: torch.Tensor) -> None:
        """Add what is needed of a window's values as they are."""
        for held, part, _, _ in self._places(window, values):
            held.add_(part)

    def _places(self, window: Window, values: torch.Tensor) -> Iterator[tuple[torch.Tensor, torch.Tensor, int, int]]:
        """What is needed of a window's values beside the place that holds it, in one or two runs of rows."""
        kept = self._plan.kept(window)
        rows, b, c = (
            slice(start + part.start, start + part.stop) for start, part in zip(window.start, kept, strict=True)
        )
        (b0, _), (c0, _) = self._plan.needed[1:]
        columns = slice(b.start - b0, b.stop - b0), slice(c.start - c0, c.stop - c0)
        needed = values[(slice(None), *kept)]
        for held, first, last in self._segments(rows.start, rows.stop):
            yield self._held[(slice(None), held, *columns)], needed[:, first:last], first, last

    def rows(self, first: int, last: int) -> torch.Tensor:
        """Rows first … last - 1 of the padded volume; a view where they lie side by side."""
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


def _moved(spans: Spans, by: Shape) -> Spans:
    a, b, c = ((first + more, last + more) for (first, last), more in zip(spans, by, strict=True))
    return a, b, c


def _triple(values: Sequence[int]) -> Shape:
    a, b, c = values
    return a, b, c
