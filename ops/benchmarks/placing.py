"""A blanked patient put back where a scanner sees him: in air, on a couch, in a head rest, under a mask, with noise.

The patient is what was left of the blanked scan, pieces and all. Everything else is drawn only where nothing was left,
so the patient's own voxels differ by interpolation and noise alone.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from contour.segmentation.body import find_body
from registration.grid import Grid, Triple
from registration.orientation import anatomical_order
from registration.resample import axis_weights
from registration.volume import Volume

Field = NDArray[np.float32]
Mask = NDArray[np.bool_]

AIR_HU = -1000.0
LOWEST_HU = -1024.0
_EDGE_MM = 1.0
_FAR_MM = 12.0
_VERTEX_MM = 12.0
_REST_HALF_WIDTH_MM = 95.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """How a patient lies; `draw_setup` draws one from a seed. What is None is not there."""

    noise_hu: float = 12.0
    couch: str | None = "flat"
    couch_hu: float = -100.0
    couch_shell_mm: float = 2.5
    foam_hu: float = -930.0
    rest: str | None = "foam"
    mask_hu: float | None = 80.0
    mask_mm: float = 2.5
    mask_gap_mm: float = 3.0
    corners: bool = False


AIR_ONLY = Setup(couch=None, rest=None, mask_hu=None)


def draw_setup(seed: tuple[int, ...]) -> Setup:
    """A clinic's couch, head rest and mask; the same from the same seed."""
    draw = np.random.default_rng(seed)
    return Setup(
        noise_hu=float(draw.uniform(8, 20)),
        couch=str(draw.choice(["flat", "curved"])),
        couch_hu=float(draw.uniform(-300, 100)),
        couch_shell_mm=float(draw.uniform(2.0, 3.5)),
        foam_hu=float(draw.uniform(-970, -880)),
        rest=str(draw.choice(["foam", "shell"])),
        mask_hu=float(draw.uniform(0, 150)),
        mask_mm=float(draw.uniform(2.0, 3.0)),
        mask_gap_mm=float(draw.uniform(1.0, 5.0)),
        corners=bool(draw.random() < 0.3),
    )


def left_of(ct: Volume) -> Mask:
    """Where a blanked scan still shows something."""
    inside: Mask = np.asarray(ct.values_zyx > ct.values_zyx.min())
    return inside


def placed_grid(ct: Volume, *, slice_step_mm: float, pixel_mm: float) -> Grid:
    """The scan's field of view at another spacing, over the slices that show something."""
    slices = np.flatnonzero(left_of(ct).any(axis=(1, 2)))
    shown = ct.grid.cropped(
        (int(slices[0]), 0, 0), (int(slices[-1] - slices[0]) + 1, ct.grid.shape_zyx[1], ct.grid.shape_zyx[2])
    )
    spacing: Triple = (slice_step_mm, pixel_mm, pixel_mm)
    return shown.resampled(spacing)


def resample_blanked(ct: Volume, onto: Grid) -> Volume:
    """The blanked scan at another spacing, still blanked: linear inside, one value outside. int16."""
    hu, share = _sampled(ct, onto)
    hu[share < 0.5] = LOWEST_HU
    return Volume(grid=onto, values_zyx=np.rint(hu).astype(np.int16))


def place(ct: Volume, onto: Grid, setup: Setup, *, seed: tuple[int, ...]) -> Volume:
    """The patient of a blanked scan as `setup` says, on `onto`; int16.

    Args:
        ct: Blanked, array axes towards head, back and left.
        onto: From `placed_grid`.
        setup: What lies round the patient.
        seed: Of noise and of the mask's waves.

    Raises:
        ValueError: the array axes point another way.
    """
    if anatomical_order(ct.grid).apply_to_grid(ct.grid) != ct.grid:
        raise ValueError("expected a scan whose array axes point to head, back and left")
    hu, share = _sampled(ct, onto)
    body = Volume(grid=ct.grid, values_zyx=find_body(ct).full_mask_zyx())
    skin = _sample(body, onto) >= 0.5
    surroundings = np.full(onto.shape_zyx, AIR_HU, dtype=np.float32)
    scene = _Scene(skin, onto)
    if setup.couch is not None:
        _draw_couch(surroundings, scene, setup)
    if setup.rest is not None:
        _draw_rest(surroundings, scene, setup)
    if setup.mask_hu is not None:
        _draw_mask(surroundings, scene, setup, setup.mask_hu, seed)
    hu = surroundings + (np.maximum(hu, AIR_HU) - surroundings) * np.clip(share, 0, 1)
    del surroundings, share
    _add_noise(hu, onto, setup, seed)
    if setup.corners:
        _, y, x = onto.shape_zyx
        down, across = np.ogrid[:y, :x]
        beyond = (2 * down - y) ** 2 + (2 * across - x) ** 2 > 1.02 * min(x, y) ** 2
        hu[:, beyond] = LOWEST_HU
    return Volume(grid=onto, values_zyx=np.rint(np.clip(hu, LOWEST_HU, 3071)).astype(np.int16))


