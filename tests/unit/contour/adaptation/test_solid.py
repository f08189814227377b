"""A structure's volume, centroid and surface are met below voxel size, on oblique grids and for large ones too."""

from __future__ import annotations

import numpy as np
import pytest

from contour.adaptation.solid import View, solid_of
from contour.anatomy.structures import crop_to_structure
from registration import RigidTransform
from tests.phantoms import ball, centre_xyz_mm, small_grid, voxel_points_xyz_mm

TILTED = small_grid((40, 100, 90), (3.0, 0.9, 1.2), tilt_xyz_deg=(7.0, -4.0, 11.0))
MIDDLE = centre_xyz_mm(TILTED)


@pytest.mark.parametrize("radius_mm", [9.0, 17.0, 30.0])
def test_a_balls_volume_centroid_and_surface_are_those_of_the_ball(radius_mm: float) -> None:
    found = solid_of(ball(TILTED, radius_mm, offset_xyz_mm=(0.7, -0.4, 1.1)))
    centre = MIDDLE + np.array([0.7, -0.4, 1.1])
    away = np.linalg.norm(found.surface.points_xyz_mm - centre, axis=1)

    assert found.volume_ml == pytest.approx(4 / 3 * np.pi * radius_mm**3 / 1000, rel=0.07)  # rounded between slices
    assert found.centroid_xyz_mm == pytest.approx(centre, abs=0.12)
    assert away.mean() == pytest.approx(radius_mm, abs=0.2)
    assert away.std() < 0.3
    outward = np.einsum("ij,ij->i", found.surface.outward_xyz, found.surface.points_xyz_mm - centre) / away
    assert outward.min() > 0.0
    assert outward.mean() > 0.9


def test_heights_are_distances_from_the_surface_negative_inside() -> None:
    found = solid_of(ball(TILTED, 17.0))
    direction = np.array([0.48, -0.6, 0.64])
    heights = np.array([-14.0, -6.0, -1.0, 0.0, 1.0, 6.0, 40.0])

    measured = found.height_of(MIDDLE + (17.0 + heights)[:, None] * direction)

    np.testing.assert_allclose(measured, heights, atol=0.8)


def test_a_structure_of_the_day_is_told_in_the_plans_frame() -> None:
    to_plan = RigidTransform.about(tuple(MIDDLE), turn_xyz_deg=(5.0, 9.0, -20.0), shift_xyz_mm=(10.0, -20.0, 30.0))

    found = solid_of(ball(TILTED, 12.0, offset_xyz_mm=(5.0, 0.0, 0.0)), to_plan)

    centre = to_plan.apply(MIDDLE + np.array([5.0, 0.0, 0.0]))
    assert found.centroid_xyz_mm == pytest.approx(centre, abs=0.12)
    assert found.holds(centre[None])[0]
    assert found.height_of(centre[None])[0] == pytest.approx(-12.0, abs=0.8)


def test_a_large_structure_keeps_its_outline_on_wider_voxels() -> None:
    grid = small_grid((40, 260, 200), (3.0, 0.8, 1.0))
    points = voxel_points_xyz_mm(grid) - centre_xyz_mm(grid)
    body = crop_to_structure("Body", grid, np.linalg.norm(points / (95.0, 100.0, 55.0), axis=-1) <= 1.0)
    assert body.mask_zyx.size > 1_500_000

    found = solid_of(body)

    assert found.volume_ml == pytest.approx(body.volume_ml, rel=0.01)
    assert found.centroid_xyz_mm == pytest.approx(centre_xyz_mm(grid), abs=0.1)
    tip = centre_xyz_mm(grid) + np.array([[95.0, 0.0, 0.0], [0.0, -100.0, 0.0]])
    np.testing.assert_allclose(found.height_of(tip), 0.0, atol=0.5)


def test_where_a_scan_ends_a_solid_has_no_surface() -> None:
    half = TILTED.cropped((0, 0, 0), (20, *TILTED.shape_zyx[1:]))
    view = View(plan=TILTED, day=half, daily_to_plan=RigidTransform())
    whole = solid_of(ball(TILTED, 20.0))

    cut = whole.shown_in(view, within_mm=3.0)

    assert cut.volume_ml == pytest.approx(whole.volume_ml / 2, rel=0.05)
    on_axis = cut.surface.points_xyz_mm - MIDDLE
    assert np.linalg.norm(on_axis, axis=1).min() > 19.0
    assert 0.3 * whole.surface.areas_mm2.sum() < cut.surface.areas_mm2.sum() < 0.5 * whole.surface.areas_mm2.sum()


def test_an_empty_structure_is_an_empty_solid_infinitely_far_from_everything() -> None:
    found = solid_of(crop_to_structure("Node", TILTED, np.zeros(TILTED.shape_zyx, dtype=np.bool_)))

    assert found.is_empty
    assert found.centroid_xyz_mm is None
    assert np.isinf(found.height_of(MIDDLE[None])).all()
