"""Does a closed line cross itself?"""

from __future__ import annotations

import numpy as np

from contour.anatomy.marching import Floats, Integers

_NOTHING = 1e-9
_PAIRS_AT_ONCE = 400_000


def crosses_itself(loop_yx: Floats) -> bool:
    """True where two edges of a closed polygon pass through one another.

    Edges that only touch, or run back over one another as the slit of a keyhole does, do not cross. Edges are sorted
    by row and only those whose rows overlap are compared.
    """
    start, end = loop_yx, np.roll(loop_yx, -1, axis=0)
    low, high = np.minimum(start[:, 0], end[:, 0]), np.maximum(start[:, 0], end[:, 0])
    order = np.argsort(low, kind="stable")
    start, end, low, high = start[order], end[order], low[order], high[order]
    reach = np.searchsorted(low, high, side="left")  # edges from i + 1 to reach[i] begin before edge i ends
    spans = np.maximum(reach - np.arange(low.size) - 1, 0)
    first = 0
    while first < low.size:
        total = np.cumsum(spans[first:])
        last = first + max(1, int(np.searchsorted(total, _PAIRS_AT_ONCE)))
        one = np.repeat(np.arange(first, min(last, low.size)), spans[first:last])
        within = np.arange(one.size) - np.repeat(np.cumsum(spans[first:last]) - spans[first:last], spans[first:last])
        if _any_cross(start, end, one, one + 1 + within):
            return True
        first = last
    return False


def _any_cross(start: Floats, end: Floats, one: Integers, other: Integers) -> bool:
    left, right = np.minimum(start[:, 1], end[:, 1]), np.maximum(start[:, 1], end[:, 1])
    near = (left[one] < right[other]) & (left[other] < right[one])
    one, other = one[near], other[near]
    a, b, c, d = start[one], end[one], start[other], end[other]
    return bool(((_side(a, b, c) * _side(a, b, d) < -_NOTHING) & (_side(c, d, a) * _side(c, d, b) < -_NOTHING)).any())


def _side(a: Floats, b: Floats, point: Floats) -> Floats:
    """Twice the signed area of the triangle: zero where the point lies on the line, to within rounding."""
    area = (b[:, 0] - a[:, 0]) * (point[:, 1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (point[:, 0] - a[:, 0])
    area[np.abs(area) < 1e-4] = 0.0
    return area
