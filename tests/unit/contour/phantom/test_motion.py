"""Each motion does what its words say, keeps handedness, and has a way back."""

from __future__ import annotations

import numpy as np
import pytest

from contour.errors import InputError
from contour.phantom.motion import (
    Depth,
    Flexion,
    LocalScaling,
    LocalShift,
    SetUp,
    Sliding,
    WeightLoss,
    chain,
    jacobians,
    where_today_xyz_mm,
)
from registration import RigidTransform
from registration.grid import Coordinates
from tests import phantoms

CENTRE = (10.0, -20.0, 35.0)
ORGAN = LocalScaling(
    centre_xyz_mm=CENTRE, half_axes=((18.0, 4.0, 0.0), (-3.0, 12.0, 2.0), (0.0, 1.0, 22.0)), volume_change=-0.3
)


@pytest.fixture(scope="module")
def depth() -> Depth:
    return Depth.below(phantoms.patient().structure("External"))


def inside_body(depth: Depth, least_mm: float, count: int = 4000) -> Coordinates:
    grid = depth.inside_mm.grid
    index = np.random.default_rng(5).uniform(0.0, np.asarray(grid.shape_zyx) - 1.0, size=(60_000, 3))
    points = grid.to_point_xyz_mm(index)
    return points[depth.at(points) > least_mm][:count]


def test_an_organ_that_shrinks_by_a_third_has_a_third_less_volume_and_pulls_its_neighbours_in() -> None:
    near = np.asarray(CENTRE) + np.random.default_rng(1).normal(size=(200, 3)) * 3.0
    np.testing.assert_allclose(jacobians(ORGAN, near), 1.0 / 0.7, rtol=1e-6)
    far = np.asarray(CENTRE) + np.array([[0.0, 60.0, 0.0], [-70.0, 0.0, 0.0]])
    np.testing.assert_array_equal(ORGAN(far), far)


def test_an_organ_that_moved_moved_whole_and_what_is_far_stayed() -> None:
    shift = LocalShift(centre_xyz_mm=CENTRE, radius_mm=25.0, shift_xyz_mm=(4.0, -3.0, 8.0))
    in_plan = np.asarray(CENTRE) + np.random.default_rng(2).uniform(-10.0, 10.0, size=(100, 3))
    today = where_today_xyz_mm(shift, in_plan, RigidTransform())
    np.testing.assert_allclose(today - in_plan, np.broadcast_to([4.0, -3.0, 8.0], in_plan.shape), atol=1e-3)


def test_lost_weight_puts_the_skin_deeper_and_leaves_core_and_brain(depth: Depth) -> None:
    brain = Depth.below(phantoms.patient().structure("Brain"))
    loss = WeightLoss(depth=depth, loss_mm=6.0, stiff=brain)
    points = inside_body(depth, -20.0, 20_000)
    moved = np.linalg.norm(loss(points) - points, axis=1)
    assert moved[depth.at(points) > 45.0].max(initial=0.0) < 1e-9
    assert moved[brain.at(points) > 0.0].max() < 1e-9
    skin = np.abs(depth.at(points) - 6.0) < 1.0
    far = skin & (brain.at(points) < -60.0)
    assert moved[far].mean() == pytest.approx(6.0, abs=0.8)


def test_what_slides_moves_along_and_its_wall_does_not(depth: Depth) -> None:
    slide = Sliding(depth=depth, interface_mm=20.0, shift_z_mm=7.0, centre_z_mm=0.0, reach_mm=1e9)
    points = inside_body(depth, 1.0)
    moved = slide(points) - points
    assert np.abs(moved[:, :2]).max() == 0.0
    np.testing.assert_allclose(moved[depth.at(points) > 25.0, 2], -7.0, atol=1e-6)
    assert np.abs(moved[depth.at(points) < 15.0, 2]).max(initial=0.0) < 1e-9


def test_a_bent_neck_turns_the_head_whole_and_folds_nothing(depth: Depth) -> None:
    pivot = (0.0, 30.0, -60.0)
    bend = Flexion(pivot_xyz_mm=pivot, angle_deg=10.0, over_mm=120.0)
    points = inside_body(depth, 0.0)
    assert jacobians(bend, points).min() > 0.3
    head = points[points[:, 2] > pivot[2] + 125.0]
    between = np.linalg.norm(np.diff(head, axis=0), axis=1)
    np.testing.assert_allclose(np.linalg.norm(np.diff(bend(head), axis=0), axis=1), between, rtol=1e-9)
    below = points[points[:, 2] < pivot[2]]
    np.testing.assert_allclose(bend(below), below, atol=1e-9)


def test_a_chain_goes_back_to_where_it_came_from(depth: Depth) -> None:
    set_up = SetUp(rigid=RigidTransform.about(CENTRE, turn_xyz_deg=(3.0, -2.0, 5.0), shift_xyz_mm=(8.0, -12.0, 20.0)))
    whole = chain([set_up, WeightLoss(depth=depth, loss_mm=5.0), ORGAN])
    plan = inside_body(depth, 2.0, 500)
    today = where_today_xyz_mm(whole, plan, whole.set_up)
    np.testing.assert_allclose(whole(today), plan, atol=2e-3)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Flexion(pivot_xyz_mm=CENTRE, angle_deg=60.0, over_mm=50.0),
        lambda: LocalScaling(centre_xyz_mm=CENTRE, half_axes=ORGAN.half_axes, volume_change=-0.9),
        lambda: LocalShift(centre_xyz_mm=CENTRE, radius_mm=10.0, shift_xyz_mm=(0.0, 0.0, 20.0)),
    ],
)
def test_a_motion_that_would_fold_tissue_is_refused(make: object) -> None:
    with pytest.raises(InputError) as caught:
        make()  # type: ignore[operator]
    assert caught.value.reason == "BAD_MOTION"
