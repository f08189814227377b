"""Generated from proto/contour/v1 by ops/protos.py; do not edit."""
