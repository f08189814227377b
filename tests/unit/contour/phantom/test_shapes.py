from __future__ import annotations

import numpy as np
import pytest

from contour.phantom.shapes import Ellipsoid, Layer, Points, Profile, Shape, Tube, Union, Within, Without, loft
from contour.phantom.skull import Horseshoe, Plate
from contour.phantom.spine import AlongSpine, cord_y_mm

BALL = Ellipsoid((3.0, -7.0, 11.0), (20.0, 20.0, 20.0))
SHAPES: list[Shape] = [
    Ellipsoid((3.0, -7.0, 11.0), (9.0, 14.0, 21.0)),
    Tube(((0.0, 0.0, -20.0), (8.0, 5.0, 4.0), (9.0, -6.0, 22.0)), (4.0, 6.0, 3.0)),
    loft([(-18.0, 1.0, 8.0, -9.0, 5.0), (4.0, -2.0, 14.0, -12.0, 9.0), (21.0, 0.0, 6.0, -5.0, 8.0)]),
    Union((Ellipsoid((8.0, 0.0, 0.0), (9.0, 8.0, 7.0)), Ellipsoid((-6.0, 3.0, 2.0), (9.0, 9.0, 9.0))), blend_mm=3.0),
    Within((BALL, Ellipsoid((10.0, 0.0, 5.0), (15.0, 15.0, 15.0)))),
    Without(BALL, (Ellipsoid((10.0, 0.0, 5.0), (8.0, 8.0, 8.0)),), gap_mm=1.0),
    Layer(BALL, -2.0, 1.0),
    Horseshoe(16.0, 22.0, 9.0, 6.0, (-12.0, -6.0), (8.0, 14.0)),
    Plate((2.0, -3.0, 4.0), (5.0, 9.0, 14.0), lean_per_mm=0.2, flare_per_mm=-0.1),
]


def lattice(step_mm: float = 1.0, reach_mm: float = 45.0) -> Points:
    line = np.arange(-reach_mm, reach_mm + 0.1, step_mm, dtype=np.float32)
    return Points(line[None, None, :], line[None, :, None], line[:, None, None])


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: type(shape).__name__)
def test_box_holds_every_point_inside(shape: Shape) -> None:
    points = lattice()
    inside = np.broadcast_to(shape.depth_mm(points), (91, 91, 91)) > 0
    assert inside.any()
    z, y, x = np.nonzero(inside)
    for found, low, high in zip((x - 45.0, y - 45.0, z - 45.0), *shape.box, strict=True):
        assert found.min() >= low - 1e-3
        assert found.max() <= high + 1e-3


def test_depth_near_a_surface_is_the_distance_in_millimetres() -> None:
    for radius in (17.0, 19.0, 20.0, 21.0, 23.0):
        there = [np.float32(v).reshape(1, 1, 1) for v in (3.0 + 0.6 * radius, -7.0, 11.0 - 0.8 * radius)]
        assert BALL.depth_mm(Points(*there)).item() == pytest.approx(20.0 - radius, abs=0.05)


def test_volume_of_an_ellipsoid_is_right() -> None:
    shape = Ellipsoid((3.3, -7.1, 11.7), (9.0, 14.0, 21.0))
    inside = np.count_nonzero(shape.depth_mm(lattice(0.5)) > 0) * 0.5**3
    assert inside == pytest.approx(4 / 3 * np.pi * 9 * 14 * 21, rel=0.005)


def test_profile_is_constant_beyond_its_ends_and_passes_through_its_knots() -> None:
    profile = Profile((10.0, -20.0, 0.0), (5.0, 1.0, 2.0))
    asked = np.asarray([-500.0, -20.0, 0.0, 10.0, 500.0], dtype=np.float32)
    assert np.allclose(profile.at(asked), (1.0, 1.0, 2.0, 5.0, 5.0), atol=1e-5)


def test_a_shape_bent_along_the_spine_stays_in_its_box_behind_the_same_cord() -> None:
    bent = AlongSpine(Ellipsoid((0.0, -20.0, -150.0), (12.0, 8.0, 10.0)))
    y = np.arange(-60.0, 120.0, 1.0, dtype=np.float32)[None, :, None]
    z = np.arange(-220.0, -80.0, 1.0, dtype=np.float32)[:, None, None]
    inside = bent.depth_mm(Points(np.zeros((1, 1, 1), dtype=np.float32), y, z))[:, :, 0] > 0
    rows = np.argwhere(inside)
    low, high = bent.box
    assert rows[:, 0].min() - 220 >= low[2]
    assert rows[:, 0].max() - 220 <= high[2]
    assert rows[:, 1].max() - 60 < cord_y_mm(rows[:, 0].mean() - 220)
