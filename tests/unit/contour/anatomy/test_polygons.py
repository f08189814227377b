import numpy as np
import pytest
from scipy.ndimage import distance_transform_edt, gaussian_filter

from contour.anatomy.crossing_test import crosses_itself
from contour.anatomy.polygons import trace_polygons
from contour.anatomy.rasterise import polygons_to_structure, rasterise_polygons
from contour.anatomy.structures import Structure, crop_to_structure
from tests.rtstruct_cases import ball, distance_mm, graded_ball, hollow_ball, make_grid


def whole(structure, **settings):
    return rasterise_polygons(trace_polygons(structure, **settings), structure.grid.shape_zyx)


def noise(shape, seed=3, smooth=0.0, level=0.0):
    field = np.random.default_rng(seed).normal(size=shape)
    field = gaussian_filter(field, smooth) if smooth else field
    return field / field.std() > level


SPACINGS = [(1.0, 1.0, 1.0), (2.5, 0.9, 1.2), (3.0, 0.35, 0.5)]


@pytest.mark.parametrize("spacing", SPACINGS)
@pytest.mark.parametrize("level", [-1.2, 0.0, 1.0])
@pytest.mark.parametrize("smooth", [0.0, 1.5])
def test_the_voxel_centre_rule_gives_every_mask_back(spacing, level, smooth):
    grid = make_grid((4, 37, 29), spacing)
    structure = crop_to_structure("x", grid, noise(grid.shape_zyx, smooth=smooth, level=level))
    assert np.array_equal(whole(structure), structure.full_mask_zyx())
    assert np.array_equal(whole(structure, thinning_mm=0.0), structure.full_mask_zyx())


@pytest.mark.parametrize("spacing", SPACINGS)
def test_the_voxel_centre_rule_gives_a_graded_mask_back(spacing):
    grid = make_grid((4, 40, 33), spacing)
    field = gaussian_filter(np.random.default_rng(5).normal(size=grid.shape_zyx), (0, 1.5, 1.5))
    membership = np.clip(127.5 + 90 * field / field.std(), 0, 255).astype(np.uint8)
    structure = Structure(
        name="x", grid=grid, lower_zyx=(0, 0, 0), mask_zyx=membership >= 128, membership_zyx=membership
    )
    polygons = trace_polygons(structure)
    assert np.array_equal(rasterise_polygons(polygons, grid.shape_zyx), structure.full_mask_zyx())
    assert polygons.area_voxels() == pytest.approx(structure.mask_zyx.sum(), rel=5e-3)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("smooth", [0.0, 1.0])
def test_no_polygon_crosses_itself_after_thinning(seed, smooth):
    grid = make_grid((1, 40, 40), (1.0, 0.5, 0.6))
    structure = crop_to_structure("x", grid, noise(grid.shape_zyx, seed=seed, smooth=smooth, level=0.3))
    polygons = trace_polygons(structure)
    assert not any(crosses_itself(polygons.polygon_yx(number)) for number in range(polygons.count))


def test_a_crossing_line_is_seen_and_a_keyhole_is_not_one():
    assert crosses_itself(np.array([[0.0, 0.0], [2.0, 2.0], [2.0, 0.0], [0.0, 2.0]]))
    keyhole = [[0, 0], [0.4, 0], [0.4, 2], [3, 2], [3, 3], [0.3, 3], [0.4, 2], [0.4, 0], [5, 0], [5, 5], [0, 5]]
    assert not crosses_itself(np.array(keyhole, dtype=np.float64))


@pytest.mark.parametrize("thinning_mm", [0.0, 0.1])
def test_a_twelve_millimetre_sphere_keeps_its_volume_within_a_percent(thinning_mm):
    structure = ball(make_grid((20, 20, 20), (1.0, 1.0, 1.0)), "x", (9.3, 9.6, 10.1), 6.0)
    polygons = trace_polygons(structure, thinning_mm=thinning_mm)
    assert polygons.area_voxels() == pytest.approx(structure.mask_zyx.sum(), rel=1e-2)
    assert polygons.area_voxels() == pytest.approx(4 / 3 * np.pi * 6**3, rel=2e-2)


