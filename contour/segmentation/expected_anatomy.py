"""What a model's training patients look like, read from `anatomy.json`: the measure of a scan it does not know.

Positions are millimetres towards (head, back, left), in a frame that every patient is shifted into so that the
structures lie over one another as well as they can; only differences between them mean anything. The file is data
from outside: every key known, every number finite and in bounds.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

from contour.errors import ModelError
from contour.segmentation.spec import ModelSpec
from registration.grid import Triple

SCHEMA = 1
Anchor = Literal["middle", "top", "bottom"]
"""What of a structure tells a patient's height best: its centroid, its head end or its feet end."""
_LARGEST_TEXT = 1_000_000
_FARTHEST_MM = 5000.0
_MOST_CASES = 10_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """The lowest and highest value that the training patients had."""

    lowest: float
    highest: float

    def widened(self, margin: float) -> Span:
        """Margin added at both ends."""
        return Span(lowest=self.lowest - margin, highest=self.highest + margin)

    def holds(self, value: float) -> bool:
        """Whether a value lies in it, ends included."""
        return self.lowest <= value <= self.highest


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectedStructure:
    """One structure over the patients in whom it was contoured.

    Args:
        name: TG-263 name.
        patients: How many they were.
        volume_ml: Of contours that the scan did not cut off, or of all where each was cut off.
        anchor: Which of its heights varies least; the head value of `place_mm` is that one's.
        place_mm: Mean place, (head, back, left).
        spread_mm: Standard deviation of the place.
        top_mm: Mean height of its head end, where the scan went on beyond it.
        bottom_mm: Mean height of its feet end, likewise.
        end_spread_mm: The larger standard deviation of the two.
        cut_top: Share of patients in whom the scan's head end cut it off, 0 to 1.
        cut_bottom: Likewise for the feet end.
        farthest: Largest distance from its place, in standard deviations, over the patients.
    """

    name: str
    patients: int
    volume_ml: Span
    anchor: Anchor
    place_mm: Triple
    spread_mm: Triple
    top_mm: float
    bottom_mm: float
    end_spread_mm: float
    cut_top: float
    cut_bottom: float
    farthest: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectedAnatomy:
    """The patients that a model was trained on.

    Args:
        patients: How many were measured.
        soft_tissue_hu: The commonest HU of muscle and organs, per patient.
        soft_tissue_share: Share of the body between -30 and 150 HU, per patient.
        size: How far a patient's structures lie apart, divided by the mean patient's; 1st to 99th percentile.
        structures: What is known of each; a target has no place of its own and is not among them.
    """

    patients: int
    soft_tissue_hu: Span
    soft_tissue_share: Span
    size: Span
    structures: tuple[ExpectedStructure, ...]

    def structure(self, name: str) -> ExpectedStructure | None:
        """A structure's, or None."""
        return next((one for one in self.structures if one.name == name), None)

    def to_json(self) -> str:
        """The text of `anatomy.json`."""
        return json.dumps({"schema": SCHEMA, **asdict(self)}, indent=1) + "\n"


def parse_anatomy(text: str, spec: ModelSpec) -> ExpectedAnatomy:
    """Read an `anatomy.json`.

    Args:
        text: The file.
        spec: Of the model that it lies beside; other structures than its own are refused.

    Raises:
        ModelError: not JSON, a key missing or unknown, a value out of range, a structure twice; reason BAD_ANATOMY.
    """
    if len(text) > _LARGEST_TEXT:
        raise _bad(f"{len(text)} characters, at most {_LARGEST_TEXT}")
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _bad("not JSON") from error
    root = _Form(document, "anatomy")
    root.number("schema", SCHEMA, SCHEMA)
    found = ExpectedAnatomy(
        patients=root.whole("patients", 1, _MOST_CASES),
        soft_tissue_hu=root.span("soft_tissue_hu", -1024.0, 3071.0),
        soft_tissue_share=root.span("soft_tissue_share", 0.0, 1.0),
        size=root.span("size", 0.0, 10.0),
        structures=tuple(_structure(form) for form in root.forms("structures", len(spec.structures))),
    )
    root.finish()
    names = [structure.name for structure in found.structures]
    for name in names:
        if name not in spec.structure_names or names.count(name) > 1:
            raise _bad(f"{name[:64]!a} is there {names.count(name)} times, expected once and one of the spec's")
    return found


