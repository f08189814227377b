"""The loss: partial labels count for nothing, right answers cost nothing."""

import torch

from contour.segmentation.networks import build_network
from contour.training.loss import partial_loss
from tests.unit.contour.training.patients import spec


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


def test_the_answer_for_a_structure_that_was_not_contoured_is_not_taught():
    torch.manual_seed(2)
    network = build_network(spec())
    labels = torch.zeros(3, *spec().input.patch_zyx)
    logits = network(torch.randn(1, 2, *spec().input.patch_zyx))[0]
    partial_loss(logits, labels, torch.tensor([True, False, True])).backward()
    head = dict(network.named_parameters())["output_block.conv.conv.weight"]
    assert (head.grad[1] == 0).all()
    assert (head.grad[0] != 0).any()
    assert (head.grad[2] != 0).any()


def test_a_right_answer_costs_next_to_nothing_and_a_wrong_one_much():
    labels = torch.zeros(1, 4, 5, 6)
    labels[0, 1:3, 2:4, 2:5] = 1
    right, wrong = (labels * 2 - 1) * 20, (1 - labels * 2) * 20
    assert float(partial_loss(right, labels, torch.tensor([True]))) < 1e-3
    assert float(partial_loss(wrong, labels, torch.tensor([True]))) > 10
