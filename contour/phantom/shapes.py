"""Bodies given by a formula, so that they can be sampled on any grid.

Every shape answers one question: how deep inside it is each point? `depth_mm` is positive inside, zero on the surface
and negative outside; near the surface it is the distance in millimetres to first order, so that edges can be
drawn with the right partial volume. `box` is a box in the same coordinates that holds the shape.

Points come as three arrays that broadcast against one another, (Z|1, Y|1, X|1): on a grid along the patient's axes
most of the work is then done on lines instead of on volumes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator

Point = tuple[float, float, float]
Field = NDArray[np.float32]
_PROFILE_STEP_MM = 0.25


class Points(NamedTuple):
    """Positions in millimetres along x (left), y (posterior) and z (superior)."""

    x_mm: Field
    y_mm: Field
    z_mm: Field


class Box(NamedTuple):
    """Two opposite corners."""

    lower_xyz_mm: Point
    upper_xyz_mm: Point


class Shape(Protocol):
    """Anything that knows how deep inside it a point is."""

    @property
    def box(self) -> Box:
        """Holds every point whose depth is positive."""
        ...

    def depth_mm(self, points: Points) -> Field:
        """Positive inside, negative outside."""
        ...


class Profile:
    """A quantity that changes smoothly along one coordinate; constant beyond its first and last knot."""

    def __init__(self, knots_mm: Sequence[float], values_mm: Sequence[float]) -> None:
        order = np.argsort(knots_mm)
        knots = np.asarray(knots_mm, dtype=np.float64)[order]
        values = np.asarray(values_mm, dtype=np.float64)[order]
        samples = np.arange(knots[0], knots[-1] + _PROFILE_STEP_MM / 2, _PROFILE_STEP_MM)
        self.first_mm, self.last_mm = float(knots[0]), float(knots[-1])
        self.table_mm: Field = PchipInterpolator(knots, values)(np.clip(samples, knots[0], knots[-1])).astype(
            np.float32
        )

    def at(self, coordinate_mm: Field) -> Field:
        """The quantity at each coordinate."""
        position = (coordinate_mm - np.float32(self.first_mm)) * np.float32(1 / _PROFILE_STEP_MM)
        index = np.clip(np.rint(position), 0, len(self.table_mm) - 1).astype(np.int32)
        values: Field = self.table_mm[index]
        return values


@dataclass(frozen=True, slots=True)
class Ellipsoid:
    """An ellipsoid along the axes."""

    centre_xyz_mm: Point
    radii_xyz_mm: Point

    @property
    def box(self) -> Box:
        """Holds the ellipsoid."""
        pairs = list(zip(self.centre_xyz_mm, self.radii_xyz_mm, strict=True))
        return Box(_point([c - r for c, r in pairs]), _point([c + r for c, r in pairs]))

    def depth_mm(self, points: Points) -> Field:
        """First-order distance to the surface."""
        return ellipse_depth_mm(
            [
                (p - np.float32(c), np.float32(r))
                for p, c, r in zip(points, self.centre_xyz_mm, self.radii_xyz_mm, strict=True)
            ]
        )


@dataclass(frozen=True, slots=True)
class Tube:
    """A round tube along a chain of points, its radius changing linearly from point to point."""

    path_xyz_mm: tuple[Point, ...]
    radii_mm: tuple[float, ...]

    @property
    def box(self) -> Box:
        """Holds the tube."""
        path = np.asarray(self.path_xyz_mm)
        reach = max(self.radii_mm)
        return Box(_point(path.min(axis=0) - reach), _point(path.max(axis=0) + reach))

    def depth_mm(self, points: Points) -> Field:
        """Distance to the nearest segment's surface."""
        depth: Field | None = None
        for index in range(len(self.path_xyz_mm) - 1):
            start = np.asarray(self.path_xyz_mm[index], dtype=np.float32)
            along = np.asarray(self.path_xyz_mm[index + 1], dtype=np.float32) - start
            length2 = np.float32(along @ along)
            offsets = [p - s for p, s in zip(points, start, strict=True)]
            share = np.clip(sum(o * (a / length2) for o, a in zip(offsets, along, strict=True)), 0, 1)
            distance2 = sum((o - share * a) ** 2 for o, a in zip(offsets, along, strict=True))
            first, last = (np.float32(radius) for radius in self.radii_mm[index : index + 2])
            here = first + (last - first) * share - np.sqrt(distance2)
            depth = here if depth is None else np.maximum(depth, here)
        if depth is None:
            raise ValueError("a tube needs at least two points")
        return depth


@dataclass(frozen=True, slots=True)
class Loft:
    """An ellipse that changes from level to level along z, with a front and a back half of their own depth.

    Each row is (z, centre x, half-width, front y, back y); the widest line lies half-way between front and back unless
    `widest` gives its share from the front. `open_ended` lets it run on beyond the lowest row.
    """

    centre_x_mm: Profile
    half_width_mm: Profile
    front_mm: Profile
    back_mm: Profile
    box: Box
    widest: float = 0.5
    open_ended: bool = False

    def depth_mm(self, points: Points) -> Field:
        """First-order distance in the plane, and to the flat ends."""
        z = points.z_mm
        front, back = self.front_mm.at(z), self.back_mm.at(z)
        middle = front + (back - front) * np.float32(self.widest)
        across = points.x_mm - self.centre_x_mm.at(z)
        along = points.y_mm - middle
        radius = np.where(along < 0, middle - front, back - middle)
        depth = ellipse_depth_mm([(across, self.half_width_mm.at(z)), (along, radius)])
        ends = np.float32(self.half_width_mm.last_mm) - z
        if not self.open_ended:
            ends = np.minimum(ends, z - np.float32(self.half_width_mm.first_mm))
        capped: Field = np.minimum(depth, ends)
        return capped


