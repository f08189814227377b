"""The synthetic patient as files: a DICOM CT series and the true masks beside it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from contour.anatomy.structures import Structure
from contour.dicom.ct_writer import CtIdentity, write_ct_series
from contour.phantom.patient import Phantom, head_and_neck_phantom
from contour.phantom.settings import PhantomSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class PhantomFiles:
    """A phantom and where it was written: CT instances in slice order, and one mask file per structure's name."""

    phantom: Phantom
    ct_folder: Path
    ct_paths: tuple[Path, ...]
    truth_paths: tuple[tuple[str, Path], ...]


def write_phantom(folder: Path, seed: int = 1, settings: PhantomSettings | None = None) -> PhantomFiles:
    """Writes `ct/CT.NNNN.dcm` and `truth/NAME.nii.gz` under `folder`; the same seed and settings give the same bytes.

    Structures without a voxel in the scan get no mask file.
    """
    phantom = head_and_neck_phantom(seed, settings)
    ct_folder, truth_folder = folder / "ct", folder / "truth"
    ct_paths = write_ct_series(phantom.ct, ct_folder, ct_identity(phantom))
    truth_folder.mkdir(parents=True, exist_ok=True)
    truth_paths = []
    for structure in phantom.structures:
        if not structure.is_empty:
            path = truth_folder / f"{structure.name}.nii.gz"
            write_mask(structure, path)
            truth_paths.append((structure.name, path))
    return PhantomFiles(phantom=phantom, ct_folder=ct_folder, ct_paths=tuple(ct_paths), truth_paths=tuple(truth_paths))


def ct_identity(phantom: Phantom) -> CtIdentity:
    """A header that nobody can take for a patient's; its UIDs follow from seed and settings."""
    scan = hashlib.sha256(repr(phantom.settings).encode()).hexdigest()[:16]
    return CtIdentity(
        seed=f"contour phantom {phantom.seed} {scan}",
        patient_id=f"PHANTOM-{phantom.seed}",
        patient_name="PHANTOM^HEADANDNECK",
        patient_sex="O",
        patient_position=phantom.settings.patient_position,
        study_description="Synthetic patient",
        series_description="Synthetic planning CT",
    )


def write_mask(structure: Structure, path: Path) -> None:
    """The mask on the CT's whole grid as a NIfTI or other image file, 0 and 1, by the file name's ending."""
    grid = structure.grid
    image = sitk.GetImageFromArray(structure.full_mask_zyx().astype(np.uint8))
    image.SetSpacing(grid.spacing_zyx_mm[::-1])
    image.SetOrigin(grid.origin_xyz_mm)
    image.SetDirection(np.asarray(grid.axes_xyz)[::-1].T.ravel().tolist())
    sitk.WriteImage(image, str(path), useCompression=True)