def _structure(form: _Form) -> ExpectedStructure:
    structure = ExpectedStructure(
        name=form.text("name"),
        patients=form.whole("patients", 1, _MOST_CASES),
        volume_ml=form.span("volume_ml", 0.0, 1e6),
        anchor=form.anchor("anchor"),
        place_mm=form.triple("place_mm", -_FARTHEST_MM, _FARTHEST_MM),
        spread_mm=form.triple("spread_mm", 0.1, _FARTHEST_MM),
        top_mm=form.number("top_mm", -_FARTHEST_MM, _FARTHEST_MM),
        bottom_mm=form.number("bottom_mm", -_FARTHEST_MM, _FARTHEST_MM),
        end_spread_mm=form.number("end_spread_mm", 0.1, _FARTHEST_MM),
        cut_top=form.number("cut_top", 0.0, 1.0),
        cut_bottom=form.number("cut_bottom", 0.0, 1.0),
        farthest=form.number("farthest", 0.0, 1e4),
    )
    form.finish()
    return structure


class _Form:
    """A JSON object that is taken apart key by key; what is left over at the end is an error."""

    def __init__(self, values: object, where: str) -> None:
        if not isinstance(values, dict):
            raise _bad(f"{where} must be an object")
        self._left: dict[str, Any] = dict(values)
        self._where = where

    def _take(self, key: str) -> object:
        if key not in self._left:
            raise _bad(f"{self._where} lacks {key!r}")
        return self._left.pop(key)

    def text(self, key: str) -> str:
        value = self._take(key)
        if not isinstance(value, str) or not 0 < len(value) <= 64:
            raise _bad(f"{self._where}.{key} must be 1 to 64 characters")
        return value

    def anchor(self, key: str) -> Anchor:
        value = self._take(key)
        for anchor in get_args(Anchor):
            if value == anchor:
                return anchor  # type: ignore[no-any-return]
        raise _bad(f"{self._where}.{key} must be one of {get_args(Anchor)}")

    def number(self, key: str, low: float, high: float) -> float:
        return self._number(self._take(key), key, low, high)

    def whole(self, key: str, low: int, high: int) -> int:
        value = self._take(key)
        if type(value) is not int or not low <= value <= high:
            raise _bad(f"{self._where}.{key} must be a whole number from {low} to {high}")
        return value

    def triple(self, key: str, low: float, high: float) -> Triple:
        values = self._take(key)
        if not isinstance(values, list) or len(values) != 3:
            raise _bad(f"{self._where}.{key} must be three numbers")
        a, b, c = (self._number(value, key, low, high) for value in values)
        return a, b, c

    def span(self, key: str, low: float, high: float) -> Span:
        form = _Form(self._take(key), f"{self._where}.{key}")
        span = Span(lowest=form.number("lowest", low, high), highest=form.number("highest", low, high))
        form.finish()
        if span.lowest > span.highest:
            raise _bad(f"{self._where}.{key} has its lowest above its highest")
        return span

    def forms(self, key: str, most: int) -> list[_Form]:
        values = self._take(key)
        if not isinstance(values, list) or len(values) > most:
            raise _bad(f"{self._where}.{key} must be a list of at most {most}")
        return [_Form(value, f"{self._where}.{key}[{place}]") for place, value in enumerate(values)]

    def finish(self) -> None:
        if self._left:
            raise _bad(f"{self._where} has {len(self._left)} unknown keys")

    def _number(self, value: object, key: str, low: float, high: float) -> float:
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not low <= value <= high:
            raise _bad(f"{self._where}.{key} must be a number from {low:g} to {high:g}")
        return float(value)


def _bad(message: str) -> ModelError:
    return ModelError(f"anatomy.json: {message}", reason="BAD_ANATOMY")
