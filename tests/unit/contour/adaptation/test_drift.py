"""Drift is measured below voxel size, after set-up, along the patient's axes; what a scan cuts off is no loss."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import numpy as np
import pytest

from contour.adaptation.carry import carry_structure
from contour.adaptation.drift import StructureDrift, StructurePair, measure_all_drift, measure_drift
from contour.adaptation.solid import View
from contour.adaptation.targets import TargetPairs
from contour.anatomy.structures import Structure, crop_to_structure
from contour.errors import InputError
from registration import Alignment, DisplacementField, FrameMismatchError, Grid, RigidTransform
from tests.phantoms import FRAME_OF_REFERENCE_UID, centre_xyz_mm, small_grid, voxel_points_xyz_mm

DAILY_FRAME = "2.25.20260077"
PLAN = small_grid((34, 96, 80), (3.0, 0.9, 1.2))
MIDDLE = centre_xyz_mm(PLAN)
DAY = small_grid(
    (48, 110, 104), (2.5, 1.1, 0.95),
    origin_xyz_mm=tuple(MIDDLE - (49.0, 60.0, 58.0)), tilt_xyz_deg=(3.0, -2.0, 4.0), frame_of_reference_uid=DAILY_FRAME,
)  # fmt: skip
SETUP = RigidTransform.about(tuple(MIDDLE), turn_xyz_deg=(3.0, -2.0, 5.0), shift_xyz_mm=(5.0, -4.0, 6.0))
VIEW = View(plan=PLAN, day=DAY, daily_to_plan=SETUP)


def ellipsoid(
    name: str, grid: Grid, centre: np.ndarray, radii_mm: tuple[float, float, float], to_plan: RigidTransform
) -> Structure:
    """An ellipsoid that is told in the plan's frame, on a grid whose points `to_plan` takes there; graded boundary."""
    away = (to_plan.apply(voxel_points_xyz_mm(grid)) - centre) / np.asarray(radii_mm)
    depth_mm = (1.0 - np.linalg.norm(away, axis=-1)) * min(radii_mm)
    level = np.clip(np.rint(127.5 + 80.0 * depth_mm), 0, 255).astype(np.uint8)
    level[(level == 127) & (depth_mm > 0)] = 128
    whole = crop_to_structure(name, grid, level > 0)
    box = tuple(slice(low, low + size) for low, size in zip(whole.lower_zyx, whole.mask_zyx.shape, strict=True))
    return replace(whole, mask_zyx=level[box] >= 128, membership_zyx=level[box].copy())


def on_plan(name: str, offset: tuple[float, float, float], radii_mm: tuple[float, float, float]) -> Structure:
    return ellipsoid(name, PLAN, MIDDLE + offset, radii_mm, RigidTransform())


def on_day(name: str, offset: tuple[float, float, float], radii_mm: tuple[float, float, float]) -> Structure:
    return ellipsoid(name, DAY, MIDDLE + offset, radii_mm, SETUP)


def of(rows: tuple[StructureDrift, ...], name: str) -> StructureDrift:
    return next(row for row in rows if row.name == name)


@pytest.mark.parametrize("moved", [(4.0, 0.0, 0.0), (0.0, -3.5, 0.0), (0.0, 0.0, 2.6), (-1.7, 2.2, -3.1)])
def test_a_shift_is_found_along_each_axis_once_set_up_is_put_right(moved: tuple[float, float, float]) -> None:
    pair = StructurePair(plan=on_plan("Gland", (3, 2, 1), (13, 17, 15)), today=on_day(
        "Gland", tuple(np.add((3, 2, 1), moved)), (13, 17, 15)))  # fmt: skip

    found = measure_drift(pair, VIEW)

    assert found.shift_xyz_mm == pytest.approx(moved, abs=0.12)
    assert found.shift_mm == pytest.approx(np.linalg.norm(moved), abs=0.15)
    assert found.volume_change_percent == pytest.approx(0.0, abs=1.0)
    assert found.cut_by == ()


def test_a_structure_that_only_set_up_moved_has_not_drifted() -> None:
    shape = ((3.0, 2.0, 1.0), (13.0, 17.0, 15.0))

    found = measure_drift(StructurePair(plan=on_plan("Gland", *shape), today=on_day("Gland", *shape)), VIEW)

    assert found.shift_mm == pytest.approx(0.0, abs=0.1)
    assert found.dice == pytest.approx(1.0, abs=0.02)
    assert found.mean_surface_distance_mm == pytest.approx(0.0, abs=0.3)
    assert found.hd95_mm == pytest.approx(0.0, abs=0.8)


