import copy
import json
from io import BytesIO

import numpy as np
import pydicom
import pytest

from contour.dicom.rtstruct_lint import lint_rtstruct
from contour.dicom.rtstruct_writer import build_rtstruct
from tests.rtstruct_cases import make_grid, make_header, make_series, make_settings, oblique_axes, some_structures

GRID = make_grid()
SERIES = make_series(GRID, header=make_header(PatientID="p1"))
STRUCTURES = some_structures(GRID)
DATA = build_rtstruct(SERIES, STRUCTURES, make_settings())


def lint(edit):
    dataset = pydicom.dcmread(BytesIO(DATA))
    edit(dataset)
    buffer = BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    return lint_rtstruct(buffer.getvalue(), SERIES)


def contours(dataset, roi=0):
    return dataset.ROIContourSequence[roi].ContourSequence


def points_of(contour):
    return np.array(contour.ContourData, dtype=float).reshape(-1, 3)


def put(contour, points):
    contour.ContourData = [f"{value:.3f}" for value in np.asarray(points).ravel()]
    contour.NumberOfContourPoints = len(points)


def shift_z(dataset, mm):
    for contour in contours(dataset):
        put(contour, points_of(contour) + np.array([0, 0, mm]))


def repeat_first(dataset):
    contour = contours(dataset)[0]
    put(contour, np.vstack([points_of(contour), points_of(contour)[:1]]))


def tilt(dataset):
    contour = contours(dataset)[0]
    points = points_of(contour)
    points[::2, 2] += 0.2
    put(contour, points)


def bow_tie(dataset):
    contour = contours(dataset)[2]
    points = points_of(contour)
    points[[1, 4]] = points[[4, 1]]
    put(contour, points)


def push_out(dataset):
    contour = contours(dataset)[0]
    put(contour, points_of(contour) + np.array([200.0, 0, 0]))


def push_halfway_out(dataset):
    contour = contours(dataset)[0]
    put(contour, points_of(contour) + np.array([20.0, 0, 0]))


def ring_in_ring(dataset):
    contour = contours(dataset)[2]
    points = points_of(contour)
    inner = copy.deepcopy(contour)
    put(inner, points.mean(axis=0) + 0.5 * (points - points.mean(axis=0)))
    contours(dataset).append(inner)


def xor_keyholes(dataset):
    for contour in contours(dataset, 1):
        contour.ContourGeometricType = "CLOSEDPLANAR_XOR"


def swap_reference(dataset):
    one, other = contours(dataset)[:2]
    one.ContourImageSequence, other.ContourImageSequence = other.ContourImageSequence, one.ContourImageSequence


def strange_reference(dataset):
    contours(dataset)[0].ContourImageSequence[0].ReferencedSOPInstanceUID = "2.25.3"


def copy_contour(dataset):
    contours(dataset).append(contours(dataset)[0])


def long_decimals(dataset):
    contour = contours(dataset)[0]
    item = contour.get_item("ContourData")
    text = b"\\".join(b"%.16f" % float(word) for word in item.value.split(b"\\"))
    contour["ContourData"] = item._replace(value=text + b" " * (len(text) % 2))


def set_name(name):
    def edit(dataset):
        dataset.StructureSetROISequence[0].ROIName = name

    return edit


def mix_holes(dataset):
    contours(dataset)[0].ContourGeometricType = "CLOSEDPLANAR_XOR"


def two_points(dataset):
    put(contours(dataset)[0], points_of(contours(dataset)[0])[:2])


def wrong_count(dataset):
    contours(dataset)[0].NumberOfContourPoints = 5


def no_contours(dataset):
    del dataset.ROIContourSequence[0].ContourSequence


def renumber(dataset):
    dataset.StructureSetROISequence[0].ROINumber = 9


def number_twice(dataset):
    dataset.StructureSetROISequence[0].ROINumber = 2


def other_frame(dataset):
    dataset.StructureSetROISequence[0].ReferencedFrameOfReferenceUID = "2.25.3"


def frame_twice(dataset):
    frames = dataset.ReferencedFrameOfReferenceSequence
    frames.append(frames[0])


def unknown_series(dataset):
    frame = dataset.ReferencedFrameOfReferenceSequence[0]
    frame.RTReferencedStudySequence[0].RTReferencedSeriesSequence[0].SeriesInstanceUID = "2.25.3"


def other_patient(dataset):
    dataset.PatientID = "Sentinel"


def long_label(dataset):
    raw_label = dataset.get_item("StructureSetLabel")
    dataset["StructureSetLabel"] = raw_label._replace(value=b"a label far too long")


def approve(dataset):
    dataset.ApprovalStatus = "PERHAPS"


def tiny(dataset):
    middle = points_of(contours(dataset)[0]).mean(axis=0)
    put(contours(dataset)[0], middle + np.array([[0, 0, 0], [0.2, 0, 0], [0, 0.2, 0]]))


