"""A dose grid as an RT Dose object.

Reference: PS3.3 A.18, C.8.8.3.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import numpy as np
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as DatasetSequence
from pydicom.uid import RTDoseStorage, RTPlanStorage, RTStructureSetStorage

from contour import __version__
from contour.dicom.ct_series import CtSeries
from contour.dicom.part10 import part_10_bytes
from contour.dicom.registration_header import decimal_matrix
from contour.dicom.rtdose_reader import read_rtdose
from contour.dicom.rtstruct_header import MANUFACTURER, patient_and_study
from contour.errors import InputError, UntrustworthyResultError
from registration.orientation import AxisOrder
from registration.volume import Volume

_COMMENT = "Research software."
_STEPS = 2**32 - 2
_LONGEST_TEXT = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class RtDoseSettings:
    """What a dose object says about itself.

    Args:
        now: Date and time of instance and series.
        uid_source: Gives a new UID at each call; first the SOP Instance UID, then the Series Instance UID.
        summation: Dose Summation Type.
        description: Plain text, at most 44 characters: what kind of dose this is. Goes to comment and series.
        plan_uid: SOP Instance UID of the RT Plan; a UID of the dose's own where there is none, because the standard
            asks for one.
        structure_set_uid: SOP Instance UID of the structure set it goes with, if any.
    """

    now: datetime
    uid_source: Callable[[], str]
    summation: Literal["PLAN", "FRACTION", "MULTI_PLAN"] = "PLAN"
    description: str = "Dose by contour-rt"
    plan_uid: str = ""
    structure_set_uid: str = ""


def write_rtdose(dose: Volume, series: CtSeries, settings: RtDoseSettings) -> bytes:
    """A complete DICOM file with 32-bit dose, read back and compared before it is handed out.

    Args:
        dose: Gray, not negative, in the series' frame of reference.
        series: Whose patient, study and frame of reference the dose belongs to.
        settings: What the object says.

    Raises:
        InputError: GRID_MISMATCH for a dose in another frame; BAD_DOSE for values below 0 or not finite.
        UntrustworthyResultError: DOSE_DRIFT where what was read back is not what was meant.
    """
    if dose.grid.frame_of_reference_uid != series.frame_of_reference_uid:
        raise InputError("the dose lies in another frame of reference than its CT", reason="GRID_MISMATCH")
    values = np.asarray(dose.values_zyx, dtype=np.float64)
    if not np.isfinite(values).all() or float(values.min()) < 0.0:
        raise InputError("a dose must be finite and not below 0 Gy", reason="BAD_DOSE")
    if dose.grid.handedness < 0:
        dose = AxisOrder(source=(0, 1, 2), reverse=(True, False, False)).apply_to_volume(dose)
    dataset = _header(series, settings)
    scaling = max(float(values.max()) / _STEPS, 1e-12)
    text = f"{scaling:.9e}"
    _add_grid(dataset, dose, float(text))
    dataset.DoseGridScaling = text
    data = part_10_bytes(dataset)
    _require_same(data, dose, float(text))
    return data


def _header(series: CtSeries, settings: RtDoseSettings) -> Dataset:
    dataset = patient_and_study(series.header)
    date, time = settings.now.strftime("%Y%m%d"), settings.now.strftime("%H%M%S")
    dataset.SOPClassUID = RTDoseStorage
    dataset.SOPInstanceUID = settings.uid_source()
    dataset.InstanceCreationDate = date
    dataset.InstanceCreationTime = time
    dataset.StudyInstanceUID = series.study_instance_uid
    dataset.Modality = "RTDOSE"
    dataset.SeriesInstanceUID = settings.uid_source()
    dataset.SeriesNumber = 1
    dataset.SeriesDate = date
    dataset.SeriesTime = time
    dataset.SeriesDescription = settings.description[:_LONGEST_TEXT]
    dataset.OperatorsName = ""
    dataset.Manufacturer = MANUFACTURER
    dataset.ManufacturerModelName = MANUFACTURER
    dataset.SoftwareVersions = __version__
    dataset.FrameOfReferenceUID = series.frame_of_reference_uid
    dataset.PositionReferenceIndicator = ""
    dataset.InstanceNumber = 1
    dataset.ContentDate = date
    dataset.ContentTime = time
    dataset.DoseUnits = "GY"
    dataset.DoseType = "PHYSICAL"
    dataset.DoseSummationType = settings.summation
    dataset.DoseComment = f"{settings.description}. {_COMMENT}"[:_LONGEST_TEXT]
    dataset.TissueHeterogeneityCorrection = ["IMAGE"]
    dataset.ReferencedRTPlanSequence = DatasetSequence(
        [_reference(RTPlanStorage, settings.plan_uid or settings.uid_source())]
    )
    if settings.structure_set_uid:
        dataset.ReferencedStructureSetSequence = DatasetSequence(
            [_reference(RTStructureSetStorage, settings.structure_set_uid)]
        )
    return dataset


def _add_grid(dataset: Dataset, dose: Volume, scaling: float) -> None:
    grid = dose.grid
    frames, rows, columns = grid.shape_zyx
    step_mm, row_mm, column_mm = grid.spacing_zyx_mm
    dataset.ImagePositionPatient = decimal_matrix(grid.origin_xyz_mm)
    dataset.ImageOrientationPatient = decimal_matrix((*grid.axes_xyz[2], *grid.axes_xyz[1]))
    dataset.PixelSpacing = decimal_matrix((row_mm, column_mm))
    dataset.SliceThickness = decimal_matrix((step_mm,))[0]
    dataset.GridFrameOffsetVector = decimal_matrix(step_mm * k for k in range(frames))
    dataset.FrameIncrementPointer = 0x3004000C
    dataset.NumberOfFrames = frames
    dataset.Rows, dataset.Columns = rows, columns
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.BitsAllocated = 32
    dataset.BitsStored = 32
    dataset.HighBit = 31
    dataset.PixelRepresentation = 0
    stored = np.rint(np.asarray(dose.values_zyx, dtype=np.float64) / scaling).clip(0, 2**32 - 1)
    dataset.PixelData = stored.astype("<u4").tobytes()


def _reference(sop_class_uid: str, sop_instance_uid: str) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID = sop_class_uid
    item.ReferencedSOPInstanceUID = sop_instance_uid
    return item


def _require_same(data: bytes, dose: Volume, scaling: float) -> None:
    found = read_rtdose(data).volume
    worst = float(np.abs(found.values_zyx - dose.values_zyx).max(initial=0.0))
    corner = np.asarray(dose.grid.shape_zyx, dtype=np.float64) - 1.0
    moved = float(np.abs(found.grid.to_point_xyz_mm(corner) - dose.grid.to_point_xyz_mm(corner)).max())
    largest = float(np.max(dose.values_zyx, initial=0.0))
    if worst > scaling + 1e-6 * largest or moved > 0.01:
        raise UntrustworthyResultError(
            f"the dose read back differs by {worst:.6f} Gy and {moved:.3f} mm", reason="DOSE_DRIFT"
        )
