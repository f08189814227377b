"""Contoured patients as DICOM: a CT series and the structure set that was drawn on it, wherever in a folder they lie.

What is what is told by content, never by file name. The structure set says which CT series it belongs to; where that
leaves a doubt, or a contour does not lie on the CT, the case is refused by name and reason: a wrong contour teaches
worse than none.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from pydicom.uid import RTStructureSetStorage

from contour.anatomy.names import tg263_name
from contour.anatomy.structures import Structure
from contour.dicom.contour_placement import filling_polygons, place_contours, roi_to_structure
from contour.dicom.ct_reader import read_ct_folder, select_series
from contour.dicom.ct_series import CtSeries
from contour.dicom.inventory import FoundSeries, Inventory, scan_instances
from contour.dicom.rtstruct_reader import Roi, StructureSet, read_rtstruct
from contour.dicom.series_geometry import MINIMUM_SLICES
from contour.dicom.vetting import DEFAULT_LIMITS, examine_instance, is_part_10
from contour.errors import InputError
from contour.segmentation.spec import StructureSpec
from registration.volume import Volume

_HEAD_BYTES = 132
_PATIENTS_KEPT = 1
"""A case is asked for its CT and for each mask in turn."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DicomCase:
    """A folder, and all below it, with one patient's CT series and structure set.

    Reading raises InputError, its message naming the case: what `contour.dicom` refuses of a CT or a structure set;
    NO_STRUCTURE_SET, OTHER_SERIES, MULTIPLE_SERIES, SEVERAL_STRUCTURE_SETS, OTHER_PATIENT and WRONG_FRAME_OF_REFERENCE
    where the two do not make one pair; DUPLICATE_ROI_NAME, OFF_SLICE and SLICES_SKIPPED for a ROI whose voxels are
    in doubt.
    """

    name: str
    folder: Path

    def read_ct(self) -> Volume:
        """The CT in HU on its own grid."""
        return self._patient().series.volume

    def read_mask(self, structure: StructureSpec) -> Volume | None:
        """The structure, or all that it is trained from put together, as booleans on the CT's grid."""
        patient = self._patient()
        inside = np.zeros(patient.series.grid.shape_zyx, dtype=np.bool_)
        try:
            for name in structure.trained_from:
                for part in _drawn(patient, name):
                    inside |= part.full_mask_zyx()
        except InputError as error:
            raise self._named(error) from None
        return Volume(grid=patient.series.grid, values_zyx=inside) if inside.any() else None

    def fingerprint(self) -> str:
        """Sizes of the files and when they were written."""
        found = [(path, path.stat()) for path in _files(self.folder)]
        return repr([(str(p.relative_to(self.folder)), stat.st_size, stat.st_mtime_ns) for p, stat in found])

    def _patient(self) -> _Patient:
        try:
            return _read_patient(self.folder, self.fingerprint())
        except InputError as error:
            raise self._named(error) from None

    def _named(self, error: InputError) -> InputError:
        return InputError(f"case {self.name}: {error.message}", reason=error.reason)


def holds_dicom(folder: Path) -> bool:
    """True where any file in the folder or below it starts as DICOM files do."""
    return any(_starts_as_dicom(path) for path in _files(folder))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Patient:
    series: CtSeries
    rois: tuple[Roi, ...]


@lru_cache(maxsize=_PATIENTS_KEPT)
def _read_patient(folder: Path, _fingerprint: str) -> _Patient:
    inventory = scan_instances([folder])
    found_series, structure_set = _pair(inventory, list(_structure_sets(folder)))
    series = read_ct_folder(folder, series_instance_uid=found_series.series_instance_uid)
    patient_id = str(series.header.get("PatientID") or "").strip()
    if structure_set.patient_id and patient_id and structure_set.patient_id != patient_id:
        raise InputError("the structure set's Patient ID is not the CT's", reason="OTHER_PATIENT")
    _require_frame(series, structure_set.frame_of_reference_uids, "the structure set")
    return _Patient(series=series, rois=tuple(roi for roi in structure_set.rois if roi.listed))


