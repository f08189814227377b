"""Dose on today's anatomy, with the dose cloud fixed in the room.

The approximation: once the couch has put set-up right, today's patient lies in the dose as planned. A point x of the
day has the dose that the plan has at rigid(x), whatever tissue is there now. Left out are: the change of dose itself by
what beams pass through today (a new calculation would show it; for photons it is small away from the surface and from
air, for protons it is not), delivery errors, and motion within the fraction with its interplay.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from contour.adaptation.dvh import DvhPoints, measure_dvh
from contour.anatomy.structures import Structure
from registration.grid import Grid
from registration.transform import Alignment, RigidTransform
from registration.volume import Volume
from registration.warp import warp

APPROXIMATION = (
    "dose cloud fixed in the room after set-up correction; no recalculation on today's anatomy, no delivery errors, "
    "no motion within the fraction"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class DvhChange:
    """Points of one histogram less those of the plan's, in Gy."""

    d98_gy: float
    d95_gy: float
    d50_gy: float
    d2_gy: float
    mean_gy: float


@dataclass(frozen=True, slots=True, kw_only=True)
class DoseRow:
    """One structure's dose.

    Args:
        name: The structure's.
        plan: As planned, the whole course.
        today: The whole course at today's anatomy.
        accumulated: What was delivered so far, on the plan's structure.
        today_less_plan: The difference of the two.
        accumulated_less_plan: What was delivered, less what the plan foresaw for as many fractions.
    """

    name: str
    plan: DvhPoints | None
    today: DvhPoints | None
    accumulated: DvhPoints | None = None
    today_less_plan: DvhChange | None = None
    accumulated_less_plan: DvhChange | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DoseComparison:
    """The difference table.

    Args:
        rows: One per structure.
        approximation: What today's dose rests on.
        planned_fractions: Over which the plan's dose is given; None where nothing was accumulated.
        delivered_fractions: Those that the accumulated dose holds.
        missing_fractions: Those before the last delivered one that it does not hold.
    """

    rows: tuple[DoseRow, ...]
    approximation: str = APPROXIMATION
    planned_fractions: int | None = None
    delivered_fractions: tuple[int, ...] = ()
    missing_fractions: tuple[int, ...] = ()


def dose_on_day(plan_dose: Volume, daily_to_plan: Alignment, onto: Grid) -> Volume:
    """The plan's dose where it lies in the daily scan once set-up is put right; Gy, 0 beyond the plan's dose grid.

    Args:
        plan_dose: Gy, in the plan's frame.
        daily_to_plan: Only its rigid part counts.
        onto: A grid of the day.

    Raises:
        FrameMismatchError: dose or grid lie in other frames than the alignment's.
    """
    return warp(plan_dose, daily_to_plan.rigid_only, onto, outside=0.0)


def compare_dose(
    plan_dose: Volume,
    structures: Iterable[tuple[Structure, Structure]],
    daily_to_plan: RigidTransform,
    *,
    at_doses_gy: tuple[float, ...] = (),
) -> tuple[DoseRow, ...]:
    """Each structure's dose as planned and at today's anatomy.

    Args:
        plan_dose: Gy over the whole course, in the plan's frame.
        structures: The plan's and today's, in pairs.
        daily_to_plan: The rigid part of today's alignment.
        at_doses_gy: Doses at which the volume is told.

    Raises:
        FrameMismatchError: a structure of the plan does not lie in the dose's frame.
    """
    rows = []
    for plan, today in structures:
        planned = _points(plan_dose, plan, at_doses_gy)
        now = _points(plan_dose, today, at_doses_gy, own_to_dose=daily_to_plan)
        rows.append(DoseRow(name=plan.name, plan=planned, today=now, today_less_plan=_change(now, planned, 1.0)))
    return tuple(rows)


def compare_accumulated(
    plan_dose: Volume,
    structures: Iterable[Structure],
    accumulated: Volume,
    *,
    delivered_share: float,
    at_doses_gy: tuple[float, ...] = (),
) -> tuple[DoseRow, ...]:
    """Each structure's dose as planned for the whole course and as delivered so far, both on the plan's anatomy.

    Args:
        plan_dose: Gy over the whole course.
        structures: The plan's.
        accumulated: Gy delivered so far.
        delivered_share: Which part of the course that is, 0 to 1: it is compared with as much of the plan's dose.
        at_doses_gy: Doses at which the volume is told.

    Raises:
        FrameMismatchError: a structure does not lie in the doses' frame.
    """
    rows = []
    for structure in structures:
        planned = _points(plan_dose, structure, at_doses_gy)
        summed = _points(accumulated, structure, at_doses_gy)
        change = _change(summed, planned, delivered_share)
        rows.append(
            DoseRow(name=structure.name, plan=planned, today=None, accumulated=summed, accumulated_less_plan=change)
        )
    return tuple(rows)


def _points(
    dose: Volume, structure: Structure, at_doses_gy: tuple[float, ...], *, own_to_dose: RigidTransform | None = None
) -> DvhPoints | None:
    found = measure_dvh(dose, structure, own_to_dose=own_to_dose)
    return None if found is None else found.points(at_doses_gy)


def _change(found: DvhPoints | None, plan: DvhPoints | None, share: float) -> DvhChange | None:
    if found is None or plan is None:
        return None
    return DvhChange(
        d98_gy=found.d98_gy - share * plan.d98_gy,
        d95_gy=found.d95_gy - share * plan.d95_gy,
        d50_gy=found.d50_gy - share * plan.d50_gy,
        d2_gy=found.d2_gy - share * plan.d2_gy,
        mean_gy=found.mean_gy - share * plan.mean_gy,
    )