def test_shrinking_by_two_millimetres_is_two_millimetres_of_surface_and_the_volume_of_the_shell() -> None:
    pair = StructurePair(plan=on_plan("Gland", (0, 0, 0), (16, 16, 16)), today=on_day("Gland", (0, 0, 0), (14, 14, 14)))

    found = measure_drift(pair, VIEW)

    assert found.volume_change_percent == pytest.approx(100 * ((14 / 16) ** 3 - 1), abs=1.0)
    assert found.mean_surface_distance_mm == pytest.approx(2.0, abs=0.15)
    assert found.hd95_mm == pytest.approx(2.0, abs=0.6)
    assert found.dice == pytest.approx(2 * 14**3 / (14**3 + 16**3), abs=0.01)
    assert found.plan_volume_ml == pytest.approx(4 / 3 * np.pi * 1.6**3, rel=0.01)


@pytest.mark.parametrize("radius_mm", [5.0, 8.0, 15.0])
def test_a_carried_structure_that_did_not_change_keeps_its_volume_however_small(radius_mm: float) -> None:
    plan = on_plan("Node", (0.7, -0.4, 1.1), (radius_mm,) * 3)
    by_setup = Alignment(rigid=SETUP, field=None, fixed_frame_uid=DAILY_FRAME, moving_frame_uid=FRAME_OF_REFERENCE_UID)
    carried = carry_structure(plan, by_setup, DAY).structure

    found = measure_drift(StructurePair(plan=plan, today=carried, by_setup=carried), VIEW)

    assert found.volume_change_percent == pytest.approx(0.0)
    assert found.today_volume_ml == pytest.approx(found.plan_volume_ml)
    assert found.shift_mm == pytest.approx(0.0)


def test_a_carried_structure_that_shrank_is_told_by_how_much() -> None:
    plan = on_plan("Node", (0.7, -0.4, 1.1), (8.0, 8.0, 8.0))
    centre = SETUP.inverse().apply(np.add(MIDDLE, (0.7, -0.4, 1.1)))
    growth = (voxel_points_xyz_mm(DAY) - centre) * 0.12
    field = DisplacementField(grid=DAY, displacements_xyz_mm=growth.astype(np.float32))
    whole = Alignment(rigid=SETUP, field=field, fixed_frame_uid=DAILY_FRAME, moving_frame_uid=FRAME_OF_REFERENCE_UID)

    found = measure_drift(
        StructurePair(
            plan=plan,
            today=carry_structure(plan, whole, DAY).structure,
            by_setup=carry_structure(plan, whole.rigid_only, DAY).structure,
        ),
        VIEW,
    )

    assert found.volume_change_percent == pytest.approx(100 * (1.12**-3 - 1), abs=2.5)


@lru_cache
def target_rows(moved: tuple[float, float, float]) -> tuple[StructureDrift, ...]:
    """A CTV of 12 mm in a PTV of 17 mm, and an organ of 8 mm 30 mm to the left of both; all move today."""
    pairs = [
        StructurePair(plan=on_plan(name, offset, radii), today=on_day(name, tuple(np.add(offset, moved)), radii))
        for name, offset, radii in (
            ("CTV_7000", (-10, 0, 0), (12, 12, 12)),
            ("PTV_7000", (-10, 0, 0), (17, 17, 17)),
            ("Parotid_L", (20, 0, 0), (8, 8, 8)),
        )
    ]
    targets = TargetPairs(planning_volume=(("CTV_7000", "PTV_7000"),), unpaired=(), high_dose="PTV_7000")
    return measure_all_drift(pairs, VIEW, targets)


def test_a_target_inside_its_margin_has_a_negative_excursion_and_all_of_it_is_covered() -> None:
    margin = of(target_rows((0.0, 3.0, 0.0)), "CTV_7000").margin

    assert margin is not None
    assert margin.planning_volume == "PTV_7000"
    assert margin.excursion_plan_mm == pytest.approx(-5.0, abs=1.5)  # at the poles, to half a slice
    assert margin.excursion_today_mm == pytest.approx(-2.0, abs=0.5)
    assert margin.inside_today_percent == pytest.approx(100.0)


