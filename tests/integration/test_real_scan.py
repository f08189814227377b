"""A real scan, as a scanner sent it, through the product: patient outlined, couch left out, judged by others."""

import subprocess
import uuid
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from contour.anatomy.agreement import dice
from contour.dicom.ct_reader import read_ct_folder
from contour.dicom.ct_series import CtSeries
from contour.dicom.rtstruct_verification import verify_rtstruct
from contour.dicom.rtstruct_writer import StructureSetSettings, build_rtstruct
from contour.segmentation.body import blanked_hu, find_body
from contour.training.cases import find_cases
from registration.itk_bridge import read_nifti


@pytest.fixture(scope="module")
def recorded(data_folder: Path) -> Path:
    found = data_folder / "totalsegmentator_example"
    if not found.is_dir():
        pytest.skip(f"no recorded series at {found}")
    return found


@pytest.fixture(scope="module")
def real(recorded: Path) -> CtSeries:
    return read_ct_folder(recorded / "ct_dicom")


def test_the_external_of_a_real_scan_holds_every_organ_that_another_model_found_and_no_couch(
    recorded: Path, real: CtSeries
) -> None:
    outline = find_body(real.volume).full_mask_zyx()
    organs = read_nifti(recorded / "example_seg_dicom.nii.gz")
    index = np.argwhere(organs.values_zyx > 0)[::7]
    there = real.grid.to_index_zyx(organs.grid.to_point_xyz_mm(index.astype(float)))
    np.testing.assert_allclose(there, np.rint(there), atol=0.02)
    z, y, x = np.rint(there).astype(int).T
    assert outline[z, y, x].mean() > 0.999
    lowest_row = np.flatnonzero(outline.any(axis=(0, 2)))[-1]
    couch = np.asarray(real.volume.values_zyx[:, lowest_row + 1 :] > -300)
    assert couch.any()


def test_the_external_of_a_real_scan_is_a_structure_set_without_an_error(real: CtSeries, judge, tmp_path: Path) -> None:
    outline = find_body(real.volume)
    settings = StructureSetSettings(
        label="CONTOUR AUTO", now=datetime(2026, 11, 21, tzinfo=UTC), uid_source=lambda: f"2.25.{uuid.uuid4().int}"
    )
    written = build_rtstruct(real, (outline,), settings)
    (check,) = verify_rtstruct(written, real, (outline,))
    assert check.dice > 0.9999
    file = tmp_path / "RS.dcm"
    file.write_bytes(written)
    said = subprocess.run([judge("dciodvfy"), file], capture_output=True, text=True, check=False)
    assert "Error" not in said.stderr + said.stdout


def test_every_blanked_scan_is_known_as_one_and_no_scan_of_a_scanner_is(
    data_folder: Path, real: CtSeries, planning_patient
) -> None:
    cases = find_cases(data_folder / "openkbp" / "train") + find_cases(data_folder / "openkbp" / "validation")
    assert len(cases) == 240
    assert [case.name for case in cases if blanked_hu(case.read_ct()) is None] == []
    assert blanked_hu(real.volume) is None
    assert blanked_hu(planning_patient.ct) is None


def test_the_external_of_the_planning_patient_is_the_true_one_without_couch_and_mask(planning_patient) -> None:
    found = find_body(planning_patient.ct).full_mask_zyx()
    assert dice(found, planning_patient.structure("External").full_mask_zyx()) > 0.998
