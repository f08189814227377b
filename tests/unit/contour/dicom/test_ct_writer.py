"""What the CT writer puts on disk, judged by dciodvfy and by SimpleITK."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pydicom
import pytest

from contour.dicom.ct_writer import CtIdentity, write_ct_series
from contour.errors import InputError
from registration import Grid, Volume

_C, _S = np.cos(0.2), np.sin(0.2)


def oblique_volume() -> Volume:
    grid = Grid(
        shape_zyx=(4, 10, 14),
        spacing_zyx_mm=(3.0, 0.9, 0.9765625),
        origin_xyz_mm=(-100.123456789, -50.0, 7.0),
        axes_xyz=((0.0, -_S, _C), (0.0, _C, _S), (1.0, 0.0, 0.0)),
        frame_of_reference_uid="2.25.77",
    )
    values = np.random.default_rng(3).integers(-1024, 3071, grid.shape_zyx).astype(np.int16)
    return Volume(grid=grid, values_zyx=values)


@pytest.mark.parametrize("position", ["HFS", "HFP", "FFS", "FFP", "HFDL", "HFDR"])
def test_dciodvfy_finds_no_error_in_any_patient_position(
    tmp_path: Path, position: str, judge: Callable[[str], str]
) -> None:
    paths = write_ct_series(oblique_volume(), tmp_path, CtIdentity(seed="a", patient_position=position))
    judged = subprocess.run([judge("dciodvfy"), paths[0]], capture_output=True, text=True, check=False)
    assert "Error" not in judged.stdout + judged.stderr
    entities = subprocess.run([judge("dcentvfy"), *paths], capture_output=True, text=True, check=False)
    assert entities.returncode == 0, entities.stderr


def test_the_same_seed_writes_the_same_bytes(tmp_path: Path) -> None:
    first = write_ct_series(oblique_volume(), tmp_path / "a", CtIdentity(seed="a"))
    again = write_ct_series(oblique_volume(), tmp_path / "b", CtIdentity(seed="a"))
    other = write_ct_series(oblique_volume(), tmp_path / "c", CtIdentity(seed="b"))
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in again]
    assert pydicom.dcmread(first[0]).SOPInstanceUID != pydicom.dcmread(other[0]).SOPInstanceUID


def test_decimal_strings_stay_within_sixteen_bytes(tmp_path: Path) -> None:
    for path in write_ct_series(oblique_volume(), tmp_path, CtIdentity(seed="a")):
        for element in pydicom.dcmread(path):
            if element.VR == "DS" and element.value not in (None, ""):
                values = element.value if element.VM > 1 else [element.value]
                assert all(len(str(value)) <= 16 for value in values)


def test_true_slice_origins_are_written_when_given(tmp_path: Path) -> None:
    origins = np.array([[0.0, 1.0, 2.5], [0.0, 1.0, 5.6], [0.0, 1.0, 8.4], [0.0, 1.0, 11.5]])
    paths = write_ct_series(oblique_volume(), tmp_path, CtIdentity(seed="a"), slice_origins_xyz_mm=origins)
    found = [[float(value) for value in pydicom.dcmread(path).ImagePositionPatient] for path in paths]
    np.testing.assert_allclose(found, origins)


def test_hounsfield_units_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    volume = oblique_volume()
    hot = Volume(grid=volume.grid, values_zyx=np.full(volume.grid.shape_zyx, 32000, dtype=np.int16))
    with pytest.raises(InputError) as caught:
        write_ct_series(hot, tmp_path, CtIdentity(seed="a"))
    assert caught.value.reason == "HU_OUT_OF_RANGE"
