"""From logits on the network's grid to labels on the CT's, in slabs, as the logits become final.

Upsampling every channel of a hundred and then comparing them is what makes exporting slow. A channel that in a small
block is nowhere as high as another one is everywhere, cannot win there whatever the (convex) interpolation: most blocks
are left with one channel or a few, and only these are upsampled. The labels are the same.

Fast mode leaves fewer: only channels that are the highest at one voxel of the network's grid at least are sought
between the block's voxels. What it can miss is a sliver that lies between voxels and on none.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from contour.segmentation.labelmaps.sampling import Resampling, Weights
from contour.segmentation.labelmaps.spec import Answer
from registration.grid import Shape

_BLOCK = (24, 48, 48)
"""Voxels of the CT that are decided together."""


class Logits(Protocol):
    """Logits of a padded volume whose rows come and go."""

    def rows(self, first: int, last: int) -> torch.Tensor:
        """(channels, rows, b, c) of rows first … last - 1."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """For each new voxel along an axis, the first old one it looks at, and one past the last."""

    first: NDArray[np.intp]
    last: NDArray[np.intp]

    @classmethod
    def of(cls, weights: Weights) -> Reach:
        """From a matrix of `sampling`."""
        used = weights != 0
        return cls(first=used.argmax(axis=1), last=weights.shape[1] - used[:, ::-1].argmax(axis=1))

    def span(self, start: int, stop: int) -> tuple[int, int]:
        """What voxels start … stop - 1 look at."""
        return int(self.first[start:stop].min()), int(self.last[start:stop].max())


def spans_read(back: Resampling) -> tuple[tuple[int, int], tuple[int, int], tuple[int, int]]:
    """For each axis the first old voxel that any new one looks at, and one past the last."""
    a, b, c = (Reach.of(weights).span(0, weights.shape[0]) for weights in back.weights)
    return a, b, c


class StreamedLabels:
    """Decides the labels of the CT's slices as soon as all logits they look at are final."""

    def __init__(
        self,
        back: Resampling,
        *,
        answer: Answer,
        paint: tuple[int, ...],
        channels: int,
        convex: bool,
        before: Shape,
        rounded: bool = False,
        only_highest: bool = False,
    ) -> None:
        self._weights = back.weights
        self._reach = tuple(Reach.of(weights) for weights in back.weights)
        self._answer = answer
        self._paint = paint
        self._convex = convex
        self._rounded = rounded
        self._only_highest = only_highest and answer == "labels"
        self._before = before
        self._done = 0
        shape = back.shape_out
        highest = max(paint, default=channels)
        kind = np.uint8 if max(highest, channels) < 256 else np.uint16
        leading = (channels,) if answer == "independent" else ()
        self.labels = np.zeros((*leading, *shape), dtype=np.bool_ if leading else kind)

    def first_needed(self) -> int:
        """The first row of logits that a slice not yet decided looks at, in the padded volume."""
        first = self._reach[0].first[self._done :]
        return self._before[0] + (int(first.min()) if first.size else self._weights[0].shape[1])

    def rows_held(self, starts: list[int], patch: int) -> int:
        """How many rows of logits have to be held at once, where windows start at these rows."""
        return max(start + patch - self._needed_when(start) for start in starts)

    def decide(self, logits: Logits, final: int) -> None:
        """Decide every slice whose logits lie in rows under `final` of the padded volume."""
        ready = self._ready(final)
        while self._done < ready:
            stop = min(ready, self._done + _BLOCK[0])
            self._decide_slab(logits, self._done, stop)
            self._done = stop

    def _ready(self, final: int) -> int:
        """One past the last slice that looks at no row from `final` on."""
        waiting = np.flatnonzero(self._reach[0].last > final - self._before[0])
        return int(waiting[0]) if waiting.size else len(self._reach[0].last)

    def _needed_when(self, final: int) -> int:
        done = self._ready(final)
        first = self._reach[0].first[done:]
        return self._before[0] + int(first.min()) if first.size else final

    def _decide_slab(self, logits: Logits, start: int, stop: int) -> None:
        first, last = self._reach[0].span(start, stop)
        held = logits.rows(self._before[0] + first, self._before[0] + last)
        along = torch.from_numpy(self._weights[0][start:stop, first:last]).to(held.device)
        highest = held.max(dim=0).indices.to(torch.int16) if self._only_highest else None
        for rows, columns in self._blocks():
            spans = [reach.span(*part) for reach, part in zip(self._reach[1:], (rows, columns), strict=True)]
            (y0, y1), (x0, x1) = spans
            b, c = self._before[1:]
            within = (slice(None), slice(b + y0, b + y1), slice(c + x0, c + x1))
            part = held[(slice(None), *within)]
            matrices = (
                along,
                torch.from_numpy(self._weights[1][rows[0] : rows[1], y0:y1]).to(held.device),
                torch.from_numpy(self._weights[2][columns[0] : columns[1], x0:x1]).to(held.device),
            )
            block = (slice(start, stop), slice(*rows), slice(*columns))
            if highest is None:
                self._decide_block(part, matrices, block)
            else:
                self._best_of(torch.unique(highest[within]).tolist(), part, matrices, block)

    def _blocks(self) -> Iterator[tuple[tuple[int, int], tuple[int, int]]]:
        sizes = [weights.shape[0] for weights in self._weights[1:]]
        edges = [
            [(at, min(at + step, size)) for at in range(0, size, step)]
            for size, step in zip(sizes, _BLOCK[1:], strict=True)
        ]
        return itertools.product(*edges)

    def _decide_block(
        self, part: torch.Tensor, matrices: tuple[torch.Tensor, ...], block: tuple[slice, slice, slice]
    ) -> None:
        part = part.contiguous()
        lowest, highest = torch.aminmax(part.flatten(1), dim=1)
        if self._answer == "labels":
            self._best_of(self._where(highest >= lowest.max()), part, matrices, block)
            return
        for channel in self._where(highest > 0):
            sure = self._convex and bool(lowest[channel] > 0)
            inside = np.True_ if sure else (_upsampled(part[channel][None], matrices)[0] > 0).cpu().numpy()
            if self._answer == "independent":
                self.labels[channel][block] = inside
            else:
                np.copyto(self.labels[block], self._paint[channel], where=inside)

    def _best_of(
        self,
        rivals: list[int],
        part: torch.Tensor,
        matrices: tuple[torch.Tensor, ...],
        block: tuple[slice, slice, slice],
    ) -> None:
        """The highest of the rivals at each voxel; the first of those that are equally high."""
        if len(rivals) == 1:
            self.labels[block] = rivals[0]
            return
        upsampled = _upsampled(part if len(rivals) == len(part) else part[rivals], matrices)
        if self._rounded:
            upsampled = upsampled.half().float()
        winner = upsampled.max(dim=0).indices.cpu().numpy()
        self.labels[block] = np.asarray(rivals, dtype=self.labels.dtype)[winner]

    def _where(self, flags: torch.Tensor) -> list[int]:
        """The channels that may have a say; all of them where interpolation can overshoot."""
        return [int(n) for n in torch.nonzero(flags).flatten()] if self._convex else list(range(len(flags)))


def _upsampled(part: torch.Tensor, matrices: tuple[torch.Tensor, ...]) -> torch.Tensor:
    """(channels, a, b, c) on the CT's voxels, one matrix for each axis."""
    first, rows, columns = matrices
    channels, _, height, width = part.shape
    along = (first @ part.flatten(2)).reshape(channels, first.shape[0], height, width)
    return (rows @ along) @ columns.T
