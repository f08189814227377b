"""Which scanner took a CT and on which day, told without repeating what its header says.

A header's free text may hold anything, and what is told here becomes a label of a metric. So a scanner is known by a
hash of what its header says of it; a site's configuration gives the hash a name.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import date

from pydicom.datadict import tag_for_keyword
from pydicom.dataelem import RawDataElement
from pydicom.tag import BaseTag

_DEVICE = ("Manufacturer", "ManufacturerModelName", "StationName", "DeviceSerialNumber")
_DAYS = ("AcquisitionDate", "SeriesDate", "ContentDate", "StudyDate")
_TAGS = {keyword: BaseTag(tag_for_keyword(keyword) or 0) for keyword in (*_DEVICE, *_DAYS)}
_HASH_DIGITS = 10

SCANNER_TAGS = frozenset(int(tag) for tag in _TAGS.values())
"""What has to be kept of an instance for `read_scanner`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scanner:
    """What took a scan, and when.

    Args:
        device: `ct-` and ten hexadecimal digits, the same for the same maker, model, station and serial number; ""
            where the header says nothing of them.
        day: Of the acquisition; None where the header has no date that is one.
    """

    device: str = ""
    day: date | None = None


def read_scanner(elements: dict[BaseTag, RawDataElement]) -> Scanner:
    """The scanner of one instance; never fails, since nothing about geometry hangs on it.

    References:
        DICOM PS3.3 C.7.5.1 (General Equipment), C.7.6.1 (Acquisition Date).
    """
    told = [_bytes(elements, keyword) for keyword in _DEVICE]
    digits = hashlib.sha256(b"\0".join(told)).hexdigest()[:_HASH_DIGITS]
    days = (_day(_bytes(elements, keyword)) for keyword in _DAYS)
    return Scanner(
        device=f"ct-{digits}" if any(told) else "", day=next((found for found in days if found is not None), None)
    )


def _bytes(elements: dict[BaseTag, RawDataElement], keyword: str) -> bytes:
    raw = elements.get(_TAGS[keyword])
    value = b"" if raw is None else raw.value
    return value.strip(b" \0") if isinstance(value, bytes) else b""


def _day(text: bytes) -> date | None:
    """A DICOM date, YYYYMMDD, or ACR-NEMA's YYYY.MM.DD."""
    digits = text.replace(b".", b"")
    if len(digits) != 8 or not digits.isdigit():
        return None
    try:
        return date(int(digits[:4]), int(digits[4:6]), int(digits[6:]))
    except ValueError:
        return None
