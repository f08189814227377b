"""Any system's structures become the volumes that they enclose, and what cannot be honoured is named."""

import subprocess
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.filewriter import dcmwrite
from pydicom.sequence import Sequence

from contour.dicom.plan_structures import PlanStructures, read_plan_structures
from contour.dicom.rtstruct_verification import verify_rtstruct
from contour.dicom.rtstruct_writer import build_rtstruct
from contour.errors import InputError
from tests.rtstruct_cases import FRAME, make_grid, make_series, make_settings, oblique_axes, some_structures

GRID = make_grid((18, 70, 64))
SERIES = make_series(GRID)
DATA = build_rtstruct(SERIES, some_structures(GRID), make_settings())
MIDDLE = (np.asarray(GRID.shape_zyx) - 1) / 2
BALL_MM = 15.3
BALL_ML = 4 / 3 * np.pi * BALL_MM**3 / 1000


def loop(height_mm, radius_mm, *, kind="CLOSED_PLANAR", grid=GRID, centre_mm=(1.3, -0.8), reverse=False):
    """A circle of another system at a height above the ball's middle, in the grid's own axes."""
    turn = np.linspace(0, 2 * np.pi, 120, endpoint=False)[:: -1 if reverse else 1]
    index = np.stack(
        [
            np.full(turn.size, MIDDLE[0] + height_mm / grid.spacing_zyx_mm[0]),
            MIDDLE[1] + (centre_mm[1] + radius_mm * np.sin(turn)) / grid.spacing_zyx_mm[1],
            MIDDLE[2] + (centre_mm[0] + radius_mm * np.cos(turn)) / grid.spacing_zyx_mm[2],
        ],
        axis=1,
    )
    return contour(grid.to_point_xyz_mm(index), kind)


def contour(points, kind="CLOSED_PLANAR"):
    item = Dataset()
    item.ContourGeometricType = kind
    item.NumberOfContourPoints = len(points)
    item.ContourData = [f"{value:.3f}" for value in np.asarray(points).ravel()]
    return item


def ball(heights_mm, **how):
    return [
        loop(float(h), float(np.sqrt(BALL_MM**2 - h**2)), **how) for h in heights_mm if abs(h) < BALL_MM
    ]  # fmt: skip


def a_set(contours, *, edit=lambda dataset: None):
    """A structure set with one ROI, as bare as other systems write them."""
    dataset = pydicom.dcmread(BytesIO(DATA))
    for keyword in ("StructureSetROISequence", "ROIContourSequence", "RTROIObservationsSequence"):
        setattr(dataset, keyword, Sequence(dataset[keyword].value[:1]))
    dataset.StructureSetROISequence[0].ROIName = "Ball"
    dataset.ROIContourSequence[0].ContourSequence = Sequence(contours)
    edit(dataset)
    buffer = BytesIO()
    dcmwrite(buffer, dataset, enforce_file_format=True, implicit_vr=True, little_endian=True)
    return buffer.getvalue()


def read(contours, *, series=SERIES, **how) -> PlanStructures:
    return read_plan_structures(a_set(contours, **how), series)


def reasons(found):
    return {finding.reason for finding in found.findings}


def graded_ml(structure):
    return float(structure.membership_zyx.sum(dtype=np.float64)) / 255 * structure.grid.voxel_volume_mm3 / 1000


def slices_mm(step=1, offset_mm=0.0):
    return (np.arange(0, GRID.shape_zyx[0], step) - MIDDLE[0]) * GRID.spacing_zyx_mm[0] + offset_mm


def test_a_ball_has_the_volume_of_a_ball():
    (structure,) = read(ball(slices_mm())).structures

    assert graded_ml(structure) == pytest.approx(BALL_ML, rel=0.015)
    assert np.array_equal(structure.mask_zyx, structure.membership_zyx >= 128)


def test_on_an_oblique_ct_as_well():
    grid = make_grid((18, 70, 64), axes_xyz=oblique_axes())
    (structure,) = read(ball(slices_mm(), grid=grid), series=make_series(grid)).structures

    assert graded_ml(structure) == pytest.approx(BALL_ML, rel=0.015)


def test_contours_in_every_second_slice_are_filled_in_by_shape():
    (structure,) = read(ball(slices_mm(step=2))).structures

    assert graded_ml(structure) == pytest.approx(BALL_ML, rel=0.04)
    assert structure.slices >= 11


