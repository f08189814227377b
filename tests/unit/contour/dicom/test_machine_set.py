import itertools
from dataclasses import replace
from datetime import UTC, datetime
from io import BytesIO

import numpy as np
import pydicom
import pytest

from contour.anatomy.structures import Structure
from contour.dicom.machine_set import read_machine_set, slices_that_differ
from contour.dicom.rtstruct_header import Approval
from contour.dicom.rtstruct_verification import verify_rtstruct
from contour.dicom.rtstruct_writer import StructureSetSettings, build_rtstruct
from contour.errors import InputError, UntrustworthyResultError
from tests.rtstruct_cases import graded_ball, hollow_ball, make_grid, make_series, make_settings, oblique_axes

APPROVAL = Approval(reviewer="Doe^Jane", now=datetime(2026, 11, 29, 10, 20, 30, tzinfo=UTC))
SERIES = make_series(make_grid(axes_xyz=oblique_axes()))
DRAWN = (
    replace(graded_ball(SERIES.grid, "Parotid_L", (6.0, 30.0, 20.0), 9.0), description="Drawn from the CT alone."),
    hollow_ball(SERIES.grid, "Bladder", (6.3, 27.0, 28.0), 13.0, 5.0),
)
DATA = build_rtstruct(SERIES, DRAWN, make_settings())


def approved_settings(**changes: object) -> StructureSetSettings:
    numbers = itertools.count(950)
    return StructureSetSettings(
        label="CONTOUR APPROVED", now=APPROVAL.now, uid_source=lambda: f"2.25.{next(numbers)}", approval=APPROVAL,
        predecessor_sop_instance_uid="2.25.1", **changes,
    )  # fmt: skip


def contour_texts(data: bytes) -> dict[str, list[tuple[str, str]]]:
    dataset = pydicom.dcmread(BytesIO(data))
    names = {item.ROINumber: item.ROIName for item in dataset.StructureSetROISequence}
    return {
        names[item.ReferencedROINumber]: [
            (
                contour.ContourImageSequence[0].ReferencedSOPInstanceUID,
                "\\".join(str(value) for value in contour.ContourData),
            )
            for contour in item.ContourSequence
        ]
        for item in dataset.ROIContourSequence
    }


def bitten(structure: Structure, slices: tuple[int, ...]) -> Structure:
    """The structure without its first three rows of some slices of its crop."""
    mask = structure.mask_zyx.copy()
    for z in slices:
        rows = np.flatnonzero(mask[z].any(axis=1))
        mask[z, rows[0] : rows[0] + 3] = False
    return replace(structure, mask_zyx=mask, membership_zyx=None, generation="SEMIAUTOMATIC")


def test_a_set_of_our_own_is_opened_with_the_voxels_that_it_was_made_from():
    found = read_machine_set(DATA, SERIES)
    assert [one.structure.name for one in found.structures] == ["Parotid_L", "Bladder"]
    for drawn, one in zip(DRAWN, found.structures, strict=True):
        assert np.array_equal(one.structure.full_mask_zyx(), drawn.full_mask_zyx())
        assert one.structure.generation == "AUTOMATIC"
    assert found.structures[0].structure.description == "Drawn from the CT alone."
    assert found.model == make_settings().model


def test_contours_that_are_kept_are_written_again_to_the_letter_with_the_approval():
    found = read_machine_set(DATA, SERIES)
    structures = tuple(one.structure for one in found.structures)
    kept = {one.structure.name: one.contours for one in found.structures}
    approved = build_rtstruct(SERIES, structures, approved_settings(), kept=kept)
    verify_rtstruct(approved, SERIES, structures, approval=APPROVAL)
    assert contour_texts(approved) == contour_texts(DATA)
    dataset = pydicom.dcmread(BytesIO(approved))
    assert (dataset.ApprovalStatus, str(dataset.ReviewerName)) == ("APPROVED", "Doe^Jane")
    assert (dataset.ReviewDate, dataset.ReviewTime) == ("20261129", "102030")
    assert dataset.PredecessorStructureSetSequence[0].ReferencedSOPInstanceUID == "2.25.1"
    assert "research software" in dataset.StructureSetDescription


