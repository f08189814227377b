"""A picture of a structure set over its CT, for the eye's first check."""

from contour.preview.drawing import draw_preview

__all__ = ["draw_preview"]