@pytest.mark.parametrize("share", [0.4, -0.3, 0.5])
def test_contours_between_the_slices_lie_at_their_own_height(share):
    offset_mm = share * GRID.spacing_zyx_mm[0]
    (structure,) = read(ball(slices_mm(offset_mm=offset_mm))).structures

    weights = structure.membership_zyx.sum(axis=(1, 2), dtype=np.float64)
    centre = (weights * (np.arange(weights.size) + structure.lower_zyx[0])).sum() / weights.sum()
    assert graded_ml(structure) == pytest.approx(BALL_ML, rel=0.03)
    assert (centre - MIDDLE[0]) * GRID.spacing_zyx_mm[0] == pytest.approx(0.0, abs=0.25)


def test_a_finer_contour_step_than_the_cts_is_not_counted_twice():
    heights = np.arange(-15.0, 15.1, 1.0)
    (structure,) = read(ball(heights)).structures

    assert graded_ml(structure) == pytest.approx(BALL_ML, rel=0.03)


def hollow(make_hole):
    contours = []
    for h in slices_mm():
        if abs(h) < BALL_MM:
            contours += make_hole(float(h), float(np.sqrt(BALL_MM**2 - h**2)))
    (structure,) = read(contours).structures
    return structure


def keyhole(height, radius):
    if radius < 6:
        return [loop(height, radius)]
    outer, inner = loop(height, radius), loop(height, 4.0, reverse=True)
    out, inn = (np.asarray(one.ContourData, dtype=float).reshape(-1, 3) for one in (outer, inner))
    return [contour(np.concatenate([out, out[:1], inn, inn[:1]]))]


def exclusive_or(height, radius):
    if radius < 6:
        return [loop(height, radius, kind="CLOSEDPLANAR_XOR")]
    return [loop(height, radius, kind="CLOSEDPLANAR_XOR"), loop(height, 4.0, kind="CLOSEDPLANAR_XOR")]


def nested(height, radius):
    return [loop(height, radius)] + ([loop(height, 4.0)] if radius >= 6 else [])


@pytest.mark.parametrize("make_hole", [keyhole, exclusive_or, nested])
def test_a_hole_is_a_hole_however_it_is_drawn(make_hole):
    structure = hollow(make_hole)

    whole = structure.full_mask_zyx()
    off = np.array([0.0, -0.8 / GRID.spacing_zyx_mm[1], 1.3 / GRID.spacing_zyx_mm[2]])
    at = tuple(np.rint(MIDDLE + off).astype(int))
    assert not whole[at]
    holes = sum(2.5 * np.pi * 16.0 / 1000 for h in slices_mm() if abs(h) < BALL_MM and BALL_MM**2 - h**2 >= 36)
    assert graded_ml(structure) == pytest.approx(BALL_ML - holes, rel=0.02)


def test_two_parts_in_a_slice_are_both_there():
    contours = ball(slices_mm()) + [loop(h, 3.0, centre_mm=(25.0, 18.0)) for h in slices_mm() if abs(h) < 6]
    (structure,) = read(contours).structures

    added = sum(2.5 * np.pi * 9.0 / 1000 for h in slices_mm() if abs(h) < 6)
    assert graded_ml(structure) == pytest.approx(BALL_ML + added, rel=0.02)


def test_slices_that_somebody_forgot_are_left_empty_and_told():
    found = read([one for one, h in zip(ball(slices_mm()), slices_mm()[3:], strict=False) if not -3 < h < 3])

    assert "CONTOUR_GAP" in reasons(found)


def test_points_and_open_lines_are_named_and_the_rest_is_used():
    found = read([*ball(slices_mm()), loop(0.0, 2.0, kind="POINT"), loop(0.0, 2.0, kind="OPEN_PLANAR")])

    assert "OPEN_CONTOUR" in reasons(found)
    assert graded_ml(found.structures[0]) == pytest.approx(BALL_ML, rel=0.015)


def test_contours_beyond_the_ct_are_cut_off_and_told():
    above = loop(200.0, 5.0)
    beside = loop(0.0, 5.0, centre_mm=(GRID.shape_zyx[2] * 0.6, 0.0))

    found = read([*ball(slices_mm()), above, beside])

    assert "CONTOUR_OUTSIDE_CT" in reasons(found)


