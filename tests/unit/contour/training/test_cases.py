"""Who is found in a folder, and what was contoured in them."""

from pathlib import Path

import numpy as np
import pytest

from contour.errors import InputError
from contour.segmentation.spec import parse_spec
from contour.training.cases import NiftiCase, find_cases
from registration import Grid, Volume
from registration.itk_bridge import read_nifti, write_nifti
from tests.unit.contour.segmentation.tiny_model import TINY_SPEC
from tests.unit.contour.training.patients import case_on_disk, spec


def target_spec(trained_from: str):
    name = 'name = "SpinalCord"'
    return parse_spec(TINY_SPEC.replace(name, f'name = "PTV_Low"\nproposal = true\ntrained_from = {trained_from}'))


def add_mask(folder: Path, name: str, part: tuple[slice, ...]) -> None:
    grid = read_nifti(folder / "CT.nii.gz").grid
    mask = np.zeros(grid.shape_zyx, dtype=bool)
    mask[part] = True
    write_nifti(Volume(grid=grid, values_zyx=mask), folder / f"{name}.nii.gz")


def test_masks_are_named_by_alias_and_other_files_are_passed_over(tmp_path):
    folder = case_on_disk(tmp_path / "data" / "a")
    add_mask(folder, "possible_dose_mask", (slice(3),))
    case = find_cases(tmp_path / "data")[0]
    assert isinstance(case, NiftiCase)
    assert [name for name, _ in case.mask_paths] == ["Parotid_L"]


def test_cases_come_in_order_of_name_and_what_is_no_case_is_passed_over(tmp_path):
    for name in ("pt_2", "pt_10", "pt_1"):
        case_on_disk(tmp_path / name)
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "readme.txt").write_text("no patient")
    (tmp_path / "LICENSE").write_text("MIT")
    assert [case.name for case in find_cases(tmp_path)] == ["pt_1", "pt_10", "pt_2"]


def test_a_folder_without_cases_is_refused_by_name(tmp_path):
    with pytest.raises(InputError) as refused:
        find_cases(tmp_path)
    assert refused.value.reason == "NO_TRAINING_CASES"


def test_a_structure_without_a_file_or_with_an_empty_one_was_not_contoured(tmp_path):
    folder = case_on_disk(tmp_path / "data" / "a")
    add_mask(folder, "SpinalCord", (slice(0, 0),))
    case = find_cases(tmp_path / "data")[0]
    assert [case.read_mask(structure) is None for structure in spec().structures] == [False, True, True]


def test_a_target_is_the_union_of_all_that_it_is_trained_from(tmp_path):
    folder = case_on_disk(tmp_path / "data" / "a")
    high, low = (slice(10, 14), slice(20, 30), slice(30, 40)), (slice(12, 20), slice(25, 35), slice(20, 33))
    add_mask(folder, "PTV70", high)
    add_mask(folder, "PTV56", low)
    case = find_cases(tmp_path / "data")[0]
    both = case.read_mask(target_spec('["PTV_7000", "PTV_6300", "PTV_5600"]').structures[2]).values_zyx
    alone = case.read_mask(target_spec('["PTV_7000"]').structures[2]).values_zyx
    assert both[high].all()
    assert both[low].all()
    assert both.sum() == 4 * 10 * 10 + 8 * 10 * 13 - 2 * 5 * 3
    assert alone.sum() == 4 * 10 * 10
    assert case.read_mask(target_spec('["PTV_6300"]').structures[2]) is None


def test_a_mask_on_another_grid_than_the_ct_is_refused_by_case_and_file(tmp_path):
    folder = case_on_disk(tmp_path / "data" / "pt_7")
    ct = read_nifti(folder / "CT.nii.gz").grid
    shifted = Grid(
        shape_zyx=ct.shape_zyx,
        spacing_zyx_mm=ct.spacing_zyx_mm,
        origin_xyz_mm=(-80.0, -60.0, 15.0),
        axes_xyz=ct.axes_xyz,
        frame_of_reference_uid="",
    )
    write_nifti(Volume(grid=shifted, values_zyx=np.ones(ct.shape_zyx, dtype=bool)), folder / "SpinalCord.nii.gz")
    with pytest.raises(InputError, match=r"pt_7.*SpinalCord\.nii\.gz") as refused:
        find_cases(tmp_path / "data")[0].read_mask(spec().structures[2])
    assert refused.value.reason == "GRID_MISMATCH"