def test_of_an_edited_structure_only_the_slices_that_changed_are_drawn_anew():
    found = read_machine_set(DATA, SERIES)
    first, second = found.structures
    edited = bitten(second.structure, (3, 4))
    changed = slices_that_differ(second.structure, edited)
    assert changed == {second.structure.lower_zyx[0] + z for z in (3, 4)}
    kept = {"Parotid_L": first.contours, "Bladder": [c for c in second.contours if c.slice_z not in changed]}
    structures = (first.structure, edited)
    approved = build_rtstruct(SERIES, structures, approved_settings(), kept=kept)
    checks = verify_rtstruct(approved, SERIES, structures, approval=APPROVAL)
    assert checks[1].dice == 1.0
    before, after = contour_texts(DATA)["Bladder"], contour_texts(approved)["Bladder"]
    moved = {SERIES.slices[z].sop_instance_uid for z in changed}
    assert [one for one in after if one[0] not in moved] == [one for one in before if one[0] not in moved]
    assert [one for one in after if one[0] in moved] != [one for one in before if one[0] in moved]


def test_a_slice_that_was_emptied_or_is_new_is_written_as_it_is_now():
    found = read_machine_set(DATA, SERIES)
    first = found.structures[0].structure
    mask = np.concatenate([first.mask_zyx, first.mask_zyx[-2:-1]])
    mask[2] = False
    edited = replace(first, mask_zyx=mask, generation="SEMIAUTOMATIC")
    changed = slices_that_differ(first, edited)
    kept = {"Parotid_L": [c for c in found.structures[0].contours if c.slice_z not in changed]}
    approved = build_rtstruct(SERIES, (edited,), approved_settings(), kept=kept)
    verify_rtstruct(approved, SERIES, (edited,), approval=APPROVAL)


def test_a_file_that_claims_another_approval_is_refused():
    found = tuple(one.structure for one in read_machine_set(DATA, SERIES).structures)
    with pytest.raises(UntrustworthyResultError, match="WRONG_APPROVAL"):
        verify_rtstruct(DATA, SERIES, found, approval=APPROVAL)
    approved = build_rtstruct(SERIES, found, approved_settings())
    with pytest.raises(UntrustworthyResultError, match="WRONG_APPROVAL"):
        verify_rtstruct(approved, SERIES, found)


def test_a_roi_that_hides_that_it_was_edited_is_refused():
    found = tuple(one.structure for one in read_machine_set(DATA, SERIES).structures)
    edited = (replace(found[0], generation="SEMIAUTOMATIC"), found[1])
    with pytest.raises(UntrustworthyResultError, match="WRONG_GENERATION"):
        verify_rtstruct(DATA, SERIES, edited)


def test_a_reviewers_name_in_any_script_is_written_and_read_back():
    found = tuple(one.structure for one in read_machine_set(DATA, SERIES).structures)
    approval = Approval(reviewer="Müller^Жанна", now=APPROVAL.now)
    data = build_rtstruct(SERIES, found, replace(approved_settings(), approval=approval))
    verify_rtstruct(data, SERIES, found, approval=approval)


@pytest.mark.parametrize("name", ["", "  ", "a\\b", "a=b", "x" * 65, "line\nbreak"])
def test_a_reviewers_name_that_its_attribute_cannot_hold_is_refused(name):
    with pytest.raises(InputError, match="BAD_TEXT"):
        Approval(reviewer=name, now=APPROVAL.now)


def test_a_set_on_another_series_is_refused():
    above = make_series(make_grid(origin_xyz_mm=(0.0, 0.0, 900.0)))
    with pytest.raises(InputError, match="NOT_OUR_STRUCTURE_SET"):
        read_machine_set(DATA, above)
