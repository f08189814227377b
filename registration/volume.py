"""Values on a grid."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from registration.errors import GridError
from registration.grid import Grid


@dataclass(frozen=True, slots=True, kw_only=True)
class Volume:
    """One value per voxel of a grid; a CT holds Hounsfield units as int16 or float32.

    The array is made read-only: whoever wants to change it takes a copy.

    Raises:
        GridError: the array does not have the grid's shape.
    """

    grid: Grid
    values_zyx: NDArray[Any]

    def __post_init__(self) -> None:
        if self.values_zyx.shape != self.grid.shape_zyx:
            raise GridError(f"array of shape {self.values_zyx.shape} on a grid of shape {self.grid.shape_zyx}")
        self.values_zyx.flags.writeable = False

    @property
    def nbytes(self) -> int:
        """Bytes held by the values."""
        return int(np.asarray(self.values_zyx).nbytes)
