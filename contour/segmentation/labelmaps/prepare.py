"""From a CT to what a stage's network is shown: turned, cropped, normalised, resampled; and where that lies in the CT.

The steps and their order are nnU-Net's (transpose, crop to what is not 0, normalise, resample) or MONAI's (the whole
scan, resampled before it is normalised or after); the numbers agree with theirs to float32 accuracy.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from contour.segmentation.labelmaps.normalisation import Normaliser
from contour.segmentation.labelmaps.sampling import Resampling, new_shape, resample_image, resampling
from contour.segmentation.labelmaps.spec import StageSpec
from registration.grid import Grid, Shape, Triple
from registration.orientation import AxisOrder, anatomical_order
from registration.volume import Volume

_RAISED_SIDES: Mapping[str, bool] = {"L": False, "P": False, "S": False, "R": True, "A": True, "I": True}

Box = tuple[slice, slice, slice]


@dataclass(frozen=True, slots=True, kw_only=True)
class StageInput:
    """What a stage's network is shown, and where it lies.

    Args:
        image: (a, b, c) on the stage's grid, normalised.
        order: From the CT's array axes to the stage's.
        whole: The part of the turned CT that was resampled.
        box: The part of it whose labels are asked for.
        back: The matrices that bring the network's answer to the voxels of `box`.
    """

    image: NDArray[np.float32]
    order: AxisOrder
    whole: Box
    box: Box
    back: Resampling

    def put_back(self, labels: NDArray[Any], whole: Shape) -> NDArray[Any]:
        """Labels of the part, on the whole CT and in its own array order; 0 elsewhere."""
        turned = np.zeros(tuple(whole[axis] for axis in self.order.source), dtype=labels.dtype)
        turned[self.box] = labels
        return self.order.undo(turned)


def prepare(ct: Volume, stage: StageSpec, orientation: str, *, within: Box | None) -> StageInput:
    """A stage's input.

    Args:
        ct: HU on any grid.
        stage: Of a model.
        orientation: Of the model's training images, as in `LabelSpec`.
        within: The part of the CT, in its own array order, whose labels are asked for; None for all (all that is not
            0, where the stage crops). It changes nothing but `box` and `back`, so that the answer there stays the same.
    """
    order = stage_order(ct.grid, orientation, stage.transpose)
    turned = order.apply_to_volume(ct)
    values = turned.values_zyx
    whole = _nonzero_box(values) if stage.steps == "crop, normalise, resample" else _everything(values)
    box = whole if within is None else _common(whole, turned_box(order, within, ct.grid.shape_zyx))
    forth, back = _to_and_fro(stage, _shape(values[whole]), turned.grid.spacing_zyx_mm)
    if stage.steps == "resample, normalise":
        image = _resampled(values[whole], forth)
        image = Normaliser(stage.normalisation, image)(image)
    else:
        image = _resampled(Normaliser(stage.normalisation, values[whole])(values[whole]), forth)
    return StageInput(image=image, order=order, whole=whole, box=box, back=back.rows_for(_relative(box, whole)))


def _to_and_fro(stage: StageSpec, shape: Shape, spacing_mm: Triple) -> tuple[Resampling, Resampling]:
    """The matrices from a part of the CT to the stage's grid, and those of its answer."""
    onto = new_shape(shape, spacing_mm, stage.spacing_mm, stage.image_sampling.alignment)
    return (
        resampling(stage.image_sampling, shape, onto, spacing_in_mm=spacing_mm, spacing_out_mm=stage.spacing_mm),
        resampling(stage.answer_sampling, onto, shape, spacing_in_mm=stage.spacing_mm, spacing_out_mm=spacing_mm),
    )


def _resampled(values: NDArray[Any], how: Resampling) -> NDArray[np.float32]:
    image = np.ascontiguousarray(values, dtype=np.float32)
    return image if how.changes_nothing else resample_image(image, how)


def stage_order(grid: Grid, orientation: str, transpose: tuple[int, int, int]) -> AxisOrder:
    """The array order in which a stage sees a CT: axes z, y, x towards the orientation's sides, then transposed."""
    anatomical = anatomical_order(grid)
    against = tuple(_RAISED_SIDES[letter] for letter in reversed(orientation))
    reverse = [back ^ flip for back, flip in zip(anatomical.reverse, against, strict=True)]
    a, b, c = transpose
    source = anatomical.source
    return AxisOrder(source=(source[a], source[b], source[c]), reverse=(reverse[a], reverse[b], reverse[c]))


def turned_box(order: AxisOrder, box: Box, shape: Shape) -> Box:
    """A box of the CT's array in the order of the turned one."""
    found: list[slice] = []
    for axis, back in zip(order.source, order.reverse, strict=True):
        along, size = box[axis], shape[axis]
        found.append(slice(size - along.stop, size - along.start) if back else slice(along.start, along.stop))
    return found[0], found[1], found[2]


def _common(one: Box, other: Box) -> Box:
    """What two boxes share; a single voxel of the first where they do not meet."""
    bounds: list[slice] = []
    for a, b in zip(one, other, strict=True):
        start, stop = max(a.start, b.start), min(a.stop, b.stop)
        bounds.append(slice(start, stop) if start < stop else slice(a.start, a.start + 1))
    return bounds[0], bounds[1], bounds[2]


def _relative(box: Box, whole: Box) -> Box:
    a, b, c = (slice(part.start - all_.start, part.stop - all_.start) for part, all_ in zip(box, whole, strict=True))
    return a, b, c


def _everything(values: NDArray[Any]) -> Box:
    a, b, c = values.shape
    return slice(0, a), slice(0, b), slice(0, c)


def _nonzero_box(values: NDArray[Any]) -> Box:
    """The box of what is not exactly 0; everything where all is 0."""
    bounds: list[slice] = []
    for axis in range(3):
        others = tuple(other for other in range(3) if other != axis)
        inside = np.flatnonzero(values.any(axis=others))
        bounds.append(slice(int(inside[0]), int(inside[-1]) + 1) if inside.size else slice(0, values.shape[axis]))
    return bounds[0], bounds[1], bounds[2]


def _shape(values: NDArray[Any]) -> Shape:
    a, b, c = values.shape
    return a, b, c
