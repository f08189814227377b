"""How far the voxels beside a boundary are from it, to a part of a voxel.

A voxel with neighbours on the other side is as far from the boundary as the plane through the points where the
membership crosses a half on the way to them. The next two layers are as much farther as they are from the layer before.
No other voxels count: most of the work is that of the surface, not of the volume.
"""

from __future__ import annotations

import itertools

import numpy as np
from numpy.typing import NDArray

from contour.anatomy.boxes import Levels, Mask
from registration.grid import Triple

Singles = NDArray[np.float32]

SPARE = 3
"""Voxels that the answer has more than the membership on either side of each axis."""

_FURTHER_LAYERS = 2
_HALF = np.float32(127.5)
_NEIGHBOURS = [step for step in itertools.product((-1, 0, 1), repeat=3) if any(step)]


def signed_mm_near_surface(levels: Levels, spacing_zyx_mm: Triple) -> Singles:
    """Millimetres from the boundary, positive inside, with `SPARE` voxels more around; float32.

    True for the three layers of voxels on either side of it; farther away twice the longest voxel side.
    """
    padded = np.pad(levels, SPARE)
    inside = padded > _HALF
    signed = np.where(inside, np.float32(2 * max(spacing_zyx_mm)), np.float32(-2 * max(spacing_zyx_mm)))
    first = _dilated(inside) & _dilated(~inside)
    _without_rim(first)
    at = np.flatnonzero(first)
    signed.reshape(-1)[at] = _from_crossings(padded, at, spacing_zyx_mm)
    known = first
    for _ in range(_FURTHER_LAYERS):
        grown = _dilated(known)
        layer = grown & ~known
        _without_rim(layer)
        at = np.flatnonzero(layer)
        signed.reshape(-1)[at] = _from_known(signed, known, at, spacing_zyx_mm)
        known = known | layer
    return signed


def _from_crossings(padded: Levels, at: NDArray[np.int64], spacing_zyx_mm: Triple) -> Singles:
    values = padded.reshape(-1)
    own = values[at].astype(np.float32) - _HALF
    inverse_squares = np.zeros((3, at.size), dtype=np.float32)
    across_mm = np.full(at.size, np.inf, dtype=np.float32)
    for step in _NEIGHBOURS:
        other = values[at + _flat(step, padded.shape)].astype(np.float32) - _HALF
        apart = np.abs(own) + np.abs(other)
        way_mm = np.where(own * other < 0, np.abs(own) / apart * _length_mm(step, spacing_zyx_mm), np.float32(np.inf))
        if sum(map(abs, step)) == 1:
            axis = [abs(n) for n in step].index(1)
            np.maximum(inverse_squares[axis], way_mm**-2.0, out=inverse_squares[axis])
        else:
            np.minimum(across_mm, way_mm, out=across_mm)
    inverse = inverse_squares.sum(axis=0)
    plane_mm = np.full(at.size, np.inf, dtype=np.float32)
    np.divide(1.0, np.sqrt(inverse), out=plane_mm, where=inverse > 0)
    nearest: Singles = np.sign(own) * np.minimum(plane_mm, across_mm)
    return nearest


def _from_known(signed: Singles, known: Mask, at: NDArray[np.int64], spacing_zyx_mm: Triple) -> Singles:
    distance, layer = signed.reshape(-1), known.reshape(-1)
    least = np.full(at.size, np.inf, dtype=np.float32)
    for step in _NEIGHBOURS:
        beside = at + _flat(step, signed.shape)
        way_mm = np.abs(distance[beside]) + _length_mm(step, spacing_zyx_mm)
        np.minimum(least, way_mm, out=least, where=layer[beside])
    farther: Singles = np.sign(distance[at]) * least
    return farther


def _length_mm(step: tuple[int, ...], spacing_zyx_mm: Triple) -> np.float32:
    return np.float32(np.linalg.norm(np.asarray(step) * np.asarray(spacing_zyx_mm)))


def _flat(step: tuple[int, ...], shape: tuple[int, ...]) -> int:
    """A step between neighbours in the flattened array."""
    z, y, x = step
    return (z * shape[1] + y) * shape[2] + x


def _dilated(mask: Mask) -> Mask:
    """With all voxels that touch it, by a face, an edge or a corner."""
    grown = mask.copy()
    for axis in range(3):
        before = np.moveaxis(grown.copy(), axis, 0)
        along = np.moveaxis(grown, axis, 0)
        along[1:] |= before[:-1]
        along[:-1] |= before[1:]
    return grown


def _without_rim(mask: Mask) -> None:
    """Takes away the outermost voxels, which have no neighbours on one side."""
    for axis in range(3):
        np.moveaxis(mask, axis, 0)[[0, -1]] = False
