"""Does this scan show what the model knows? What the network found is compared with the training patients.

The limits come from the model's `anatomy.json` (`contour.segmentation.expected_anatomy`). A scan is refused where an
answer would be worth nothing; what a user can judge is a warning; a structure beyond the scan's ends is not contoured.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from contour.anatomy.structures import Removal, Structure
from contour.errors import Finding, InputError
from contour.segmentation.constellation import Fit, Place, ScanEnds, end_heights_mm, fit, place_of, scan_ends
from contour.segmentation.expected_anatomy import ExpectedAnatomy, ExpectedStructure
from contour.segmentation.spec import ModelSpec
from registration.volume import Volume

_FEWEST_STRUCTURES = 3
_SMALLEST_SHARE, _SMALLEST_CUT_SHARE, _TRACE_ML = 0.25, 0.05, 0.05
_FAR = 1.5
_FAR_AT_LEAST = 4.0
_SIZE_MARGIN = 0.02
_SURE = 2.0
"""Standard errors."""
_USUALLY_CUT = 0.15
_CLEARLY_BEYOND = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What is told of a scan that was not refused: of all of it, of single structures, and what its ends leave out.

    An answer of the network for one of `not_in_view` is invented and to be dropped.
    """

    of_scan: tuple[Finding, ...] = ()
    of_structures: tuple[tuple[str, Finding], ...] = ()
    not_in_view: tuple[str, ...] = ()

    def findings(self, wanted: Sequence[str]) -> tuple[Finding, ...]:
        """What is told to somebody who asked for these structures."""
        return (*self.of_scan, *(finding for name, finding in self.of_structures if name in wanted))

    def after(self, earlier: tuple[Finding, ...]) -> View:
        """The same with findings from before."""
        return replace(self, of_scan=(*earlier, *self.of_scan))


NOTHING_SAID = View()


def check_network_answer(
    probability: NDArray[np.float32], hu: Volume, spec: ModelSpec, anatomy: ExpectedAnatomy | None
) -> View:
    """Compare a network's whole answer with the training patients; says nothing for a model that does not know them.

    Args:
        probability: (structures, z, y, x) on `hu`'s grid, in the spec's order.
        hu: What the network was shown, in anatomical order.
        spec: The model's.
        anatomy: The training patients.

    Raises:
        InputError: as `check_anatomy`.
    """
    ends = scan_ends(hu.values_zyx, hu.grid.spacing_zyx_mm)
    if anatomy is None or ends is None:
        return NOTHING_SAID
    to_mm = (np.asarray(hu.grid.spacing_zyx_mm), np.zeros(3))
    places = [
        place_of(structure.name, probability[channel] >= 0.5, to_mm, ends, keep_parts=structure.keep_parts)
        for channel, structure in enumerate(spec.structures)
        if anatomy.structure(structure.name) is not None
    ]
    return check_anatomy([place for place in places if place is not None], ends, anatomy, spec.region)


def without(view: View, structure: Structure) -> Structure:
    """The structure, or what is left of one that is not in view: nothing, and a record of what was dropped."""
    if structure.is_empty or structure.name not in view.not_in_view:
        return structure
    dropped = Removal(rule="not in view", parts=1, volume_ml=structure.volume_ml)
    return replace(
        structure,
        mask_zyx=np.zeros((1, 1, 1), dtype=np.bool_),
        membership_zyx=None,
        removals=(*structure.removals, dropped),
    )


def check_anatomy(places: Sequence[Place], ends: ScanEnds, anatomy: ExpectedAnatomy, region: str) -> View:
    """Compare what the network found with where the training patients have it.

    Args:
        places: Every organ that the network found, wanted or not.
        ends: Between which heights the scan shows a patient.
        anatomy: The training patients.
        region: Of the model, for messages.

    Raises:
        InputError: the found structures lie head to feet the wrong way round (UPSIDE_DOWN), or too few of them have
            the size and the place that they should have (OTHER_REGION).
    """
    if len(anatomy.structures) < _FEWEST_STRUCTURES:
        return NOTHING_SAID
    _refuse_upside_down(places, anatomy)
    plausible = [place for place in places if _has_its_size(place, anatomy)]
    found = fit(plausible, anatomy)
    size, size_findings = _size(found, anatomy)
    in_place = [] if found is None else [n for n, far in found.distances.items() if far <= _limit(anatomy, n)]
    lost = [one.name for one in anatomy.structures if one.name not in in_place and _in_view(one, found, size, ends)]
    if found is None or len(in_place) < 2 or len(lost) > len(in_place):
        raise InputError(
            f"{len(in_place)} of {len(anatomy.structures)} structures ({', '.join(in_place) or 'none'}) have the size "
            f"and the place that {anatomy.patients} training patients show; this CT is not what a model of the region "
            f"{region!r} knows",
            reason="OTHER_REGION",
        )
    return _view(places, ends, anatomy, found=found, size=size, of_scan=size_findings)


