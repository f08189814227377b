"""The spine: its curve, the cord in it, and the vertebrae along it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from contour.phantom.shapes import Box, Field, Loft, Points, Profile, Shape, Tube, Union, Without, loft
from contour.phantom.tissue import Tissue, bone

CORD_Z_MM = (-420.0, -300.0, -260.0, -221.0, -200.0, -180.0, -150.0, -127.0, -100.0, -80.0, -60.0, -36.0, -20.0)
CORD_Y_MM = (80.0, 77.0, 74.0, 66.0, 59.0, 50.0, 34.0, 23.0, 12.5, 8.5, 6.5, 6.0, 5.0)
CORD_CURVE = Profile(CORD_Z_MM, CORD_Y_MM)
_MOST_SLOPE = 0.75
_CERVICAL_LEVELS = 7


def cord_y_mm(z_mm: float) -> float:
    """How far back the cord lies at one level."""
    return float(np.interp(z_mm, CORD_Z_MM, CORD_Y_MM))


def _slope() -> Profile:
    z = np.arange(CORD_Z_MM[0], CORD_Z_MM[-1], 5.0)
    y = CORD_CURVE.at(z.astype(np.float32)).astype(np.float64)
    smooth = np.convolve(np.gradient(y, z), np.ones(5) / 5, mode="same")
    return Profile(z.tolist(), np.clip(smooth, -_MOST_SLOPE, _MOST_SLOPE).tolist())


_SLOPE = _slope()


@dataclass(frozen=True, slots=True)
class AlongSpine:
    """A shape drawn about a straight upright cord, bent along the spine's curve."""

    straight: Shape

    @property
    def box(self) -> Box:
        """Holds the bent shape."""
        (x0, y0, z0), (x1, y1, z1) = self.straight.box
        rise = _MOST_SLOPE * max(abs(y0), abs(y1))
        z0, z1 = z0 - rise, z1 + rise
        curve = CORD_CURVE.at(np.linspace(z0, z1, 65, dtype=np.float32))
        return Box((x0, 1.3 * y0 + float(curve.min()), z0), (x1, 1.3 * y1 + float(curve.max()), z1))

    def depth_mm(self, points: Points) -> Field:
        """Depth in the straight shape."""
        slope = _SLOPE.at(points.z_mm)
        behind = points.y_mm - CORD_CURVE.at(points.z_mm)
        cosine = 1 / np.sqrt(1 + slope * slope)
        return self.straight.depth_mm(Points(points.x_mm, behind * cosine, points.z_mm + slope * behind * cosine))


def spinal_cord() -> Shape:
    """From the brainstem's lower end down through every slice."""
    rows = [(z, 0.0, 7.0 if z > -160 else 6.2, y - 5.6, y + 5.6) for z, y in zip(CORD_Z_MM, CORD_Y_MM, strict=True)]
    kept = [row for row in rows if row[0] <= -36.0]
    return loft(kept, open_ended=True)


def canal() -> Shape:
    """The canal with the cord and the fluid about it."""
    rows = [(z, 0.0, 10.5, y - 8.0, y + 8.0) for z, y in zip(CORD_Z_MM, CORD_Y_MM, strict=True)]
    return loft([row for row in rows if row[0] <= -36.0], open_ended=True)


def vertebrae() -> Iterator[Tissue]:
    """Discs, vertebrae from C1 down, the canal and the cord."""
    heights = [15.0, 19.0, 16.0, 16.5, 17.0, 17.5, 18.5, 20.0, 21.0, 21.5, 22.0, 22.5, 23.0, 23.5, 24.0, 24.5]
    top = -38.0
    for level, height in enumerate(heights):
        bottom = top - height
        yield from _vertebra(level, top, bottom)
        top = bottom
    yield Tissue(canal(), 12.0)
    yield Tissue(spinal_cord(), 38.0)


