"""Which planes say most about a set of structures."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from contour.anatomy.structures import Structure

_SPREAD = 2.2
"""Chosen planes keep apart by the structures' whole extent over this many times their number."""
_BODY_SAYS = 0.1
"""Weight of a structure that reaches through most planes."""


def informative_planes(structures: Sequence[Structure], axis: int, count: int) -> tuple[int, ...]:
    """Up to `count` planes across an array axis, in rising order, that together show each structure near its widest.

    Each next plane is the one that adds most to what the earlier ones show. Structures that fill half the planes or
    more (the body) have little say. Without any structure: the middle plane.
    """
    shown = [structure for structure in structures if not structure.is_empty]
    if not shown:
        return (_middle(structures, axis),) if structures else ()
    share = np.stack([_share(structure, axis) for structure in shown])
    free: NDArray[np.bool_] = np.asarray(share.any(axis=0))
    said = np.flatnonzero(share.max(axis=0) > 2 * _BODY_SAYS)
    reach = said if said.size else np.flatnonzero(free)
    gap = max(1, int((reach[-1] - reach[0]) / (count * (_SPREAD if said.size else 1.0))))
    seen = np.zeros(len(shown))
    chosen: list[int] = []
    for _ in range(count):
        if not free.any():
            break
        gain = np.clip(share - seen[:, None], 0.0, None).sum(axis=0) + 0.02 * share.sum(axis=0)
        best = int(np.argmax(np.where(free, gain, -1.0)))
        chosen.append(best)
        seen = np.maximum(seen, share[:, best])
        free[max(0, best - gap + 1) : best + gap] = False
    return tuple(sorted(chosen))


def _share(structure: Structure, axis: int) -> NDArray[np.float64]:
    """Area in each plane over the widest, for the whole grid; damped for what reaches through most planes."""
    others = tuple(other for other in range(3) if other != axis)
    whole = np.zeros(structure.grid.shape_zyx[axis])
    low = structure.lower_zyx[axis]
    whole[low : low + structure.mask_zyx.shape[axis]] = np.count_nonzero(structure.mask_zyx, axis=others)
    damping = _BODY_SAYS if np.count_nonzero(whole) > 0.5 * whole.size else 1.0
    share: NDArray[np.float64] = damping * whole / whole.max()
    return share


def _middle(structures: Sequence[Structure], axis: int) -> int:
    return structures[0].grid.shape_zyx[axis] // 2
