"""Fast mode labels a part of a scan, and there it says what it would say of the whole."""

import numpy as np
import pytest
import torch
from torch import nn

from contour.segmentation.labelmaps.predict import predict_labels
from contour.segmentation.labelmaps.spec import WindowSpec, parse_label_spec
from contour.segmentation.labelmaps.window_sum import plan_windows
from tests.monai_bundles import asymmetric_ct

WITHIN = (slice(9, 16), slice(20, 40), slice(2, 22))
EVEN = {"patch": [16, 16, 16], "overlap": 0.5, "placement": "even", "gaussian": True, "mirror_axes": [1]}
STRIDED = {"patch": [16, 16, 16], "overlap": 0.25, "placement": "strided", "gaussian": True, "mirror_axes": []}


def model(windows, answer="labels", alignment="edges"):
    table = {
        "name": "bundle", "networks": 1, "network": {"architecture": "UNet", "arguments": {}},
        "transpose": [2, 1, 0], "spacing_mm": [1.3, 1.1, 3.1], "steps": "resample, normalise",
        "normalisation": [{"kind": "standardise"}], "windows": windows,
        "image_sampling": {"order": 1, "alignment": alignment},
        "answer_sampling": {"order": 1, "alignment": alignment},
    }  # fmt: skip
    spec = {
        "schema": 1, "kind": "label map", "name": "m", "version": "1", "region": "r", "licence": "l",
        "orientation": "RAS", "answer": answer, "channels": 3, "paint": [], "stages": [table],
        "structures": [{"name": "Liver", "labels": [1]}],
    }  # fmt: skip
    return parse_label_spec(spec)


class Network:
    """A network that looks three voxels about it, and does not see past its window."""

    name = "random convolution"

    def __init__(self) -> None:
        torch.manual_seed(5)
        self._layers = nn.Sequential(nn.Conv3d(1, 8, 5, padding=2), nn.Tanh(), nn.Conv3d(8, 3, 3, padding=1))
        self.asked = 0

    def __call__(self, inputs):
        self.asked += 1
        return self._layers(inputs)[0]


@pytest.mark.parametrize("answer", ["labels", "independent"])
@pytest.mark.parametrize(("windows", "alignment"), [(EVEN, "edges"), (STRIDED, "spacing")])
def test_labels_of_a_part_are_those_of_the_whole_with_fewer_windows(windows, alignment, answer):
    ct, spec = asymmetric_ct(), model(windows, answer, alignment)
    everywhere, here = Network(), Network()

    whole = predict_labels(ct, spec, lambda _: [everywhere], exact=False).labels
    part = predict_labels(ct, spec, lambda _: [here], exact=False, within=WITHIN).labels

    assert len(np.unique(whole)) > 1
    assert (whole[..., *WITHIN] == part[..., *WITHIN]).mean() > 0.9999  # sums of float32 in another memory layout
    outside = np.ones(part.shape, dtype=bool)
    outside[..., *WITHIN] = False
    assert not part[outside].any()
    assert here.asked < everywhere.asked


def test_a_box_beside_what_the_stage_looks_at_gives_no_label():
    spec = model(EVEN)
    ct = asymmetric_ct()
    labels = predict_labels(ct, spec, lambda _: [Network()], exact=False, within=(slice(0, 1),) * 3).labels
    assert not labels[1:].any()


def test_only_windows_that_reach_what_is_needed_are_planned_where_they_always_were():
    spec = WindowSpec(patch=(16, 16, 16), overlap=0.5, placement="even", gaussian=True, mirror_axes=(), padding="zeros")
    whole = plan_windows((40, 16, 30), spec)
    part = plan_windows((40, 16, 30), spec, needed=((0, 8), (3, 9), (20, 30)))

    assert {window.start for window in part.windows} < {window.start for window in whole.windows}
    assert {window.start for window in part.windows} == {(0, 0, 7), (0, 0, 14)}
    assert part.needed == ((0, 8), (3, 9), (20, 30))


def test_what_is_needed_of_a_padded_volume_is_where_the_padding_moved_it():
    spec = WindowSpec(patch=(16, 16, 16), overlap=0.5, placement="even", gaussian=True, mirror_axes=(), padding="zeros")
    part = plan_windows((6, 16, 20), spec, needed=((0, 6), (3, 9), (0, 4)))

    assert part.before == (5, 0, 0)
    assert part.needed[0] == (5, 11)
    assert part.kept(part.windows[0]) == (slice(5, 11), slice(3, 9), slice(0, 4))
