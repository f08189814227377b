"""A bounded walk over the bytes of a DICOM data set, before any library parses them.

Nothing here recurses and nothing is allocated by a length that the file claims, so that deep nesting, lying lengths
and endless elements cost no more than the limits say. The walk keeps the raw values of a few wanted top-level
elements for pydicom to convert, and the place of the pixel data: nobody walks the structure a second time.
"""

from __future__ import annotations

import struct
from collections.abc import Collection
from dataclasses import dataclass, field
from functools import lru_cache

from pydicom.datadict import dictionary_VR
from pydicom.dataelem import RawDataElement
from pydicom.tag import BaseTag

from contour.errors import Finding

PIXEL_DATA = 0x7FE00010
_ITEM, _ITEM_END, _SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
_UNDEFINED = 0xFFFFFFFF
_OPEN_ENDED = -1
_LONG_VRS = frozenset((b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV"))
_SHORT_VRS = frozenset(b"AE,AS,AT,CS,DA,DS,DT,FD,FL,IS,LO,LT,PN,SH,SL,SS,ST,TM,UI,UL,US".split(b","))


@dataclass(frozen=True, slots=True, kw_only=True)
class WalkLimits:
    """How much structure one data set may have."""

    nesting: int = 32
    elements: int = 200_000
    wanted_value_bytes: int = 16_384


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoding:
    """How elements are written: with or without their type, low byte first or last."""

    implicit_vr: bool
    little_endian: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PixelPlace:
    """Where pixel data lies in the body: one run of bytes, or the fragments of an encapsulated frame.

    The first fragment is the offset table, as PS3.5 A.4 has it. Fragments are (offset, length) pairs.
    """

    offset: int
    length: int
    fragments: tuple[tuple[int, int], ...] | None


@dataclass(slots=True)
class WalkedElements:
    """What a walk found, up to its end or to the problem that stopped it."""

    elements: dict[BaseTag, RawDataElement] = field(default_factory=dict)
    pixels: PixelPlace | None = None
    end: int = 0
    problem: Finding | None = None


@dataclass(frozen=True, slots=True)
class _Level:
    """An open data set or item (`holds_items` False) or an open sequence (True)."""

    end: int
    limit: int
    holds_items: bool
    implicit: bool


class _StoppedError(Exception):
    def __init__(self, reason: str, message: str, **measured: int) -> None:
        super().__init__(message)
        values = tuple((name, str(value)) for name, value in measured.items())
        self.finding = Finding(reason=reason, message=message, measured=values)


def walk_elements(
    body: bytes,
    offset: int,
    encoding: Encoding,
    *,
    wanted: Collection[int],
    limits: WalkLimits,
    only_group: int | None = None,
) -> WalkedElements:
    """Every element of `body` from `offset` on visited once; the wanted ones kept, the first problem told.

    Args:
        body: The data set's bytes, inflated if they were deflated.
        offset: Where to start.
        encoding: Of the data set.
        wanted: Tags of top-level elements whose raw values are kept.
        limits: Bounds.
        only_group: Stop before the first top-level element of another group (for the file meta information).
    """
    walk = _Walk(body, encoding, frozenset(wanted), limits)
    try:
        walk.run(offset, only_group)
    except _StoppedError as stopped:
        walk.found.problem = stopped.finding
    return walk.found


@lru_cache(maxsize=4096)
def _is_sequence_by_dictionary(tag: int) -> bool:
    try:
        return dictionary_VR(tag) == "SQ"
    except KeyError:
        return False


class _Walk:
    def __init__(self, body: bytes, encoding: Encoding, wanted: frozenset[int], limits: WalkLimits) -> None:
        order = "<" if encoding.little_endian else ">"
        self.found = WalkedElements()
        self._body = body
        self._encoding = encoding
        self._wanted = wanted
        self._limits = limits
        self._tag = struct.Struct(order + "HH").unpack_from
        self._long = struct.Struct(order + "I").unpack_from
        self._short = struct.Struct(order + "H").unpack_from
        end = len(body)
        self._levels = [_Level(end, end, holds_items=False, implicit=encoding.implicit_vr)]
        self._visited = 0

    def run(self, offset: int, only_group: int | None) -> None:
        position = offset
        levels = self._levels
        while levels:
            level = levels[-1]
            if position == level.end:
                levels.pop()
                continue
            if position + 8 > level.limit:
                if len(levels) == 1 and not any(self._body[position:]):
                    break
                raise _StoppedError(
                    "TRUNCATED_FILE", "the data set ends in the middle of an element", length_bytes=len(self._body)
                )
            self._visited += 1
            if self._visited > self._limits.elements:
                raise _StoppedError(
                    "TOO_MANY_ELEMENTS", f"more than {self._limits.elements} elements", limit=self._limits.elements
                )
            if level.holds_items:
                position = self._enter_item(position, level)
                continue
            if only_group is not None and len(levels) == 1 and self._tag(self._body, position)[0] != only_group:
                break
            following = self._visit_element(position, level)
            if following is None:
                break
            position = following
        self.found.end = position

    def _enter_item(self, position: int, level: _Level) -> int:
        group, element = self._tag(self._body, position)
        tag = group << 16 | element
        (length,) = self._long(self._body, position + 4)
        if tag == _SEQUENCE_END and level.end == _OPEN_ENDED:
            self._levels.pop()
        elif tag == _ITEM:
            self._open(position + 8, length, level, holds_items=False, implicit=level.implicit)
        else:
            raise _StoppedError("MALFORMED_DICOM", "a sequence holds something that is not an item", offset=position)
        return position + 8

    def _visit_element(self, position: int, level: _Level) -> int | None:
        """Where the next element starts, or None where only zero padding follows."""
        group, element = self._tag(self._body, position)
        tag = group << 16 | element
        if group == 0xFFFE:
            if tag == _ITEM_END and level.end == _OPEN_ENDED:
                self._levels.pop()
                return position + 8
            raise _StoppedError("MALFORMED_DICOM", "an item delimiter where no item is open", offset=position)
        if tag == 0 and len(self._levels) == 1 and not any(self._body[position:]):
            return None
        vr, length, value = self._header(position, level)
        if length == _UNDEFINED:
            return self._visit_undefined(tag, vr, value, level)
        if vr == b"SQ" or (vr is None and _is_sequence_by_dictionary(tag)):
            self._open(value, length, level, holds_items=True, implicit=level.implicit)
            return value
        end = value + length
        if end > level.limit:
            self._stop_beyond_end(tag, length, level.limit - value)
        if len(self._levels) == 1 and tag in self._wanted:
            self._keep(tag, vr, value, length)
        if tag == PIXEL_DATA and len(self._levels) == 1:
            self._place_pixels(PixelPlace(offset=value, length=length, fragments=None))
        return end

    def _header(self, position: int, level: _Level) -> tuple[bytes | None, int, int]:
        """(type or None when implicit, length, offset of the value)."""
        if level.implicit:
            return None, int(self._long(self._body, position + 4)[0]), position + 8
        vr = self._body[position + 4 : position + 6]
        if vr in _SHORT_VRS:
            return vr, int(self._short(self._body, position + 6)[0]), position + 8
        if vr not in _LONG_VRS:
            raise _StoppedError("MALFORMED_DICOM", "an element has no known value representation", offset=position)
        if position + 12 > level.limit:
            raise _StoppedError("TRUNCATED_FILE", "the data set ends in the middle of an element", offset=position)
        return vr, int(self._long(self._body, position + 8)[0]), position + 12

    def _visit_undefined(self, tag: int, vr: bytes | None, value: int, level: _Level) -> int:
        if tag == PIXEL_DATA and vr in (b"OB", b"OW"):
            return self._visit_fragments(value, level)
        if vr not in (None, b"SQ", b"UN") or (vr == b"UN" and not self._encoding.little_endian):
            raise _StoppedError("MALFORMED_DICOM", "an element that is no sequence has no length", offset=value)
        self._open(value, _UNDEFINED, level, holds_items=True, implicit=level.implicit or vr == b"UN")
        return value

    def _visit_fragments(self, value: int, level: _Level) -> int:
        fragments: list[tuple[int, int]] = []
        position = value
        while True:
            self._visited += 1
            if position + 8 > level.limit or self._visited > self._limits.elements:
                self._stop_beyond_end(PIXEL_DATA, _UNDEFINED, level.limit - value)
            group, element = self._tag(self._body, position)
            (length,) = self._long(self._body, position + 4)
            position += 8
            if (group << 16 | element) == _SEQUENCE_END:
                break
            if (group << 16 | element) != _ITEM:
                raise _StoppedError(
                    "MALFORMED_DICOM", "pixel data holds something that is no fragment", offset=position
                )
            if position + length > level.limit:
                self._stop_beyond_end(PIXEL_DATA, length, level.limit - position)
            fragments.append((position, length))
            position += length
        if len(self._levels) == 1:
            self._place_pixels(PixelPlace(offset=value, length=position - value, fragments=tuple(fragments)))
        return position

    def _open(self, value: int, length: int, level: _Level, *, holds_items: bool, implicit: bool) -> None:
        if len(self._levels) // 2 >= self._limits.nesting:
            raise _StoppedError(
                "NESTED_TOO_DEEP",
                f"sequences nested more than {self._limits.nesting} deep",
                limit=self._limits.nesting,
            )
        end = _OPEN_ENDED if length == _UNDEFINED else value + length
        if end > level.limit:
            self._stop_beyond_end(0, length, level.limit - value)
        limit = level.limit if end == _OPEN_ENDED else end
        self._levels.append(_Level(end, limit, holds_items, implicit))

    def _keep(self, tag: int, vr: bytes | None, value: int, length: int) -> None:
        key = BaseTag(tag)
        if key in self.found.elements:
            raise _StoppedError("MALFORMED_DICOM", f"element {key} is there twice", offset=value)
        if length > self._limits.wanted_value_bytes:
            raise _StoppedError("MALFORMED_DICOM", f"element {key} has {length} bytes", length_bytes=length)
        self.found.elements[key] = RawDataElement(
            key,
            vr.decode("ascii") if vr is not None else None,
            length,
            self._body[value : value + length],
            value,
            vr is None,
            self._encoding.little_endian,
        )

    def _place_pixels(self, place: PixelPlace) -> None:
        if self.found.pixels is not None:
            raise _StoppedError("MALFORMED_DICOM", "pixel data is there twice", offset=place.offset)
        self.found.pixels = place

    def _stop_beyond_end(self, tag: int, claimed: int, left: int) -> None:
        if tag == PIXEL_DATA and claimed == _UNDEFINED:
            raise _StoppedError(
                "TRUNCATED_PIXEL_DATA", f"pixel data has no end within its {left} bytes", found_bytes=left
            )
        what = "pixel data" if tag == PIXEL_DATA else "an element"
        raise _StoppedError(
            "TRUNCATED_PIXEL_DATA" if tag == PIXEL_DATA else "TRUNCATED_FILE",
            f"{what} claims {claimed} bytes where {left} are left",
            claimed_bytes=claimed,
            found_bytes=left,
        )
