"""The external contour: the patient, without what it lies on and what holds it still."""

import math
from dataclasses import replace

import numpy as np
import pytest

from contour.errors import InputError
from contour.segmentation.body import blanked_hu, find_body
from registration import Grid, Volume

TILT = math.radians(9.0)


def scan_grid(tilted: bool = False) -> Grid:
    c, s = (math.cos(TILT), math.sin(TILT)) if tilted else (1.0, 0.0)
    return Grid(
        shape_zyx=(24, 170, 220),
        spacing_zyx_mm=(3.0, 1.3, 1.1),
        origin_xyz_mm=(-125.0, -95.0, 410.0),
        axes_xyz=((0.0, -s, c), (0.0, c, s), (1.0, 0.0, 0.0)),
        frame_of_reference_uid="1.2.3",
    )


def patient(grid: Grid) -> tuple[np.ndarray, np.ndarray]:
    """HU of an off-centre elliptic neck with an air way and an arm beside it, and the true outline."""
    index = np.stack(np.meshgrid(*(np.arange(n, dtype=float) for n in grid.shape_zyx), indexing="ij"), -1)
    x, y, _ = np.moveaxis(grid.to_point_xyz_mm(index), -1, 0)
    neck = ((x - 8) / 62) ** 2 + ((y + 2) / 55) ** 2 <= 1
    arm = (x - 92) ** 2 + (y - 10) ** 2 <= 17**2
    airway = (x - 8) ** 2 + (y + 15) ** 2 <= 9**2
    hu = np.full(grid.shape_zyx, -1000.0)
    hu[neck | arm] = 35
    hu[airway] = -980
    return hu, neck | arm


def dice(a: np.ndarray, b: np.ndarray) -> float:
    return 2 * np.count_nonzero(a & b) / (np.count_nonzero(a) + np.count_nonzero(b))


@pytest.mark.parametrize("tilted", [False, True])
def test_neck_and_arm_are_found_with_the_airway_inside(tilted):
    grid = scan_grid(tilted)
    hu, truth = patient(grid)
    hu += np.random.default_rng(4).normal(0, 25, hu.shape)
    body = find_body(Volume(grid=grid, values_zyx=hu.astype(np.int16)))
    assert body.name == "External"
    assert dice(body.full_mask_zyx(), truth) > 0.998


def test_couch_and_mask_are_left_out():
    grid = scan_grid()
    hu, truth = patient(grid)
    index = np.indices(grid.shape_zyx)
    couch = (index[1] >= 148) & (index[1] <= 150)
    x, y = index[2] * 1.1 - 125, index[1] * 1.3 - 95
    radius = ((x - 8) / 68) ** 2 + ((y + 2) / 61) ** 2
    mask_shell = (radius >= 1.0) & (radius <= 1.08) & (y < 0)
    hu[(couch | mask_shell) & ~truth] = 60
    found = find_body(Volume(grid=grid, values_zyx=hu.astype(np.int16))).full_mask_zyx()
    assert not found[couch & ~truth].any()
    assert dice(found, truth) > 0.985


def test_the_answer_follows_the_patient_when_the_array_is_stored_upside_down():
    grid = scan_grid()
    hu, _ = patient(grid)
    straight = find_body(Volume(grid=grid, values_zyx=hu.astype(np.int16))).full_mask_zyx()
    last = grid.to_point_xyz_mm(np.array([0.0, 169.0, 219.0]))
    prone = replace(
        grid,
        origin_xyz_mm=tuple(float(v) for v in last),
        axes_xyz=((0.0, 0.0, 1.0), (0.0, -1.0, 0.0), (-1.0, 0.0, 0.0)),
    )
    turned = find_body(Volume(grid=prone, values_zyx=hu[:, ::-1, ::-1].astype(np.int16))).full_mask_zyx()
    assert dice(turned[:, ::-1, ::-1], straight) > 0.999


def test_a_body_cut_by_the_field_of_view_reaches_the_border():
    grid = scan_grid()
    hu = np.full(grid.shape_zyx, 20, np.int16)
    hu[:, :60] = -1000
    found = find_body(Volume(grid=grid, values_zyx=hu)).full_mask_zyx()
    assert found[:, 62:].all()
    assert not found[:, :58].any()


