"""Patches: what they show, that image and labels are bent together, and what a mirror image means."""

from dataclasses import replace

import torch

from contour.training.patches import PatchSource
from tests.unit.contour.training.patients import STILL, prepared, spec


def test_a_patch_that_is_not_changed_shows_the_patient_as_it_is(tmp_path):
    case = prepared(tmp_path)
    patch = PatchSource([case], spec(), STILL).draw(torch.Generator().manual_seed(5))
    gland = patch.labels[0] > 0.9
    assert gland.any()
    assert float(patch.hu[gland].median()) > 800
    assert patch.contoured.tolist() == [True, False, False]


def test_a_mirrored_patch_exchanges_left_and_right_names(tmp_path):
    case = prepared(tmp_path)
    patch = PatchSource([case], spec(), replace(STILL, mirror=1)).draw(torch.Generator().manual_seed(5))
    assert patch.contoured.tolist() == [False, True, False]
    assert float(patch.hu[patch.labels[1] > 0.9].median()) > 800
    assert not patch.labels[0].any()


def test_image_and_labels_are_bent_together(tmp_path):
    case = prepared(tmp_path)
    source = PatchSource([case], spec(), replace(STILL, mirror=0.5, rotation_deg=25, scale=0.3))
    for seed in range(6):
        patch = source.draw(torch.Generator().manual_seed(seed))
        labelled = (patch.labels[0] + patch.labels[1]) > 0.5
        bright = patch.hu > 460
        overlap = 2 * (labelled & bright).sum() / (labelled.sum() + bright.sum())
        assert labelled.any()
        assert float(overlap) > 0.85
