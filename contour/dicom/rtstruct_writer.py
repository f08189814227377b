"""Structures on a CT to a DICOM RT Structure Set.

The file is always Implicit VR Little Endian: a contour's text may be longer than the 65,534 bytes that an explicit
DS element can hold, and every DICOM reader has to know this syntax (PS3.5 10.1). Why, and what follows:
ops/decisions/rtstruct-is-implicit-vr.md.

Reference: PS3.3 A.19, C.8.8.5, C.8.8.6, C.8.8.8.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from io import BytesIO
from itertools import count

import numpy as np
from pydicom.charset import convert_encodings
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filebase import DicomFileLike
from pydicom.filewriter import write_dataset, write_file_meta_info
from pydicom.sequence import Sequence as DatasetSequence
from pydicom.uid import UID, ImplicitVRLittleEndian, RTStructureSetStorage

from contour.anatomy.names import MAX_NAME_LENGTH, StructureType, describe_structure
from contour.anatomy.polygons import trace_polygons
from contour.anatomy.structures import Structure
from contour.dicom.contour_items import WrittenContour, roi_contour_item, roi_contour_sequence, written_contours
from contour.dicom.ct_series import CtSeries
from contour.dicom.rtstruct_header import Approval, StructureSetSettings, structure_set_header
from contour.dicom.uids import derive_uid
from contour.errors import Finding, InputError

__all__ = ["IMPLEMENTATION_CLASS_UID", "Approval", "StructureSetSettings", "build_rtstruct", "leave_out_empty"]

IMPLEMENTATION_CLASS_UID = UID(derive_uid("contour-rt", "implementation"))
_IMPLEMENTATION_VERSION_NAME = "CONTOUR_RT"
_POSITION_TOLERANCE_MM = 0.01
_MAX_DESCRIPTION_LENGTH = 1024
"""Of the value representation ST, PS3.5 6.2."""
_MAX_OWN_NAME_LENGTH = 64
"""Of the value representation LO: what another system may have called its ROI."""
_MAX_OBSERVATION_LABEL_LENGTH = 16
_UTF_8 = "ISO_IR 192"


def build_rtstruct(
    series: CtSeries,
    structures: Sequence[Structure],
    settings: StructureSetSettings,
    *,
    kept: Mapping[str, Sequence[WrittenContour]] | None = None,
) -> bytes:
    """A complete DICOM file with one ROI per structure, numbered from 1 in the order given.

    Names are mapped to TG-263 where an alias is known; a structure that was another system's ROI (`Structure.roi`)
    keeps that one's number, name, colour and type. Contours lie at the slices' true positions and enclose what
    the voxels fill (`contour.anatomy.polygons.trace_polygons`). The first UID drawn from `settings.uid_source` is
    the SOP Instance UID, the second the Series Instance UID.

    `kept` holds, by the structure's name, contours of another structure set that are to be written again as they
    were; of such a structure only the slices that none of them lies on are traced.

    Raises:
        InputError: NO_STRUCTURES; EMPTY_STRUCTURE (see `leave_out_empty`); BAD_ROI_NAME and DUPLICATE_ROI_NAME for
            names that TG-263's 16 characters (64 of any script for another system's ROI) cannot hold or that differ by
            case only, or numbers used twice; BAD_TEXT for a description
            that its attribute cannot hold; GRID_MISMATCH for a structure on another grid than the series'.
    """
    kinds = _checked(series, structures)
    numbers = roi_numbers(structures)
    items: list[bytes] = []
    for number, structure, kind in zip(numbers, structures, kinds, strict=True):
        written = _contours(structure, (kept or {}).get(structure.name, ()), series, settings)
        items.append(roi_contour_item(number, kind.colour_rgb, written, series))
    header = structure_set_header(series, settings)
    if not all(kind.name.isascii() for kind in kinds) or not _approver(settings).isascii():
        header.SpecificCharacterSet = _UTF_8
    header.StructureSetROISequence = DatasetSequence(
        _roi_item(number, structure, kind, series, settings)
        for number, structure, kind in zip(numbers, structures, kinds, strict=True)
    )
    trailer = Dataset()
    trailer.RTROIObservationsSequence = DatasetSequence(
        _observation_item(number, structure, kind)
        for number, structure, kind in zip(numbers, structures, kinds, strict=True)
    )
    if settings.approval is None:
        trailer.ApprovalStatus = "UNAPPROVED"
    else:
        trailer.update(settings.approval.attributes())
    return b"".join(
        (
            b"\0" * 128 + b"DICM",
            _file_meta(str(header.SOPInstanceUID)),
            _encoded(header),
            roi_contour_sequence(items),
            _encoded(trailer, header.get("SpecificCharacterSet")),
        )
    )


def _contours(
    structure: Structure, kept: Sequence[WrittenContour], series: CtSeries, settings: StructureSetSettings
) -> list[WrittenContour]:
    """Those that are kept, and what is traced of the other slices; in order of slices."""
    first = structure.lower_zyx[0]
    held = np.array([one.slice_z - first for one in kept], dtype=np.int64)
    held = held[(held >= 0) & (held < structure.mask_zyx.shape[0])]
    if held.size:
        mask = structure.mask_zyx.copy()
        mask[held] = False
        level = None if structure.membership_zyx is None else structure.membership_zyx.copy()
        if level is not None:
            level[held] = 0
        structure = replace(structure, mask_zyx=mask, membership_zyx=level)
    traced = written_contours(trace_polygons(structure, thinning_mm=settings.thinning_mm), series)
    return sorted((*kept, *traced), key=lambda one: one.slice_z)


def _approver(settings: StructureSetSettings) -> str:
    return "" if settings.approval is None else settings.approval.reviewer


def leave_out_empty(structures: Sequence[Structure]) -> tuple[tuple[Structure, ...], tuple[Finding, ...]]:
    """The structures that have voxels, and one finding per structure that has none."""
    findings = tuple(
        Finding(reason="EMPTY_STRUCTURE", message=f"{structure.name} has no voxel and is left out of the structure set")
        for structure in structures
        if structure.is_empty
    )
    return tuple(structure for structure in structures if not structure.is_empty), findings


def _checked(series: CtSeries, structures: Sequence[Structure]) -> list[StructureType]:
    if not structures:
        raise InputError("a structure set needs at least one structure, found none", reason="NO_STRUCTURES")
    kinds = [_kind_of(structure) for structure in structures]
    seen: set[str] = set()
    for structure, kind in zip(structures, kinds, strict=True):
        if structure.is_empty:
            raise InputError(f"{kind.name} has no voxel; a ROI needs a contour", reason="EMPTY_STRUCTURE")
        _require_writable_name(kind.name, own=structure.roi is not None)
        _require_plain(structure.description)
        if structure.roi is None and kind.name.casefold() in seen:
            raise InputError(f"two structures are called {kind.name}", reason="DUPLICATE_ROI_NAME")
        seen.add(kind.name.casefold())
        _require_same_grid(series, structure, kind.name)
    if len(set(roi_numbers(structures))) < len(structures):
        raise InputError("two structures have the same ROI number", reason="DUPLICATE_ROI_NAME")
    return kinds


def roi_numbers(structures: Sequence[Structure]) -> tuple[int, ...]:
    """Each structure's ROI Number: its own where it has one, else the next that is free, from 1."""
    taken = {structure.roi.number for structure in structures if structure.roi is not None}
    free = (number for number in count(1) if number not in taken)
    return tuple(next(free) if structure.roi is None else structure.roi.number for structure in structures)