@pytest.mark.parametrize("hu", [-1000, -1024])
def test_an_empty_scan_is_refused_by_name(hu):
    grid = scan_grid()
    with pytest.raises(InputError) as refused:
        find_body(Volume(grid=grid, values_zyx=np.full(grid.shape_zyx, hu, np.int16)))
    assert refused.value.reason == "NO_BODY"


def test_an_airway_that_opens_to_the_air_is_still_inside_but_the_gap_between_neck_and_arm_is_not():
    grid = scan_grid()
    hu, truth = patient(grid)
    x, y = np.indices(grid.shape_zyx)[2] * 1.1 - 125, np.indices(grid.shape_zyx)[1] * 1.3 - 95
    slit = (np.abs(x - 8) < 5) & (y < -15) & (y > -70)
    hu[slit] = -990
    found = find_body(Volume(grid=grid, values_zyx=hu.astype(np.int16))).full_mask_zyx()
    deep = (x - 8) ** 2 + (y + 15) ** 2 <= 7**2
    assert found[deep].all()
    gap = (x > 72) & (x < 74) & (np.abs(y - 10) < 20) & ~truth
    assert not found[gap].any()


def test_a_hollow_couch_stays_outside():
    grid = scan_grid()
    hu, truth = patient(grid)
    row = np.indices(grid.shape_zyx)[1]
    column = np.indices(grid.shape_zyx)[2]
    shell = ((row == 120) | (row == 121) | (row == 150) | (row == 151)) | (
        ((column < 6) | (column > 213)) & (row > 120) & (row < 151)
    )
    hu[shell & ~truth] = 80
    found = find_body(Volume(grid=grid, values_zyx=hu.astype(np.int16))).full_mask_zyx()
    assert np.count_nonzero(found & ~truth) < 0.01 * np.count_nonzero(truth)


def test_a_blanked_scan_is_told_from_one_that_a_scanner_made():
    grid = scan_grid()
    hu, _ = patient(grid)
    noisy = hu + np.random.default_rng(4).normal(0, 12, hu.shape)
    scanned = Volume(grid=grid, values_zyx=np.clip(noisy, -1024, None).astype(np.int16))
    blanked = Volume(grid=grid, values_zyx=np.where(hu > -900, noisy, -1024).astype(np.int16))
    assert blanked_hu(scanned) is None
    assert blanked_hu(blanked) == -1024


def test_of_a_scan_cut_to_the_region_of_interest_the_cord_that_was_left_alone_is_kept_and_a_rail_is_not():
    grid = scan_grid()
    hu, truth = patient(grid)
    x, y = np.indices(grid.shape_zyx)[2] * 1.1 - 125, np.indices(grid.shape_zyx)[1] * 1.3 - 95
    alone = np.indices(grid.shape_zyx)[0] < 10
    cord = (x - 8) ** 2 + (y - 25) ** 2 <= 6**2
    rail = (np.abs(x - 8) < 12) & (np.abs(y - 80) < 6)
    hu[alone & ~cord] = -1000
    hu[rail & ~truth] = 60
    hu += np.random.default_rng(4).normal(0, 12, hu.shape)
    found = find_body(Volume(grid=grid, values_zyx=hu.astype(np.int16))).full_mask_zyx()
    assert found[alone & cord].mean() > 0.95
    assert not found[rail & ~truth].any()
    assert not found[alone & ~cord & ((x - 8) ** 2 + (y - 25) ** 2 > 8**2)].any()


def test_the_top_of_a_mask_above_the_vertex_stays_outside():
    grid = scan_grid()
    hu, _ = patient(grid)
    x, y = np.indices(grid.shape_zyx)[2] * 1.1 - 125, np.indices(grid.shape_zyx)[1] * 1.3 - 95
    slices = np.indices(grid.shape_zyx)[0]
    hu[slices >= 18] = -1000
    top = ((slices == 19) | (slices == 20)) & ((x - 8) ** 2 + (y + 2) ** 2 <= 25**2)
    hu[top] = 80
    found = find_body(Volume(grid=grid, values_zyx=hu.astype(np.int16))).full_mask_zyx()
    assert not found[top].any()
    assert found[17].any()
