"""Dose-volume histograms and the points that are read from them.

Dose is sampled inside the structure at points that divide its voxels evenly, tens of thousands of them however small it
is, finer than either grid; all stand for the same volume.
Inside is what a slice's outline encloses (membership above a half, linear between voxel centres), through the slice's
whole thickness, as planning systems draw it. Dose is linear between the dose grid's centres.

    D98, D95, D50, D2  least dose of the hottest 98, 95, 50, 2 % of the volume; ICRU 83 reports near-minimum D98 and
                       near-maximum D2 in place of single points
    V20                volume that has 20 Gy or more

References: ICRU Report 83 (2010), 3.4 and 3.5, doi:10.1093/jicru/ndq001.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation

from contour.anatomy.structures import Structure
from registration.errors import FrameMismatchError
from registration.transform import RigidTransform
from registration.volume import Volume
from registration.warp import sample

_POINTS_INSIDE = 200_000
_FINEST_MM, _COARSEST_MM = 0.2, 2.0
_HALF = 127.5


@dataclass(frozen=True, slots=True, kw_only=True)
class VolumeAtDose:
    """How much of a structure has a dose or more."""

    dose_gy: float
    percent: float
    volume_ml: float


@dataclass(frozen=True, slots=True, kw_only=True)
class DvhPoints:
    """What is reported of a histogram.

    Args:
        volume_ml: Of the structure as sampled.
        d98_gy: Least dose of the hottest 98 %.
        d95_gy: Of the hottest 95 %.
        d50_gy: The median.
        d2_gy: Least dose of the hottest 2 %.
        mean_gy: Mean.
        minimum_gy: Least dose of any point.
        maximum_gy: Largest dose of any point.
        at_dose: Volume at each dose that was asked for.
        beyond_dose_percent: Share of the structure that the dose grid does not hold; it counts as 0 Gy.
    """

    volume_ml: float
    d98_gy: float
    d95_gy: float
    d50_gy: float
    d2_gy: float
    mean_gy: float
    minimum_gy: float
    maximum_gy: float
    at_dose: tuple[VolumeAtDose, ...] = ()
    beyond_dose_percent: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Dvh:
    """The doses of a structure's points, all of which stand for the same volume.

    Args:
        doses_gy: (n,) ascending, at least one.
        point_ml: Volume of a point.
        beyond_dose: Share of the points outside the dose grid.
    """

    doses_gy: NDArray[np.float32]
    point_ml: float
    beyond_dose: float

    @property
    def volume_ml(self) -> float:
        """Volume of all points."""
        return float(self.doses_gy.size) * self.point_ml

    def dose_at_percent_gy(self, percent: float) -> float:
        """D98 for 98: the least dose of the hottest 98 % of the volume."""
        return float(np.quantile(self.doses_gy, 1.0 - percent / 100.0, method="hazen"))

    def percent_at_dose(self, dose_gy: float) -> float:
        """V20 in percent for 20: the share of the volume that has 20 Gy or more."""
        below = int(np.searchsorted(self.doses_gy, dose_gy, side="left"))
        return 100.0 * (1.0 - below / self.doses_gy.size)

    def points(self, at_doses_gy: tuple[float, ...] = ()) -> DvhPoints:
        """What is reported of it."""
        shares = [self.percent_at_dose(dose) for dose in at_doses_gy]
        return DvhPoints(
            volume_ml=self.volume_ml,
            d98_gy=self.dose_at_percent_gy(98.0),
            d95_gy=self.dose_at_percent_gy(95.0),
            d50_gy=self.dose_at_percent_gy(50.0),
            d2_gy=self.dose_at_percent_gy(2.0),
            mean_gy=float(self.doses_gy.mean(dtype=np.float64)),
            minimum_gy=float(self.doses_gy[0]),
            maximum_gy=float(self.doses_gy[-1]),
            at_dose=tuple(
                VolumeAtDose(dose_gy=dose, percent=share, volume_ml=share / 100.0 * self.volume_ml)
                for dose, share in zip(at_doses_gy, shares, strict=True)
            ),
            beyond_dose_percent=100.0 * self.beyond_dose,
        )


def measure_dvh(dose: Volume, structure: Structure, *, own_to_dose: RigidTransform | None = None) -> Dvh | None:
    """The histogram of a structure; None of an empty one.

    Args:
        dose: Gy.
        structure: In the dose's frame, or in one that `own_to_dose` takes there.
        own_to_dose: For a structure of the day in the plan's dose: the rigid part of daily to plan, with which the dose
            cloud stays where it was planned in the room.

    Raises:
        FrameMismatchError: the structure lies in another frame than the dose and nothing takes it there.
    """
    if own_to_dose is None and structure.grid.frame_of_reference_uid != dose.grid.frame_of_reference_uid:
        raise FrameMismatchError("a structure's dose can only be read in the dose's own frame of reference")
    if structure.is_empty:
        return None
    finer, every = _steps(structure)
    found = [
        sample(dose, points if own_to_dose is None else own_to_dose.apply(points), outside=np.nan)
        for points in _points_inside(structure, finer, every)
    ]
    doses = np.concatenate(found)
    beyond = np.isnan(doses)
    doses[beyond] = 0.0
    point_ml = structure.grid.voxel_volume_mm3 * every**2 / math.prod(finer) / 1000.0
    return Dvh(doses_gy=np.sort(doses), point_ml=point_ml, beyond_dose=float(beyond.mean()))


def _steps(structure: Structure) -> tuple[tuple[int, int, int], int]:
    """Into how many parts a voxel is divided along z, y and x; and, of a large structure, every which row counts."""
    step_mm = float(np.clip(np.cbrt(structure.volume_ml * 1000.0 / _POINTS_INSIDE), _FINEST_MM, _COARSEST_MM))
    z, y, x = (math.ceil(step / step_mm - 1e-6) for step in structure.grid.spacing_zyx_mm)
    every = math.floor(step_mm / max(structure.grid.spacing_zyx_mm[1:]) + 1e-6)
    return (z, y, x), max(1, every)


def _points_inside(structure: Structure, finer: tuple[int, int, int], every: int) -> Iterator[NDArray[np.float64]]:
    """Points inside, (n, 3) in patient coordinates, one batch for each place in a voxel."""
    level = structure.membership_zyx
    if level is None:
        level = structure.mask_zyx.view(np.uint8) * np.uint8(255)
    level = np.pad(level, ((0, 0), (2, 2), (2, 2))).astype(np.float32)
    near = binary_dilation(level > _HALF, structure=np.ones((1, 3, 3), dtype=np.bool_))
    near[:, np.arange(near.shape[1]) % every != 0, :] = False
    near[:, :, np.arange(near.shape[2]) % every != 0] = False
    z, y, x = np.nonzero(near)
    lower = np.asarray(structure.lower_zyx) - (0, 2, 2)
    offsets = [(np.arange(parts) + 0.5) / parts - 0.5 for parts in finer]
    for off_y, off_x in itertools.product(offsets[1], offsets[2]):
        to_y, to_x = y + int(np.sign(off_y)), x + int(np.sign(off_x))
        along_x = level[z, y, x] * (1 - abs(off_x)) + level[z, y, to_x] * abs(off_x)
        next_row = level[z, to_y, x] * (1 - abs(off_x)) + level[z, to_y, to_x] * abs(off_x)
        inside = along_x * (1 - abs(off_y)) + next_row * abs(off_y) > _HALF
        at = np.stack([z[inside], y[inside] + off_y, x[inside] + off_x], axis=-1) + lower
        for off_z in offsets[0]:
            yield structure.grid.to_point_xyz_mm(at + np.array([off_z, 0.0, 0.0]))
