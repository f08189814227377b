"""How long each edit of a reviewer takes, on a CT of 300 x 512 x 512 voxels: one organ and the whole skin.

    python ops/benchmarks/edits.py [--slices 300] [--size 512] [--repeat 5]

Structures are graded, as a network or a read RTSTRUCT gives them. The median of the repetitions counts.
"""

from __future__ import annotations

import argparse
import math
import resource
import statistics
import time

import numpy as np
from numpy.typing import NDArray

from contour.anatomy.boxes import Box, box_of, levels_in
from contour.anatomy.editing import (
    Boolean,
    Brush,
    Freehand,
    Interpolate,
    Margin,
    Nudge,
    Operation,
    Smooth,
    apply_operation,
)
from contour.anatomy.editing.patches import cropped
from contour.anatomy.structures import Structure
from registration.grid import Grid, Triple

SPACING_ZYX_MM = (1.5, 0.9765625, 0.9765625)
SIDES = ("left_mm", "right_mm", "anterior_mm", "posterior_mm", "superior_mm", "inferior_mm")


def make_grid(slices: int, size: int) -> Grid:
    half_mm = (size - 1) * SPACING_ZYX_MM[1] / 2
    return Grid(
        shape_zyx=(slices, size, size),
        spacing_zyx_mm=SPACING_ZYX_MM,
        origin_xyz_mm=(-half_mm, -half_mm, -412.7),
        axes_xyz=((0.0, -0.1, math.sqrt(0.99)), (0.0, math.sqrt(0.99), 0.1), (1.0, 0.0, 0.0)),
        frame_of_reference_uid="2.25.1",
    )


def ellipsoid(name: str, grid: Grid, middle: Triple, radii_mm: Triple) -> Structure:
    """Graded, with a middle in parts of the grid's size."""
    z, y, x = (
        ((np.arange(size, dtype=np.float32) - part * size) * step / radius) ** 2
        for size, part, step, radius in zip(grid.shape_zyx, middle, grid.spacing_zyx_mm, radii_mm, strict=True)
    )
    levels = np.empty(grid.shape_zyx, dtype=np.uint8)
    for k in range(grid.shape_zyx[0]):
        away = np.sqrt(z[k] + y[:, None] + x[None, :])
        levels[k] = np.clip(np.rint(127.5 + (1 - away) * min(radii_mm) * 127.5), 0, 255)
    one = np.zeros((1, 1, 1), dtype=np.bool_)
    empty = Structure(name=name, grid=grid, lower_zyx=(0, 0, 0), mask_zyx=one)
    return cropped(empty, Box(lower_zyx=(0, 0, 0), upper_zyx=grid.shape_zyx), levels >= 128, levels)


def with_gaps(structure: Structure) -> Structure:
    """Only every fifth slice."""
    box = box_of(structure)
    levels = levels_in(structure, box)
    levels[np.arange(len(levels)) % 5 > 0] = 0
    return cropped(structure, box, levels >= 128, levels)


def on_circle(grid: Grid, middle: Triple, radius_mm: float, count: int) -> tuple[Triple, ...]:
    """Points on a circle of the slice that goes through a structure's middle."""
    k, j, i = (round(part * size) for part, size in zip(middle, grid.shape_zyx, strict=True))
    turn = np.linspace(0, 2 * math.pi, count, endpoint=False)
    pixels = radius_mm / grid.spacing_zyx_mm[1]
    index = np.stack([np.full(count, k), j + pixels * np.sin(turn), i + pixels * np.cos(turn)], axis=1)
    points: NDArray[np.float64] = grid.to_point_xyz_mm(index)
    return tuple((float(x), float(y), float(z)) for x, y, z in points)


def operations(grid: Grid, middle: Triple, rim_mm: float) -> dict[str, Operation]:
    def brush(count: int, radius_mm: float, *, erase: bool = False, ball: bool = False) -> Brush:
        points = on_circle(grid, middle, rim_mm, count)
        return Brush(plane="axial", points_xyz_mm=points, radius_mm=radius_mm, erase=erase, ball=ball)

    def freehand(mode: str, count: int) -> Freehand:
        return Freehand(plane="axial", points_xyz_mm=on_circle(grid, middle, rim_mm, count), mode=mode)  # type: ignore[arg-type]

    return {
        "brush, 50 points, 10 mm": brush(50, 10.0),
        "eraser, 50 points, 10 mm": brush(50, 10.0, erase=True),
        "ball, 50 points, 10 mm": brush(50, 10.0, ball=True),
        "ball, 2000 points, 50 mm": brush(2000, 50.0, ball=True),
        "freehand replace, 200 points": freehand("replace", 200),
        "freehand add, 5000 points": freehand("add", 5000),
        "nudge, whole voxels": Nudge(offset_xyz_mm=(0.9765625, 0.0, 0.0)),
        "nudge, part of a voxel": Nudge(offset_xyz_mm=(0.4, -0.3, 0.7)),
        "margin 5 mm all round": Margin(**dict.fromkeys(SIDES, 5.0)),
        "margin 5 mm, left 8 mm": Margin(**dict.fromkeys(SIDES, 5.0) | {"left_mm": 8.0}),
        "union with another": Boolean(way="union", others=("Other",)),
        "without another": Boolean(way="difference", others=("Other",)),
        "shared with another": Boolean(way="intersection", others=("Other",)),
        "smooth 3 mm": Smooth(radius_mm=3.0),
    }


def median_ms(structure: Structure, operation: Operation, others: dict[str, Structure], repeat: int) -> float:
    spent: list[float] = []
    while len(spent) < repeat and sum(spent) < 10.0:
        started = time.perf_counter()
        apply_operation(structure, operation, others)
        spent.append(time.perf_counter() - started)
    return statistics.median(spent) * 1000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--slices", type=int, default=300)
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--repeat", type=int, default=5)
    given = parser.parse_args()
    grid = make_grid(given.slices, given.size)
    wide_mm = given.size * SPACING_ZYX_MM[2]
    organ = ellipsoid("Organ", grid, (0.5, 0.4, 0.6), (40.0, 25.0, 20.0))
    skin = ellipsoid("Skin", grid, (0.5, 0.5, 0.5), (1.5 * given.slices, 0.28 * wide_mm, 0.4 * wide_mm))
    others = {"Other": ellipsoid("Other", grid, (0.5, 0.42, 0.62), (50.0, 25.0, 30.0))}
    print(f"{grid.shape_zyx} voxels; organ {organ.mask_zyx.shape}, skin {skin.mask_zyx.shape}")
    print(f"{'median, ms':<32}{'organ':>10}{'skin':>10}")
    on_organ, on_skin = operations(grid, (0.5, 0.4, 0.6), 22.0), operations(grid, (0.5, 0.22, 0.5), 22.0)
    for name, operation in on_organ.items():
        organ_ms = median_ms(organ, operation, others, given.repeat)
        skin_ms = median_ms(skin, on_skin[name], others, given.repeat)
        print(f"{name:<32}{organ_ms:>10.1f}{skin_ms:>10.1f}")
    gaps = [median_ms(with_gaps(one), Interpolate(), others, given.repeat) for one in (organ, skin)]
    print(f"{'interpolate 4 of 5 slices':<32}{gaps[0]:>10.1f}{gaps[1]:>10.1f}")
    print(f"at most {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB of memory")


if __name__ == "__main__":
    main()
