"""Learning: partial labels count for nothing, a killed run goes on as if it had not been, and a network does learn."""

from pathlib import Path

import numpy as np
import pytest
import torch

from contour.errors import InputError
from contour.segmentation.network_input import to_channels
from contour.segmentation.networks import build_network
from contour.segmentation.spec import parse_spec
from contour.training.cases import Case, PreparedCase, find_cases, prepare_case
from contour.training.loop import TrainingSettings, learning_rate_at, train_network
from contour.training.loss import partial_loss
from contour.training.patches import AugmentationSettings, PatchSource
from registration import Grid, Volume
from registration.itk_bridge import write_nifti
from tests.unit.contour.segmentation.tiny_model import TINY_SPEC

STILL = AugmentationSettings(rotation_deg=0, scale=0, mirror=0, shift_hu=0, contrast=0, noise_hu=0, sharpness=0, cut=0)


def spec():
    return parse_spec(TINY_SPEC)


def case_on_disk(folder: Path, *, flip_x: bool = False) -> Path:
    """A box of a patient with a bright left gland, as NIfTI; the axes as scanners store them, or reversed in x."""
    grid = Grid(
        shape_zyx=(30, 60, 70),
        spacing_zyx_mm=(3.0, 2.0, 2.2),
        origin_xyz_mm=(-80.0, -60.0, 12.0),
        axes_xyz=((0.0, 0.0, 1.0), (0.0, 1.0, 0.0), (1.0, 0.0, 0.0)),
        frame_of_reference_uid="",
    )
    z, y, x = np.indices(grid.shape_zyx)
    gland = ((z - 15) / 8) ** 2 + ((y - 30) / 11) ** 2 + ((x - 52) / 9) ** 2 <= 1
    hu = np.where(gland, 900, 20).astype(np.int16)
    hu[:, :6] = hu[:, -6:] = -1024
    if flip_x:
        hu, gland = hu[:, :, ::-1], gland[:, :, ::-1]
        last = grid.to_point_xyz_mm(np.array([0.0, 0.0, 69.0]))
        grid = Grid(
            shape_zyx=grid.shape_zyx,
            spacing_zyx_mm=grid.spacing_zyx_mm,
            origin_xyz_mm=tuple(float(v) for v in last),
            axes_xyz=((0.0, 0.0, 1.0), (0.0, 1.0, 0.0), (-1.0, 0.0, 0.0)),
            frame_of_reference_uid="",
        )
    folder.mkdir(parents=True)
    write_nifti(Volume(grid=grid, values_zyx=hu.copy()), folder / "CT.nii.gz")
    write_nifti(Volume(grid=grid, values_zyx=gland.copy()), folder / "LeftParotid.nii.gz")
    return folder


def prepared(tmp_path: Path, **changes) -> PreparedCase:
    case_on_disk(tmp_path / "data" / "a", **changes)
    return prepare_case(find_cases(tmp_path / "data")[0], spec(), tmp_path / "cache")


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


def test_a_prepared_case_is_read_back_from_the_cache(tmp_path):
    first = prepared(tmp_path)
    again = prepare_case(find_cases(tmp_path / "data")[0], spec(), tmp_path / "cache")
    np.testing.assert_array_equal(first.hu_zyx, again.hu_zyx)
    assert len(list((tmp_path / "cache").iterdir())) == 1


def test_a_folder_without_cases_is_refused_by_name(tmp_path):
    with pytest.raises(InputError) as refused:
        find_cases(tmp_path)
    assert refused.value.reason == "NO_TRAINING_CASES"


def test_a_patch_that_is_not_changed_shows_the_patient_as_it_is(tmp_path):
    case = prepared(tmp_path)
    patch = PatchSource([case], spec(), STILL).draw(torch.Generator().manual_seed(5))
    gland = patch.labels[0] > 0
    assert gland.any()
    assert float(patch.hu[gland].median()) > 800
    assert patch.contoured.tolist() == [True, False, False]


def test_a_mirrored_patch_exchanges_left_and_right_names(tmp_path):
    case = prepared(tmp_path)
    always = AugmentationSettings(
        rotation_deg=0, scale=0, mirror=1, shift_hu=0, contrast=0, noise_hu=0, sharpness=0, cut=0
    )
    patch = PatchSource([case], spec(), always).draw(torch.Generator().manual_seed(5))
    assert patch.contoured.tolist() == [False, True, False]
    assert float(patch.hu[patch.labels[1] > 0].median()) > 800
    assert not patch.labels[0].any()


