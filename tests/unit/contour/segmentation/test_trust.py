"""What is said of a contour: proposal, must-look region, predicted Dice, and what is not known."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from contour.anatomy.structures import Removal, crop_to_structure
from contour.segmentation import ModelStore, segment
from contour.segmentation.calibration import FEATURES, Calibration
from contour.segmentation.confidence import features_of, predicted_dice
from contour.segmentation.segment import answer_all
from contour.segmentation.windows import ask_network
from registration.orientation import anatomical_order
from tests.phantoms import ball, small_grid
from tests.tiny_targets import NAME, confidence, look, save_tiny_targets


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return ModelStore([save_tiny_targets(tmp_path_factory.mktemp("models"))]).load(NAME, device="cpu")


@pytest.fixture(scope="module")
def ct(oblique_patient):
    return oblique_patient.ct


def reasons(result):
    return [(warning.reason, dict(warning.measured).get("structure", "")) for warning in result.warnings]


def test_a_target_comes_with_a_wider_region_that_holds_it_right_after_it(model, ct):
    result = segment(ct, model, structures=("PTV_High",))
    assert [structure.name for structure in result.structures] == ["PTV_High", "zLook_PTV_High"]
    target, region = result.structures
    assert region.full_mask_zyx()[target.full_mask_zyx()].all()
    assert region.volume_ml > 1.01 * target.volume_ml
    assert result.proposals == ("PTV_High",)
    assert result.looks == (("zLook_PTV_High", "PTV_High"),)
    assert "Proposal from CT alone" in target.description
    assert "5.0%" in region.description
    assert "40 patients" in region.description


def test_what_is_contoured_does_not_depend_on_being_calibrated(model, ct):
    uncalibrated = segment(ct, replace(model, calibration=None), structures=("PTV_High", "Brain"))
    calibrated = {s.name: s for s in segment(ct, model, structures=("PTV_High", "Brain")).structures}
    for structure in uncalibrated.structures:
        np.testing.assert_array_equal(structure.full_mask_zyx(), calibrated[structure.name].full_mask_zyx())


def test_without_a_calibration_targets_say_what_is_not_known(model, ct):
    result = segment(ct, replace(model, calibration=None))
    assert [structure.name for structure in result.structures] == ["External", "Brain", "PTV_High", "PTV_Low"]
    assert reasons(result) == [
        ("STRUCTURE_NOT_FOUND", ""),
        ("NOT_CALIBRATED", "PTV_High"),
        ("NOT_CALIBRATED", "PTV_Low"),
    ]
    assert result.predicted_dice == ()


def test_a_target_that_no_region_bounds_says_so_beside_one_that_has(model, ct):
    partly = Calibration(fingerprint="x", patients="nobody", looks=(look("PTV_High"),), confidences=())
    result = segment(ct, replace(model, calibration=partly))
    assert ("NOT_CALIBRATED", "PTV_Low") in reasons(result)
    assert ("NOT_CALIBRATED", "PTV_High") not in reasons(result)


def test_a_contour_that_is_likely_bad_is_named_with_both_numbers(model, ct):
    result = segment(ct, model)
    assert dict(result.predicted_dice) == {"Brain": 0.8, "PTV_High": 0.41}
    warning = next(one for one in result.warnings if one.reason == "LOW_CONFIDENCE")
    assert ("LOW_CONFIDENCE", "PTV_High") in reasons(result)
    assert ("LOW_CONFIDENCE", "Brain") not in reasons(result)
    assert "0.41" in warning.message
    assert "0.60" in warning.message
    brain = next(structure for structure in result.structures if structure.name == "Brain")
    assert brain.description == "Predicted Dice 0.80."


def test_calibration_measures_the_contours_that_segment_gives(model, ct):
    given = {s.name: s for s in segment(ct, model).structures}
    for answer in answer_all(ct, model):
        np.testing.assert_array_equal(answer.structure.full_mask_zyx(), given[answer.structure.name].full_mask_zyx())


class SeesTheLeftOnly(torch.nn.Module):
    """Channel 0 where bright on the left half of what it is shown, or everywhere; so its mirrored answer differs."""

    def __init__(self, *, left_only):
        super().__init__()
        self.left_only = left_only

    def forward(self, inputs):
        answer = (inputs[:, 0] - 0.2) * 40
        if self.left_only:
            answer = torch.where(torch.arange(inputs.shape[-1]) >= inputs.shape[-1] // 2, answer, -9.0)
        return torch.stack([answer, torch.full_like(answer, -9.0), torch.full_like(answer, 9.0)], dim=1)


@pytest.mark.parametrize(("left_only", "agreement"), [(False, (1.0, 1.0, 1.0)), (True, (0.0, 1.0, 1.0))])
def test_agreement_with_the_mirror_image_is_1_where_it_answers_alike_and_0_where_it_never_does(
    model, left_only, agreement
):
    spec = replace(model.spec, input=replace(model.spec.input, mirrored_too=True))
    hu = np.random.default_rng(5).uniform(-400, 400, (20, 16, 16)).astype(np.float32)
    asked = replace(model, spec=spec, network=SeesTheLeftOnly(left_only=left_only))
    found = ask_network(hu, np.ones(hu.shape, dtype=bool), asked, lambda stage, fraction: None)
    assert found.mirror_agreement == pytest.approx(agreement)
    once = ask_network(hu, np.ones(hu.shape, dtype=bool), replace(asked, spec=model.spec), lambda stage, fraction: None)
    assert once.mirror_agreement is None


def test_a_structure_is_drawn_where_its_answer_reaches_its_operating_point(model):
    first, *others = model.spec.structures
    spec = replace(model.spec, structures=(replace(first, operating_point=0.2), *others))
    hu = np.random.default_rng(5).uniform(-400, 400, (20, 16, 16)).astype(np.float32)
    asked = replace(model, network=SeesTheLeftOnly(left_only=False))
    everywhere = np.ones(hu.shape, dtype=bool)
    plain, moved = (
        ask_network(hu, everywhere, replace(asked, spec=each), lambda stage, fraction: None).probability
        for each in (model.spec, spec)
    )
    np.testing.assert_array_equal(moved[0] >= 0.5, plain[0] >= 0.2)
    np.testing.assert_array_equal(moved[1:], plain[1:])


def test_features_say_how_sure_how_large_how_cut_and_how_much_was_kept():
    grid = small_grid((20, 40, 44), (3.0, 1.0, 1.2))
    whole = ball(grid, 12.0)
    order = anatomical_order(grid)
    certain = whole.full_mask_zyx().astype(np.float32)
    inside = dict(zip(FEATURES, features_of(whole, certain, 0.9, order), strict=True))
    assert inside["expected_dice"] == pytest.approx(1.0)
    assert inside["mirror_agreement"] == 0.9
    assert inside["log_volume_ml"] == pytest.approx(math.log(whole.volume_ml))
    assert (inside["cut_share"], inside["kept_share"]) == (0.0, 1.0)
    removed = replace(whole, removals=(Removal(rule="keep_parts=1", parts=2, volume_ml=whole.volume_ml),))
    unsure = dict(zip(FEATURES, features_of(removed, certain * 0.6, None, order), strict=True))
    assert unsure["expected_dice"] == pytest.approx(2 * 0.6 / 1.6, abs=1e-5)
    assert (unsure["mirror_agreement"], unsure["kept_share"]) == (1.0, 0.5)


@pytest.mark.parametrize("tilt", [(0.0, 0.0, 0.0), (180.0, 0.0, 0.0)], ids=["head first", "feet first"])
def test_a_structure_that_the_scan_cuts_says_what_share_of_it_lies_on_the_cut(tilt):
    grid = small_grid((20, 40, 44), (3.0, 1.0, 1.2), tilt_xyz_deg=tilt)
    z, y, x = np.indices(grid.shape_zyx)
    cone = (y - 20) ** 2 + (x - 22) ** 2 <= (18 - z) ** 2
    cone &= z < 18
    structure = crop_to_structure("Esophagus", grid, cone & (z < 12))
    areas = np.count_nonzero(cone, axis=(1, 2))
    order = anatomical_order(grid)
    assert features_of(structure, cone.astype(np.float32), None, order)[3] == pytest.approx(1.0)
    middle = crop_to_structure("Esophagus", grid, (cone & (z > 8)) | ((z == 19) & (y == 20) & (x == 22)))
    assert features_of(middle, cone.astype(np.float32), None, order)[3] == pytest.approx(1 / areas[9])


def test_a_predicted_dice_stays_between_0_and_1():
    features = (0.5, 1.0, 2.0, 0.0, 1.0)
    assert predicted_dice(features, confidence(mean_dice=0.5)) == 0.5
    steep = replace(confidence(mean_dice=0.5).features[0], feature="log_volume_ml", weight=1.0)
    assert predicted_dice(features, confidence(features=(steep,))) == 1.0
    assert predicted_dice((0.5, 1.0, -900.0, 0.0, 1.0), confidence(features=(steep,))) == 0.0
