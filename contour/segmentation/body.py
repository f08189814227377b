"""Where the patient ends: the external contour, without couch, head rest and immobilisation mask.

On a coarse sub-sample, thin shells (couch top, mask) are cut off by an opening and the patient is the largest part; on
the CT's own voxels only a narrow band about that answer is decided again, by Hounsfield unit. Cavities are inside.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from contour.anatomy.structures import Structure
from contour.errors import InputError
from registration.grid import Shape
from registration.orientation import anatomical_order
from registration.volume import Volume

TISSUE_HU = -500.0
"""Half-way between air and water, where the partial volume of a skin voxel is a half."""

_COARSE_MM = 2.0
_BAND_MM = 6.0
_SEAL_MM = 15.0
"""Half of the widest opening, of a nostril or a mouth, behind which a cavity is still the patient's."""
_SECOND_PART = 0.02
_CARRIED_ON_MM = 12.0
"""How far a section that carries the patient on, slice after slice, has to reach, and the widest gap it may leap."""
_AIR_HU = -900
_THREADS = 2
_BLANKED_SHARE = 0.8
_SMALLEST_BODY_ML = 20.0
_IN_PLANE = np.array([[[0, 0, 0]] * 3, [[0, 1, 0], [1, 1, 1], [0, 1, 0]], [[0, 0, 0]] * 3], dtype=bool)

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class BodySettings:
    """What may be tissue, and what is too thin to be the patient.

    Shells up to `shell_mm` thick go first, before cavities are filled, so that a hollow couch does not become solid;
    then bridges up to twice `opening_mm` are cut.
    """

    tissue_hu: float = TISSUE_HU
    shell_mm: float = 4.0
    opening_mm: float = 6.0


def find_body(ct: Volume, settings: BodySettings | None = None) -> Structure:
    """The patient's outline as structure `External`, cavities filled slice by slice.

    Args:
        ct: HU on any grid, in any patient position.
        settings: Threshold and opening.

    Raises:
        InputError: nothing in the scan is dense and large enough to be a patient; reason NO_BODY.
    """
    rules = settings or BodySettings()
    order = anatomical_order(ct.grid)
    turned = order.apply_to_volume(ct)
    spacing = turned.grid.spacing_zyx_mm
    strides = tuple(max(1, round(_COARSE_MM / step)) for step in spacing)
    coarse_mm = tuple(step * stride for step, stride in zip(spacing, strides, strict=True))
    tissue = turned.values_zyx[:: strides[0], :: strides[1], :: strides[2]] > rules.tissue_hu
    coarse = _patient(tissue, (coarse_mm[0], coarse_mm[1], coarse_mm[2]), rules)
    if not coarse.any():
        raise InputError(
            f"no part denser than {rules.tissue_hu:.0f} HU of at least {_SMALLEST_BODY_ML:.0f} ml in this CT; "
            "expected a patient",
            reason="NO_BODY",
        )
    mask, lower = _refined(turned, coarse, strides, rules)
    shape: Shape = (mask.shape[0], mask.shape[1], mask.shape[2])
    return _cropped(order.undo(mask), order.undo_lower(lower, shape, turned.grid.shape_zyx), ct)


def blanked_hu(ct: Volume) -> float | None:
    """The one value that somebody wrote over everything outside the patient; None for a scan as a scanner made it.

    Air has noise: on real scans at most a third of what is as thin as air has one single value, for the corners
    beyond the field of view; on the 240 blanked ones of OpenKBP at least 0.87.
    """
    some = ct.values_zyx[::2, ::4, ::4]
    thin = some[some <= _AIR_HU]
    if not thin.size:
        return None
    lowest = thin.min()
    return float(lowest) if np.count_nonzero(thin == lowest) >= _BLANKED_SHARE * thin.size else None


