"""One matrix per axis gives what skimage and scipy give, on anisotropic volumes."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from contour.segmentation.labelmaps.sampling import Sampling, new_shape, resample_image, resampling, separate_axis

pytest.importorskip("skimage", reason="scikit-image is a judge of resampling")
from skimage.transform import resize

SHAPE, NEW = (17, 30, 23), (26, 21, 31)
EVEN = (2.0, 1.5, 1.7)


def noise(shape: tuple[int, ...] = SHAPE) -> np.ndarray:
    chance = np.random.default_rng(4)
    return ndimage.gaussian_filter(chance.normal(size=shape), 1.2).astype(np.float32) * 300


@pytest.mark.parametrize("order", [0, 1, 2, 3, 5])
@pytest.mark.parametrize("new", [NEW, (9, 40, 23), (17, 30, 50)])
def test_an_image_is_resampled_as_skimage_resizes_it(order, new):
    image = noise()
    how = resampling(Sampling(order=order, separate="never"), SHAPE, new, spacing_in_mm=EVEN, spacing_out_mm=EVEN)
    theirs = resize(image.astype(float), new, order, mode="edge", anti_aliasing=False)
    np.testing.assert_allclose(resample_image(image, how), theirs, atol=2e-3)


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("order_across", [0, 1, 3])
def test_a_coarse_axis_is_resampled_on_its_own_after_each_of_its_planes(axis, order_across):
    spacing = tuple(8.0 if other == axis else 1.5 for other in range(3))
    image = noise()
    how = resampling(
        Sampling(order=3, order_across=order_across), SHAPE, NEW, spacing_in_mm=spacing, spacing_out_mm=EVEN
    )
    assert how.across == axis
    planes = [
        resize(plane.astype(float), tuple(np.delete(NEW, axis)), 3, mode="edge", anti_aliasing=False)
        for plane in np.moveaxis(image, axis, 0)
    ]
    stacked = np.stack(planes, axis)
    at = SHAPE[axis] / NEW[axis] * (np.arange(NEW[axis]) + 0.5) - 0.5
    grid = [np.arange(n, dtype=float) for n in stacked.shape]
    grid[axis] = at
    theirs = ndimage.map_coordinates(stacked, np.meshgrid(*grid, indexing="ij"), order=order_across, mode="nearest")
    np.testing.assert_allclose(resample_image(image, how), theirs, atol=2e-3)


def test_which_axis_is_coarse_is_what_nnunet_says(nnunet):
    from nnunetv2.preprocessing.resampling.default_resampling import determine_do_sep_z_and_axis

    pairs = [
        ((5.0, 1.0, 1.0), (2.0, 1.0, 1.0)), ((2.0, 1.0, 1.0), (1.0, 1.0, 3.5)), ((0.2, 1.25, 1.25), (1.0, 1.0, 1.0)),
        ((3.0, 1.0, 1.0), (3.0, 1.0, 1.0)), ((1.0, 6.0, 1.0), (9.0, 1.0, 1.0)), ((2.0, 2.0, 2.0), (1.0, 1.0, 1.0)),
    ]  # fmt: skip
    for separate, force in (("auto", None), ("never", False), ("always", True)):
        for old, new in pairs:
            separately, axis = determine_do_sep_z_and_axis(force, old, new)
            assert separate_axis(separate, old, new) == (axis if separately else None), (old, new, separate)


def test_the_new_shape_is_what_nnunet_computes(nnunet):
    from nnunetv2.preprocessing.resampling.default_resampling import compute_new_shape

    for shape, old, new in (
        ((41, 83, 90), (3.0, 1.6, 2.1), (4.0, 3.0, 2.5)),
        ((5, 7, 9), (1.0, 1.0, 1.0), (2.0, 2.0, 2.0)),
    ):
        assert new_shape(shape, old, new, "edges") == tuple(compute_new_shape(shape, old, new))
