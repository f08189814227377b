"""Each lesion keeps its identity over the course, and splits or joins only where the patient's tissue did."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest

from contour.adaptation.lesion_history import (
    follow_lesions,
    lesion_histories,
    lesions_at,
    lesions_by_fraction,
)
from contour.adaptation.lesion_parts import observe_parts, plan_parts, start_lesions
from contour.adaptation.lesions import FractionParts, LesionHistory, LesionToday, PartToday, TargetLesions
from contour.adaptation.value_json import value_from_json, value_to_json
from contour.anatomy.structures import Structure, crop_to_structure
from contour.errors import InputError
from registration import Alignment, DisplacementField, FrameMismatchError, Grid, RigidTransform, Volume
from tests.phantoms import FRAME_OF_REFERENCE_UID, centre_xyz_mm, small_grid, voxel_points_xyz_mm

DAILY_FRAME = "2.25.20260077"
PLAN = small_grid((24, 76, 84), (2.5, 1.1, 1.2))
MIDDLE = centre_xyz_mm(PLAN)
SETUP = RigidTransform.about(tuple(MIDDLE), turn_xyz_deg=(2.0, -3.0, 4.0), shift_xyz_mm=(6.0, -5.0, 4.0))
DAY = small_grid(
    (36, 100, 108), (2.0, 1.1, 1.1), origin_xyz_mm=tuple(SETUP.inverse().apply(MIDDLE) - (59.0, 54.0, 35.0)),
    frame_of_reference_uid=DAILY_FRAME,
)  # fmt: skip
BY_SETUP = Alignment(rigid=SETUP, field=None, fixed_frame_uid=DAILY_FRAME, moving_frame_uid=FRAME_OF_REFERENCE_UID)

Ball = tuple[float, float, float, float]  # x, y, z from the middle, radius
L1: Ball = (-22.0, 4.0, 3.0, 10.0)
L2: Ball = (14.0, -10.0, -4.0, 8.0)
L3: Ball = (26.0, 22.0, 8.0, 6.0)


def lesions(grid: Grid, *balls: Ball, bars: tuple[tuple[Ball, Ball], ...] = ()) -> Structure:
    """Balls told in the plan's frame, and bars between two balls as thick as the second's radius."""
    points = voxel_points_xyz_mm(grid)
    points = (SETUP.apply(points) if grid.frame_of_reference_uid == DAILY_FRAME else points) - MIDDLE
    mask = np.zeros(grid.shape_zyx, dtype=np.bool_)
    for x, y, z, radius in balls:
        mask |= np.linalg.norm(points - (x, y, z), axis=-1) <= radius
    for a, b in bars:
        start, along = np.array(a[:3]), np.array(b[:3]) - np.array(a[:3])
        share = np.clip((points - start) @ along / (along @ along), 0.0, 1.0)
        mask |= np.linalg.norm(points - start - share[..., None] * along, axis=-1) <= b[3]
    return crop_to_structure("GTVn", grid, mask)


THREE = lesions(PLAN, L1, L2, L3)


def seen(
    *balls: Ball,
    fraction: int = 1,
    plan: Structure = THREE,
    bars: tuple[tuple[Ball, Ball], ...] = (),
    jacobian: Volume | None = None,
) -> FractionParts:
    return observe_parts(
        plan, BY_SETUP, DAY, fraction=fraction, found=lesions(DAY, *balls, bars=bars), jacobian=jacobian
    )


def fates(*days: FractionParts, plan: Structure = THREE) -> dict[str, LesionToday]:
    """Every lesion at the last of some days."""
    history = start_lesions(plan)
    for day in days:
        history = follow_lesions(history, day)
    return {row.lesion: row for row in lesions_at(history, days[-1].fraction)}


def moved(ball: Ball, by: tuple[float, float, float], radius: float | None = None) -> Ball:
    x, y, z = np.add(ball[:3], by)
    return (x, y, z, ball[3] if radius is None else radius)


def test_a_plans_lesions_are_numbered_by_size_and_debris_is_left_out() -> None:
    parts = plan_parts(lesions(PLAN, L2, L3, L1, (0.0, 34.0, 0.0, 1.2)))

    assert [part.name for part in parts] == ["L1", "L2", "L3"]
    assert [part.volume_ml for part in parts] == sorted((part.volume_ml for part in parts), reverse=True)
    assert parts[0].volume_ml == pytest.approx(4 / 3 * np.pi, rel=0.03)


def test_lesions_that_only_set_up_moved_are_stable_in_their_places() -> None:
    found = fates(seen(L1, L2, L3))

    assert {name: row.fate for name, row in found.items()} == dict.fromkeys(("L1", "L2", "L3"), "stable")
    for row in found.values():
        assert row.shift_xyz_mm == pytest.approx((0.0, 0.0, 0.0), abs=0.5)
        assert row.volume_ml == pytest.approx(row.first_volume_ml, rel=0.1)


def test_grown_shrunk_and_moved_are_told_apart() -> None:
    found = fates(seen(moved(L1, (0, 0, 0), 12.0), moved(L2, (0, 0, 0), 6.0), moved(L3, (0.0, 7.0, 0.0))))

    assert {name: row.fate for name, row in found.items()} == {"L1": "grown", "L2": "shrunk", "L3": "moved"}
    assert found["L3"].shift_xyz_mm == pytest.approx((0.0, 7.0, 0.0), abs=0.5)


def test_one_that_left_its_place_altogether_is_known_by_being_nearest() -> None:
    found = fates(seen(L1, L2, moved(L3, (0.0, -13.5, 0.0))))

    assert set(found) == {"L1", "L2", "L3"}
    assert found["L3"].fate == "moved"


def test_a_lesion_that_is_gone_has_vanished_and_one_far_from_all_is_new() -> None:
    found = fates(seen(L1, L2, (-26.0, -26.0, -4.0, 6.0)))

    assert (found["L3"].fate, found["L3"].volume_ml, found["L3"].shift_xyz_mm) == ("vanished", 0.0, None)
    assert found["L4"].fate == "new"


def test_debris_is_neither_a_lesion_nor_new() -> None:
    assert set(fates(seen(L1, L2, L3, (-30.0, -28.0, -4.0, 1.6)))) == {"L1", "L2", "L3"}


def test_a_lesion_in_two_well_parted_pieces_has_split_and_the_larger_goes_on() -> None:
    found = fates(seen(moved(L1, (-5.0, 0, 0), 5.0), moved(L1, (6.5, 0, 0), 4.0), L2, L3))

    assert (found["L1"].fate, found["L1"].partners) == ("split", ("L4",))
    assert (found["L4"].fate, found["L4"].partners) == ("split", ("L1",))
    assert found["L1"].volume_ml > found["L4"].volume_ml


def test_pieces_less_than_two_voxels_apart_are_one_lesion_with_a_note() -> None:
    found = fates(seen(moved(L1, (-5.0, 0, 0), 5.0), moved(L1, (6.0, 0, 0), 4.5), L2, L3))

    assert set(found) == {"L1", "L2", "L3"}
    assert "two voxels apart" in found["L1"].note


DUMBBELL = ((-24.0, 0.55, 1.25, 7.0), (-5.0, 0.55, 1.25, 7.0))  # along one row of voxels of the plan


@pytest.mark.parametrize(("bridge_mm", "split"), [(0.9, False), (4.0, True)])
def test_a_bridge_under_two_voxels_that_went_is_no_split_and_a_thick_one_is(bridge_mm: float, *, split: bool) -> None:
    ends = (DUMBBELL[0], (*DUMBBELL[1][:3], bridge_mm))
    plan = lesions(PLAN, *DUMBBELL, bars=(ends,))
    assert len(plan_parts(plan)) == 1
    closer = (moved(DUMBBELL[0], (1.0, 0, 0)), moved(DUMBBELL[1], (-1.0, 0, 0)))  # three millimetres of gap

    found = fates(seen(*closer, plan=plan), plan=plan)

    assert (found["L1"].fate == "split") is split
    assert ("L2" in found) is split
    assert ("bridge" in found["L1"].note) is not split


def test_where_the_field_is_creased_no_split_is_believed() -> None:
    pieces = (moved(L1, (-5.0, 0, 0), 5.0), moved(L1, (6.5, 0, 0), 4.0), L2, L3)
    values = np.ones(DAY.shape_zyx, dtype=np.float32)
    values[lesions(DAY, L1).full_mask_zyx()] = 0.05

    found = fates(seen(*pieces, jacobian=Volume(grid=DAY, values_zyx=values)))

    assert set(found) == {"L1", "L2", "L3"}
    assert "creased" in found["L1"].note


def test_two_lesions_grown_into_one_have_merged_into_the_one_that_was_larger() -> None:
    found = fates(seen(L1, L2, L3, bars=((L2, moved(L3, (0, 0, 0), 4.0)),)))

    assert (found["L2"].fate, found["L2"].partners) == ("merged", ("L3",))
    assert (found["L3"].fate, found["L3"].partners, found["L3"].volume_ml) == ("merged", ("L2",), 0.0)
    assert found["L1"].fate == "stable"


def test_neighbours_that_only_the_voxels_joined_keep_their_own_volumes() -> None:
    near = ((-10.0, 0.0, 0.0, 8.0), (5.6, 0.0, 0.0, 7.0))  # one voxel apart
    plan = lesions(PLAN, *near)
    assert len(plan_parts(plan)) == 2

    found = fates(seen(*near, plan=plan, bars=((near[0], (5.6, 0.0, 0.0, 1.5)),)), plan=plan)

    assert {name: row.fate for name, row in found.items()} == {"L1": "stable", "L2": "stable"}
    assert all("two voxels" in row.note for row in found.values())
    assert found["L2"].volume_ml == pytest.approx(found["L2"].first_volume_ml, rel=0.15)


def test_carried_lesions_keep_their_identity_and_shrink_as_the_field_says() -> None:
    centre = SETUP.inverse().apply(MIDDLE + np.array(L1[:3]))
    away = voxel_points_xyz_mm(DAY) - centre
    near = np.exp(-((np.linalg.norm(away, axis=-1, keepdims=True) / 18.0) ** 4))
    field = DisplacementField(grid=DAY, displacements_xyz_mm=(0.25 * away * near).astype(np.float32))

    day = observe_parts(THREE, replace(BY_SETUP, field=field), DAY, fraction=3)
    found = fates(day)

    assert {name: row.fate for name, row in found.items()} == {"L1": "shrunk", "L2": "stable", "L3": "stable"}
    assert found["L1"].volume_ml == pytest.approx(found["L1"].first_volume_ml / 1.25**3, rel=0.1)
    assert found["L2"].volume_ml == pytest.approx(found["L2"].first_volume_ml, rel=0.02)


def test_a_carried_lesion_that_the_warp_tore_is_still_one() -> None:
    ends = (DUMBBELL[0], (*DUMBBELL[1][:3], 0.9))
    plan = lesions(PLAN, *DUMBBELL, bars=(ends,))
    coarse = DAY.resampled((5.0, 3.1, 3.1))

    day = observe_parts(plan, BY_SETUP, coarse, fraction=1)

    assert len(day.parts) == 1
    assert "pieces" in day.parts[0].note


def test_a_lesion_that_the_days_scan_does_not_reach_is_unseen_not_vanished() -> None:
    low, _, _ = SETUP.inverse().apply(MIDDLE + np.array((-8.0, 0.0, 0.0)))
    first = round(float(DAY.to_index_zyx(np.array([low, *DAY.origin_xyz_mm[1:]]))[2]))
    narrow = DAY.cropped((0, 0, first), (36, 100, 108 - first))

    day = observe_parts(THREE, BY_SETUP, narrow, fraction=1, found=lesions(narrow, L2, L3))

    assert day.unseen == ("L1",)
    assert fates(day)["L1"].fate == "unseen"


NEW: Ball = (-26.0, -26.0, -4.0, 6.0)
COURSE = (
    seen(L1, L2, L3, fraction=1),
    seen(L1, L2, L3, NEW, fraction=2),
    seen(moved(L1, (-5.0, 0, 0), 5.0), moved(L1, (6.5, 0, 0), 4.0), L2, moved(NEW, (2.0, 0, 0), 8.0), fraction=3),
    seen(moved(L1, (-5.0, 0, 0), 5.0), moved(L1, (6.5, 0, 0), 4.0), L2, L3, fraction=4),
    seen(L1, L2, L3, NEW, fraction=5),
)


def of_course(days: tuple[FractionParts, ...]) -> LesionHistory:
    history = start_lesions(THREE)
    for day in days:
        history = follow_lesions(history, day)
    return history


def test_identities_hold_over_a_whole_course() -> None:
    rows = {n: {row.lesion: row.fate for row in day} for n, day in lesions_by_fraction(of_course(COURSE))}

    assert rows[1] == {"L1": "stable", "L2": "stable", "L3": "stable"}
    assert rows[2] == {"L1": "stable", "L2": "stable", "L3": "stable", "L4": "new"}
    assert rows[3] == {"L1": "split", "L2": "stable", "L3": "vanished", "L4": "grown", "L5": "split"}
    assert rows[4] == {"L1": "split", "L2": "stable", "L3": "stable", "L4": "vanished", "L5": "stable"}
    assert rows[5] == {"L1": "stable", "L2": "stable", "L3": "stable", "L4": "stable", "L5": "merged"}


def test_the_order_in_which_fractions_arrive_does_not_matter() -> None:
    in_order = of_course(COURSE)

    for order in list(itertools.permutations(COURSE))[::17]:
        assert of_course(order) == in_order


def test_a_fraction_done_again_takes_the_place_of_the_first() -> None:
    once = of_course(COURSE)

    assert follow_lesions(once, COURSE[2]) == once
    assert len(follow_lesions(once, replace(COURSE[2], parts=())).fractions) == 5


def test_what_a_course_keeps_of_its_days_gives_the_history_back_through_json() -> None:
    plan = start_lesions(THREE).plan
    kept = [TargetLesions(target="GTVn", plan=plan, today=replace(day, fraction=1)) for day in COURSE]
    through = [value_from_json(TargetLesions, value_to_json(entry)) for entry in kept]

    (found,) = lesion_histories(zip((5, 4, 3, 2, 1), through[::-1], strict=True))

    assert [[(row.lesion, row.fate) for row in rows] for _, rows in lesions_by_fraction(found)] == [
        [(row.lesion, row.fate) for row in rows] for _, rows in lesions_by_fraction(of_course(COURSE))
    ]


def test_days_of_different_plans_make_no_history() -> None:
    one = TargetLesions(target="GTVn", plan=start_lesions(THREE).plan, today=COURSE[0])
    other = replace(one, plan=one.plan[:2], today=replace(COURSE[0], parts=()))

    with pytest.raises(InputError, match="different lesions"):
        lesion_histories([(1, one), (2, other)])


def test_a_day_that_speaks_of_a_lesion_that_the_plan_does_not_have_is_refused() -> None:
    part = PartToday(lesions=("L9",), volume_ml=1.0, centroid_xyz_mm=(0, 0, 0), anatomy_xyz_mm=(0, 0, 0))

    with pytest.raises(InputError, match="L9"):
        follow_lesions(start_lesions(THREE), FractionParts(fraction=1, parts=(part,)))


def test_a_target_on_another_grid_than_the_days_is_refused() -> None:
    with pytest.raises(FrameMismatchError):
        observe_parts(THREE, BY_SETUP, DAY, fraction=1, found=THREE)
