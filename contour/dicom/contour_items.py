"""The contours of a structure set, encoded straight to bytes.

A structure set holds hundreds of thousands of coordinates in thousands of small items. They are written here as
Implicit VR Little Endian (PS3.5 A.1), whose 32-bit lengths hold a contour of any size, without a dataset per item.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from contour.anatomy.marching import Floats
from contour.anatomy.polygons import SlicePolygons
from contour.dicom.ct_series import CtSeries, SliceReference
from contour.dicom.decimal_text import decimal_strings

_SQUARE = 1e-12
ROI_CONTOUR_SEQUENCE = 0x30060039
_ITEM = 0xFFFEE000
_CONTOUR_IMAGE_SEQUENCE = 0x30060016
_ROI_DISPLAY_COLOR = 0x3006002A
_CONTOUR_SEQUENCE = 0x30060040
_CONTOUR_GEOMETRIC_TYPE = 0x30060042
_NUMBER_OF_CONTOUR_POINTS = 0x30060046
_CONTOUR_DATA = 0x30060050
_REFERENCED_ROI_NUMBER = 0x30060084
_REFERENCED_SOP_CLASS_UID = 0x00081150
_REFERENCED_SOP_INSTANCE_UID = 0x00081155


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenContour:
    """A closed contour on a slice, as it is written: `text` is its Contour Data without padding."""

    slice_z: int
    points: int
    text: bytes


def element(tag: int, value: bytes, *, padding: bytes = b" ") -> bytes:
    """One data element in Implicit VR Little Endian, padded to an even length."""
    if len(value) % 2:
        value += padding
    return struct.pack("<HHI", tag >> 16, tag & 0xFFFF, len(value)) + value


def roi_contour_sequence(items: Sequence[bytes]) -> bytes:
    """ROI Contour Sequence from the items that `roi_contour_item` gives."""
    return element(ROI_CONTOUR_SEQUENCE, b"".join(items))


def written_contours(polygons: SlicePolygons, series: CtSeries) -> list[WrittenContour]:
    """Polygons in the indices of the series' grid as texts, in the planes of the slices' own images."""
    text, starts = decimal_strings(patient_points_xyz_mm(polygons, series))
    at = starts[polygons.starts * 3].tolist()
    points = np.diff(polygons.starts).tolist()
    return [
        WrittenContour(slice_z=slice_z, points=points[place], text=text[at[place] : at[place + 1] - 1])
        for place, slice_z in enumerate(polygons.slice_z.tolist())
    ]


def roi_contour_item(
    number: int, colour_rgb: tuple[int, int, int], written: Sequence[WrittenContour], series: CtSeries
) -> bytes:
    """All contours of one structure.

    Args:
        number: ROI Number.
        colour_rgb: ROI Display Color.
        written: Its contours, in order of slices.
        series: Gives each slice's instance.
    """
    kind = element(_CONTOUR_GEOMETRIC_TYPE, b"CLOSED_PLANAR")
    images: dict[int, bytes] = {}
    contours: list[bytes] = []
    for one in written:
        if one.slice_z not in images:
            images[one.slice_z] = _image_reference(series.slices[one.slice_z])
        body = b"".join(
            (
                images[one.slice_z],
                kind,
                element(_NUMBER_OF_CONTOUR_POINTS, b"%d" % one.points),
                element(_CONTOUR_DATA, one.text),
            )
        )
        contours.append(element(_ITEM, body))
    colour = "\\".join(str(part) for part in colour_rgb).encode("ascii")
    return element(
        _ITEM,
        element(_ROI_DISPLAY_COLOR, colour)
        + element(_CONTOUR_SEQUENCE, b"".join(contours))
        + element(_REFERENCED_ROI_NUMBER, b"%d" % number),
    )


def patient_points_xyz_mm(polygons: SlicePolygons, series: CtSeries) -> Floats:
    """(n, 3) polygon points in patient coordinates, in the plane of the slice's own image.

    Where that plane is square to a patient axis, the two coordinates in it are rounded to 0.01 mm, which saves a
    tenth of the bytes. Tilted planes keep every digit that is written, or their contours would not be planar.
    """
    grid = series.grid
    _, row_step, column_step = np.asarray(grid.axes_xyz) * np.asarray(grid.spacing_zyx_mm)[:, None]
    slice_of_point = np.repeat(polygons.slice_z, np.diff(polygons.starts))
    points: Floats = series.slice_origins_xyz_mm[slice_of_point]
    points += polygons.points_yx[:, :1] * row_step
    points += polygons.points_yx[:, 1:] * column_step
    along = np.abs(np.asarray(grid.axes_xyz[0])) > 1 - _SQUARE
    if along.any():
        points[:, ~along] = np.round(points[:, ~along], 2)
    return points


def _image_reference(reference: SliceReference) -> bytes:
    body = element(_REFERENCED_SOP_CLASS_UID, reference.sop_class_uid.encode("ascii"), padding=b"\0")
    body += element(_REFERENCED_SOP_INSTANCE_UID, reference.sop_instance_uid.encode("ascii"), padding=b"\0")
    return element(_CONTOUR_IMAGE_SEQUENCE, element(_ITEM, body))
