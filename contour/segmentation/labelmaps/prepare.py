"""From a CT to what a stage's network is shown: turned, cropped, normalised, resampled; and where that lies in the CT.

The steps and their order are nnU-Net's (transpose, crop to what is not 0, normalise, resample); the numbers agree with
its own to float32 accuracy.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from contour.segmentation.labelmaps.sampling import Resampling, new_shape, resample_image, resampling
from contour.segmentation.labelmaps.spec import NormalisationSpec, StageSpec
from registration.grid import Grid, Shape
from registration.orientation import AxisOrder, anatomical_order
from registration.volume import Volume

_SMALLEST_DEVIATION = 1e-8
_RAISED_SIDES: Mapping[str, bool] = {"L": False, "P": False, "S": False, "R": True, "A": True, "I": True}

Box = tuple[slice, slice, slice]


@dataclass(frozen=True, slots=True, kw_only=True)
class StageInput:
    """What a stage's network is shown, and where it lies.

    Args:
        image: (a, b, c) on the stage's grid, normalised.
        order: From the CT's array axes to the stage's.
        box: The part of the turned CT that was resampled.
        back: The matrices that bring the network's answer to the voxels of that part.
    """

    image: NDArray[np.float32]
    order: AxisOrder
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
        within: The part of the CT, in its own array order, that is worth looking at; None for all that is not 0.
            Statistics for the normalisation are taken of all that is not 0 in either case.
    """
    order = stage_order(ct.grid, orientation, stage.transpose)
    turned = order.apply_to_volume(ct)
    nonzero = _nonzero_box(turned.values_zyx)
    normalise = _Normaliser(stage.normalisation, turned.values_zyx[nonzero])
    box = nonzero if within is None else turned_box(order, within, ct.grid.shape_zyx)
    spacing = turned.grid.spacing_zyx_mm
    image = normalise(turned.values_zyx[box])
    shape = _shape(image)
    onto = new_shape(shape, spacing, stage.spacing_mm, stage.image_sampling.alignment)
    forth = resampling(stage.image_sampling, shape, onto, spacing_in_mm=spacing, spacing_out_mm=stage.spacing_mm)
    back = resampling(stage.answer_sampling, onto, shape, spacing_in_mm=stage.spacing_mm, spacing_out_mm=spacing)
    return StageInput(image=image if onto == shape else resample_image(image, forth), order=order, box=box, back=back)


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


def _nonzero_box(values: NDArray[Any]) -> Box:
    """The box of what is not exactly 0; everything where all is 0."""
    bounds: list[slice] = []
    for axis in range(3):
        others = tuple(other for other in range(3) if other != axis)
        inside = np.flatnonzero(values.any(axis=others))
        bounds.append(slice(int(inside[0]), int(inside[-1]) + 1) if inside.size else slice(0, values.shape[axis]))
    return bounds[0], bounds[1], bounds[2]


class _Normaliser:
    """Turns HU into a network's numbers, by what was measured on the scan once."""

    def __init__(self, spec: NormalisationSpec, hu: NDArray[Any]) -> None:
        self._spec = spec
        self._mean, self._scale = 0.0, 1.0
        self._inside = spec.kind == "standardise inside"
        if spec.kind in {"standardise", "standardise inside"}:
            seen = hu.astype(np.float32)
            if self._inside:
                seen = seen[ndimage.binary_fill_holes(seen != 0)]
            self._mean, self._scale = float(seen.mean()), max(float(seen.std()), _SMALLEST_DEVIATION)
        elif spec.kind == "rescale":
            self._mean = float(hu.min())
            self._scale = max(float(hu.max()) - self._mean, _SMALLEST_DEVIATION)
        elif spec.kind == "clip and standardise":
            self._mean, self._scale = spec.value("mean"), max(spec.value("sd"), _SMALLEST_DEVIATION)

    def __call__(self, hu: NDArray[Any]) -> NDArray[np.float32]:
        values = np.array(hu, dtype=np.float32, order="C")
        spec = self._spec
        if spec.kind == "none":
            return values
        if spec.kind == "range":
            low, high = spec.value("low"), spec.value("high")
            scale = (high - low) / (spec.value("upper") - spec.value("lower"))
            return np.asarray(
                np.clip((values - np.float32(spec.value("lower"))) * np.float32(scale) + np.float32(low), low, high)
            )
        if spec.kind == "clip and standardise":
            np.clip(values, spec.value("lower"), spec.value("upper"), out=values)
        outside = ~ndimage.binary_fill_holes(values != 0) if self._inside else None
        kept = None if outside is None else values[outside]
        values -= np.float32(self._mean)
        values /= np.float32(self._scale)
        if outside is not None:
            values[outside] = kept
        return values


def _shape(values: NDArray[Any]) -> Shape:
    a, b, c = values.shape
    return a, b, c
