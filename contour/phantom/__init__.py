"""A synthetic head-and-neck patient: an analytic anatomy, scanned on any grid, with its true masks."""

from contour.phantom.patient import Phantom, head_and_neck_phantom
from contour.phantom.settings import PhantomSettings, scan_grid
from contour.phantom.writing import PhantomFiles, ct_identity, write_mask, write_phantom

__all__ = [
    "Phantom",
    "PhantomFiles",
    "PhantomSettings",
    "ct_identity",
    "head_and_neck_phantom",
    "scan_grid",
    "write_mask",
    "write_phantom",
]
