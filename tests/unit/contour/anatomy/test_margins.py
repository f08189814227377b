"""Margins in millimetres, on grids that are anisotropic, oblique, off-origin and in every patient position."""

import math

import numpy as np
import pytest
import SimpleITK as sitk

from contour.anatomy.margins import Margins, with_margins
from contour.anatomy.structures import Structure, crop_to_structure
from contour.phantom.settings import ROW_AND_COLUMN_XYZ, turned_by
from registration import Grid
from tests.phantoms import ball, centre_xyz_mm, shell, small_grid, voxel_points_xyz_mm

ANISOTROPIC = small_grid((40, 90, 80), (3.0, 0.9, 1.2))
OBLIQUE = small_grid((40, 90, 80), (3.0, 0.9, 1.2), tilt_xyz_deg=(9.0, -14.0, 21.0))
SIDES = {
    "left_mm": (1.0, 0.0, 0.0),
    "right_mm": (-1.0, 0.0, 0.0),
    "anterior_mm": (0.0, -1.0, 0.0),
    "posterior_mm": (0.0, 1.0, 0.0),
    "superior_mm": (0.0, 0.0, 1.0),
    "inferior_mm": (0.0, 0.0, -1.0),
}


def slab(grid, axis, low, high, name="Slab"):
    """Whole planes of voxels from `low` to `high` along one array axis."""
    mask = np.zeros(grid.shape_zyx, dtype=np.bool_)
    mask[tuple(slice(low, high) if n == axis else slice(None) for n in range(3))] = True
    return crop_to_structure(name, grid, mask)


def grid_in_position(position, tilt_xyz_deg=(0.0, 0.0, 0.0)):
    row, column = (np.asarray(axis) for axis in ROW_AND_COLUMN_XYZ[position])
    turn = turned_by(tilt_xyz_deg)
    axes = [tuple(map(float, turn @ axis)) for axis in (np.cross(row, column), column, row)]
    return Grid(
        shape_zyx=(40, 62, 58), spacing_zyx_mm=(2.5, 1.3, 1.1), origin_xyz_mm=(31.0, -77.0, 12.5),
        axes_xyz=tuple(axes), frame_of_reference_uid="2.25.1",
    )  # fmt: skip


def reach_mm(structure: Structure, direction_xyz) -> float:
    """How far the outermost voxel centre lies along a direction of the patient from the grid's middle."""
    grid = structure.grid
    points = grid.to_point_xyz_mm(np.argwhere(structure.full_mask_zyx())) - centre_xyz_mm(grid)
    return float((points @ np.asarray(direction_xyz)).max())


def radius_mm(structure: Structure) -> float:
    """Of the ball of the same volume."""
    return float((structure.volume_ml * 750 / math.pi) ** (1 / 3))


@pytest.mark.parametrize("margin_mm", [0.3, 1.0, 2.2, 5.0, 7.4, 12.0])
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_flat_surface_along_the_grid_moves_by_the_margin_to_within_half_a_voxel(axis, margin_mm):
    size, step = ANISOTROPIC.shape_zyx[axis], ANISOTROPIC.spacing_zyx_mm[axis]
    middle = size // 2
    grown = with_margins(slab(ANISOTROPIC, axis, middle - 1, middle + 1), Margins.all_round(margin_mm), name="X")
    planes = int(grown.full_mask_zyx().any(axis=tuple(n for n in range(3) if n != axis)).sum())
    assert abs((planes - 2) / 2 * step - margin_mm) <= step / 2 + 1e-9
    whole = slab(ANISOTROPIC, axis, 4, size - 4)
    shrunk = with_margins(whole, Margins.all_round(-margin_mm), name="X")
    left = int(shrunk.full_mask_zyx().any(axis=tuple(n for n in range(3) if n != axis)).sum())
    assert abs((size - 8 - left) / 2 * step - margin_mm) <= step / 2 + 1e-9