def _view(
    places: Sequence[Place],
    ends: ScanEnds,
    anatomy: ExpectedAnatomy,
    *,
    found: Fit,
    size: float,
    of_scan: tuple[Finding, ...],
) -> View:
    by_name = {place.name: place for place in places}
    told: list[tuple[str, Finding]] = []
    gone: list[str] = []
    for one in anatomy.structures:
        bottom_mm, top_mm = end_heights_mm(one, found, size)
        place = by_name.get(one.name)
        beyond_mm, end = max((ends.bottom_mm - top_mm, "feet"), (bottom_mm - ends.top_mm, "head"))
        if beyond_mm > 0 and (place is None or _invented(place, one, beyond_mm)):
            gone.append(one.name)
            told.append((one.name, _not_in_view(one.name, end, beyond_mm)))
        elif place is not None:
            told += [(one.name, cut) for cut in _cut_off(one, place, bottom_mm=bottom_mm, top_mm=top_mm, ends=ends)]
    return View(of_scan=of_scan, of_structures=tuple(told), not_in_view=tuple(gone))


def _not_in_view(name: str, end: str, beyond_mm: float) -> Finding:
    return Finding(
        reason="NOT_IN_VIEW",
        message=f"{name} is not contoured: all of it is expected at least {beyond_mm:.0f} mm beyond the {end} end "
        "of the scan",
    )


def _invented(place: Place, one: ExpectedStructure, beyond_mm: float) -> bool:
    """An answer where nothing should be: clearly beyond the scan's end, and smaller than any patient's."""
    return beyond_mm > _CLEARLY_BEYOND * one.end_spread_mm and place.volume_ml < one.volume_ml.lowest


def _cut_off(one: ExpectedStructure, place: Place, *, bottom_mm: float, top_mm: float, ends: ScanEnds) -> list[Finding]:
    """A structure that the scan's end cuts, where the training patients' scans seldom do."""
    return [
        Finding(
            reason="CUT_OFF",
            message=f"{one.name} reaches the {end} end of the scan; about {missing_mm:.0f} mm of it lie beyond",
        )
        for end, cut, usual, missing_mm in (
            ("head", place.cut_top, one.cut_top, top_mm - ends.top_mm),
            ("feet", place.cut_bottom, one.cut_bottom, ends.bottom_mm - bottom_mm),
        )
        if cut and usual < _USUALLY_CUT and missing_mm > ends.step_mm
    ]


def _refuse_upside_down(places: Sequence[Place], anatomy: ExpectedAnatomy) -> None:
    whole = fit([place for place in places if place.volume_ml >= _TRACE_ML], anatomy)
    if whole is None or whole.upright is None or len(whole.distances) < _FEWEST_STRUCTURES:
        return
    if whole.upright + _SURE * whole.upright_error < 0:
        raise InputError(
            f"from head to feet {', '.join(whole.distances)} lie {whole.upright:.2f} times as far apart as in "
            f"{anatomy.patients} training patients, where it is 1: upside down against what the header says",
            reason="UPSIDE_DOWN",
        )


def _size(found: Fit | None, anatomy: ExpectedAnatomy) -> tuple[float, tuple[Finding, ...]]:
    """The patient's size against the mean training patient's, and what is to be told of it."""
    if found is None or found.size is None or len(found.distances) < _FEWEST_STRUCTURES:
        return 1.0, ()
    if anatomy.size.widened(_SIZE_MARGIN).holds(found.size) or found.size <= 0:
        return 1.0, ()
    reason = "PAEDIATRIC_SIZE" if found.size < anatomy.size.lowest else "UNUSUALLY_LARGE"
    return found.size, (
        Finding(
            reason=reason,
            message=f"the structures lie {found.size:.2f} times as far apart as in the mean training patient; in the "
            f"{anatomy.patients} it was {anatomy.size.lowest:.2f} to {anatomy.size.highest:.2f}",
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


def _in_view(one: ExpectedStructure, found: Fit | None, size: float, ends: ScanEnds) -> bool:
    """Whether the middle of a structure is expected between the scan's ends."""
    if found is None:
        return True
    bottom_mm, top_mm = end_heights_mm(one, found, size)
    return ends.bottom_mm <= (bottom_mm + top_mm) / 2 <= ends.top_mm
