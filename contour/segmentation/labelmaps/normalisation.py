"""How HU become the numbers that a network was trained on: one step, or several in a row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from contour.segmentation.spec_table import SpecTable

Normalisation = Literal[
    "clip and standardise",
    "standardise",
    "standardise inside",
    "standardise nonzero",
    "linear",
    "none",
    "rescale",
    "range",
]

_VALUES: Mapping[str, Mapping[str, float | None]] = {
    "clip and standardise": {"lower": None, "upper": None, "mean": None, "sd": None},
    "standardise": {},
    "standardise inside": {},
    "standardise nonzero": {},
    "linear": {"mean": None, "sd": None},
    "none": {},
    "rescale": {"low": 0.0, "high": 1.0},
    "range": {"lower": None, "upper": None, "low": None, "high": None},
}
"""The values of each kind, with what they are where a spec does not give them."""

_MEASURED = ("standardise", "standardise inside", "standardise nonzero", "rescale")
_SMALLEST_DEVIATION = 1e-8


@dataclass(frozen=True, slots=True, kw_only=True)
class NormalisationSpec:
    """One step from HU to the network's numbers.

    Args:
        kind: `clip and standardise` (nnU-Net's CTNormalization: clip to lower … upper, subtract mean, divide by sd),
            `standardise` by the scan's own mean and deviation (`… inside`: of what is not 0, holes filled; `… nonzero`:
            of every voxel that is not 0, which alone are changed), `linear` (subtract mean, divide by sd), `none`,
            `rescale` (the scan's own range to low … high), `range` (lower … upper to low … high, clipped).
        values: By name; which, hangs on the kind.
    """

    kind: Normalisation
    values: tuple[tuple[str, float], ...]

    def value(self, name: str) -> float:
        """One of the values."""
        return dict(self.values)[name]

    @property
    def is_measured(self) -> bool:
        """It hangs on the scan as a whole."""
        return self.kind in _MEASURED


def read_normalisation(reader: SpecTable) -> NormalisationSpec:
    """The table of one step; refuses what is left in it."""
    kind = reader.take("kind", str)
    if kind not in _VALUES:
        raise reader.bad(f"{reader.where}.kind must be one of {', '.join(_VALUES)}, found {kind!r}")
    values = tuple((name, reader.number(name, default)) for name, default in _VALUES[kind].items())
    reader.finish()
    spec = NormalisationSpec(kind=cast(Normalisation, kind), values=values)
    if "lower" in dict(values) and not spec.value("lower") < spec.value("upper"):
        raise reader.bad(f"normalisation needs lower < upper, found {dict(values)}")
    if kind == "linear" and spec.value("sd") == 0:
        raise reader.bad("normalisation needs an sd other than 0")
    return spec


class Normaliser:
    """Turns HU into a network's numbers, by what was measured on the scan once."""

    def __init__(self, steps: Sequence[NormalisationSpec], hu: NDArray[Any]) -> None:
        seen = hu
        self._steps: list[_Step] = []
        for number, spec in enumerate(steps):
            self._steps.append(_Step(spec, seen))
            if any(later.is_measured for later in steps[number + 1 :]):
                seen = self._steps[-1](np.array(seen, dtype=np.float32))

    def __call__(self, hu: NDArray[Any]) -> NDArray[np.float32]:
        """The network's numbers, in memory of their own."""
        values = np.array(hu, dtype=np.float32, order="C")
        for step in self._steps:
            values = step(values)
        return values


class _Step:
    """May change what it is given."""

    def __init__(self, spec: NormalisationSpec, hu: NDArray[Any]) -> None:
        self._spec = spec
        self._mean, self._scale = 0.0, 1.0
        if spec.kind in {"standardise", "standardise inside", "standardise nonzero"}:
            seen = _chosen(hu.astype(np.float32), spec.kind)
            if seen.size:
                self._mean, self._scale = float(seen.mean()), max(float(seen.std()), _SMALLEST_DEVIATION)
        elif spec.kind == "rescale":
            self._mean = float(hu.min())
            self._scale = max(float(hu.max()) - self._mean, _SMALLEST_DEVIATION)
        elif spec.kind == "clip and standardise":
            self._mean, self._scale = spec.value("mean"), max(spec.value("sd"), _SMALLEST_DEVIATION)
        elif spec.kind == "linear":
            self._mean, self._scale = spec.value("mean"), spec.value("sd")

    def __call__(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
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
        outside = _left_alone(values, spec.kind)
        kept = None if outside is None else values[outside]
        values -= np.float32(self._mean)
        values /= np.float32(self._scale)
        if outside is not None:
            values[outside] = kept
        return self._stretched(values) if spec.kind == "rescale" else values

    def _stretched(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        low, high = self._spec.value("low"), self._spec.value("high")
        if (low, high) != (0.0, 1.0):
            values *= np.float32(high - low)
            values += np.float32(low)
        return values


def _chosen(values: NDArray[np.float32], kind: Normalisation) -> NDArray[np.float32]:
    """The voxels that mean and deviation are taken of."""
    outside = _left_alone(values, kind)
    return values if outside is None else values[~outside]


def _left_alone(values: NDArray[np.float32], kind: Normalisation) -> NDArray[np.bool_] | None:
    """The voxels that a step does not change; None where it changes all."""
    if kind == "standardise inside":
        return np.asarray(~ndimage.binary_fill_holes(values != 0))
    return values == 0 if kind == "standardise nonzero" else None