def _patient(tissue: Mask, coarse_mm: tuple[float, float, float], rules: BodySettings) -> Mask:
    """The patient on the coarse sub-sample: opened in plane, largest part and its like, cavities filled."""
    shell, reach = _voxels(rules.shell_mm / 2, coarse_mm), _voxels(rules.opening_mm, coarse_mm)
    opened = _grown(_shrunk(tissue, shell), shell)
    patient = np.zeros_like(tissue)
    box = _box_with_room(opened, _voxels(_SEAL_MM, coarse_mm))
    solid = _filled(opened[box])
    parts, count = ndimage.label(_shrunk(solid, reach))
    if count == 0:
        return patient
    voxels = np.bincount(parts.ravel())
    voxels[0] = 0
    largest = int(voxels.max())
    if largest * float(np.prod(coarse_mm)) / 1000.0 < _SMALLEST_BODY_ML:
        return patient
    kept: Mask = np.asarray(voxels >= max(1.0, largest * _SECOND_PART))
    beside = parts[_grown(kept[parts], _voxels(rules.opening_mm + _BAND_MM, coarse_mm))]
    kept[np.unique(beside)] = True  # a nose, parted from the head by its own cavity
    kept[0] = False
    found = _carried_on(_grown(kept[parts], reach) & solid, solid, max(1, round(_CARRIED_ON_MM / coarse_mm[0])))
    patient[box] = _with_open_cavities(found, coarse_mm)
    return patient


def _carried_on(patient: Mask, solid: Mask, reach: int) -> Mask:
    """The patient with the narrow sections that carry him on in slices where he is nowhere broad.

    Of a scan that was cut to the region of interest the spinal cord may go on alone, too narrow for the opening. Added
    is what lies mostly where the patient was at most `reach` slices before, if it goes on for that many: a head rest
    does not lie there, and the top of an immobilisation mask ends sooner.
    """
    broad = np.asarray(patient.any(axis=(1, 2)))
    if broad.all():
        return patient
    added = np.zeros_like(patient)
    for direction in (1, -1):
        since = np.full(patient.shape[1:], reach + 1, dtype=np.int16)
        for k in range(patient.shape[0])[::direction]:
            reached = solid[k] & (since <= reach)
            if not broad[k] and reached.any():
                parts, _ = ndimage.label(solid[k])
                size = np.bincount(parts.ravel())
                mostly = 2 * np.bincount(parts[reached], minlength=size.size) >= size
                mostly[0] = False
                added[k] |= mostly[parts]
            since = np.where(patient[k] | added[k], 0, since + 1).astype(np.int16)
    parts, count = ndimage.label(added)
    long = np.zeros(count + 1, dtype=np.bool_)
    for part, box in enumerate(ndimage.find_objects(parts), start=1):
        long[part] = box[0].stop - box[0].start >= reach
    carried: Mask = patient | long[parts]
    return carried


def _box_with_room(mask: Mask, room: tuple[int, int]) -> tuple[slice, slice, slice]:
    """All slices, and of each the rows and columns that hold something, with room about them."""
    (y0, y1), (x0, x1) = (_span(np.asarray(mask.any(axis=axes))) for axes in ((0, 2), (0, 1)))
    return (
        slice(None),
        slice(max(0, y0 - room[0]), y1 + room[0]),
        slice(max(0, x0 - room[1]), x1 + room[1]),
    )


def _with_open_cavities(patient: Mask, coarse_mm: tuple[float, float, float]) -> Mask:
    """The patient with nose and mouth, whose openings left them outside.

    Added is what a closing seals off, where the patient lies on at least three of its four sides in the slice; so the
    gap between arm and trunk is not.
    """
    reach = _voxels(_SEAL_MM, coarse_mm)
    sealed = _filled(_shrunk(_grown(patient, reach), reach))
    return _filled(patient | (sealed & (_sides_closed(patient) >= 3)))


def _sides_closed(mask: Mask) -> NDArray[np.uint8]:
    """In how many of the four directions of its slice each voxel has the patient before it."""
    count = np.zeros(mask.shape, dtype=np.uint8)
    for axis in (1, 2):
        count += np.logical_or.accumulate(mask, axis=axis)
        count += np.flip(np.logical_or.accumulate(np.flip(mask, axis), axis=axis), axis)
    return count


def _voxels(distance_mm: float, coarse_mm: tuple[float, float, float]) -> tuple[int, int]:
    rows, columns = (max(1, round(distance_mm / step)) for step in coarse_mm[1:])
    return rows, columns


def _grown(mask: Mask, reach: tuple[int, int]) -> Mask:
    size = (1, 2 * reach[0] + 1, 2 * reach[1] + 1)
    return _in_slabs(lambda slab: ndimage.maximum_filter(slab.view(np.uint8), size=size, mode="constant"), mask)


def _shrunk(mask: Mask, reach: tuple[int, int]) -> Mask:
    """Eroded; what the field of view cuts off counts as inside."""
    size = (1, 2 * reach[0] + 1, 2 * reach[1] + 1)
    return _in_slabs(lambda slab: ndimage.minimum_filter(slab.view(np.uint8), size=size, mode="nearest"), mask)