def test_image_and_labels_are_bent_together(tmp_path):
    case = prepared(tmp_path)
    bent = AugmentationSettings(shift_hu=0, contrast=0, noise_hu=0, sharpness=0, rotation_deg=25, scale=0.3, cut=0)
    source = PatchSource([case], spec(), bent)
    for seed in range(6):
        patch = source.draw(torch.Generator().manual_seed(seed))
        labelled = (patch.labels[0] + patch.labels[1]) > 0
        bright = patch.hu > 460
        overlap = 2 * (labelled & bright).sum() / (labelled.sum() + bright.sum())
        assert labelled.any()
        assert float(overlap) > 0.85


def test_the_loss_ignores_what_was_not_contoured():
    torch.manual_seed(1)
    logits = torch.randn(3, 4, 5, 6, requires_grad=True)
    labels = (torch.rand(3, 4, 5, 6) > 0.5).float()
    contoured = torch.tensor([True, False, True])
    loss = partial_loss(logits, labels, contoured)
    loss.backward()
    assert (logits.grad[1] == 0).all()
    assert (logits.grad[0] != 0).all()
    changed = labels.clone()
    changed[1] = 1 - changed[1]
    assert torch.equal(partial_loss(logits, changed, contoured).detach(), loss.detach())


def test_a_right_answer_costs_next_to_nothing_and_a_wrong_one_much():
    labels = torch.zeros(1, 4, 5, 6)
    labels[0, 1:3, 2:4, 2:5] = 1
    right, wrong = (labels * 2 - 1) * 20, (1 - labels * 2) * 20
    assert float(partial_loss(right, labels, torch.tensor([True]))) < 1e-3
    assert float(partial_loss(wrong, labels, torch.tensor([True]))) > 10


def test_the_learning_rate_warms_up_and_ends_at_nothing():
    settings = TrainingSettings(steps=100, warm_up_steps=10, learning_rate=1.0)
    rates = [learning_rate_at(step, settings) for step in range(100)]
    assert rates[0] == pytest.approx(0.1)
    assert max(rates) == pytest.approx(1.0)
    assert rates[-1] < 0.001


class KilledError(Exception):
    """Stands for the moment at which a run is killed."""


def test_a_killed_run_goes_on_as_if_it_had_not_been(tmp_path):
    case = prepared(tmp_path)
    settings = TrainingSettings(steps=6, checkpoint_steps=2, warm_up_steps=2)
    whole = train_network(spec(), [case], settings, work=tmp_path / "whole")

    def kill_at_five(done):
        if done.step == 5:
            raise KilledError

    with pytest.raises(KilledError):
        train_network(spec(), [case], settings, work=tmp_path / "killed", on_step=kill_at_five)
    resumed = train_network(spec(), [case], settings, work=tmp_path / "killed")
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)


def test_a_checkpoint_of_other_settings_is_refused(tmp_path):
    case = prepared(tmp_path)
    train_network(spec(), [case], TrainingSettings(steps=2), work=tmp_path / "work")
    with pytest.raises(InputError) as refused:
        train_network(spec(), [case], TrainingSettings(steps=2, seed=1), work=tmp_path / "work")
    assert refused.value.reason == "OTHER_TRAINING_RUN"


def test_a_run_can_be_made_longer_while_it_is_under_way(tmp_path):
    case = prepared(tmp_path)
    steps = []
    train_network(spec(), [case], TrainingSettings(steps=2), work=tmp_path / "work")
    train_network(
        spec(), [case], TrainingSettings(steps=4), work=tmp_path / "work", on_step=lambda done: steps.append(done.step)
    )
    assert steps == [3, 4]


def test_a_network_learns_a_bright_gland(tmp_path):
    case = prepared(tmp_path)
    settings = TrainingSettings(steps=150, warm_up_steps=5, learning_rate=8e-3)
    weights = train_network(spec(), [case], settings, work=tmp_path / "work")
    network = build_network(spec())
    network.load_state_dict(weights)
    patch = PatchSource([case], spec(), STILL).draw(torch.Generator().manual_seed(5))
    with torch.inference_mode():
        logits = network.eval()(to_channels(patch.hu, spec().input.windows_hu))[0]
    found, truth = logits[0] > 0, patch.labels[0] > 0
    assert float(2 * (found & truth).sum() / (found.sum() + truth.sum())) > 0.6


def test_cases_are_named_by_alias(tmp_path):
    case_on_disk(tmp_path / "data" / "a")
    case = find_cases(tmp_path / "data")[0]
    assert isinstance(case, Case)
    assert [name for name, _ in case.mask_paths] == ["Parotid_L"]
