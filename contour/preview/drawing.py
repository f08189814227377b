"""From a structure set's own bytes to its picture, so that the eye judges what was written and not what was meant."""

from __future__ import annotations

from contour.anatomy.names import describe_structure
from contour.dicom.contour_placement import filling_polygons, place_contours, roi_to_structure
from contour.dicom.ct_series import CtSeries
from contour.dicom.rtstruct_reader import Roi, read_rtstruct
from contour.preview.picture import DrawnStructure, draw_views


def draw_preview(series: CtSeries, rtstruct: bytes) -> bytes:
    """A PNG of the structures over the CT in three views, with a legend and volumes; no patient data.

    ROIs without a closed contour on this CT are left out.

    Raises:
        InputError: the bytes are no RT Structure Set, or a contour in it cannot be read.
    """
    drawn = (_as_drawn(roi, series) for roi in read_rtstruct(rtstruct).rois)
    return draw_views(series.volume, [structure for structure in drawn if not structure.voxels.is_empty])


def _as_drawn(roi: Roi, series: CtSeries) -> DrawnStructure:
    closed = [contour for contour in roi.contours if contour.is_closed]
    return DrawnStructure(
        name=roi.name,
        colour_rgb=roi.colour_rgb or describe_structure(roi.name).colour_rgb,
        polygons=filling_polygons(place_contours(closed, series)),
        voxels=roi_to_structure(roi, series),
    )
