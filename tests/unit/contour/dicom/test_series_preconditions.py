"""Each precondition broken in an otherwise good series is refused by its own name, with what was measured."""

import os
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.uid import CTImageStorage, EnhancedCTImageStorage, MRImageStorage, RTStructureSetStorage

from contour.dicom.ct_reader import read_ct_folder, read_ct_instances
from contour.dicom.ct_writer import CtIdentity, write_ct_series
from contour.dicom.instances import FileInstance
from contour.errors import ContourError, NotFoundError, SeriesRejectedError
from registration import Volume

Refusal = Callable[..., ContourError]


def edit(path: Path, **values: object) -> None:
    dataset = pydicom.dcmread(path)
    for keyword, value in values.items():
        if value is None:
            delattr(dataset, keyword)
        else:
            setattr(dataset, keyword, value)
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    dataset.save_as(path)


def move(path: Path, **steps_mm: float) -> None:
    position = [float(value) for value in pydicom.dcmread(path).ImagePositionPatient]
    for axis, step_mm in steps_mm.items():
        position["xyz".index(axis)] += step_mm
    edit(path, ImagePositionPatient=position)


def measured(error: ContourError) -> dict[str, str]:
    assert isinstance(error, SeriesRejectedError)
    return dict(error.findings[0].measured)


def test_two_missing_slices_are_listed_by_position(series: list[Path], refusal_of: Refusal) -> None:
    series[3].unlink()
    series[6].unlink()
    error = refusal_of(series[0].parent)
    assert error.reason == "MISSING_SLICE"
    assert measured(error)["positions_mm"] == "621.00, 630.00"
    assert measured(error)["usual_step_mm"] == "3.000"


def test_two_missing_slices_side_by_side_are_both_listed(series: list[Path], refusal_of: Refusal) -> None:
    series[3].unlink()
    series[4].unlink()
    assert measured(refusal_of(series[0].parent))["positions_mm"] == "621.00, 624.00"


def test_a_copy_of_a_slice_is_a_duplicate(series: list[Path], refusal_of: Refusal) -> None:
    (series[0].parent / "again.dcm").write_bytes(series[2].read_bytes())
    error = refusal_of(series[0].parent)
    assert error.reason == "DUPLICATE_SLICE"
    assert measured(error)["positions_mm"] == "618.00"


def test_another_instance_at_the_same_place_is_a_duplicate(series: list[Path], refusal_of: Refusal) -> None:
    (series[0].parent / "again.dcm").write_bytes(series[2].read_bytes())
    edit(series[0].parent / "again.dcm", SOPInstanceUID="2.25.99")
    assert refusal_of(series[0].parent).reason == "DUPLICATE_SLICE"


def test_one_uid_for_two_places_is_refused(series: list[Path], refusal_of: Refusal) -> None:
    edit(series[4], SOPInstanceUID=pydicom.dcmread(series[5]).SOPInstanceUID)
    assert refusal_of(series[0].parent).reason == "DUPLICATE_INSTANCE"


def test_a_slice_moved_by_half_a_step_is_non_uniform(series: list[Path], refusal_of: Refusal) -> None:
    move(series[4], z=1.4)
    error = refusal_of(series[0].parent)
    assert error.reason == "NON_UNIFORM_SPACING"
    assert measured(error)["largest_step_mm"] == "4.400"


def test_steps_that_change_half_way_are_non_uniform(series: list[Path], refusal_of: Refusal) -> None:
    for place, path in enumerate(series[5:], start=1):
        move(path, z=2.0 * place)
    assert refusal_of(series[0].parent).reason == "NON_UNIFORM_SPACING"


def test_slowly_growing_steps_that_leave_the_regular_grid_are_non_uniform(
    tmp_path: Path, make_volume: Callable[..., Volume], identity: CtIdentity, refusal_of: Refusal
) -> None:
    origins = np.tile(np.asarray(make_volume().grid.origin_xyz_mm), (60, 1))
    origins[:, 2] += np.concatenate([[0.0], np.cumsum(np.linspace(2.85, 3.15, 59))])
    write_ct_series(make_volume(slices=60), tmp_path, identity, slice_origins_xyz_mm=origins)
    error = refusal_of(tmp_path)
    assert error.reason == "NON_UNIFORM_SPACING"
    assert float(measured(error)["off_grid_mm"]) > 0.75


