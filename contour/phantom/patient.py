"""The synthetic patient: shapes drawn one over another on a CT's grid, and the true masks that go with them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from contour.anatomy.structures import Structure
from contour.phantom import body, devices, organs, skull, spine
from contour.phantom.noise import shoulder_share, slice_noise
from contour.phantom.sampling import Slab, Window, slab_of, window_of
from contour.phantom.settings import PhantomSettings, scan_grid
from contour.phantom.shapes import Box, Field, Points, Shape, Union, blended_maximum
from contour.phantom.tissue import Tissue
from contour.phantom.variation import Posture, Variation, vary
from registration.grid import Grid
from registration.volume import Volume

_SLAB_VOXELS = 1_600_000
_SKIN_MM = 1.6
_AIR_HU = -1000.0
_FAR_MM = np.float32(-60.0)
_DETAIL_BLEND_MM = 3.0
_OUTLINE_BOX = Box((-245.0, -150.0, -1e4), (245.0, 150.0, 105.0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Phantom:
    """A synthetic patient: CT in HU (int16) and true structures on its grid."""

    seed: int
    settings: PhantomSettings
    ct: Volume
    structures: tuple[Structure, ...]

    def structure(self, name: str) -> Structure:
        """The structure of that name.

        Raises:
            KeyError: there is none.
        """
        for structure in self.structures:
            if structure.name == name:
                return structure
        raise KeyError(name)


def head_and_neck_phantom(seed: int = 1, settings: PhantomSettings | None = None) -> Phantom:
    """A synthetic head-and-neck patient on a planning CT, with true masks.

    The anatomy is analytic, in millimetres of patient coordinates (LPS): the same seed is the same patient on any grid.
    A voxel belongs to a structure when its centre lies in the structure's shape.

    Structures: External, Brain, Brainstem, SpinalCord, Parotid_L, Parotid_R, Esophagus, Larynx, Bone_Mandible, GTVp
    and GTVn. A structure outside the scan is there with an empty mask.
    """
    settings = settings or PhantomSettings()
    return _Painter(seed, settings).paint()


class _Painter:
    """Draws one patient slab by slab, so that memory stays with the result."""

    def __init__(self, seed: int, settings: PhantomSettings) -> None:
        self.seed, self.settings = seed, settings
        self.grid: Grid = scan_grid(seed, settings)
        self.variation: Variation = vary(seed)
        self.posture = Posture(self.variation)
        self.edge_mm = float(np.prod(self.grid.spacing_zyx_mm) ** (1 / 3))
        self.smooth_outline, self.outline_details = body.outline()
        self.fat_mm = body.fat_thickness(self.variation.fat_scale)
        self.jaw = skull.mandible()
        self.organs = organs.organs_of(self.variation, self.jaw)
        self.tissues = [(tissue, self._window(tissue.shape.box)) for tissue in self._tissues()]
        self.outline_window = self._window(_OUTLINE_BOX)
        self.couch_mm = self._lowest_skin_mm() + 1.5

    def paint(self) -> Phantom:
        shape = self.grid.shape_zyx
        values = np.empty(shape, dtype=np.int16)
        truth = {name: (part, self._window(part.box)) for name, part in self._truth().items()}
        masks = {name: np.zeros(_shape_of(window), dtype=np.bool_) for name, (_, window) in truth.items()}
        external = np.zeros(_shape_of(self.outline_window), dtype=np.bool_)
        step = max(1, _SLAB_VOXELS // (shape[1] * shape[2]))
        for first in range(0, shape[0], step):
            slab = slab_of(self.grid, slice(first, min(first + step, shape[0])), self.posture, self._origin)
            skin_mm = self._skin_depth_mm(slab)
            values[slab.slices] = self._slab_hu(slab, skin_mm)
            _record(external, self.outline_window, slab, skin_mm, None)
            for name, (part, window) in truth.items():
                _record(masks[name], window, slab, skin_mm - np.float32(_SKIN_MM), part)
        structures = [_structure("External", self.grid, self.outline_window, external)]
        structures += [_structure(name, self.grid, truth[name][1], mask) for name, mask in masks.items()]
        ct = Volume(grid=self.grid, values_zyx=values)
        return Phantom(seed=self.seed, settings=self.settings, ct=ct, structures=tuple(structures))

    @property
    def _origin(self) -> tuple[float, float, float]:
        return self.settings.anatomy_origin_xyz_mm

    def _window(self, box: Box) -> Window:
        return window_of(self.grid, box, self.posture, self._origin, margin_mm=self.edge_mm)

    def _truth(self) -> dict[str, Shape]:
        return {
            "Brain": self.organs.brain,
            "Brainstem": self.organs.brainstem,
            "SpinalCord": spine.spinal_cord(),
            "Parotid_L": self.organs.parotid_left,
            "Parotid_R": self.organs.parotid_right,
            "Esophagus": self.organs.esophagus,
            "Larynx": self.organs.larynx,
            "Bone_Mandible": self.jaw,
            "GTVp": self.organs.primary,
            "GTVn": self.organs.node,
        }

    def _tissues(self) -> list[Tissue]:
        return [
            *body.soft_tissue(),
            *organs.neck_contents(),
            *spine.vertebrae(),
            *skull.skull_bones(),
            *organs.brain_and_targets(self.organs, self.variation),
            *skull.air_spaces(),
            *body.eyes(),
            *organs.larynx_and_airway(self.organs, self.variation),
            *skull.shoulder_bones(),
            *skull.jaw_and_teeth(self.jaw),
            *([Tissue(skull.filling(), 9000.0)] if self.variation.has_filling else []),
        ]

    def _skin_depth_mm(self, slab: Slab) -> Field:
        depth = np.full((slab.slices.stop - slab.slices.start, *self.grid.shape_zyx[1:]), _FAR_MM, dtype=np.float32)
        window = slab.cut(self.outline_window)
        if window is None:
            return depth
        depth[window] = self.smooth_outline.depth_mm(slab.anatomy_in(window))
        for detail in self.outline_details:
            window = slab.cut(self._window(_widened(detail.box, 2 * _DETAIL_BLEND_MM)))
            if window is not None:
                there = detail.depth_mm(slab.anatomy_in(window))
                depth[window] = blended_maximum(depth[window], there, _DETAIL_BLEND_MM)
        return depth

    def _slab_hu(self, slab: Slab, skin_mm: Field) -> NDArray[np.int16]:
        hu = np.full(skin_mm.shape, _AIR_HU, dtype=np.float32)
        self._draw_devices(hu, slab, skin_mm)
        mottle = _mottle(slab.anatomy, self.variation.texture_phase_rad)
        _blend(hu, skin_mm, np.float32(5.0), self.edge_mm)
        _blend(hu, skin_mm - np.float32(_SKIN_MM), np.float32(-102.0) + 8 * mottle, self.edge_mm)
        _blend(hu, skin_mm - self.fat_mm.at(slab.anatomy.z_mm), self._muscle_hu(slab, mottle), self.edge_mm)
        for tissue, whole in self.tissues:
            window = slab.cut(whole)
            if window is None:
                continue
            depth = np.minimum(tissue.shape.depth_mm(slab.anatomy_in(window)), skin_mm[window] - np.float32(_SKIN_MM))
            there = np.float32(tissue.hu) + (tissue.mottle_hu * mottle[window] if tissue.mottle_hu else 0)
            _blend(hu[window], depth, there, self.edge_mm)
        self._add_streaks_and_noise(hu, slab)
        hu += np.float32(self.settings.hu_offset)
        return np.clip(np.rint(hu), -1024, 3071).astype(np.int16)

    def _muscle_hu(self, slab: Slab, mottle: Field) -> Field:
        """Muscle, parted by thin sheets of fat below the skull."""
        x, y, z = slab.anatomy
        p = np.float32(self.variation.texture_phase_rad)
        bend = np.sin(np.float32(0.045) * x + p) + np.sin(np.float32(0.07) * y + np.float32(0.03) * z)
        sheets = np.sin(0.075 * np.abs(x) + np.float32(0.9) * bend + np.float32(0.02) * z) + np.sin(
            0.09 * y - 0.03 * z + p
        )
        fat = np.clip(1 - np.abs(sheets) * np.float32(6.5), 0, 1) * np.clip((-70 - z) * np.float32(0.025), 0, 1)
        muscle: Field = np.float32(56.0) + 8 * mottle - np.float32(95.0) * fat
        return muscle.astype(np.float32)

    def _draw_devices(self, hu: Field, slab: Slab, skin_mm: Field) -> None:
        down_x, down_y, _ = self.settings.gravity_xyz
        down = slab.patient.x_mm * np.float32(down_x) if down_x else slab.patient.y_mm * np.float32(down_y)
        across = slab.patient.y_mm if down_x else slab.patient.x_mm
        if self.settings.has_couch:
            devices.draw_couch(hu, down, across, top_mm=self.couch_mm, edge_mm=self.edge_mm)
            devices.draw_headrest(hu, skin_mm, slab.anatomy, down, across, top_mm=self.couch_mm, edge_mm=self.edge_mm)
        if self.settings.has_mask:
            devices.draw_mask(hu, skin_mm, slab.anatomy, -down, edge_mm=self.edge_mm)

    def _add_streaks_and_noise(self, hu: Field, slab: Slab) -> None:
        if self.variation.has_filling:
            x0, y0, z0 = skull.FILLING_XYZ_MM
            reach = 85.0
            window = slab.cut(self._window(Box((x0 - reach, y0 - reach, z0 - 9), (x0 + reach, y0 + reach, z0 + 9))))
            if window is not None:
                x, y, z = slab.anatomy_in(window)
                hu[window] += _streaks(x - np.float32(x0), y - np.float32(y0), z - np.float32(z0))
        if not self.settings.noise_hu:
            return
        rows, columns = self.grid.shape_zyx[1:]
        spacing = self.grid.spacing_zyx_mm
        streak_axis = int(np.argmax(np.abs(np.asarray(self.grid.axes_xyz)[1:, 0])))
        middle = np.asarray([[k, rows / 2, columns / 2] for k in range(slab.slices.start, slab.slices.stop)])
        heights = self.grid.to_point_xyz_mm(middle)[:, 2] - self._origin[2]
        for k, height in enumerate(heights):
            grain = slice_noise(
                self.seed,
                slab.slices.start + k,
                shape_yx=(rows, columns),
                spacing_yx_mm=(spacing[1], spacing[2]),
                shoulders=shoulder_share(float(height)),
                streak_axis=streak_axis,
            )
            hu[k] += grain * np.float32(self.settings.noise_hu)

    def _lowest_skin_mm(self) -> float:
        """How far down the patient reaches, from a coarse look at the part that is always scanned."""
        axes = [np.arange(-250.0, 250.1, 4.0), np.arange(-150.0, 150.1, 4.0), np.arange(-215.0, 100.0, 8.0)]
        x, y, z = (
            axis.astype(np.float32).reshape([-1 if k == n else 1 for k in (2, 1, 0)]) for n, axis in enumerate(axes)
        )
        points = self.posture.to_anatomy(Points(x, y, z))
        depth = Union((self.smooth_outline, *self.outline_details)).depth_mm(points)
        down_x, down_y, _ = self.settings.gravity_xyz
        down = np.broadcast_to(x * np.float32(down_x) + y * np.float32(down_y), depth.shape)
        return float(down[depth > -2.0].max())


def _blend(hu: Field, depth_mm: Field, there: Field | np.float32, edge_mm: float) -> None:
    share = np.clip(np.float32(0.5) + depth_mm * np.float32(1 / edge_mm), 0, 1)
    hu += (there - hu) * share


def _mottle(points: Points, phase_rad: float) -> Field:
    """Coarse unevenness between about -1 and 1."""
    x, y, z = points
    p = np.float32(phase_rad)
    coarse = np.sin(0.21 * x + 0.07 * z + p) * np.sin(0.23 * y - 0.11 * z + 2 * p)
    fine = np.sin(0.52 * x - 0.19 * z + 3 * p) * np.sin(0.47 * y + 0.23 * z + p)
    mottle: Field = (np.float32(0.6) * coarse + np.float32(0.4) * fine).astype(np.float32)
    return mottle


def _streaks(x_mm: Field, y_mm: Field, z_mm: Field) -> Field:
    """Dark and bright rays that metal throws in its own slices."""
    distance = np.sqrt(x_mm * x_mm + y_mm * y_mm) + 1
    angle = np.arctan2(y_mm, x_mm)
    rays = np.sin(9 * angle + 0.7) + 0.8 * np.sin(14 * angle + 2.1)
    fade = np.clip((85 - distance) / 40, 0, 1) * np.exp(-((z_mm / 3.5) ** 2)) / (1 + distance / 14)
    streaks: Field = (np.float32(260.0) * rays * fade).astype(np.float32)
    return streaks


def _record(mask: NDArray[np.bool_], whole: Window, slab: Slab, skin_mm: Field, shape: Shape | None) -> None:
    """Write the voxels of a slab whose centres lie in the skin, and in `shape` where one is given, into a crop."""
    window = slab.cut(whole)
    if window is None:
        return
    inside = skin_mm[window] > 0
    if shape is not None:
        inside &= shape.depth_mm(slab.anatomy_in(window)) > 0
    first = slab.slices.start + window[0].start - whole[0].start
    mask[first : first + inside.shape[0]] = inside


def _structure(name: str, grid: Grid, window: Window, mask: NDArray[np.bool_]) -> Structure:
    """A structure cropped to its voxels; one voxel of nothing where it lies outside the scan."""
    bounds: list[slice] = []
    for axis in range(3):
        others = tuple(other for other in range(3) if other != axis)
        inside = np.flatnonzero(mask.any(axis=others)) if mask.size else np.empty(0, dtype=np.intp)
        if not inside.size:
            return Structure(name=name, grid=grid, lower_zyx=(0, 0, 0), mask_zyx=np.zeros((1, 1, 1), dtype=np.bool_))
        bounds.append(slice(int(inside[0]), int(inside[-1]) + 1))
    low = [part.start + cut.start for part, cut in zip(window, bounds, strict=True)]
    crop = np.ascontiguousarray(mask[bounds[0], bounds[1], bounds[2]])
    return Structure(name=name, grid=grid, lower_zyx=(low[0], low[1], low[2]), mask_zyx=crop, generation="MANUAL")


def _shape_of(window: Window) -> tuple[int, int, int]:
    sizes = [max(0, part.stop - part.start) for part in window]
    return (sizes[0], sizes[1], sizes[2])


def _widened(box: Box, by_mm: float) -> Box:
    (x0, y0, z0), (x1, y1, z1) = box
    return Box((x0 - by_mm, y0 - by_mm, z0 - by_mm), (x1 + by_mm, y1 + by_mm, z1 + by_mm))
