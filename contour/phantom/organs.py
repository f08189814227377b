"""Organs whose truth is known: brain, brainstem, parotids, larynx, oesophagus and two targets; and their neighbours."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from contour.phantom.shapes import (
    Box,
    Ellipsoid,
    Field,
    Layer,
    Points,
    Profile,
    Shape,
    Tube,
    Union,
    Within,
    Without,
    loft,
    mirrored,
)
from contour.phantom.spine import cord_y_mm
from contour.phantom.tissue import Tissue
from contour.phantom.variation import Variation

INNER_SKULL = Ellipsoid((0, -4, 18), (66, 85.5, 65))
OUTER_SKULL = Ellipsoid((0, -4, 18), (72.5, 92, 71.5))
_FLOOR_Y_MM = (-100.0, -50.0, -38.0, -27.0, -21.0, -11.0, 12.0, 45.0, 68.0, 92.0)
_FLOOR_MIDDLE_MM = Profile(_FLOOR_Y_MM, (14.0, 11.0, 3.0, -1.0, -8.0, -34.0, -36.0, -35.0, -23.0, -4.0))
_FLOOR_SIDE_Y_MM = (-100.0, -64.0, -53.0, -40.0, -24.0, -10.0, 1.0, 11.0, 22.0, 45.0, 68.0, 92.0)
_FLOOR_SIDE_MM = Profile(
    _FLOOR_SIDE_Y_MM, (16.0, 10.0, -5.0, -13.0, -14.5, -10.0, -4.0, -18.0, -29.0, -33.0, -22.0, -4.0)
)


@dataclass(frozen=True, slots=True)
class AboveSkullBase:
    """Everything higher than the floor of the skull, which steps down from the forehead to the neck."""

    raised_mm: float = 0.0

    @property
    def box(self) -> Box:
        """The whole head; there is nothing over it."""
        return Box((-90.0, -110.0, -60.0), (90.0, 110.0, 120.0))

    def depth_mm(self, points: Points) -> Field:
        """Height over the floor, shortened for its slope."""
        side = np.clip((np.abs(points.x_mm) - np.float32(13)) * np.float32(1 / 11), 0, 1)
        middle, lateral = _FLOOR_MIDDLE_MM.at(points.y_mm), _FLOOR_SIDE_MM.at(points.y_mm)
        outward = np.clip((np.abs(points.x_mm) - np.float32(36)) * np.float32(1 / 26), 0, 1.2)
        floor = middle + (lateral - middle) * side + np.float32(8) * outward * outward
        height: Field = (points.z_mm - floor - np.float32(self.raised_mm)) * np.float32(0.8)
        return height


@dataclass(frozen=True, slots=True, kw_only=True)
class Organs:
    """The shapes whose masks are the truth."""

    brain: Shape
    brainstem: Shape
    parotid_left: Shape
    parotid_right: Shape
    larynx: Shape
    esophagus: Shape
    primary: Shape
    node: Shape
    airway: Shape


def organs_of(variation: Variation, jaw: Shape) -> Organs:
    """One patient's organs; the parotids wrap round the `jaw`."""
    side = variation.tumour_side
    airway = _airway()
    primary_size = variation.primary_scale
    primary = Union(
        (
            Ellipsoid((side * 15.0, -42.0, -80.0), (11 * primary_size, 13 * primary_size, 14 * primary_size)),
            Ellipsoid((side * 19.0, -36.0, -74.0), (8 * primary_size, 10 * primary_size, 9 * primary_size)),
        ),
        blend_mm=4.0,
    )
    n = variation.node_scale
    node = Union(
        (
            Ellipsoid((side * 37.0, -14.0, -99.0), (9 * n, 11 * n, 14 * n)),
            Ellipsoid((side * 39.0, -9.0, -108.0), (7 * n, 8 * n, 9 * n)),
        ),
        blend_mm=4.0,
    )
    brainstem = _brainstem()
    left = _parotid(1, variation.parotid_left_scale, variation.parotid_left_shift_mm, jaw)
    right = _parotid(-1, variation.parotid_right_scale, variation.parotid_right_shift_mm, jaw)
    return Organs(
        brain=Without(Within((INNER_SKULL, AboveSkullBase())), (brainstem,)),
        brainstem=brainstem,
        parotid_left=left,
        parotid_right=right,
        larynx=_larynx(variation.larynx_scale, variation.larynx_shift_mm),
        esophagus=_esophagus(),
        primary=Without(primary, (airway,), gap_mm=0.5),
        node=node,
        airway=airway,
    )


