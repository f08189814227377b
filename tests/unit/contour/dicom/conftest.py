"""A small CT series that is easy to break: anisotropic, off-origin, different in every voxel."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from contour.dicom.ct_reader import read_ct_folder
from contour.dicom.ct_writer import CtIdentity, write_ct_series
from contour.errors import ContourError, SeriesRejectedError
from registration import Grid, Volume

AXIAL = ((0.0, 0.0, 1.0), (0.0, 1.0, 0.0), (1.0, 0.0, 0.0))


def ct_volume(
    *,
    axes_xyz: tuple[tuple[float, float, float], ...] = AXIAL,
    spacing_zyx_mm: tuple[float, float, float] = (3.0, 0.9, 1.2),
    slices: int = 9,
) -> Volume:
    grid = Grid(
        shape_zyx=(slices, 52, 44),
        spacing_zyx_mm=spacing_zyx_mm,
        origin_xyz_mm=(-31.25, -140.5, 612.0),
        axes_xyz=axes_xyz,
        frame_of_reference_uid="2.25.77",
    )
    values = np.random.default_rng(11).integers(-1024, 3071, grid.shape_zyx).astype(np.int16)
    return Volume(grid=grid, values_zyx=values)


@pytest.fixture
def make_volume() -> Callable[..., Volume]:
    return ct_volume


@pytest.fixture
def identity() -> CtIdentity:
    return CtIdentity(seed="series", patient_name="SENTINEL^NAME", patient_id="SENTINEL-4711")


@pytest.fixture
def series(tmp_path: Path, identity: CtIdentity) -> list[Path]:
    """Nine good slices, 3 mm apart from 612 mm on."""
    return write_ct_series(ct_volume(), tmp_path / "ct", identity)


@pytest.fixture
def refusal_of() -> Callable[..., ContourError]:
    """The error that reading a folder ends with, once no patient data was found in it."""

    def read(folder: Path, **choice: str) -> ContourError:
        with pytest.raises(ContourError) as caught:
            read_ct_folder(folder, **choice)
        findings = caught.value.findings if isinstance(caught.value, SeriesRejectedError) else ()
        assert "SENTINEL" not in f"{caught.value} {caught.value!r} {findings}"
        return caught.value

    return read
