"""Anybody's RT Structure Set, as it is: tolerant of what is missing, exact about what is there.

Reading judges nothing but safety; `contour.dicom.rtstruct_lint` says what is wrong with what was read.

Reference: PS3.3 C.8.8.5, C.8.8.6, C.8.8.8.
"""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from io import BytesIO

import numpy as np
import pydicom
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.errors import BytesLengthException, InvalidDicomError
from pydicom.multival import MultiValue
from pydicom.tag import BaseTag
from pydicom.uid import RTStructureSetStorage

from contour.anatomy.marching import Floats
from contour.dicom.element_walk import WalkLimits
from contour.dicom.vetting import VettingLimits, vet_instance
from contour.errors import InputError

CLOSED_TYPES = frozenset({"CLOSED_PLANAR", "CLOSEDPLANAR_XOR"})
"""Contours that enclose something; points and open lines do not."""

_CONTOUR_IMAGES = BaseTag(0x30060016)
_GEOMETRIC_TYPE = BaseTag(0x30060042)
_NUMBER_OF_POINTS = BaseTag(0x30060046)
_CONTOUR_DATA = BaseTag(0x30060050)
_LIMITS = VettingLimits(structure=WalkLimits(elements=4_000_000))
_BACKSLASH = ord("\\")
_FARTHEST_MM = 1e6
_BROKEN = (
    AttributeError,
    BytesLengthException,
    InvalidDicomError,
    KeyError,
    LookupError,
    NotImplementedError,
    OSError,
    OverflowError,
    RecursionError,
    TypeError,
    ValueError,
)
"""What pydicom raises on bytes that are not what their type says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contour:
    """One contour as written.

    Args:
        geometric_type: Contour Geometric Type, empty where missing.
        points_xyz_mm: (n, 3) patient coordinates; empty where they could not be read.
        stated_points: Number of Contour Points, None where missing.
        referenced_sop_instance_uids: The images it says it lies on.
        longest_decimal_bytes: Length of its longest coordinate text.
        data_bytes: Length of its Contour Data.
        problem: Why the coordinates could not be read; empty where they could.
    """

    geometric_type: str
    points_xyz_mm: Floats
    stated_points: int | None
    referenced_sop_instance_uids: tuple[str, ...]
    longest_decimal_bytes: int
    data_bytes: int
    problem: str = ""

    @property
    def is_closed(self) -> bool:
        """True where the contour encloses an area: a closed type with three points or more."""
        return self.geometric_type in CLOSED_TYPES and self.points_xyz_mm.shape[0] >= 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Roi:
    """One region of interest, gathered from the three sequences that describe it.

    `listed`, `contoured` and `observed` say in which of Structure Set ROI, ROI Contour and RT ROI Observations its
    number occurs. Text is empty, and colour None, where the attribute is missing.
    """

    number: int
    name: str
    interpreted_type: str
    generation: str
    frame_of_reference_uid: str
    colour_rgb: tuple[int, int, int] | None
    contours: tuple[Contour, ...]
    listed: bool
    contoured: bool
    observed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class StructureSet:
    """One RT Structure Set; patient attributes are left out but for the header that comparisons need."""

    sop_instance_uid: str
    study_instance_uid: str
    series_instance_uid: str
    transfer_syntax_uid: str
    label: str
    approval_status: str
    frame_of_reference_uids: tuple[str, ...]
    referenced_series_uids: tuple[str, ...]
    referenced_sop_instance_uids: frozenset[str]
    rois: tuple[Roi, ...]
    repeated_roi_numbers: tuple[int, ...]
    patient_id: str = field(default="", repr=False)


def read_rtstruct(data: bytes) -> StructureSet:
    """What a structure set file says.

    Args:
        data: A whole DICOM file in any transfer syntax.

    Raises:
        InputError: what `contour.dicom.vetting.vet_instance` refuses; NOT_RTSTRUCT for another kind of object;
            MALFORMED_RTSTRUCT where an attribute cannot be converted at all.
    """
    summary = vet_instance(data, limits=_LIMITS)
    if summary.sop_class_uid != RTStructureSetStorage:
        raise InputError(
            f"expected an RT Structure Set, found modality {summary.modality or 'unknown'}", reason="NOT_RTSTRUCT"
        )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pydicom's warnings quote values, which may name the patient
        try:
            dataset = pydicom.dcmread(BytesIO(data))
            return _structure_set(dataset, summary.transfer_syntax_uid)
        except _BROKEN as error:
            raise InputError(
                f"an attribute of the structure set cannot be read ({type(error).__name__})",
                reason="MALFORMED_RTSTRUCT",
            ) from None


def _structure_set(dataset: Dataset, transfer_syntax_uid: str) -> StructureSet:
    frames, series, images = _references(dataset)
    listed = dict(_numbered(dataset, "StructureSetROISequence", "ROINumber"))
    contoured: dict[int, list[Dataset]] = {}
    for number, item in _numbered(dataset, "ROIContourSequence", "ReferencedROINumber"):
        contoured.setdefault(number, []).append(item)
    observed = dict(_numbered(dataset, "RTROIObservationsSequence", "ReferencedROINumber"))
    numbers = Counter(number for number, _ in _numbered(dataset, "StructureSetROISequence", "ROINumber"))
    repeated = {number for number, times in numbers.items() if times > 1}
    repeated |= {number for number, items in contoured.items() if len(items) > 1}
    known_images: dict[bytes, tuple[str, ...]] = {}
    order = dict.fromkeys([*listed, *contoured, *observed])
    return StructureSet(
        sop_instance_uid=_text(dataset, "SOPInstanceUID"),
        study_instance_uid=_text(dataset, "StudyInstanceUID"),
        series_instance_uid=_text(dataset, "SeriesInstanceUID"),
        transfer_syntax_uid=transfer_syntax_uid,
        label=_text(dataset, "StructureSetLabel"),
        approval_status=_text(dataset, "ApprovalStatus"),
        frame_of_reference_uids=frames,
        referenced_series_uids=series,
        referenced_sop_instance_uids=images,
        rois=tuple(
            _roi(number, (listed.get(number), contoured.get(number, []), observed.get(number)), known_images)
            for number in order
        ),
        repeated_roi_numbers=tuple(sorted(repeated)),
        patient_id=_text(dataset, "PatientID"),
    )


def _references(dataset: Dataset) -> tuple[tuple[str, ...], tuple[str, ...], frozenset[str]]:
    frames: list[str] = []
    series: list[str] = []
    images: set[str] = set()
    for frame in _items(dataset, "ReferencedFrameOfReferenceSequence"):
        frames.append(_text(frame, "FrameOfReferenceUID"))
        for study in _items(frame, "RTReferencedStudySequence"):
            for one in _items(study, "RTReferencedSeriesSequence"):
                series.append(_text(one, "SeriesInstanceUID"))
                images.update(_text(i, "ReferencedSOPInstanceUID") for i in _items(one, "ContourImageSequence"))
    return tuple(frames), tuple(series), frozenset(images)


def _roi(
    number: int,
    parts: tuple[Dataset | None, list[Dataset], Dataset | None],
    images: dict[bytes, tuple[str, ...]],
) -> Roi:
    listed, contoured, observed = parts
    listing = Dataset() if listed is None else listed
    contours = tuple(_contour(item, images) for sequence in contoured for item in _items(sequence, "ContourSequence"))
    return Roi(
        number=number,
        name=_text(listing, "ROIName"),
        interpreted_type="" if observed is None else _text(observed, "RTROIInterpretedType"),
        generation=_text(listing, "ROIGenerationAlgorithm"),
        frame_of_reference_uid=_text(listing, "ReferencedFrameOfReferenceUID"),
        colour_rgb=_colour(contoured[0]) if contoured else None,
        contours=contours,
        listed=listed is not None,
        contoured=bool(contoured),
        observed=observed is not None,
    )


def _contour(item: Dataset, images: dict[bytes, tuple[str, ...]]) -> Contour:
    """One item, mostly from its raw bytes: a file holds thousands. `images` remembers references already read."""
    text = _raw(item, _CONTOUR_DATA)
    points, problem = _points(text)
    stated = _raw(item, _NUMBER_OF_POINTS).strip(b" \0")
    return Contour(
        geometric_type=_raw(item, _GEOMETRIC_TYPE).decode("ascii", errors="replace").strip(" \0"),
        points_xyz_mm=points,
        stated_points=int(stated) if stated else None,
        referenced_sop_instance_uids=_images(item, images),
        longest_decimal_bytes=_longest_decimal(text),
        data_bytes=len(text),
        problem=problem,
    )


def _images(item: Dataset, known: dict[bytes, tuple[str, ...]]) -> tuple[str, ...]:
    element = item.get_item(_CONTOUR_IMAGES) if _CONTOUR_IMAGES in item else None
    raw = element.value if isinstance(element, RawDataElement) else None
    if raw is not None and raw in known:
        return known[raw]
    uids = tuple(_text(image, "ReferencedSOPInstanceUID") for image in _items(item, "ContourImageSequence"))
    if raw is not None:
        known[raw] = uids
    return uids


def _raw(item: Dataset, tag: BaseTag) -> bytes:
    """An element's text as it stands in the file; empty where the element is missing."""
    if tag not in item:
        return b""
    element = item.get_item(tag)
    if isinstance(element, RawDataElement):
        return element.value or b""
    value = element.value
    parts = value if isinstance(value, (MultiValue, list)) else [value]
    return "\\".join("" if part is None else str(part) for part in parts).encode("ascii", errors="replace")


