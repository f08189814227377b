"""First look at bytes from outside: is this a DICOM instance that may safely be parsed, stored and decoded?"""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field

from pydicom.dataelem import RawDataElement
from pydicom.tag import BaseTag
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian, ImplicitVRLittleEndian

from contour.dicom.element_walk import Encoding, PixelPlace, WalkedElements, WalkLimits, walk_elements
from contour.dicom.uids import derive_uid, is_uid
from contour.errors import Finding, InputError

_PREAMBLE_BYTES = 128
_MAGIC = b"DICM"
_META = Encoding(implicit_vr=False, little_endian=True)
_META_CLASS, _META_INSTANCE, _META_SYNTAX = 0x00020002, 0x00020003, 0x00020010
_CLASS, _INSTANCE, _MODALITY = 0x00080016, 0x00080018, 0x00080060
_STUDY, _SERIES, _FRAME = 0x0020000D, 0x0020000E, 0x00200052
_IDENTITY_TAGS = frozenset((_CLASS, _INSTANCE, _MODALITY, _STUDY, _SERIES, _FRAME))
_INFLATE_STEP_BYTES = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class VettingLimits:
    """What one instance may cost."""

    instance_bytes: int = 256 * 2**20
    inflated_bytes: int = 64 * 2**20
    structure: WalkLimits = field(default_factory=WalkLimits)


DEFAULT_LIMITS = VettingLimits()


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceSummary:
    """What an instance says it is; no patient data.

    `derived_uids` names the identifiers that came empty and were derived, the same way each time: from the file
    meta information (SOP class and instance) or from the frame of reference (study and series).
    """

    sop_class_uid: str
    sop_instance_uid: str
    series_instance_uid: str
    study_instance_uid: str
    modality: str
    transfer_syntax_uid: str
    size_bytes: int
    derived_uids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ExaminedInstance:
    """A vetted instance with the raw values that were asked for; `problem` says why it must not be used.

    `body` is the data set as it is walked: the file's own bytes, or the inflated ones.
    """

    summary: InstanceSummary
    elements: dict[BaseTag, RawDataElement] = field(repr=False)
    pixels: PixelPlace | None
    body: bytes = field(repr=False)
    encoding: Encoding
    problem: Finding | None = None


def vet_instance(data: bytes, *, limits: VettingLimits = DEFAULT_LIMITS) -> InstanceSummary:
    """What the instance is, once its structure is known to be bounded and whole.

    Nothing is decoded and no library parses it. Costs one pass over the element headers.

    Raises:
        InputError: NOT_DICOM, INSTANCE_TOO_LARGE, INFLATES_TOO_FAR, NESTED_TOO_DEEP, TOO_MANY_ELEMENTS,
            MALFORMED_DICOM, TRUNCATED_FILE, TRUNCATED_PIXEL_DATA, BAD_UID or MISSING_ATTRIBUTE.

    References:
        DICOM PS3.10 section 7 (file format), PS3.5 section 7 (data set) and section 9 (UIDs).
    """
    examined = examine_instance(data, wanted=frozenset(), limits=limits)
    if examined.problem is not None:
        raise InputError(examined.problem.message, reason=examined.problem.reason)
    return examined.summary


def is_part_10(head: bytes) -> bool:
    """True where the first 132 bytes are those of a DICOM file."""
    return head[_PREAMBLE_BYTES : _PREAMBLE_BYTES + len(_MAGIC)] == _MAGIC


def examine_instance(
    data: bytes, *, wanted: frozenset[int], limits: VettingLimits = DEFAULT_LIMITS
) -> ExaminedInstance:
    """The vetted instance, or as much as is known of it up to its problem."""
    if len(data) > limits.instance_bytes:
        return _unknown(data, "INSTANCE_TOO_LARGE", f"{len(data)} bytes, expected at most {limits.instance_bytes}")
    if not is_part_10(data[: _PREAMBLE_BYTES + len(_MAGIC)]):
        return _unknown(data, "NOT_DICOM", "not a DICOM file: no DICM after the preamble")
    meta = walk_elements(
        data,
        _PREAMBLE_BYTES + len(_MAGIC),
        _META,
        wanted=(_META_CLASS, _META_INSTANCE, _META_SYNTAX),
        limits=limits.structure,
        only_group=2,
    )
    if meta.problem is not None:
        return _unknown(data, meta.problem.reason, f"file meta information: {meta.problem.message}")
    syntax = _text(meta.elements.get(BaseTag(_META_SYNTAX)))
    if not is_uid(syntax):
        return _unknown(data, "MISSING_ATTRIBUTE", "no valid Transfer Syntax UID in the file meta information")
    body, start = data, meta.end
    if syntax == DeflatedExplicitVRLittleEndian:
        inflated = _inflate(data, meta.end, limits.inflated_bytes)
        if isinstance(inflated, Finding):
            return _unknown(data, inflated.reason, inflated.message)
        body, start = inflated, 0
    encoding = Encoding(implicit_vr=syntax == ImplicitVRLittleEndian, little_endian=syntax != ExplicitVRBigEndian)
    walked = walk_elements(body, start, encoding, wanted=wanted | _IDENTITY_TAGS, limits=limits.structure)
    summary, problem = _summarise(meta, walked, syntax, len(data))
    return ExaminedInstance(
        summary=summary,
        elements=walked.elements,
        pixels=walked.pixels,
        body=body,
        encoding=encoding,
        problem=walked.problem or problem,
    )


