"""The networks that a spec may name."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from contour.errors import ModelError
from contour.segmentation.networks import build_network
from contour.segmentation.spec import parse_spec
from tests.unit.contour.segmentation.tiny_model import TINY_SPEC

PLAIN = 'architecture = "DynUNet"\narguments = { filters = [4, 8, 8] }'
RESIDUAL = 'architecture = "SegResNetDS"\narguments = { first_filters = 4, blocks = [1, 2, 1] }'


def network_of(lines: str) -> nn.Module:
    torch.manual_seed(11)
    return build_network(parse_spec(TINY_SPEC.replace(PLAIN, lines)))


@pytest.mark.parametrize("lines", [PLAIN, RESIDUAL])
@pytest.mark.parametrize("patches", [1, 2])
def test_answers_as_many_maps_as_structures_on_the_same_voxels(lines: str, patches: int) -> None:
    answer = network_of(lines)(torch.randn(patches, 2, 16, 24, 32))

    assert answer.shape == (patches, 3, 16, 24, 32)


@pytest.mark.parametrize("lines", [PLAIN, RESIDUAL])
def test_normalising_in_place_is_torchs_instance_norm_forward_and_backward(lines: str) -> None:
    patch = torch.randn(1, 2, 16, 24, 32).contiguous(memory_format=torch.channels_last_3d)
    answers, gradients = [], []
    for layer in ("ours", "torch"):
        network = network_of(lines)
        if layer == "torch":
            for module in network.modules():
                if isinstance(module, nn.InstanceNorm3d):
                    module.__class__ = nn.InstanceNorm3d
        answer = network(patch)
        answer.square().mean().backward()
        answers.append(answer.detach())
        gradients.append([p.grad for p in network.parameters() if p.grad is not None])

    torch.testing.assert_close(answers[0], answers[1], atol=1e-4, rtol=1e-4)
    for ours, torchs in zip(*gradients, strict=True):
        torch.testing.assert_close(ours, torchs, atol=1e-4, rtol=1e-3)


def test_each_patch_of_a_batch_is_normalised_by_itself() -> None:
    layer = next(m for m in network_of(PLAIN).modules() if isinstance(m, nn.InstanceNorm3d))
    two = torch.randn(2, 4, 5, 6, 7) * torch.tensor([1.0, 50.0]).reshape(2, 1, 1, 1, 1)

    torch.testing.assert_close(layer(two), functional.instance_norm(two), atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(layer(two[:1]), functional.instance_norm(two[:1]), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("lines", [PLAIN, RESIDUAL])
def test_an_answer_does_not_hang_on_the_number_of_threads(lines: str) -> None:
    network = network_of(lines).eval()
    patch = torch.randn(1, 2, 32, 48, 48).contiguous(memory_format=torch.channels_last_3d)
    threads, answers = torch.get_num_threads(), []
    try:
        for count in (1, 2):
            torch.set_num_threads(count)
            with torch.inference_mode(), torch.autocast("cpu", dtype=torch.bfloat16):
                answers.append(network(patch))
    finally:
        torch.set_num_threads(threads)

    assert torch.equal(answers[0], answers[1])


@pytest.mark.parametrize(
    "lines",
    [
        'architecture = "SegResNetDS"\narguments = { first_filters = 4 }',
        'architecture = "SegResNetDS"\narguments = { first_filters = 4, blocks = [1, -2] }',
        'architecture = "SegResNetDS"\narguments = { first_filters = 4, blocks = [1, 2], preprocess = "os.system" }',
        'architecture = "SegResNetDS"\narguments = { first_filters = 4, blocks = [1, 1, 1, 1, 1, 1] }',
        'architecture = "os.system"\narguments = { }',
    ],
)
def test_anything_else_is_refused_by_name(lines: str) -> None:
    with pytest.raises(ModelError) as caught:
        network_of(lines)

    assert caught.value.reason == "BAD_MODEL_SPEC"
