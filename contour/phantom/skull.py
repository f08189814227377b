"""Bones of the head, teeth, the air-filled spaces in them, and the bones of the shoulders."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from contour.phantom.organs import INNER_SKULL, OUTER_SKULL, AboveSkullBase
from contour.phantom.shapes import (
    Box,
    Ellipsoid,
    Field,
    Layer,
    Points,
    Shape,
    Tube,
    Union,
    Within,
    Without,
    loft,
    mirrored,
)
from contour.phantom.tissue import Tissue, bone

FILLING_XYZ_MM = (27.0, -77.0, -55.0)
_ARCH_BACK_Y_MM = -34.0


@dataclass(frozen=True, slots=True)
class Horseshoe:
    """A wall that follows half an ellipse, open to the back, between two heights that may slope from front to back."""

    half_width_mm: float
    length_mm: float
    back_y_mm: float
    thickness_mm: float
    bottom_front_back_mm: tuple[float, float]
    top_front_back_mm: tuple[float, float]

    @property
    def box(self) -> Box:
        """Holds the wall."""
        reach = self.half_width_mm + self.thickness_mm
        front = self.back_y_mm - self.length_mm - self.thickness_mm
        return Box(
            (-reach, front, min(self.bottom_front_back_mm)), (reach, self.back_y_mm, max(self.top_front_back_mm))
        )

    def depth_mm(self, points: Points) -> Field:
        """Distance to the nearest face."""
        along = (points.y_mm - np.float32(self.back_y_mm)) * np.float32(-1 / self.length_mm)
        across = points.x_mm * np.float32(1 / self.half_width_mm)
        level = np.sqrt(along * along + across * across + np.float32(1e-6))
        slope = np.sqrt((along / self.length_mm) ** 2 + (across / self.half_width_mm) ** 2 + 1e-9) / level
        wall = np.float32(self.thickness_mm / 2) - np.abs(level - 1) / slope
        share = np.clip(1 - along, 0, 1)
        low, low_back = self.bottom_front_back_mm
        high, high_back = self.top_front_back_mm
        height = np.minimum(
            points.z_mm - (low + (low_back - low) * share), (high + (high_back - high) * share) - points.z_mm
        )
        depth: Field = np.minimum(np.minimum(wall, height), np.float32(self.back_y_mm) - points.y_mm).astype(np.float32)
        return depth


@dataclass(frozen=True, slots=True)
class Plate:
    """A flat plate of parallelogram outline, upright, with its thickness across x; it leans with `lean_per_mm`."""

    centre_xyz_mm: tuple[float, float, float]
    half_sizes_xyz_mm: tuple[float, float, float]
    lean_per_mm: float
    flare_per_mm: float

    @property
    def box(self) -> Box:
        """Holds the plate."""
        (cx, cy, cz), (hx, hy, hz) = self.centre_xyz_mm, self.half_sizes_xyz_mm
        hx, hy = hx + abs(self.flare_per_mm) * hz, hy + abs(self.lean_per_mm) * hz
        return Box((cx - hx, cy - hy, cz - hz), (cx + hx, cy + hy, cz + hz))

    def depth_mm(self, points: Points) -> Field:
        """Distance to the nearest face."""
        up = points.z_mm - np.float32(self.centre_xyz_mm[2])
        across = points.x_mm - np.float32(self.centre_xyz_mm[0]) - np.float32(self.flare_per_mm) * up
        along = points.y_mm - np.float32(self.centre_xyz_mm[1]) - np.float32(self.lean_per_mm) * up
        hx, hy, hz = (np.float32(half) for half in self.half_sizes_xyz_mm)
        depth: Field = np.minimum(np.minimum(hx - np.abs(across), hy - np.abs(along)), hz - np.abs(up))
        return depth


def ramus(side: int) -> Shape:
    """The jaw's rising part on one side, with its joint head and the process in front of it."""
    plate = Plate((side * 47.5, -37.0, -52.0), (4.2, 14.5, 25.0), lean_per_mm=0.12, flare_per_mm=side * 0.1)
    neck = Tube(
        (mirrored(side, (49, -26, -36)), mirrored(side, (51, -22, -26)), mirrored(side, (52, -20, -22.5))),
        (4.5, 4.4, 5.6),
    )
    process = Tube((mirrored(side, (48, -44, -34)), mirrored(side, (49, -47, -17))), (4.2, 2.6))
    return Union((plate, neck, process), blend_mm=2.0)


def mandible() -> Shape:
    """The lower jaw without its teeth."""
    body = Horseshoe(46.0, 68.0, _ARCH_BACK_Y_MM, 11.5, (-88.0, -75.0), (-62.0, -52.0))
    chin = Ellipsoid((0, -102, -83), (13, 7, 7))
    return Union((body, chin, ramus(1), ramus(-1)), blend_mm=2.0)


