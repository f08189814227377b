"""The last look before a structure set leaves: the bytes are read back as a stranger would read them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO

import numpy as np
import pydicom

from contour.anatomy.names import describe_structure
from contour.anatomy.rasterise import rasterise_polygons
from contour.anatomy.structures import Structure
from contour.dicom.contour_placement import PlacedContours, filling_polygons, place_contours
from contour.dicom.ct_series import CtSeries
from contour.dicom.rtstruct_header import Approval
from contour.dicom.rtstruct_reader import Roi, StructureSet, read_rtstruct
from contour.dicom.rtstruct_writer import roi_numbers
from contour.errors import InputError, UntrustworthyResultError
from registration.grid import Shape

LEAST_DICE = 0.999
MOST_DRIFT_PERCENT = 0.5
MOST_DRIFT_SMALL_PERCENT = 1.0
_SMALL_ML = 5.0
_GRACE_VOXELS = 2.0
"""A structure of a few voxels may miss its volume by a part of one without breaking a percentage."""
_MOST_OFF_SLICE_MM = 0.01
_MOST_DECIMAL_BYTES = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class StructureCheck:
    """What was found of one structure in the file: volumes of its voxels and of its polygons, and their agreement."""

    name: str
    volume_ml: float
    polygon_volume_ml: float
    dice: float
    contours: int
    points: int


def verify_rtstruct(
    data: bytes, series: CtSeries, structures: Sequence[Structure], *, approval: Approval | None = None
) -> tuple[StructureCheck, ...]:
    """One check per structure, in order, all passed.

    The bytes are parsed anew, every contour is put on the CT by its coordinates alone, and the voxels whose centres
    it holds are compared with the structure's.

    Args:
        data: The file, as it would leave.
        series: The CT it was made on.
        structures: What it was made from.
        approval: What it has to say of its approval; None: that nobody has approved it.

    Raises:
        UntrustworthyResultError: UNREADABLE_RESULT; WRONG_FRAME_OF_REFERENCE; ROI_MISSING; WRONG_SLICE for a contour
            that lies off the image it names; BAD_CONTOUR for one with fewer than three points or numbers too long;
            WRONG_APPROVAL where it says something else of its approval; WRONG_GENERATION for a ROI that says
            something else of how it was drawn; VOLUME_DRIFT above 0.5 % (1 % up to 5 ml); DICE_DRIFT below 0.999.
    """
    try:
        found = read_rtstruct(data)
    except InputError as error:
        raise UntrustworthyResultError(
            f"the structure set cannot be read back: {error.message}", reason="UNREADABLE_RESULT"
        ) from error
    if found.frame_of_reference_uids != (series.frame_of_reference_uid,):
        raise UntrustworthyResultError(
            "the structure set names another frame of reference than its CT", reason="WRONG_FRAME_OF_REFERENCE"
        )
    _require_approval(data, approval)
    rois = _by_number(found, structures)
    return tuple(_check(structure, roi, series) for structure, roi in zip(structures, rois, strict=True))


def _by_number(found: StructureSet, structures: Sequence[Structure]) -> list[Roi]:
    rois = {roi.number: roi for roi in found.rois}
    names = [describe_structure(one.name).name if one.roi is None else one.roi.name for one in structures]
    numbers = roi_numbers(structures)
    missing = [
        name
        for number, name in zip(numbers, names, strict=True)
        if number not in rois or rois[number].name != name or not rois[number].contours
    ]
    if missing or len(found.rois) != len(names):
        raise UntrustworthyResultError(
            f"expected {len(names)} ROIs, found {len(found.rois)}; without contours: {', '.join(missing) or 'none'}",
            reason="ROI_MISSING",
        )
    return [rois[number] for number in numbers]


def _require_approval(data: bytes, approval: Approval | None) -> None:
    keywords = ["ApprovalStatus", "ReviewDate", "ReviewTime", "ReviewerName"]
    said = pydicom.dcmread(BytesIO(data), specific_tags=[*keywords, "SpecificCharacterSet"])
    if approval is None:
        expected = ["UNAPPROVED", "", "", ""]
    else:
        expected = [str(approval.attributes()[keyword].value) for keyword in keywords]
    if [str(said.get(keyword, "")) for keyword in keywords] != expected:
        raise UntrustworthyResultError(
            f"the structure set does not say of its approval what it should, expected {expected[0]}",
            reason="WRONG_APPROVAL",
        )


def _check(structure: Structure, roi: Roi, series: CtSeries) -> StructureCheck:
    for contour in roi.contours:
        if contour.problem or not contour.is_closed or contour.longest_decimal_bytes > _MOST_DECIMAL_BYTES:
            raise UntrustworthyResultError(f"{roi.name} has a contour that is no polygon", reason="BAD_CONTOUR")
    if roi.generation != structure.generation:
        raise UntrustworthyResultError(
            f"{roi.name} says that it was drawn {roi.generation or 'somehow'}, expected {structure.generation}",
            reason="WRONG_GENERATION",
        )
    placed = place_contours(roi.contours, series)
    _require_right_slices(roi, placed, series)
    lower, shape = _box(structure, placed)
    mask = rasterise_polygons(filling_polygons(placed), shape, lower_zyx=lower)
    inside = int(np.count_nonzero(mask))
    expected = int(np.count_nonzero(structure.mask_zyx))
    offset = [a - b for a, b in zip(structure.lower_zyx, lower, strict=True)]
    crop = mask[tuple(slice(a, a + n) for a, n in zip(offset, structure.mask_zyx.shape, strict=True))]
    dice = 2.0 * int(np.count_nonzero(crop & structure.mask_zyx)) / max(1, inside + expected)
    voxel_ml = structure.grid.voxel_volume_mm3 / 1000.0
    check = StructureCheck(
        name=roi.name,
        volume_ml=expected * voxel_ml,
        polygon_volume_ml=placed.polygons.area_voxels() * voxel_ml,
        dice=dice,
        contours=len(roi.contours),
        points=int(placed.polygons.starts[-1]),
    )
    _require_agreement(check, voxel_ml)
    return check


def _require_right_slices(roi: Roi, placed: PlacedContours, series: CtSeries) -> None:
    off = float(np.abs(placed.off_slice_mm).max(initial=0.0))
    uneven = float(placed.uneven_mm.max(initial=0.0))
    named = all(
        contour.referenced_sop_instance_uids == (series.slices[slice_z].sop_instance_uid,)
        for contour, slice_z in zip(roi.contours, placed.polygons.slice_z.tolist(), strict=True)
    )
    if not named or max(off, uneven) > _MOST_OFF_SLICE_MM:
        raise UntrustworthyResultError(
            f"{roi.name} has a contour {max(off, uneven):.3f} mm off the plane of its image, or one that names another",
            reason="WRONG_SLICE",
        )


def _require_agreement(check: StructureCheck, voxel_ml: float) -> None:
    most = MOST_DRIFT_PERCENT if check.volume_ml > _SMALL_ML else MOST_DRIFT_SMALL_PERCENT
    drift_ml = abs(check.polygon_volume_ml - check.volume_ml)
    if drift_ml > max(check.volume_ml * most / 100.0, _GRACE_VOXELS * voxel_ml):
        raise UntrustworthyResultError(
            f"{check.name} has {check.polygon_volume_ml:.3f} ml in its polygons and {check.volume_ml:.3f} ml in its "
            f"voxels, which differ by more than {most} %",
            reason="VOLUME_DRIFT",
        )
    if check.dice < LEAST_DICE:
        raise UntrustworthyResultError(
            f"{check.name} read back agrees with Dice {check.dice:.5f}, expected at least {LEAST_DICE}",
            reason="DICE_DRIFT",
        )


def _box(structure: Structure, placed: PlacedContours) -> tuple[Shape, Shape]:
    """The box that holds the structure's crop and all of the polygons."""
    polygons = placed.polygons
    low = [int(polygons.slice_z.min()), *np.floor(polygons.points_yx.min(axis=0)).astype(int).tolist()]
    high = [int(polygons.slice_z.max()) + 1, *np.ceil(polygons.points_yx.max(axis=0)).astype(int).tolist()]
    ends = [a + n for a, n in zip(structure.lower_zyx, structure.mask_zyx.shape, strict=True)]
    whole = structure.grid.shape_zyx
    lower = [max(0, min(a, b)) for a, b in zip(low, structure.lower_zyx, strict=True)]
    upper = [min(size, max(a, b)) for a, b, size in zip(high, ends, whole, strict=True)]
    sizes = [b - a for a, b in zip(lower, upper, strict=True)]
    return (lower[0], lower[1], lower[2]), (sizes[0], sizes[1], sizes[2])
