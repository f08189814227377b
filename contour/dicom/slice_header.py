"""What one CT instance says about its slice, as plain numbers."""

from __future__ import annotations

import math
import zlib
from dataclasses import dataclass, field

from pydicom.datadict import tag_for_keyword
from pydicom.dataelem import RawDataElement
from pydicom.tag import BaseTag

from contour.dicom.element_walk import PixelPlace
from contour.dicom.instances import InstanceSource
from contour.dicom.patient_header import HEADER_TAGS
from contour.dicom.scanner_header import SCANNER_TAGS
from contour.dicom.vetting import ExaminedInstance, InstanceSummary
from contour.errors import InputError
from registration.grid import Triple

Cosines = tuple[Triple, Triple]


def _tag(keyword: str) -> int:
    tag = tag_for_keyword(keyword)
    if tag is None:
        raise KeyError(keyword)
    return tag


_NUMBERS = {
    keyword: _tag(keyword)
    for keyword in (
        "ImagePositionPatient",
        "ImageOrientationPatient",
        "PixelSpacing",
        "RescaleSlope",
        "RescaleIntercept",
        "GantryDetectorTilt",
        "NumberOfFrames",
    )
}
_SHORTS = {
    keyword: _tag(keyword)
    for keyword in (
        "Rows",
        "Columns",
        "SamplesPerPixel",
        "BitsAllocated",
        "BitsStored",
        "HighBit",
        "PixelRepresentation",
    )
}
_TEXTS = {keyword: _tag(keyword) for keyword in ("ImageType", "PatientPosition", "RescaleType", "FrameOfReferenceUID")}
_ALL_TAGS = {**_NUMBERS, **_SHORTS, **_TEXTS}
_PATIENT_TAGS = (_tag("PatientID"), _tag("PatientName"), _tag("PatientBirthDate"))

