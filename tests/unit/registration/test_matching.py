"""Feature points are found again where they are, and the wrong ones are thrown out."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import numpy as np

from registration import RigidTransform, Volume
from registration.foreground import body_mask
from registration.keypoints import find_keypoints, lattice_about
from registration.matching import (
    PointMatches,
    displaced_by_matches,
    field_from_matches,
    match_keypoints,
)
from registration.resample import resample
from tests.phantoms import voxel_points_xyz_mm
from tests.unit.registration.textured import (
    CENTRE_XYZ_MM,
    bending_xyz_mm,
    body_points_xyz_mm,
    body_scan,
    daily_grid,
    deformed,
    plan_grid,
)

SETUP = RigidTransform.about((12.0, -95.0, 160.0), turn_xyz_deg=(3.0, -2.0, 4.0), shift_xyz_mm=(14.0, -9.0, 22.0))
LARGEST_MM = 18.0


@lru_cache(maxsize=1)
def bent() -> tuple[Volume, Volume, PointMatches]:
    plan = body_scan(plan_grid((6.0, -4.0, 8.0)))
    shift = SETUP.inverse().apply(CENTRE_XYZ_MM) - CENTRE_XYZ_MM
    daily = daily_grid((float(shift[0]), float(shift[1]), float(shift[2])))
    points = voxel_points_xyz_mm(daily)
    scan = deformed(plan, daily, SETUP.apply(points + bending_xyz_mm(points, LARGEST_MM)), noise_hu=20.0)
    darker = Volume(grid=daily, values_zyx=scan.values_zyx * np.float32(0.8) - np.float32(60.0))
    return darker, plan, match_keypoints(darker, plan, SETUP, body_mask(scan))


def test_matches_are_right_though_grey_values_differ() -> None:
    _, _, matches = bent()
    truth = SETUP.apply(matches.fixed_xyz_mm + bending_xyz_mm(matches.fixed_xyz_mm, LARGEST_MM))

    error_mm = np.linalg.norm(matches.moving_xyz_mm - truth, axis=1)

    assert matches.count > 500
    assert np.median(error_mm) < 1.0
    assert np.mean(error_mm < 4.0) > 0.95


def test_the_matches_field_tells_other_points_where_they_went() -> None:
    _, _, matches = bent()
    points = SETUP.inverse().apply(body_points_xyz_mm(1500, share=0.8))

    found, support_mm = displaced_by_matches(matches, SETUP, points)

    known = support_mm < 15.0
    error_mm = np.linalg.norm(found - bending_xyz_mm(points, LARGEST_MM), axis=1)
    assert known.mean() > 0.6
    assert error_mm[known].mean() < 1.5


def test_a_field_of_matches_agrees_with_its_points() -> None:
    scan, _, matches = bent()
    field = field_from_matches(matches, SETUP, lattice_about(scan.grid, 6.0))
    points = SETUP.inverse().apply(body_points_xyz_mm(300, share=0.7))

    found, _ = displaced_by_matches(matches, SETUP, points)

    assert np.linalg.norm(field.at(points) - found, axis=1).mean() < 0.6


def test_a_linear_motion_is_met_by_a_handful_of_matches() -> None:
    rng = np.random.default_rng(5)
    fixed = rng.uniform(-60, 60, size=(40, 3))
    stretch = np.array([[0.02, 0.01, 0.0], [0.0, -0.03, 0.02], [0.01, 0.0, 0.04]])
    moved = fixed + fixed @ stretch.T + np.array([1.0, -2.0, 3.0])
    matches = PointMatches(fixed_xyz_mm=fixed, moving_xyz_mm=SETUP.apply(moved), score=np.ones(40), tried=40)
    at = rng.uniform(-30, 30, size=(20, 3))

    found, _ = displaced_by_matches(matches, SETUP, at)

    np.testing.assert_allclose(found, at @ stretch.T + np.array([1.0, -2.0, 3.0]), atol=0.5)


def test_too_few_matches_know_nothing() -> None:
    nothing = np.zeros((3, 3))
    few = PointMatches(fixed_xyz_mm=nothing, moving_xyz_mm=nothing, score=np.ones(3), tried=10)

    found, support_mm = displaced_by_matches(few, SETUP, np.ones((4, 3)))

    assert not found.any()
    assert np.isinf(support_mm).all()


def test_another_patient_leaves_fewer_matches() -> None:
    scan, _, matches = bent()
    stranger = body_scan(plan_grid((6.0, -4.0, 8.0)), seed=99)

    others = match_keypoints(scan, stranger, SETUP, body_mask(scan))

    assert others.share < 0.6 * matches.share


def test_feature_points_lie_in_the_body_and_are_spread() -> None:
    scan, _, _ = bent()
    image = resample(scan, lattice_about(scan.grid, 3.0), outside=-1000.0)
    body = body_mask(scan)

    points = find_keypoints(image, body, most=400)

    at = image.grid.to_point_xyz_mm(points.index_zyx.astype(float))
    index = np.rint(body.grid.to_index_zyx(at)).astype(int)
    assert body.values_zyx[tuple(index.T)].mean() > 0.9
    assert points.index_zyx.shape == (400, 3)
    assert (np.diff(points.distinctness) <= 0).all()
    assert at.std(axis=0).min() > 15.0


def test_matches_are_values() -> None:
    _, _, matches = bent()

    assert replace(matches, tried=2 * matches.count).share == 0.5
