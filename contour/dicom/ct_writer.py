"""Writes a volume as a CT series: phantoms, test patients and research data become DICOM here."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, CTImageStorage, ExplicitVRLittleEndian
from pydicom.valuerep import format_number_as_ds

import contour
from contour.dicom.uids import derive_uid, is_uid
from contour.errors import InputError
from registration.grid import Grid
from registration.volume import Volume

PatientPosition = Literal["HFS", "HFP", "FFS", "FFP", "HFDL", "HFDR", "FFDL", "FFDR"]

IMPLEMENTATION_CLASS_UID = UID(derive_uid("contour-rt", "implementation"))
_STORED_LIMITS = np.iinfo(np.int16)


@dataclass(frozen=True, slots=True, kw_only=True)
class CtIdentity:
    """Whose series it is, and what its header says beside the geometry.

    Args:
        seed: Study, series and instance UIDs are derived from it: same seed, same UIDs.
        patient_position: Written as given; the grid's axes alone say where the voxels are.
        acquired: Date and time of the study, series and content.
        rescale_slope: HU per stored step; the volume is rounded to it.
        rescale_intercept: HU of a stored zero.
        slice_thickness_mm: The attribute alone; the slice step when None.
    """

    seed: str
    patient_id: str = "CONTOUR-PHANTOM"
    patient_name: str = "Phantom^Contour"
    patient_birth_date: str = ""
    patient_sex: Literal["M", "F", "O", ""] = ""
    patient_position: PatientPosition = "HFS"
    study_id: str = "1"
    accession_number: str = ""
    referring_physician_name: str = ""
    study_description: str = ""
    series_description: str = ""
    series_number: int = 1
    acquired: datetime = datetime(2000, 1, 1, 12, 0, 0, tzinfo=UTC)
    rescale_slope: float = 1.0
    rescale_intercept: float = -1024.0
    slice_thickness_mm: float | None = None

    @property
    def study_instance_uid(self) -> str:
        """Derived from the seed."""
        return derive_uid(self.seed, "study")

    @property
    def series_instance_uid(self) -> str:
        """Derived from the seed and the series number."""
        return derive_uid(self.seed, "series", str(self.series_number))

    def sop_instance_uid(self, slice_index: int) -> str:
        """Derived from the seed, the series number and the slice's place."""
        return derive_uid(self.seed, "series", str(self.series_number), "instance", str(slice_index))


def write_ct_series(
    volume: Volume,
    folder: Path,
    identity: CtIdentity,
    *,
    slice_origins_xyz_mm: NDArray[np.float64] | None = None,
) -> list[Path]:
    """The files written, one CT Image Storage instance per slice, in the order of the grid's first axis.

    Args:
        volume: Hounsfield units on any grid: oblique, non-square, with slices running either way.
        folder: Made if it is not there.
        identity: Patient, study and series.
        slice_origins_xyz_mm: (slices, 3) where each slice's first voxel truly is; the grid's own positions if None.

    Raises:
        InputError: HU_OUT_OF_RANGE if a value does not fit 16 stored bits; BAD_UID if the grid's frame of
            reference is no UID; BAD_SHAPE if the origins do not match the slices.

    References:
        DICOM PS3.3 A.3 (CT Image IOD), C.7.6.2 (image plane), C.8.2.1 (CT image).
    """
    grid = volume.grid
    if not is_uid(grid.frame_of_reference_uid):
        raise InputError("frame of reference is not a UID of digits and dots", reason="BAD_UID")
    origins = _origins_xyz_mm(grid, slice_origins_xyz_mm)
    folder.mkdir(parents=True, exist_ok=True)
    dataset = _series_dataset(grid, identity)
    paths = []
    for index, (values_yx, origin) in enumerate(zip(volume.values_zyx, origins, strict=True)):
        uid = UID(identity.sop_instance_uid(index))
        dataset.file_meta.MediaStorageSOPInstanceUID = uid
        dataset.SOPInstanceUID = uid
        dataset.InstanceNumber = index + 1
        dataset.ImagePositionPatient = _decimals(origin)
        dataset.PixelData = _stored(values_yx, identity).astype("<i2").tobytes()
        path = folder / f"CT.{index + 1:04d}.dcm"
        dataset.save_as(path, enforce_file_format=True)
        paths.append(path)
    return paths