class _Scene:
    """Where the patient lies: the couch's row, the head's middle, the slices of vertex and shoulders."""

    def __init__(self, skin: Mask, grid: Grid) -> None:
        self.skin = skin
        self.step_mm, self.row_mm, self.column_mm = grid.spacing_zyx_mm
        rows = np.arange(skin.shape[1])
        lowest = np.where(skin.any(axis=2), rows, -1).max(axis=1)
        self.top_row = float(np.percentile(lowest[lowest >= 0], 99)) + 1.0
        self.middle_column = _middle_column(skin)
        slices = np.flatnonzero(skin.any(axis=(1, 2)))
        self.vertex = int(slices[-1])
        area = np.count_nonzero(skin, axis=(1, 2)).astype(float)
        upper = slices[slices > self.vertex - 120 / self.step_mm]
        wide = np.flatnonzero(area[: upper[0] + 1] > 1.7 * np.median(area[upper]))
        self.shoulders = int(wide[-1]) if wide.size else int(slices[0])
        self.head_column = _middle_column(skin[upper])


def _middle_column(skin: Mask) -> float:
    columns = np.flatnonzero(skin.any(axis=(0, 1)))
    return float(columns[0] + columns[-1]) / 2


def _draw_couch(hu: Field, scene: _Scene, setup: Setup) -> None:
    """A shell of carbon fibre over foam, 530 mm wide and 60 mm deep, touching the back."""
    down = (np.arange(hu.shape[1], dtype=np.float32)[:, None] - scene.top_row) * scene.row_mm
    across = (np.arange(hu.shape[2], dtype=np.float32)[None, :] - scene.middle_column) * scene.column_mm
    share2 = np.clip((across / 265) ** 2, 0, 1)
    upper = -25 * share2 if setup.couch == "curved" else 0 * share2
    under = 60 * np.sqrt(1 - share2 * 0.9) + (upper if setup.couch == "curved" else 0)
    depth = np.minimum(np.minimum(down - upper, under - down), 265 - np.abs(across))
    section = np.full(depth.shape, AIR_HU, dtype=np.float32)
    _blend(section, depth, setup.couch_hu)
    _blend(section, depth - setup.couch_shell_mm, setup.foam_hu)
    hu[:] = section


def _draw_rest(hu: Field, scene: _Scene, setup: Setup) -> None:
    """What fills the space from head and neck to the couch: a foam block, or a plastic shell over air."""
    down = np.arange(hu.shape[1], dtype=np.float32)[:, None]
    across = (np.arange(hu.shape[2], dtype=np.float32)[None, :] - scene.head_column) * scene.column_mm
    for k in range(scene.shoulders, scene.vertex + 1):
        skin = scene.skin[k]
        if not skin.any():
            continue
        rows = np.flatnonzero(skin.any(axis=1))
        from_row = rows[0] + 0.65 * (rows[-1] - rows[0])
        block = np.minimum((down - from_row) * scene.row_mm, (scene.top_row - down) * scene.row_mm)
        block = np.minimum(block, _REST_HALF_WIDTH_MM - np.abs(across))
        off_skin = _distance(~skin, scene)
        if setup.rest == "foam":
            _blend(hu[k], block, -300.0)
            _blend(hu[k], block - 1.5, -920.0)
        else:
            _blend(hu[k], np.minimum(block, 3.0 - off_skin), 60.0)


