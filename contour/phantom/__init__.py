"""A synthetic head-and-neck patient: an analytic anatomy, scanned on any grid, with its true masks."""

from contour.phantom.patient import Phantom, head_and_neck_phantom
from contour.phantom.settings import PhantomSettings, scan_grid

__all__ = ["Phantom", "PhantomSettings", "head_and_neck_phantom", "scan_grid"]
