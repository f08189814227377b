from io import BytesIO

import numpy as np
import pydicom
import pytest

from contour.anatomy.structures import crop_to_structure
from contour.dicom.decimal_text import decimal_string, decimal_strings
from contour.dicom.rtstruct_writer import build_rtstruct, leave_out_empty
from contour.errors import InputError
from tests.rtstruct_cases import (
    DOWNWARD,
    FEET_FIRST_PRONE,
    FRAME,
    ball,
    make_grid,
    make_header,
    make_series,
    make_settings,
    oblique_axes,
    some_structures,
)


def parsed(data):
    return pydicom.dcmread(BytesIO(data))


@pytest.fixture(scope="module")
def dataset():
    grid = make_grid()
    return parsed(build_rtstruct(make_series(grid), some_structures(grid), make_settings()))


def test_numbers_are_short_and_exact_to_a_thousandth():
    values = np.array([0.0, -0.0004, 12.5, -12.3456, 100.0, -7.0005001, 9998.999, 0.05, -0.1])
    text, starts = decimal_strings(values)
    assert text == b"0\\0\\12.5\\-12.346\\100\\-7.001\\9998.999\\0.05\\-0.1\\"
    assert [int(place) for place in starts[:3]] == [0, 2, 4]
    random = np.random.default_rng(1).uniform(-900, 900, 5000)
    back = np.array([float(word) for word in decimal_strings(random)[0].split(b"\\")[:-1]])
    assert np.abs(back - random).max() <= 0.0005 + 1e-9
    assert decimal_string(-3.25) == "-3.25"


@pytest.mark.parametrize("bad", [np.nan, np.inf, 10_000.0])
def test_a_coordinate_no_scanner_can_reach_is_refused(bad):
    with pytest.raises(InputError, match="COORDINATE_OUT_OF_RANGE"):
        decimal_strings(np.array([1.0, bad]))


def test_every_decimal_string_fits_sixteen_bytes_and_three_decimals():
    grid = make_grid(axes_xyz=oblique_axes())
    found = parsed(build_rtstruct(make_series(grid), some_structures(grid), make_settings()))
    for roi in found.ROIContourSequence:
        for contour in roi.ContourSequence:
            words = contour.get_item("ContourData").value.rstrip(b" ").split(b"\\")
            assert max(map(len, words)) <= 9
            assert len(words) == 3 * contour.NumberOfContourPoints >= 12
            assert len(contour.get_item("ContourData").value) % 2 == 0


def test_roi_numbers_agree_in_all_three_sequences(dataset):
    numbers = [item.ROINumber for item in dataset.StructureSetROISequence]
    assert numbers == [1, 2, 3]
    assert [item.ReferencedROINumber for item in dataset.ROIContourSequence] == numbers
    assert [item.ReferencedROINumber for item in dataset.RTROIObservationsSequence] == numbers


def test_the_header_says_who_made_it_and_that_nobody_approved_it(dataset):
    assert dataset.Manufacturer == dataset.ManufacturerModelName == "contour-rt"
    assert dataset.SoftwareVersions[1] == "phantom 1.0"
    assert dataset.ApprovalStatus == "UNAPPROVED"
    assert "not a medical device" in dataset.StructureSetDescription
    assert {item.ROIGenerationAlgorithm for item in dataset.StructureSetROISequence} == {"AUTOMATIC"}
    assert {item.ROIGenerationDescription for item in dataset.StructureSetROISequence} == {"phantom 1.0"}
    assert (dataset.StructureSetDate, dataset.StructureSetTime) == ("20260304", "050607")
    assert (dataset.SOPInstanceUID, dataset.SeriesInstanceUID) == ("2.25.5000", "2.25.5001")
    assert dataset.file_meta.TransferSyntaxUID.is_implicit_VR
    assert dataset.file_meta.MediaStorageSOPInstanceUID == dataset.SOPInstanceUID