def _points(text: bytes) -> tuple[Floats, str]:
    """(n, 3) coordinates, and what is wrong with them."""
    none = np.zeros((0, 3))
    try:
        values = np.fromstring(text.rstrip(b" \0").decode("ascii"), dtype=np.float64, sep="\\")
    except ValueError:
        return none, "holds text that is not a number"
    if values.size % 3:
        return none, f"{values.size} numbers do not make points of three"
    if not bool((np.abs(values) < _FARTHEST_MM).all()):
        return none, "holds a coordinate that is no place"
    return values.reshape(-1, 3), ""


def _longest_decimal(text: bytes) -> int:
    if not text:
        return 0
    breaks = np.flatnonzero(np.frombuffer(text, dtype=np.uint8) == _BACKSLASH)
    lengths = np.diff(np.concatenate(([-1], breaks, [len(text.rstrip(b" \0"))]))) - 1
    return int(lengths.max())


def _colour(item: Dataset) -> tuple[int, int, int] | None:
    value = item.get("ROIDisplayColor")
    if not isinstance(value, (MultiValue, list)) or len(value) != 3:
        return None
    red, green, blue = (int(part) for part in value)
    return red, green, blue


def _items(dataset: Dataset, keyword: str) -> Iterator[Dataset]:
    yield from dataset.get(keyword) or ()


def _numbered(dataset: Dataset, sequence: str, keyword: str) -> Iterator[tuple[int, Dataset]]:
    for item in _items(dataset, sequence):
        number = _whole(item, keyword)
        yield (-1 if number is None else number), item


def _whole(dataset: Dataset, keyword: str) -> int | None:
    value = dataset.get(keyword)
    return None if value is None or value == "" else int(value)


def _text(dataset: Dataset, keyword: str) -> str:
    value = dataset.get(keyword)
    return "" if value is None else str(value).strip("\0 ")