def _pair(inventory: Inventory, structure_sets: Sequence[StructureSet]) -> tuple[FoundSeries, StructureSet]:
    """The one structure set that was drawn on one of the series."""
    large = [series for series in inventory.series if series.instances >= MINIMUM_SLICES]
    candidates = large or [select_series(inventory)]
    if not structure_sets:
        raise InputError("no RT Structure Set beside the CT", reason="NO_STRUCTURE_SET")
    pairs = [(series, one) for one in structure_sets for series in candidates if _was_drawn_on(one, series)]
    if not pairs:
        raise InputError(
            f"none of {len(structure_sets)} structure sets was drawn on any of {len(candidates)} CT series",
            reason="OTHER_SERIES",
        )
    if len({series.series_instance_uid for series, _ in pairs}) > 1:
        raise InputError(
            f"structure sets were drawn on {len(pairs)} CT series, expected one series", reason="MULTIPLE_SERIES"
        )
    if len(pairs) > 1:
        raise InputError(
            f"{len(pairs)} structure sets were drawn on the CT, expected one", reason="SEVERAL_STRUCTURE_SETS"
        )
    return pairs[0]


def _was_drawn_on(structure_set: StructureSet, series: FoundSeries) -> bool:
    """By the series or the images that it names; by its frame of reference where it names neither."""
    images = set(structure_set.referenced_sop_instance_uids)
    images.update(uid for roi in structure_set.rois for c in roi.contours for uid in c.referenced_sop_instance_uids)
    named = {uid for uid in structure_set.referenced_series_uids if uid}
    if named or images:
        own = {header.summary.sop_instance_uid for header in series.headers}
        return series.series_instance_uid in named or bool(images & own)
    frames = {header.frame_of_reference_uid for header in series.headers}
    return bool(frames & {uid for uid in structure_set.frame_of_reference_uids if uid})


def _require_frame(series: CtSeries, frames: Sequence[str], what: str) -> None:
    stated = {uid for uid in frames if uid}
    if stated and series.frame_of_reference_uid not in stated:
        raise InputError(f"{what} lies in another frame of reference than the CT", reason="WRONG_FRAME_OF_REFERENCE")


def _structure_sets(folder: Path) -> Iterator[StructureSet]:
    for path in _files(folder):
        if _starts_as_dicom(path) and path.stat().st_size <= DEFAULT_LIMITS.instance_bytes:
            data = path.read_bytes()
            if examine_instance(data, wanted=frozenset()).summary.sop_class_uid == RTStructureSetStorage:
                yield read_rtstruct(data)


def _drawn(patient: _Patient, name: str) -> Iterator[Structure]:
    """The voxels of the ROI with that TG-263 name; none where it is missing or encloses nothing."""
    rois = [
        roi
        for roi in patient.rois
        if tg263_name(roi.name) == name and any(contour.is_closed for contour in roi.contours)
    ]
    if len(rois) > 1:
        raise InputError(f"{len(rois)} ROIs stand for {name}, expected one", reason="DUPLICATE_ROI_NAME")
    for roi in rois:
        _require_frame(patient.series, (roi.frame_of_reference_uid,), name)
        _require_every_slice(roi, name, patient.series)
        structure = roi_to_structure(roi, patient.series)
        if not structure.is_empty:
            yield structure


def _require_every_slice(roi: Roi, name: str, series: CtSeries) -> None:
    """Contours have to lie on the CT's slices, and a structure drawn on every other slice lacks half of itself."""
    placed = place_contours([contour for contour in roi.contours if contour.is_closed], series)
    off = int(np.count_nonzero(~placed.within))
    if off:
        raise InputError(f"{off} contours of {name} lie on no slice of the CT", reason="OFF_SLICE")
    steps = np.diff(np.unique(filling_polygons(placed).slice_z))
    if steps.size and np.median(steps) > 1:
        raise InputError(
            f"{name} is contoured on every {int(np.median(steps))}. slice only; fill the slices between first",
            reason="SLICES_SKIPPED",
        )


def _files(folder: Path) -> list[Path]:
    found = (Path(place, file) for place, _, files in os.walk(folder) for file in files)
    return sorted(path for path in found if path.is_file())


def _starts_as_dicom(path: Path) -> bool:
    with path.open("rb") as file:
        return is_part_10(file.read(_HEAD_BYTES))