@pytest.mark.parametrize("tilt_deg", [1.0, 12.5, -20.0])
def test_a_tilted_gantry_is_refused_with_its_angle(series: list[Path], refusal_of: Refusal, tilt_deg: float) -> None:
    for place, path in enumerate(series):
        move(path, y=place * 3.0 * np.tan(np.radians(tilt_deg)))
    error = refusal_of(series[0].parent)
    assert error.reason == "GANTRY_TILT"
    assert float(measured(error)["tilt_deg"]) == pytest.approx(abs(tilt_deg), abs=0.01)


def test_turned_image_planes_on_a_straight_couch_are_a_tilted_gantry(series: list[Path], refusal_of: Refusal) -> None:
    cosine, sine = np.cos(np.radians(15)), np.sin(np.radians(15))
    for path in series:
        edit(path, ImageOrientationPatient=[1, 0, 0, 0, round(cosine, 9), round(-sine, 9)])
    error = refusal_of(series[0].parent)
    assert error.reason == "GANTRY_TILT"
    assert measured(error)["tilt_deg"] == "15.00"


def test_a_tilt_that_only_the_attribute_claims_is_a_warning(series: list[Path]) -> None:
    edit(series[0], GantryDetectorTilt="15")
    assert [warning.reason for warning in read_ct_folder(series[0].parent).warnings] == ["GANTRY_TILT_ATTRIBUTE"]


def test_a_slice_pushed_sideways_is_refused(series: list[Path], refusal_of: Refusal) -> None:
    move(series[4], x=2.0)
    error = refusal_of(series[0].parent)
    assert error.reason == "MIXED_GEOMETRY"
    assert measured(error)["positions_mm"] == "624.00"


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"FrameOfReferenceUID": "2.25.78"}, "MIXED_FRAMES_OF_REFERENCE"),
        ({"FrameOfReferenceUID": ""}, "MIXED_FRAMES_OF_REFERENCE"),
        ({"PatientID": "SENTINEL-other"}, "MIXED_PATIENTS"),
        ({"StudyInstanceUID": "2.25.79"}, "MIXED_STUDIES"),
        ({"PatientPosition": "FFS"}, "MIXED_PATIENT_POSITIONS"),
        ({"PixelSpacing": [0.9, 0.9]}, "MIXED_GEOMETRY"),
        ({"ImageOrientationPatient": [0, 1, 0, 1, 0, 0]}, "MIXED_GEOMETRY"),
        ({"Rows": 44, "Columns": 52}, "MIXED_GEOMETRY"),
        ({"ImageOrientationPatient": [1, 0, 0, 1, 0, 0]}, "BAD_ATTRIBUTE"),
        ({"ImagePositionPatient": None}, "MISSING_ATTRIBUTE"),
        ({"RescaleSlope": None}, "MISSING_ATTRIBUTE"),
        ({"RescaleSlope": "0"}, "BAD_ATTRIBUTE"),
        ({"RescaleType": "ED"}, "NOT_HOUNSFIELD_UNITS"),
        ({"PixelSpacing": [0.0, 0.9]}, "BAD_ATTRIBUTE"),
        ({"PixelSpacing": None}, "MISSING_ATTRIBUTE"),
        ({"NumberOfFrames": "2"}, "UNSUPPORTED_PIXEL_FORMAT"),
        ({"SamplesPerPixel": 3}, "UNSUPPORTED_PIXEL_FORMAT"),
        ({"PixelData": b"\0" * 100}, "TRUNCATED_PIXEL_DATA"),
        ({"PixelData": None}, "TRUNCATED_PIXEL_DATA"),
    ],
    ids=lambda value: value if isinstance(value, str) else "-".join(value),
)
def test_one_slice_that_differs_is_refused_by_name(
    series: list[Path], refusal_of: Refusal, values: dict[str, object], reason: str
) -> None:
    edit(series[4], **values)
    assert refusal_of(series[0].parent).reason == reason


def test_every_finding_is_reported_not_only_the_first(series: list[Path], refusal_of: Refusal) -> None:
    edit(series[2], RescaleSlope=None)
    edit(series[5], PixelData=None)
    error = refusal_of(series[0].parent)
    assert isinstance(error, SeriesRejectedError)
    assert sorted(finding.reason for finding in error.findings) == ["MISSING_ATTRIBUTE", "TRUNCATED_PIXEL_DATA"]


