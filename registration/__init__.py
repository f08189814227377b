"""Space: grids, transforms and alignment. Knows nothing of DICOM, anatomy or the network."""

from registration.errors import FrameMismatchError, GridError, SpaceError
from registration.grid import Grid
from registration.volume import Volume

__all__ = ["FrameMismatchError", "Grid", "GridError", "SpaceError", "Volume"]
