"""What structures are: their names, their voxels, their outlines, and how well two of them agree."""
