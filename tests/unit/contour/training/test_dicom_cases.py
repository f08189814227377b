"""DICOM patients are learnt from as the same patients in NIfTI are, and a doubtful pair of CT and contours is not."""

from __future__ import annotations

import itertools
import shutil
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pydicom
import pytest

from contour.anatomy.structures import Structure
from contour.dicom.ct_reader import read_ct_folder
from contour.dicom.ct_series import CtSeries
from contour.dicom.ct_writer import write_ct_series
from contour.dicom.rtstruct_writer import StructureSetSettings, build_rtstruct
from contour.errors import InputError
from contour.phantom import Phantom
from contour.phantom.writing import ct_identity, write_mask
from contour.segmentation.spec import ModelSpec, parse_spec
from contour.training.cases import find_cases
from contour.training.dicom_cases import DicomCase
from contour.training.prepared import PreparedCase, prepare_case
from registration.itk_bridge import write_nifti
from tests.phantoms import FEET_FIRST, OBLIQUE, patient
from tests.unit.contour.segmentation.tiny_model import TINY_SPEC

NAMES = ("Parotid_L", "Parotid_R", "SpinalCord")


def spec() -> ModelSpec:
    return parse_spec(TINY_SPEC)


def drawn(phantom: Phantom, *names: str) -> list[Structure]:
    return [structure for structure in phantom.structures if structure.name in names]


def rtstruct(series: CtSeries, structures: list[Structure]) -> bytes:
    numbers = itertools.count(1)
    settings = StructureSetSettings(
        label="APPROVED", now=datetime(2026, 3, 4, tzinfo=UTC), uid_source=lambda: f"2.25.55{next(numbers)}"
    )
    return build_rtstruct(series, structures, settings)


def write_dicom(folder: Path, phantom: Phantom, names: tuple[str, ...] = NAMES) -> CtSeries:
    """CT and contours of one patient in one folder, under names that say nothing."""
    write_ct_series(phantom.ct, folder, ct_identity(phantom))
    series = read_ct_folder(folder)
    (folder / "CT.9999.dcm").write_bytes(rtstruct(series, drawn(phantom, *names)))
    return series


def write_as_nifti(folder: Path, phantom: Phantom) -> None:
    folder.mkdir(parents=True)
    write_nifti(phantom.ct, folder / "CT.nii.gz")
    for structure in drawn(phantom, *NAMES):
        write_mask(structure, folder / f"{structure.name}.nii.gz")


def only_case(data: Path) -> DicomCase:
    (case,) = find_cases(data)
    assert isinstance(case, DicomCase)
    return case


def change(path: Path, edit) -> None:
    dataset = pydicom.dcmread(path)
    edit(dataset)
    dataset.save_as(path)


def refusal(data: Path) -> InputError:
    with pytest.raises(InputError) as refused:
        prepare_case(only_case(data), spec(), data.parent / "cache")
    assert refused.value.message.startswith("case pt_1: ")
    return refused.value


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dicom")
    write_dicom(folder / "pt_1", patient())
    return folder


@pytest.fixture
def data(written: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(written, tmp_path / "data"))


def dice(one: PreparedCase, other: PreparedCase, channel: int) -> float:
    a, b = (case.labels_zyx & (1 << channel) > 0 for case in (one, other))
    return 2 * np.count_nonzero(a & b) / (np.count_nonzero(a) + np.count_nonzero(b))


@pytest.mark.parametrize("settings", [None, OBLIQUE, FEET_FIRST], ids=["anisotropic", "oblique", "feet first"])
def test_a_dicom_case_is_prepared_as_the_same_patient_in_nifti(tmp_path, settings):
    phantom = patient() if settings is None else patient(settings)
    write_dicom(tmp_path / "dicom" / "pt_1", phantom)
    write_as_nifti(tmp_path / "nifti" / "pt_1", phantom)
    from_dicom, from_nifti = (
        prepare_case(find_cases(tmp_path / kind)[0], spec(), tmp_path / f"cache of {kind}")
        for kind in ("dicom", "nifti")
    )
    assert from_dicom.hu_zyx.shape == from_nifti.hu_zyx.shape
    apart_hu = np.abs(from_dicom.hu_zyx.astype(int) - from_nifti.hu_zyx)
    assert apart_hu.max() <= 1
    assert from_dicom.contoured.tolist() == from_nifti.contoured.tolist() == [True, True, True]
    np.testing.assert_allclose(from_dicom.label_start_zyx, from_nifti.label_start_zyx, atol=1e-3)
    np.testing.assert_allclose(from_dicom.label_step_zyx, from_nifti.label_step_zyx, atol=1e-5)
    for channel in range(3):
        assert dice(from_dicom, from_nifti, channel) == 1.0


def test_ct_and_contours_may_lie_in_folders_of_their_own_among_other_files(data):
    folder = data / "pt_1"
    (folder / "export" / "images").mkdir(parents=True)
    (folder / "export" / "plan").mkdir()
    (folder / "CT.9999.dcm").rename(folder / "export" / "plan" / "no extension")
    for path in folder.glob("*.dcm"):
        path.rename(folder / "export" / "images" / path.name)
    (folder / "export" / "notes.txt").write_text("exported by hand")
    case = only_case(data)
    assert case.read_mask(spec().structures[0]).values_zyx.any()