def test_references_are_complete_and_the_frame_is_listed_once(dataset):
    (frame,) = dataset.ReferencedFrameOfReferenceSequence
    assert frame.FrameOfReferenceUID == dataset.FrameOfReferenceUID == FRAME
    (study,) = frame.RTReferencedStudySequence
    (series,) = study.RTReferencedSeriesSequence
    assert study.ReferencedSOPInstanceUID == dataset.StudyInstanceUID == "2.25.71"
    assert series.SeriesInstanceUID == "2.25.72"
    images = [image.ReferencedSOPInstanceUID for image in series.ContourImageSequence]
    assert images == [f"2.25.70{number}" for number in range(14)]


def test_types_and_colours_follow_the_name(dataset):
    kinds = [item.RTROIInterpretedType for item in dataset.RTROIObservationsSequence]
    assert kinds == ["ORGAN", "EXTERNAL", "ORGAN"]
    assert list(dataset.ROIContourSequence[1].ROIDisplayColor) == [0, 255, 0]


@pytest.mark.parametrize("axes", [oblique_axes(), FEET_FIRST_PRONE, DOWNWARD], ids=["oblique", "ffp", "downward"])
def test_each_contour_lies_in_the_plane_of_the_image_it_names_around_the_bodys_centre(axes):
    grid = make_grid(axes_xyz=axes)
    series = make_series(grid)
    centre_zyx = (8.0, 15.0, 42.0)
    found = parsed(build_rtstruct(series, [ball(grid, "Parotid_L", centre_zyx, 7.0)], make_settings()))
    origins = {reference.sop_instance_uid: np.array(reference.origin_xyz_mm) for reference in series.slices}
    points = []
    for contour in found.ROIContourSequence[0].ContourSequence:
        origin = origins[contour.ContourImageSequence[0].ReferencedSOPInstanceUID]
        own = np.array(contour.ContourData, dtype=float).reshape(-1, 3)
        assert np.abs((own - origin) @ np.array(axes[0])).max() < 0.001
        points.append(own.mean(axis=0))
    middle = np.mean(points, axis=0)
    assert middle == pytest.approx(grid.to_point_xyz_mm(np.array(centre_zyx)), abs=0.7)


def test_contours_lie_at_the_true_slice_positions_not_at_the_regular_ones():
    grid = make_grid()
    origins = grid.to_point_xyz_mm(np.stack([np.arange(14), np.zeros(14), np.zeros(14)], axis=1))
    origins[:, 2] += np.linspace(-0.2, 0.2, 14) ** 3 * 10 + 0.013
    series = make_series(grid, origins_xyz_mm=origins)
    found = parsed(build_rtstruct(series, some_structures(grid)[:1], make_settings()))
    true_z = {reference.sop_instance_uid: reference.origin_xyz_mm[2] for reference in series.slices}
    for contour in found.ROIContourSequence[0].ContourSequence:
        z = true_z[contour.ContourImageSequence[0].ReferencedSOPInstanceUID]
        assert {float(value) for value in contour.ContourData[2::3]} == {round(z, 3)}


def test_a_hole_is_one_keyholed_polygon_per_slice():
    grid = make_grid()
    found = parsed(build_rtstruct(make_series(grid), some_structures(grid)[1:2], make_settings()))
    contours = found.ROIContourSequence[0].ContourSequence
    images = [contour.ContourImageSequence[0].ReferencedSOPInstanceUID for contour in contours]
    assert len(set(images)) == len(images)
    assert {contour.ContourGeometricType for contour in contours} == {"CLOSED_PLANAR"}


def test_a_contour_of_more_than_65534_bytes_is_whole():
    grid = make_grid((1, 700, 700), (2.0, 0.3, 0.3))
    mask = np.zeros(grid.shape_zyx, dtype=np.bool_)
    mask[0, 2:-2, 2:-2:2] = True  # a comb: a long way round
    mask[0, 350, 2:-2] = True
    structure = crop_to_structure("GTVp", grid, mask)
    data = build_rtstruct(make_series(grid), [structure], make_settings())
    item = parsed(data).ROIContourSequence[0].ContourSequence[0].get_item("ContourData")
    assert len(item.value) > 65_534


