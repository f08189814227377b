from dataclasses import replace
from io import BytesIO

import numpy as np
import pydicom
import pytest

from contour.anatomy.structures import crop_to_structure
from contour.dicom.rtstruct_verification import verify_rtstruct
from contour.dicom.rtstruct_writer import build_rtstruct
from contour.errors import UntrustworthyResultError
from tests.rtstruct_cases import (
    AXIAL,
    DOWNWARD,
    FEET_FIRST_PRONE,
    make_grid,
    make_series,
    make_settings,
    oblique_axes,
    some_structures,
)

GRID = make_grid()
SERIES = make_series(GRID)
STRUCTURES = some_structures(GRID)
DATA = build_rtstruct(SERIES, STRUCTURES, make_settings())


def changed(edit):
    dataset = pydicom.dcmread(BytesIO(DATA))
    edit(dataset)
    buffer = BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def move(dataset, roi, step_mm, axis=0):
    for contour in dataset.ROIContourSequence[roi].ContourSequence:
        points = np.array(contour.ContourData, dtype=float).reshape(-1, 3)
        points[:, axis] += step_mm
        contour.ContourData = [f"{value:.3f}" for value in points.ravel()]


@pytest.mark.parametrize("axes", [AXIAL, oblique_axes(), FEET_FIRST_PRONE, DOWNWARD])
@pytest.mark.parametrize("spacing", [(2.5, 0.9, 1.2), (3.0, 1.1, 0.6)])
def test_what_was_written_reads_back_as_it_was_in_every_orientation(axes, spacing):
    grid = make_grid((14, 60, 60), spacing, axes)
    series, structures = make_series(grid), some_structures(grid)
    checks = verify_rtstruct(build_rtstruct(series, structures, make_settings()), series, structures)
    assert [check.name for check in checks] == ["Parotid_L", "External", "SpinalCord"]
    for check in checks:
        assert check.dice == 1.0
        assert check.polygon_volume_ml == pytest.approx(check.volume_ml, rel=5e-3)


def test_uneven_slice_positions_read_back_as_they_were():
    origins = GRID.to_point_xyz_mm(np.stack([np.arange(14), np.zeros(14), np.zeros(14)], axis=1))
    origins[:, 2] += np.random.default_rng(2).uniform(-0.3, 0.3, 14)
    series = make_series(GRID, origins_xyz_mm=origins)
    data = build_rtstruct(series, STRUCTURES, make_settings())
    assert all(check.dice == 1.0 for check in verify_rtstruct(data, series, STRUCTURES))
    with pytest.raises(UntrustworthyResultError, match="WRONG_SLICE"):
        verify_rtstruct(data, SERIES, STRUCTURES)


def test_a_shift_of_half_a_voxel_is_refused():
    with pytest.raises(UntrustworthyResultError, match=r"DICE_DRIFT: Parotid_L"):
        verify_rtstruct(changed(lambda dataset: move(dataset, 0, 0.6)), SERIES, STRUCTURES)


def test_a_shift_along_the_slices_is_refused():
    with pytest.raises(UntrustworthyResultError, match="WRONG_SLICE"):
        verify_rtstruct(changed(lambda dataset: move(dataset, 1, 0.4, axis=2)), SERIES, STRUCTURES)


def test_a_lost_contour_is_refused():
    def lose(dataset):
        del dataset.ROIContourSequence[1].ContourSequence[4]

    with pytest.raises(UntrustworthyResultError, match=r"VOLUME_DRIFT: External"):
        verify_rtstruct(changed(lose), SERIES, STRUCTURES)


def test_a_filled_hole_is_refused():
    grid_mask = STRUCTURES[1].full_mask_zyx().copy()
    centre = tuple(int(np.mean(where)) for where in np.nonzero(grid_mask))
    assert not grid_mask[centre]
    grid_mask[centre[0], centre[1] - 3 : centre[1] + 4, centre[2] - 3 : centre[2] + 4] = True
    filled = crop_to_structure("External", GRID, grid_mask)
    with pytest.raises(UntrustworthyResultError, match=r"(VOLUME|DICE)_DRIFT"):
        verify_rtstruct(DATA, SERIES, (STRUCTURES[0], filled, STRUCTURES[2]))


def test_a_missing_roi_is_refused():
    def lose(dataset):
        dataset.StructureSetROISequence[2].ROIName = "Other"

    with pytest.raises(UntrustworthyResultError, match=r"ROI_MISSING.*SpinalCord"):
        verify_rtstruct(changed(lose), SERIES, STRUCTURES)


def test_a_two_point_contour_is_refused():
    def cut(dataset):
        dataset.ROIContourSequence[0].ContourSequence[0].ContourData = ["1", "2", "3", "4", "5", "6"]

    with pytest.raises(UntrustworthyResultError, match="BAD_CONTOUR"):
        verify_rtstruct(changed(cut), SERIES, STRUCTURES)


def test_another_frame_of_reference_is_refused():
    def edit(dataset):
        dataset.ReferencedFrameOfReferenceSequence[0].FrameOfReferenceUID = "2.25.1"

    with pytest.raises(UntrustworthyResultError, match="WRONG_FRAME_OF_REFERENCE"):
        verify_rtstruct(changed(edit), SERIES, STRUCTURES)


def test_a_truncated_file_is_refused():
    with pytest.raises(UntrustworthyResultError, match="UNREADABLE_RESULT"):
        verify_rtstruct(DATA[: len(DATA) // 2], SERIES, STRUCTURES)


def test_contours_that_name_another_image_are_refused():
    slices = list(SERIES.slices)
    slices[6], slices[7] = (
        replace(slices[6], sop_instance_uid=slices[7].sop_instance_uid),
        replace(slices[7], sop_instance_uid=slices[6].sop_instance_uid),
    )
    with pytest.raises(UntrustworthyResultError, match="WRONG_SLICE"):
        verify_rtstruct(DATA, replace(SERIES, slices=tuple(slices)), STRUCTURES)
