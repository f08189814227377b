"""A structure as polygons: its boundary, slice by slice, below voxel size.

The polygons enclose exactly as much as the voxels fill, and every voxel centre lies on the side its voxel says
(`rasterise_polygons` gives the mask back). They are thinned, and their holes are cut in by keyholes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from contour.anatomy.keyholes import cut_keyholes
from contour.anatomy.marching import Crossings, Floats, Integers, find_crossings
from contour.anatomy.structures import Structure
from contour.anatomy.thinning import loop_areas, match_areas, thin, voxel_areas

THINNING_MM = 0.1
"""How far thinning may move the boundary, at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SlicePolygons:
    """Closed polygons in slice planes, in order of slices, in flat arrays.

    Args:
        points_yx: (n, 2) fractional (row, column) indices of the grid; whole numbers are voxel centres.
        starts: (polygons + 1,) where each begins; the last entry is n. The first point is not repeated.
        slice_z: (polygons,) slice index of each.
    """

    points_yx: Floats
    starts: Integers
    slice_z: Integers

    @property
    def count(self) -> int:
        """How many polygons there are."""
        return int(self.slice_z.size)

    def polygon_yx(self, number: int) -> Floats:
        """(m, 2) points of one polygon."""
        return self.points_yx[int(self.starts[number]) : int(self.starts[number + 1])]

    def area_voxels(self) -> float:
        """Area of all polygons together, in voxels; keyholed holes are taken off."""
        return float(np.abs(loop_areas(self.points_yx, self.starts)).sum())


def trace_polygons(structure: Structure, *, thinning_mm: float = THINNING_MM) -> SlicePolygons:
    """The boundary of a structure in each slice.

    Without a membership each loop encloses as much as the voxels it goes round. With one the boundary runs where the
    membership says, slid by one common fraction of a voxel so that the whole encloses the whole mask's volume.

    Args:
        structure: May be empty; then there are no polygons.
        thinning_mm: How far thinning may move the boundary; 0 keeps every crossing.
    """
    spacing = structure.grid.spacing_zyx_mm
    graded = structure.membership_zyx is not None
    crossings = find_crossings(structure.mask_zyx, structure.membership_zyx)
    crossings = match_areas(crossings, voxel_areas(crossings), together=graded)
    if thinning_mm > 0:
        crossings = thin(crossings, (spacing[1], spacing[2]), thinning_mm)
    polygons = _cut_holes(crossings)
    low_z, low_y, low_x = structure.lower_zyx
    return SlicePolygons(
        points_yx=polygons.points_yx + np.array([low_y, low_x], dtype=np.float64),
        starts=polygons.starts,
        slice_z=polygons.slice_z + low_z,
    )


def _cut_holes(crossings: Crossings) -> SlicePolygons:
    points = crossings.points_yx
    areas = loop_areas(points, crossings.starts)
    holed = np.unique(crossings.slice_z[areas < 0])
    if not holed.size:
        return SlicePolygons(points_yx=points, starts=crossings.starts, slice_z=crossings.slice_z)
    first = np.searchsorted(crossings.slice_z, holed, side="left")
    last = np.searchsorted(crossings.slice_z, holed, side="right")
    pieces: list[Floats] = []
    sizes: list[Integers] = []
    slices: list[Integers] = []
    done = 0

    def keep_as_they_are(until: int) -> None:
        pieces.append(points[int(crossings.starts[done]) : int(crossings.starts[until])])
        sizes.append(np.diff(crossings.starts[done : until + 1]))
        slices.append(crossings.slice_z[done:until])

    for slice_z, low, high in zip(holed.tolist(), first.tolist(), last.tolist(), strict=True):
        keep_as_they_are(low)
        loops = [points[int(crossings.starts[n]) : int(crossings.starts[n + 1])] for n in range(low, high)]
        cut = cut_keyholes(loops, areas[low:high])
        pieces.extend(cut)
        sizes.append(np.array([loop.shape[0] for loop in cut], dtype=np.int64))
        slices.append(np.full(len(cut), slice_z, dtype=np.int64))
        done = high
    keep_as_they_are(areas.size)
    return SlicePolygons(
        points_yx=np.concatenate(pieces),
        starts=np.concatenate(([0], np.cumsum(np.concatenate(sizes)))).astype(np.int64),
        slice_z=np.concatenate(slices),
    )
