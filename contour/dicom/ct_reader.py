"""Reads one CT series, whole or not at all.

Two passes: the first vets every instance and keeps its header alone, the second decodes each slice straight into the
volume. Memory stays near the volume itself, and nothing is decoded of a series that will be refused.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.uid import DeflatedExplicitVRLittleEndian

from contour.dicom.ct_series import CtSeries, SliceReference
from contour.dicom.instance_findings import about_instance, told_together
from contour.dicom.instances import BytesInstance, InstanceSource
from contour.dicom.inventory import FoundSeries, Inventory, scan_instances, scan_sources
from contour.dicom.patient_header import structure_set_header
from contour.dicom.pixel_decoding import check_syntax, decode_stored, holds_whole_hu, write_hu
from contour.dicom.scanner_header import read_scanner
from contour.dicom.series_geometry import MINIMUM_SLICES, measure_geometry
from contour.dicom.slice_header import SliceHeader, head_checksum
from contour.dicom.uids import derive_uid
from contour.dicom.vetting import examine_instance
from contour.errors import Finding, InputError, NotFoundError, SeriesRejectedError
from registration.grid import Grid
from registration.volume import Volume

OnFraction = Callable[[float], None]

_DECODERS = 2
_MOST_VOLUME_BYTES = 4 * 2**30
_TILT_ATTRIBUTE_DEG = 0.5


def read_ct_folder(
    folder: Path, *, series_instance_uid: str | None = None, on_fraction: OnFraction | None = None
) -> CtSeries:
    """The CT series in a folder and its sub-folders.

    Which one: the series asked for; else the only CT series; else the only one of at least three slices, the smaller
    ones being set aside by name. Anything else is refused with all candidates listed: series are never mixed.

    Args:
        folder: Or a single file.
        series_instance_uid: Chooses among several.
        on_fraction: Called with 0 to 1 after each decoded slice; what it raises stops the reading.

    Raises:
        SeriesRejectedError: a precondition is not met; every finding carries its code and measured values. The codes
            of the geometry are those of `measure_geometry`; beside them MIXED_FRAMES_OF_REFERENCE, MIXED_PATIENTS,
            MIXED_STUDIES, DUPLICATE_INSTANCE, TRUNCATED_PIXEL_DATA, UNDECODABLE_PIXEL_DATA, MISSING_ATTRIBUTE,
            BAD_ATTRIBUTE, UNSUPPORTED_TRANSFER_SYNTAX, MISSING_CODEC, SERIES_TOO_LARGE, CHANGED_WHILE_READING, and
            those of `vet_instance`.
        InputError: EMPTY_FOLDER, NO_DICOM, NOT_CT, ENHANCED_CT, MULTIPLE_SERIES, NO_SUCH_FOLDER, UNREADABLE_FILE.
        NotFoundError: the series asked for is not there.
    """
    return _read(scan_instances([folder]), series_instance_uid, on_fraction)


def read_ct_instances(
    instances: Sequence[bytes | InstanceSource],
    *,
    series_instance_uid: str | None = None,
    on_fraction: OnFraction | None = None,
) -> CtSeries:
    """As `read_ct_folder`, of instances in memory or in a store; bytes are called by their place in the sequence."""
    sources = [
        BytesInstance(f"instance {place}", instance) if isinstance(instance, bytes) else instance
        for place, instance in enumerate(instances, start=1)
    ]
    return _read(scan_sources(sources), series_instance_uid, on_fraction)


def read_ct_geometry(
    instances: Sequence[bytes | InstanceSource], *, series_instance_uid: str | None = None
) -> CtSeries:
    """As `read_ct_instances`, without decoding a pixel: every voxel of the volume is one shared -1024.

    For who needs to know where a series lies and what refers to it; the pixels may be broken.
    """
    sources = [
        BytesInstance(f"instance {place}", instance) if isinstance(instance, bytes) else instance
        for place, instance in enumerate(instances, start=1)
    ]
    return _read(scan_sources(sources), series_instance_uid, None, decode=False)


def select_series(inventory: Inventory, series_instance_uid: str | None = None) -> FoundSeries:
    """The one series to read, by the rule of `read_ct_folder`.

    Raises:
        SeriesRejectedError: a broken DICOM file may belong to the series.
        InputError, NotFoundError: as `read_ct_folder`.
    """
    if series_instance_uid is not None:
        for series in inventory.series:
            if series.series_instance_uid == series_instance_uid:
                return series
        raise NotFoundError(
            f"no CT series {series_instance_uid}, found {_listed(inventory.series) or 'none'}",
            reason="SERIES_NOT_FOUND",
        )
    if not inventory.series:
        raise _nothing_to_read(inventory)
    large = [series for series in inventory.series if series.instances >= MINIMUM_SLICES]
    candidates = large or list(inventory.series)
    if len(candidates) > 1:
        raise InputError(
            f"{len(candidates)} CT series, expected one or a choice by series instance UID: {_listed(candidates)}",
            reason="MULTIPLE_SERIES",
        )
    return candidates[0]


def _nothing_to_read(inventory: Inventory) -> InputError:
    if not inventory.instances:
        return InputError("no file at all, expected a CT series", reason="EMPTY_FOLDER")
    if inventory.problems:
        return SeriesRejectedError(told_together(inventory.problems))
    reasons = {finding.reason for finding in inventory.set_aside}
    found = "; ".join(finding.message for finding in inventory.set_aside)
    if "ENHANCED_CT" in reasons:
        return InputError(f"no CT Image Storage instance: {found}", reason="ENHANCED_CT")
    if reasons <= {"NOT_DICOM", "INSTANCE_TOO_LARGE"}:
        return InputError(f"none of {inventory.instances} files is a DICOM instance", reason="NO_DICOM")
    return InputError(f"no slice of a CT series: {found}", reason="NOT_CT")


def _listed(series: Sequence[FoundSeries]) -> str:
    return ", ".join(f"{one.series_instance_uid} ({one.instances} slices)" for one in series)


def _read(
    inventory: Inventory, series_instance_uid: str | None, on_fraction: OnFraction | None, *, decode: bool = True
) -> CtSeries:
    series = select_series(inventory, series_instance_uid)
    broken = (*series.problems, *inventory.problems)
    findings = told_together(broken) or _series_findings(series.headers)
    if findings:
        raise SeriesRejectedError(findings)
    frame_uid = series.headers[0].frame_of_reference_uid or derive_uid(
        "came-empty", "frame", series.series_instance_uid
    )
    geometry = measure_geometry(series.headers, frame_of_reference_uid=frame_uid)
    if geometry.grid is None:
        raise SeriesRejectedError(geometry.findings)
    headers = tuple(series.headers[index] for index in geometry.order)
    values = _decoded(headers, geometry.grid, on_fraction) if decode else _nothing(geometry.grid)
    volume = Volume(grid=geometry.grid, values_zyx=values)
    first = headers[0]
    warnings = (*geometry.warnings, *_header_warnings(headers), *_other_series(inventory, series))
    return CtSeries(
        volume=volume,
        slices=tuple(
            SliceReference(
                sop_class_uid=header.summary.sop_class_uid,
                sop_instance_uid=header.summary.sop_instance_uid,
                origin_xyz_mm=header.origin_xyz_mm,
            )
            for header in headers
        ),
        study_instance_uid=first.summary.study_instance_uid,
        series_instance_uid=series.series_instance_uid,
        patient_position=first.patient_position,
        header=structure_set_header(
            first.elements,
            study_instance_uid=first.summary.study_instance_uid,
            frame_of_reference_uid=frame_uid,
        ),
        scanner=read_scanner(first.elements),
        warnings=(*warnings, *inventory.set_aside),
    )


def _series_findings(headers: Sequence[SliceHeader]) -> tuple[Finding, ...]:
    """What speaks against the series before its geometry is looked at."""
    findings = []
    distinct = (
        ("MIXED_FRAMES_OF_REFERENCE", "frames of reference", {header.frame_of_reference_uid for header in headers}),
        ("MIXED_PATIENTS", "patients", {header.patient for header in headers}),
        ("MIXED_STUDIES", "studies", {header.summary.study_instance_uid for header in headers}),
        ("MIXED_PATIENT_POSITIONS", "patient positions", {header.patient_position for header in headers}),
    )
    for reason, what, values in distinct:
        if len(values) > 1:
            found = f"{len(values)} {what} in one series, expected one"
            findings.append(Finding(reason=reason, message=found, measured=(("found", str(len(values))),)))
    places = {(header.summary.sop_instance_uid, header.origin_xyz_mm) for header in headers}
    repeated = len(places) - len({uid for uid, _ in places})
    if repeated:
        message = f"{repeated} SOP instance UIDs are used by slices at different positions"
        findings.append(Finding(reason="DUPLICATE_INSTANCE", message=message, measured=(("found", str(repeated)),)))
    for syntax in sorted({header.stored.transfer_syntax_uid for header in headers}):
        try:
            check_syntax(syntax)
        except InputError as error:
            findings.append(Finding(reason=error.reason, message=error.message, measured=(("syntax", syntax),)))
    stored = headers[0].stored if headers else None
    volume_bytes = len(headers) * stored.rows * stored.columns * 4 if stored else 0
    if volume_bytes > _MOST_VOLUME_BYTES:
        message = f"a volume of {volume_bytes} bytes, expected at most {_MOST_VOLUME_BYTES}"
        findings.append(Finding(reason="SERIES_TOO_LARGE", message=message, measured=(("bytes", str(volume_bytes)),)))
    return tuple(findings)


def _header_warnings(headers: Sequence[SliceHeader]) -> tuple[Finding, ...]:
    first = headers[0]
    warnings = []
    derived = sorted({name for header in headers for name in header.summary.derived_uids})
    derived += [] if first.frame_of_reference_uid else ["FrameOfReferenceUID"]
    if derived:
        message = f"{', '.join(derived)} came empty: taken from the file meta information, or else derived"
        warnings.append(Finding(reason="MISSING_UID", message=message, measured=(("derived", ", ".join(derived)),)))
    if not first.patient_position:
        warnings.append(Finding(reason="MISSING_PATIENT_POSITION", message="PatientPosition is missing"))
    tilt_deg = max((header.gantry_tilt_deg for header in headers), key=abs)
    if abs(tilt_deg) > _TILT_ATTRIBUTE_DEG:
        message = f"GantryDetectorTilt says {tilt_deg:g} degrees, but the slices are stacked along their normal"
        warnings.append(
            Finding(reason="GANTRY_TILT_ATTRIBUTE", message=message, measured=(("tilt_deg", f"{tilt_deg:g}"),))
        )
    return tuple(warnings)


def _other_series(inventory: Inventory, chosen: FoundSeries) -> tuple[Finding, ...]:
    others = [series for series in inventory.series if series is not chosen]
    if not others:
        return ()
    message = f"set aside {len(others)} other CT series: {_listed(others)}"
    return (Finding(reason="OTHER_SERIES", message=message, measured=(("series", _listed(others)),)),)


def _nothing(grid: Grid) -> NDArray[Any]:
    return np.broadcast_to(np.int16(-1024), grid.shape_zyx)


def _decoded(headers: Sequence[SliceHeader], grid: Grid, on_fraction: OnFraction | None) -> NDArray[Any]:
    """(slices, rows, columns) HU as int16 where that is exact for every slice, as float32 otherwise."""
    if all(holds_whole_hu(header.stored) for header in headers):
        whole = np.empty(grid.shape_zyx, dtype=np.int16)
        if _fill(headers, whole, on_fraction):
            return whole
        del whole
    values = np.empty(grid.shape_zyx, dtype=np.float32)
    _fill(headers, values, on_fraction)
    return values


def _fill(headers: Sequence[SliceHeader], volume_zyx: NDArray[Any], on_fraction: OnFraction | None) -> bool:
    """False where a slice does not fit the volume's type. Slices that cannot be decoded are all named."""

    def fill_slice(place: int) -> Finding | bool:
        header = headers[place]
        try:
            return _fill_slice(header, volume_zyx[place])
        except InputError as error:
            return about_instance(header.source.label, error.reason, error.message)

    findings: list[Finding] = []
    executor = ThreadPoolExecutor(max_workers=_DECODERS, thread_name_prefix="decode")
    try:
        for done, result in enumerate(executor.map(fill_slice, range(len(headers))), start=1):
            if isinstance(result, Finding):
                findings.append(result)
            elif not result:
                return False
            if on_fraction is not None:
                on_fraction(done / len(headers))
    finally:
        executor.shutdown(cancel_futures=True)
    if findings:
        raise SeriesRejectedError(told_together(findings))
    return True


def _fill_slice(header: SliceHeader, target_yx: NDArray[Any]) -> bool:
    try:
        data = header.source.read_bytes()
    except OSError:
        raise InputError("cannot be read any more", reason="UNREADABLE_FILE") from None
    deflated = header.stored.transfer_syntax_uid == DeflatedExplicitVRLittleEndian
    same = len(data) == header.summary.size_bytes
    if not same or head_checksum(data, header.pixels, deflated=deflated) != header.head_checksum:
        raise InputError("changed while it was read", reason="CHANGED_WHILE_READING")
    body = examine_instance(data, wanted=frozenset()).body if deflated else data
    return write_hu(decode_stored(body, header.pixels, header.stored), header.stored, target_yx)
