"""Contoured patients on disk, and the compact form in which training holds them.

A case is a folder with `CT.nii.gz` and one 0/1 NIfTI per structure, named by TG-263 or by an alias of it. A file that
is missing means "not contoured", never "not in the patient".
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from contour.anatomy.names import tg263_name
from contour.errors import InputError
from contour.segmentation.spec import ModelSpec
from registration.grid import Grid
from registration.itk_bridge import read_nifti
from registration.orientation import anatomical_order
from registration.resample import resample
from registration.volume import Volume

CT_FILE = "CT.nii.gz"
_MASK_SUFFIX = ".nii.gz"
_BODY_HU = -900
_MOST_STRUCTURES = 15


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One contoured patient: where its CT is and which file holds which structure."""

    name: str
    ct_path: Path
    mask_paths: tuple[tuple[str, Path], ...]

    def read_ct(self) -> Volume:
        """The CT in HU on its own grid."""
        return read_nifti(self.ct_path)

    def read_masks(self, names: Sequence[str]) -> Iterator[tuple[str, Volume]]:
        """Each of the named structures that was contoured, as a boolean volume on the CT's grid."""
        for name, path in self.mask_paths:
            if name in names:
                mask = read_nifti(path)
                yield name, Volume(grid=mask.grid, values_zyx=mask.values_zyx > 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedCase:
    """A case at the network's spacing, cropped to the body.

    `labels_zyx` holds one bit per structure, in the spec's order, so that structures may overlap; `contoured` says for
    which of them the bit means anything.
    """

    name: str
    hu_zyx: NDArray[np.int16]
    labels_zyx: NDArray[np.int16]
    contoured: NDArray[np.bool_]


def find_cases(folder: Path) -> tuple[Case, ...]:
    """The cases in a folder, in order of name.

    Raises:
        InputError: the folder is missing or holds no case; reason NO_TRAINING_CASES.
    """
    paths = sorted(path for path in folder.glob(f"*/{CT_FILE}")) if folder.is_dir() else []
    if not paths:
        raise InputError(f"no sub-folder of {folder} holds a {CT_FILE}", reason="NO_TRAINING_CASES")
    return tuple(
        Case(name=path.parent.name, ct_path=path, mask_paths=tuple(_mask_paths(path.parent))) for path in paths
    )


def prepare_case(case: Case, spec: ModelSpec, cache: Path) -> PreparedCase:
    """The case at the network's spacing; kept in `cache` under a name that the spec's spacing and structures decide."""
    names = spec.structure_names
    if len(names) > _MOST_STRUCTURES:
        raise InputError(f"{len(names)} structures in one model, at most {_MOST_STRUCTURES} can be trained together")
    recipe = repr((spec.input.spacing_zyx_mm, spec.input.margin_mm, names, case.ct_path.stat().st_size))
    cached = cache / f"{case.name}-{hashlib.sha256(recipe.encode()).hexdigest()[:12]}.npz"
    if cached.is_file():
        with np.load(cached, allow_pickle=False) as arrays:
            return PreparedCase(
                name=case.name, hu_zyx=arrays["hu"], labels_zyx=arrays["labels"], contoured=arrays["contoured"]
            )
    prepared = _prepare(case, spec)
    cache.mkdir(parents=True, exist_ok=True)
    unfinished = cached.with_suffix(".part.npz")
    np.savez_compressed(
        unfinished, hu=prepared.hu_zyx, labels=prepared.labels_zyx, contoured=prepared.contoured, allow_pickle=False
    )
    unfinished.replace(cached)
    return prepared


def _prepare(case: Case, spec: ModelSpec) -> PreparedCase:
    ct = case.read_ct()
    order = anatomical_order(ct.grid)
    ct = order.apply_to_volume(ct)
    onto = _body_grid(ct, spec)
    hu = resample(ct, onto, outside=spec.input.outside_hu)
    labels = np.zeros(onto.shape_zyx, dtype=np.int16)
    contoured = np.zeros(len(spec.structures), dtype=np.bool_)
    for name, mask in case.read_masks(spec.structure_names):
        if not mask.values_zyx.any():
            continue
        channel = spec.structure_names.index(name)
        inside = resample(order.apply_to_volume(mask), onto, outside=0.0).values_zyx >= 0.5
        labels |= inside.astype(np.int16) << channel
        contoured[channel] = True
    return PreparedCase(
        name=case.name,
        hu_zyx=np.clip(np.rint(hu.values_zyx), -1024, 3071).astype(np.int16),
        labels_zyx=labels,
        contoured=contoured,
    )


def _body_grid(ct: Volume, spec: ModelSpec) -> Grid:
    body = ct.values_zyx > _BODY_HU
    lower, upper = [], []
    for axis, step in enumerate(ct.grid.spacing_zyx_mm):
        inside = np.flatnonzero(body.any(axis=tuple(other for other in range(3) if other != axis)))
        margin = round(spec.input.margin_mm / step)
        size = ct.grid.shape_zyx[axis]
        lower.append(max(0, int(inside[0]) - margin) if inside.size else 0)
        upper.append(min(size, int(inside[-1]) + 1 + margin) if inside.size else size)
    (z0, y0, x0), (z1, y1, x1) = lower, upper
    return ct.grid.cropped((z0, y0, x0), (z1 - z0, y1 - y0, x1 - x0)).resampled(spec.input.spacing_zyx_mm)


def _mask_paths(folder: Path) -> Iterator[tuple[str, Path]]:
    for path in sorted(folder.glob(f"*{_MASK_SUFFIX}")):
        name = tg263_name(path.name.removesuffix(_MASK_SUFFIX))
        if name is not None and path.name != CT_FILE:
            yield name, path