def test_a_target_that_leaves_its_margin_is_told_how_deep_and_how_much() -> None:
    margin = of(target_rows((0.0, 0.0, -9.0)), "CTV_7000").margin

    rng = np.random.default_rng(3)
    points = rng.uniform(-12, 12, size=(200_000, 3))
    points = points[np.linalg.norm(points, axis=1) < 12]
    inside = np.linalg.norm(points - np.array([0.0, 0.0, 9.0]), axis=1) < 17

    assert margin is not None
    assert margin.excursion_today_mm == pytest.approx(4.0, abs=0.5)
    assert margin.inside_today_percent == pytest.approx(100 * inside.mean(), abs=1.0)
    assert margin.outside_today_ml == pytest.approx((1 - inside.mean()) * 4 / 3 * np.pi * 1.2**3, abs=0.15)


def test_an_organ_nearing_the_planned_target_loses_clearance_and_then_overlaps() -> None:
    near = of(target_rows((-3.0, 0.0, 0.0)), "Parotid_L").clearance
    over = of(target_rows((-9.0, 0.0, 0.0)), "Parotid_L").clearance

    assert near is not None
    assert over is not None
    assert near.plan_mm == pytest.approx(5.0, abs=0.4)
    assert near.today_mm == pytest.approx(2.0, abs=0.4)
    assert near.overlap_today_ml == 0.0
    assert over.today_mm == pytest.approx(-4.0, abs=0.5)
    assert over.overlap_today_ml > 0.1


def test_the_high_dose_target_has_no_clearance_to_itself_nor_a_margin() -> None:
    found = of(target_rows((0.0, 0.0, 0.0)), "PTV_7000")

    assert found.clearance is None
    assert found.margin is None


def test_what_the_days_scan_cuts_off_is_no_loss_of_volume() -> None:
    short = replace(VIEW, day=DAY.cropped((0, 0, 0), (24, *DAY.shape_zyx[1:])))
    plan = on_plan("Cord", (0, 0, 0), (7, 7, 40))
    today = ellipsoid("Cord", short.day, np.add(MIDDLE, (2.0, 0.0, 0.0)), (7, 7, 40), SETUP)

    found = measure_drift(StructurePair(plan=plan, today=today), short)

    assert found.cut_by == ("day",)
    assert found.volume_change_percent is None
    assert 25 < found.out_of_view_percent < 75
    assert found.change_in_view_percent == pytest.approx(0.0, abs=3.0)
    assert found.shift_xyz_mm == pytest.approx((2.0, 0.0, 0.0), abs=0.3)
    assert found.mean_surface_distance_mm is not None
    assert found.mean_surface_distance_mm < 1.7


def test_a_structure_that_reaches_the_plans_last_slice_says_so() -> None:
    found = measure_drift(
        StructurePair(plan=on_plan("Cord", (0, 0, 20), (7, 7, 40)), today=on_day("Cord", (0, 0, 20), (7, 7, 40))), VIEW
    )

    assert "plan" in found.cut_by
    assert found.volume_change_percent is None


def test_a_structure_that_is_gone_today_has_no_place_and_no_overlap() -> None:
    plan = on_plan("Node", (0, 0, 0), (8, 8, 8))
    gone = crop_to_structure("Node", DAY, np.zeros(DAY.shape_zyx, dtype=np.bool_))

    found = measure_drift(StructurePair(plan=plan, today=gone), VIEW)

    assert found.volume_change_percent == pytest.approx(-100.0)
    assert (found.shift_xyz_mm, found.hd95_mm, found.mean_surface_distance_mm) == (None, None, None)
    assert found.dice == 0.0


def test_two_structures_of_one_name_and_structures_of_another_frame_are_refused() -> None:
    pair = StructurePair(plan=on_plan("Node", (0, 0, 0), (8, 8, 8)), today=on_day("Node", (0, 0, 0), (8, 8, 8)))

    with pytest.raises(InputError, match="one name"):
        measure_all_drift([pair, pair], VIEW, TargetPairs(planning_volume=(), unpaired=(), high_dose=""))
    with pytest.raises(FrameMismatchError):
        measure_drift(StructurePair(plan=pair.today, today=pair.today), VIEW)