def skull_bones() -> Iterator[Tissue]:
    """Vault, base, face and cheek bones."""
    vault = Within((Without(OUTER_SKULL, (INNER_SKULL,)), AboveSkullBase(-7.0)))
    yield Tissue(vault, 1150.0)
    yield Tissue(Within((Layer(OUTER_SKULL, 2.2, 4.4), AboveSkullBase(-4.0))), 620.0, mottle_hu=120.0)
    foramen = loft([(-60, 0, 15.5, -9, 23), (-28, 0, 14.5, -10, 22)])
    slab = Without(Within((Layer(OUTER_SKULL, 0.0, 1e3), AboveSkullBase(-6.0))), (AboveSkullBase(), foramen))
    yield from bone(slab, cortex_mm=1.2, cortex_hu=820.0, marrow_hu=480.0)
    for side in (1, -1):
        petrous = Within(
            (
                Tube(
                    (mirrored(side, (62, 16, -14)), mirrored(side, (36, 4, -15)), mirrored(side, (15, -14, -12))),
                    (12, 9, 6),
                ),
            )
        )
        yield from bone(petrous, cortex_mm=2.0, cortex_hu=1350.0, marrow_hu=950.0)
        mastoid = Ellipsoid(mirrored(side, (56, 18, -32)), (10, 13, 19))
        yield from bone(mastoid, cortex_mm=1.8, cortex_hu=900.0, marrow_hu=-250.0)
        for x_mm, y_mm, z_mm in ((55, 14, -26), (57, 21, -34), (54, 19, -22), (58, 13, -36)):
            yield Tissue(Ellipsoid(mirrored(side, (x_mm, y_mm, z_mm)), (3.5, 3.5, 4)), -780.0)
        canal = Tube((mirrored(side, (84, 6, -16)), mirrored(side, (50, 4, -16))), (3.4, 3.0))
        yield Tissue(canal, -980.0)
        arch = Tube(
            (
                mirrored(side, (63, -8, -14)),
                mirrored(side, (66, -34, -16)),
                mirrored(side, (60, -62, -19)),
                mirrored(side, (46, -82, -20)),
            ),
            (3.2, 2.8, 4.0, 6.5),
        )
        yield from bone(arch, cortex_mm=1.6, cortex_hu=950.0, marrow_hu=450.0)
        rim = Layer(Ellipsoid(mirrored(side, (34, -80, 8)), (21, 27, 20)), -2.2, 0.0)
        yield Tissue(Within((rim, Ellipsoid((0, -66, 8), (70, 25, 34)))), 780.0)
        pterygoid = Plate(mirrored(side, (15, -44, -26)), (1.6, 8, 16), lean_per_mm=0.0, flare_per_mm=side * 0.1)
        yield Tissue(pterygoid, 700.0)
    clivus = Tube(((0, -34, -6), (0, -22, -26), (0, -14, -36)), (10, 8, 5))
    yield from bone(Without(clivus, (AboveSkullBase(),)), cortex_mm=1.5, cortex_hu=800.0, marrow_hu=350.0)
    maxilla = loft([(-48, 0, 31, -101, -46), (-36, 0, 33, -102, -44), (-22, 0, 38, -98, -50), (-4, 0, 30, -96, -58)])
    mouth = loft([(-60, 0, 22, -90, -30), (-40, 0, 19, -88, -30), (-35.5, 0, 8, -76, -40)])
    yield Tissue(Without(Layer(maxilla, 0.0, 5.0), (mouth,)), 720.0, mottle_hu=90.0)
    yield Tissue(Without(Layer(maxilla, 5.0, 1e3), (mouth,)), 60.0)
    yield Tissue(Tube(((0, -96, 12), (0, -108, -4)), (4.0, 3.2)), 650.0)