def _kind_of(structure: Structure) -> StructureType:
    roi = structure.roi
    if roi is None:
        return describe_structure(structure.name)
    return StructureType(name=roi.name, interpreted_type=roi.interpreted_type, colour_rgb=roi.colour_rgb)


def _require_writable_name(name: str, *, own: bool) -> None:
    """16 plain characters, or for another system's ROI 64 printable ones of any script but a backslash."""
    longest = _MAX_OWN_NAME_LENGTH if own else MAX_NAME_LENGTH
    plain = name.isprintable() and "\\" not in name and (own or name.isascii())
    if not (0 < len(name) <= longest and plain):
        raise InputError(
            f"ROI names are 1 to {longest} {'printable' if own else 'ASCII'} characters, "
            f"found {len(name)}: {name[:64]!a}",
            reason="BAD_ROI_NAME",
        )


def _require_plain(description: str) -> None:
    """Printable ASCII needs no character set."""
    if len(description) > _MAX_DESCRIPTION_LENGTH or not (description.isascii() and description.isprintable()):
        raise InputError(
            f"a ROI's description is at most {_MAX_DESCRIPTION_LENGTH} plain characters, found {len(description)}",
            reason="BAD_TEXT",
        )


def _require_same_grid(series: CtSeries, structure: Structure, name: str) -> None:
    ours, theirs = series.grid, structure.grid
    if ours is theirs:
        return
    same = (
        ours.shape_zyx == theirs.shape_zyx
        and ours.frame_of_reference_uid == theirs.frame_of_reference_uid
        and np.allclose(ours.origin_xyz_mm, theirs.origin_xyz_mm, rtol=0, atol=_POSITION_TOLERANCE_MM)
        and np.allclose(
            ours.index_to_point * ours.shape_zyx, theirs.index_to_point * ours.shape_zyx, 0, _POSITION_TOLERANCE_MM
        )
    )
    if not same:
        raise InputError(f"{name} lies on another grid than the CT series", reason="GRID_MISMATCH")


