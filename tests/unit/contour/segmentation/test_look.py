"""Must-look regions: nested, never without the contour, the same whatever crop they are cut from."""

import numpy as np
import pytest

from contour.anatomy.structures import crop_to_structure
from contour.segmentation.look import level_probability, look_name, look_region, look_scores
from contour.segmentation.restore import restore
from registration.orientation import anatomical_order
from registration.resample import resample
from registration.volume import Volume
from tests.phantoms import small_grid

CT_GRIDS = {
    "oblique": small_grid((22, 52, 44), (3.0, 0.9, 1.2), tilt_xyz_deg=(9.0, -6.0, 12.0)),
    "feet first": small_grid((22, 52, 44), (3.0, 1.1, 0.8), tilt_xyz_deg=(180.0, 0.0, 0.0)),
    "thick slices": small_grid((9, 40, 36), (7.5, 1.4, 1.3), tilt_xyz_deg=(0.0, 8.0, 0.0)),
}


def answer_on(ct_grid, *, spacing_zyx_mm=(3.3, 2.6, 2.4)):
    """A rough, asymmetric probability on a coarser grid with the CT's axes in anatomical order."""
    order = anatomical_order(ct_grid)
    grid = order.apply_to_grid(ct_grid).resampled(spacing_zyx_mm)
    z, y, x = np.indices(grid.shape_zyx)
    a, b, c = (size / 2 for size in grid.shape_zyx)
    blob = 9.0 - (((z - a) / (a / 2)) ** 2 + ((y - b) / (b / 2)) ** 2 + ((x - 0.8 * c) / (c / 2)) ** 2) * 8.0
    logits = blob + np.random.default_rng(4).normal(0, 1.5, grid.shape_zyx)
    probability = (1 / (1 + np.exp(-logits))).astype(np.float32)
    probability[:, :2] = 0.0
    return probability, grid, order


@pytest.mark.parametrize("where", CT_GRIDS)
def test_a_lower_level_holds_every_higher_one_and_all_hold_the_contour(where):
    ct_grid = CT_GRIDS[where]
    probability, grid, order = answer_on(ct_grid)
    contour = restore("PTV_High", probability, grid, ct_grid, order)
    scores = look_scores(probability, grid, ct_grid, order)
    before = contour.full_mask_zyx()
    assert before.any()
    sizes = []
    for level in (255, 230, 192, 150, 110, 60, 1):
        region = look_region(contour, scores, level=level)
        mask = region.full_mask_zyx()
        assert (mask[before]).all()
        np.testing.assert_array_equal(region.mask_zyx, region.membership_zyx >= 128)
        before = mask
        sizes.append(int(mask.sum()))
    assert sizes[0] < sizes[-1]
    assert sizes == sorted(sizes)


@pytest.mark.parametrize("where", CT_GRIDS)
@pytest.mark.parametrize("level", [240, 192, 120, 30])
def test_the_region_that_is_written_is_the_one_that_was_calibrated_to_the_voxel(where, level):
    ct_grid = CT_GRIDS[where]
    probability, grid, order = answer_on(ct_grid)
    contour = restore("PTV_High", probability, grid, ct_grid, order)
    calibrated = look_region(contour, look_scores(probability, grid, ct_grid, order), level=level)
    written = look_region(contour, look_scores(probability, grid, ct_grid, order, from_level=level), level=level)
    np.testing.assert_array_equal(written.full_mask_zyx(), calibrated.full_mask_zyx())


def test_a_level_is_a_probability_interpolated_as_a_logit():
    ct_grid = CT_GRIDS["oblique"]
    probability, grid, order = answer_on(ct_grid)
    nothing = crop_to_structure("PTV_High", ct_grid, np.zeros(ct_grid.shape_zyx, dtype=bool))
    region = look_region(nothing, look_scores(probability, grid, ct_grid, order), level=100)
    logits = np.log(np.clip(probability, 1e-9, 1 - 1e-7) / (1 - np.clip(probability, 1e-9, 1 - 1e-7)))
    on_ct = resample(
        Volume(grid=grid, values_zyx=np.clip(logits, -12, 4)), order.apply_to_grid(ct_grid), outside=-12
    ).values_zyx
    expected = order.undo(1 / (1 + np.exp(-on_ct)) >= level_probability(100))
    assert np.count_nonzero(region.full_mask_zyx() != expected) < 5


def test_what_the_contour_lost_or_gained_in_clean_up_is_in_the_region_all_the_same():
    ct_grid = CT_GRIDS["oblique"]
    probability, grid, order = answer_on(ct_grid)
    corner = np.zeros(ct_grid.shape_zyx, dtype=bool)
    corner[1:3, 2:5, 40:43] = True
    contour = crop_to_structure("PTV_High", ct_grid, corner)
    region = look_region(contour, look_scores(probability, grid, ct_grid, order, from_level=250), level=250)
    assert region.full_mask_zyx()[corner].all()


def test_where_nothing_reaches_the_level_and_nothing_was_contoured_the_region_is_empty():
    ct_grid = CT_GRIDS["oblique"]
    probability, grid, order = answer_on(ct_grid)
    nothing = crop_to_structure("PTV_High", ct_grid, np.zeros(ct_grid.shape_zyx, dtype=bool))
    scores = look_scores(probability * 0, grid, ct_grid, order)
    assert look_region(nothing, scores, level=1).is_empty


def test_a_region_is_named_with_a_z_within_sixteen_characters():
    assert look_name("PTV_High") == "zLook_PTV_High"
    assert max(len(look_name(name)) for name in ("PTV_High", "PTV_Low", "PTV_7000")) <= 16