def loft(
    rows: Sequence[tuple[float, float, float, float, float]], *, widest: float = 0.5, open_ended: bool = False
) -> Loft:
    """A loft from rows of (z, centre x, half-width, front y, back y)."""
    table = np.asarray(rows, dtype=np.float64)
    z, centre, width, front, back = table.T
    bottom = -1e4 if open_ended else z.min()
    box = Box(
        (float((centre - width).min()), float(front.min()), float(bottom)),
        (float((centre + width).max()), float(back.max()), float(z.max())),
    )
    profiles = [Profile(z.tolist(), column.tolist()) for column in (centre, width, front, back)]
    return Loft(
        centre_x_mm=profiles[0],
        half_width_mm=profiles[1],
        front_mm=profiles[2],
        back_mm=profiles[3],
        box=box,
        widest=widest,
        open_ended=open_ended,
    )


@dataclass(frozen=True, slots=True)
class Union:
    """Everything inside any of its parts; `blend_mm` rounds the seam."""

    parts: tuple[Shape, ...]
    blend_mm: float = 0.0

    @property
    def box(self) -> Box:
        """Holds all parts."""
        lower = np.min([part.box.lower_xyz_mm for part in self.parts], axis=0) - self.blend_mm
        upper = np.max([part.box.upper_xyz_mm for part in self.parts], axis=0) + self.blend_mm
        return Box(_point(lower), _point(upper))

    def depth_mm(self, points: Points) -> Field:
        """Depth in the deepest part."""
        depth = self.parts[0].depth_mm(points)
        for part in self.parts[1:]:
            other = part.depth_mm(points)
            depth = blended_maximum(depth, other, self.blend_mm) if self.blend_mm else np.maximum(depth, other)
        return depth


@dataclass(frozen=True, slots=True)
class Without:
    """One shape less others, which keep a margin of `gap_mm`."""

    whole: Shape
    holes: tuple[Shape, ...]
    gap_mm: float = 0.0

    @property
    def box(self) -> Box:
        """That of the whole."""
        return self.whole.box

    def depth_mm(self, points: Points) -> Field:
        """Depth in the whole or distance from the nearest hole, whichever is less."""
        depth = self.whole.depth_mm(points)
        for hole in self.holes:
            depth = np.minimum(depth, -hole.depth_mm(points) - np.float32(self.gap_mm))
        return depth


@dataclass(frozen=True, slots=True)
class Within:
    """What several shapes have in common."""

    parts: tuple[Shape, ...]

    @property
    def box(self) -> Box:
        """The box that the parts' boxes share."""
        lower = np.max([part.box.lower_xyz_mm for part in self.parts], axis=0)
        upper = np.min([part.box.upper_xyz_mm for part in self.parts], axis=0)
        return Box(_point(lower), _point(upper))

    def depth_mm(self, points: Points) -> Field:
        """Depth in the shallowest part."""
        depth = self.parts[0].depth_mm(points)
        for part in self.parts[1:]:
            depth = np.minimum(depth, part.depth_mm(points))
        return depth


@dataclass(frozen=True, slots=True)
class Layer:
    """The part of a shape between two depths: the cortex of a bone or, with negative depths, a coat around it."""

    solid: Shape
    from_mm: float
    to_mm: float

    @property
    def box(self) -> Box:
        """The solid's box, widened where the layer lies outside."""
        reach = max(0.0, -self.from_mm)
        lower, upper = self.solid.box
        return Box(_point(np.asarray(lower) - reach), _point(np.asarray(upper) + reach))

    def depth_mm(self, points: Points) -> Field:
        """Distance to the nearer of the two surfaces."""
        solid = self.solid.depth_mm(points)
        depth: Field = np.minimum(solid - np.float32(self.from_mm), np.float32(self.to_mm) - solid)
        return depth


def ellipse_depth_mm(axes: Sequence[tuple[Field, Field | np.float32]]) -> Field:
    """First-order distance to an ellipse or ellipsoid from offsets and radii along each of its axes."""
    radius2: Field = np.float32(0)  # type: ignore[assignment]
    slope2: Field = np.float32(0)  # type: ignore[assignment]
    for offset, radius in axes:
        share2 = (offset / radius) ** 2
        radius2 = radius2 + share2
        slope2 = slope2 + share2 / (radius * radius)
    level = np.sqrt(radius2)
    at_centre = level < np.float32(1e-3)
    depth: Field = (1 - level) * level / np.sqrt(slope2 + np.float32(1e-12)) + at_centre
    return depth


def blended_maximum(first: Field, second: Field, blend_mm: float) -> Field:
    """The greater of two depths, rounded where they differ by less than `blend_mm`."""
    width = np.float32(blend_mm)
    share = np.clip(np.float32(0.5) + (first - second) * (np.float32(0.5) / width), 0, 1)
    depth: Field = second + (first - second) * share + width * share * (1 - share)
    return depth


def mirrored(side: int, point: Point) -> Point:
    """The point on the patient's left (+1) or right (-1) for one given on the left."""
    return (side * point[0], point[1], point[2])


def _point(values: Sequence[float] | NDArray[np.float64]) -> Point:
    return (float(values[0]), float(values[1]), float(values[2]))
