"""The compact form in which training holds a patient: HU at the network's spacing, contours as they were drawn.

Contours stay on the CT's own grid, one bit per structure. Bringing them to the network's grid first would round the
spinal cord, a few voxels wide, before the network ever sees it.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from contour.errors import InputError
from contour.segmentation.spec import ModelSpec
from contour.training.cases import Case
from registration.grid import Grid, Triple
from registration.orientation import anatomical_order
from registration.resample import resample
from registration.volume import Volume

_BODY_HU = -900
_MOST_STRUCTURES = 15
_FORM = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedCase:
    """A case cropped to the body: `hu_zyx` at the network's spacing, `labels_zyx` at the CT's own.

    Voxel i of `hu_zyx` lies at index `label_step_zyx * i + label_start_zyx` of `labels_zyx`, which holds one bit per
    structure, in the spec's order, so that structures may overlap; `contoured` says for which of them the bit means
    anything.
    """

    name: str
    hu_zyx: NDArray[np.int16]
    labels_zyx: NDArray[np.int16]
    label_step_zyx: Triple
    label_start_zyx: Triple
    contoured: NDArray[np.bool_]


def prepare_case(case: Case, spec: ModelSpec, cache: Path) -> PreparedCase:
    """The case as training holds it; kept in `cache` under a name that the case and the spec's input decide.

    Raises:
        InputError: more structures than one model can learn; reason TOO_MANY_STRUCTURES.
    """
    if len(spec.structures) > _MOST_STRUCTURES:
        raise InputError(
            f"{len(spec.structures)} structures in one model, at most {_MOST_STRUCTURES} can be trained together",
            reason="TOO_MANY_STRUCTURES",
        )
    learnt = [(structure.name, structure.trained_from) for structure in spec.structures]
    recipe = repr((_FORM, spec.input.spacing_zyx_mm, spec.input.margin_mm, learnt, case.fingerprint()))
    cached = cache / f"{case.name}-{hashlib.sha256(recipe.encode()).hexdigest()[:12]}.npz"
    if not cached.is_file():
        cache.mkdir(parents=True, exist_ok=True)
        _write(cached, _prepare(case, spec))
    with np.load(cached, allow_pickle=False) as arrays:
        (a, b, c), (d, e, f) = arrays["step"].tolist(), arrays["start"].tolist()
        return PreparedCase(
            name=case.name,
            hu_zyx=arrays["hu"],
            labels_zyx=arrays["labels"],
            label_step_zyx=(a, b, c),
            label_start_zyx=(d, e, f),
            contoured=arrays["contoured"],
        )


def _write(path: Path, prepared: PreparedCase) -> None:
    unfinished = path.with_suffix(".part.npz")
    np.savez_compressed(
        unfinished,
        hu=prepared.hu_zyx,
        labels=prepared.labels_zyx,
        step=np.asarray(prepared.label_step_zyx),
        start=np.asarray(prepared.label_start_zyx),
        contoured=prepared.contoured,
        allow_pickle=False,
    )
    unfinished.replace(path)


def _prepare(case: Case, spec: ModelSpec) -> PreparedCase:
    ct = case.read_ct()
    order = anatomical_order(ct.grid)
    ct = order.apply_to_volume(ct)
    body = _body_grid(ct, spec)
    onto = body.resampled(spec.input.spacing_zyx_mm)
    hu = resample(ct, onto, outside=spec.input.outside_hu)
    lower = np.rint(ct.grid.to_index_zyx(body.to_point_xyz_mm(np.zeros(3)))).astype(int)
    box = tuple(slice(low, low + size) for low, size in zip(lower, body.shape_zyx, strict=True))
    labels = np.zeros(body.shape_zyx, dtype=np.int16)
    contoured = np.zeros(len(spec.structures), dtype=np.bool_)
    for channel, structure in enumerate(spec.structures):
        mask = case.read_mask(structure)
        if mask is not None:
            labels |= order.apply_to_volume(mask).values_zyx[box].astype(np.int16) << channel
            contoured[channel] = True
    start = body.to_index_zyx(onto.to_point_xyz_mm(np.zeros(3)))
    step = body.to_index_zyx(onto.to_point_xyz_mm(np.ones(3))) - start
    return PreparedCase(
        name=case.name,
        hu_zyx=np.clip(np.rint(hu.values_zyx), -1024, 3071).astype(np.int16),
        labels_zyx=labels,
        label_step_zyx=(float(step[0]), float(step[1]), float(step[2])),
        label_start_zyx=(float(start[0]), float(start[1]), float(start[2])),
        contoured=contoured,
    )


def _body_grid(ct: Volume, spec: ModelSpec) -> Grid:
    """The CT's grid, cropped to what is denser than air and the model's margin about it."""
    body = ct.values_zyx > _BODY_HU
    lower, upper = [], []
    for axis, step in enumerate(ct.grid.spacing_zyx_mm):
        inside = np.flatnonzero(body.any(axis=tuple(other for other in range(3) if other != axis)))
        margin = round(spec.input.margin_mm / step)
        size = ct.grid.shape_zyx[axis]
        lower.append(max(0, int(inside[0]) - margin) if inside.size else 0)
        upper.append(min(size, int(inside[-1]) + 1 + margin) if inside.size else size)
    (z0, y0, x0), (z1, y1, x1) = lower, upper
    return ct.grid.cropped((z0, y0, x0), (z1 - z0, y1 - y0, x1 - x0))
