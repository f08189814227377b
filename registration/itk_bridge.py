"""The one module that talks to SimpleITK: volumes to and from its images, and NIfTI files.

SimpleITK's world is LPS millimetres as ours is; its sizes and spacings run (x, y, z) where our arrays run (z, y, x).
Never hand it bytes that nobody vetted.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk

from registration.grid import Grid
from registration.volume import Volume


def from_itk(image: sitk.Image, frame_of_reference_uid: str) -> Volume:
    """A volume from a 3D image; the values are copied."""
    return Volume(grid=_grid_of(image, frame_of_reference_uid), values_zyx=sitk.GetArrayFromImage(image))


def _grid_of(image: Any, frame_of_reference_uid: str) -> Grid:
    """Where the voxels are, by an image or by the reader of a file's header: both answer alike."""
    sx, sy, sz = image.GetSpacing()
    nx, ny, nz = image.GetSize()
    x, y, z = image.GetOrigin()
    direction = np.asarray(image.GetDirection(), dtype=np.float64).reshape(3, 3)
    (x_axis, y_axis, z_axis) = (tuple(float(v) for v in direction[:, i]) for i in range(3))
    return Grid(
        shape_zyx=(nz, ny, nx),
        spacing_zyx_mm=(sz, sy, sx),
        origin_xyz_mm=(x, y, z),
        axes_xyz=(_triple(z_axis), _triple(y_axis), _triple(x_axis)),
        frame_of_reference_uid=frame_of_reference_uid,
    )


def to_itk(volume: Volume) -> sitk.Image:
    """A SimpleITK image with the same voxels in the same places; booleans become 0 and 1."""
    values = volume.values_zyx
    image = sitk.GetImageFromArray(values.astype(np.uint8) if values.dtype == np.bool_ else values)
    grid = volume.grid
    image.SetSpacing(grid.spacing_zyx_mm[::-1])
    image.SetOrigin(grid.origin_xyz_mm)
    image.SetDirection(np.asarray(grid.axes_xyz[::-1]).T.ravel().tolist())
    return image


def read_nifti(path: Path, frame_of_reference_uid: str = "") -> Volume:
    """A volume from a NIfTI file; NIfTI knows no frame of reference, so the caller names one.

    Raises:
        OSError: the file is missing or not NIfTI.
    """
    try:
        image = sitk.ReadImage(str(path), imageIO="NiftiImageIO")
    except RuntimeError as error:
        raise OSError(f"{path.name} cannot be read as NIfTI") from error
    return from_itk(image, frame_of_reference_uid)


def read_nifti_grid(path: Path, frame_of_reference_uid: str = "") -> Grid:
    """Where the voxels of a NIfTI file are, from its header alone.

    Raises:
        OSError: the file is missing or not NIfTI.
    """
    reader = sitk.ImageFileReader()
    reader.SetImageIO("NiftiImageIO")
    reader.SetFileName(str(path))
    try:
        reader.ReadImageInformation()
    except RuntimeError as error:
        raise OSError(f"{path.name} cannot be read as NIfTI") from error
    return _grid_of(reader, frame_of_reference_uid)


def write_nifti(volume: Volume, path: Path) -> None:
    """Write a NIfTI file; `.nii.gz` compresses."""
    sitk.WriteImage(to_itk(volume), str(path), useCompression=path.name.endswith(".gz"))


def _triple(values: tuple[float, ...]) -> tuple[float, float, float]:
    x, y, z = values
    return (x, y, z)