def test_aliases_become_tg263_names():
    grid = make_grid()
    structure = ball(grid, "left parotid gland", (8.0, 15.0, 42.0), 7.0)
    found = parsed(build_rtstruct(make_series(grid), [structure], make_settings()))
    assert found.StructureSetROISequence[0].ROIName == "Parotid_L"
    assert found.RTROIObservationsSequence[0].ROIObservationLabel == "Parotid_L"


def test_a_name_outside_ascii_in_the_header_survives():
    grid = make_grid()
    for declared in ("ISO_IR 100", "ISO_IR 192"):
        header = make_header(PatientName="Müller^Jörg", PatientID="p1")
        header.SpecificCharacterSet = declared
        found = parsed(build_rtstruct(make_series(grid, header=header), some_structures(grid), make_settings()))
        assert str(found.PatientName) == "Müller^Jörg"
        assert found.SpecificCharacterSet == declared
    header = make_header(PatientName="山田^太郎")
    header.SpecificCharacterSet = "ISO_IR 100"
    found = parsed(build_rtstruct(make_series(grid, header=header), some_structures(grid), make_settings()))
    assert (str(found.PatientName), found.SpecificCharacterSet) == ("山田^太郎", "ISO_IR 192")


def test_a_predecessor_is_named_where_there_is_one():
    grid = make_grid()
    settings = make_settings(predecessor_sop_instance_uid="2.25.42")
    found = parsed(build_rtstruct(make_series(grid), some_structures(grid), settings))
    assert found.PredecessorStructureSetSequence[0].ReferencedSOPInstanceUID == "2.25.42"


def test_the_same_input_gives_the_same_bytes():
    grid = make_grid()
    first, second = (build_rtstruct(make_series(grid), some_structures(grid), make_settings()) for _ in range(2))
    assert first == second


def test_an_empty_structure_is_refused_by_name_or_left_out_with_a_finding():
    grid = make_grid()
    empty = crop_to_structure("Larynx", grid, np.zeros(grid.shape_zyx, dtype=np.bool_))
    structures = [*some_structures(grid), empty]
    with pytest.raises(InputError, match=r"EMPTY_STRUCTURE: Larynx"):
        build_rtstruct(make_series(grid), structures, make_settings())
    kept, findings = leave_out_empty(structures)
    assert [one.name for one in kept] == ["Parotid_L", "External", "SpinalCord"]
    assert [(one.reason, one.message.split()[0]) for one in findings] == [("EMPTY_STRUCTURE", "Larynx")]


@pytest.mark.parametrize(
    ("names", "reason"),
    [
        ((), "NO_STRUCTURES"),
        (("A name of seventeen",), "BAD_ROI_NAME"),
        (("Größe",), "BAD_ROI_NAME"),
        (("lesion", "Lesion"), "DUPLICATE_ROI_NAME"),
        (("Parotid_L", "left parotid"), "DUPLICATE_ROI_NAME"),
    ],
)
def test_names_a_planning_system_would_trip_over_are_refused(names, reason):
    grid = make_grid()
    structures = [ball(grid, name, (8.0, 15.0, 42.0), 7.0) for name in names]
    with pytest.raises(InputError, match=reason):
        build_rtstruct(make_series(grid), structures, make_settings())


def test_a_structure_from_another_grid_is_refused():
    grid, other = make_grid(), make_grid(origin_xyz_mm=(-31.7, -22.3, -110.6))
    with pytest.raises(InputError, match="GRID_MISMATCH"):
        build_rtstruct(make_series(grid), some_structures(other), make_settings())


@pytest.mark.parametrize("label", ["", "  ", "seventeen letters", "a\\b", "Größe"])
def test_a_label_that_sh_cannot_hold_is_refused(label):
    with pytest.raises(InputError, match="BAD_LABEL"):
        make_settings(label=label)
