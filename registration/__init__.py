"""Space: grids, transforms and alignment. Knows nothing of DICOM, anatomy or the network."""

from registration.errors import FrameMismatchError, GridError, SpaceError
from registration.grid import Grid
from registration.transform import Alignment, DisplacementField, RigidTransform
from registration.volume import Volume

__all__ = [
    "Alignment",
    "DisplacementField",
    "FrameMismatchError",
    "Grid",
    "GridError",
    "RigidTransform",
    "SpaceError",
    "Volume",
]