@pytest.mark.parametrize("spacing", SPACINGS)
def test_a_thin_cord_keeps_its_volume_though_every_slice_is_small(spacing):
    grid = make_grid((8, 60, 50), spacing)
    _, y, x = np.ogrid[:8, :60, :50]
    away = np.hypot((y - 29.2) * spacing[1], (x - 20.6) * spacing[2])
    structure = crop_to_structure("x", grid, np.broadcast_to(away <= 4.3, grid.shape_zyx))
    polygons = trace_polygons(structure)
    assert polygons.area_voxels() == pytest.approx(structure.mask_zyx.sum(), rel=1e-4)


def test_boxes_and_hollow_balls_keep_their_volume():
    grid = make_grid((12, 50, 60))
    box = np.zeros(grid.shape_zyx, dtype=np.bool_)
    box[2:9, 5:41, 7:30] = True
    for structure in (crop_to_structure("x", grid, box), hollow_ball(grid, "x", (6.2, 25.1, 29.7), 15.0, 6.0)):
        assert trace_polygons(structure).area_voxels() == pytest.approx(structure.mask_zyx.sum(), rel=5e-3)


def test_one_voxel_becomes_a_diamond_of_one_voxel_area():
    grid = make_grid((3, 9, 11))
    mask = np.zeros(grid.shape_zyx, dtype=np.bool_)
    mask[1, 4, 7] = True
    polygons = trace_polygons(crop_to_structure("x", grid, mask))
    assert polygons.count == 1
    assert polygons.polygon_yx(0).shape == (4, 2)
    assert polygons.area_voxels() == pytest.approx(1.0)
    assert polygons.polygon_yx(0).mean(axis=0) == pytest.approx([4.0, 7.0])


def test_no_polygon_has_fewer_than_four_points():
    grid = make_grid((3, 40, 40))
    polygons = trace_polygons(crop_to_structure("x", grid, noise(grid.shape_zyx, level=1.5)))
    assert np.diff(polygons.starts).min() >= 4


def test_diagonal_neighbours_are_one_polygon_so_an_oblique_nerve_stays_whole():
    grid = make_grid((1, 12, 12))
    mask = np.zeros(grid.shape_zyx, dtype=np.bool_)
    mask[0, range(2, 9), range(3, 10)] = True
    polygons = trace_polygons(crop_to_structure("x", grid, mask))
    assert polygons.count == 1
    assert not crosses_itself(polygons.polygon_yx(0))
    assert polygons.area_voxels() == pytest.approx(7.0, rel=1e-3)


def test_a_structure_at_the_edge_of_the_image_is_closed_half_a_voxel_beyond_it():
    grid = make_grid((2, 8, 10))
    structure = crop_to_structure("x", grid, np.ones(grid.shape_zyx, dtype=np.bool_))
    polygons = trace_polygons(structure)
    assert polygons.points_yx.min() == pytest.approx(-0.5, abs=0.03)
    assert np.array_equal(rasterise_polygons(polygons, grid.shape_zyx), structure.full_mask_zyx())


def test_nested_holes_and_islands_become_one_polygon_per_ring():
    grid = make_grid((1, 60, 60), (1.0, 1.0, 1.0))
    away = distance_mm(grid, (0, 30.2, 29.6))
    mask = (away < 28) & (away > 20) | (away < 13) & (away > 6) | (away < 3)
    structure = crop_to_structure("x", grid, mask)
    polygons = trace_polygons(structure)
    assert polygons.count == 3
    assert np.array_equal(rasterise_polygons(polygons, grid.shape_zyx), mask)
    assert polygons.area_voxels() == pytest.approx(mask.sum(), rel=1e-3)