def _brainstem() -> Shape:
    return loft(
        [
            (-36, 0, 7.6, -0.5, 12.5),
            (-26, 0, 8.6, -4, 12.5),
            (-17, 0, 11.0, -8, 12.5),
            (-12, 0, 15.0, -13, 12.0),
            (-3, 0, 17.5, -15, 12.0),
            (5, 0, 16.5, -14, 11.5),
            (10, 0, 15.0, -11, 11.0),
            (16, 0, 15.5, -11, 11.0),
            (21, 0, 14.0, -9, 9.5),
        ]
    )


def _parotid(side: int, scale: float, shift_mm: float, jaw: Shape) -> Shape:
    superficial = Ellipsoid((side * 57.5, -23.0, -47.0 + shift_mm), (12.5 * scale, 19.0 * scale, 26.0 * scale))
    deep = Ellipsoid((side * 47.0, -12.0, -46.0 + shift_mm), (11.0 * scale, 10.0 * scale, 18.0 * scale))
    tail = Ellipsoid((side * 56.0, -11.0, -64.0 + shift_mm), (8.0 * scale, 10.0 * scale, 13.0 * scale))
    return Without(Union((superficial, deep, tail), blend_mm=5.0), (jaw,), gap_mm=1.0)


def _airway() -> Shape:
    """From the back of the nose to the windpipe; it turns down behind the palate and the tongue."""
    pharynx = loft(
        [
            (-12, 0, 10, -44, -24),
            (-26, 0, 13, -46, -23),
            (-40, 0, 11, -40, -25),
            (-52, 0, 10, -38, -26),
            (-68, 0, 11, -37, -25),
            (-82, 0, 13, -36, -23),
            (-94, 0, 14, -37, -22),
            (-104, 0, 10, -39, -22),
            (-114, 0, 6.5, -41, -24),
            (-122, 0, 4.5, -42, -25),
            (-127, 0, 3.2, -42, -24),
            (-134, 0, 7.5, -40, -21),
            (-146, 0, 9.0, -37, -20),
            (-165, 0, 9.0, -29, -12),
            (-185, 0, 9.2, -18, -1),
            (-205, 1, 9.2, -9, 8),
            (-230, 2, 9.4, 0, 18),
            (-300, 2, 10.0, 12, 30),
            (-420, 2, 10.0, 12, 30),
        ],
        open_ended=True,
    )
    valleculae = Tube(((6, -42, -93), (8, -43, -99)), (3.0, 2.5))
    other_vallecula = Tube(((-6, -42, -93), (-8, -43, -99)), (3.0, 2.5))
    left_sinus = Tube(((11, -24, -108), (13, -25, -120)), (3.2, 2.0))
    right_sinus = Tube(((-11, -24, -108), (-12, -25, -118)), (3.0, 2.0))
    return Union((pharynx, valleculae, other_vallecula, left_sinus, right_sinus))


def _larynx(scale: float, shift_mm: float) -> Shape:
    half = 17.0 * scale
    middle = -126.0 + shift_mm
    return loft(
        [
            (middle + half, 0, 11.0 * scale, -43, -22),
            (middle + 10, 0, 16.5 * scale, -46, -17),
            (middle + 2, 0, 18.0 * scale, -48, -15),
            (middle - 8, 0, 16.0 * scale, -47, -14),
            (middle - half, 0, 12.5 * scale, -43, -14),
        ]
    )


def _esophagus() -> Shape:
    rows = []
    for z_mm, aside in ((-146, 0), (-160, 1), (-180, 3), (-200, 5), (-225, 6), (-260, 5), (-420, 4)):
        centre = cord_y_mm(z_mm) - 37.0 - (4.0 if z_mm < -170 else 2.0)
        rows.append((float(z_mm), float(aside), 9.0, centre - 6.2, centre + 6.2))
    return loft(rows, open_ended=True)


def brain_and_targets(organs: Organs, variation: Variation) -> Iterator[Tissue]:
    """Everything in `organs` but the airway, and the parts within, in the order of drawing."""
    yield Tissue(Within((INNER_SKULL, AboveSkullBase())), 14.0)
    cortex = Within((Layer(INNER_SKULL, 2.5, 1e3), AboveSkullBase(2.5)))
    yield Tissue(cortex, 38.0, mottle_hu=4.0)
    for side in (1, -1):
        yield Tissue(Ellipsoid(mirrored(side, (27, -4, 38)), (24, 60, 28)), 30.0, mottle_hu=3.0)
        cerebellum = Within((Ellipsoid(mirrored(side, (24, 46, -20)), (24, 22, 16)), cortex))
        yield Tissue(cerebellum, 42.0, mottle_hu=5.0)
        horn = Tube(
            (mirrored(side, (10, -36, 34)), mirrored(side, (11, 4, 40)), mirrored(side, (20, 32, 30))), (4, 5, 4)
        )
        yield Tissue(horn, 8.0)
    yield Tissue(Within((Layer(Ellipsoid((0, -4, 18), (1.2, 85, 65)), 0.0, 1e3), AboveSkullBase(20.0))), 55.0)
    yield Tissue(Layer(organs.brainstem, -2.5, 0.0), 12.0)
    yield Tissue(organs.brainstem, 32.0)
    yield Tissue(Ellipsoid((0, 17, -4), (6, 4, 9)), 10.0)
    for parotid in (organs.parotid_left, organs.parotid_right):
        yield Tissue(parotid, -4.0, mottle_hu=16.0)
    yield Tissue(organs.esophagus, 42.0)
    yield Tissue(Layer(organs.esophagus, 3.6, 1e3), -5.0)
    yield Tissue(organs.primary, 78.0, mottle_hu=6.0)
    yield Tissue(organs.node, 82.0, mottle_hu=6.0)
    if variation.node_scale > 0.95:
        yield Tissue(Layer(organs.node, 3.0, 1e3), 30.0)