def test_what_many_slices_lack_is_told_once(series: list[Path], refusal_of: Refusal) -> None:
    for path in series:
        edit(path, RescaleSlope=None)
    error = refusal_of(series[0].parent)
    assert isinstance(error, SeriesRejectedError)
    assert len(error.findings) == 1
    assert measured(error)["count"] == "9"
    assert error.message.endswith("CT.0005.dcm and 4 more)")


@pytest.mark.parametrize("left", [1, 2])
def test_too_few_slices_are_counted(series: list[Path], refusal_of: Refusal, left: int) -> None:
    for path in series[left:]:
        path.unlink()
    error = refusal_of(series[0].parent)
    assert error.reason == "TOO_FEW_SLICES"
    assert measured(error)["slices"] == str(left)


@pytest.mark.parametrize("spacing_mm", [(3.0, 0.05, 0.05), (3.0, 0.5, 0.5), (3.0, 30.0, 30.0), (25.0, 0.9, 1.2)])
def test_an_implausible_field_of_view_is_refused(
    tmp_path: Path,
    make_volume: Callable[..., Volume],
    identity: CtIdentity,
    refusal_of: Refusal,
    spacing_mm: tuple[float, float, float],
) -> None:
    write_ct_series(make_volume(spacing_zyx_mm=spacing_mm), tmp_path, identity)
    assert refusal_of(tmp_path).reason == "FIELD_OF_VIEW"


@pytest.mark.parametrize("kept", [0.3, 0.9, 0.999])
def test_a_truncated_file_is_refused(series: list[Path], refusal_of: Refusal, kept: float) -> None:
    data = series[4].read_bytes()
    series[4].write_bytes(data[: int(len(data) * kept)])
    error = refusal_of(series[0].parent)
    assert error.reason == "TRUNCATED_PIXEL_DATA"
    assert measured(error)["instance"] == "CT.0005.dcm"


def test_a_file_cut_within_its_header_is_refused(series: list[Path], refusal_of: Refusal) -> None:
    series[4].write_bytes(series[4].read_bytes()[:700])
    assert refusal_of(series[0].parent).reason == "TRUNCATED_FILE"


@pytest.mark.parametrize("tag", [(0xFFFC, 0x0010), (0x0040, 0xA730)])
def test_twenty_thousand_nested_sequences_are_refused(
    series: list[Path], refusal_of: Refusal, tag: tuple[int, int]
) -> None:
    level = struct.pack("<HH2sHI", *tag, b"SQ", 0, 0xFFFFFFFF) + struct.pack("<HHI", 0xFFFE, 0xE000, 0xFFFFFFFF)
    with series[4].open("ab") as file:
        file.write(level * 20_000)
    assert refusal_of(series[0].parent).reason == "NESTED_TOO_DEEP"


def test_an_empty_folder_is_refused(tmp_path: Path, refusal_of: Refusal) -> None:
    assert refusal_of(tmp_path).reason == "EMPTY_FOLDER"


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path, refusal_of: Refusal) -> None:
    assert refusal_of(tmp_path / "nowhere").reason == "NO_SUCH_FOLDER"


def test_text_files_are_no_dicom(tmp_path: Path, refusal_of: Refusal) -> None:
    (tmp_path / "notes.txt").write_text("SENTINEL was here")
    (tmp_path / "empty").touch()
    assert refusal_of(tmp_path).reason == "NO_DICOM"


def test_a_pipe_among_the_files_is_not_opened(series: list[Path]) -> None:
    os.mkfifo(series[0].parent / "pipe")
    assert [warning.reason for warning in read_ct_folder(series[0].parent).warnings] == ["NOT_DICOM"]


def test_magnetic_resonance_is_not_ct(series: list[Path], refusal_of: Refusal) -> None:
    for path in series:
        edit(path, SOPClassUID=MRImageStorage, Modality="MR")
    error = refusal_of(series[0].parent)
    assert error.reason == "NOT_CT"
    assert "MR Image Storage" in str(error)


def test_another_modality_in_ct_image_storage_is_not_ct(series: list[Path], refusal_of: Refusal) -> None:
    for path in series:
        edit(path, Modality="MR")
    assert refusal_of(series[0].parent).reason == "NOT_CT"


