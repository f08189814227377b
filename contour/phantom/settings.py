"""How a phantom is scanned: voxel size, extent, position on the couch and tilt of the image axes."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from contour.dicom.ct_writer import PatientPosition
from contour.dicom.uids import derive_uid
from contour.errors import ConfigError
from registration.grid import Grid, Triple
from registration.grid import Shape as GridShape

ROW_AND_COLUMN_XYZ: dict[str, tuple[Triple, Triple]] = {
    "HFS": ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0)),
    "HFP": ((-1.0, 0.0, 0.0), (0.0, -1.0, 0.0)),
    "HFDL": ((0.0, -1.0, 0.0), (1.0, 0.0, 0.0)),
    "HFDR": ((0.0, 1.0, 0.0), (-1.0, 0.0, 0.0)),
    "FFS": ((-1.0, 0.0, 0.0), (0.0, 1.0, 0.0)),
    "FFP": ((1.0, 0.0, 0.0), (0.0, -1.0, 0.0)),
    "FFDL": ((0.0, 1.0, 0.0), (1.0, 0.0, 0.0)),
    "FFDR": ((0.0, -1.0, 0.0), (-1.0, 0.0, 0.0)),
}
"""Direction of rows and of columns as a scanner writes them that keeps the couch at the bottom of the image."""

GRAVITY_XYZ: dict[str, Triple] = {
    "S": (0.0, 1.0, 0.0),
    "P": (0.0, -1.0, 0.0),
    "DL": (1.0, 0.0, 0.0),
    "DR": (-1.0, 0.0, 0.0),
}
"""Which way is down in patient coordinates, by the position's letters after HF or FF."""

_SCAN_TOP_MM = 98.0
_SCAN_MIDDLE_MM = -52.0
_DOWNWARD_SHIFT_MM = 25.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PhantomSettings:
    """How the synthetic patient is scanned.

    Args:
        shape_zyx: Voxels.
        spacing_zyx_mm: Slice step, row step, column step.
        patient_position: HFS, HFP, HFDL, HFDR, FFS, FFP, FFDL or FFDR; decides where the couch lies and which way
            rows and columns run.
        tilt_xyz_deg: Turns of the image axes about the patient's x, y and z axis, one after another: an oblique scan.
        anatomy_origin_xyz_mm: Where the brainstem's centre lies in patient coordinates.
        centre_offset_xyz_mm: Moves the scanned box within the patient.
        noise_hu: Standard deviation of the noise in the head; the shoulders have about twice as much. 0 turns it off.
        hu_offset: Added to every voxel, as a badly calibrated scanner would.
        has_couch: Draw the couch and the headrest.
        has_mask: Draw the immobilisation mask.

    Raises:
        ConfigError: a position that does not exist, or numbers out of range.
    """

    shape_zyx: GridShape = (120, 512, 512)
    spacing_zyx_mm: Triple = (2.5, 0.9765625, 0.9765625)
    patient_position: PatientPosition = "HFS"
    tilt_xyz_deg: Triple = (0.0, 0.0, 0.0)
    anatomy_origin_xyz_mm: Triple = (6.5, -182.0, -731.25)
    centre_offset_xyz_mm: Triple = (0.0, 0.0, 0.0)
    noise_hu: float = 9.0
    hu_offset: float = 0.0
    has_couch: bool = True
    has_mask: bool = True

    def __post_init__(self) -> None:
        if self.patient_position not in ROW_AND_COLUMN_XYZ:
            raise ConfigError(
                f"patient position must be one of {', '.join(ROW_AND_COLUMN_XYZ)}, found {self.patient_position!r}"
            )
        if any(size < 1 for size in self.shape_zyx):
            raise ConfigError(f"shape must be three positive sizes, found {self.shape_zyx}")
        if not all(math.isfinite(step) and step > 0 for step in self.spacing_zyx_mm):
            raise ConfigError(f"spacing must be positive millimetres, found {self.spacing_zyx_mm}")
        if not (math.isfinite(self.noise_hu) and self.noise_hu >= 0):
            raise ConfigError(f"noise must be at least 0 HU, found {self.noise_hu}")

    @property
    def gravity_xyz(self) -> Triple:
        """Unit vector that points down, in patient coordinates."""
        return GRAVITY_XYZ[self.patient_position[2:]]


def scan_grid(seed: int, settings: PhantomSettings) -> Grid:
    """The CT's grid: slices run along row direction x column direction, as DICOM's normal does."""
    row, column = (np.asarray(axis) for axis in ROW_AND_COLUMN_XYZ[settings.patient_position])
    turn = turned_by(settings.tilt_xyz_deg)
    axes = np.asarray([turn @ np.cross(row, column), turn @ column, turn @ row])
    shape, spacing = np.asarray(settings.shape_zyx), np.asarray(settings.spacing_zyx_mm)
    middle_z = min(_SCAN_MIDDLE_MM, _SCAN_TOP_MM - float(shape[0] * spacing[0]) / 2)
    centre = (
        np.asarray(settings.anatomy_origin_xyz_mm)
        + np.asarray((0.0, 0.0, middle_z))
        + np.asarray(settings.gravity_xyz) * _DOWNWARD_SHIFT_MM
        + np.asarray(settings.centre_offset_xyz_mm)
    )
    origin = np.round(centre - (axes * ((shape - 1) / 2 * spacing)[:, None]).sum(axis=0), 3)
    return Grid(
        shape_zyx=settings.shape_zyx,
        spacing_zyx_mm=settings.spacing_zyx_mm,
        origin_xyz_mm=(float(origin[0]), float(origin[1]), float(origin[2])),
        axes_xyz=(_triple(axes[0]), _triple(axes[1]), _triple(axes[2])),
        frame_of_reference_uid=derive_uid("contour phantom", "frame of reference", str(seed)),
    )


def turned_by(tilt_xyz_deg: Triple) -> NDArray[np.float64]:
    """(3, 3) rotation about the patient's x, then y, then z axis."""
    turn = np.eye(3)
    for axis, angle_deg in enumerate(tilt_xyz_deg):
        cosine, sine = math.cos(math.radians(angle_deg)), math.sin(math.radians(angle_deg))
        one = np.eye(3)
        first, second = (axis + 1) % 3, (axis + 2) % 3
        one[first, first] = one[second, second] = cosine
        one[first, second], one[second, first] = -sine, sine
        turn = one @ turn
    return turn


def _triple(vector: NDArray[np.float64]) -> Triple:
    return (float(vector[0]), float(vector[1]), float(vector[2]))
