"""What the training patients look like, learnt from their own contours: limits for scans a model does not know."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from contour.segmentation.constellation import Place, fit, place_of, scan_ends
from contour.segmentation.expected_anatomy import Anchor, ExpectedAnatomy, ExpectedStructure, Span
from contour.segmentation.scan_hu import tissue_of
from contour.segmentation.spec import ModelSpec
from contour.training.prepared import PreparedCase
from registration.grid import Triple

_ROUNDS = 12
_SMALLEST_SPREAD_MM = 3.0
_FEWEST_ENDS = 5
_RARE_PERCENT = 1.0
_ANCHORS: tuple[Anchor, ...] = ("middle", "top", "bottom")
Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Patient:
    places: tuple[Place, ...]
    soft_tissue_hu: float
    soft_tissue_share: float

    def place(self, name: str) -> Place | None:
        return next((place for place in self.places if place.name == name), None)


def learn_anatomy(cases: Sequence[PreparedCase], spec: ModelSpec) -> ExpectedAnatomy | None:
    """Where the spec's organs lie in these patients, how large they are, and the HU of their tissue.

    A structure that nobody contoured, or that every scan cut at both ends, is left out, and so is a proposal: a target
    has no place of its own. Patients are
    shifted over one another by what they have in common; a structure's ends count where the scan goes on beyond them.
    None where no case shows a body.
    """
    patients = [patient for case in cases if (patient := _measured(case, spec)) is not None]
    names = [
        structure.name
        for structure in spec.structures
        if not structure.proposal and any(patient.place(structure.name) for patient in patients)
    ]
    if not patients:
        return None
    anatomy = ExpectedAnatomy(
        patients=len(patients),
        soft_tissue_hu=_span([patient.soft_tissue_hu for patient in patients]),
        soft_tissue_share=_span([patient.soft_tissue_share for patient in patients]),
        size=Span(lowest=1.0, highest=1.0),
        structures=_structures(patients, names),
    )
    return _with_limits(anatomy, patients)


def _measured(case: PreparedCase, spec: ModelSpec) -> _Patient | None:
    spacing = spec.input.spacing_zyx_mm
    ends, tissue = scan_ends(case.hu_zyx, spacing), tissue_of(case.hu_zyx)
    if ends is None or tissue is None:
        return None
    step = np.asarray(spacing) / case.label_step_zyx
    to_mm = (step, -np.asarray(case.label_start_zyx) * step)
    places = [
        place_of(structure.name, (case.labels_zyx >> channel & 1).astype(np.bool_), to_mm, ends)
        for channel, structure in enumerate(spec.structures)
        if case.contoured[channel] and not structure.proposal
    ]
    return _Patient(
        places=tuple(place for place in places if place is not None),
        soft_tissue_hu=tissue.mode_hu,
        soft_tissue_share=tissue.share,
    )


def _structures(patients: Sequence[_Patient], names: Sequence[str]) -> tuple[ExpectedStructure, ...]:
    """Shifts of the patients and places of the structures, found in turns until they agree.

    All structures count alike: weighted by their spread, the pair that lies closest would soon decide alone.
    """
    anchors: dict[str, Anchor] = dict.fromkeys(names, "middle")
    shift = np.zeros((len(patients), 3))
    for turn in range(_ROUNDS if names else 0):
        heights = {name: {anchor: _places(patients, name, anchor) - shift for anchor in _ANCHORS} for name in names}
        if turn >= _ROUNDS // 2:
            anchors = {name: _steadiest(heights[name]) for name in names}
        over = {name: heights[name][anchors[name]] for name in names}
        off = np.stack([over[name] - _mean(over[name]) for name in names])
        shift = shift + np.nan_to_num(off).sum(axis=0) / np.maximum(np.isfinite(off).sum(axis=0), 1)
    known = [name for name in names if np.isfinite(_places(patients, name, anchors[name])).any()]
    return tuple(_structure(patients, name, anchors[name], shift) for name in known)


def _structure(patients: Sequence[_Patient], name: str, anchor: Anchor, shift: Array) -> ExpectedStructure:
    known = [place for patient in patients if (place := patient.place(name)) is not None]
    whole = [place.volume_ml for place in known if not (place.cut_top or place.cut_bottom)]
    at = {one: _places(patients, name, one) - shift for one in _ANCHORS}
    middle, spread = _mean(at[anchor]), _spread(at[anchor])
    ends = {one: at[one][:, 0] for one in ("top", "bottom") if np.isfinite(at[one][:, 0]).sum() >= _FEWEST_ENDS}
    loose = {
        "top": max((p.top_mm - s for p, s in _with_shift(patients, name, shift)), default=float(middle[0])),
        "bottom": min((p.bottom_mm - s for p, s in _with_shift(patients, name, shift)), default=float(middle[0])),
    }
    return ExpectedStructure(
        name=name,
        patients=len(known),
        volume_ml=_span(whole or [place.volume_ml for place in known]),
        anchor=anchor,
        place_mm=_triple(middle),
        spread_mm=_triple(spread),
        top_mm=round(float(np.nanmean(ends["top"])) if "top" in ends else loose["top"], 2),
        bottom_mm=round(float(np.nanmean(ends["bottom"])) if "bottom" in ends else loose["bottom"], 2),
        end_spread_mm=round(max([_SMALLEST_SPREAD_MM, *(float(np.nanstd(end)) for end in ends.values())]), 2),
        cut_top=round(sum(place.cut_top for place in known) / len(known), 4),
        cut_bottom=round(sum(place.cut_bottom for place in known) / len(known), 4),
        farthest=0.0,
    )


def _with_limits(anatomy: ExpectedAnatomy, patients: Sequence[_Patient]) -> ExpectedAnatomy:
    """The anatomy with what its own patients reach: size, and each structure's farthest distance from its place."""
    everything = replace(anatomy, size=Span(lowest=0.0, highest=10.0))
    fits = [one for patient in patients if (one := fit(patient.places, everything)) is not None]
    sizes = [one.size for one in fits if one.size is not None]
    return replace(
        anatomy,
        size=_span(np.percentile(sizes, [_RARE_PERCENT, 100 - _RARE_PERCENT]).tolist())
        if sizes
        else Span(lowest=0.0, highest=10.0),
        structures=tuple(
            replace(one, farthest=round(max((f.distances.get(one.name, 0.0) for f in fits), default=0.0), 3))
            for one in anatomy.structures
        ),
    )


