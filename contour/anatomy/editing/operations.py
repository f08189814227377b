"""The edits that a reviewer can make to one structure, each a value that is valid once it exists.

They say what was drawn or asked for, in millimetres of the patient, and nothing of voxels, so that the same operation
on the same structure always gives the same voxels. All raise InputError BAD_OPERATION for what is out of range.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, get_args

from contour.anatomy.margins import Margins
from contour.errors import InputError
from registration.grid import Triple

Plane = Literal["axial", "coronal", "sagittal"]
"""The grid's own planes: across its slices, its rows and its columns, oblique where the grid is."""

FreehandMode = Literal["replace", "add", "remove"]
BooleanWay = Literal["union", "intersection", "difference"]

MOST_BRUSH_POINTS = 2000
MOST_FREEHAND_POINTS = 5000
MOST_OTHERS = 64
LONGEST_NAME = 64
FARTHEST_MM = 10_000.0
"""A point of a patient farther than this from the origin is a mistake."""

MOST_NUDGE_MM = 500.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Brush:
    """A stroke of a round brush or eraser on one slice.

    Args:
        plane: Which way the slice lies; the first point says which slice it is.
        points_xyz_mm: 1 to 2000 points of the brush's middle, joined by straight lines.
        radius_mm: 0.5 to 50.
        erase: Takes away what the brush covers instead of adding it.
        ball: The brush is a ball that reaches into the neighbouring slices, else a disc in its slice alone.
    """

    KIND: ClassVar[str] = "brush"

    plane: Plane
    points_xyz_mm: tuple[Triple, ...]
    radius_mm: float
    erase: bool
    ball: bool = False

    def __post_init__(self) -> None:
        _require_one_of("plane", self.plane, get_args(Plane))
        _require_points(self.points_xyz_mm, 1, MOST_BRUSH_POINTS)
        _require_between("radius_mm", self.radius_mm, 0.5, 50.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Freehand:
    """A closed outline on one slice; where it crosses itself, inside is what it goes round an odd number of times.

    Args:
        plane: Which way the slice lies; the first point says which slice it is.
        points_xyz_mm: 3 to 5000 corners; the last is joined to the first.
        mode: "replace" leaves on that slice what the outline holds and nothing else, "add" adds it, "remove" cuts it
            out, and so makes holes.
    """

    KIND: ClassVar[str] = "freehand"

    plane: Plane
    points_xyz_mm: tuple[Triple, ...]
    mode: FreehandMode

    def __post_init__(self) -> None:
        _require_one_of("plane", self.plane, get_args(Plane))
        _require_points(self.points_xyz_mm, 3, MOST_FREEHAND_POINTS)
        _require_one_of("mode", self.mode, get_args(FreehandMode))


@dataclass(frozen=True, slots=True, kw_only=True)
class Nudge:
    """The whole structure moved, up to 500 mm along each of the patient's axes; what leaves the CT is cut off."""

    KIND: ClassVar[str] = "nudge"

    offset_xyz_mm: Triple

    def __post_init__(self) -> None:
        _require_triple("offset_xyz_mm", self.offset_xyz_mm, MOST_NUDGE_MM)


@dataclass(frozen=True, slots=True, kw_only=True)
class Interpolate:
    """Slices without the structure between slices with it are filled from their neighbours."""

    KIND: ClassVar[str] = "interpolate"

    axis: Literal["z"] = "z"

    def __post_init__(self) -> None:
        _require_one_of("axis", self.axis, ("z",))


@dataclass(frozen=True, slots=True, kw_only=True)
class Margin:
    """The structure grown, or below 0 shrunk, by -30 to 30 mm to each side of the patient, never both at once."""

    KIND: ClassVar[str] = "margin"

    left_mm: float
    right_mm: float
    anterior_mm: float
    posterior_mm: float
    superior_mm: float
    inferior_mm: float

    def __post_init__(self) -> None:
        sides = {name: getattr(self, name) for name in self.__slots__}
        for name, value in sides.items():
            _require_between(name, value, -30.0, 30.0)
        if min(sides.values()) < 0 < max(sides.values()):
            raise bad_operation(
                "margins grow to one side and shrink from another; expected all to grow or all to shrink"
            )

    @property
    def margins(self) -> Margins:
        """As `contour.anatomy.margins` takes them."""
        return Margins(
            left_mm=self.left_mm,
            right_mm=self.right_mm,
            anterior_mm=self.anterior_mm,
            posterior_mm=self.posterior_mm,
            superior_mm=self.superior_mm,
            inferior_mm=self.inferior_mm,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Boolean:
    """The structure together with others, what all of them share, or the structure without the others.

    Args:
        way: Which of the three.
        others: 1 to 64 names of other structures of the same set, none twice.
    """

    KIND: ClassVar[str] = "boolean"

    way: BooleanWay
    others: tuple[str, ...]

    def __post_init__(self) -> None:
        _require_one_of("way", self.way, get_args(BooleanWay))
        if not 1 <= len(self.others) <= MOST_OTHERS:
            raise bad_operation(f"{len(self.others)} other structures; expected 1 to {MOST_OTHERS}")
        if not all(1 <= len(name) <= LONGEST_NAME for name in self.others):
            raise bad_operation(f"a name of another structure is empty or longer than {LONGEST_NAME} characters")
        if len(set(self.others)) < len(self.others):
            raise bad_operation("another structure is named twice; expected each once")


@dataclass(frozen=True, slots=True, kw_only=True)
class Smooth:
    """The surface rounded off where it bends more sharply than with a radius of 0.5 to 10 mm; the volume stays."""

    KIND: ClassVar[str] = "smooth"

    radius_mm: float

    def __post_init__(self) -> None:
        _require_between("radius_mm", self.radius_mm, 0.5, 10.0)


Operation = Brush | Freehand | Nudge | Interpolate | Margin | Boolean | Smooth
OPERATIONS: tuple[type[Operation], ...] = (Brush, Freehand, Nudge, Interpolate, Margin, Boolean, Smooth)


def bad_operation(message: str) -> InputError:
    """The error for an operation that cannot be meant."""
    return InputError(message, reason="BAD_OPERATION")


def _require_between(name: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:  # NaN is not
        raise bad_operation(f"{name} is {value:g}; expected {low:g} to {high:g}")


def _require_one_of(name: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise bad_operation(f"{name} is not one of {', '.join(known)}")


def _require_triple(name: str, value: Triple, most: float) -> None:
    if len(value) != 3 or not all(-most <= number <= most for number in value):
        raise bad_operation(f"{name} holds something else than three numbers from {-most:g} to {most:g}")


def _require_points(points_xyz_mm: tuple[Triple, ...], fewest: int, most: int) -> None:
    if not fewest <= len(points_xyz_mm) <= most:
        raise bad_operation(f"{len(points_xyz_mm)} points; expected {fewest} to {most}")
    for point in points_xyz_mm:
        _require_triple("points_xyz_mm", point, FARTHEST_MM)
