"""A network is shown the same image whether all of a scan is to be labelled or a part of it."""

import numpy as np
import pytest

from contour.segmentation.labelmaps.prepare import prepare
from contour.segmentation.labelmaps.sampling import new_shape
from contour.segmentation.labelmaps.spec import parse_label_spec
from tests.monai_bundles import asymmetric_ct

WITHIN = (slice(4, 16), slice(6, 40), slice(2, 30))


def stage(steps, *normalisation):
    table = {
        "name": "bundle", "networks": 1, "network": {"architecture": "UNet", "arguments": {}},
        "transpose": [2, 1, 0], "spacing_mm": [2.3, 1.953125, 5.0], "steps": steps,
        "normalisation": list(normalisation),
        "windows": {"patch": [32, 32, 32], "overlap": 0.5, "placement": "strided", "gaussian": True, "mirror_axes": []},
        "image_sampling": {"order": 1, "alignment": "spacing"}, "answer_sampling": {"order": 1, "alignment": "spacing"},
    }  # fmt: skip
    spec = {
        "schema": 1, "kind": "label map", "name": "m", "version": "1", "region": "r", "licence": "l",
        "orientation": "RAS", "answer": "labels", "channels": 2, "paint": [], "stages": [table],
        "structures": [{"name": "Liver", "labels": [1]}],
    }  # fmt: skip
    return parse_label_spec(spec).stages[0]


@pytest.mark.parametrize("steps", ["resample, normalise", "normalise, resample"])
@pytest.mark.parametrize("kind", ["standardise", "standardise nonzero", "rescale", "none"])
def test_the_image_is_the_same_where_a_part_is_asked_for(steps, kind):
    ct, wanted = asymmetric_ct(), stage(steps, {"kind": kind}, {"kind": "linear", "mean": 0.5, "sd": 2.0})

    whole, part = (prepare(ct, wanted, "RAS", within=within) for within in (None, WITHIN))

    assert np.array_equal(part.image, whole.image)
    assert part.back.shape_in == whole.back.shape_in
    assert part.back.shape_out == (28, 34, 12)


def test_a_part_is_put_back_where_it_was():
    ct = asymmetric_ct()
    part = prepare(ct, stage("resample, normalise", {"kind": "none"}), "RAS", within=WITHIN)

    back = part.put_back(part.image[part.box], ct.grid.shape_zyx)

    assert np.array_equal(back[WITHIN], ct.values_zyx[WITHIN])
    assert not back[:4].any()


def test_half_a_voxel_more_is_rounded_as_monai_rounds_it():
    assert new_shape((6, 8, 7), (1.0, 1.0, 1.0), (2.0, 2.0, 2.0), "spacing") == (4, 4, 4)
