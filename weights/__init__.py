"""The models that ship with contour-rt: a manifest and a folder for each; data only, read by `contour.segmentation`."""
