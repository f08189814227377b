"""Errors about space.

SpaceError
├── GridError            a grid that cannot exist
├── FrameMismatchError   two things in different frames of reference
└── AlignmentError       two scans that cannot be aligned, or settings that cannot be
"""


class SpaceError(Exception):
    """Something about positions in the patient cannot be right."""


class GridError(SpaceError):
    """A grid was described that cannot exist; the message gives what was found."""


class FrameMismatchError(SpaceError):
    """Two things were combined that lie in different frames of reference."""


class AlignmentError(SpaceError):
    """Two scans cannot be aligned, or were asked to be in a way that cannot be; the message gives what was found."""
