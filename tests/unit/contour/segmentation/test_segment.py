"""The walk from HU to structures, proven with a network whose answer is known."""

import math
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch

from contour.anatomy.structures import Structure
from contour.errors import CancelledError, NotFoundError
from contour.segmentation import LoadedModel, ModelStore, segment
from contour.segmentation.clean_up import clean_up
from contour.segmentation.restore import restore
from contour.segmentation.spec import StructureSpec
from contour.segmentation.windows import axis_weights, window_starts
from registration import Grid, Volume
from registration.orientation import anatomical_order
from tests.unit.contour.segmentation.tiny_model import save_tiny_model

TILT = math.radians(12.0)
HEAD_FIRST_SUPINE = ((0.0, 0.0, 1.0), (0.0, 1.0, 0.0), (1.0, 0.0, 0.0))
HEAD_FIRST_PRONE = ((0.0, 0.0, 1.0), (0.0, -1.0, 0.0), (-1.0, 0.0, 0.0))
DECUBITUS = ((0.0, 0.0, 1.0), (1.0, 0.0, 0.0), (0.0, -1.0, 0.0))
OBLIQUE = (
    (0.0, -math.sin(TILT), math.cos(TILT)),
    (0.0, math.cos(TILT), math.sin(TILT)),
    (1.0, 0.0, 0.0),
)
LEFT_GLAND_XYZ_MM = (41.0, 6.0, 22.0)


class BrightIsGland(torch.nn.Module):
    """Answers: channel 0 (Parotid_L) where bright and on the left of the patch's middle, channel 1 on the right."""

    def forward(self, inputs):
        bright = (inputs[:, 1] - 0.2) * 40
        x = torch.arange(inputs.shape[-1]) - (inputs.shape[-1] - 1) / 2
        left = torch.where(x > 0, 0.0, -60.0)
        return torch.stack([bright + left, bright - 60.0 - left, torch.full_like(bright, -9.0)], dim=1)


class SaysLeftGlandEverywhere(torch.nn.Module):
    """Answers channel 0 for every voxel."""

    def forward(self, inputs):
        yes = torch.full_like(inputs[:, 0], 9.0)
        return torch.stack([yes, -yes, -yes], dim=1)


def grid_about_the_head(axes_xyz) -> Grid:
    spacing, shape = (3.0, 1.4, 1.2), (30, 130, 150)
    centre = np.array([5.0, -4.0, 20.0])
    half = sum(
        np.array(axis) * step * (size - 1) / 2 for axis, step, size in zip(axes_xyz, spacing, shape, strict=True)
    )
    origin = centre - half
    return Grid(
        shape_zyx=shape,
        spacing_zyx_mm=spacing,
        origin_xyz_mm=tuple(float(v) for v in origin),
        axes_xyz=axes_xyz,
        frame_of_reference_uid="1.2.3",
    )


def head_with_a_bright_left_gland(grid: Grid) -> tuple[Volume, np.ndarray]:
    index = np.stack(np.meshgrid(*(np.arange(n, dtype=float) for n in grid.shape_zyx), indexing="ij"), -1)
    point = grid.to_point_xyz_mm(index)
    x, y, z = np.moveaxis(point, -1, 0)
    head = ((x - 5) / 66) ** 2 + ((y + 4) / 72) ** 2 + ((z - 20) / 300) ** 2 <= 1
    gland = ((x - 41) / 14) ** 2 + ((y - 6) / 17) ** 2 + ((z - 22) / 21) ** 2 <= 1
    hu = np.full(grid.shape_zyx, -1000, np.int16)
    hu[head] = 30
    hu[gland] = 1400
    hu += np.random.default_rng(6).normal(0, 8, hu.shape).astype(np.int16)
    return Volume(grid=grid, values_zyx=hu), gland


@pytest.fixture
def gland_finder(tmp_path) -> LoadedModel:
    return replace(ModelStore([save_tiny_model(tmp_path)]).load("tiny", device="cpu"), network=BrightIsGland())


@pytest.mark.parametrize(
    "axes_xyz", [HEAD_FIRST_SUPINE, HEAD_FIRST_PRONE, DECUBITUS, OBLIQUE], ids=["HFS", "HFP", "HFDR", "oblique"]
)
def test_the_left_gland_comes_back_on_the_left_where_it_was_in_any_position(gland_finder, axes_xyz):
    ct, truth = head_with_a_bright_left_gland(grid_about_the_head(axes_xyz))
    found = {s.name: s for s in segment(ct, gland_finder).structures}
    mask = found["Parotid_L"].full_mask_zyx()
    assert 2 * np.count_nonzero(mask & truth) / (mask.sum() + truth.sum()) > 0.9
    centre = ct.grid.to_point_xyz_mm(np.argwhere(mask).mean(axis=0))
    assert centre == pytest.approx(LEFT_GLAND_XYZ_MM, abs=0.7)
    assert found["Parotid_R"].is_empty