def _roi_item(
    number: int, structure: Structure, kind: StructureType, series: CtSeries, settings: StructureSetSettings
) -> Dataset:
    item = Dataset()
    item.ROINumber = number
    item.ReferencedFrameOfReferenceUID = series.frame_of_reference_uid
    item.ROIName = kind.name
    if structure.description:
        item.ROIDescription = structure.description
    item.ROIGenerationAlgorithm = structure.generation
    if settings.model:
        item.ROIGenerationDescription = settings.model
    item.ROIVolume = f"{structure.volume_ml:.3f}"
    return item


def _observation_item(number: int, structure: Structure, kind: StructureType) -> Dataset:
    item = Dataset()
    item.ObservationNumber = number
    item.ReferencedROINumber = number
    if len(kind.name.encode()) <= _MAX_OBSERVATION_LABEL_LENGTH:
        item.ROIObservationLabel = kind.name
    if structure.description:
        item.ROIObservationDescription = structure.description
    item.RTROIInterpretedType = kind.interpreted_type
    item.ROIInterpreter = ""
    return item


def _file_meta(sop_instance_uid: str) -> bytes:
    meta = FileMetaDataset()
    meta.FileMetaInformationVersion = b"\0\1"
    meta.MediaStorageSOPClassUID = RTStructureSetStorage
    meta.MediaStorageSOPInstanceUID = UID(sop_instance_uid)
    meta.TransferSyntaxUID = ImplicitVRLittleEndian
    meta.ImplementationClassUID = IMPLEMENTATION_CLASS_UID
    meta.ImplementationVersionName = _IMPLEMENTATION_VERSION_NAME
    raw = BytesIO()
    write_file_meta_info(DicomFileLike(raw), meta, enforce_standard=True)
    return raw.getvalue()


def _encoded(dataset: Dataset, character_set: str | list[str] | None = None) -> bytes:
    """The data set's bytes; texts in its own character set, or in the one that was given before it in the file."""
    raw = BytesIO()
    buffer = DicomFileLike(raw)
    buffer.is_little_endian = True
    buffer.is_implicit_VR = True
    write_dataset(buffer, dataset, parent_encoding=convert_encodings(character_set))
    return raw.getvalue()
