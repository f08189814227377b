"""Another scanner, another couch: what augmentation may and may not change."""

from dataclasses import replace

import pytest
import torch

from contour.training.augment import AS_SCANNED, AugmentationSettings, as_other_scanner, end_scan

SHAPE = (24, 40, 36)
OUTSIDE_HU = -1024.0


def patient() -> tuple[torch.Tensor, torch.Tensor]:
    """A soft-tissue box with a bone in it, blanked outside; its back is at y = 26."""
    hu = torch.full(SHAPE, OUTSIDE_HU)
    hu[2:, 8:27, 6:30] = 40.0
    hu[5:20, 12:16, 10:14] = 900.0
    return hu, hu > OUTSIDE_HU


def draw(settings: AugmentationSettings, seed: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    hu, inside = patient()
    before = inside.clone()
    return as_other_scanner(hu, inside, settings, torch.Generator().manual_seed(seed)), inside, before


def test_nothing_asked_for_changes_nothing() -> None:
    hu, _ = patient()
    answer, inside, before = draw(AS_SCANNED, 1)

    torch.testing.assert_close(answer, hu)
    assert torch.equal(inside, before)


@pytest.mark.parametrize("seed", range(6))
def test_couch_lies_behind_the_patient_and_never_over_them(seed: int) -> None:
    hu, _ = patient()
    answer, inside, before = draw(replace(AS_SCANNED, couch=1.0), seed)

    painted = inside & ~before
    assert painted.any()
    assert torch.equal(answer[before], hu[before])
    assert int(torch.nonzero(painted)[:, 1].min()) > 26 - 8  # hollow couches rise at the sides
    assert float(answer[painted].max()) <= 150.0


@pytest.mark.parametrize("seed", range(6))
def test_mask_is_a_thin_shell_on_the_skin(seed: int) -> None:
    hu, _ = patient()
    answer, inside, before = draw(replace(AS_SCANNED, mask=1.0), seed)

    painted = inside & ~before
    grown = torch.nn.functional.max_pool3d(before.float()[None, None], 5, stride=1, padding=2)[0, 0] > 0
    assert torch.equal(answer[before], hu[before])
    assert not (painted & ~grown).any()


def test_metal_brightens_one_spot_and_streaks_few_slices() -> None:
    hu, _ = patient()
    answer, _, _ = draw(replace(AS_SCANNED, metal=1.0), 3)

    changed = (answer - hu).abs() > 1
    assert 1 <= int(changed.flatten(1).any(dim=1).sum()) <= 7
    assert float(answer.max()) >= 3000.0


def test_thick_slices_keep_the_mean_and_lose_detail_along_z_only() -> None:
    torch.manual_seed(1)
    hu = torch.randn(24, 16, 16) * 100
    inside = torch.ones_like(hu, dtype=torch.bool)
    answer = as_other_scanner(hu, inside, replace(AS_SCANNED, thick_slices=1.0), torch.Generator().manual_seed(2))

    assert float((answer.mean() - hu.mean()).abs()) < 2.0
    assert float(answer.diff(dim=0).std()) < 0.8 * float(hu.diff(dim=0).std())


def test_the_scan_ends_at_one_end_or_one_side() -> None:
    for seed in range(12):
        inside = torch.ones(SHAPE, dtype=torch.bool)
        end_scan(inside, replace(AS_SCANNED, cut=1.0), torch.Generator().manual_seed(seed))
        shown = inside.flatten(1).all(dim=1)
        assert torch.equal(shown, inside.flatten(1).any(dim=1))
        assert int(shown.sum()) > SHAPE[0] * 2 / 3 - 1
        assert int(shown.int().diff().abs().sum()) <= 1


def test_the_same_generator_gives_the_same_scanner() -> None:
    first, _, _ = draw(AugmentationSettings(), 9)
    again, _, _ = draw(AugmentationSettings(), 9)
    other, _, _ = draw(AugmentationSettings(), 10)

    assert torch.equal(first, again)
    assert not torch.equal(first, other)
