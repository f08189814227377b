"""Where structures lie to one another and to the ends of a scan, against what the training patients show.

All positions are millimetres towards (head, back, left).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from contour.segmentation.expected_anatomy import Anchor, ExpectedAnatomy, ExpectedStructure
from registration.grid import Triple

BODY_HU = -500.0
_SMALLEST_SLICE_MM2 = 2000.0
_EDGE_STEPS = 1.5
_FEWEST_FOR_SIZE = 4
_SIZE_MARGIN = 0.02
_LOOSE = np.asarray((5.0, 1.0, 1.0))
"""How much less the height of a cut structure is believed."""
Vector = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanEnds:
    """The heights between which the scan shows a patient, and its slice step."""

    bottom_mm: float
    top_mm: float
    step_mm: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where one structure was found: centroid, height of its two ends, volume, and whether the scan cut it off."""

    name: str
    middle_mm: Triple
    top_mm: float
    bottom_mm: float
    volume_ml: float
    cut_top: bool
    cut_bottom: bool

    def height_mm(self, anchor: Anchor) -> float | None:
        """One of its heights; None where the scan's end decided it."""
        if anchor == "top":
            return None if self.cut_top else self.top_mm
        if anchor == "bottom":
            return None if self.cut_bottom else self.bottom_mm
        return None if self.cut_top or self.cut_bottom else self.middle_mm[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """How the found structures lie over the expected ones.

    Args:
        shift_mm: Added to an expected place, gives the place in this scan.
        size: How far apart they lie, divided by what is expected; None where too few were found to say. The height of a
            structure that the scan cut off where it is usually measured hardly counts.
        upright: The same along the patient's length alone: near 1, or near -1 for anatomy upside down; or None.
        distances: For each structure that was compared, its distance from where it was expected in standard
            deviations (root mean square over the three directions).
    """

    shift_mm: Triple
    size: float | None
    upright: float | None
    distances: Mapping[str, float]


def scan_ends(hu_zyx: NDArray[Any], spacing_zyx_mm: Triple) -> ScanEnds | None:
    """Where the patient begins and ends in a scan in anatomical order; None where there is no patient."""
    area_mm2 = np.count_nonzero(hu_zyx > BODY_HU, axis=(1, 2)) * spacing_zyx_mm[1] * spacing_zyx_mm[2]
    shown = np.flatnonzero(area_mm2 >= _SMALLEST_SLICE_MM2)
    if not shown.size:
        return None
    step = spacing_zyx_mm[0]
    return ScanEnds(bottom_mm=float(shown[0]) * step, top_mm=float(shown[-1]) * step, step_mm=step)


def place_of(
    name: str, mask_zyx: NDArray[np.bool_], to_mm: tuple[Vector, Vector], ends: ScanEnds, *, keep_parts: int = 0
) -> Place | None:
    """Where a structure is; None for an empty one.

    Args:
        name: TG-263 name.
        mask_zyx: In anatomical order.
        to_mm: Millimetres per index and millimetres of index 0, each of three.
        ends: Of the scan, in the same millimetres.
        keep_parts: So many largest parts count; 0 for all.
    """
    mask = _largest(mask_zyx, keep_parts) if keep_parts else mask_zyx
    along = [mask.sum(axis=(1, 2)), mask.sum(axis=(0, 2)), mask.sum(axis=(0, 1))]
    voxels = int(along[0].sum())
    if not voxels:
        return None
    step, first = to_mm
    middle = np.asarray([count @ np.arange(len(count)) / voxels for count in along]) * step + first
    inside = np.flatnonzero(along[0])
    top, bottom = (float(end * step[0] + first[0]) for end in (inside[-1], inside[0]))
    edge = _EDGE_STEPS * max(ends.step_mm, float(step[0]))
    return Place(
        name=name,
        middle_mm=(float(middle[0]), float(middle[1]), float(middle[2])),
        top_mm=top,
        bottom_mm=bottom,
        volume_ml=voxels * float(np.prod(step)) / 1000.0,
        cut_top=top >= ends.top_mm - edge,
        cut_bottom=bottom <= ends.bottom_mm + edge,
    )


def fit(places: Sequence[Place], anatomy: ExpectedAnatomy) -> Fit | None:
    """Lay the expected structures over the found ones; None where not one can be compared.

    The shift is the weighted median over the structures along each direction, so that one that is lost does not move
    it; size and uprightness are medians over pairs of structures.
    """
    pairs = [
        (place, pair)
        for place in places
        if (expected := anatomy.structure(place.name)) is not None and (pair := _compared(place, expected)) is not None
    ]
    if not pairs:
        return None
    found, wanted, spread = (np.asarray(rows) for rows in zip(*(pair for _, pair in pairs), strict=True))
    loose = np.asarray([place.height_mm(_anchor(place, anatomy)) is None for place, _ in pairs])
    size = _slope(found, wanted, spread * np.where(loose[:, None], _LOOSE, 1.0))
    size = size if len(pairs) >= _FEWEST_FOR_SIZE else None
    upright = _slope(found[:, :1], wanted[:, :1], spread[:, :1])
    scaled = wanted * unusual_size(size, anatomy)
    shift = [_weighted_median(found[:, k] - scaled[:, k], spread[:, k] ** -2) for k in range(3)]
    off = np.sqrt((((found - scaled - shift) / spread) ** 2).mean(axis=1))
    return Fit(
        shift_mm=(shift[0], shift[1], shift[2]),
        size=size,
        upright=upright,
        distances={place.name: float(value) for (place, _), value in zip(pairs, off, strict=True)},
    )


def _anchor(place: Place, anatomy: ExpectedAnatomy) -> Anchor:
    expected = anatomy.structure(place.name)
    return "middle" if expected is None else expected.anchor


def _compared(place: Place, expected: ExpectedStructure) -> tuple[Triple, Triple, Triple] | None:
    """Found place, expected place and its spread, by the steadiest height that the scan's ends left alone."""
    at = place.height_mm(expected.anchor)
    back, left = place.middle_mm[1:]
    if at is not None:
        return (at, back, left), expected.place_mm, expected.spread_mm
    for cut, height, wanted in (
        (place.cut_top, place.top_mm, expected.top_mm),
        (place.cut_bottom, place.bottom_mm, expected.bottom_mm),
    ):
        if not cut:
            spread = (expected.end_spread_mm, *expected.spread_mm[1:])
            return (height, back, left), (wanted, *expected.place_mm[1:]), spread
    return None


def unusual_size(size: float | None, anatomy: ExpectedAnatomy) -> float:
    """The size, where it is one that the training patients did not have; else 1."""
    usual = size is None or size <= 0 or anatomy.size.widened(_SIZE_MARGIN).holds(size)
    return 1.0 if usual or size is None else size


def end_heights_mm(expected: ExpectedStructure, found: Fit, size: float) -> tuple[float, float]:
    """Heights in this scan at which a structure's feet end and head end are expected."""
    return found.shift_mm[0] + size * expected.bottom_mm, found.shift_mm[0] + size * expected.top_mm


def _slope(found: Vector, wanted: Vector, spread: Vector) -> float | None:
    """Found distances over wanted ones; None where the wanted ones say nothing.

    The weighted median over all pairs of structures, each pair's own ratio by least squares over the directions: what
    one lost structure is part of stays a minority.
    """
    i, j = np.triu_indices(len(found), 1)
    weight = 1.0 / (spread[i] ** 2 + spread[j] ** 2)
    apart = (weight * (wanted[i] - wanted[j]) ** 2).sum(axis=1)
    along = (weight * (wanted[i] - wanted[j]) * (found[i] - found[j])).sum(axis=1)
    told = apart > 0
    return _weighted_median(along[told] / apart[told], apart[told]) if apart.sum() >= 1.0 else None


def _weighted_median(values: Vector, weights: Vector) -> float:
    order = np.argsort(values)
    reached = np.cumsum(weights[order])
    half = reached[-1] / 2
    k = int(np.searchsorted(reached, half))
    if np.isclose(reached[k], half) and k + 1 < len(order):
        return float(values[order[k : k + 2]].mean())
    return float(values[order[k]])


def _largest(mask: NDArray[np.bool_], parts: int) -> NDArray[np.bool_]:
    labels, count = ndimage.label(mask)
    if count <= parts:
        return mask
    voxels = np.bincount(labels.ravel())
    voxels[0] = 0
    kept: NDArray[np.bool_] = np.isin(labels, np.argsort(voxels)[::-1][:parts])
    return kept
