"""A planning CT as the rest of the system sees it: voxels in HU, where they are, and whom they belong to."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from contour.dicom.scanner_header import Scanner
from contour.errors import Finding
from registration.grid import Grid
from registration.volume import Volume


@dataclass(frozen=True, slots=True, kw_only=True)
class SliceReference:
    """Which instance holds a slice, and where that slice truly is."""

    sop_class_uid: str
    sop_instance_uid: str
    origin_xyz_mm: tuple[float, float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class CtSeries:
    """One CT series that met every precondition.

    `volume.grid` is the regular grid that fits the slices best; `slices[k].origin_xyz_mm` is the true
    Image Position (Patient) of slice k, in the grid's slice order (z index k), from which it may differ by the small
    variation that was let through. Contours are written at the true positions.

    `header` holds the patient, study and frame-of-reference attributes that a structure set has to repeat
    (PS3.3 C.7.1.1, C.7.2.1, C.7.4.1); it is kept out of `repr` because it names the patient.
    """

    volume: Volume
    slices: tuple[SliceReference, ...]
    study_instance_uid: str
    series_instance_uid: str
    patient_position: str
    header: Dataset = field(repr=False)
    scanner: Scanner = field(default_factory=Scanner)
    warnings: tuple[Finding, ...] = ()

    @property
    def grid(self) -> Grid:
        """The regular grid of the volume."""
        return self.volume.grid

    @property
    def frame_of_reference_uid(self) -> str:
        """Frame of reference of every slice."""
        return self.volume.grid.frame_of_reference_uid

    @property
    def slice_origins_xyz_mm(self) -> NDArray[np.float64]:
        """(slices, 3) true positions of the first voxel of each slice."""
        return np.asarray([reference.origin_xyz_mm for reference in self.slices], dtype=np.float64)
