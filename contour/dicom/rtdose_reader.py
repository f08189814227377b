"""A dose grid from anybody's RT Dose, in gray.

Reference: PS3.3 A.18, C.8.8.3.
"""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from io import BytesIO

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.uid import RTDoseStorage

from contour.dicom.registration_reading import BROKEN
from contour.dicom.vetting import VettingLimits, vet_instance
from contour.errors import InputError
from registration.errors import GridError
from registration.grid import Grid, Triple
from registration.orientation import AxisOrder
from registration.volume import Volume

_LIMITS = VettingLimits(instance_bytes=512 * 2**20)
_MOST_VOXELS = 200_000_000
_UNEVEN_MM = 0.05
_PHYSICAL = frozenset({"PHYSICAL", "EFFECTIVE"})


@dataclass(frozen=True, slots=True, kw_only=True)
class RtDose:
    """A dose grid and what it is the dose of.

    Args:
        volume: Gray, float32, slices running along row x column.
        dose_type: PHYSICAL or EFFECTIVE.
        summation_type: PLAN, FRACTION, BEAM and so on; empty where it is not said.
        sop_instance_uid: Of the object.
        study_instance_uid: Of its study.
    """

    volume: Volume
    dose_type: str
    summation_type: str
    sop_instance_uid: str
    study_instance_uid: str


def read_rtdose(data: bytes) -> RtDose:
    """The dose grid of an RT Dose object with pixel data.

    Raises:
        InputError: NOT_RTDOSE; DOSE_UNITS for anything but GY; UNEVEN_DOSE_PLANES; NO_DOSE_GRID for an object that
            holds a histogram only; MALFORMED_RTDOSE; or as `contour.dicom.vetting.vet_instance`.
    """
    summary = vet_instance(data, limits=_LIMITS)
    if summary.sop_class_uid != RTDoseStorage:
        raise InputError("not an RT Dose object", reason="NOT_RTDOSE")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pydicom's warnings quote values
        try:
            dataset = pydicom.dcmread(BytesIO(data))
            return _dose_of(dataset, summary.sop_instance_uid)
        except (*BROKEN, GridError) as error:
            raise InputError(
                f"an attribute of the dose cannot be read ({type(error).__name__})", reason="MALFORMED_RTDOSE"
            ) from None


def _dose_of(dataset: Dataset, sop_instance_uid: str) -> RtDose:
    if "PixelData" not in dataset:
        raise InputError("the RT Dose holds no dose grid", reason="NO_DOSE_GRID")
    units = str(dataset.get("DoseUnits", "")).strip().upper()
    if units != "GY":
        raise InputError(f"dose in {units or 'no unit'}, expected GY", reason="DOSE_UNITS")
    kind = str(dataset.get("DoseType", "")).strip().upper()
    if kind not in _PHYSICAL:
        raise InputError(f"dose of type {kind or 'none'}, expected PHYSICAL or EFFECTIVE", reason="DOSE_UNITS")
    scaling = float(dataset.DoseGridScaling)
    if not (math.isfinite(scaling) and scaling > 0):
        raise InputError(f"DoseGridScaling is {scaling}, expected a positive number", reason="MALFORMED_RTDOSE")
    stored = _stored(dataset)
    values = (stored.astype(np.float64) * scaling).astype(np.float32)
    grid, backwards = _grid_of(dataset, (stored.shape[0], stored.shape[1], stored.shape[2]))
    volume = Volume(grid=grid, values_zyx=values)
    if backwards:
        volume = AxisOrder(source=(0, 1, 2), reverse=(True, False, False)).apply_to_volume(volume)
    return RtDose(
        volume=volume,
        dose_type=kind,
        summation_type=str(dataset.get("DoseSummationType", "")).strip().upper(),
        sop_instance_uid=sop_instance_uid,
        study_instance_uid=str(dataset.get("StudyInstanceUID", "")),
    )


def _stored(dataset: Dataset) -> NDArray[np.generic]:
    frames, rows, columns = int(dataset.get("NumberOfFrames", 1)), int(dataset.Rows), int(dataset.Columns)
    bits = int(dataset.BitsAllocated)
    if bits not in {16, 32} or int(dataset.get("SamplesPerPixel", 1)) != 1:
        raise InputError(f"dose stored in {bits} bits, expected 16 or 32", reason="MALFORMED_RTDOSE")
    if not 0 < frames * rows * columns <= _MOST_VOXELS:
        raise InputError(f"{frames} frames of {rows} x {columns}", reason="MALFORMED_RTDOSE")
    signed = int(dataset.get("PixelRepresentation", 0)) == 1
    order = "<" if dataset.original_encoding[1] else ">"
    data = dataset.PixelData
    if dataset.file_meta.TransferSyntaxUID.is_compressed:
        return np.asarray(dataset.pixel_array).reshape(frames, rows, columns)
    wanted = frames * rows * columns * bits // 8
    if len(data) < wanted:
        raise InputError(f"{len(data)} bytes of dose, expected {wanted}", reason="MALFORMED_RTDOSE")
    kind = f"{order}{'i' if signed else 'u'}{bits // 8}"
    return np.frombuffer(data[:wanted], dtype=kind).reshape(frames, rows, columns)


def _grid_of(dataset: Dataset, shape: tuple[int, int, int]) -> tuple[Grid, bool]:
    row = np.asarray([float(v) for v in dataset.ImageOrientationPatient[:3]])
    column = np.asarray([float(v) for v in dataset.ImageOrientationPatient[3:6]])
    normal = np.cross(row, column)
    row_mm, column_mm = (float(v) for v in dataset.PixelSpacing)
    position = np.asarray([float(v) for v in dataset.ImagePositionPatient])
    offsets = _offsets_mm(dataset, shape[0], along=float(position @ normal))
    steps = np.diff(offsets)
    step = float(steps.mean()) if steps.size else float(dataset.get("SliceThickness", None) or 1.0)
    if steps.size and (np.abs(steps - step).max() > _UNEVEN_MM or abs(step) < _UNEVEN_MM):
        raise InputError(
            f"dose planes {steps.min():.2f} to {steps.max():.2f} mm apart, expected even steps",
            reason="UNEVEN_DOSE_PLANES",
        )
    origin = position + normal * float(offsets[0])
    axis = normal * (1.0 if step > 0 else -1.0)
    grid = Grid(
        shape_zyx=shape,
        spacing_zyx_mm=(abs(step), row_mm, column_mm),
        origin_xyz_mm=_triple(origin),
        axes_xyz=(_triple(axis), _triple(column), _triple(row)),
        frame_of_reference_uid=str(dataset.get("FrameOfReferenceUID", "")),
    )
    return grid, step < 0


def _offsets_mm(dataset: Dataset, frames: int, *, along: float) -> NDArray[np.float64]:
    """Of each plane from the image position, along the normal: the standard's two forms (C.8.8.3.2)."""
    if frames == 1:
        return np.zeros(1)
    offsets = np.asarray([float(v) for v in dataset.GridFrameOffsetVector], dtype=np.float64)
    if offsets.size != frames or not np.isfinite(offsets).all():
        raise InputError(f"{offsets.size} frame offsets for {frames} frames", reason="MALFORMED_RTDOSE")
    if offsets[0] != 0.0 and abs(offsets[0] - along) < 0.5:
        return offsets - along  # positions along the patient's own axis, not offsets
    return offsets


def _triple(vector: NDArray[np.float64]) -> Triple:
    x, y, z = (float(v) for v in vector)
    return (x, y, z)
