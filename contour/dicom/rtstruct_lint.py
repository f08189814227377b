"""What is wrong with a structure set, judged against its CT: anybody's file, every finding with its measured value.

    error    a planning system would refuse it, or show something that is not what was drawn
    warning  it may be read differently by different systems, or deserves a look
    info     worth knowing

Names of structures are quoted, for they are what the reader looks for; nothing that names the patient is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np

from contour.anatomy.names import MAX_NAME_LENGTH, is_tg263_name, tg263_name
from contour.dicom.contour_lint import lint_contours
from contour.dicom.contour_placement import PlacedContours, filling_polygons, place_contours
from contour.dicom.ct_series import CtSeries
from contour.dicom.lint_finding import LintFinding, Severity
from contour.dicom.rtstruct_reader import Roi, StructureSet, read_rtstruct
from contour.errors import InputError

__all__ = ["LintFinding", "Severity", "lint_rtstruct", "lint_structure_set"]

_LABEL_LENGTH = 16
_ROI_NAME_LENGTH = 64
_INTERPRETED_TYPES = frozenset(
    {"EXTERNAL", "PTV", "CTV", "GTV", "TREATED_VOLUME", "IRRAD_VOLUME", "OAR", "BOLUS", "AVOIDANCE", "ORGAN", "MARKER"}
    | {"REGISTRATION", "ISOCENTER", "CONTRAST_AGENT", "CAVITY", "BRACHY_CHANNEL", "BRACHY_ACCESSORY", "BRACHY_SRC_APP"}
    | {"BRACHY_CHNL_SHLD", "SUPPORT", "FIXATION", "DOSE_REGION", "CONTROL", "DOSE_MEASUREMENT"}
)
_GENERATIONS = frozenset({"AUTOMATIC", "SEMIAUTOMATIC", "MANUAL"})
_APPROVALS = frozenset({"APPROVED", "UNAPPROVED", "REJECTED"})


def lint_rtstruct(data: bytes, series: CtSeries) -> tuple[LintFinding, ...]:
    """Every finding about a structure set file, the gravest first.

    Args:
        data: A whole DICOM file.
        series: The CT it claims to be drawn on.

    Raises:
        InputError: the bytes are no readable structure set (`read_rtstruct`).
    """
    return lint_structure_set(read_rtstruct(data), series)


def lint_structure_set(found: StructureSet, series: CtSeries) -> tuple[LintFinding, ...]:
    """As `lint_rtstruct`, of a structure set that was read already."""
    findings = [*_lint_references(found, series), *_lint_description(found), *_lint_names(found.rois)]
    placements: list[PlacedContours] = []
    for roi in found.rois:
        placed = place_contours([contour for contour in roi.contours if contour.is_closed], series)
        placements.append(placed)
        findings += _lint_roi(roi, series)
        findings += lint_contours(roi, placed, series)
        findings += _volume(roi, placed, series)
    findings += _lint_spacing(placements, series)
    rank = {"error": 0, "warning": 1, "info": 2}
    return tuple(sorted(findings, key=lambda finding: rank[finding.severity]))


def _lint_references(found: StructureSet, series: CtSeries) -> Iterator[LintFinding]:
    frames = found.frame_of_reference_uids
    if series.frame_of_reference_uid not in frames:
        yield LintFinding.error("WRONG_FRAME_OF_REFERENCE", "the CT's frame of reference is not among those listed")
    if len(set(frames)) < len(frames):
        yield LintFinding.error("FRAME_LISTED_TWICE", "a frame of reference is listed more than once")
    if len(set(frames)) > 1:
        yield LintFinding.warning(
            "SEVERAL_FRAMES", "more than one frame of reference is listed", frames=str(len(set(frames)))
        )
    if found.study_instance_uid != series.study_instance_uid:
        yield LintFinding.warning("OTHER_STUDY", "the structure set belongs to another study than the CT")
    if found.patient_id != str(series.header.get("PatientID") or ""):
        yield LintFinding.error("OTHER_PATIENT", "the structure set's Patient ID is not the CT's")
    if series.series_instance_uid not in found.referenced_series_uids:
        yield LintFinding.error("SERIES_NOT_REFERENCED", "the CT series is not among the referenced series")
    present = {reference.sop_instance_uid for reference in series.slices}
    strangers = found.referenced_sop_instance_uids - present
    if strangers:
        yield LintFinding.error(
            "UNKNOWN_IMAGE", "images are referenced that the CT does not have", images=str(len(strangers))
        )
    unlisted = {uid for roi in found.rois for c in roi.contours for uid in c.referenced_sop_instance_uids}
    unlisted -= found.referenced_sop_instance_uids
    if unlisted & present:
        yield LintFinding.warning(
            "IMAGE_NOT_LISTED",
            "contours name images that the referenced series does not list",
            images=str(len(unlisted & present)),
        )


def _lint_description(found: StructureSet) -> Iterator[LintFinding]:
    if not found.label:
        yield LintFinding.error("NO_LABEL", "Structure Set Label is empty; it is required")
    if len(found.label) > _LABEL_LENGTH:
        yield LintFinding.error(
            "LABEL_TOO_LONG",
            f"Structure Set Label holds at most {_LABEL_LENGTH} characters",
            found=str(len(found.label)),
        )
    if found.approval_status not in _APPROVALS:
        yield LintFinding.warning(
            "NO_APPROVAL_STATUS", f"Approval Status is {found.approval_status[:16] or 'missing'!a}"
        )
    elif found.approval_status != "APPROVED":
        yield LintFinding.info("NOT_APPROVED", f"Approval Status is {found.approval_status}")
    if not found.rois:
        yield LintFinding.error("NO_ROI", "the structure set has no ROI")
    for number in found.repeated_roi_numbers:
        yield LintFinding.error("ROI_NUMBER_REPEATED", f"ROI number {number} occurs more than once")


def _lint_names(rois: Sequence[Roi]) -> Iterator[LintFinding]:
    folded = Counter(roi.name.casefold() for roi in rois if roi.name)
    for roi in rois:
        if not roi.listed:
            continue
        if not roi.name:
            yield LintFinding.error("NO_NAME", f"ROI number {roi.number} has no name", roi=roi.name)
            continue
        if folded[roi.name.casefold()] > 1:
            yield LintFinding.error("DUPLICATE_NAME", "another ROI has this name, case aside", roi=roi.name)
        if len(roi.name) > _ROI_NAME_LENGTH:
            yield LintFinding.error(
                "NAME_TOO_LONG", f"ROI Name holds at most {_ROI_NAME_LENGTH} characters", roi=roi.name
            )
        elif len(roi.name) > MAX_NAME_LENGTH:
            yield LintFinding.warning(
                "NAME_LONG", f"{len(roi.name)} characters; planning systems cut after {MAX_NAME_LENGTH}", roi=roi.name
            )
        if not is_tg263_name(roi.name):
            known = tg263_name(roi.name)
            hint = f"; TG-263 calls it {known}" if known else ""
            yield LintFinding.info("NOT_TG263", f"not a TG-263 name{hint}", roi=roi.name)


def _lint_roi(roi: Roi, series: CtSeries) -> Iterator[LintFinding]:
    name = roi.name or f"#{roi.number}"
    if not roi.listed:
        yield LintFinding.error(
            "ROI_NOT_LISTED", "contoured or observed, but missing in the Structure Set ROI Sequence", roi=name
        )
    elif not roi.contours:
        yield LintFinding.error("EMPTY_ROI", "has no contour", roi=name)
    if not roi.observed:
        yield LintFinding.error("ROI_NOT_OBSERVED", "missing in the RT ROI Observations Sequence", roi=name)
    elif roi.interpreted_type and roi.interpreted_type not in _INTERPRETED_TYPES:
        yield LintFinding.warning("UNKNOWN_TYPE", "RT ROI Interpreted Type is none of DICOM's", roi=name)
    if roi.listed and roi.generation not in _GENERATIONS | {""}:
        yield LintFinding.warning("UNKNOWN_ALGORITHM", "ROI Generation Algorithm is none of DICOM's", roi=name)
    if roi.listed and roi.frame_of_reference_uid != series.frame_of_reference_uid:
        yield LintFinding.error("WRONG_FRAME_OF_REFERENCE", "lies in another frame of reference than the CT", roi=name)
    if roi.contoured and roi.colour_rgb is None:
        yield LintFinding.info("NO_COLOUR", "has no display colour", roi=name)


def _volume(roi: Roi, placed: PlacedContours, series: CtSeries) -> Iterator[LintFinding]:
    if not placed.polygons.count:
        return
    volume_ml = filling_polygons(placed).area_voxels() * series.grid.voxel_volume_mm3 / 1000.0
    slices = np.unique(placed.polygons.slice_z)
    yield LintFinding.info(
        "VOLUME",
        f"{volume_ml:.2f} ml on {slices.size} slices",
        roi=roi.name or f"#{roi.number}",
        volume_ml=f"{volume_ml:.3f}",
        slices=str(slices.size),
        contours=str(len(roi.contours)),
    )
    missing = int(slices[-1] - slices[0] + 1 - slices.size)
    if missing:
        yield LintFinding.info(
            "SLICES_SKIPPED", "has slices without a contour between its ends", roi=roi.name, slices=str(missing)
        )


def _lint_spacing(placements: Sequence[PlacedContours], series: CtSeries) -> Iterator[LintFinding]:
    """The classic writer's fault: row and column spacing exchanged, which only non-square pixels show."""
    _, row_mm, column_mm = series.grid.spacing_zyx_mm
    points = [placed.polygons.points_yx for placed in placements if placed.polygons.count]
    if abs(row_mm - column_mm) < 1e-3 or not points:
        return
    every = np.concatenate(points)
    exchanged = every * np.array([row_mm / column_mm, column_mm / row_mm])
    # Writers that trace voxel centres or half-way between them leave coordinates at multiples of half a voxel.
    as_is, swapped = _share_on_lattice(every), _share_on_lattice(exchanged)
    if swapped > 0.9 and as_is < 0.5:
        yield LintFinding.warning(
            "SPACING_SWAPPED",
            "contour points fall on the CT's voxels only with row and column spacing exchanged",
            on_lattice=f"{as_is:.2f}",
            on_lattice_exchanged=f"{swapped:.2f}",
        )


def _share_on_lattice(points_yx: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> float:
    twice = points_yx * 2
    return float((np.abs(twice - np.rint(twice)) < 0.02).all(axis=1).mean())


def require_no_error(findings: Sequence[LintFinding]) -> None:
    """Raise where any finding is an error.

    Raises:
        InputError: with the first error's code.
    """
    errors = [finding for finding in findings if finding.severity == "error"]
    if errors:
        raise InputError(f"{len(errors)} errors; the first: {errors[0].message}", reason=errors[0].code)
