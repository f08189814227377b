"""Contoured patients on disk: one sub-folder each, as NIfTI or as DICOM.

A NIfTI case holds `CT.nii.gz` and one 0/1 file per structure, named by TG-263 or by an alias of it; a DICOM case holds
a CT series and its structure set (`contour.training.dicom_cases`). A structure that is missing means "not contoured",
never "not in the patient".
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from contour.anatomy.names import tg263_name
from contour.errors import InputError
from contour.segmentation.spec import StructureSpec
from contour.training.dicom_cases import DicomCase, holds_dicom
from registration.grid import Grid
from registration.itk_bridge import read_nifti, read_nifti_grid
from registration.volume import Volume

CT_FILE = "CT.nii.gz"
_MASK_SUFFIX = ".nii.gz"
_SAME_PLACE_MM = 0.1


class Case(Protocol):
    """One contoured patient."""

    @property
    def name(self) -> str:
        """How reports name the patient."""

    def read_ct(self) -> Volume:
        """The CT in HU on its own grid."""

    def read_mask(self, structure: StructureSpec) -> Volume | None:
        """What was contoured of a structure, as booleans on the CT's grid; None where nothing was."""

    def fingerprint(self) -> str:
        """Changes when the case's files do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NiftiCase:
    """A folder of NIfTI files: where the CT is and which file holds which structure."""

    name: str
    ct_path: Path
    mask_paths: tuple[tuple[str, Path], ...]

    def read_ct(self) -> Volume:
        """The CT in HU on its own grid."""
        return read_nifti(self.ct_path)

    def read_mask(self, structure: StructureSpec) -> Volume | None:
        """The structure, or all that it is trained from put together, as booleans on the CT's grid.

        Raises:
            InputError: a mask lies on another grid than the CT; reason GRID_MISMATCH.
        """
        together: Volume | None = None
        ct_grid = read_nifti_grid(self.ct_path)
        for name, path in self.mask_paths:
            if name in structure.trained_from:
                mask = read_nifti(path)
                if not _same_place(mask.grid, ct_grid):
                    raise InputError(
                        f"case {self.name}: {path.name} lies on another grid than {CT_FILE}", reason="GRID_MISMATCH"
                    )
                inside = mask.values_zyx > 0
                together = Volume(
                    grid=mask.grid, values_zyx=inside if together is None else inside | together.values_zyx
                )
        return together if together is not None and together.values_zyx.any() else None

    def fingerprint(self) -> str:
        """Sizes of the files and when they were written."""
        paths = (self.ct_path, *(path for _, path in self.mask_paths))
        return repr([(path.name, path.stat().st_size, path.stat().st_mtime_ns) for path in paths])


def find_cases(folder: Path) -> tuple[Case, ...]:
    """The cases in a folder, in order of name: its sub-folders that hold `CT.nii.gz`, or anywhere below them DICOM.

    Raises:
        InputError: the folder is missing or holds no case; reason NO_TRAINING_CASES.
    """
    found = tuple(_cases(folder)) if folder.is_dir() else ()
    if not found:
        raise InputError(f"no sub-folder of {folder} holds a {CT_FILE} or DICOM files", reason="NO_TRAINING_CASES")
    return found


def _cases(folder: Path) -> Iterator[Case]:
    for path in sorted(path for path in folder.iterdir() if path.is_dir()):
        if (path / CT_FILE).is_file():
            yield NiftiCase(name=path.name, ct_path=path / CT_FILE, mask_paths=tuple(_mask_paths(path)))
        elif holds_dicom(path):
            yield DicomCase(name=path.name, folder=path)


def _mask_paths(folder: Path) -> Iterator[tuple[str, Path]]:
    for path in sorted(folder.glob(f"*{_MASK_SUFFIX}")):
        name = tg263_name(path.name.removesuffix(_MASK_SUFFIX))
        if name is not None and path.name != CT_FILE:
            yield name, path


def _same_place(one: Grid, other: Grid) -> bool:
    """True where all voxels of two grids coincide, which they do where the corners do."""
    if one.shape_zyx != other.shape_zyx:
        return False
    corners = np.indices((2, 2, 2)).reshape(3, -1).T * (np.asarray(one.shape_zyx) - 1.0)
    apart_mm = np.abs(one.to_point_xyz_mm(corners) - other.to_point_xyz_mm(corners))
    return bool(apart_mm.max() <= _SAME_PLACE_MM)