def _vertebra(level: int, top: float, bottom: float) -> Iterator[Tissue]:
    middle = (top + bottom) / 2
    is_cervical = level < _CERVICAL_LEVELS
    half_width = 9.5 + 0.7 * level
    depth = 14.5 + 0.75 * level
    hole = loft([(top + 9, 0, 10.5, -8.0, 8.0), (bottom - 9, 0, 10.5, -8.0, 8.0)])
    if level == 0:
        yield from _atlas(top, bottom, hole)
        return
    low = bottom + (3.5 if level > 1 else 2.5)
    front = -8.0 - depth
    body = loft(
        [
            (top, 0, half_width + 1, front - 0.5, -8.0),
            (middle, 0, half_width - 1, front + 1.5, -8.0),
            (low, 0, half_width + 1.5, front - 1, -8.0),
        ]
    )
    disc = loft([(low + 1, 0, half_width, front, -8.5), (bottom - 1, 0, half_width, front, -8.5)])
    yield Tissue(AlongSpine(disc), 85.0)
    solids: list[Shape] = [body]
    if level == 1:
        solids.append(Tube(((0, -15.0, middle), (0, -15.5, top + 17)), (6.5, 5.0)))
    reach = 20.0 + 0.9 * level if is_cervical else 34.0
    spine_end = (13.0 + 26.0, middle - 12) if not is_cervical else (13.0 + 9 + 2.2 * level, middle - 6 - level)
    pieces: list[Shape] = [
        loft([(middle + 5, 0, 15.5, -10.0, 14.5), (middle - 7, 0, 15.5, -10.0, 15.0)]),
        Tube(((0, 13.0, middle - 2), (0, spine_end[0], spine_end[1])), (4.0, 3.2)),
    ]
    for side in (1, -1):
        pieces.append(Tube(((side * 17.0, 1.0, top - 1), (side * 17.5, 4.0, bottom + 3)), (6.0, 6.0)))
        tip = (side * reach, -7.0, middle) if is_cervical else (side * reach, 14.0, middle + 1)
        pieces.append(Tube(((side * 11.0, -5.0, middle), tip), (5.0, 3.5)))
    arch = Without(Union(tuple(pieces)), (hole,))
    yield from bone(AlongSpine(Union(tuple(solids))), cortex_mm=1.6, cortex_hu=620.0, marrow_hu=290.0)
    yield from bone(AlongSpine(arch), cortex_mm=1.8, cortex_hu=780.0, marrow_hu=380.0)
    if not is_cervical:
        yield from _ribs(level, middle)


def _atlas(top: float, bottom: float, hole: Loft) -> Iterator[Tissue]:
    middle = (top + bottom) / 2
    ring = Without(
        loft([(top - 3, 0, 24.0, -23.0, 18.0), (bottom + 3, 0, 24.0, -23.0, 18.0)]),
        (loft([(top + 5, 0, 15.0, -19.0, 12.5), (bottom - 5, 0, 15.0, -19.0, 12.5)]), hole),
    )
    pieces: list[Shape] = [ring]
    for side in (1, -1):
        pieces.append(Tube(((side * 19.0, -10.0, top + 3), (side * 19.0, -9.0, bottom)), (8.5, 8.0)))
        pieces.append(Tube(((side * 20.0, -7.0, middle), (side * 37.0, -4.0, middle)), (5.0, 4.0)))
    lateral_masses = AlongSpine(Without(Union(tuple(pieces)), (hole,)))
    yield from bone(lateral_masses, cortex_mm=2.0, cortex_hu=850.0, marrow_hu=450.0)


def _ribs(level: int, middle: float) -> Iterator[Tissue]:
    """Each rib leaves the spine backwards and sideways, then comes round to the front, lower."""
    number = level - _CERVICAL_LEVELS
    wide = 46.0 + 12.0 * min(number, 5)
    for side in (1, -1):
        path = (
            (side * 20.0, cord_y_mm(middle) - 4, middle + 1),
            (side * 36.0, cord_y_mm(middle) + 10, middle + 2),
            (side * (wide + 14), cord_y_mm(middle) - 4, middle - 12),
            (side * (wide + 24), cord_y_mm(middle) - 42, middle - 30),
            (side * (wide + 4), cord_y_mm(middle) - 86, middle - 46),
            (side * 26.0, cord_y_mm(middle) - 112, middle - 52),
        )
        yield from bone(Tube(path, (4.5,) * 6), cortex_mm=1.5, cortex_hu=700.0, marrow_hu=250.0)