@pytest.mark.parametrize("margin_mm", [3.0, 6.5])
@pytest.mark.parametrize("normal", [(1, 0, 0), (0.6, 0.8, 0), (0.5, -0.5, 0.7071), (0.2, 0.3, 0.9327)])
def test_a_flat_surface_across_the_grid_moves_by_the_margin_to_within_half_a_voxel(normal, margin_mm):
    grid = small_grid((60, 66, 70), (1.0, 1.0, 1.0), tilt_xyz_deg=(4.0, 7.0, -3.0))
    height_mm = (voxel_points_xyz_mm(grid) - centre_xyz_mm(grid)) @ np.asarray(normal)
    half = crop_to_structure("Half", grid, height_mm <= 0.0)
    middle = np.linalg.norm(voxel_points_xyz_mm(grid) - centre_xyz_mm(grid), axis=-1) < 18
    for sign in (1, -1):
        moved = with_margins(half, Margins.all_round(sign * margin_mm), name="X").full_mask_zyx()
        surface_mm = (height_mm[moved & middle].max() + height_mm[~moved & middle].min()) / 2
        assert surface_mm == pytest.approx(sign * margin_mm, abs=0.5)


@pytest.mark.parametrize("grid", [ANISOTROPIC, OBLIQUE], ids=["anisotropic", "oblique"])
@pytest.mark.parametrize("change_mm", [6.0, -5.0])
def test_a_ball_becomes_a_ball_of_the_other_radius(grid, change_mm):
    before = ball(grid, 18.0, offset_xyz_mm=(3.0, -2.0, 4.0))
    after = with_margins(before, Margins.all_round(change_mm), name="Other")
    truth = ball(grid, 18.0 + change_mm, offset_xyz_mm=(3.0, -2.0, 4.0))
    both = np.count_nonzero(after.full_mask_zyx() & truth.full_mask_zyx())
    dice = 2 * both / (after.mask_zyx.sum() + truth.mask_zyx.sum())
    assert dice > 0.94
    assert radius_mm(after) - radius_mm(truth) == pytest.approx(0.0, abs=0.2 * max(grid.spacing_zyx_mm))
    assert after.name == "Other"


@pytest.mark.parametrize("grid", [ANISOTROPIC, OBLIQUE], ids=["anisotropic", "oblique"])
def test_simpleitk_measures_the_same_distances_to_within_half_a_voxel(grid):
    before = shell(grid, 19.0, 8.0)
    image = sitk.GetImageFromArray(before.full_mask_zyx().astype(np.uint8))
    image.SetSpacing(grid.spacing_zyx_mm[::-1])
    outside_mm = sitk.GetArrayFromImage(sitk.SignedMaurerDistanceMap(image, False, False, True))
    within_mm = sitk.GetArrayFromImage(sitk.SignedMaurerDistanceMap(1 - image, False, False, True))
    half_mm = max(grid.spacing_zyx_mm) / 2
    for margin_mm in (2.0, 5.5, 9.0):
        grown = with_margins(before, Margins.all_round(margin_mm), name="X").full_mask_zyx()
        assert not ((outside_mm <= margin_mm) & ~grown).any()
        assert not (grown & (outside_mm > margin_mm + half_mm)).any()
        shrunk = with_margins(before, Margins.all_round(-margin_mm), name="X").full_mask_zyx()
        assert not (shrunk & (within_mm <= margin_mm)).any()
        assert not (~shrunk & (within_mm > margin_mm + half_mm) & before.full_mask_zyx()).any()


@pytest.mark.parametrize("position", sorted(ROW_AND_COLUMN_XYZ))
@pytest.mark.parametrize("tilt", [(0.0, 0.0, 0.0), (6.0, -5.0, 8.0)], ids=["straight", "oblique"])
def test_each_side_is_the_patients_whatever_the_position(position, tilt):
    grid = grid_in_position(position, tilt)
    before = ball(grid, 9.0)
    margins = {"left_mm": 8.0, "right_mm": 2.6, "anterior_mm": 5.2, "posterior_mm": 0.0, "superior_mm": 10.0}
    after = with_margins(before, Margins(**margins), name="X")
    for side, direction in SIDES.items():
        moved = reach_mm(after, direction) - reach_mm(before, direction)
        assert moved == pytest.approx(margins.get(side, 0.0), abs=1.4), side  # half a slice step


@pytest.mark.parametrize("position", ["HFS", "FFP"])
def test_a_shrunk_side_is_the_patients_too(position):
    grid = grid_in_position(position)
    before = ball(grid, 16.0)
    after = with_margins(before, Margins(left_mm=-6.0, superior_mm=-5.0), name="X")
    for side, direction in SIDES.items():
        moved = reach_mm(after, direction) - reach_mm(before, direction)
        expected = {"left_mm": -6.0, "superior_mm": -5.0}.get(side, 0.0)
        assert moved == pytest.approx(expected, abs=1.4), side


