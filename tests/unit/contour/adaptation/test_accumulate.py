"""Accumulated dose follows the tissue: it is the mean of what each point of the plan met in the dose cloud."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from contour.adaptation.accumulate import FractionMotion, accumulate_dose, sum_fraction_doses
from contour.adaptation.dose_today import compare_accumulated
from contour.adaptation.dvh import measure_dvh
from contour.errors import InputError
from registration import DisplacementField, FrameMismatchError, Grid, RigidTransform, Volume
from tests.phantoms import ball, centre_xyz_mm, small_grid, voxel_points_xyz_mm

DAILY_FRAME = "2.25.20260077"
GRID = small_grid((26, 40, 36), (3.0, 2.2, 2.5))
MIDDLE = centre_xyz_mm(GRID)
SLOPE_GY_PER_MM = np.array([0.2, -0.3, 0.4])
TOTAL_GY = 60.0
PLAN_DOSE = Volume(
    grid=GRID, values_zyx=(TOTAL_GY + (voxel_points_xyz_mm(GRID) - MIDDLE) @ SLOPE_GY_PER_MM).astype(np.float32)
)
SETUP = RigidTransform.about(tuple(MIDDLE), turn_xyz_deg=(2.0, -3.0, 8.0), shift_xyz_mm=(6.0, -9.0, 12.0))
INNER = (slice(8, 18), slice(12, 28), slice(11, 25))


def day_grid() -> Grid:
    return small_grid(
        (40, 60, 60), (3.0, 3.0, 3.0), origin_xyz_mm=tuple(SETUP.inverse().apply(MIDDLE) - (88.0, 90.0, 60.0)),
        tilt_xyz_deg=(3.0, 2.0, -4.0), frame_of_reference_uid=DAILY_FRAME,
    )  # fmt: skip


def motion(number: int, matrix: np.ndarray, shift_in_plan_mm: np.ndarray) -> FractionMotion:
    """A fraction at which a plan point p lay, after set-up, at middle + (1 + matrix)(p - middle) + shift."""
    turn = np.asarray(SETUP.rotation)
    in_plan = (SETUP.apply(voxel_points_xyz_mm(day_grid())) - MIDDLE) @ matrix.T + shift_in_plan_mm
    field = DisplacementField(grid=day_grid(), displacements_xyz_mm=(in_plan @ turn).astype(np.float32))
    return FractionMotion(fraction=number, daily_to_plan=SETUP, plan_to_daily=field)


def still(number: int) -> FractionMotion:
    return FractionMotion(fraction=number, daily_to_plan=SETUP, plan_to_daily=None)


def test_without_deformation_the_plans_dose_comes_back_by_its_share() -> None:
    zero = motion(2, np.zeros((3, 3)), np.zeros(3))

    found = accumulate_dose(PLAN_DOSE, [still(1), zero], planned_fractions=4)

    np.testing.assert_allclose(found.dose.values_zyx[INNER], PLAN_DOSE.values_zyx[INNER] / 2, atol=1e-3)
    assert found.delivered_share == 0.5


def test_tissue_that_lay_five_millimetres_to_the_left_had_the_dose_that_is_there() -> None:
    shift = np.array([5.0, 0.0, 0.0])

    found = accumulate_dose(PLAN_DOSE, [motion(1, np.zeros((3, 3)), shift)], planned_fractions=1)

    np.testing.assert_allclose(found.dose.values_zyx[INNER], PLAN_DOSE.values_zyx[INNER] + 1.0, atol=2e-3)


def test_shifts_to_and_fro_even_out() -> None:
    shift = np.array([3.0, -4.0, 2.0])
    fractions = [motion(1, np.zeros((3, 3)), shift), motion(2, np.zeros((3, 3)), -shift)]

    found = accumulate_dose(PLAN_DOSE, fractions, planned_fractions=2)

    np.testing.assert_allclose(found.dose.values_zyx[INNER], PLAN_DOSE.values_zyx[INNER], atol=2e-3)


def test_a_deformation_about_the_middle_of_a_linear_dose_keeps_the_mean_and_narrows_the_spread() -> None:
    """Tissue shrunk to 80 %: every point lay nearer the middle, so the ball met less of the slope."""
    shrunk = motion(1, -0.2 * np.eye(3), np.zeros(3))
    target = ball(GRID, 20.0)

    found = accumulate_dose(PLAN_DOSE, [shrunk], planned_fractions=1)
    planned, summed = measure_dvh(PLAN_DOSE, target), measure_dvh(found.dose, target)

    assert planned is not None
    assert summed is not None
    assert summed.points().mean_gy == pytest.approx(planned.points().mean_gy, abs=0.05)
    spread = [points.d2_gy - points.d98_gy for points in (planned.points(), summed.points())]
    assert spread[1] == pytest.approx(0.8 * spread[0], rel=0.01)


def test_the_order_of_the_fractions_does_not_matter_and_missing_ones_are_named() -> None:
    fractions = [motion(n, np.zeros((3, 3)), np.array([n, 0.0, -n])) for n in (1, 2, 5)]

    found = accumulate_dose(PLAN_DOSE, fractions, planned_fractions=30)
    again = accumulate_dose(PLAN_DOSE, iter(fractions[::-1]), planned_fractions=30)

    np.testing.assert_allclose(found.dose.values_zyx, again.dose.values_zyx, rtol=1e-6)
    assert found.delivered == again.delivered == (1, 2, 5)
    assert found.missing == (3, 4)


def test_with_the_rest_as_planned_a_still_patient_gets_the_plan() -> None:
    found = accumulate_dose(PLAN_DOSE, [still(1), still(2)], planned_fractions=5)

    np.testing.assert_allclose(found.with_rest_as_planned(PLAN_DOSE).values_zyx, PLAN_DOSE.values_zyx, rtol=1e-6)
    with pytest.raises(FrameMismatchError):
        found.with_rest_as_planned(Volume(grid=day_grid(), values_zyx=np.zeros(day_grid().shape_zyx, np.float32)))


def test_accumulated_dose_is_compared_with_as_much_of_the_plan() -> None:
    found = accumulate_dose(PLAN_DOSE, [motion(1, np.zeros((3, 3)), np.array([5.0, 0.0, 0.0]))], planned_fractions=10)
    target = ball(GRID, 15.0)

    (row,) = compare_accumulated(PLAN_DOSE, [target], found.dose, delivered_share=found.delivered_share)

    assert row.accumulated_less_plan is not None
    assert row.accumulated_less_plan.mean_gy == pytest.approx(0.1, abs=0.005)


@pytest.mark.parametrize("numbers", [(0,), (31,), (2, 2)])
def test_a_number_that_is_not_planned_or_comes_twice_is_refused(numbers: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match="fraction"):
        accumulate_dose(PLAN_DOSE, [still(number) for number in numbers], planned_fractions=30)


def test_the_sum_of_single_fractions_is_the_sum_over_the_course() -> None:
    days = [motion(n, np.zeros((3, 3)), np.array([2.0 * n, -1.0, 0.5])) for n in (1, 2, 4)]
    single = {day.fraction: accumulate_dose(PLAN_DOSE, [day], planned_fractions=10).dose for day in days}

    together = accumulate_dose(PLAN_DOSE, days, planned_fractions=10)
    summed = sum_fraction_doses(single, planned_fractions=10)

    np.testing.assert_allclose(summed.dose.values_zyx, together.dose.values_zyx, rtol=1e-5, atol=1e-5)
    assert summed.delivered == (1, 2, 4)
    assert summed.missing == (3,)


def test_fractions_on_two_grids_are_not_summed() -> None:
    shifted = replace(PLAN_DOSE.grid, origin_xyz_mm=tuple(v + 0.5 for v in PLAN_DOSE.grid.origin_xyz_mm))
    doses = {1: PLAN_DOSE, 2: Volume(grid=shifted, values_zyx=PLAN_DOSE.values_zyx)}

    with pytest.raises(InputError) as caught:
        sum_fraction_doses(doses, planned_fractions=5)
    assert caught.value.reason == "GRID_MISMATCH"