def air_spaces() -> Iterator[Tissue]:
    """Nose and sinuses, with thin bone walls, septum and turbinates."""
    spaces: list[Shape] = [
        Ellipsoid((31, -72, -18), (14.5, 18, 16)),
        Ellipsoid((-30, -71, -19), (13, 16.5, 14.5)),
        Ellipsoid((7, -38, -3), (8, 11, 8.5)),
        Ellipsoid((-8, -38, -4), (6.5, 10, 7)),
        Ellipsoid((9, -86, 33), (8, 4, 12)),
        Ellipsoid((-8, -86, 30), (6.5, 4, 9)),
        loft([(-6, 0, 10, -84, -46), (6, 0, 11, -84, -46), (15, 0, 8, -82, -54)]),
    ]
    for space in spaces:
        yield Tissue(Layer(space, -1.6, 0.0), 560.0)
        yield Tissue(space, -990.0)
    for y_mm in (-76.0, -67.0, -58.0):
        yield Tissue(Plate((0, y_mm, 5), (11, 0.8, 10), 0.0, 0.0), 180.0)
    for x_mm in (-5.2, 0.5, 5.6):
        yield Tissue(Plate((x_mm, -66, 5), (0.8, 17, 10), 0.0, 0.0), 180.0)
    yield Tissue(loft([(-31, 0, 14, -104, -36), (-18, 0, 13, -104, -36), (-4, 0, 9, -100, -44)]), -990.0)
    for side in (1, -1):
        for z_mm, radius in ((-24.5, 5.4), (-12.5, 4.4)):
            path = (mirrored(side, (7.6, -90, z_mm)), mirrored(side, (8, -50, z_mm - 1)))
            yield Tissue(Tube(path, (radius, radius)), 55.0)
        yield Tissue(Tube((mirrored(side, (6, -112, -35)), mirrored(side, (7, -100, -26))), (3.6, 4.0)), -980.0)
    yield Tissue(Plate((1.0, -72, -16), (1.3, 32, 15), 0.0, 0.02), 190.0)


def jaw_and_teeth(jaw: Shape) -> Iterator[Tissue]:
    """The mandible with compact rim and marrow, and both rows of teeth."""
    yield from bone(jaw, cortex_mm=2.6, cortex_hu=1350.0, marrow_hu=420.0)
    for radius, bottom, top in ((0.0, -68.0, -55.5), (1.0, -53.5, -40.0)):
        for angle in np.linspace(-66, 66, 14):
            x = (35.0 + radius) * np.sin(np.radians(angle))
            y = -50.0 - (47.0 + radius) * np.cos(np.radians(angle))
            wide = 3.1 + 1.6 * abs(angle) / 66
            tooth = Tube(((x, y, bottom + wide), (x, y, top - wide)), (wide, wide))
            yield Tissue(tooth, 1900.0)
            yield Tissue(Layer(tooth, 1.6, 1e3), 1350.0)


def filling() -> Shape:
    """One metal filling in a left lower molar."""
    return Ellipsoid(FILLING_XYZ_MM, (3.4, 3.6, 3.0))


def shoulder_bones() -> Iterator[Tissue]:
    """Collar bones, shoulder blades, upper arms and breast bone."""
    for side in (1, -1):
        low = -2.0 * side
        collar = Tube(
            (
                mirrored(side, (17, -40, -208)),
                mirrored(side, (52, -42, -198)),
                mirrored(side, (92, -18, -186)),
                mirrored(side, (126, 10, -176 + low)),
                mirrored(side, (150, 22, -174 + low)),
            ),
            (8.5, 6.5, 6.0, 6.0, 7.0),
        )
        yield from bone(collar, cortex_mm=2.0, cortex_hu=980.0, marrow_hu=300.0)
        blade = Tube(
            (
                mirrored(side, (146, 50, -186 + low)),
                mirrored(side, (104, 82, -196 + low)),
                mirrored(side, (82, 98, -204)),
            ),
            (6, 4.5, 3.5),
        )
        spine = Tube(
            (
                mirrored(side, (156, 40, -172 + low)),
                mirrored(side, (120, 86, -180 + low)),
                mirrored(side, (84, 104, -192)),
            ),
            (6, 4.5, 4),
        )
        lower = Tube(
            (mirrored(side, (142, 54, -200)), mirrored(side, (96, 96, -250)), mirrored(side, (88, 100, -310))),
            (6, 4, 4),
        )
        for piece in (blade, spine, lower):
            yield from bone(piece, cortex_mm=1.6, cortex_hu=850.0, marrow_hu=300.0)
        head = Tube((mirrored(side, (164, 34, -198 + low)), mirrored(side, (167, 34, -204 + low))), (23, 23))
        shaft = Tube(
            (mirrored(side, (169, 36, -206)), mirrored(side, (174, 40, -250)), mirrored(side, (176, 42, -420))),
            (19, 12, 11),
        )
        yield from bone(Union((head, shaft), blend_mm=6.0), cortex_mm=2.6, cortex_hu=1050.0, marrow_hu=230.0)
    sternum = loft(
        [(-420, 0, 16, -100, -88), (-250, 0, 24, -80, -66), (-222, 0, 28, -66, -52), (-208, 0, 22, -58, -46)],
        open_ended=True,
    )
    yield from bone(sternum, cortex_mm=1.8, cortex_hu=700.0, marrow_hu=200.0)