@pytest.mark.parametrize("values", [{"SOPClassUID": MRImageStorage, "Modality": "MR"}, {"Modality": "MR"}])
def test_a_foreign_slice_at_the_end_of_a_series_is_not_dropped(
    series: list[Path], refusal_of: Refusal, values: dict[str, str]
) -> None:
    edit(series[-1], **values)
    assert refusal_of(series[0].parent).reason == "NOT_CT"


def test_enhanced_ct_is_refused_by_name(series: list[Path], refusal_of: Refusal) -> None:
    for path in series:
        edit(path, SOPClassUID=EnhancedCTImageStorage)
    assert refusal_of(series[0].parent).reason == "ENHANCED_CT"


def test_localisers_reports_and_texts_are_set_aside_by_name(series: list[Path]) -> None:
    folder = series[0].parent
    (folder / "sub").mkdir()
    for name in ("scout.dcm", "sub/RS.dcm"):
        (folder / name).write_bytes(series[2].read_bytes())
    edit(folder / "scout.dcm", ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"], SOPInstanceUID="2.25.5")
    edit(folder / "sub/RS.dcm", SOPClassUID=RTStructureSetStorage, Modality="RTSTRUCT", SOPInstanceUID="2.25.6")
    (folder / "notes.txt").write_text("no DICOM")
    read = read_ct_folder(folder)
    assert read.grid.shape_zyx[0] == 9
    aside = {warning.reason: dict(warning.measured) for warning in read.warnings}
    assert aside["LOCALIZER"]["instances"] == "scout.dcm"
    assert aside["NOT_CT"] == {"what": "RT Structure Set Storage", "count": "1", "instances": "RS.dcm"}
    assert aside["NOT_DICOM"]["instances"] == "notes.txt"


def test_two_series_are_told_apart_and_never_mixed(
    series: list[Path], make_volume: Callable[..., Volume], identity: CtIdentity, refusal_of: Refusal
) -> None:
    other = CtIdentity(seed="series", series_number=2, patient_name=identity.patient_name, patient_id="SENTINEL-4711")
    write_ct_series(make_volume(slices=5), series[0].parent / "other", other)
    error = refusal_of(series[0].parent)
    assert error.reason == "MULTIPLE_SERIES"
    for one, slices in ((identity, 9), (other, 5)):
        assert f"{one.series_instance_uid} ({slices} slices)" in str(error)
        chosen = read_ct_folder(series[0].parent, series_instance_uid=one.series_instance_uid)
        assert chosen.grid.shape_zyx[0] == slices
        assert chosen.series_instance_uid == one.series_instance_uid
        assert [warning.reason for warning in chosen.warnings] == ["OTHER_SERIES"]


def test_a_series_that_is_not_there_is_not_found(series: list[Path], refusal_of: Refusal) -> None:
    error = refusal_of(series[0].parent, series_instance_uid="2.25.404")
    assert isinstance(error, NotFoundError)
    assert error.reason == "SERIES_NOT_FOUND"


def test_a_series_of_one_image_is_set_aside_beside_a_whole_one(series: list[Path]) -> None:
    stray = series[0].parent / "protocol.dcm"
    stray.write_bytes(series[2].read_bytes())
    edit(stray, SOPInstanceUID="2.25.7", SeriesInstanceUID="2.25.8")
    read = read_ct_folder(series[0].parent)
    assert read.grid.shape_zyx[0] == 9
    assert [warning.reason for warning in read.warnings] == ["OTHER_SERIES"]


def test_a_file_that_changes_between_the_two_passes_is_refused(series: list[Path]) -> None:
    class Growing:
        label = "growing"

        def __init__(self) -> None:
            self.reads = 0

        def read_bytes(self) -> bytes:
            self.reads += 1
            data = series[4].read_bytes()
            return data if self.reads == 1 else data.replace(b"2.25.77\0", b"2.25.78\0")

    sources = [Growing() if place == 4 else FileInstance(path) for place, path in enumerate(series)]
    with pytest.raises(SeriesRejectedError) as caught:
        read_ct_instances(sources)
    assert caught.value.reason == "CHANGED_WHILE_READING"


def test_the_class_of_a_slice_is_ct_image_storage(series: list[Path]) -> None:
    assert {one.sop_class_uid for one in read_ct_folder(series[0].parent).slices} == {CTImageStorage}