def _origins_xyz_mm(grid: Grid, given: NDArray[np.float64] | None) -> NDArray[np.float64]:
    slices = grid.shape_zyx[0]
    if given is None:
        index_zyx = np.zeros((slices, 3))
        index_zyx[:, 0] = np.arange(slices)
        return grid.to_point_xyz_mm(index_zyx)
    if given.shape != (slices, 3):
        raise InputError(f"slice origins of shape {given.shape}, expected {(slices, 3)}", reason="BAD_SHAPE")
    return given


def _stored(values_yx: NDArray[Any], identity: CtIdentity) -> NDArray[np.float64]:
    stored: NDArray[np.float64] = np.rint(
        (values_yx.astype(np.float64) - identity.rescale_intercept) / identity.rescale_slope
    )
    if stored.min() < _STORED_LIMITS.min or stored.max() > _STORED_LIMITS.max:
        raise InputError(
            f"HU from {values_yx.min()} to {values_yx.max()} do not fit 16 bits at slope {identity.rescale_slope} "
            f"and intercept {identity.rescale_intercept}",
            reason="HU_OUT_OF_RANGE",
        )
    return stored


def _decimals(values: NDArray[np.float64] | tuple[float, ...]) -> list[str]:
    """Decimal strings within DICOM's 16 bytes; a trace of rounding noise becomes 0."""
    return [format_number_as_ds(round(float(value), 12) + 0.0) for value in values]


def _series_dataset(grid: Grid, identity: CtIdentity) -> Dataset:
    """Everything that the slices share."""
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.MediaStorageSOPClassUID = CTImageStorage
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.file_meta.ImplementationClassUID = IMPLEMENTATION_CLASS_UID
    dataset.file_meta.ImplementationVersionName = f"CONTOUR_{contour.__version__}"[:16]
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.SOPClassUID = CTImageStorage
    _add_identity(dataset, identity)
    _add_geometry(dataset, grid, identity)
    _add_pixel_description(dataset, identity)
    return dataset


def _add_identity(dataset: Dataset, identity: CtIdentity) -> None:
    dataset.PatientName = identity.patient_name
    dataset.PatientID = identity.patient_id
    dataset.PatientBirthDate = identity.patient_birth_date
    dataset.PatientSex = identity.patient_sex
    dataset.StudyInstanceUID = identity.study_instance_uid
    dataset.StudyID = identity.study_id
    dataset.AccessionNumber = identity.accession_number
    dataset.ReferringPhysicianName = identity.referring_physician_name
    if identity.study_description:
        dataset.StudyDescription = identity.study_description
    dataset.SeriesInstanceUID = identity.series_instance_uid
    dataset.SeriesNumber = identity.series_number
    if identity.series_description:
        dataset.SeriesDescription = identity.series_description
    for event in ("Study", "Series", "Acquisition", "Content"):
        setattr(dataset, f"{event}Date", f"{identity.acquired:%Y%m%d}")
        setattr(dataset, f"{event}Time", f"{identity.acquired:%H%M%S}")
    dataset.Manufacturer = "contour-rt"
    dataset.ManufacturerModelName = "contour-rt"
    dataset.SoftwareVersions = contour.__version__


def _add_geometry(dataset: Dataset, grid: Grid, identity: CtIdentity) -> None:
    step_mm, row_mm, column_mm = grid.spacing_zyx_mm
    thickness_mm = step_mm if identity.slice_thickness_mm is None else identity.slice_thickness_mm
    dataset.PatientPosition = identity.patient_position
    dataset.FrameOfReferenceUID = grid.frame_of_reference_uid
    dataset.PositionReferenceIndicator = ""
    dataset.ImageOrientationPatient = _decimals((*grid.axes_xyz[2], *grid.axes_xyz[1]))
    dataset.PixelSpacing = _decimals((row_mm, column_mm))
    dataset.SliceThickness = _decimals((thickness_mm,))[0]
    dataset.Rows, dataset.Columns = grid.shape_zyx[1:]


def _add_pixel_description(dataset: Dataset, identity: CtIdentity) -> None:
    dataset.Modality = "CT"
    dataset.Laterality = ""
    dataset.ImageType = ["DERIVED", "SECONDARY", "AXIAL"]
    dataset.AcquisitionNumber = 1
    dataset.KVP = ""
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.BitsAllocated = 16
    dataset.BitsStored = 16
    dataset.HighBit = 15
    dataset.PixelRepresentation = 1
    dataset.RescaleIntercept = format_number_as_ds(identity.rescale_intercept)
    dataset.RescaleSlope = format_number_as_ds(identity.rescale_slope)
    dataset.RescaleType = "HU"
