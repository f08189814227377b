"""A placed patient as one PNG: axial slices, a sagittal and a coronal one, with the outlines of body and answers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib import pyplot as plt
from numpy.typing import NDArray

from registration.volume import Volume

COLOURS = ("dodgerblue", "lime", "red")
WIDTHS = (1.0, 1.4, 0.7)


def draw_case(path: Path, ct: Volume, masks: Sequence[NDArray[np.bool_]]) -> None:
    """Write the picture of a CT whose axes point to head, back and left; masks are body, answer before, answer now."""
    slices, rows, columns = ct.grid.shape_zyx
    step_mm, row_mm, column_mm = ct.grid.spacing_zyx_mm
    levels = [round((slices - 1) * share) for share in (0.95, 0.8, 0.65, 0.5, 0.35, 0.2)]
    centre = np.argwhere(masks[2])
    _, row, column = (int(i) for i in np.median(centre, axis=0)) if len(centre) else (0, rows // 2, columns // 2)
    planes = [((level,), row_mm / column_mm) for level in levels]
    planes += [((slice(None), slice(None), column), step_mm / row_mm), ((slice(None), row), step_mm / column_mm)]
    figure, axes = plt.subplots(2, 4, figsize=(20, 10), facecolor="black")
    for axis, (index, aspect) in zip(axes.ravel(), planes, strict=True):
        upright = len(index) > 1
        axis.imshow(ct.values_zyx[index], cmap="gray", vmin=-1050, vmax=350, aspect=aspect)
        for mask, colour, width in zip(masks, COLOURS, WIDTHS, strict=True):
            plane = mask[index]
            if plane.any():
                axis.contour(plane, levels=[0.5], colors=[colour], linewidths=[width])
        if upright:
            axis.invert_yaxis()
        axis.axis("off")
    figure.subplots_adjust(0, 0, 1, 1, 0.01, 0.01)
    figure.savefig(path, dpi=80, facecolor="black")
    plt.close(figure)
