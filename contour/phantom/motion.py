"""Motions whose truth is known: where each point of the day was in the plan, in millimetres, written down as formulas.

A motion takes points of the day to the plan, the way an alignment does: `plan = motion(daily)`. Motions are chained,
set-up first: what comes later acts in the plan's frame. Each is smooth and keeps every neighbourhood's handedness but
for `Sliding`, whose step across its interface is as steep as it is told to be.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt, gaussian_filter

from contour.anatomy.structures import Structure
from contour.errors import InputError
from registration.foreground import coarser
from registration.grid import Coordinates, Triple
from registration.transform import RigidTransform
from registration.volume import Volume
from registration.warp import sample

_DEPTH_STEP_MM = 3.0
_BESIDE_STIFF_MM = 30.0
_REACH = 2.2
"""A local change of an organ fades out at so many times its radius."""


class Motion(Protocol):
    """Points of the day to points of the plan; (..., 3) to (..., 3)."""

    def __call__(self, points_xyz_mm: Coordinates) -> Coordinates:
        """Where each point was."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class SetUp:
    """The patient lies elsewhere: a rigid transform from the day to the plan."""

    rigid: RigidTransform

    def __call__(self, points_xyz_mm: Coordinates) -> Coordinates:
        """Where each point was."""
        return self.rigid.apply(points_xyz_mm)


@dataclass(frozen=True, slots=True, kw_only=True)
class Flexion:
    """The head is bent: turned about an axis along x through a pivot, more and more over a stretch of the neck.

    Args:
        pivot_xyz_mm: On the axis; at the lower end of the neck, behind the cord.
        angle_deg: At the top; positive angles take the head forward on the day.
        over_mm: Height over which the angle grows from nothing.

    Raises:
        InputError: BAD_MOTION for a bend so sharp that tissue in front of it would fold.
    """

    pivot_xyz_mm: Triple
    angle_deg: float
    over_mm: float

    def __post_init__(self) -> None:
        if not (self.over_mm > 0 and abs(math.radians(self.angle_deg)) * 1.5 / self.over_mm < 1 / 150.0):
            raise InputError(
                f"a bend of {self.angle_deg} degrees over {self.over_mm} mm folds tissue 15 cm from its axis",
                reason="BAD_MOTION",
            )

    def __call__(self, points_xyz_mm: Coordinates) -> Coordinates:
        """Where each point was."""
        away = np.asarray(points_xyz_mm, dtype=np.float64) - np.asarray(self.pivot_xyz_mm)
        angle = math.radians(self.angle_deg) * _smooth_step(away[..., 2] / self.over_mm)
        cosine, sine = np.cos(angle), np.sin(angle)
        turned = np.stack(
            [away[..., 0], cosine * away[..., 1] - sine * away[..., 2], sine * away[..., 1] + cosine * away[..., 2]],
            axis=-1,
        )
        return np.asarray(turned + np.asarray(self.pivot_xyz_mm))


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalScaling:
    """An organ has shrunk or filled, and its neighbours have followed.

    Within the organ's ellipsoid lengths on the day are `(1 + volume_change) ** (1 / 3)` of the plan's; beyond it the
    change fades out.

    Args:
        centre_xyz_mm: Of the organ in the plan.
        half_axes: (3, 3); the rows are the ellipsoid's half-axes in mm.
        volume_change: On the day, -0.3 for a third less; from -0.6 to 1.0.

    Raises:
        InputError: BAD_MOTION for a change out of range.
    """

    centre_xyz_mm: Triple
    half_axes: tuple[Triple, Triple, Triple]
    volume_change: float

    def __post_init__(self) -> None:
        if not -0.6 <= self.volume_change <= 1.0:
            raise InputError(f"a volume change is -0.6 to 1.0, found {self.volume_change}", reason="BAD_MOTION")

    def __call__(self, points_xyz_mm: Coordinates) -> Coordinates:
        """Where each point was."""
        points = np.asarray(points_xyz_mm, dtype=np.float64)
        away = points - np.asarray(self.centre_xyz_mm)
        axes = np.asarray(self.half_axes)
        stretch = (1.0 + self.volume_change) ** (-1.0 / 3.0)  # plan over day
        radius = np.linalg.norm(away @ np.linalg.inv(axes), axis=-1)
        # the organ's edge on the day lies at 1 / stretch of its ellipsoid
        moved: Coordinates = points + away * ((stretch - 1.0) * _fade(radius * stretch))[..., None]
        return moved


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalShift:
    """An organ has moved, and its neighbours have given way.

    Args:
        centre_xyz_mm: Of the organ in the plan.
        radius_mm: Within it everything moves by the whole shift; beyond twice as far nothing does.
        shift_xyz_mm: From plan to day.

    Raises:
        InputError: BAD_MOTION for a shift that its surroundings could not take up without folding.
    """

    centre_xyz_mm: Triple
    radius_mm: float
    shift_xyz_mm: Triple

    def __post_init__(self) -> None:
        if not float(np.linalg.norm(self.shift_xyz_mm)) * 1.5 < 0.9 * self.radius_mm * (_REACH - 1.0):
            raise InputError(
                f"a shift of {self.shift_xyz_mm} mm folds what lies about a radius of {self.radius_mm} mm",
                reason="BAD_MOTION",
            )

    def __call__(self, points_xyz_mm: Coordinates) -> Coordinates:
        """Where each point was."""
        points = np.asarray(points_xyz_mm, dtype=np.float64)
        today = np.asarray(self.centre_xyz_mm) + np.asarray(self.shift_xyz_mm)
        radius = np.linalg.norm(points - today, axis=-1) / self.radius_mm
        moved: Coordinates = points - _fade(radius)[..., None] * np.asarray(self.shift_xyz_mm)
        return moved


