"""Does this scan show what the model knows? What the network found is compared with the training patients.

The limits come from the model's `anatomy.json` (`contour.segmentation.expected_anatomy`). A scan is refused where an
answer would be worth nothing; what a user can judge is a warning; a structure beyond the scan's ends is not contoured.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from contour.errors import Finding, InputError
from contour.segmentation.constellation import (
    Fit,
    Place,
    ScanEnds,
    end_heights_mm,
    fit,
    place_of,
    scan_ends,
    unusual_size,
)
from contour.segmentation.expected_anatomy import ExpectedAnatomy, ExpectedStructure
from contour.segmentation.spec import ModelSpec
from contour.segmentation.view import NOTHING_SAID, View, view_of
from registration.grid import Triple

Probability = NDArray[np.float32]

_FEWEST_STRUCTURES = 3
_SMALLEST_SHARE, _SMALLEST_CUT_SHARE = 0.25, 0.05
_FAR = 1.5
_FAR_AT_LEAST = 4.0
_SMALLEST_SIZE = 0.4
"""Of a newborn; below that the structures were strewn, not small."""
_UPRIGHT = 0.5
_FEWEST_IN_PLACE = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What a network is shown, in anatomical order: HU, and where the body is."""

    hu_zyx: NDArray[np.float32]
    inside_zyx: NDArray[np.bool_]
    spacing_zyx_mm: Triple

    def turned(self) -> Shown:
        """The same patient turned about his back-to-front axis: feet for head, left for right."""
        return replace(
            self,
            hu_zyx=np.ascontiguousarray(self.hu_zyx[::-1, :, ::-1]),
            inside_zyx=np.ascontiguousarray(self.inside_zyx[::-1, :, ::-1]),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How found structures stand against the training patients.

    `size` is 1 where it is one that the training patients had; `in_place` names the structures that have their size and
    place; `lost` counts those that should be in view and are not among them.
    """

    found: Fit | None
    size: float
    size_expected: bool
    in_place: tuple[str, ...]
    lost: int

    @property
    def is_foreign(self) -> bool:
        """Too little is as it should be for any answer to be worth something."""
        return len(self.in_place) < 2 or self.lost > len(self.in_place) or self.size < _SMALLEST_SIZE

    @property
    def fits(self) -> bool:
        """Most is as it should be, the right way up."""
        return (
            self.found is not None
            and not self.is_foreign
            and self.size_expected
            and len(self.in_place) >= _FEWEST_IN_PLACE
            and (self.found.upright is None or self.found.upright > 0)
        )

    @property
    def sound(self) -> bool:
        """Nothing gives a reason to doubt which way the patient lies."""
        upright = None if self.found is None else self.found.upright
        return self.fits and (self.lost == 0 or upright is None or upright > _UPRIGHT)


def check_network_answer(
    probability: Probability,
    shown: Shown,
    spec: ModelSpec,
    anatomy: ExpectedAnatomy | None,
    *,
    ask: Callable[[Shown], Probability],
) -> View:
    """Compare a network's whole answer with the training patients; says nothing for a model that does not know them.

    Where the answer fits none of them well, the network is asked once more with the patient turned feet for head: if
    that fits, the header is wrong.

    Args:
        probability: (structures, z, y, x) on `shown`'s grid, in the spec's order.
        shown: What the network was shown.
        spec: The model's.
        anatomy: The training patients.
        ask: The network itself.

    Raises:
        InputError: the patient fits when turned (UPSIDE_DOWN), or as `check_anatomy`.
    """
    ends = scan_ends(shown.hu_zyx, shown.spacing_zyx_mm)
    if anatomy is None or ends is None or len(anatomy.structures) < _FEWEST_STRUCTURES:
        return NOTHING_SAID
    places = places_of(probability, shown, spec, ends)
    standing = stand(places, ends, anatomy)
    if not standing.sound:
        turned = shown.turned()
        turned_ends = scan_ends(turned.hu_zyx, turned.spacing_zyx_mm) or ends
        instead = stand(places_of(ask(turned), turned, spec, turned_ends), turned_ends, anatomy)
        if instead.fits and len(instead.in_place) > len(standing.in_place):
            raise InputError(
                f"{len(instead.in_place)} structures lie where they should only when the patient is turned feet for "
                f"head, {len(standing.in_place)} as the header says",
                reason="UPSIDE_DOWN",
            )
    return check_anatomy(places, ends, anatomy, spec.region)


def places_of(probability: Probability, shown: Shown, spec: ModelSpec, ends: ScanEnds) -> list[Place]:
    """Where a network's answer has its organs; targets have no place of their own."""
    to_mm = (np.asarray(shown.spacing_zyx_mm), np.zeros(3))
    places = [
        place_of(structure.name, probability[channel] >= 0.5, to_mm, ends, keep_parts=structure.keep_parts)
        for channel, structure in enumerate(spec.structures)
        if not structure.proposal
    ]
    return [place for place in places if place is not None]


def check_anatomy(places: Sequence[Place], ends: ScanEnds, anatomy: ExpectedAnatomy, region: str) -> View:
    """Compare what the network found with where the training patients have it.

    Args:
        places: Every organ that the network found, wanted or not.
        ends: Between which heights the scan shows a patient.
        anatomy: The training patients.
        region: Of the model, for messages.

    Raises:
        InputError: too few of the found structures have the size and the place that they should have; reason
            OTHER_REGION.
    """
    if len(anatomy.structures) < _FEWEST_STRUCTURES:
        return NOTHING_SAID
    standing = stand(places, ends, anatomy)
    if standing.found is None or standing.is_foreign:
        raise InputError(
            f"{len(standing.in_place)} of {len(anatomy.structures)} structures "
            f"({', '.join(standing.in_place) or 'none'}) have the size and the place that {anatomy.patients} training "
            f"patients show; this CT is not what a model of the region {region!r} knows",
            reason="OTHER_REGION",
        )
    return view_of(
        places, ends, anatomy, found=standing.found, size=standing.size, of_scan=_told_of_size(standing, anatomy)
    )


def stand(places: Sequence[Place], ends: ScanEnds, anatomy: ExpectedAnatomy) -> Standing:
    """How the found structures stand against the training patients."""
    found = fit([place for place in places if _has_its_size(place, anatomy)], anatomy)
    if found is None:
        return Standing(found=None, size=1.0, size_expected=True, in_place=(), lost=len(anatomy.structures))
    size = unusual_size(found.size, anatomy)
    in_place = tuple(name for name, far in found.distances.items() if far <= _limit(anatomy, name))
    return Standing(
        found=found,
        size=size,
        size_expected=size == 1.0,
        in_place=in_place,
        lost=sum(one.name not in in_place and _in_view(one, found, size, ends) for one in anatomy.structures),
    )


def _told_of_size(standing: Standing, anatomy: ExpectedAnatomy) -> tuple[Finding, ...]:
    if standing.size_expected:
        return ()
    return (
        Finding(
            reason="PAEDIATRIC_SIZE" if standing.size < anatomy.size.lowest else "UNUSUALLY_LARGE",
            message=f"the structures lie {standing.size:.2f} times as far apart as in the mean training patient; in "
            f"98 % of {anatomy.patients} it was {anatomy.size.lowest:.2f} to {anatomy.size.highest:.2f}",
        ),
    )


def _has_its_size(place: Place, anatomy: ExpectedAnatomy) -> bool:
    expected = anatomy.structure(place.name)
    if expected is None:
        return False
    share = _SMALLEST_CUT_SHARE if place.cut_top or place.cut_bottom else _SMALLEST_SHARE
    return place.volume_ml >= share * expected.volume_ml.lowest


def _limit(anatomy: ExpectedAnatomy, name: str) -> float:
    expected = anatomy.structure(name)
    return max(_FAR_AT_LEAST, _FAR * (expected.farthest if expected else 0.0))


def _in_view(one: ExpectedStructure, found: Fit, size: float, ends: ScanEnds) -> bool:
    """Whether the middle of a structure is expected between the scan's ends."""
    bottom_mm, top_mm = end_heights_mm(one, found, size)
    return ends.bottom_mm <= (bottom_mm + top_mm) / 2 <= ends.top_mm