def test_mirrored_answers_are_averaged_under_the_mirrored_names(gland_finder):
    ct, truth = head_with_a_bright_left_gland(grid_about_the_head(HEAD_FIRST_SUPINE))
    spec = replace(gland_finder.spec, input=replace(gland_finder.spec.input, mirrored_too=True))
    found = {s.name: s for s in segment(ct, replace(gland_finder, spec=spec)).structures}
    mask = found["Parotid_L"].full_mask_zyx()
    assert 2 * np.count_nonzero(mask & truth) / (mask.sum() + truth.sum()) > 0.9
    assert found["Parotid_R"].is_empty


def test_what_was_not_found_is_said_and_only_what_was_asked_for_comes_back(gland_finder):
    ct, _ = head_with_a_bright_left_gland(grid_about_the_head(HEAD_FIRST_SUPINE))
    result = segment(ct, gland_finder, structures=("Parotid_L", "Parotid_R"))
    assert [s.name for s in result.structures] == ["Parotid_L", "Parotid_R"]
    assert [(w.reason, "Parotid_R" in w.message) for w in result.warnings] == [("STRUCTURE_NOT_FOUND", True)]
    assert [stage for stage, _ in result.stage_seconds] == ["body", "network", "restore", "clean-up"]


def test_external_alone_needs_no_network(gland_finder):
    ct, _ = head_with_a_bright_left_gland(grid_about_the_head(HEAD_FIRST_SUPINE))
    result = segment(ct, replace(gland_finder, network=torch.nn.Identity()), structures=("External",))
    assert [stage for stage, _ in result.stage_seconds] == ["body"]
    assert result.structures[0].volume_ml > 500


def test_an_unknown_structure_is_refused_before_any_work(gland_finder):
    ct, _ = head_with_a_bright_left_gland(grid_about_the_head(HEAD_FIRST_SUPINE))
    with pytest.raises(NotFoundError, match="Heart"):
        segment(ct, gland_finder, structures=("Heart",))


def test_progress_can_stop_the_work_between_windows(gland_finder):
    ct, _ = head_with_a_bright_left_gland(grid_about_the_head(HEAD_FIRST_SUPINE))
    seen = []

    def stop_in_network(stage: str, fraction: float) -> None:
        seen.append(stage)
        if stage == "network" and fraction > 0:
            raise CancelledError("enough")

    with pytest.raises(CancelledError):
        segment(ct, gland_finder, progress=stop_in_network)
    assert seen[-1] == "network"


def test_membership_and_mask_say_the_same(gland_finder):
    ct, _ = head_with_a_bright_left_gland(grid_about_the_head(OBLIQUE))
    gland = next(s for s in segment(ct, gland_finder).structures if s.name == "Parotid_L")
    np.testing.assert_array_equal(gland.mask_zyx, gland.membership_zyx >= 128)


@pytest.mark.parametrize(("size", "patch", "overlap"), [(100, 64, 0.25), (64, 64, 0.5), (30, 64, 0.25), (257, 80, 0.3)])
def test_window_weights_add_up_to_one_everywhere(size, patch, overlap):
    starts = window_starts(size, patch, overlap)
    total = np.zeros(max(size, patch))
    for start, weights in zip(starts, axis_weights(size, patch, starts), strict=True):
        total[start : start + patch] += weights
    np.testing.assert_allclose(total, 1.0, atol=1e-6)
    assert starts[0] == 0
    assert max(size, patch) == starts[-1] + patch
    assert all(b - a <= patch * (1 - overlap) + 1 for a, b in pairwise(starts))


def test_restore_places_a_ramp_to_a_hundredth_of_a_voxel():
    ct_grid = grid_about_the_head(HEAD_FIRST_PRONE)
    order = anatomical_order(ct_grid)
    network_grid = order.apply_to_grid(ct_grid).resampled((3.0, 3.0, 3.0))
    index = np.stack(np.meshgrid(*(np.arange(n, dtype=float) for n in network_grid.shape_zyx), indexing="ij"), -1)
    x = network_grid.to_point_xyz_mm(index)[..., 0]
    ramp = np.clip((x + 20.3) / 30 + 0.5, 0, 1).astype(np.float32)  # one half at x = -20.3 mm
    found = restore("Brain", ramp, network_grid, ct_grid, order)
    inside = ct_grid.to_point_xyz_mm(np.argwhere(found.full_mask_zyx()).astype(float))[:, 0]
    assert -20.3 - 0.1 <= inside.min() <= -20.3 + 1.3


