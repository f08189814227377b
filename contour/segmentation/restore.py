"""From the network's grid back to the CT's: one structure at a time, only where it is."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from contour.anatomy.structures import Structure
from registration.grid import Grid, Shape
from registration.orientation import AxisOrder
from registration.resample import resample
from registration.volume import Volume

_INSIDE = 128


def restore(
    name: str, probability_zyx: NDArray[np.float32], network_grid: Grid, ct_grid: Grid, order: AxisOrder
) -> Structure:
    """A structure on the CT's grid from its probability on the network's grid.

    Args:
        name: TG-263 name.
        probability_zyx: 0 … 1 on `network_grid`.
        network_grid: Its axes are the CT's in `order`.
        ct_grid: Where the structure is wanted.
        order: From the CT's axes to the network's.
    """
    found = sample_on_ct(probability_zyx, 0.5, network_grid, ct_grid, order)
    if found is None:
        nothing = np.zeros((1, 1, 1), dtype=np.bool_)
        return Structure(name=name, grid=ct_grid, lower_zyx=(0, 0, 0), mask_zyx=nothing)
    lower, values = found
    membership = np.rint(values * 255.0).astype(np.uint8)
    return Structure(
        name=name, grid=ct_grid, lower_zyx=lower, mask_zyx=membership >= _INSIDE, membership_zyx=membership
    )


def sample_on_ct(
    values_zyx: NDArray[np.float32],
    at_least: float,
    network_grid: Grid,
    ct_grid: Grid,
    order: AxisOrder,
    *,
    margin: Shape = (1, 1, 1),
) -> tuple[Shape, NDArray[np.float32]] | None:
    """Values of the network's grid on the CT's voxels, around where they are `at_least`; None where they never are.

    Args:
        values_zyx: On `network_grid`.
        at_least: What is looked for.
        network_grid: Its axes are the CT's in `order`.
        ct_grid: Where the values are wanted.
        order: From the CT's axes to the network's.
        margin: How many of the network's voxels about them are sampled too.

    Returns:
        Where the crop starts in `ct_grid`, and the crop.
    """
    turned = order.apply_to_grid(ct_grid)
    box = _box(values_zyx >= at_least, margin)
    if box is None:
        return None
    lower, shape = _covering(network_grid, box, turned)
    fine = resample(
        Volume(grid=_part(network_grid, box), values_zyx=values_zyx[box]), turned.cropped(lower, shape), outside=0.0
    )
    return order.undo_lower(lower, shape, turned.shape_zyx), np.ascontiguousarray(order.undo(fine.values_zyx))


def _box(inside: NDArray[np.bool_], margin: Shape) -> tuple[slice, slice, slice] | None:
    """The voxels inside and `margin` more on each side; None if there are none."""
    if not inside.any():
        return None
    spans = []
    for axis, (size, more) in enumerate(zip(inside.shape, margin, strict=True)):
        found = np.flatnonzero(inside.any(axis=tuple(other for other in range(3) if other != axis)))
        spans.append(slice(max(0, int(found[0]) - more), min(size, int(found[-1]) + 1 + more)))
    return spans[0], spans[1], spans[2]


def _part(grid: Grid, box: tuple[slice, slice, slice]) -> Grid:
    z, y, x = box
    return grid.cropped((z.start, y.start, x.start), (z.stop - z.start, y.stop - y.start, x.stop - x.start))


def _covering(network_grid: Grid, box: tuple[slice, slice, slice], ct_grid: Grid) -> tuple[Shape, Shape]:
    """The CT voxels that lie between the outermost voxel edges of the box: first index and sizes."""
    first = np.asarray([along.start - 0.5 for along in box])
    last = np.asarray([along.stop - 0.5 for along in box])
    low = ct_grid.to_index_zyx(network_grid.to_point_xyz_mm(first))
    high = ct_grid.to_index_zyx(network_grid.to_point_xyz_mm(last))
    lower = [max(0, int(np.ceil(value))) for value in low]
    upper = [min(size - 1, int(np.floor(value))) for size, value in zip(ct_grid.shape_zyx, high, strict=True)]
    a, b, c = lower
    d, e, f = (max(1, top - bottom + 1) for bottom, top in zip(lower, upper, strict=True))
    return (a, b, c), (d, e, f)
