from io import BytesIO

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.filewriter import dcmwrite
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian, ExplicitVRLittleEndian

from contour.anatomy.agreement import dice
from contour.anatomy.structures import crop_to_structure
from contour.dicom.contour_placement import roi_to_structure
from contour.dicom.ct_writer import CtIdentity, write_ct_series
from contour.dicom.rtstruct_reader import read_rtstruct
from contour.dicom.rtstruct_writer import build_rtstruct
from contour.errors import InputError
from registration.volume import Volume
from tests.rtstruct_cases import distance_mm, make_grid, make_series, make_settings, some_structures

GRID = make_grid()
SERIES = make_series(GRID)
STRUCTURES = some_structures(GRID)
DATA = build_rtstruct(SERIES, STRUCTURES, make_settings())


def changed(edit, **saving):
    dataset = pydicom.dcmread(BytesIO(DATA))
    edit(dataset)
    buffer = BytesIO()
    dcmwrite(buffer, dataset, enforce_file_format=True, **saving)
    return buffer.getvalue()


def ring(z, centre_yx, radius_mm, kind="CLOSED_PLANAR", points=60):
    """A contour of another system: any number of points, plenty of digits."""
    turn = np.linspace(0, 2 * np.pi, points, endpoint=False)
    y = centre_yx[0] + radius_mm * np.sin(turn) / GRID.spacing_zyx_mm[1]
    x = centre_yx[1] + radius_mm * np.cos(turn) / GRID.spacing_zyx_mm[2]
    item = Dataset()
    item.ContourGeometricType = kind
    item.NumberOfContourPoints = points
    where = GRID.to_point_xyz_mm(np.stack([np.full(points, float(z)), y, x], axis=1))
    item.ContourData = [f"{value:.4f}" for value in where.ravel()]
    return item


def with_contours(contours):
    def edit(dataset):
        dataset.ROIContourSequence[0].ContourSequence = contours

    return read_rtstruct(changed(edit)).rois[0]


def disc(radius_mm, centre_yx=(25.2, 30.1), z=5):
    mask = distance_mm(GRID, (z, *centre_yx)) <= radius_mm
    mask[:z] = mask[z + 1 :] = False
    return mask


def test_our_own_file_comes_back_as_voxels():
    found = read_rtstruct(DATA)
    assert [roi.name for roi in found.rois] == ["Parotid_L", "External", "SpinalCord"]
    for roi, structure in zip(found.rois, STRUCTURES, strict=True):
        assert np.array_equal(roi_to_structure(roi, SERIES).full_mask_zyx(), structure.full_mask_zyx())
        assert roi_to_structure(roi, SERIES).generation == "AUTOMATIC"


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian])
def test_any_transfer_syntax_is_read(syntax):
    def edit(dataset):
        dataset.decode()
        list(dataset.iterall())
        dataset.file_meta.TransferSyntaxUID = syntax

    saving = {"implicit_vr": False, "little_endian": syntax != ExplicitVRBigEndian}
    found = read_rtstruct(changed(edit, **saving))
    assert found.transfer_syntax_uid == syntax
    assert np.array_equal(roi_to_structure(found.rois[1], SERIES).full_mask_zyx(), STRUCTURES[1].full_mask_zyx())


@pytest.mark.parametrize("kind", ["CLOSEDPLANAR_XOR", "CLOSED_PLANAR"])
def test_a_ring_within_a_ring_is_a_hole_and_an_island_in_it_is_not(kind):
    centre = (25.2, 30.1)
    roi = with_contours([ring(5, centre, radius, kind) for radius in (15.0, 9.0, 4.0)])
    truth = disc(15.0) & ~disc(9.0) | disc(4.0)
    assert dice(roi_to_structure(roi, SERIES).full_mask_zyx(), truth) > 0.98


def test_contours_between_slices_fill_the_nearest_slice_once():
    """Contours every millimetre on a CT of 2.5 mm slices must not cancel one another."""
    roi = with_contours([ring(z, (25.2, 30.1), 12.0) for z in (4.6, 5.0, 5.4)])
    assert dice(roi_to_structure(roi, SERIES).full_mask_zyx(), disc(12.0)) > 0.98


def test_contours_beyond_the_ct_are_cut_off():
    roi = with_contours([ring(z, (2.0, 3.0), 12.0) for z in (5, 40)])
    structure = roi_to_structure(roi, SERIES)
    assert structure.slices == 1
    assert structure.full_mask_zyx()[5, 0, 0]


