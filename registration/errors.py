"""Errors about space.

SpaceError
├── GridError            a grid that cannot exist
└── FrameMismatchError   two things in different frames of reference
"""


class SpaceError(Exception):
    """Something about positions in the patient cannot be right."""


class GridError(SpaceError):
    """A grid was described that cannot exist; the message gives what was found."""


class FrameMismatchError(SpaceError):
    """Two things were combined that lie in different frames of reference."""
