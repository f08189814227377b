"""A real series: JPEG 2000, slices stored from the head down, empty UIDs, SliceThickness unlike the step."""

from pathlib import Path

import numpy as np
import pydicom
import pytest

from contour.dicom.ct_reader import read_ct_folder
from contour.dicom.ct_series import CtSeries


@pytest.fixture(scope="module")
def folder(data_folder: Path) -> Path:
    found = data_folder / "totalsegmentator_example" / "ct_dicom"
    if not found.is_dir():
        pytest.skip(f"no recorded series at {found}")
    return found


@pytest.fixture(scope="module")
def real(folder: Path) -> CtSeries:
    return read_ct_folder(folder)


def test_the_grid_follows_the_positions_and_not_the_thickness(real: CtSeries) -> None:
    assert real.grid.shape_zyx == (20, 512, 512)
    assert real.grid.spacing_zyx_mm == (2.0, 0.9765625, 0.9765625)
    assert real.grid.origin_xyz_mm == (-249.51171875, -437.51171875, -804.5)
    assert real.patient_position == "HFS"


def test_the_voxels_are_those_that_pydicom_decodes(real: CtSeries, folder: Path) -> None:
    for path in sorted(folder.iterdir())[::7]:
        dataset = pydicom.dcmread(path)
        place = round((float(dataset.ImagePositionPatient[2]) + 804.5) / 2)
        expected = dataset.pixel_array.astype(int) * int(dataset.RescaleSlope) + int(dataset.RescaleIntercept)
        np.testing.assert_array_equal(real.volume.values_zyx[place], expected)
        assert real.slices[place].sop_instance_uid == dataset.file_meta.MediaStorageSOPInstanceUID


def test_empty_identifiers_are_told(real: CtSeries) -> None:
    assert [warning.reason for warning in real.warnings] == ["MISSING_UID"]
    assert real.header.PatientName == ""
    assert real.series_instance_uid.startswith("2.25.")
