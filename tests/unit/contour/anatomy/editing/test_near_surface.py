"""Signed distances of the voxels beside a boundary, judged by planes and balls of which they are known."""

import numpy as np
import pytest

from contour.anatomy.editing.near_surface import SPARE, signed_mm_near_surface
from tests.phantoms import centre_xyz_mm, voxel_points_xyz_mm
from tests.unit.contour.anatomy.editing.edited_bodies import OBLIQUE, STRAIGHT

RAMP_MM = 4.0


def levels_of(inside_mm):
    return np.clip(np.rint(127.5 + 127.5 * inside_mm / RAMP_MM), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("normal", [(1, 0, 0), (0, 0, 1), (0.6, 0.8, 0), (0.2, 0.3, 0.9327), (0.577, -0.577, 0.577)])
def test_a_planes_voxels_are_as_far_from_it_as_they_are(normal):
    inside_mm = (voxel_points_xyz_mm(OBLIQUE) - centre_xyz_mm(OBLIQUE)) @ np.asarray(normal) + 0.17
    found = signed_mm_near_surface(levels_of(inside_mm), OBLIQUE.spacing_zyx_mm)
    found = found[tuple(slice(SPARE, -SPARE) for _ in range(3))][4:-4, 4:-4, 4:-4]
    truth = inside_mm[4:-4, 4:-4, 4:-4]
    assert np.abs(found - truth)[np.abs(truth) < 0.45].max() < 0.1
    assert np.array_equal(found > 0, truth > 0)


def test_a_balls_voxels_are_as_far_from_it_as_they_are_in_the_first_layers():
    inside_mm = 19.0 - np.linalg.norm(voxel_points_xyz_mm(STRAIGHT) - centre_xyz_mm(STRAIGHT), axis=-1)
    found = signed_mm_near_surface(levels_of(inside_mm), STRAIGHT.spacing_zyx_mm)
    found = found[tuple(slice(SPARE, -SPARE) for _ in range(3))]
    near = np.abs(inside_mm) < 0.45
    assert np.abs(found - inside_mm)[near].max() < 0.25
    assert np.abs(found - inside_mm)[near].mean() < 0.04


def test_a_lone_voxel_is_half_a_voxel_from_its_surface_and_an_empty_box_far_from_any():
    levels = np.zeros((3, 3, 3), dtype=np.uint8)
    assert (signed_mm_near_surface(levels, (3.0, 0.9, 1.2)) == -6.0).all()
    levels[1, 1, 1] = 255
    found = signed_mm_near_surface(levels, (3.0, 0.9, 1.2))
    middle = 1 + SPARE
    assert found[middle, middle, middle] == pytest.approx(1 / np.sqrt(1 / 1.5**2 + 1 / 0.45**2 + 1 / 0.6**2), rel=1e-4)
    assert found[middle, middle - 1, middle] == pytest.approx(-0.45, rel=1e-4)
    assert found[middle, middle - 2, middle] == pytest.approx(-1.35, rel=1e-4)
