"""A CT series read by pydicom alone, and where its points lie on a screen in the radiological convention."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pydicom
from numpy.typing import NDArray

Points = NDArray[np.float64]

SCREEN = {
    "axial": ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0)),
    "coronal": ((1.0, 0.0, 0.0), (0.0, 0.0, -1.0)),
    "sagittal": ((0.0, 1.0, 0.0), (0.0, 0.0, -1.0)),
}
"""What the screen's right and bottom are in the patient (LPS): left and back, left and down, back and down."""


class Scan:
    """Slices of one series whose rows run to the patient's left and whose columns run to the back."""

    def __init__(self, paths: Sequence[Path]) -> None:
        found = sorted((pydicom.dcmread(path) for path in paths), key=lambda one: float(one.ImagePositionPatient[2]))
        first = found[0]
        assert [float(value) for value in first.ImageOrientationPatient] == [1, 0, 0, 0, 1, 0]
        self.hu_zyx = np.stack(
            [one.pixel_array * float(one.RescaleSlope) + float(one.RescaleIntercept) for one in found]
        )
        self.origin_xyz_mm = np.array(first.ImagePositionPatient, dtype=float)
        slice_mm = float(found[1].ImagePositionPatient[2]) - float(first.ImagePositionPatient[2])
        row_mm, column_mm = (float(value) for value in first.PixelSpacing)
        self.spacing_xyz_mm = np.array([column_mm, row_mm, slice_mm])

    def point(self, index_zyx: Sequence[float]) -> Points:
        """Patient position (x, y, z) of a voxel."""
        return np.asarray(self.origin_xyz_mm + np.array(index_zyx)[::-1] * self.spacing_xyz_mm)

    def hu_at(self, points_xyz_mm: Points) -> NDArray[np.float64]:
        """HU of the voxels that hold points, which lie within."""
        index = np.rint((points_xyz_mm - self.origin_xyz_mm) / self.spacing_xyz_mm).astype(int)
        return np.asarray(self.hu_zyx[index[..., 2], index[..., 1], index[..., 0]])

    def around(self, plane: str, index_zyx: Sequence[float], reach: int) -> Points:
        """Centres of the voxels around one in a plane, those beyond the scan left out."""
        normal = {"axial": 0, "coronal": 1, "sagittal": 2}[plane]
        ranges = [
            [int(at)] if axis == normal else range(max(0, int(at) - reach), min(size, int(at) + reach + 1))
            for axis, (at, size) in enumerate(zip(index_zyx, self.hu_zyx.shape, strict=True))
        ]
        return np.array([self.point((z, y, x)) for z in ranges[0] for y in ranges[1] for x in ranges[2]])


@dataclass(frozen=True)
class Placing:
    """How a plane lies on the screen: where one point of the patient is in the view, and how large a millimetre."""

    plane: str
    point_xyz_mm: Points
    place_px: Points
    px_per_mm: float

    def to_view(self, points_xyz_mm: Points) -> Points:
        """(column, row) of points, if right and bottom are what the convention says."""
        right, down = np.array(SCREEN[self.plane])
        offset = (points_xyz_mm - self.point_xyz_mm) * self.px_per_mm
        return np.asarray(self.place_px + np.stack([offset @ right, offset @ down], axis=-1))

    def to_patient(self, places_px: Points) -> Points:
        """Positions along the screen's right and bottom in mm, in the patient's coordinates."""
        right, down = np.array(SCREEN[self.plane])
        return np.asarray(
            (places_px - self.place_px) / self.px_per_mm
            + np.array([self.point_xyz_mm @ right, self.point_xyz_mm @ down])
        )


def contours_xyz_mm(rtstruct: pydicom.Dataset, name: str) -> list[Points]:
    """The contours of an ROI as they stand in the file."""
    (number,) = (one.ROINumber for one in rtstruct.StructureSetROISequence if name == one.ROIName)
    (roi,) = (one for one in rtstruct.ROIContourSequence if one.ReferencedROINumber == number)
    return [np.array(one.ContourData, dtype=float).reshape(-1, 3) for one in roi.ContourSequence]


def along(contours: Sequence[Points], step_mm: float = 0.5) -> Points:
    """Points along closed contours, no further apart than that."""
    found = []
    for contour in contours:
        for start, end in zip(contour, np.roll(contour, -1, axis=0), strict=True):
            count = max(1, int(np.ceil(np.linalg.norm(end - start) / step_mm)))
            found.append(start + (end - start) * np.linspace(0, 1, count, endpoint=False)[:, None])
    return np.concatenate(found)
