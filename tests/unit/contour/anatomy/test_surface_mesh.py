import math
from dataclasses import replace

import numpy as np
import pytest

from contour.anatomy import surface_mesh as module
from contour.anatomy.structures import Structure, crop_to_structure
from contour.anatomy.surface_mesh import SurfaceMesh, surface_mesh
from tests.phantoms import ball, centre_xyz_mm, shell, small_grid, voxel_points_xyz_mm

OBLIQUE = (11.0, -7.0, 9.0)


def euler_characteristic(mesh: SurfaceMesh) -> int:
    sides = np.sort(np.concatenate([mesh.triangles[:, [0, 1]], mesh.triangles[:, [1, 2]], mesh.triangles[:, [2, 0]]]))
    return mesh.points_xyz_mm.shape[0] - np.unique(sides, axis=0).shape[0] + mesh.triangles.shape[0]


def is_closed(mesh: SurfaceMesh) -> bool:
    """Each directed side of a triangle is met by its opposite."""
    sides = np.concatenate([mesh.triangles[:, [0, 1]], mesh.triangles[:, [1, 2]], mesh.triangles[:, [2, 0]]])
    there, times = np.unique(sides, axis=0, return_counts=True)
    back, back_times = np.unique(sides[:, ::-1], axis=0, return_counts=True)
    return np.array_equal(there, back) and np.array_equal(times, back_times)


def torus(grid) -> Structure:
    offset = voxel_points_xyz_mm(grid) - centre_xyz_mm(grid)
    ring = np.hypot(offset[..., 0], offset[..., 1]) - 10.0
    return crop_to_structure("Ring", grid, np.hypot(ring, offset[..., 2]) <= 5.0)


@pytest.mark.parametrize("tilt", [(0.0, 0.0, 0.0), OBLIQUE])
@pytest.mark.parametrize("flip", [False, True])
def test_a_balls_surface_encloses_its_voxels_volume_outward_on_any_axes(tilt, flip):
    grid = small_grid(tilt_xyz_deg=tilt)
    if flip:
        z, y, x = grid.axes_xyz
        grid = replace(grid, axes_xyz=(tuple(-v for v in z), y, x))
    found = ball(grid, 14.0)
    mesh = surface_mesh(found)
    assert is_closed(mesh)
    assert euler_characteristic(mesh) == 2
    assert mesh.volume_ml == pytest.approx(found.volume_ml, rel=0.03)
    away = np.linalg.norm(mesh.points_xyz_mm - centre_xyz_mm(grid), axis=1)
    assert away.min() > 14.0 - 2.0
    assert away.max() < 14.0 + 2.0


def test_relaxing_leaves_no_steps_between_thick_slices():
    grid = small_grid()
    away = np.linalg.norm(surface_mesh(ball(grid, 14.0)).points_xyz_mm - centre_xyz_mm(grid), axis=1)
    assert away.std() < 0.4  # half a slice is 1.5 mm


def test_a_cavity_is_a_second_surface_and_takes_its_volume_off():
    found = shell(small_grid(), 15.0, 6.0)
    mesh = surface_mesh(found)
    assert is_closed(mesh)
    assert euler_characteristic(mesh) == 4
    assert mesh.volume_ml == pytest.approx(found.volume_ml, rel=0.03)


def test_a_ring_keeps_its_hole():
    mesh = surface_mesh(torus(small_grid()))
    assert is_closed(mesh)
    assert euler_characteristic(mesh) == 0


def test_a_membership_moves_the_surface_below_voxel_size():
    grid = small_grid(shape_zyx=(24, 60, 60), spacing_zyx_mm=(1.5, 0.9, 1.2))
    away = np.linalg.norm(voxel_points_xyz_mm(grid) - centre_xyz_mm(grid), axis=-1)
    level = np.clip(np.rint(127.5 + (12.3 - away) * 80.0), 0, 255).astype(np.uint8)
    graded = Structure(name="Ball", grid=grid, lower_zyx=(0, 0, 0), mask_zyx=level >= 128, membership_zyx=level)
    assert surface_mesh(graded).volume_ml == pytest.approx(4 / 3 * math.pi * 12.3**3 / 1000.0, rel=0.015)


def test_a_single_voxel_and_a_crop_that_fills_its_grid_are_closed():
    grid = small_grid(shape_zyx=(3, 4, 5))
    one = np.zeros(grid.shape_zyx, dtype=bool)
    one[0, 3, 0] = True
    for mask in (one, np.ones(grid.shape_zyx, dtype=bool)):
        mesh = surface_mesh(crop_to_structure("Small", grid, mask))
        assert is_closed(mesh)
        assert mesh.volume_ml > 0


def test_an_empty_structure_has_no_surface():
    grid = small_grid()
    mesh = surface_mesh(crop_to_structure("None", grid, np.zeros(grid.shape_zyx, dtype=bool)))
    assert mesh.to_bytes() == bytes(8)
    assert mesh.volume_ml == 0.0


def test_a_large_structure_is_meshed_coarser_and_in_the_same_place(monkeypatch):
    grid = small_grid()
    found = ball(grid, 14.0)
    monkeypatch.setattr(module, "_MOST_VOXELS", found.mask_zyx.size // 3)
    mesh = surface_mesh(found)
    assert is_closed(mesh)
    assert mesh.volume_ml == pytest.approx(found.volume_ml, rel=0.05)
    assert mesh.points_xyz_mm.mean(axis=0) == pytest.approx(centre_xyz_mm(grid), abs=0.7)


def test_the_bytes_are_counts_points_and_triangles():
    mesh = surface_mesh(ball(small_grid(), 9.0))
    data = mesh.to_bytes()
    points, triangles = np.frombuffer(data, "<u4", 2)
    assert np.array_equal(np.frombuffer(data, "<f4", points * 3, 8).reshape(-1, 3), mesh.points_xyz_mm)
    assert np.array_equal(np.frombuffer(data, "<u4", triangles * 3, 8 + points * 12).reshape(-1, 3), mesh.triangles)
