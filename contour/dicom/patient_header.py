"""The patient, study and frame-of-reference attributes that a structure set repeats from its CT."""

from __future__ import annotations

import warnings

from pydicom.charset import convert_encodings
from pydicom.datadict import tag_for_keyword
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.tag import BaseTag

from contour.errors import InputError

_CHARACTER_SET = 0x00080005
_TYPE_2 = (
    "PatientName",
    "PatientID",
    "PatientBirthDate",
    "PatientSex",
    "StudyDate",
    "StudyTime",
    "StudyID",
    "AccessionNumber",
    "ReferringPhysicianName",
    "PositionReferenceIndicator",
)
_OPTIONAL = (
    "IssuerOfPatientID",
    "PatientAge",
    "PatientSize",
    "PatientWeight",
    "StudyDescription",
)
_TAGS = {keyword: BaseTag(tag_for_keyword(keyword) or 0) for keyword in (*_TYPE_2, *_OPTIONAL)}

HEADER_TAGS = frozenset({int(tag) for tag in _TAGS.values()} | {_CHARACTER_SET})
"""What has to be kept of an instance for `structure_set_header`."""


def structure_set_header(
    elements: dict[BaseTag, RawDataElement], *, study_instance_uid: str, frame_of_reference_uid: str
) -> Dataset:
    """Attributes for a structure set of the same patient and study; type 2 ones are there even if empty.

    Texts are decoded with the CT's own character set; the header says ISO_IR 100 where ASCII suffices and
    ISO_IR 192 (UTF-8) otherwise, so that it can be written as it is.

    Raises:
        InputError: BAD_ATTRIBUTE where an attribute cannot be converted; the message names it without its value.

    References:
        DICOM PS3.3 C.7.1.1 (patient), C.7.2.1 (study), C.7.4.1 (frame of reference).
    """
    source = Dataset({tag: raw for tag, raw in elements.items() if raw.value})
    header = Dataset()
    texts: list[str] = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pydicom's warnings quote the value, which names the patient
        source.set_original_encoding(None, None, _encodings(source))
        for keyword, tag in _TAGS.items():
            text = _converted(source, keyword, tag)
            if text or keyword in _TYPE_2:
                setattr(header, keyword, text)
                texts.append(text)
        header.SpecificCharacterSet = "ISO_IR 100" if "".join(texts).isascii() else "ISO_IR 192"
    header.StudyInstanceUID = study_instance_uid
    header.FrameOfReferenceUID = frame_of_reference_uid
    return header


def _encodings(source: Dataset) -> list[str]:
    value = source.get("SpecificCharacterSet") or "ISO_IR 6"
    return convert_encodings(value if isinstance(value, str) else list(value))


def _converted(source: Dataset, keyword: str, tag: BaseTag) -> str:
    if tag not in source:
        return ""
    try:
        return str(source[tag].value).strip("\0 ")
    except (ValueError, TypeError, LookupError, AttributeError, NotImplementedError, OverflowError):
        raise InputError(f"{keyword} cannot be read", reason="BAD_ATTRIBUTE") from None