_KEPT_TAGS = HEADER_TAGS | SCANNER_TAGS
SLICE_TAGS = frozenset(_ALL_TAGS.values()) | _KEPT_TAGS
"""What `examine_instance` has to keep for `parse_slice_header`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredFormat:
    """How the stored values of a slice are written and what they mean in HU."""

    rows: int
    columns: int
    bits_stored: int
    signed: bool
    little_endian: bool
    transfer_syntax_uid: str
    slope: float
    intercept_hu: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SliceHeader:
    """One slice: where it is, how it is stored, and where its bytes come from.

    `cosines_xyz` holds the direction along a row (increasing column), then along a column (increasing row).
    `head_checksum` covers the bytes before the pixel data: a file that changes between the two passes is noticed.
    """

    source: InstanceSource
    summary: InstanceSummary
    frame_of_reference_uid: str
    origin_xyz_mm: Triple
    cosines_xyz: Cosines
    spacing_yx_mm: tuple[float, float]
    stored: StoredFormat
    pixels: PixelPlace
    head_checksum: int
    patient_position: str
    gantry_tilt_deg: float
    patient: tuple[bytes, ...] = field(repr=False)
    elements: dict[BaseTag, RawDataElement] = field(repr=False)


def image_type(examined: ExaminedInstance) -> tuple[str, ...]:
    """The values of Image Type, empty if there are none."""
    return tuple(_text(examined, "ImageType").split("\\"))


def is_placed(examined: ExaminedInstance) -> bool:
    """True where the instance has a position in the patient, as a slice does."""
    return bool(_text(examined, "ImagePositionPatient"))


def frame_count(examined: ExaminedInstance) -> int:
    """Number of Frames; 1 where it is absent, as it is in CT Image Storage."""
    text = _text(examined, "NumberOfFrames")
    return int(text) if text.isdecimal() else 1


def parse_slice_header(examined: ExaminedInstance, source: InstanceSource, checksum: int) -> SliceHeader:
    """The slice header of a vetted CT instance.

    Raises:
        InputError: MISSING_ATTRIBUTE, BAD_ATTRIBUTE, UNSUPPORTED_PIXEL_FORMAT, NOT_HOUNSFIELD_UNITS, or
            TRUNCATED_PIXEL_DATA where there is no pixel data at all.

    References:
        DICOM PS3.3 C.7.6.2.1.1 (image plane), C.7.6.3 (image pixel), C.8.2.1 (CT image).
    """
    position = _numbers(examined, "ImagePositionPatient", 3)
    cosines = _numbers(examined, "ImageOrientationPatient", 6)
    spacing = _numbers(examined, "PixelSpacing", 2)
    tilt = _numbers(examined, "GantryDetectorTilt", 1)[0] if _text(examined, "GantryDetectorTilt") else 0.0
    if min(spacing) <= 0:
        raise InputError(f"PixelSpacing is {spacing}, expected positive millimetres", reason="BAD_ATTRIBUTE")
    if examined.pixels is None:
        raise InputError("there is no pixel data", reason="TRUNCATED_PIXEL_DATA")
    return SliceHeader(
        source=source,
        summary=examined.summary,
        frame_of_reference_uid=_text(examined, "FrameOfReferenceUID"),
        origin_xyz_mm=(position[0], position[1], position[2]),
        cosines_xyz=((cosines[0], cosines[1], cosines[2]), (cosines[3], cosines[4], cosines[5])),
        spacing_yx_mm=(spacing[0], spacing[1]),
        stored=_stored_format(examined),
        pixels=examined.pixels,
        head_checksum=checksum,
        patient_position=_text(examined, "PatientPosition"),
        gantry_tilt_deg=tilt,
        patient=tuple(_value(examined, tag).strip(b"\0 ") for tag in _PATIENT_TAGS),
        elements={tag: raw for tag, raw in examined.elements.items() if tag in _KEPT_TAGS},
    )


def head_checksum(data: bytes, pixels: PixelPlace | None, *, deflated: bool) -> int:
    """CRC-32 of what stands before the pixel data; of everything where the data set is deflated."""
    end = len(data) if deflated or pixels is None else pixels.offset
    return zlib.crc32(memoryview(data)[:end])


def _stored_format(examined: ExaminedInstance) -> StoredFormat:
    shorts = {keyword: _short(examined, keyword) for keyword in _SHORTS}
    found = (shorts["SamplesPerPixel"], shorts["BitsAllocated"], shorts["HighBit"] - shorts["BitsStored"])
    if found != (1, 16, -1) or not 1 < shorts["BitsStored"] <= 16 or shorts["PixelRepresentation"] > 1:
        raise InputError(
            f"pixels of {shorts['SamplesPerPixel']} samples, {shorts['BitsAllocated']} bits allocated, "
            f"{shorts['BitsStored']} stored, high bit {shorts['HighBit']}; expected one sample in 16 bits",
            reason="UNSUPPORTED_PIXEL_FORMAT",
        )
    if min(shorts["Rows"], shorts["Columns"]) < 1:
        raise InputError(f"{shorts['Rows']} rows, {shorts['Columns']} columns", reason="BAD_ATTRIBUTE")
    unit = _text(examined, "RescaleType").upper()
    if unit not in ("", "HU", "HU_MOD", "US"):
        raise InputError("RescaleType says something else than Hounsfield units", reason="NOT_HOUNSFIELD_UNITS")
    slope = _numbers(examined, "RescaleSlope", 1)[0]
    if slope == 0:
        raise InputError("RescaleSlope is 0", reason="BAD_ATTRIBUTE")
    return StoredFormat(
        rows=shorts["Rows"],
        columns=shorts["Columns"],
        bits_stored=shorts["BitsStored"],
        signed=shorts["PixelRepresentation"] == 1,
        little_endian=examined.encoding.little_endian,
        transfer_syntax_uid=examined.summary.transfer_syntax_uid,
        slope=slope,
        intercept_hu=_numbers(examined, "RescaleIntercept", 1)[0],
    )


def _value(examined: ExaminedInstance, tag: int) -> bytes:
    raw = examined.elements.get(BaseTag(tag))
    return b"" if raw is None or raw.value is None else raw.value


def _text(examined: ExaminedInstance, keyword: str) -> str:
    return _value(examined, _ALL_TAGS[keyword]).decode("ascii", errors="replace").strip("\0 ")


def _short(examined: ExaminedInstance, keyword: str) -> int:
    value = _value(examined, _SHORTS[keyword])
    if len(value) != 2:
        raise InputError(f"{keyword} is missing", reason="MISSING_ATTRIBUTE")
    return int.from_bytes(value, "little" if examined.encoding.little_endian else "big")


def _numbers(examined: ExaminedInstance, keyword: str, count: int) -> tuple[float, ...]:
    text = _text(examined, keyword)
    if not text:
        raise InputError(f"{keyword} is missing", reason="MISSING_ATTRIBUTE")
    try:
        values = tuple(float(part) for part in text.split("\\"))
    except ValueError:
        raise InputError(f"{keyword} is not made of numbers", reason="BAD_ATTRIBUTE") from None
    if len(values) != count or not all(math.isfinite(value) for value in values):
        raise InputError(f"{keyword} has {len(values)} values, expected {count} finite ones", reason="BAD_ATTRIBUTE")
    return values
