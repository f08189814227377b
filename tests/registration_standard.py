"""A reader of Deformable Spatial Registration that was written from the standard and knows nothing of ours."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import pydicom
from numpy.typing import NDArray


def by_the_standard(data: bytes, points: NDArray[np.float64]) -> NDArray[np.float64]:
    """PS3.3 C.20.3 from the text alone: registered point, pre-matrix, trilinear offset, post-matrix, source point."""
    item = next(
        i
        for i in pydicom.dcmread(BytesIO(data)).DeformableRegistrationSequence
        if "DeformableRegistrationGridSequence" in i
    )

    def matrix(sequence: pydicom.Sequence) -> np.ndarray:
        return np.array([float(v) for v in sequence[0].FrameOfReferenceTransformationMatrix]).reshape(4, 4)

    pre = matrix(item.PreDeformationMatrixRegistrationSequence)
    post = matrix(item.PostDeformationMatrixRegistrationSequence)
    grid = item.DeformableRegistrationGridSequence[0]
    nx, ny, nz = grid.GridDimensions
    offsets = np.frombuffer(grid.VectorGridData, dtype="<f4").reshape(nz, ny, nx, 3)
    row, column = np.array(grid.ImageOrientationPatient[:3], float), np.array(grid.ImageOrientationPatient[3:], float)
    axes = np.stack([row, column, np.cross(row, column)])
    found = []
    for point in points:
        start = pre[:3, :3] @ point + pre[:3, 3]
        place = axes @ (start - np.array(grid.ImagePositionPatient, float)) / np.array(grid.GridResolution)
        i, j, k = np.clip(np.floor(place).astype(int), 0, [nx - 2, ny - 2, nz - 2])
        a, b, c = place - [i, j, k]
        offset = sum(
            offsets[k + dk, j + dj, i + di].astype(float)
            * (a if di else 1 - a) * (b if dj else 1 - b) * (c if dk else 1 - c)
            for dk in (0, 1) for dj in (0, 1) for di in (0, 1)
        )  # fmt: skip
        found.append(post[:3, :3] @ (start + offset) + post[:3, 3])
    return np.array(found)
