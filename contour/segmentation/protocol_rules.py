"""What each rule of a protocol makes of the structures that it names."""

from __future__ import annotations

import math
from collections.abc import Mapping

from contour.anatomy.combine import difference, end_z_mm, intersection, keep_away, keep_between, union
from contour.anatomy.margins import with_margins
from contour.anatomy.structures import Structure
from contour.segmentation.protocol_spec import Combine, Crop, Derived, Grow, Height


def derive(entry: Derived, structures: Mapping[str, Structure]) -> Structure:
    """The derived structure; the ones that its rule names have to be there, on one grid, and may be empty.

    What is cropped at a height is empty where the structure that gives the height is: nobody knows how high that is.
    """
    match entry.rule:
        case Grow(of=of, margins=margins):
            return with_margins(structures[of], margins, name=entry.name)
        case Combine(operation=operation, of=names):
            of_all = [structures[name] for name in names]
            if operation == "union":
                return union(of_all, name=entry.name)
            if operation == "intersection":
                return intersection(of_all, name=entry.name)
            return difference(of_all[0], of_all[1:], name=entry.name)
        case Crop() as crop:
            return _cropped(entry.name, crop, structures)


def _cropped(name: str, crop: Crop, structures: Mapping[str, Structure]) -> Structure:
    found = difference(structures[crop.of], (), name=name)
    if crop.inside:
        found = intersection((found, structures[crop.inside]), name=name)
    if crop.away_from:
        found = keep_away(found, structures[crop.away_from], crop.distance_mm, name=name)
    if crop.above is None and crop.below is None:
        return found
    return keep_between(
        found,
        above_z_mm=_height_mm(crop.above, structures, unbounded=-math.inf, unknown=math.inf),
        below_z_mm=_height_mm(crop.below, structures, unbounded=math.inf, unknown=-math.inf),
        name=name,
    )


def _height_mm(
    height: Height | None, structures: Mapping[str, Structure], *, unbounded: float, unknown: float
) -> float:
    if height is None:
        return unbounded
    of = structures[height.of]
    return unknown if of.is_empty else end_z_mm(of, height.end) + height.plus_mm
