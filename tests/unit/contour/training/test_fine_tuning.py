"""Fine-tuning: what a model knows is kept, structure by structure."""

from dataclasses import replace

import pytest
import torch

from contour.errors import InputError
from contour.segmentation import ModelStore
from contour.segmentation.networks import build_network
from contour.segmentation.spec import parse_spec
from contour.training.fine_tuning import new_structures, starting_weights
from tests.unit.contour.segmentation.tiny_model import TINY_SPEC, save_tiny_model

NETWORKS = {
    "DynUNet": 'architecture = "DynUNet"\narguments = { filters = [4, 8, 8] }',
    "residual DynUNet": 'architecture = "DynUNet"\narguments = { filters = [4, 8, 8], residual = true }',
    "UNet": 'architecture = "UNet"\narguments = { filters = [4, 8, 8] }',
    "SegResNet": 'architecture = "SegResNet"\narguments = { first_filters = 8 }',
}


def spec_text(network: str = "DynUNet") -> str:
    return TINY_SPEC.replace(NETWORKS["DynUNet"], NETWORKS[network])


def with_structures(text: str, *names: str) -> str:
    return text.partition("[[structures]]")[0] + "".join(f'[[structures]]\nname = "{name}"\n' for name in names)


def start(folder, network: str = "DynUNet"):
    return ModelStore([save_tiny_model(folder, spec_text=spec_text(network))]).load("tiny", device="cpu")


@pytest.mark.parametrize("network", NETWORKS)
def test_a_structure_that_both_know_is_answered_as_before_whatever_its_place(tmp_path, network):
    model = start(tmp_path, network)
    spec = parse_spec(with_structures(spec_text(network), "Brainstem", "SpinalCord", "Larynx", "Parotid_L"))
    tuned = build_network(spec)
    tuned.load_state_dict(starting_weights(model, spec, seed=1))
    shown = torch.randn(1, 2, 16, 24, 32)
    with torch.inference_mode():
        before, after = model.network(shown)[0], tuned.eval()(shown)[0]
    if network != "UNet":  # whose last convolution mixes the structures' channels
        torch.testing.assert_close(after[1], before[2])
        torch.testing.assert_close(after[3], before[0])
    assert new_structures(model, spec) == ("Brainstem", "Larynx")


def test_a_new_structure_is_at_first_found_nowhere(tmp_path):
    spec = parse_spec(with_structures(TINY_SPEC, "Brainstem", "SpinalCord"))
    weights = starting_weights(start(tmp_path), spec, seed=1)
    assert weights["output_block.conv.conv.bias"][0] == -4.0


def test_the_same_structures_in_another_order_are_not_mistaken_for_one_another(tmp_path):
    model = start(tmp_path)
    spec = parse_spec(with_structures(TINY_SPEC, "SpinalCord", "Parotid_L", "Parotid_R"))
    weights = starting_weights(model, spec, seed=1)
    old = model.network.state_dict()
    for name in ("output_block.conv.conv.weight", "output_block.conv.conv.bias"):
        assert torch.equal(weights[name], old[name][[2, 0, 1]])
    untouched = [name for name in old if not name.startswith("output_block")]
    assert untouched
    assert all(torch.equal(weights[name], old[name]) for name in untouched)


def test_fresh_weights_follow_from_the_seed_and_leave_the_callers_chance_alone(tmp_path):
    model, spec = start(tmp_path), parse_spec(with_structures(TINY_SPEC, "Brainstem"))
    torch.manual_seed(3)
    expected = torch.rand(())
    torch.manual_seed(3)
    one, again, other = (starting_weights(model, spec, seed=seed) for seed in (1, 1, 2))
    assert torch.equal(torch.rand(()), expected)
    head = "output_block.conv.conv.weight"
    assert torch.equal(one[head], again[head])
    assert not torch.equal(one[head], other[head])


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("filters = [4, 8, 8]", "filters = [4, 8, 16]", "network"),
        ("spacing_zyx_mm = [6.0, 5.0, 4.0]", "spacing_zyx_mm = [6.0, 5.0, 5.0]", "spacing_zyx_mm"),
        ("[[-150.0, 250.0], [-1000.0, 1500.0]]", "[[-150.0, 250.0]]", "windows_hu"),
        ("[[-150.0, 250.0], [-1000.0, 1500.0]]", "[[-150.0, 250.0], [-900.0, 1500.0]]", "windows_hu"),
    ],
)
def test_a_start_that_sees_or_computes_otherwise_is_refused_by_what_differs(tmp_path, old, new, said):
    assert old in TINY_SPEC
    with pytest.raises(InputError, match=f"differ in {said}") as refused:
        starting_weights(start(tmp_path), parse_spec(TINY_SPEC.replace(old, new)), seed=1)
    assert refused.value.reason == "OTHER_NETWORK"


def test_another_patch_size_and_margin_are_no_hindrance(tmp_path):
    model = start(tmp_path)
    shown = replace(model.spec.input, patch_zyx=(32, 32, 32), margin_mm=20.0)
    assert starting_weights(model, replace(model.spec, input=shown), seed=1)
