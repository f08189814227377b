"""HU that are no HU are refused by name before a network is asked."""

import numpy as np
import pytest

from contour.errors import InputError
from contour.segmentation.expected_anatomy import ExpectedAnatomy, Span
from contour.segmentation.scan_hu import check_air, check_tissue, tissue_of
from registration import Volume

ANATOMY = ExpectedAnatomy(
    patients=80,
    soft_tissue_hu=Span(lowest=-5.0, highest=45.0),
    soft_tissue_share=Span(lowest=0.3, highest=0.8),
    size=Span(lowest=0.9, highest=1.1),
    structures=(),
)


def refusal_of(ct, values):
    with pytest.raises(InputError) as refused:
        check_air(Volume(grid=ct.grid, values_zyx=values))
    return refused.value


def test_a_scan_with_couch_and_mask_is_a_ct(coarse_patient, oblique_patient, feet_first_patient):
    for patient in (coarse_patient, oblique_patient, feet_first_patient):
        check_air(patient.ct)


def test_padding_beyond_the_field_of_view_is_no_shift(coarse_patient):
    values = coarse_patient.ct.values_zyx.copy()
    values[:, :6] = values[:, -6:] = values[:, :, :6] = values[:, :, -6:] = -3024
    check_air(Volume(grid=coarse_patient.ct.grid, values_zyx=values))


@pytest.mark.parametrize("shift_hu", [1000, 1024, -1000, 400])
def test_shifted_hu_are_refused_with_the_shift(coarse_patient, shift_hu):
    error = refusal_of(coarse_patient.ct, coarse_patient.ct.values_zyx + np.int16(shift_hu))
    assert error.reason == "HU_SHIFTED"
    told = int(error.message.split("all values are about ")[1].split(" HU")[0])
    assert abs(told - abs(shift_hu)) <= 80
    assert f"too {'high' if shift_hu > 0 else 'low'}" in error.message


@pytest.mark.parametrize(
    "spoil",
    [
        lambda hu: (hu * 0.3).astype(np.int16),
        lambda hu: np.where(hu < -500, 0, hu).astype(np.int16),
        lambda hu: np.clip(hu, -160, 240),
        lambda hu: np.full_like(hu, 40),
    ],
    ids=["squeezed", "air at 0", "windowed", "constant"],
)
def test_a_patient_without_air_around_him_is_refused(coarse_patient, spoil):
    assert refusal_of(coarse_patient.ct, spoil(coarse_patient.ct.values_zyx)).reason == "NO_AIR_CONTRAST"


def test_soft_tissue_is_found_beside_bone_gas_and_fat():
    rng = np.random.default_rng(1)
    parts = [np.full(500, -1000), rng.normal(-100, 15, 2500), rng.normal(42, 12, 5000), rng.normal(700, 200, 2000)]
    tissue = tissue_of(np.concatenate(parts).reshape(10, 10, 100))
    assert tissue.mode_hu == pytest.approx(42, abs=6)
    assert tissue.share == pytest.approx(5000 / 9500, abs=0.02)
    assert tissue_of(np.full((2, 2, 2), -1024)) is None


@pytest.mark.parametrize(("mode_hu", "told"), [(20.0, []), (110.0, ["HU_UNUSUAL"])])
def test_soft_tissue_off_the_training_patients_is_told(mode_hu, told):
    hu = np.random.default_rng(2).normal(mode_hu, 10, (8, 16, 16))
    assert [finding.reason for finding in check_tissue(hu, ANATOMY)] == told


@pytest.mark.parametrize("mode_hu", [260.0, -300.0])
def test_soft_tissue_far_off_is_refused(mode_hu):
    hu = np.random.default_rng(2).normal(mode_hu, 10, (8, 16, 16))
    with pytest.raises(InputError) as refused:
        check_tissue(hu, ANATOMY)
    assert refused.value.reason == "HU_SHIFTED"


def test_a_model_that_knows_no_patients_compares_nothing():
    assert check_tissue(np.full((4, 4, 4), 900.0), None) == ()
