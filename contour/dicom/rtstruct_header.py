"""Everything in a structure set that is not a contour: patient, study, references, who made it and when."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from datetime import datetime

from pydicom.charset import convert_encodings
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as DatasetSequence
from pydicom.uid import RTStructureSetStorage

from contour import __version__
from contour.anatomy.polygons import THINNING_MM
from contour.dicom.ct_series import CtSeries, SliceReference
from contour.errors import InputError

MANUFACTURER = "contour-rt"
MAX_LABEL_LENGTH = 16
_MAX_TEXT_LENGTH = 64
_DETACHED_STUDY_MANAGEMENT = "1.2.840.10008.3.1.2.3.1"
_DISCLAIMER = "Made by research software, not a medical device. Not for clinical use without review and approval."
_DISCLAIMER_APPROVED = "Made by research software, not a medical device. Reviewed and approved by the reviewer named."

_REQUIRED = (
    "PatientName",
    "PatientID",
    "PatientBirthDate",
    "PatientSex",
    "StudyDate",
    "StudyTime",
    "AccessionNumber",
    "ReferringPhysicianName",
    "StudyID",
    "PositionReferenceIndicator",
)
"""Type 2 of the Patient, General Study and Frame of Reference modules: there, empty where the CT says nothing."""

_OPTIONAL = (
    "SpecificCharacterSet",
    "TimezoneOffsetFromUTC",
    "IssuerOfPatientID",
    "OtherPatientIDsSequence",
    "PatientIdentityRemoved",
    "DeidentificationMethod",
    "DeidentificationMethodCodeSequence",
    "StudyDescription",
    "PatientAge",
    "PatientSize",
    "PatientWeight",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """Who approved a structure set and when (PS3.3 C.8.8.16).

    Args:
        reviewer: As a person name, 1 to 64 printable characters of any script.
        now: Date and time of the review.

    Raises:
        InputError: BAD_TEXT for a name that its attribute cannot hold.
    """

    reviewer: str
    now: datetime

    def __post_init__(self) -> None:
        name = self.reviewer
        if not 0 < len(name.strip()) <= len(name) <= _MAX_TEXT_LENGTH or not name.isprintable() or {*name} & {*"\\="}:
            raise InputError(
                f"a reviewer's name is 1 to {_MAX_TEXT_LENGTH} printable characters, found {len(name)}",
                reason="BAD_TEXT",
            )

    def attributes(self) -> Dataset:
        """The Approval module of an approved object."""
        module = Dataset()
        module.ApprovalStatus = "APPROVED"
        module.ReviewDate = self.now.strftime("%Y%m%d")
        module.ReviewTime = self.now.strftime("%H%M%S")
        module.ReviewerName = self.reviewer
        return module


@dataclass(frozen=True, slots=True, kw_only=True)
class StructureSetSettings:
    """What a structure set says about itself.

    Args:
        label: Structure Set Label, 1 to 16 characters.
        now: Written as the date and time of instance, series and structure set.
        uid_source: Gives a new UID at each call; first the SOP Instance UID, then the Series Instance UID.
        model: Which model drew the contours, at most 64 characters; goes to every ROI and to the software
            versions.
        series_description: At most 64 characters.
        predecessor_sop_instance_uid: The structure set that this one follows, where there is one.
        thinning_mm: How far thinning may move a contour.
        approval: Who approved it; None for a structure set that nobody has.

    Raises:
        InputError: BAD_LABEL or BAD_TEXT for text that its attribute cannot hold.
    """

    label: str
    now: datetime
    uid_source: Callable[[], str]
    model: str = ""
    series_description: str = "Contours by contour-rt"
    predecessor_sop_instance_uid: str | None = None
    thinning_mm: float = THINNING_MM
    approval: Approval | None = None

    def __post_init__(self) -> None:
        if not 0 < len(self.label.strip()) <= len(self.label) <= MAX_LABEL_LENGTH or not _is_plain(self.label):
            raise InputError(
                f"a structure set label is 1 to {MAX_LABEL_LENGTH} plain characters, found {len(self.label)}",
                reason="BAD_LABEL",
            )
        for text in (self.model, self.series_description):
            if len(text) > _MAX_TEXT_LENGTH or not _is_plain(text):
                raise InputError(
                    f"descriptions are at most {_MAX_TEXT_LENGTH} plain characters, found {len(text)}",
                    reason="BAD_TEXT",
                )


def structure_set_header(series: CtSeries, settings: StructureSetSettings) -> Dataset:
    """Every attribute up to the ROIs, in a dataset ready to write."""
    header = patient_and_study(series.header)
    date, time = settings.now.strftime("%Y%m%d"), settings.now.strftime("%H%M%S")
    header.SOPClassUID = RTStructureSetStorage
    header.SOPInstanceUID = settings.uid_source()
    header.InstanceCreationDate = date
    header.InstanceCreationTime = time
    header.StudyInstanceUID = series.study_instance_uid
    header.Modality = "RTSTRUCT"
    header.SeriesInstanceUID = settings.uid_source()
    header.SeriesNumber = 1
    header.SeriesDate = date
    header.SeriesTime = time
    header.SeriesDescription = settings.series_description
    header.OperatorsName = ""
    header.InstanceNumber = 1
    header.Manufacturer = MANUFACTURER
    header.ManufacturerModelName = MANUFACTURER
    header.SoftwareVersions = [__version__, settings.model] if settings.model else __version__
    header.FrameOfReferenceUID = series.frame_of_reference_uid
    header.StructureSetLabel = settings.label
    header.StructureSetName = settings.label
    header.StructureSetDescription = _DISCLAIMER if settings.approval is None else _DISCLAIMER_APPROVED
    header.StructureSetDate = date
    header.StructureSetTime = time
    if settings.predecessor_sop_instance_uid is not None:
        before = Dataset()
        before.ReferencedSOPClassUID = RTStructureSetStorage
        before.ReferencedSOPInstanceUID = settings.predecessor_sop_instance_uid
        header.PredecessorStructureSetSequence = DatasetSequence([before])
    header.ReferencedFrameOfReferenceSequence = DatasetSequence([_references(series)])
    return header


def patient_and_study(ct_header: Dataset) -> Dataset:
    """Attributes of the Patient, General Study and Frame of Reference modules, in a character set that holds them."""
    header = Dataset()
    for keyword in _REQUIRED + _OPTIONAL:
        if keyword in ct_header:
            header[keyword] = deepcopy(ct_header[keyword])
        elif keyword in _REQUIRED:
            setattr(header, keyword, "")
    if not _encodable(header):
        header.SpecificCharacterSet = "ISO_IR 192"
    return header


def _encodable(header: Dataset) -> bool:
    """True where the declared character set holds every text; what several sets share out is left to pydicom."""
    encodings = convert_encodings(header.get("SpecificCharacterSet"))
    if len(encodings) != 1:
        return True
    try:
        for element in header:
            if isinstance(element, DataElement) and element.VR in {"PN", "LO", "SH", "LT", "ST", "UT", "UC"}:
                str(element.value).encode(encodings[0])
    except UnicodeEncodeError:
        return False
    return True


def _references(series: CtSeries) -> Dataset:
    images = Dataset()
    images.SeriesInstanceUID = series.series_instance_uid
    images.ContourImageSequence = DatasetSequence(_image(reference) for reference in series.slices)
    study = Dataset()
    study.ReferencedSOPClassUID = _DETACHED_STUDY_MANAGEMENT
    study.ReferencedSOPInstanceUID = series.study_instance_uid
    study.RTReferencedSeriesSequence = DatasetSequence([images])
    frame = Dataset()
    frame.FrameOfReferenceUID = series.frame_of_reference_uid
    frame.RTReferencedStudySequence = DatasetSequence([study])
    return frame


def _image(reference: SliceReference) -> Dataset:
    image = Dataset()
    image.ReferencedSOPClassUID = reference.sop_class_uid
    image.ReferencedSOPInstanceUID = reference.sop_instance_uid
    return image


def _is_plain(text: str) -> bool:
    return text.isascii() and text.isprintable() and "\\" not in text