def _places(patients: Sequence[_Patient], name: str, anchor: Anchor) -> Array:
    """(patients, 3); NaN where the structure was not contoured or the scan's end decided that height."""
    rows = np.full((len(patients), 3), np.nan)
    for row, patient in zip(rows, patients, strict=True):
        place = patient.place(name)
        height = None if place is None else place.height_mm(anchor)
        if place is not None and height is not None:
            row[:] = (height, *place.middle_mm[1:])
    return rows


def _with_shift(patients: Sequence[_Patient], name: str, shift: Array) -> list[tuple[Place, float]]:
    return [
        (place, float(by[0]))
        for patient, by in zip(patients, shift, strict=True)
        if (place := patient.place(name)) is not None
    ]


def _steadiest(heights: dict[Anchor, Array]) -> Anchor:
    """The height that varies least, of those that enough patients have."""
    most = max(int(np.isfinite(values[:, 0]).sum()) for values in heights.values())
    enough = [one for one in _ANCHORS if 2 * np.isfinite(heights[one][:, 0]).sum() >= most]
    return min(enough, key=lambda anchor: float(_spread(heights[anchor])[0]))


def _mean(values: Array) -> Array:
    known = values[np.isfinite(values).all(axis=1)]
    return known.mean(axis=0) if len(known) else np.zeros(3)


def _spread(values: Array) -> Array:
    known = values[np.isfinite(values).all(axis=1)]
    spread: Array = known.std(axis=0) if len(known) > 1 else np.full(3, 20.0)
    return np.maximum(spread, _SMALLEST_SPREAD_MM)


def _triple(values: Array) -> Triple:
    a, b, c = (round(float(value), 2) for value in values)
    return a, b, c


def _span(values: Sequence[float]) -> Span:
    return Span(lowest=round(min(values), 4), highest=round(max(values), 4))
