"""The patient's outline: head, face, neck, shoulders and chest, with skin, fat, muscle and the fat between muscles."""

from __future__ import annotations

from collections.abc import Iterator

from contour.phantom.shapes import Ellipsoid, Layer, Loft, Profile, Shape, Tube, Union, Within, loft, mirrored
from contour.phantom.spine import cord_y_mm
from contour.phantom.tissue import Tissue

FAT_Z_MM = (-300.0, -180.0, -140.0, -110.0, -70.0, -40.0, 0.0, 95.0)
FAT_MM = (14.0, 10.0, 8.0, 4.5, 5.0, 4.5, 3.5, 3.5)


def fat_thickness(scale: float) -> Profile:
    """Depth at which fat ends and muscle begins, by level."""
    return Profile(FAT_Z_MM, [2.0 + thickness * scale for thickness in FAT_MM])


def trunk() -> Loft:
    """Neck, shoulders and chest; the chest runs on below the scan."""
    return loft(
        [
            (-420, 0, 180, -118, 130),
            (-330, 0, 182, -108, 130),
            (-258, 0, 188, -86, 131),
            (-218, 0, 194, -72, 130),
            (-198, 0, 194, -63, 128),
            (-178, 0, 186, -54, 123),
            (-158, 0, 164, -47, 114),
            (-145, 0, 134, -48, 105),
            (-133, 0, 104, -52, 97),
            (-120, 0, 79, -58, 88),
            (-108, 0, 66, -62, 79),
            (-95, 0, 62, -63, 72),
            (-78, 0, 62, -62, 67),
            (-60, 0, 62, -52, 66),
            (-35, 0, 58, -42, 66),
            (-15, 0, 50, -36, 60),
        ],
        open_ended=True,
    )


def outline() -> tuple[Shape, tuple[Shape, ...]]:
    """The skin surface: head, neck and shoulders, and the small parts that stand out from them."""
    face = loft(
        [
            (32, 0, 56, -88, 10),
            (18, 0, 66, -98, 20),
            (0, 0, 71, -100, 25),
            (-20, 0, 72, -105, 30),
            (-40, 0, 70, -110, 28),
            (-55, 0, 68, -113, 22),
            (-72, 0, 63, -112, 12),
            (-86, 0, 54, -113, 0),
            (-95, 0, 44, -109, -12),
            (-102, 0, 32, -100, -25),
            (-107, 0, 18, -88, -40),
        ],
        widest=0.58,
    )
    parts: list[Shape] = [trunk(), face, Ellipsoid((0, -4, 18), (78, 98, 77))]
    for side in (1, -1):
        parts.append(Tube((mirrored(side, (158, 40, -196)), mirrored(side, (172, 44, -420))), (50.0, 52.0)))
    smooth = Union(tuple(parts), blend_mm=12.0)
    nose = Tube(((0, -101, 8), (0, -117, -20), (0, -112, -30)), (5.5, 8.5, 9.5))
    nostrils = Ellipsoid((0, -110, -28), (16, 10, 8))
    lips = Union((Ellipsoid((0, -110, -52), (24, 9, 6)), Ellipsoid((0, -109, -64), (21, 9, 6))))
    ears: list[Shape] = []
    for side in (1, -1):
        ears.append(Ellipsoid(mirrored(side, (74, 13 + 1.5 * side, -16)), (9.0, 14, 28)))
    return smooth, (nose, nostrils, lips, *ears)


def soft_tissue() -> Iterator[Tissue]:
    """Muscles, the fat between them, and what lies in the face; drawn over a body of plain muscle."""
    for side in (1, -1):
        fat: list[Shape] = [
            Tube(
                (
                    mirrored(side, (50, 16, -70)),
                    mirrored(side, (52, 34, -110)),
                    mirrored(side, (74, 44, -140)),
                    mirrored(side, (104, 34, -166)),
                ),
                (8, 12, 17, 18),
            ),
            Tube(
                (mirrored(side, (36, -12, -60)), mirrored(side, (34, -20, -118)), mirrored(side, (38, -6, -160))),
                (9, 10, 12),
            ),
            Ellipsoid(mirrored(side, (42, -76, -42)), (16, 17, 24)),
            Ellipsoid(mirrored(side, (30, -34, -38)), (8, 12, 20)),
            Ellipsoid(mirrored(side, (128, 22, -245)), (26, 40, 60)),
            Ellipsoid(mirrored(side, (34, -84, 8)), (17, 22, 18)),
        ]
        for shape in fat:
            yield Tissue(shape, -92.0, mottle_hu=14.0)
        muscles: list[Shape] = [
            Tube(
                (
                    mirrored(side, (56, 14, -34)),
                    mirrored(side, (53, 2, -70)),
                    mirrored(side, (45, -18, -112)),
                    mirrored(side, (28, -32, -160)),
                    mirrored(side, (14, -44, -198)),
                ),
                (8, 10, 10, 8.5, 6),
            ),
            Tube((mirrored(side, (50, -58, -16)), mirrored(side, (57, -48, -66))), (10, 9)),
            Tube((mirrored(side, (34, -38, -12)), mirrored(side, (42, -40, -66))), (9, 8)),
            Tube(
                (mirrored(side, (30, 16, -66)), mirrored(side, (42, 28, -130)), mirrored(side, (70, 66, -190))),
                (8, 9, 11),
            ),
            Tube(
                (mirrored(side, (24, 2, -90)), mirrored(side, (38, 0, -140)), mirrored(side, (56, 4, -182))), (6, 8, 9)
            ),
        ]
        for shape in muscles:
            yield Tissue(shape, 58.0, mottle_hu=6.0)
        yield Tissue(Layer(Union((Ellipsoid(mirrored(side, (112, 92, -230)), (62, 30, 90)),)), -3.0, 0.0), -85.0)
    for z_mm in (-70.0, -105.0, -140.0):
        back = cord_y_mm(z_mm)
        for side in (1, -1):
            seam = Layer(Ellipsoid(mirrored(side, (17, back + 30, z_mm)), (17, 21, 32)), -1.4, 0.0)
            yield Tissue(Within((seam, Ellipsoid((0, back + 36, z_mm), (40, 40, 22)))), -70.0)
    tongue = Ellipsoid((0, -66, -66), (25, 36, 22))
    yield Tissue(Layer(tongue, -2.0, 0.0), -55.0)
    yield Tissue(tongue, 48.0, mottle_hu=18.0)
    yield Tissue(Tube(((0, -96, -78), (0, -52, -92)), (12, 12)), 55.0, mottle_hu=8.0)


def eyes() -> Iterator[Tissue]:
    """Globes with lenses, in the orbits' fat, and the optic nerves."""
    for side in (1, -1):
        yield Tissue(Tube((mirrored(side, (31, -72, 8)), mirrored(side, (10, -40, 8))), (2.4, 2.4)), 32.0)
        yield Tissue(Ellipsoid(mirrored(side, (32, -85, 9)), (12.3, 12.3, 12.3)), 40.0)
        yield Tissue(Ellipsoid(mirrored(side, (32, -85, 9)), (11.0, 11.0, 11.0)), 10.0)
        yield Tissue(Ellipsoid(mirrored(side, (32, -93.5, 9)), (4.5, 2.2, 4.5)), 90.0)