def _in_slabs(work: Callable[[Mask], NDArray[Any]], mask: Mask) -> Mask:
    """Work that looks at one slice at a time, done on a few slabs of slices at once."""
    slabs = np.array_split(mask, min(_THREADS, mask.shape[0]))
    with ThreadPoolExecutor(_THREADS) as threads:
        return np.concatenate(list(threads.map(work, slabs))).view(np.bool_)


def _refined(ct: Volume, coarse: Mask, strides: tuple[int, ...], rules: BodySettings) -> tuple[Mask, Shape]:
    """The outline on the CT's own voxels, and where its crop starts."""
    steps = [step * stride for step, stride in zip(ct.grid.spacing_zyx_mm, strides, strict=True)]
    reach = _voxels(_BAND_MM, (steps[0], steps[1], steps[2]))
    outer, inner = _grown(coarse, reach), _shrunk(coarse, reach)
    rows, columns = (
        np.minimum(np.rint(np.arange(n) / stride).astype(np.intp), m - 1)
        for n, stride, m in zip(ct.grid.shape_zyx[1:], strides[1:], coarse.shape[1:], strict=True)
    )
    y0, y1 = _span(np.asarray(outer.any(axis=(0, 2)))[rows])
    x0, x1 = _span(np.asarray(outer.any(axis=(0, 1)))[columns])
    slices = np.minimum(np.rint(np.arange(ct.grid.shape_zyx[0]) / strides[0]).astype(np.intp), coarse.shape[0] - 1)
    mask = np.zeros((ct.grid.shape_zyx[0], y1 - y0, x1 - x0), dtype=np.bool_)

    def refine(k: int) -> None:
        coarse_k = slices[k]
        if not outer[coarse_k].any():
            return
        a0, a1 = _span(outer[coarse_k].any(axis=1)[rows])
        b0, b1 = _span(outer[coarse_k].any(axis=0)[columns])
        at = np.ix_(rows[a0:a1], columns[b0:b1])
        sure = inner[coarse_k][at]
        plane = (outer[coarse_k][at] & (ct.values_zyx[k, a0:a1, b0:b1] > rules.tissue_hu)) | sure
        mask[k, a0 - y0 : a1 - y0, b0 - x0 : b1 - x0] = _attached(plane, sure)

    with ThreadPoolExecutor(_THREADS) as threads:
        list(threads.map(refine, range(slices.size)))
    return mask, (0, y0, x0)


def _attached(plane: Mask, sure: Mask) -> Mask:
    """The parts of one slice that hang on what is surely inside (all of it where nothing is), cavities filled."""
    if sure.any():
        parts, _ = ndimage.label(plane)
        kept = np.zeros(int(parts.max()) + 1, dtype=np.bool_)
        kept[np.unique(parts[sure])] = True
        kept[0] = False
        plane = kept[parts]
    attached: Mask = _filled_slab(plane[None])[0]
    return attached


def _filled(mask: Mask) -> Mask:
    """Each slice with its cavities filled: background that does not reach the slice's border becomes inside."""
    return _in_slabs(_filled_slab, mask)


def _filled_slab(mask: Mask) -> Mask:
    padded = np.pad(~mask, ((0, 0), (1, 1), (1, 1)), constant_values=True)
    background, count = ndimage.label(padded, structure=_IN_PLANE)
    outside = np.zeros(count + 1, dtype=np.bool_)
    outside[np.unique(background[:, 0, 0])] = True
    outside[0] = False
    filled: Mask = ~outside[background][:, 1:-1, 1:-1]
    return filled


def _cropped(mask: Mask, lower: Shape, ct: Volume) -> Structure:
    spans = [_span(np.asarray(mask.any(axis=tuple(other for other in range(3) if other != axis)))) for axis in range(3)]
    (z0, z1), (y0, y1), (x0, x1) = spans
    return Structure(
        name="External",
        grid=ct.grid,
        lower_zyx=(lower[0] + z0, lower[1] + y0, lower[2] + x0),
        mask_zyx=np.ascontiguousarray(mask[z0:z1, y0:y1, x0:x1]),
    )


def _span(inside: NDArray[Any]) -> tuple[int, int]:
    found = np.flatnonzero(inside)
    return (int(found[0]), int(found[-1]) + 1) if found.size else (0, 1)
