"""Structures from a label-map model's labels, on the CT's own voxels."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from contour.anatomy.structures import Structure
from contour.progress import Progress
from contour.segmentation.clean_up import clean_up, cropped
from contour.segmentation.label_model import LabelModel
from contour.segmentation.labelmaps.predict import LabelMap, predict_labels
from contour.segmentation.labelmaps.prepare import Box
from contour.segmentation.labelmaps.spec import LabelStructure
from registration.grid import Grid
from registration.volume import Volume

_MARGIN_MM = 10.0
"""How far about the body fast mode looks."""


def label_map(ct: Volume, shown: Structure, model: LabelModel, progress: Progress) -> LabelMap:
    """The labels of a CT; in fast mode only about what is shown of it, the body."""
    return predict_labels(
        ct, model.spec, model.engines, exact=model.exact, within=box_about(shown, _MARGIN_MM), progress=progress
    )


def label_structures(
    found: LabelMap, model: LabelModel, grid: Grid, *, wanted: Sequence[str], progress: Progress
) -> list[tuple[Structure, float]]:
    """Every wanted structure in the model's order, cleaned up, and the seconds it took."""
    labelled = [one for one in model.spec.labelled if one.rules.name in wanted]
    find = _finder(found.labels)
    cut: list[tuple[Structure, float]] = []
    for done, one in enumerate(labelled):
        started_s = time.perf_counter()
        structure = find(one, grid)
        progress("restore", (done + 1) / len(labelled))
        cut.append((structure, time.perf_counter() - started_s))
    cleaned: list[tuple[Structure, float]] = []
    for done, ((structure, seconds), one) in enumerate(zip(cut, labelled, strict=True)):
        started_s = time.perf_counter()
        cleaned.append((clean_up(structure, one.rules), seconds + time.perf_counter() - started_s))
        progress("clean-up", (done + 1) / len(labelled))
    return cleaned


def box_about(structure: Structure, margin_mm: float) -> Box:
    """The structure's box with a margin about it, within its grid; in the grid's array order."""
    bounds: list[slice] = []
    for axis, (low, size) in enumerate(zip(structure.lower_zyx, structure.mask_zyx.shape, strict=True)):
        more = math.ceil(margin_mm / structure.grid.spacing_zyx_mm[axis])
        bounds.append(slice(max(0, low - more), min(structure.grid.shape_zyx[axis], low + size + more)))
    return bounds[0], bounds[1], bounds[2]


def _finder(labels: NDArray[Any]) -> Callable[[LabelStructure, Grid], Structure]:
    """Cuts structures out of a label map without looking at all of it for each."""
    if labels.ndim == 4:
        return lambda one, grid: _cut(one, grid, labels[one.labels[0]], (slice(None),) * 3, (True,))
    boxes = ndimage.find_objects(labels)

    def find(one: LabelStructure, grid: Grid) -> Structure:
        held = [boxes[label - 1] for label in one.labels if label <= len(boxes) and boxes[label - 1] is not None]
        if not held:
            return _cut(one, grid, labels, (slice(0, 1),) * 3, ())
        z, y, x = (
            slice(max(0, min(box[axis].start for box in held) - 1), max(box[axis].stop for box in held) + 1)
            for axis in range(3)
        )
        return _cut(one, grid, labels, (z, y, x), one.labels)

    return find


def _cut(one: LabelStructure, grid: Grid, labels: NDArray[Any], box: Box, wanted: Sequence[int]) -> Structure:
    crop = labels[box]
    mask = np.isin(crop, wanted) if len(wanted) != 1 else crop == wanted[0]
    lower = (box[0].start or 0, box[1].start or 0, box[2].start or 0)
    return cropped(Structure(name=one.rules.name, grid=grid, lower_zyx=lower, mask_zyx=mask))
