"""Models that give every voxel one label: nnU-Net v2 and MONAI bundles, run as they were trained, and faster."""
