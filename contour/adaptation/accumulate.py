"""Dose over the fractions, carried back to the plan's anatomy.

A point p of the plan lay in the daily scan at x = y + v(y), where y = rigid^-1(p) undoes set-up and v is the inverse of
that fraction's deformation. There it had the dose that the plan has at rigid(x): the dose cloud is fixed in the room
(`dose_today` says what that leaves out). Each fraction gives its share of that, the plan's dose divided by the planned
number of fractions, and the shares are summed per point of the plan.

That is a sum per point of tissue, as far as the alignment follows tissue. Where tissue vanished or grew, as in a
shrinking target, no point of the one day is truly a point of the other, and the sum there is an estimate only.

    v = 0 on every fraction     the plan's dose back, times the share delivered
    a fraction that is missing  named; nothing is put in its place unless asked for
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from contour.errors import InputError
from registration.errors import FrameMismatchError
from registration.grid import Grid
from registration.transform import DisplacementField, RigidTransform
from registration.volume import Volume
from registration.warp import sample

_SLAB_POINTS = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class FractionMotion:
    """Where one fraction had the plan's points.

    Args:
        fraction: Its number in the course, from 1.
        daily_to_plan: The rigid part of its alignment.
        plan_to_daily: v in y + v(y), in the daily frame, with y a point of the plan after the rigid part is undone.
            None where only set-up moved.
    """

    fraction: int
    daily_to_plan: RigidTransform
    plan_to_daily: DisplacementField | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AccumulatedDose:
    """Dose delivered so far on the plan's anatomy.

    Args:
        dose: Gy on the plan's dose grid.
        planned_fractions: Over which the plan's dose is given.
        delivered: Numbers of the fractions in the sum, ascending.
        missing: Numbers before the last delivered one that are not in it.
    """

    dose: Volume
    planned_fractions: int
    delivered: tuple[int, ...]
    missing: tuple[int, ...]

    @property
    def delivered_share(self) -> float:
        """Which part of the planned fractions is in the sum, 0 to 1."""
        return len(self.delivered) / self.planned_fractions

    def with_rest_as_planned(self, plan_dose: Volume) -> Volume:
        """The whole course, where every fraction that is not in the sum is taken to give what was planned; Gy.

        Raises:
            FrameMismatchError: the dose lies on another grid than the sum.
        """
        if plan_dose.grid != self.dose.grid:
            raise FrameMismatchError("the rest of a course is added on the plan's own dose grid")
        rest = plan_dose.values_zyx.astype(np.float32) * np.float32(1.0 - self.delivered_share)
        return Volume(grid=self.dose.grid, values_zyx=self.dose.values_zyx + rest)


def accumulate_dose(
    plan_dose: Volume, fractions: Iterable[FractionMotion], *, planned_fractions: int
) -> AccumulatedDose:
    """The sum over fractions on the plan's dose grid.

    Args:
        plan_dose: Gy over the whole course, in the plan's frame.
        fractions: In any order. Taken one by one, so that a generator need not hold more than one field at a time.
        planned_fractions: Over which the plan's dose is given.

    Raises:
        InputError: a number that is not 1 to `planned_fractions`, or one that comes twice (BAD_FRACTION).
    """
    if planned_fractions < 1:
        raise InputError(f"{planned_fractions} planned fractions; expected at least one", reason="BAD_FRACTION")
    summed = np.zeros(plan_dose.grid.shape_zyx, dtype=np.float64)
    delivered: set[int] = set()
    for motion in fractions:
        if not 1 <= motion.fraction <= planned_fractions:
            raise InputError(f"fraction {motion.fraction} of {planned_fractions} planned", reason="BAD_FRACTION")
        if motion.fraction in delivered:
            raise InputError(f"fraction {motion.fraction} comes twice", reason="BAD_FRACTION")
        delivered.add(motion.fraction)
        _add_dose_at_plan(plan_dose, motion, summed)
    return AccumulatedDose(
        dose=Volume(grid=plan_dose.grid, values_zyx=(summed / planned_fractions).astype(np.float32)),
        planned_fractions=planned_fractions,
        delivered=tuple(sorted(delivered)),
        missing=tuple(number for number in range(1, max(delivered, default=0)) if number not in delivered),
    )


def sum_fraction_doses(doses: Mapping[int, Volume], *, planned_fractions: int) -> AccumulatedDose:
    """The sum of what each fraction gave on the plan's anatomy, which `accumulate_dose` made of each.

    Args:
        doses: By number of the fraction; Gy of that fraction on the plan's dose grid.
        planned_fractions: Over which the plan's dose is given.

    Raises:
        InputError: a number that is not 1 to `planned_fractions`, or no dose at all (BAD_FRACTION); doses that do not
            lie on one grid (GRID_MISMATCH).
    """
    if not doses or not all(1 <= number <= planned_fractions for number in doses):
        raise InputError(
            f"fractions {sorted(doses)} of {planned_fractions} planned; expected numbers up to that",
            reason="BAD_FRACTION",
        )
    grid = doses[min(doses)].grid
    for number, dose in doses.items():
        if not same_place(dose.grid, grid):
            raise InputError(f"the dose of fraction {number} lies on another grid", reason="GRID_MISMATCH")
    summed = np.sum([np.asarray(dose.values_zyx, dtype=np.float64) for dose in doses.values()], axis=0)
    return AccumulatedDose(
        dose=Volume(grid=grid, values_zyx=summed.astype(np.float32)),
        planned_fractions=planned_fractions,
        delivered=tuple(sorted(doses)),
        missing=tuple(number for number in range(1, max(doses)) if number not in doses),
    )


def same_place(one: Grid, other: Grid) -> bool:
    """True where two grids are the same but for the rounding of a file's decimals, up to a hundredth of a mm."""
    if one.shape_zyx != other.shape_zyx or one.frame_of_reference_uid != other.frame_of_reference_uid:
        return False
    ends = np.asarray([[0.0, 0.0, 0.0], *(np.diag(one.shape_zyx).astype(np.float64))])
    return bool(np.allclose(one.to_point_xyz_mm(ends), other.to_point_xyz_mm(ends), atol=0.01))


def _add_dose_at_plan(plan_dose: Volume, motion: FractionMotion, summed: NDArray[np.float64]) -> None:
    """Adds, for each point of the plan, the plan's dose at the place where this fraction had it."""
    if motion.plan_to_daily is None:
        summed += plan_dose.values_zyx
        return
    grid = plan_dose.grid
    undo = motion.daily_to_plan.inverse()
    planes = max(1, _SLAB_POINTS // (grid.shape_zyx[1] * grid.shape_zyx[2]))
    for first in range(0, grid.shape_zyx[0], planes):
        count = min(planes, grid.shape_zyx[0] - first)
        slab = grid.cropped((first, 0, 0), (count, *grid.shape_zyx[1:]))
        points = slab.to_point_xyz_mm(np.moveaxis(np.indices(slab.shape_zyx), 0, -1).astype(np.float64))
        lay_at = motion.plan_to_daily.apply(undo.apply(points))
        summed[first : first + count] += sample(plan_dose, motion.daily_to_plan.apply(lay_at), outside=0.0)
