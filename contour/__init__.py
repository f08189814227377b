"""Open radiotherapy contouring: planning CT in, RTSTRUCT out. Research software, not a medical device."""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("contour-rt")
except PackageNotFoundError:  # a source tree that was never installed
    __version__ = "0+uninstalled"

__all__ = ["__version__"]
