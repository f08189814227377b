"""Real scans that the model does not know are refused by name; real scans that it knows are not."""

from pathlib import Path

import numpy as np
import pytest

from contour.dicom.ct_reader import read_ct_folder
from contour.errors import InputError
from contour.segmentation import ModelStore, segment, shipped_models_folder
from contour.segmentation.scan_hu import check_air
from registration.itk_bridge import read_nifti
from registration.volume import Volume
from tests import tiny_model


@pytest.fixture(scope="module")
def tiny(models):
    return ModelStore([models]).load(tiny_model.NAME, device="cpu")


@pytest.fixture(scope="module")
def patient(data_folder: Path) -> Volume:
    return read_nifti(data_folder / "openkbp" / "validation" / "pt_204" / "CT.nii.gz")


@pytest.fixture(scope="module")
def abdomen(data_folder: Path) -> Volume:
    return read_nifti(data_folder / "totalsegmentator_example" / "example_ct_3mm.nii.gz")


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda hu: hu + np.int16(1000), "HU_SHIFTED"),
        (lambda hu: hu - np.int16(1000), "HU_SHIFTED"),
        (lambda hu: np.where(hu < -500, 0, hu), "NO_AIR_CONTRAST"),
        (lambda hu: (hu * 0.3).astype(np.int16), "NO_AIR_CONTRAST"),
    ],
    ids=["1000 too high", "1000 too low", "air at 0", "squeezed"],
)
@pytest.mark.parametrize("scan", ["patient", "abdomen"])
def test_hu_that_are_no_hu_stop_the_walk(request, tiny, scan, spoil, reason):
    ct = request.getfixturevalue(scan)
    with pytest.raises(InputError) as refused:
        segment(Volume(grid=ct.grid, values_zyx=spoil(ct.values_zyx)), tiny)
    assert refused.value.reason == reason


def test_the_hu_of_real_scans_are_believed(data_folder, patient, abdomen):
    check_air(patient)
    check_air(abdomen)
    check_air(read_ct_folder(data_folder / "totalsegmentator_example" / "ct_dicom").volume)
    for name in ("pt_201", "pt_203", "pt_230"):
        check_air(read_nifti(data_folder / "openkbp" / "validation" / name / "CT.nii.gz"))


def test_a_real_abdomen_is_no_head_and_neck(abdomen):
    store = ModelStore([shipped_models_folder()])
    knowing = [model for name in store.names() if (model := store.load(name, device="cpu")).anatomy is not None]
    if not knowing:
        pytest.skip("no shipped model has an anatomy.json")
    for model in knowing:
        with pytest.raises(InputError) as refused:
            segment(abdomen, model)
        assert refused.value.reason == "OTHER_REGION"