def test_many_holes_in_one_slice_all_survive_and_no_slit_runs_through_a_voxel_centre():
    grid = make_grid((1, 40, 44))
    mask = np.zeros(grid.shape_zyx, dtype=np.bool_)
    mask[0, 1:39, 1:43] = True
    mask[0, 4:36:3, 4:40:4] = False
    polygons = trace_polygons(crop_to_structure("x", grid, mask))
    assert polygons.count == 1
    assert np.array_equal(rasterise_polygons(polygons, grid.shape_zyx), mask)
    loop = polygons.polygon_yx(0)
    after = np.roll(loop, -1, axis=0)
    slits = (loop[:, 0] == after[:, 0]) & (np.abs(loop[:, 1] - after[:, 1]) > 0.5)
    inner = slits & (loop[:, 0] > 2) & (loop[:, 0] < 37)
    assert inner.any()
    assert (np.abs(loop[inner, 0] - np.rint(loop[inner, 0])) > 0.05).all()


@pytest.mark.parametrize("case", ["mask", "graded"])
def test_thinning_moves_the_boundary_by_at_most_a_tenth_of_a_millimetre(case):
    grid = make_grid((1, 50, 60), (1.0, 0.9, 1.2))
    make = ball if case == "mask" else graded_ball
    structure = make(grid, "x", (0, 24.3, 30.2), 17.0)
    full, thinned = (trace_polygons(structure, thinning_mm=mm).polygon_yx(0) for mm in (0.0, 0.1))
    assert thinned.shape[0] < 0.7 * full.shape[0]
    spacing = np.array([0.9, 1.2])
    assert farthest_mm(full * spacing, thinned * spacing) <= 0.1
    assert farthest_mm(thinned * spacing, full * spacing) <= 0.1


def farthest_mm(points, loop):
    """Largest distance from densely laid points of one loop to the other loop."""
    share = np.linspace(0, 1, 9)[:, None, None]
    laid = (points + share * (np.roll(points, -1, axis=0) - points)).reshape(-1, 2)
    a, b = loop[None], np.roll(loop, -1, axis=0)[None]
    along = b - a
    at = np.clip(((laid[:, None] - a) * along).sum(-1) / (along**2).sum(-1), 0, 1)
    return np.linalg.norm(laid[:, None] - a - at[..., None] * along, axis=-1).min(axis=1).max()


def test_a_graded_boundary_lies_nearer_the_truth_than_half_way_between_voxels():
    grid = make_grid((1, 50, 60), (1.0, 0.9, 1.2))
    structure = graded_ball(grid, "x", (0, 24.3, 30.2), 17.0)
    plain = crop_to_structure("x", grid, structure.full_mask_zyx())
    centre = np.array([24.3, 30.2])

    def error_mm(one):
        points = (trace_polygons(one).points_yx - centre) * np.array([0.9, 1.2])
        return np.abs(np.linalg.norm(points, axis=1) - 17.0).max()

    assert error_mm(structure) < 0.12
    assert error_mm(plain) > 0.3


def test_an_empty_structure_has_no_polygon():
    grid = make_grid((3, 9, 11))
    polygons = trace_polygons(crop_to_structure("x", grid, np.zeros(grid.shape_zyx, dtype=np.bool_)))
    assert polygons.count == 0
    assert not rasterise_polygons(polygons, grid.shape_zyx).any()
    assert polygons_to_structure(polygons, grid, name="x").is_empty


def test_polygons_that_leave_the_grid_are_cut_off_at_its_edge():
    grid = make_grid((2, 20, 20), (1.0, 1.0, 1.0))
    wide = trace_polygons(ball(make_grid((2, 60, 60), (1.0, 1.0, 1.0)), "x", (0, 30, 30), 25.0))
    structure = polygons_to_structure(wide, grid, name="x")
    assert structure.full_mask_zyx()[0, 19, 19]
    assert not structure.full_mask_zyx()[0, 0, 0]
    inside = distance_transform_edt(structure.full_mask_zyx()[0])
    assert inside.max() > 9
