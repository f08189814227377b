"""What is read from good series, with SimpleITK as the outside judge of geometry and values."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk

from contour.dicom.ct_reader import read_ct_folder, read_ct_geometry, read_ct_instances
from contour.dicom.ct_series import CtSeries
from contour.dicom.ct_writer import CtIdentity, write_ct_series
from contour.dicom.instances import FileInstance
from contour.errors import SeriesRejectedError
from registration import Volume

_C, _S = np.cos(0.3), np.sin(0.3)
_POSITION_AXES = {
    "HFS": ((0.0, 0.0, 1.0), (0.0, 1.0, 0.0), (1.0, 0.0, 0.0)),
    "HFP": ((0.0, 0.0, 1.0), (0.0, -1.0, 0.0), (-1.0, 0.0, 0.0)),
    "FFS": ((0.0, 0.0, -1.0), (0.0, 1.0, 0.0), (-1.0, 0.0, 0.0)),
    "FFP": ((0.0, 0.0, -1.0), (0.0, -1.0, 0.0), (1.0, 0.0, 0.0)),
    "HFDL": ((0.0, 0.0, 1.0), (-1.0, 0.0, 0.0), (0.0, 1.0, 0.0)),
    "HFDR": ((0.0, 0.0, 1.0), (1.0, 0.0, 0.0), (0.0, -1.0, 0.0)),
}
_OBLIQUE = ((0.0, -_S, _C), (0.0, _C, _S), (1.0, 0.0, 0.0))


def edit(path: Path, **values: object) -> None:
    dataset = pydicom.dcmread(path)
    for keyword, value in values.items():
        setattr(dataset, keyword, value)
    dataset.save_as(path)


def assert_agrees_with_simpleitk(series: CtSeries, folder: Path) -> None:
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder)))
    image = reader.Execute()
    theirs_zyx = sitk.GetArrayFromImage(image)
    shape = series.grid.shape_zyx
    for index_zyx in ((0.0, 0.0, 0.0), (2.5, 7.25, 3.0), tuple(size - 1.0 for size in shape)):
        theirs_mm = image.TransformContinuousIndexToPhysicalPoint([float(value) for value in index_zyx[::-1]])
        ours_mm = series.grid.to_point_xyz_mm(np.asarray(index_zyx))
        np.testing.assert_allclose(ours_mm, theirs_mm, atol=1e-4)
    np.testing.assert_array_equal(series.volume.values_zyx, theirs_zyx)


@pytest.mark.parametrize("position", list(_POSITION_AXES))
def test_each_patient_position_is_placed_as_simpleitk_places_it(
    tmp_path: Path, make_volume: Callable[..., Volume], position: str
) -> None:
    volume = make_volume(axes_xyz=_POSITION_AXES[position])
    write_ct_series(volume, tmp_path, CtIdentity(seed="p", patient_position=position))
    series = read_ct_folder(tmp_path)
    assert series.patient_position == position
    assert series.grid.handedness == 1
    np.testing.assert_array_equal(series.volume.values_zyx, volume.values_zyx)
    assert_agrees_with_simpleitk(series, tmp_path)


def test_an_oblique_series_is_placed_as_simpleitk_places_it(tmp_path: Path, make_volume: Callable[..., Volume]) -> None:
    volume = make_volume(axes_xyz=_OBLIQUE)
    write_ct_series(volume, tmp_path, CtIdentity(seed="o"))
    series = read_ct_folder(tmp_path)
    np.testing.assert_allclose(series.grid.axes_xyz, volume.grid.axes_xyz, atol=1e-9)
    np.testing.assert_allclose(series.grid.spacing_zyx_mm, (3.0, 0.9, 1.2), atol=1e-9)
    assert_agrees_with_simpleitk(series, tmp_path)
    for place in (0, 4, 8):
        expected = volume.grid.to_point_xyz_mm(np.array([place, 0.0, 0.0]))
        np.testing.assert_allclose(series.slices[place].origin_xyz_mm, expected, atol=1e-9)


def test_slices_written_from_the_other_end_come_out_along_the_normal(
    tmp_path: Path, make_volume: Callable[..., Volume]
) -> None:
    downwards = make_volume(axes_xyz=((0.0, 0.0, -1.0), (0.0, 1.0, 0.0), (1.0, 0.0, 0.0)))
    identity = CtIdentity(seed="d")
    write_ct_series(downwards, tmp_path, identity)
    series = read_ct_folder(tmp_path)
    assert series.grid.axes_xyz[0] == (0.0, 0.0, 1.0)
    np.testing.assert_array_equal(series.volume.values_zyx, downwards.values_zyx[::-1])
    assert series.slices[0].sop_instance_uid == identity.sop_instance_uid(8)
    assert series.slices[0].origin_xyz_mm == pytest.approx((-31.25, -140.5, 612.0 - 24.0))


def test_slope_and_intercept_of_each_slice_are_applied(series: list[Path], make_volume: Callable[..., Volume]) -> None:
    edit(series[2], RescaleSlope="2", RescaleIntercept="-100")
    values = read_ct_folder(series[0].parent).volume.values_zyx
    expected = make_volume().values_zyx.copy()
    expected[2] = (expected[2].astype(int) + 1024) * 2 - 100
    assert values.dtype == np.int16
    np.testing.assert_array_equal(values, expected)


def test_fractions_of_hounsfield_units_are_kept_as_float32(
    series: list[Path], make_volume: Callable[..., Volume]
) -> None:
    edit(series[2], RescaleSlope="0.5")
    values = read_ct_folder(series[0].parent).volume.values_zyx
    assert values.dtype == np.float32
    np.testing.assert_allclose(values[2], (make_volume().values_zyx[2].astype(float) + 1024) * 0.5 - 1024)


def test_values_that_int16_cannot_hold_are_kept_as_float32(
    series: list[Path], make_volume: Callable[..., Volume]
) -> None:
    edit(series[2], RescaleIntercept="32000")
    values = read_ct_folder(series[0].parent).volume.values_zyx
    assert values.dtype == np.float32
    np.testing.assert_array_equal(values[2], make_volume().values_zyx[2].astype(float) + 1024 + 32000)


def test_unsigned_twelve_bit_pixels_ignore_what_stands_above_them(series: list[Path]) -> None:
    dataset = pydicom.dcmread(series[3])
    stored = np.arange(dataset.Rows * dataset.Columns, dtype="<u2") % 4096
    edit(series[3], BitsStored=12, HighBit=11, PixelRepresentation=0, PixelData=(stored | 0xF000).tobytes())
    values = read_ct_folder(series[0].parent).volume.values_zyx
    np.testing.assert_array_equal(values[3].ravel(), stored.astype(int) - 1024)


def test_signed_twelve_bit_pixels_keep_their_sign(series: list[Path]) -> None:
    dataset = pydicom.dcmread(series[3])
    wanted = np.arange(dataset.Rows * dataset.Columns) % 4096 - 2048
    stored = (wanted.astype("<i2").view("<u2") & 0x0FFF).tobytes()
    edit(series[3], BitsStored=12, HighBit=11, RescaleIntercept="0", PixelData=stored)
    values = read_ct_folder(series[0].parent).volume.values_zyx
    np.testing.assert_array_equal(values[3].ravel(), wanted)


def test_small_variation_of_the_steps_is_told_and_true_positions_are_kept(
    tmp_path: Path, make_volume: Callable[..., Volume], identity: CtIdentity
) -> None:
    volume = make_volume()
    origins = np.tile(np.asarray(volume.grid.origin_xyz_mm), (9, 1))
    origins[:, 2] += 3.0 * np.arange(9) + np.array([0, 0.1, -0.1, 0.05, 0, 0.1, -0.1, 0.1, 0])
    write_ct_series(volume, tmp_path, identity, slice_origins_xyz_mm=origins)
    series = read_ct_folder(tmp_path)
    assert [warning.reason for warning in series.warnings] == ["NON_UNIFORM_SPACING"]
    assert dict(series.warnings[0].measured) == {"smallest_step_mm": "2.800", "largest_step_mm": "3.200"}
    np.testing.assert_allclose(series.slice_origins_xyz_mm, origins)
    grid_mm = series.grid.to_point_xyz_mm(np.array([[place, 0.0, 0.0] for place in range(9)]))
    assert np.abs(grid_mm - origins).max() < 0.15


def test_slice_thickness_is_not_the_slice_step(tmp_path: Path, make_volume: Callable[..., Volume]) -> None:
    write_ct_series(make_volume(), tmp_path, CtIdentity(seed="t", slice_thickness_mm=5.0))
    assert read_ct_folder(tmp_path).grid.spacing_zyx_mm[0] == pytest.approx(3.0)


def test_instances_in_memory_and_in_files_read_alike(series: list[Path]) -> None:
    from_folder = read_ct_folder(series[0].parent)
    mixed = [path.read_bytes() for path in series[:4]] + [FileInstance(path) for path in reversed(series[4:])]
    from_instances = read_ct_instances(mixed)
    np.testing.assert_array_equal(from_folder.volume.values_zyx, from_instances.volume.values_zyx)
    assert from_folder.slices == from_instances.slices


def test_the_header_carries_what_a_structure_set_repeats(tmp_path: Path, make_volume: Callable[..., Volume]) -> None:
    identity = CtIdentity(seed="h", patient_name="Müller^Zoë", patient_id="4711", patient_sex="F")
    write_ct_series(make_volume(), tmp_path, identity)
    series = read_ct_folder(tmp_path)
    assert series.header.PatientName == "Müller^Zoë"
    assert series.header.SpecificCharacterSet == "ISO_IR 192"
    assert series.header.PatientSex == "F"
    assert series.header.StudyInstanceUID == series.study_instance_uid == identity.study_instance_uid
    assert series.header.FrameOfReferenceUID == series.frame_of_reference_uid == "2.25.77"
    for keyword in ("PatientBirthDate", "AccessionNumber", "ReferringPhysicianName", "PositionReferenceIndicator"):
        assert series.header[keyword].value == ""
    assert "4711" not in repr(series)


def test_a_latin_1_name_is_decoded_by_its_own_character_set(series: list[Path]) -> None:
    for path in series:
        edit(path, SpecificCharacterSet="ISO_IR 100", PatientName="Müller^Zoë")
    assert read_ct_folder(series[0].parent).header.PatientName == "Müller^Zoë"


def test_empty_uids_are_derived_the_same_way_each_time_and_told(series: list[Path]) -> None:
    for path in series:
        edit(path, StudyInstanceUID="", SeriesInstanceUID="", FrameOfReferenceUID="")
    first, again = read_ct_folder(series[0].parent), read_ct_folder(series[0].parent)
    assert first.warnings[0].reason == "MISSING_UID"
    assert first.series_instance_uid == again.series_instance_uid
    assert first.series_instance_uid.startswith("2.25.")
    assert first.header.FrameOfReferenceUID == again.frame_of_reference_uid


def test_reading_tells_how_far_it_is(series: list[Path]) -> None:
    told: list[float] = []
    read_ct_folder(series[0].parent, on_fraction=told.append)
    assert told == sorted(told)
    assert told[-1] == 1.0
    assert len(told) == 9


def test_a_series_geometry_is_read_without_its_pixels(series: list[Path]) -> None:
    whole = read_ct_folder(series[0].parent)
    edit(series[4], PixelData=b"\0\0")
    with pytest.raises(SeriesRejectedError):
        read_ct_folder(series[0].parent)
    alone = read_ct_geometry([FileInstance(path) for path in series[::-1]])
    assert (alone.grid, alone.slices, alone.patient_position) == (whole.grid, whole.slices, whole.patient_position)
    assert alone.header == whole.header
    assert set(np.unique(alone.volume.values_zyx)) == {-1024}
    assert alone.volume.values_zyx.strides == (0, 0, 0)
