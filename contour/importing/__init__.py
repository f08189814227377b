"""Models that others trained, brought in as data: nnU-Net v2 results, MONAI bundles, archives of either."""