def _draw_mask(hu: Field, scene: _Scene, setup: Setup, mask_hu: float, seed: tuple[int, ...]) -> None:
    """A perforated thermoplastic sheet from above the eyes to the shoulders, on the face and down to the board."""
    phase = np.random.default_rng((*seed, 1)).uniform(0, 2 * np.pi, 4)
    rows, columns = (np.arange(n, dtype=np.float32) for n in hu.shape[1:])
    y_mm, x_mm = rows[:, None] * scene.row_mm, columns[None, :] * scene.column_mm
    first = max(0, scene.shoulders - round(40 / scene.step_mm))
    for k in range(first, scene.vertex + 1 - round(_VERTEX_MM / scene.step_mm)):
        skin = scene.skin[k]
        if not skin.any():
            continue
        z_mm = k * scene.step_mm
        draped = np.logical_or.accumulate(skin, axis=0)
        waves = np.sin(x_mm * 0.045 + z_mm * 0.03 + phase[0]) + np.sin(y_mm * 0.05 - z_mm * 0.04 + phase[1])
        gap = np.clip(setup.mask_gap_mm * 0.5 * (waves + 0.6), 0, setup.mask_gap_mm)
        off = _distance(~draped, scene)
        sheet = np.minimum(off - gap, gap + setup.mask_mm - off)
        holes = np.sin((x_mm + y_mm) * 0.55) * np.sin(z_mm * 0.55)
        sheet = np.where(holes > 0.7, -1.0, np.minimum(sheet, (scene.top_row - rows)[:, None] * scene.row_mm))
        _blend(hu[k], sheet.astype(np.float32), mask_hu)


def _distance(outside: Mask, scene: _Scene) -> Field:
    """Millimetres from the edge of what is not `outside`, within a slice."""
    away = np.full(outside.shape, _FAR_MM, dtype=np.float32)
    room = round(_FAR_MM / scene.row_mm)
    rows, columns = (np.flatnonzero(~outside.all(axis=axis)) for axis in (1, 0))
    near = (slice(max(0, rows[0] - room), rows[-1] + room), slice(max(0, columns[0] - room), columns[-1] + room))
    found = ndimage.distance_transform_edt(outside[near], sampling=(scene.row_mm, scene.column_mm))
    away[near] = np.minimum(found - scene.row_mm / 2, _FAR_MM)
    return away


def _add_noise(hu: Field, grid: Grid, setup: Setup, seed: tuple[int, ...]) -> None:
    """Grains of about a millimetre, a deviation of `noise_hu` in each slice; in place."""
    draw = np.random.default_rng((*seed, 2))
    sigma = 0.7 / grid.spacing_zyx_mm[1]
    for k in range(hu.shape[0]):
        grain = draw.standard_normal(hu.shape[1:], dtype=np.float32)
        grain = ndimage.gaussian_filter(grain, sigma) if sigma > 0.3 else grain
        hu[k] += grain * np.float32(setup.noise_hu / grain.std())


def _blend(hu: Field, depth_mm: Field, value_hu: float) -> None:
    """Draw a value where `depth_mm` is positive, with an edge one pixel soft."""
    share = np.clip(np.float32(0.5) + depth_mm / np.float32(_EDGE_MM), 0, 1)
    hu += (np.float32(value_hu) - hu) * share


def _sampled(ct: Volume, onto: Grid) -> tuple[Field, Field]:
    """HU with air where the scan was blanked, and the share of each voxel that was not."""
    left = left_of(ct)
    hu = np.where(left, ct.values_zyx, AIR_HU).astype(np.float32)
    return _sample(replace(ct, values_zyx=hu), onto), _sample(replace(ct, values_zyx=left), onto)


def _sample(volume: Volume, onto: Grid) -> Field:
    """Linear, and area-weighted where coarser, slice by slice."""
    weights_z, weights_y, weights_x = axis_weights(volume.grid, onto)
    values = volume.values_zyx.astype(np.float32)
    out = np.empty(onto.shape_zyx, dtype=np.float32)
    for k, along in enumerate(weights_z):
        used = np.flatnonzero(along)
        plane = np.tensordot(along[used], values[used], axes=1)
        out[k] = weights_y @ plane @ weights_x.T
    return out