def test_names_of_other_systems_are_understood_and_a_roi_without_contours_was_not_contoured(data):
    def rename(dataset):
        by_name = {item.ROIName: item for item in dataset.StructureSetROISequence}
        by_name["Parotid_L"].ROIName = "left parotid gland"
        by_name["Parotid_R"].ROIName = "Auto 7"
        number = by_name["SpinalCord"].ROINumber
        for item in dataset.ROIContourSequence:
            if item.ReferencedROINumber == number:
                del item.ContourSequence

    change(data / "pt_1" / "CT.9999.dcm", rename)
    case = prepare_case(only_case(data), spec(), data.parent / "cache")
    assert case.contoured.tolist() == [True, False, False]


def test_a_changed_structure_set_is_prepared_anew(data):
    case = only_case(data)
    before = case.fingerprint()
    change(data / "pt_1" / "CT.9999.dcm", lambda dataset: dataset.ROIContourSequence.pop())
    assert case.fingerprint() != before
    contoured = prepare_case(case, spec(), data.parent / "cache").contoured
    assert sorted(contoured.tolist()) == [False, True, True]


def test_a_patient_without_contours_is_refused_by_name(data):
    (data / "pt_1" / "CT.9999.dcm").unlink()
    assert refusal(data).reason == "NO_STRUCTURE_SET"


def test_contours_without_a_ct_are_refused_by_name(data):
    for path in data.glob("pt_1/CT.0*.dcm"):
        path.unlink()
    assert refusal(data).reason == "NOT_CT"


def test_contours_of_another_ct_are_refused_by_name(data, tmp_path):
    other = write_dicom(tmp_path / "other", patient(seed=2))
    (data / "pt_1" / "CT.9999.dcm").write_bytes(rtstruct(other, drawn(patient(seed=2), "SpinalCord")))
    assert refusal(data).reason == "OTHER_SERIES"


def test_the_structure_set_says_which_of_two_series_is_meant(data):
    write_ct_series(patient(seed=2).ct, data / "pt_1" / "control", ct_identity(patient(seed=2)))
    case = only_case(data)
    np.testing.assert_array_equal(case.read_ct().values_zyx, patient().ct.values_zyx)


def test_two_series_with_contours_are_refused_by_name(data):
    write_dicom(data / "pt_1" / "control", patient(seed=2))
    assert refusal(data).reason == "MULTIPLE_SERIES"


def test_two_structure_sets_of_one_series_are_refused_by_name(data):
    shutil.copy(data / "pt_1" / "CT.9999.dcm", data / "pt_1" / "draft")
    change(data / "pt_1" / "draft", lambda dataset: setattr(dataset, "SOPInstanceUID", "2.25.4711"))
    assert refusal(data).reason == "SEVERAL_STRUCTURE_SETS"


def test_contours_in_another_frame_or_of_another_patient_are_refused_by_name(data):
    path = data / "pt_1" / "CT.9999.dcm"

    def move(dataset):
        dataset.ReferencedFrameOfReferenceSequence[0].FrameOfReferenceUID = "2.25.1"

    change(path, lambda dataset: setattr(dataset, "PatientID", "SOMEBODY ELSE"))
    assert refusal(data).reason == "OTHER_PATIENT"
    change(path, lambda dataset: setattr(dataset, "PatientID", ""))
    assert only_case(data).read_mask(spec().structures[0]) is not None
    change(path, move)
    assert refusal(data).reason == "WRONG_FRAME_OF_REFERENCE"


def test_contours_that_leave_the_ct_are_refused_by_name(data):
    def lift(dataset):
        for contour in dataset.ROIContourSequence[0].ContourSequence:
            contour.ContourData = [float(v) + 900 * (place % 3 == 2) for place, v in enumerate(contour.ContourData)]

    change(data / "pt_1" / "CT.9999.dcm", lift)
    assert refusal(data).reason == "OFF_SLICE"


def test_a_structure_drawn_on_every_other_slice_is_refused_by_name(data):
    def thin_out(dataset):
        roi = dataset.ROIContourSequence[2]
        heights = sorted({round(float(contour.ContourData[2]), 1) for contour in roi.ContourSequence})
        kept = [c for c in roi.ContourSequence if heights.index(round(float(c.ContourData[2]), 1)) % 2 == 0]
        roi.ContourSequence = pydicom.Sequence(kept)

    change(data / "pt_1" / "CT.9999.dcm", thin_out)
    assert refusal(data).reason == "SLICES_SKIPPED"


def test_two_rois_for_one_structure_are_refused_unless_one_is_empty(data):
    names = ("Parotid_L", "Parotid_R")
    series = read_ct_folder(data / "pt_1")
    twice = [*drawn(patient(), *names)]
    twice[1] = replace(twice[1], name="Somebody")
    (data / "pt_1" / "CT.9999.dcm").write_bytes(rtstruct(series, twice))
    change(
        data / "pt_1" / "CT.9999.dcm",
        lambda dataset: setattr(dataset.StructureSetROISequence[1], "ROIName", "parotid left"),
    )
    assert refusal(data).reason == "DUPLICATE_ROI_NAME"
    change(data / "pt_1" / "CT.9999.dcm", lambda dataset: dataset.ROIContourSequence.pop())
    assert only_case(data).read_mask(spec().structures[0]) is not None
