"""DICOM in and out: CT series to volumes, structures to structure sets."""
