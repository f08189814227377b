"""A structure set that this software wrote, opened so that it can be changed and written again without moving a point.

Its voxels are those whose centres the contours hold, which is what was verified when it was written; its contours'
texts are kept as they stand in the file.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace
from io import BytesIO

import numpy as np
import pydicom
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.tag import BaseTag

from contour.anatomy.marching import Integers
from contour.anatomy.names import describe_structure
from contour.anatomy.polygons import SlicePolygons
from contour.anatomy.rasterise import polygons_to_structure
from contour.anatomy.structures import Generation, RoiIdentity, Structure
from contour.dicom.contour_items import WrittenContour
from contour.dicom.contour_placement import place_contours
from contour.dicom.ct_series import CtSeries
from contour.dicom.plan_structures import roi_names
from contour.dicom.rtstruct_reader import Roi, read_rtstruct
from contour.errors import InputError

_CONTOUR_DATA = BaseTag(0x30060050)
_MOST_DESCRIPTION = 1024
_KINDS: dict[str, Generation] = {"AUTOMATIC": "AUTOMATIC", "SEMIAUTOMATIC": "SEMIAUTOMATIC"}


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineStructure:
    """One structure as the machine drew it.

    Args:
        structure: Its voxels; name, number, colour, type, generation and description as written.
        polygons: Its contours in the indices of the series' grid.
        contours: The same as they are written, in order of slices.
    """

    structure: Structure
    polygons: SlicePolygons
    contours: tuple[WrittenContour, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineSet:
    """A structure set of our own; `model` is the generation description that its ROIs share."""

    sop_instance_uid: str
    model: str
    structures: tuple[MachineStructure, ...]


def read_machine_set(data: bytes, series: CtSeries) -> MachineSet:
    """A structure set that `build_rtstruct` wrote on this series.

    Raises:
        InputError: what `read_rtstruct` raises; NOT_OUR_STRUCTURE_SET for contours that lie off the series' slices or
            that are no polygons.
    """
    found = read_rtstruct(data)
    names = roi_names(found)
    texts, said = _texts(data)
    structures = tuple(_machine_structure(roi, names[roi.number], texts, said, series) for roi in found.rois)
    models = {said[roi.number][1] for roi in found.rois if roi.number in said}
    return MachineSet(
        sop_instance_uid=found.sop_instance_uid,
        model=models.pop() if len(models) == 1 else "",
        structures=structures,
    )


def _machine_structure(
    roi: Roi, name: str, texts: dict[int, list[bytes]], said: dict[int, tuple[str, str]], series: CtSeries
) -> MachineStructure:
    closed = [contour for contour in roi.contours if contour.is_closed and not contour.problem]
    placed = place_contours(closed, series)
    if len(closed) < len(roi.contours) or not placed.within.all() or len(texts.get(roi.number, ())) != len(closed):
        raise InputError(
            f"ROI {roi.number} has a contour that is no polygon on a slice of its series",
            reason="NOT_OUR_STRUCTURE_SET",
        )
    polygons = placed.polygons
    contours = [
        WrittenContour(slice_z=slice_z, points=contour.points_xyz_mm.shape[0], text=text)
        for slice_z, contour, text in zip(polygons.slice_z.tolist(), closed, texts.get(roi.number, ()), strict=True)
    ]
    kind = describe_structure(name)
    drawn = polygons_to_structure(polygons, series.grid, name=name, generation=_KINDS.get(roi.generation, "MANUAL"))
    return MachineStructure(
        structure=replace(
            drawn,
            description=_plain(said.get(roi.number, ("", ""))[0]),
            roi=RoiIdentity(
                number=roi.number,
                name=roi.name,
                interpreted_type=roi.interpreted_type,
                colour_rgb=roi.colour_rgb or kind.colour_rgb,
            ),
        ),
        polygons=polygons,
        contours=tuple(sorted(contours, key=lambda one: one.slice_z)),
    )


def slices_that_differ(one: Structure, other: Structure) -> frozenset[int]:
    """The slices of the grid on which two structures hold different voxels."""
    slices = range(
        min(one.lower_zyx[0], other.lower_zyx[0]),
        max(one.lower_zyx[0] + one.mask_zyx.shape[0], other.lower_zyx[0] + other.mask_zyx.shape[0]),
    )
    return frozenset(z for z in slices if not np.array_equal(_plane(one, z), _plane(other, z)))


def _plane(structure: Structure, slice_z: int) -> Integers:
    """(n, 2) rows and columns of the voxels on a slice."""
    z, y, x = structure.lower_zyx
    if not 0 <= slice_z - z < structure.mask_zyx.shape[0]:
        return np.zeros((0, 2), dtype=np.int64)
    found: Integers = np.argwhere(structure.mask_zyx[slice_z - z]) + np.array([y, x])
    return found


def _texts(data: bytes) -> tuple[dict[int, list[bytes]], dict[int, tuple[str, str]]]:
    """By ROI Number: each contour's text as it stands in the file; description and generation description."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pydicom's warnings quote values
        dataset = pydicom.dcmread(BytesIO(data))
        texts = {
            int(item.ReferencedROINumber): [_text(contour) for contour in _items(item, "ContourSequence")]
            for item in _items(dataset, "ROIContourSequence")
        }
        said = {
            int(item.ROINumber): (
                str(item.get("ROIDescription", "")),
                str(item.get("ROIGenerationDescription", "")),
            )
            for item in _items(dataset, "StructureSetROISequence")
        }
    return texts, said


def _text(contour: Dataset) -> bytes:
    element = contour.get_item(_CONTOUR_DATA) if _CONTOUR_DATA in contour else None
    value = element.value if isinstance(element, RawDataElement) else None
    return bytes(value or b"").rstrip(b" \0")


def _items(dataset: Dataset, keyword: str) -> Iterator[Dataset]:
    yield from dataset.get(keyword) or ()


def _plain(text: str) -> str:
    return "".join(c for c in text if c.isascii() and c.isprintable())[:_MOST_DESCRIPTION]
