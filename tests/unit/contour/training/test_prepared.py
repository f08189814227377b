"""The compact form of a patient: which way round it lies, what is known of it, and that it is kept."""

import numpy as np

from contour.training.cases import find_cases
from contour.training.prepared import prepare_case
from tests.unit.contour.training.patients import case_on_disk, prepared, spec


def test_a_case_knows_what_was_contoured_and_what_was_not(tmp_path):
    case = prepared(tmp_path)
    assert case.contoured.tolist() == [True, False, False]
    assert (case.labels_zyx & 1).any()
    assert not (case.labels_zyx & 0b110).any()


def test_a_case_stored_from_left_to_right_is_prepared_like_one_stored_from_right_to_left(tmp_path):
    one = prepared(tmp_path / "straight")
    other = prepared(tmp_path / "reversed", flip_x=True)
    np.testing.assert_array_equal(one.labels_zyx, other.labels_zyx)
    np.testing.assert_array_equal(one.hu_zyx, other.hu_zyx)


def test_contours_stay_where_the_image_is(tmp_path):
    case = prepared(tmp_path)
    bright = np.argwhere(case.hu_zyx > 460).mean(axis=0)
    gland = np.argwhere(case.labels_zyx & 1).mean(axis=0)
    np.testing.assert_allclose(bright * case.label_step_zyx + case.label_start_zyx, gland, atol=0.3)


def test_a_prepared_case_is_read_back_from_the_cache(tmp_path):
    first = prepared(tmp_path)
    again = prepare_case(find_cases(tmp_path / "data")[0], spec(), tmp_path / "cache")
    np.testing.assert_array_equal(first.hu_zyx, again.hu_zyx)
    assert len(list((tmp_path / "cache").iterdir())) == 1


def test_a_case_whose_files_changed_is_prepared_anew(tmp_path):
    prepared(tmp_path)
    (tmp_path / "data" / "a" / "LeftParotid.nii.gz").unlink()
    again = prepare_case(find_cases(tmp_path / "data")[0], spec(), tmp_path / "cache")
    assert not again.contoured.any()


def test_cases_are_prepared_from_any_number_of_masks(tmp_path):
    case_on_disk(tmp_path / "data" / "a")
    (tmp_path / "data" / "a" / "LeftParotid.nii.gz").unlink()
    case = prepare_case(find_cases(tmp_path / "data")[0], spec(), tmp_path / "cache")
    assert not case.labels_zyx.any()