def blobs() -> Structure:
    grid = grid_about_the_head(HEAD_FIRST_SUPINE)
    mask = np.zeros((20, 40, 50), bool)
    mask[2:12, 5:25, 5:30] = True
    mask[5:7, 10:12, 10:12] = False
    mask[15:18, 30:36, 40:46] = True
    mask[19, 39, 49] = True
    return Structure(
        name="Parotid_L",
        grid=grid,
        lower_zyx=(3, 4, 5),
        mask_zyx=mask,
        membership_zyx=np.where(mask, 200, 20).astype(np.uint8),
    )


def rules(**changes) -> StructureSpec:
    plain = StructureSpec(
        name="Parotid_L",
        mirror="Parotid_L",
        trained_from=("Parotid_L",),
        proposal=False,
        operating_point=0.5,
        keep_parts=0,
        smallest_part_ml=0.0,
        fill_holes_ml=0.0,
    )
    return replace(plain, **changes)


def test_clean_up_records_each_rule_with_its_parts_and_volume():
    before = blobs()
    after = clean_up(before, rules(keep_parts=1, smallest_part_ml=0.02, fill_holes_ml=1.0))
    voxel_ml = before.grid.voxel_volume_mm3 / 1000
    assert [(r.rule, r.parts) for r in after.removals] == [("smallest_part_ml=0.02", 1), ("keep_parts=1", 1)]
    assert after.removals[0].volume_ml == pytest.approx(voxel_ml)
    assert after.removals[1].volume_ml == pytest.approx(3 * 6 * 6 * voxel_ml)
    assert after.volume_ml == pytest.approx(10 * 20 * 25 * voxel_ml)


def test_clean_up_moves_nothing_and_keeps_mask_and_membership_together():
    before = blobs()
    after = clean_up(before, rules(keep_parts=2))
    whole_before, whole_after = before.full_mask_zyx(), after.full_mask_zyx()
    assert not (whole_after & ~whole_before).any()
    np.testing.assert_array_equal(after.mask_zyx, after.membership_zyx >= 128)
    assert np.count_nonzero(whole_before) - np.count_nonzero(whole_after) == 1


def test_clean_up_without_rules_changes_no_voxel():
    before = blobs()
    after = clean_up(before, rules())
    np.testing.assert_array_equal(after.full_mask_zyx(), before.full_mask_zyx())
    assert after.removals == ()


def test_a_large_hole_stays_a_hole():
    after = clean_up(blobs(), rules(fill_holes_ml=0.01))
    assert np.count_nonzero(after.mask_zyx) == np.count_nonzero(blobs().mask_zyx)


def test_of_a_blanked_scan_the_network_sees_what_was_left_and_the_user_is_told(gland_finder):
    ct, _ = head_with_a_bright_left_gland(grid_about_the_head(HEAD_FIRST_SUPINE))
    index = np.stack(np.meshgrid(*(np.arange(n, dtype=float) for n in ct.grid.shape_zyx), indexing="ij"), -1)
    x, y, z = np.moveaxis(ct.grid.to_point_xyz_mm(index), -1, 0)
    tube = (x - 41) ** 2 + (y - 6) ** 2 < 10**2
    kept = (z > 20) | tube  # below, nothing but a tube about the gland's axis
    cut = np.where(kept & (ct.values_zyx > -900), ct.values_zyx, -1024).astype(np.int16)
    result = segment(Volume(grid=ct.grid, values_zyx=cut), gland_finder, structures=("External", "Parotid_L"))
    gland = result.structures[1].full_mask_zyx()
    assert gland[(z < 14) & (z > 8) & ((x - 41) ** 2 + (y - 6) ** 2 < 3**2)].all()
    assert result.warnings[0].reason == "BLANKED_SCAN"


def test_an_airway_at_the_value_for_outside_is_still_inside_the_patient(gland_finder):
    ct, truth = head_with_a_bright_left_gland(grid_about_the_head(HEAD_FIRST_SUPINE))
    index = np.stack(np.meshgrid(*(np.arange(n, dtype=float) for n in ct.grid.shape_zyx), indexing="ij"), -1)
    x, y, _ = np.moveaxis(ct.grid.to_point_xyz_mm(index), -1, 0)
    lumen = (x - 41) ** 2 + (y - 6) ** 2 < 11**2
    values = np.where(lumen, -1024, ct.values_zyx).astype(np.int16)
    everywhere = replace(gland_finder, network=SaysLeftGlandEverywhere())
    found = segment(Volume(grid=ct.grid, values_zyx=values), everywhere, structures=("Parotid_L",)).structures[0]
    assert found.full_mask_zyx()[lumen & truth].all()