def test_a_roi_without_contours_is_named_and_does_not_stop_the_others():
    def edit(dataset):
        other = Dataset()
        other.ROINumber = 77
        other.ROIName = "Nothing"
        dataset.StructureSetROISequence.append(other)

    found = read(ball(slices_mm()), edit=edit)

    assert [structure.name for structure in found.structures] == ["Ball"]
    assert ("NO_CONTOUR", "77") in {(f.reason, dict(f.measured).get("roi_number")) for f in found.findings}


def test_a_roi_in_another_frame_is_named_and_not_used():
    def edit(dataset):
        dataset.StructureSetROISequence[0].ReferencedFrameOfReferenceUID = "2.25.1"

    with pytest.raises(InputError) as caught:
        read(ball(slices_mm()), edit=edit)

    assert caught.value.reason == "NO_STRUCTURES"


def test_a_set_of_another_ct_is_refused():
    def edit(dataset):
        frame = dataset.ReferencedFrameOfReferenceSequence[0]
        frame.FrameOfReferenceUID = "2.25.1"
        del frame.RTReferencedStudySequence
        dataset.StructureSetROISequence[0].ReferencedFrameOfReferenceUID = "2.25.1"

    with pytest.raises(InputError) as caught:
        read(ball(slices_mm()), edit=edit)

    assert caught.value.reason == "OTHER_SERIES"


def test_a_set_that_says_next_to_nothing_is_read_all_the_same():
    def edit(dataset):
        for keyword in ("ReferencedFrameOfReferenceSequence", "RTROIObservationsSequence", "ApprovalStatus"):
            delattr(dataset, keyword)
        item = dataset.StructureSetROISequence[0]
        for keyword in ("ReferencedFrameOfReferenceUID", "ROIGenerationAlgorithm", "ROIVolume"):
            if keyword in item:
                delattr(item, keyword)
        del dataset.ROIContourSequence[0].ROIDisplayColor

    found = read(ball(slices_mm()), edit=edit)

    assert found.structures[0].roi.interpreted_type == "ORGAN"
    assert found.structures[0].generation == "MANUAL"
    assert "PLAN_NOT_APPROVED" in reasons(found)


@pytest.mark.parametrize(
    ("name", "character_set"),
    [
        ("Ohrspeicheldrüse links, äußerer Lappen", "ISO_IR 100"),
        ("左耳下腺", "ISO_IR 192"),
        ("腮腺左", "GB18030"),
        ("Слюнная железа", "ISO_IR 144"),
    ],
)
def test_names_in_any_script_go_in_and_out_unchanged(
    name: str, character_set: str, judge: Callable[[str], str], tmp_path: Path
):
    def edit(dataset):
        dataset.SpecificCharacterSet = character_set
        dataset.StructureSetROISequence[0].ROIName = name
        dataset.StructureSetROISequence[0].ROINumber = 41
        dataset.ROIContourSequence[0].ReferencedROINumber = 41
        dataset.RTROIObservationsSequence[0].ReferencedROINumber = 41

    found = read(ball(slices_mm()), edit=edit)
    data = build_rtstruct(SERIES, found.structures, make_settings())
    checks = verify_rtstruct(data, SERIES, found.structures)

    assert [check.name for check in checks] == [name]
    written = pydicom.dcmread(BytesIO(data))
    assert written.StructureSetROISequence[0].ROIName == name
    assert written.StructureSetROISequence[0].ROINumber == 41
    (tmp_path / "rs.dcm").write_bytes(data)
    said = subprocess.run([judge("dciodvfy"), tmp_path / "rs.dcm"], capture_output=True, text=True, check=False)
    assert [line for line in (said.stdout + said.stderr).splitlines() if line.startswith("Error")] == []


def test_two_rois_of_one_name_are_told_apart():
    def edit(dataset):
        for keyword, number in (
            ("StructureSetROISequence", "ROINumber"),
            ("ROIContourSequence", "ReferencedROINumber"),
            ("RTROIObservationsSequence", "ReferencedROINumber"),
        ):
            item = Dataset()
            item.update(dataset[keyword].value[0])
            setattr(item, number, 9)
            dataset[keyword].value.append(item)

    found = read(ball(slices_mm()), edit=edit)

    assert len({structure.name for structure in found.structures}) == 2
    data = build_rtstruct(SERIES, found.structures, make_settings())
    assert len(verify_rtstruct(data, SERIES, found.structures)) == 2


def test_the_frame_is_the_plans():
    assert read(ball(slices_mm())).structures[0].grid.frame_of_reference_uid == FRAME