@pytest.mark.parametrize("axes", [None, oblique_axes()], ids=["axial", "oblique"])
def test_our_own_file_has_no_error_and_no_warning(axes):
    grid = GRID if axes is None else make_grid(axes_xyz=axes)
    series = make_series(grid)
    found = lint_rtstruct(build_rtstruct(series, some_structures(grid), make_settings()), series)
    assert {finding.severity for finding in found} == {"info"}
    volumes = {finding.roi: float(dict(finding.measured)["volume_ml"]) for finding in found if finding.code == "VOLUME"}
    for structure in some_structures(grid):
        assert volumes[structure.name] == pytest.approx(structure.volume_ml, rel=5e-3)


@pytest.mark.parametrize(
    ("edit", "severity", "code"),
    [
        (lambda dataset: shift_z(dataset, 0.1), "warning", "OFF_SLICE"),
        (lambda dataset: shift_z(dataset, 0.9), "error", "OFF_SLICE"),
        (lambda dataset: shift_z(dataset, 80.0), "error", "OUTSIDE_CT"),
        (repeat_first, "error", "FIRST_POINT_REPEATED"),
        (tilt, "error", "NOT_PLANAR"),
        (bow_tie, "warning", "CROSSES_ITSELF"),
        (push_out, "error", "OUTSIDE_CT"),
        (push_halfway_out, "warning", "LEAVES_CT"),
        (ring_in_ring, "warning", "RING_IN_RING"),
        (xor_keyholes, "error", "MIXED_HOLES"),
        (swap_reference, "error", "WRONG_IMAGE"),
        (strange_reference, "error", "UNKNOWN_IMAGE"),
        (copy_contour, "error", "CONTOUR_REPEATED"),
        (long_decimals, "error", "DS_TOO_LONG"),
        (mix_holes, "error", "MIXED_HOLES"),
        (two_points, "error", "TOO_FEW_POINTS"),
        (wrong_count, "error", "POINT_COUNT"),
        (tiny, "warning", "TINY_CONTOUR"),
        (no_contours, "error", "EMPTY_ROI"),
        (renumber, "error", "ROI_NOT_LISTED"),
        (number_twice, "error", "ROI_NUMBER_REPEATED"),
        (other_frame, "error", "WRONG_FRAME_OF_REFERENCE"),
        (frame_twice, "error", "FRAME_LISTED_TWICE"),
        (unknown_series, "error", "SERIES_NOT_REFERENCED"),
        (other_patient, "error", "OTHER_PATIENT"),
        (long_label, "error", "LABEL_TOO_LONG"),
        (approve, "warning", "NO_APPROVAL_STATUS"),
        (set_name("external"), "error", "DUPLICATE_NAME"),
        (set_name("a name of eighteen"), "warning", "NAME_LONG"),
        (set_name("left parotid"), "info", "NOT_TG263"),
    ],
)
def test_each_fault_is_found_with_its_code(edit, severity, code):
    found = {(finding.severity, finding.code) for finding in lint(edit)}
    assert (severity, code) in found


def test_how_far_off_the_slice_is_measured():
    (finding,) = [one for one in lint(lambda dataset: shift_z(dataset, 0.9)) if one.code == "OFF_SLICE"]
    assert float(dict(finding.measured)["off_mm"]) == pytest.approx(0.9, abs=0.002)
    assert finding.roi == "Parotid_L"


def test_an_alias_is_told_its_tg263_name():
    (finding,) = [one for one in lint(set_name("left parotid")) if one.code == "NOT_TG263"]
    assert "Parotid_L" in finding.message


def test_row_and_column_spacing_exchanged_is_suspected():
    """What rt-utils does: voxel centres, with the two spacings swapped."""

    def edit(dataset):
        for roi in dataset.ROIContourSequence:
            for contour in roi.ContourSequence:
                index = GRID.to_index_zyx(points_of(contour))
                index[:, 1:] = np.rint(index[:, 1:]) * [1.2 / 0.9, 0.9 / 1.2]
                put(contour, GRID.to_point_xyz_mm(index))

    assert "SPACING_SWAPPED" in {finding.code for finding in lint(edit)}


def test_another_frame_of_reference_is_an_error():
    def edit(dataset):
        dataset.ReferencedFrameOfReferenceSequence[0].FrameOfReferenceUID = "2.25.1"

    assert "WRONG_FRAME_OF_REFERENCE" in {finding.code for finding in lint(edit)}


def test_the_gravest_come_first_and_all_can_be_json_without_patient_data():
    def edit(dataset):
        other_patient(dataset)
        shift_z(dataset, 0.1)

    found = lint(edit)
    severities = [finding.severity for finding in found]
    assert severities == sorted(severities, key=["error", "warning", "info"].index)
    text = json.dumps([finding.as_json() for finding in found]) + "".join(map(str, found))
    assert "OTHER_PATIENT" in text
    assert "Sentinel" not in text