def test_points_and_lines_fill_nothing():
    roi = with_contours([ring(5, (25.2, 30.1), 12.0, "OPEN_PLANAR"), ring(5, (25.2, 30.1), 12.0, "POINT", points=1)])
    assert roi_to_structure(roi, SERIES).is_empty


def test_missing_optional_parts_are_read_as_empty():
    def strip(dataset):
        del dataset.RTROIObservationsSequence
        del dataset.ApprovalStatus
        del dataset.ReferencedFrameOfReferenceSequence
        del dataset.StructureSetROISequence[0].ROIGenerationAlgorithm
        del dataset.ROIContourSequence[0].ROIDisplayColor
        del dataset.ROIContourSequence[2].ContourSequence
        for contour in dataset.ROIContourSequence[0].ContourSequence:
            del contour.ContourImageSequence
            del contour.NumberOfContourPoints

    found = read_rtstruct(changed(strip))
    assert found.approval_status == ""
    assert found.frame_of_reference_uids == ()
    assert not found.rois[0].observed
    assert found.rois[0].colour_rgb is None
    assert found.rois[2].contours == ()
    assert roi_to_structure(found.rois[2], SERIES).is_empty
    assert np.array_equal(roi_to_structure(found.rois[0], SERIES).full_mask_zyx(), STRUCTURES[0].full_mask_zyx())


def test_a_name_outside_ascii_is_read():
    def rename(dataset):
        dataset.SpecificCharacterSet = "ISO_IR 192"
        dataset.StructureSetROISequence[0].ROIName = "Rückenmark 脊髄"

    assert read_rtstruct(changed(rename)).rois[0].name == "Rückenmark 脊髄"


@pytest.mark.parametrize(
    "text", [b"1\\2\\x\\4\\5\\6", b"1\\2\\3\\4", b"1\\2\\nan\\4\\5\\6\\7\\8\\9", b"1\\\\3\\4\\5\\6", b"1e300\\2\\3"]
)
def test_a_contour_that_cannot_be_read_is_kept_as_such_and_its_structure_refused(text):
    def spoil(dataset):
        contour = dataset.ROIContourSequence[0].ContourSequence[1]
        raw = contour.get_item("ContourData")
        contour["ContourData"] = raw._replace(value=text + b" " * (len(text) % 2))

    roi = read_rtstruct(changed(spoil)).rois[0]
    assert sum(bool(contour.problem) for contour in roi.contours) == 1
    with pytest.raises(InputError, match="UNREADABLE_CONTOUR"):
        roi_to_structure(roi, SERIES)


def test_a_roi_listed_without_contours_and_one_contoured_without_listing_are_both_there():
    def edit(dataset):
        dataset.StructureSetROISequence[0].ROINumber = 77

    rois = {roi.number: roi for roi in read_rtstruct(changed(edit)).rois}
    assert (rois[77].listed, rois[77].contoured) == (True, False)
    assert (rois[1].listed, rois[1].contoured) == (False, True)


def test_a_ct_image_is_no_structure_set(tmp_path):
    values = np.zeros((1, 8, 9), dtype=np.int16)
    (path,) = write_ct_series(Volume(grid=make_grid((1, 8, 9)), values_zyx=values), tmp_path, CtIdentity(seed="x"))
    with pytest.raises(InputError, match=r"NOT_RTSTRUCT.*found modality CT"):
        read_rtstruct(path.read_bytes())


@pytest.mark.parametrize("data", [b"", b"text", DATA[:2000]])
def test_bytes_that_are_no_file_are_refused_before_they_are_parsed(data):
    with pytest.raises(InputError):
        read_rtstruct(data)


def test_an_attribute_that_cannot_be_converted_is_named_without_its_value():
    def spoil(dataset):
        item = dataset.StructureSetROISequence[0]
        raw = item.get_item("ROINumber")
        item["ROINumber"] = raw._replace(value=b"Sentinel")

    with pytest.raises(InputError, match="MALFORMED_RTSTRUCT") as caught:
        read_rtstruct(changed(spoil))
    assert "Sentinel" not in str(caught.value)


def test_one_slice_series_takes_contours_near_its_only_plane():
    grid = make_grid((1, 50, 60))
    mask = np.zeros(grid.shape_zyx, dtype=np.bool_)
    mask[0, 10:20, 30:45] = True
    series = make_series(grid)
    structure = crop_to_structure("GTVp", grid, mask)
    roi = read_rtstruct(build_rtstruct(series, [structure], make_settings())).rois[0]
    assert np.array_equal(roi_to_structure(roi, series).full_mask_zyx(), mask)
