"""Labels decided slab by slab, with channels left out that cannot win, are the labels of deciding all at once."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from contour.segmentation.labelmaps.decide import StreamedLabels
from contour.segmentation.labelmaps.sampling import Sampling, resampling
from contour.segmentation.labelmaps.spec import WindowSpec
from contour.segmentation.labelmaps.window_sum import RollingLogits, mirrored, plan_windows

COARSE, FINE = (30, 21, 26), (67, 60, 51)
PATCH = (12, 16, 16)
SPACING_MM, FINE_MM = (3.0, 3.0, 2.5), (1.34, 1.05, 1.27)


def logits(channels: int, shape=COARSE) -> torch.Tensor:
    chance = torch.Generator().manual_seed(8)
    coarse = torch.randn((1, channels, 5, 4, 6), generator=chance)
    return torch.nn.functional.interpolate(coarse, shape, mode="trilinear")[0] * 4


def windows(**changes) -> WindowSpec:
    plain = {
        "patch": PATCH,
        "overlap": 0.5,
        "placement": "even",
        "gaussian": True,
        "mirror_axes": (),
        "padding": "zeros",
    }
    return WindowSpec(**{**plain, **changes})


def streamed(
    values: torch.Tensor, *, answer: str, paint=(), order=1, separate="never", patch=PATCH, only_highest=False
) -> np.ndarray:
    """As the walk does it: windows of given logits come in, labels go out."""
    plan = plan_windows(tuple(values.shape[1:]), windows(patch=patch))
    sampling = Sampling(order=order, separate=separate)
    back = resampling(sampling, tuple(values.shape[1:]), FINE, spacing_in_mm=SPACING_MM, spacing_out_mm=FINE_MM)
    labels = StreamedLabels(
        back,
        answer=answer,
        paint=paint,
        channels=len(values),
        convex=sampling.is_convex,
        before=plan.before,
        only_highest=only_highest,
    )
    starts = sorted({window.start[0] for window in plan.windows})
    held = RollingLogits(len(values), plan, rows=labels.rows_held(starts, patch[0]), device=values.device)
    padding = [(b, w - b - n) for b, w, n in zip(plan.before, plan.shape, values.shape[1:], strict=True)]
    padded = torch.from_numpy(np.pad(values.numpy(), [(0, 0), *padding]))
    for done, window in enumerate(plan.windows):
        box = tuple(slice(at, at + n) for at, n in zip(window.start, plan.patch, strict=True))
        held.add(window, [padded[(slice(None), *box)].clone()])
        following = plan.windows[done + 1].start[0] if done + 1 < len(plan.windows) else plan.shape[0]
        if following > window.start[0]:
            needed = labels.first_needed()
            labels.decide(held, following)
            held.release(needed, labels.first_needed())
    return labels.labels


def at_once(values: torch.Tensor, order: int = 1) -> np.ndarray:
    how = resampling(
        Sampling(order=order, separate="never"), tuple(values.shape[1:]), FINE,
        spacing_in_mm=SPACING_MM, spacing_out_mm=FINE_MM,
    )  # fmt: skip
    a, b, c = how.weights
    return np.einsum("kzyx,az,by,cx->kabc", values.numpy(), a, b, c, optimize=True)


@pytest.mark.parametrize("channels", [2, 9, 40])
@pytest.mark.parametrize("order", [0, 1, 3])
def test_the_highest_channel_wins_wherever_it_would_if_all_were_upsampled(channels, order):
    values = logits(channels)
    labels = streamed(values, answer="labels", order=order)
    assert labels.shape == FINE
    assert (labels == at_once(values, order).argmax(axis=0)).mean() > 0.9999
    assert len(np.unique(labels)) == min(channels, len(np.unique(labels)))


@pytest.mark.parametrize("channels", [2, 9, 40])
def test_channels_that_are_nowhere_the_highest_win_next_to_nothing_between_voxels(channels):
    values = logits(channels)
    labels = streamed(values, answer="labels", only_highest=True)
    same = (labels == at_once(values).argmax(axis=0)).mean()
    assert same > 0.998  # 40 channels in patches of six voxels: 0.9989; few channels: all
    assert channels == 40 or same > 0.9999


def test_between_two_voxels_only_the_highest_of_either_is_sought():
    """Half-way between voxels of labels 1 and 2, label 0 would be highest though it is at neither: the known miss."""
    values = torch.full((3, *COARSE), -9.0)
    values[1, :15], values[2, 15:], values[0] = 5.0, 5.0, 4.0
    assert 0 in streamed(values, answer="labels")
    assert set(np.unique(streamed(values, answer="labels", only_highest=True))) == {1, 2}


def test_regions_paint_their_labels_one_over_another():
    values = logits(3)
    wanted = np.zeros(FINE, dtype=np.uint8)
    for label, channel in zip((2, 1, 3), at_once(values), strict=True):
        wanted[channel > 0] = label
    labels = streamed(values, answer="regions", paint=(2, 1, 3))
    assert (labels == wanted).mean() > 0.9999
    assert set(np.unique(labels)) == {0, 1, 2, 3}


def test_independent_channels_may_overlap():
    values = logits(3)
    labels = streamed(values, answer="independent")
    wanted = at_once(values) > 0
    assert (labels == wanted).mean() > 0.9999
    assert (labels.sum(axis=0) > 1).any()


def test_a_volume_smaller_than_the_patch_is_padded_and_answered():
    values = logits(4, shape=(7, 21, 13))
    labels = streamed(values, answer="labels")
    assert (labels == at_once(values).argmax(axis=0)).mean() > 0.9999


def test_more_than_255_labels_are_not_cut_off():
    values = torch.full((300, *COARSE), -1.0)
    values[290, :10] = 5.0
    labels = streamed(values, answer="labels")
    assert set(np.unique(labels)) == {0, 290}


def test_weights_of_all_windows_add_up_to_one_everywhere():
    for spec in (windows(), windows(placement="strided", overlap=0.25), windows(gaussian=False)):
        plan = plan_windows((41, 16, 33), spec)
        total = np.zeros(plan.shape)
        for window in plan.windows:
            x, y, z = window.weights
            box = tuple(slice(at, at + n) for at, n in zip(window.start, plan.patch, strict=True))
            total[box] += x[:, None, None] * y[None, :, None] * z[None, None, :]
        np.testing.assert_allclose(total, 1.0, atol=1e-5)


def test_windows_start_where_nnunet_starts_them(nnunet):
    from nnunetv2.inference.sliding_window_prediction import compute_steps_for_sliding_window

    for shape in ((41, 16, 33), (112, 200, 64), (300, 167, 167)):
        plan = plan_windows(shape, windows())
        steps = compute_steps_for_sliding_window(plan.shape, PATCH, 0.5)
        assert [sorted({window.start[axis] for window in plan.windows}) for axis in range(3)] == steps


def test_mirrored_answers_are_turned_back_before_they_are_averaged():
    inputs = torch.arange(24.0).reshape(1, 1, 2, 3, 4)
    same = mirrored(lambda part: part[0].clone(), (0, 1, 2))(inputs)
    torch.testing.assert_close(same, inputs[0])
    leaning = mirrored(lambda part: part[0] * torch.arange(4.0), (2,))(inputs)
    torch.testing.assert_close(leaning, inputs[0] * 1.5)
