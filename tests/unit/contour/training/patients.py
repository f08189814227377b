"""Small patients for the training tests: a box with one bright gland in its left half, as NIfTI."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from contour.segmentation.spec import ModelSpec, parse_spec
from contour.training.augment import AugmentationSettings
from contour.training.cases import find_cases
from contour.training.prepared import PreparedCase, prepare_case
from registration import Grid, Volume
from registration.itk_bridge import write_nifti
from tests.unit.contour.segmentation.tiny_model import TINY_SPEC

STILL = AugmentationSettings(
    rotation_deg=0,
    scale=0,
    mirror=0,
    shift_hu=0,
    contrast=0,
    noise_hu=0,
    sharpness=0,
    thick_slices=0,
    coarse_pixels=0,
    metal=0,
    couch=0,
    mask=0,
    cut=0,
    narrow=0,
)


def spec() -> ModelSpec:
    return parse_spec(TINY_SPEC)


def case_on_disk(folder: Path, *, flip_x: bool = False) -> Path:
    """A box of a patient with a bright left gland, as NIfTI; the axes as scanners store them, or reversed in x."""
    grid = Grid(
        shape_zyx=(30, 60, 70),
        spacing_zyx_mm=(3.0, 2.0, 2.2),
        origin_xyz_mm=(-80.0, -60.0, 12.0),
        axes_xyz=((0.0, 0.0, 1.0), (0.0, 1.0, 0.0), (1.0, 0.0, 0.0)),
        frame_of_reference_uid="",
    )
    z, y, x = np.indices(grid.shape_zyx)
    gland = ((z - 15) / 8) ** 2 + ((y - 30) / 11) ** 2 + ((x - 52) / 9) ** 2 <= 1
    hu = np.where(gland, 900, 20).astype(np.int16)
    hu[:, :6] = hu[:, -6:] = -1024
    if flip_x:
        hu, gland = hu[:, :, ::-1], gland[:, :, ::-1]
        last = grid.to_point_xyz_mm(np.array([0.0, 0.0, 69.0]))
        grid = Grid(
            shape_zyx=grid.shape_zyx,
            spacing_zyx_mm=grid.spacing_zyx_mm,
            origin_xyz_mm=tuple(float(v) for v in last),
            axes_xyz=((0.0, 0.0, 1.0), (0.0, 1.0, 0.0), (-1.0, 0.0, 0.0)),
            frame_of_reference_uid="",
        )
    folder.mkdir(parents=True)
    write_nifti(Volume(grid=grid, values_zyx=hu.copy()), folder / "CT.nii.gz")
    write_nifti(Volume(grid=grid, values_zyx=gland.copy()), folder / "LeftParotid.nii.gz")
    return folder


def prepared(folder: Path, *, flip_x: bool = False) -> PreparedCase:
    case_on_disk(folder / "data" / "a", flip_x=flip_x)
    return prepare_case(find_cases(folder / "data")[0], spec(), folder / "cache")
