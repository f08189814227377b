"""A carried structure lies where the alignment says, keeps its volume and its holes, and says what is out of view."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from contour.adaptation.carry import carry_structure, signed_distance
from contour.anatomy.agreement import dice
from contour.anatomy.structures import Structure, crop_to_structure
from registration import Alignment, DisplacementField, FrameMismatchError, Grid, RigidTransform
from tests.phantoms import FRAME_OF_REFERENCE_UID, ball, centre_xyz_mm, shell, small_grid, voxel_points_xyz_mm

DAILY_FRAME = "2.25.20260077"
PLAN = small_grid((30, 60, 52), (3.0, 0.9, 1.2))
DAY = small_grid(
    (40, 66, 60), (2.5, 1.1, 0.95), origin_xyz_mm=(-30.0, -150.0, 30.0), frame_of_reference_uid=DAILY_FRAME
)


def alignment(rigid: RigidTransform, field: DisplacementField | None = None) -> Alignment:
    return Alignment(rigid=rigid, field=field, fixed_frame_uid=DAILY_FRAME, moving_frame_uid=FRAME_OF_REFERENCE_UID)


def moved_ball(grid: Grid, centre: np.ndarray, radius_mm: float) -> np.ndarray:
    return np.linalg.norm(voxel_points_xyz_mm(grid) - centre, axis=-1) <= radius_mm


def test_a_ball_is_carried_to_where_set_up_puts_it() -> None:
    plan = ball(PLAN, 17.0, offset_xyz_mm=(3.0, -2.0, 4.0))
    middle = centre_xyz_mm(PLAN) + np.array([3.0, -2.0, 4.0])
    rigid = RigidTransform.about(tuple(middle), turn_xyz_deg=(5.0, 3.0, -8.0), shift_xyz_mm=(4.0, -3.0, 5.0))

    carried = carry_structure(plan, alignment(rigid), DAY)

    expected = moved_ball(DAY, rigid.inverse().apply(middle), 17.0)
    assert dice(carried.structure.full_mask_zyx(), expected) > 0.98
    assert carried.structure.volume_ml == pytest.approx(4 / 3 * np.pi * 1.7**3, rel=0.02)
    assert carried.out_of_view == 0.0
    assert not carried.at_plan_end


@pytest.mark.parametrize("tilt", [(0.0, 0.0, 0.0), (8.0, -5.0, 12.0)])
def test_a_ball_that_shrank_is_carried_shrunken(tilt: tuple[float, float, float]) -> None:
    plan = ball(PLAN, 18.0)
    middle = centre_xyz_mm(PLAN)
    day = small_grid(
        (36, 60, 64), (2.5, 1.1, 0.95), origin_xyz_mm=tuple(middle - 35.0), tilt_xyz_deg=tilt,
        frame_of_reference_uid=DAILY_FRAME,
    )  # fmt: skip
    growth = (voxel_points_xyz_mm(day) - middle) * 0.25
    field = DisplacementField(grid=day, displacements_xyz_mm=growth.astype(np.float32))

    carried = carry_structure(plan, alignment(RigidTransform(), field), day)

    assert dice(carried.structure.full_mask_zyx(), moved_ball(day, middle, 18.0 / 1.25)) > 0.975


def test_a_hole_survives() -> None:
    plan = shell(PLAN, 20.0, 9.0)

    carried = carry_structure(plan, alignment(RigidTransform()), DAY).structure

    hole = centre_xyz_mm(PLAN) + np.array([4.0, -2.0, 0.0])
    at_hole = tuple(np.rint(DAY.to_index_zyx(hole)).astype(int))
    assert not carried.full_mask_zyx()[at_hole]
    assert carried.volume_ml == pytest.approx(plan.volume_ml, rel=0.02)


def test_between_slices_a_cone_is_no_staircase() -> None:
    points = voxel_points_xyz_mm(PLAN) - centre_xyz_mm(PLAN)
    cone = crop_to_structure("Cone", PLAN, np.hypot(points[..., 0], points[..., 1]) <= 14.0 - 0.35 * points[..., 2])
    fine = small_grid((60, 60, 60), (1.0, 0.9, 0.9), origin_xyz_mm=tuple(centre_xyz_mm(PLAN) - 27.0))
    there = Alignment(
        rigid=RigidTransform(),
        field=None,
        fixed_frame_uid=FRAME_OF_REFERENCE_UID,
        moving_frame_uid=FRAME_OF_REFERENCE_UID,
    )

    carried = carry_structure(cone, there, fine).structure.full_mask_zyx()

    at = voxel_points_xyz_mm(fine) - centre_xyz_mm(PLAN)
    truth = np.hypot(at[..., 0], at[..., 1]) <= 14.0 - 0.35 * at[..., 2]
    assert dice(carried[10:50], truth[10:50]) > 0.985


def test_a_graded_boundary_is_met_below_voxel_size() -> None:
    points = voxel_points_xyz_mm(PLAN) - centre_xyz_mm(PLAN)
    depth = 15.3 - np.linalg.norm(points, axis=-1)
    level = np.clip(np.rint(128 + depth * 100), 0, 255).astype(np.uint8)
    graded = Structure(name="Ball", grid=PLAN, lower_zyx=(0, 0, 0), mask_zyx=level >= 128, membership_zyx=level)

    found = signed_distance(graded)

    truth = 15.3 - np.linalg.norm(voxel_points_xyz_mm(found.grid) - centre_xyz_mm(PLAN), axis=-1)
    near = np.abs(truth) < 0.5
    assert np.abs(found.values_zyx - truth)[near].mean() < 0.5


def test_what_the_days_scan_does_not_show_is_told() -> None:
    plan = ball(PLAN, 15.0)
    half = DAY.cropped((0, 0, 0), (int(DAY.to_index_zyx(centre_xyz_mm(PLAN))[0]), *DAY.shape_zyx[1:]))

    carried = carry_structure(plan, alignment(RigidTransform()), half)

    assert 0.3 < carried.out_of_view < 0.7
    assert carried.structure.volume_ml == pytest.approx(
        plan.volume_ml * (1 - carried.out_of_view),
        abs=0.08 * plan.volume_ml,  # half a plan slice
    )


def test_a_structure_wholly_out_of_view_is_empty_and_says_so() -> None:
    far = RigidTransform(translation_xyz_mm=(0.0, 0.0, 500.0))

    carried = carry_structure(ball(PLAN, 10.0), alignment(far), DAY)

    assert carried.structure.is_empty
    assert carried.out_of_view == 1.0


def test_a_structure_that_ends_with_the_plan_ct_says_so() -> None:
    whole = crop_to_structure("Cord", PLAN, np.linalg.norm(
        (voxel_points_xyz_mm(PLAN) - centre_xyz_mm(PLAN))[..., :2], axis=-1) < 6.0)  # fmt: skip

    assert carry_structure(whole, alignment(RigidTransform()), DAY).at_plan_end


def test_a_structure_of_another_frame_is_not_carried() -> None:
    stranger = replace(ball(PLAN, 10.0), grid=replace(PLAN, frame_of_reference_uid="2.25.9"))

    with pytest.raises(FrameMismatchError):
        carry_structure(stranger, alignment(RigidTransform()), DAY)
