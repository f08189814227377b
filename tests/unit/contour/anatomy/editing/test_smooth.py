"""Smoothing: the volume stays, steps and bumps go, holes larger than the radius stay."""

import numpy as np
import pytest
import SimpleITK as sitk

from contour.anatomy.editing import Smooth, apply_operation
from contour.anatomy.structures import crop_to_structure
from contour.errors import InputError
from tests.phantoms import ball, centre_xyz_mm, small_grid, voxel_points_xyz_mm
from tests.unit.contour.anatomy.editing.edited_bodies import (
    BOTH,
    OBLIQUE,
    STRAIGHT,
    dice_of,
    empty,
    graded,
    holes_in,
    is_sound,
    plain,
    whole,
)


def body(grid, inside):
    return crop_to_structure("Body", grid, inside)


def away_mm(grid, offset_xyz_mm=(0.0, 0.0, 0.0)):
    return np.linalg.norm(voxel_points_xyz_mm(grid) - centre_xyz_mm(grid) - np.asarray(offset_xyz_mm), axis=-1)


@pytest.mark.parametrize("grid", **BOTH)
@pytest.mark.parametrize("radius_mm", [0.5, 2.0, 5.0, 10.0])
@pytest.mark.parametrize("bare", [False, True], ids=["graded", "bare"])
def test_the_volume_stays_to_the_voxel(grid, radius_mm, bare):
    before = plain(graded(grid)) if bare else graded(grid)
    after = apply_operation(before, Smooth(radius_mm=radius_mm), {})
    assert np.count_nonzero(whole(after)) == np.count_nonzero(whole(before))
    assert is_sound(after)
    assert after.generation == "SEMIAUTOMATIC"


@pytest.mark.parametrize("grid", **BOTH)
def test_a_ball_stays_where_it_is(grid):
    before = ball(grid, 20.0)
    after = apply_operation(before, Smooth(radius_mm=4.0), {})
    assert dice_of(whole(after), whole(before)) > 0.98


def test_the_longest_smoothing_makes_a_cube_rounder():
    grid = small_grid((40, 60, 60), (1.5, 1.0, 1.0), tilt_xyz_deg=(3.0, -6.0, 10.0))
    z, y, x = np.indices(grid.shape_zyx)
    cube = body(grid, np.maximum(np.maximum(abs(z - 20) * 1.5, abs(y - 30)), abs(x - 30)) <= 15)
    after = apply_operation(cube, Smooth(radius_mm=10.0), {})

    def longest(one):
        offsets = np.argwhere(whole(one)) - (20, 30, 30)
        return np.linalg.norm(offsets * (1.5, 1.0, 1.0), axis=1).max()

    assert longest(after) < longest(cube) - 3.0
    assert dice_of(whole(after), whole(cube)) > 0.9


def test_noise_on_a_surface_goes():
    random = np.random.default_rng(5)
    noisy = away_mm(OBLIQUE) + random.normal(0.0, 1.5, OBLIQUE.shape_zyx) <= 18.0
    after = apply_operation(body(OBLIQUE, noisy), Smooth(radius_mm=4.0), {})
    clean = away_mm(OBLIQUE) <= 18.0
    assert dice_of(whole(after), clean) > max(0.97, dice_of(noisy, clean))
    sitk_parts = sitk.ConnectedComponent(sitk.GetImageFromArray(whole(after).astype(np.uint8)))
    assert sitk.GetArrayFromImage(sitk_parts).max() == 1


@pytest.mark.parametrize("grid", **BOTH)
@pytest.mark.parametrize("radius_mm", [3.0, 6.0])
def test_a_hole_of_the_radius_or_more_stays_and_one_much_smaller_goes(grid, radius_mm):
    outer = away_mm(grid) <= 26.0
    hole = away_mm(grid, (2.0, -1.0, 0.5)) <= 1.2 * radius_mm
    kept = whole(apply_operation(body(grid, outer & ~hole), Smooth(radius_mm=radius_mm), {}))
    assert holes_in(kept[15]) == 1
    assert not (kept & (away_mm(grid, (2.0, -1.0, 0.5)) < 0.5 * radius_mm)).any()
    pin = outer.copy()
    pin[15, 45, 40] = False
    assert holes_in(whole(apply_operation(body(grid, pin), Smooth(radius_mm=radius_mm), {}))[15]) == 0


def test_simpleitk_blurs_to_the_same_surface():
    before = plain(graded(STRAIGHT, radius_mm=20.0, hole_mm=8.0))
    image = sitk.GetImageFromArray(whole(before).astype(np.float32))
    image.SetSpacing((1.2, 0.9, 3.0))
    blurred = sitk.GetArrayFromImage(sitk.SmoothingRecursiveGaussian(image, 2.5))
    count = np.count_nonzero(whole(before))
    judge = blurred >= np.sort(blurred, axis=None)[-count]
    after = whole(apply_operation(before, Smooth(radius_mm=5.0), {}))
    assert dice_of(after, judge) > 0.985


def test_where_the_ct_ends_the_surface_is_not_rounded_off():
    _, y, x = np.indices(STRAIGHT.shape_zyx)
    column = np.hypot((y - 44.3) / 17.1, (x - 39.7 + 0.3 * y) / 13.3) <= 1
    after = whole(apply_operation(body(STRAIGHT, column), Smooth(radius_mm=6.0), {}))
    for end in (0, 29):
        assert np.count_nonzero(after[end] ^ after[15]) <= 1  # of equal voxels the first are taken
    everything = body(STRAIGHT, np.ones(STRAIGHT.shape_zyx, dtype=bool))
    assert whole(apply_operation(everything, Smooth(radius_mm=6.0), {})).all()


def test_the_same_structure_always_becomes_the_same_voxels():
    results = [apply_operation(graded(OBLIQUE), Smooth(radius_mm=3.0), {}) for _ in range(2)]
    assert np.array_equal(results[0].membership_zyx, results[1].membership_zyx)


def test_contours_run_smoothly_after_smoothing():
    from contour.anatomy.polygons import trace_polygons

    after = apply_operation(ball(STRAIGHT, 20.0), Smooth(radius_mm=3.0), {})
    polygons = trace_polygons(after, thinning_mm=0.0)
    middle = polygons.polygon_yx(list(polygons.slice_z).index(15))
    radii_mm = np.hypot((middle[:, 0] - 44.5) * 0.9, (middle[:, 1] - 39.5) * 1.2)
    assert radii_mm.std() < 0.25


def test_nothing_cannot_be_smoothed():
    with pytest.raises(InputError) as refused:
        apply_operation(empty(OBLIQUE), Smooth(radius_mm=3.0), {})
    assert refused.value.reason == "EMPTY_RESULT"
