"""The run: a killed one goes on as if it had not been, a seed decides the weights, and a network does learn."""

import json

import pytest
import torch

from contour.errors import InputError
from contour.segmentation.network_input import to_channels
from contour.segmentation.networks import build_network
from contour.training.loop import TrainingSettings, learning_rate_at, train_network
from contour.training.patches import PatchSource
from tests.unit.contour.training.patients import STILL, prepared, spec


class KilledError(Exception):
    """Stands for the moment at which a run is killed."""


def same(one, other):
    return all(torch.equal(one[name], other[name]) for name in one)


def test_the_learning_rate_warms_up_stays_and_ends_at_nothing():
    settings = TrainingSettings(steps=100, warm_up_steps=10, learning_rate=1.0, falling=0.3)
    rates = [learning_rate_at(step, settings) for step in range(101)]
    assert rates[0] == pytest.approx(0.1)
    assert set(rates[10:70]) == {1.0}
    assert rates[85] == pytest.approx(0.5)
    assert rates[100] == pytest.approx(0.0)


def test_the_same_seed_gives_the_same_weights_and_another_seed_others(tmp_path):
    case = prepared(tmp_path)
    settings = TrainingSettings(steps=3, warm_up_steps=1, seed=4)
    one = train_network(spec(), [case], settings, work=tmp_path / "one")
    again = train_network(spec(), [case], settings, work=tmp_path / "again")
    other = train_network(spec(), [case], TrainingSettings(steps=3, warm_up_steps=1, seed=5), work=tmp_path / "other")
    assert same(one, again)
    assert not same(one, other)


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
    assert same(whole, resumed)


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


def test_a_run_starts_from_the_weights_it_is_given(tmp_path):
    case = prepared(tmp_path)
    torch.manual_seed(99)
    initial = build_network(spec()).state_dict()
    crawl = TrainingSettings(steps=1, warm_up_steps=1, learning_rate=1e-9, kernel_rate=1e-9, weight_decay=0.0)
    found = train_network(spec(), [case], crawl, work=tmp_path / "work", initial=initial)
    assert all(torch.allclose(found[name], initial[name], atol=1e-6) for name in initial)


def test_each_step_writes_its_loss_and_rate_and_held_out_cases_are_looked_at(tmp_path):
    case = prepared(tmp_path)
    settings = TrainingSettings(steps=4, warm_up_steps=2)
    train_network(spec(), [case], settings, work=tmp_path / "work", held_out=[case])
    lines = [json.loads(line) for line in (tmp_path / "work" / "curve.jsonl").read_text().splitlines()]
    steps = [line for line in lines if "loss" in line]
    assert [line["step"] for line in steps] == [1, 2, 3, 4]
    assert [line["rate"] for line in steps] == pytest.approx(
        [learning_rate_at(n, settings) for n in range(4)], rel=1e-3
    )
    assert any("held_out_loss" in line for line in lines)


def test_a_look_at_held_out_cases_changes_nothing_that_is_learnt(tmp_path):
    case = prepared(tmp_path)
    settings = TrainingSettings(steps=3, warm_up_steps=1)
    without = train_network(spec(), [case], settings, work=tmp_path / "without")
    looked = train_network(spec(), [case], settings, work=tmp_path / "looked", held_out=[case])
    assert same(without, looked)


def test_a_network_learns_a_bright_gland(tmp_path):
    case = prepared(tmp_path)
    settings = TrainingSettings(steps=150, warm_up_steps=5, learning_rate=8e-3)
    weights = train_network(spec(), [case], settings, work=tmp_path / "work")
    network = build_network(spec())
    network.load_state_dict(weights)
    patch = PatchSource([case], spec(), STILL).draw(torch.Generator().manual_seed(5))
    with torch.inference_mode():
        logits = network.eval()(to_channels(patch.hu, spec().input.windows_hu))[0]
    found, truth = logits[0] > 0, patch.labels[0] > 0.5
    assert float(2 * (found & truth).sum() / (found.sum() + truth.sum())) > 0.6