@pytest.mark.parametrize("grid", [ANISOTROPIC, OBLIQUE], ids=["anisotropic", "oblique"])
def test_different_margins_carry_a_point_out_to_a_piecewise_ellipsoid(grid):
    middle = tuple(size // 2 for size in grid.shape_zyx)
    mask = np.zeros(grid.shape_zyx, dtype=np.bool_)
    mask[middle] = True
    margins = Margins(left_mm=22, right_mm=12, anterior_mm=16, posterior_mm=9, superior_mm=30, inferior_mm=20)
    after = with_margins(crop_to_structure("Point", grid, mask), margins, name="X")
    offset = voxel_points_xyz_mm(grid) - grid.to_point_xyz_mm(np.asarray(middle, dtype=float))
    plus, minus = np.asarray([22.0, 9.0, 30.0]), np.asarray([12.0, 16.0, 20.0])
    over = (np.where(offset > 0, offset / plus, offset / minus) ** 2).sum(axis=-1)
    eighth_ml = math.pi / 6 * (22 + 12) * (16 + 9) * (30 + 20) / 1000
    assert after.volume_ml == pytest.approx(eighth_ml, rel=0.15)  # and half a voxel all round
    assert not (~after.full_mask_zyx() & (over <= 1.0)).any()
    assert not (after.full_mask_zyx() & (over > 1.35)).any()


def test_six_equal_margins_given_one_by_one_are_one_margin():
    before = ball(OBLIQUE, 10.0)
    assert np.array_equal(
        with_margins(before, Margins(**dict.fromkeys(SIDES, 4.0)), name="X").mask_zyx,
        with_margins(before, Margins.all_round(4.0), name="X").mask_zyx,
    )


@pytest.mark.parametrize("grid", [ANISOTROPIC, OBLIQUE], ids=["anisotropic", "oblique"])
@pytest.mark.parametrize("sign", [1, -1])
def test_nearly_equal_margins_give_nearly_what_equal_ones_give(grid, sign):
    """The two ways of growing, by distances and by an ellipsoid of steps, are one and the same there."""
    before = shell(grid, 17.0, 7.0)
    one = with_margins(before, Margins.all_round(sign * 5.0), name="X").full_mask_zyx()
    nearly = dict.fromkeys(SIDES, sign * 5.0) | {"left_mm": sign * 5.001}
    six = with_margins(before, Margins(**nearly), name="X").full_mask_zyx()
    assert np.count_nonzero(one ^ six) < 0.03 * np.count_nonzero(before.mask_zyx)


def test_contours_of_a_margin_run_between_voxels():
    before = ball(ANISOTROPIC, 12.0)
    areas = [with_margins(before, Margins.all_round(mm), name="X").membership_zyx.sum() for mm in (4.0, 4.2, 4.4)]
    assert areas == sorted(set(areas))
    after = with_margins(before, Margins.all_round(4.2), name="X")
    assert np.array_equal(after.mask_zyx, after.membership_zyx >= 128)


def test_nothing_grows_beyond_the_scan_and_nothing_is_shrunk_away_from_its_edge():
    cut = slab(ANISOTROPIC, 0, 0, 12)
    grown = with_margins(cut, Margins.all_round(6.0), name="X")
    assert (grown.lower_zyx[0], grown.slices) == (0, 14)
    shrunk = with_margins(cut, Margins.all_round(-6.0), name="X").full_mask_zyx()
    assert shrunk[:10].all()
    assert not shrunk[10:].any()
    everything = slab(ANISOTROPIC, 0, 0, ANISOTROPIC.shape_zyx[0])
    assert with_margins(everything, Margins.all_round(-6.0), name="X").mask_zyx.all()
    assert with_margins(everything, Margins(left_mm=-6.0), name="X").mask_zyx.all()


def test_what_is_thinner_than_its_negative_margins_is_gone_and_empty_stays_empty():
    thin = slab(ANISOTROPIC, 1, 40, 44)
    gone = with_margins(thin, Margins.all_round(-2.0), name="X")
    assert gone.is_empty
    assert with_margins(gone, Margins.all_round(9.0), name="Y").is_empty
    assert with_margins(gone, Margins(left_mm=9.0), name="Y").is_empty


@pytest.mark.parametrize("values", [{"left_mm": math.nan}, {"left_mm": 3.0, "right_mm": -3.0}])
def test_margins_that_mean_nothing_are_refused(values):
    with pytest.raises(ValueError, match="margins must"):
        Margins(**values)
