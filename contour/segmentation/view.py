"""What lies between a scan's ends: what is told of structures beyond, and what is dropped of a network's answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from contour.anatomy.structures import Removal, Structure
from contour.errors import Finding
from contour.segmentation.constellation import Fit, Place, ScanEnds, end_heights_mm
from contour.segmentation.expected_anatomy import ExpectedAnatomy, ExpectedStructure

_USUALLY_CUT = 0.15
"""Share of the training patients from which on nobody wants to hear that a structure runs out of the scan."""
_CLEARLY_BEYOND = 2.0
"""Standard deviations of a structure's ends."""


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


def view_of(
    places: Sequence[Place],
    ends: ScanEnds,
    anatomy: ExpectedAnatomy,
    *,
    found: Fit,
    size: float,
    of_scan: tuple[Finding, ...],
) -> View:
    """What a scan between these ends leaves out, where its structures lie like that.

    Args:
        places: What the network found.
        ends: Of the scan.
        anatomy: The training patients.
        found: How the expected structures lie over the found ones.
        size: Of the patient, 1 for the mean one.
        of_scan: Findings on all of the scan, to be told first.
    """
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
        if cut and usual < _USUALLY_CUT and missing_mm > max(ends.step_mm, one.end_spread_mm / 2)
    ]
