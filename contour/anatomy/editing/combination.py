"""A structure put together with others of its set, and grown or shrunk: edits that other modules do the geometry of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import reduce

import numpy as np

from contour.anatomy.boxes import box_of, hull_of, levels_in, require_one_grid
from contour.anatomy.editing.operations import Boolean, Margin, bad_operation
from contour.anatomy.editing.patches import with_levels
from contour.anatomy.margins import with_margins
from contour.anatomy.structures import Structure
from contour.errors import NotFoundError

_FULL = 255


def combined(structure: Structure, boolean: Boolean, others: Mapping[str, Structure]) -> Structure:
    """The structure together with others, what it shares with all of them, or what none of them holds.

    It gets a membership where any of them has one. Only the voxels that the others decide about change.

    Raises:
        NotFoundError: STRUCTURE_NOT_FOUND, another structure that is not in the set.
        InputError: BAD_OPERATION, the structure is named as one of the others.
        GridError: another structure lies on another grid.
    """
    if structure.name in boolean.others:
        raise bad_operation("the structure is to be combined with itself; expected others")
    missing = [name for name in boolean.others if name not in others]
    if missing:
        raise NotFoundError(
            f"{len(missing)} of {len(boolean.others)} other structures are not in the set", reason="STRUCTURE_NOT_FOUND"
        )
    given = [others[name] for name in boolean.others]
    require_one_grid((structure, *given))
    graded = any(other.membership_zyx is not None for other in given)
    if boolean.way == "intersection":
        box = box_of(structure)
        shared = reduce(np.minimum, (levels_in(one, box) for one in (structure, *given)))
        return with_levels(structure, box, shared, graded=graded)
    hull = hull_of(given)
    if boolean.way == "union":
        together = reduce(np.maximum, (levels_in(one, hull) for one in (structure, *given)))
        return with_levels(structure, hull, together, graded=graded)
    near = hull.shared_with(box_of(structure))
    if near is None:
        return structure
    left = reduce(np.minimum, (_FULL - levels_in(other, near) for other in given), levels_in(structure, near))
    return with_levels(structure, near, left, graded=graded)


def with_margin(structure: Structure, margin: Margin) -> Structure:
    """The structure grown or shrunk as `contour.anatomy.margins` says; the very same where all margins are 0."""
    if structure.is_empty or not any(margin.margins.values_mm):
        return structure
    made = with_margins(structure, margin.margins, name=structure.name)
    return replace(structure, lower_zyx=made.lower_zyx, mask_zyx=made.mask_zyx, membership_zyx=made.membership_zyx)