@dataclass(frozen=True, slots=True, kw_only=True)
class Depth:
    """How deep below the skin of the plan a point lies, and which way out is; from the outline, smoothed.

    `inside_mm` is positive in the body and negative beyond it, in mm.
    """

    inside_mm: Volume

    @classmethod
    def below(cls, external: Structure) -> Depth:
        """Of an external contour."""
        whole = Volume(grid=external.grid, values_zyx=external.full_mask_zyx().astype(np.float32))
        coarse = coarser(Volume(grid=whole.grid, values_zyx=whole.values_zyx * 1000.0 - 500.0), _DEPTH_STEP_MM)
        mask = coarse.values_zyx > 0.0
        spacing = coarse.grid.spacing_zyx_mm
        # a scan's ends are no skin
        padded = np.pad(mask, ((40, 40), (0, 0), (0, 0)), mode="edge")
        depth = distance_transform_edt(padded, sampling=spacing) - distance_transform_edt(~padded, sampling=spacing)
        smooth = gaussian_filter(depth.astype(np.float32), [6.0 / step for step in spacing])
        return cls(inside_mm=Volume(grid=coarse.grid, values_zyx=np.ascontiguousarray(smooth[40:-40])))

    def at(self, points_xyz_mm: Coordinates) -> NDArray[np.float64]:
        """Depth at points; (..., 3) to (...). Beyond the plan's scan as at its border."""
        grid = self.inside_mm.grid
        index = np.clip(grid.to_index_zyx(points_xyz_mm), 0.0, np.asarray(grid.shape_zyx) - 1.0)
        return sample(self.inside_mm, grid.to_point_xyz_mm(index), outside=0.0).astype(np.float64)

    def outward_xyz(self, points_xyz_mm: Coordinates) -> Coordinates:
        """Unit vectors towards the skin; shorter where no direction is nearest, as in the middle of the body."""
        step = 4.0
        slopes = [
            (self.at(points_xyz_mm - offset) - self.at(points_xyz_mm + offset)) / (2 * step)
            for offset in np.eye(3) * step
        ]
        outward = np.stack(slopes, axis=-1)
        length = np.linalg.norm(outward, axis=-1, keepdims=True)
        return np.asarray(outward / np.maximum(length, 1.0))


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightLoss:
    """Fat has gone: the skin lies deeper on the day, the core has stayed, and so has what is stiff.

    Args:
        depth: Of the plan's body.
        loss_mm: How much deeper the skin lies, where nothing stiff is near.
        core_mm: Depth below which nothing moves.
        stiff: Of bone and brain, which lose nothing; the loss grows to its whole over 30 mm beside them.

    Raises:
        InputError: BAD_MOTION where the layer is too thin for the loss.
    """

    depth: Depth = field(repr=False)
    loss_mm: float
    core_mm: float = 35.0
    stiff: Depth | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if not abs(self.loss_mm) * 1.5 < 0.7 * self.core_mm:
            raise InputError(
                f"a layer of {self.core_mm} mm cannot lose {self.loss_mm} mm without folding", reason="BAD_MOTION"
            )

    def __call__(self, points_xyz_mm: Coordinates) -> Coordinates:
        """Where each point was."""
        points = np.asarray(points_xyz_mm, dtype=np.float64)
        # a point of the day lies as deep below today's skin as its depth below the plan's, less the loss
        share = 1.0 - _smooth_step((self.depth.at(points) - self.loss_mm) / self.core_mm)
        if self.stiff is not None:
            share = share * _smooth_step(-self.stiff.at(points) / _BESIDE_STIFF_MM)
        return points + self.depth.outward_xyz(points) * (self.loss_mm * share)[..., None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sliding:
    """What lies inside moves up or down past the wall around it, as lungs and liver do with the breath.

    Args:
        depth: Of the plan's body.
        interface_mm: Depth at which the wall ends.
        shift_z_mm: By which the inside moves from plan to day, towards the head where positive.
        width_mm: Over which the step across the interface takes place.
        centre_z_mm: Height of the largest motion; it fades out over `reach_mm` above and below.
        reach_mm: See there.
    """

    depth: Depth = field(repr=False)
    interface_mm: float
    shift_z_mm: float
    width_mm: float = 4.0
    centre_z_mm: float
    reach_mm: float = 150.0

    def __call__(self, points_xyz_mm: Coordinates) -> Coordinates:
        """Where each point was."""
        points = np.asarray(points_xyz_mm, dtype=np.float64)
        inside = _smooth_step((self.depth.at(points) - self.interface_mm) / self.width_mm + 0.5)
        height = 1.0 - _smooth_step(np.abs(points[..., 2] - self.centre_z_mm) / self.reach_mm)
        moved = points.copy()
        moved[..., 2] -= self.shift_z_mm * inside * height
        return moved


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """Several motions, the set-up first."""

    motions: tuple[Motion, ...]

    def __call__(self, points_xyz_mm: Coordinates) -> Coordinates:
        """Where each point was."""
        points = np.asarray(points_xyz_mm, dtype=np.float64)
        for motion in self.motions:
            points = motion(points)
        return points

    @property
    def set_up(self) -> RigidTransform:
        """The rigid part: of all set-ups in the chain, one after the other."""
        whole = RigidTransform()
        for motion in self.motions:
            if isinstance(motion, SetUp):
                whole = whole.then(motion.rigid)
        return whole


def ellipsoid_of(structure: Structure) -> tuple[Triple, tuple[Triple, Triple, Triple]]:
    """Centre and half-axes of the ellipsoid with a structure's volume, centre and spread.

    Raises:
        InputError: EMPTY_STRUCTURE.
    """
    index = np.argwhere(structure.mask_zyx) + np.asarray(structure.lower_zyx)
    if index.shape[0] < 4:
        raise InputError(f"{structure.name} has too few voxels to move", reason="EMPTY_STRUCTURE")
    points = structure.grid.to_point_xyz_mm(index.astype(np.float64))
    centre = points.mean(axis=0)
    spread = np.cov((points - centre).T) + np.eye(3) * (structure.grid.voxel_volume_mm3 ** (2 / 3)) / 12
    values, vectors = np.linalg.eigh(spread)
    half_axes = np.sqrt(5.0 * values)[:, None] * vectors.T
    return _triple(centre), (_triple(half_axes[0]), _triple(half_axes[1]), _triple(half_axes[2]))


def where_today_xyz_mm(motion: Motion, plan_points_xyz_mm: Coordinates, start: RigidTransform) -> Coordinates:
    """Where points of the plan lie on the day: the motion solved backwards, point by point.

    Args:
        motion: Day to plan.
        plan_points_xyz_mm: (n, 3).
        start: The motion's rigid part.
    """
    back = start.inverse()
    wanted = np.asarray(plan_points_xyz_mm, dtype=np.float64)
    today = back.apply(wanted)
    turn = np.asarray(back.rotation)
    for _ in range(60):
        missed = wanted - motion(today)
        if float(np.abs(missed).max(initial=0.0)) < 1e-3:
            break
        today = today + missed @ turn.T
    return today


def jacobians(motion: Motion, points_xyz_mm: Coordinates, *, step_mm: float = 0.5) -> NDArray[np.float64]:
    """Local volume ratio, plan over day, at points; (n, 3) to (n,)."""
    columns = [(motion(points_xyz_mm + s) - motion(points_xyz_mm - s)) / (2 * step_mm) for s in np.eye(3) * step_mm]
    return np.asarray(np.linalg.det(np.stack(columns, axis=-1)))


def chain(motions: Sequence[Motion]) -> Chain:
    """Motions one after the other."""
    return Chain(motions=tuple(motions))


def _smooth_step(share: NDArray[np.float64]) -> NDArray[np.float64]:
    """0 below 0, 1 above 1, with a slope of at most 1.5 between."""
    s = np.clip(share, 0.0, 1.0)
    return np.asarray(s * s * (3.0 - 2.0 * s))


def _fade(radius: NDArray[np.float64]) -> NDArray[np.float64]:
    """1 within a radius of 1, 0 beyond 2.2."""
    return 1.0 - _smooth_step((radius - 1.0) / (_REACH - 1.0))


def _triple(values: NDArray[np.float64]) -> Triple:
    x, y, z = (float(v) for v in values)
    return (x, y, z)
