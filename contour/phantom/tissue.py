"""A shape and how bright it is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from contour.phantom.shapes import Layer, Shape


@dataclass(frozen=True, slots=True)
class Tissue:
    """One thing to draw: later ones cover earlier ones, with partial volume at the edge.

    `mottle_hu` is the depth of a coarse natural unevenness.
    """

    shape: Shape
    hu: float
    mottle_hu: float = 0.0


def bone(solid: Shape, *, cortex_mm: float, cortex_hu: float, marrow_hu: float) -> Iterator[Tissue]:
    """Compact bone around spongy bone."""
    yield Tissue(solid, cortex_hu)
    yield Tissue(Layer(solid, cortex_mm, 1e3), marrow_hu, mottle_hu=60.0)