def _inflate(data: bytes, start: int, limit: int) -> bytes | Finding:
    """The inflated data set; stops as soon as it passes the limit, whatever is left of the input."""
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    parts: list[bytes] = []
    total = 0
    pending = data[start:]
    try:
        while not inflater.eof:
            part = inflater.decompress(pending, _INFLATE_STEP_BYTES)
            total += len(part)
            if not part and not inflater.unconsumed_tail:
                return Finding(reason="TRUNCATED_FILE", message="the deflated data set ends before its end")
            if total > limit:
                return Finding(
                    reason="INFLATES_TOO_FAR", message=f"{len(data)} deflated bytes grow beyond {limit} bytes"
                )
            parts.append(part)
            pending = inflater.unconsumed_tail
    except zlib.error:
        return Finding(reason="MALFORMED_DICOM", message="the deflated data set cannot be inflated")
    return b"".join(parts)


def _summarise(
    meta: WalkedElements, walked: WalkedElements, syntax: str, size_bytes: int
) -> tuple[InstanceSummary, Finding | None]:
    found = {tag: _text(walked.elements.get(BaseTag(tag))) for tag in _IDENTITY_TAGS}
    found_meta = {tag: _text(meta.elements.get(BaseTag(tag))) for tag in (_META_CLASS, _META_INSTANCE)}
    named = (
        ("SOPClassUID", found[_CLASS] or found_meta[_META_CLASS]),
        ("SOPInstanceUID", found[_INSTANCE] or found_meta[_META_INSTANCE]),
        ("FrameOfReferenceUID", found[_FRAME]),
        ("StudyInstanceUID", found[_STUDY]),
        ("SeriesInstanceUID", found[_SERIES]),
    )
    study = found[_STUDY] or derive_uid("came-empty", "study", found[_FRAME])
    series = found[_SERIES] or derive_uid("came-empty", "series", study, found[_FRAME])
    problem = None
    for keyword, uid in named:
        if uid and not is_uid(uid):
            problem = Finding(reason="BAD_UID", message=f"{keyword} is not made of digits and dots, 64 at most")
            break
    for keyword, uid in named[:2]:
        if not uid:
            problem = Finding(reason="MISSING_ATTRIBUTE", message=f"{keyword} is missing")
    tags = {
        "SOPClassUID": _CLASS,
        "SOPInstanceUID": _INSTANCE,
        "StudyInstanceUID": _STUDY,
        "SeriesInstanceUID": _SERIES,
    }
    summary = InstanceSummary(
        sop_class_uid=named[0][1],
        sop_instance_uid=named[1][1],
        series_instance_uid=series,
        study_instance_uid=study,
        modality=found[_MODALITY] if len(found[_MODALITY]) <= 16 and found[_MODALITY].isalnum() else "",
        transfer_syntax_uid=syntax,
        size_bytes=size_bytes,
        derived_uids=tuple(keyword for keyword, tag in tags.items() if not found[tag]),
    )
    return summary, problem


def _text(element: RawDataElement | None) -> str:
    if element is None or element.value is None:
        return ""
    return element.value.decode("ascii", errors="replace").strip("\0 ")


def _unknown(data: bytes, reason: str, message: str) -> ExaminedInstance:
    summary = InstanceSummary(
        sop_class_uid="",
        sop_instance_uid="",
        series_instance_uid="",
        study_instance_uid="",
        modality="",
        transfer_syntax_uid="",
        size_bytes=len(data),
    )
    return ExaminedInstance(
        summary=summary,
        elements={},
        pixels=None,
        body=b"",
        encoding=_META,
        problem=Finding(reason=reason, message=message),
    )