def neck_contents() -> Iterator[Tissue]:
    """Vessels, salivary glands and thyroid."""
    for side in (1, -1):
        wide = 1.0 if side > 0 else 1.3
        gland = Ellipsoid(mirrored(side, (30.5, -58 + side, -86)), (9, 15 - side, 12.5 + side))
        yield Tissue(gland, 28.0, mottle_hu=10.0)
        carotid = Tube(
            (
                mirrored(side, (21, -18, -30)),
                mirrored(side, (24, -20, -70)),
                mirrored(side, (26, -22, -105)),
                mirrored(side, (22, -10, -160)),
                mirrored(side, (16, 0, -205)),
                mirrored(side, (10, 4, -300)),
            ),
            (2.6, 2.8, 4.0, 3.6, 4.0, 6.0),
        )
        jugular = Tube(
            (
                mirrored(side, (28, -10, -32)),
                mirrored(side, (32, -12, -75)),
                mirrored(side, (33, -20, -115)),
                mirrored(side, (28, -14, -165)),
                mirrored(side, (24, -22, -200)),
                mirrored(side, (14, -30, -300)),
            ),
            (3.6 * wide, 4.6 * wide, 5.6 * wide, 6.0 * wide, 6.5, 8.0),
        )
        yield Tissue(carotid, 165.0)
        yield Tissue(jugular, 140.0)
        yield Tissue(Ellipsoid(mirrored(side, (17, -28, -153)), (7.5, 9, 20 + side)), 112.0)
    yield Tissue(Ellipsoid((0, -38, -158), (14, 4, 7)), 112.0)


def larynx_and_airway(organs: Organs, variation: Variation) -> Iterator[Tissue]:
    """Soft parts of the larynx, its cartilages, the hyoid bone, the airway with its wall, the lungs' upper ends."""
    middle = -126.0 + variation.larynx_shift_mm
    yield Tissue(organs.larynx, 40.0, mottle_hu=10.0)
    yield Tissue(Layer(organs.larynx, 4.0, 6.5), -25.0, mottle_hu=20.0)
    yield Tissue(Layer(organs.airway, -1.8, 0.0), 60.0)
    shield = Within((Layer(organs.larynx, 0.8, 3.4), Ellipsoid((0, -38, middle + 2), (30, 17, 13))))
    yield Tissue(shield, 210.0, mottle_hu=90.0)
    cricoid = Within((Layer(organs.airway, -4.5, -1.0), Ellipsoid((0, -30, middle - 13), (20, 18, 5))))
    yield Tissue(cricoid, 260.0, mottle_hu=80.0)
    hyoid = Tube(
        (
            (24, -26, -97),
            (20, -42, -100),
            (10, -52, -102),
            (0, -54, -102.5),
            (-10, -52, -102),
            (-20, -42, -100),
            (-24, -26, -97),
        ),
        (1.8, 2.2, 3.0, 3.4, 3.0, 2.2, 1.8),
    )
    yield Tissue(hyoid, 620.0)
    yield Tissue(Layer(hyoid, 1.5, 1e3), 350.0)
    yield Tissue(organs.airway, -1000.0)
    epiglottis = Tube(((0, -33, -92), (0, -38, -104)), (1.8, 1.6))
    yield Tissue(epiglottis, 40.0)
    lungs = [
        loft(
            [
                (-420, 68 * s, 56, -70, 102),
                (-270, 66 * s, 52, -50, 98),
                (-225, 60 * s, 42, -22, 80),
                (-195, 54 * s, 27, 2, 62),
                (-176 - s, 50 * s, 6, 24, 40),
            ],
            open_ended=True,
        )
        for s in (1, -1)
    ]
    for lung in lungs:
        yield Tissue(Layer(lung, -1.5, 0.0), 40.0)
        yield Tissue(lung, -860.0, mottle_hu=30.0)
