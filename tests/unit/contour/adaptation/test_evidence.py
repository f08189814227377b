"""The witnesses speak of the right places: near the contour, inside the images, in millimetres."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from contour.adaptation.evidence import (
    boundary_points_xyz_mm,
    contour_agreement,
    local_agreement,
    mean_agreement,
)
from contour.anatomy.structures import crop_to_structure
from registration import Alignment, Grid, RigidTransform, Volume
from tests.phantoms import FRAME_OF_REFERENCE_UID, ball, centre_xyz_mm, small_grid

GRID = small_grid((40, 90, 70), (3.0, 0.9, 1.2))


def texture(grid: Grid, seed: int = 5) -> Volume:
    noise = np.random.default_rng(seed).normal(size=grid.shape_zyx)
    smooth = gaussian_filter(noise, [4.0 / step for step in grid.spacing_zyx_mm])
    return Volume(grid=grid, values_zyx=(smooth / smooth.std() * 60.0).astype(np.float32))


def shifted(x_mm: float) -> Alignment:
    return Alignment(
        rigid=RigidTransform(translation_xyz_mm=(x_mm, 0.0, 0.0)),
        field=None,
        fixed_frame_uid=FRAME_OF_REFERENCE_UID,
        moving_frame_uid=FRAME_OF_REFERENCE_UID,
    )


def test_points_lie_near_the_boundary_on_both_sides() -> None:
    structure = ball(GRID, 20.0)

    away = np.linalg.norm(boundary_points_xyz_mm(structure) - centre_xyz_mm(GRID), axis=-1)

    assert away.size > 2000
    assert away.min() > 20.0 - 5.0 - 3.0
    assert away.max() < 20.0 + 5.0 + 3.0
    assert 0.3 < np.mean(away < 20.0) < 0.7


def test_an_empty_structure_has_no_points() -> None:
    nothing = crop_to_structure("Nothing", GRID, np.zeros(GRID.shape_zyx, dtype=bool))

    assert boundary_points_xyz_mm(nothing).shape == (0, 3)


def test_images_agree_where_they_are_aligned_and_less_where_they_are_not() -> None:
    scan = texture(GRID)
    points = boundary_points_xyz_mm(ball(GRID, 20.0))

    aligned, off = (mean_agreement(local_agreement(scan, scan, shifted(mm)), points) for mm in (0.0, 6.0))

    assert aligned > 0.95
    assert off < 0.6


def test_an_hu_shift_and_a_scale_do_not_count_as_disagreement() -> None:
    scan = texture(GRID)
    other = Volume(grid=GRID, values_zyx=scan.values_zyx * np.float32(0.8) + np.float32(70.0))

    found = mean_agreement(local_agreement(scan, other, shifted(0.0)), boundary_points_xyz_mm(ball(GRID, 20.0)))

    assert found > 0.93


def test_where_the_plan_has_no_data_the_images_say_nothing() -> None:
    scan = texture(GRID)
    half = Volume(grid=GRID.cropped((0, 0, 0), (20, 90, 70)), values_zyx=scan.values_zyx[:20].copy())

    found = local_agreement(scan, half, shifted(0.0))

    beyond = found.grid.to_point_xyz_mm(np.argwhere(np.isnan(found.values_zyx)).astype(float))
    assert np.median(beyond[:, 2]) > centre_xyz_mm(GRID)[2]
    assert np.isfinite(found.values_zyx[:17]).mean() > 0.9


def test_two_accounts_of_a_ball_are_as_far_apart_as_they_were_put() -> None:
    one, other = ball(GRID, 15.0), ball(GRID, 15.0, offset_xyz_mm=(3.6, 0.0, 0.0))

    found = contour_agreement(one, other)

    assert found is not None
    assert found.centroid_shift_mm == pytest.approx(3.6, abs=0.05)
    assert 1.0 < found.mean_surface_distance_mm < 2.4
    assert 0.75 < found.dice < 0.9
