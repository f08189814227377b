"""Do the slices of a series make one regular volume, and which?

Positions are measured from Image Position (Patient) alone; SliceThickness, SliceLocation and file order are never
trusted. "Along the normal" is the distance in mm along row direction x column direction, from the frame's origin.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from contour.dicom.slice_header import SliceHeader
from contour.dicom.slice_steps import ROUNDING_MM, listed, make_finding, step_findings, variation_warnings
from contour.errors import Finding
from registration.grid import Grid, Triple

MINIMUM_SLICES = 3
_GRID_TOLERANCE = 0.25
_COSINE_TOLERANCE = 1e-3
_SPACING_TOLERANCE = 1e-3
_TILT_TOLERANCE_DEG = 0.5
_OFF_LINE_MM = 0.5
_PIXEL_MM = (0.1, 10.0)
_STEP_MM = (0.1, 20.0)
_IN_PLANE_EXTENT_MM = (40.0, 1200.0)
_STACK_EXTENT_MM = 2500.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesGeometry:
    """What was measured. `order` sorts the slices along the normal; `grid` is None where a finding forbids one."""

    order: tuple[int, ...]
    grid: Grid | None
    findings: tuple[Finding, ...]
    warnings: tuple[Finding, ...] = ()


def measure_geometry(headers: Sequence[SliceHeader], *, frame_of_reference_uid: str) -> SeriesGeometry:
    """The regular grid that the slices lie on, or the findings that speak against one.

    The slice axis runs along row x column direction, whatever way the instances were numbered. Refused are:

    - TOO_FEW_SLICES: fewer than 3.
    - MIXED_GEOMETRY: size, pixel spacing or orientation differ, or a slice lies more than 0.5 mm off the line.
    - FIELD_OF_VIEW: pixels outside 0.1-10 mm, a plane smaller than 40 mm or larger than 1200 mm, slice steps
      outside 0.1-20 mm, or a stack longer than 2500 mm.
    - GANTRY_TILT: the stack leans more than 0.5 degrees from the slice normal, or by half a pixel over its length.
    - DUPLICATE_SLICE: two slices within 0.01 mm of each other.
    - MISSING_SLICE: a gap of two or more steps; the missing positions are listed.
    - NON_UNIFORM_SPACING: a step more than 10 % from the usual one, or a slice more than a quarter of a step from
      where the regular grid has it. Less than that is let through with a warning of the same name: the grid has the
      mean step, and contours go to the true positions.
    """
    if len(headers) < MINIMUM_SLICES:
        found = (
            make_finding(
                "TOO_FEW_SLICES", f"{len(headers)} slices, expected at least {MINIMUM_SLICES}", slices=len(headers)
            ),
        )
        return SeriesGeometry(order=tuple(range(len(headers))), grid=None, findings=found)
    mixed = _mixed_geometry(headers)
    if mixed:
        return SeriesGeometry(order=tuple(range(len(headers))), grid=None, findings=mixed)
    axes = _axes_xyz(headers[0])
    origins = np.asarray([header.origin_xyz_mm for header in headers])
    along_mm = origins @ axes[0]
    order = np.argsort(along_mm, kind="stable")
    along_mm, origins = along_mm[order], origins[order]
    findings = [*step_findings(along_mm), *_lean_findings(headers[0], origins, along_mm, axes[0])]
    findings += _field_findings(headers[0], along_mm)
    grid = None
    warnings: tuple[Finding, ...] = ()
    if not findings:
        grid, off_mm = _fitted_grid(headers[0], origins, along_mm, axes, frame_of_reference_uid)
        findings += _off_grid_findings(off_mm, grid.spacing_zyx_mm[0])
        warnings = variation_warnings(along_mm)
    return SeriesGeometry(
        order=tuple(int(index) for index in order),
        grid=grid if not findings else None,
        findings=tuple(findings),
        warnings=warnings,
    )


def _mixed_geometry(headers: Sequence[SliceHeader]) -> tuple[Finding, ...]:
    first = headers[0]
    cosines = np.asarray([header.cosines_xyz for header in headers])
    lengths = np.linalg.norm(cosines, axis=2)
    upright = np.abs(np.sum(cosines[:, 0] * cosines[:, 1], axis=1)).max()
    if np.abs(lengths - 1).max() > _COSINE_TOLERANCE or upright > _COSINE_TOLERANCE:
        return (make_finding("BAD_ATTRIBUTE", "ImageOrientationPatient does not hold two perpendicular unit vectors"),)
    findings = []
    sizes = sorted({(header.stored.rows, header.stored.columns) for header in headers})
    if len(sizes) > 1:
        named = listed(f"{rows} x {columns}" for rows, columns in sizes)
        findings.append(make_finding("MIXED_GEOMETRY", f"slices of different size: {named}", sizes=named))
    spacings = np.asarray([header.spacing_yx_mm for header in headers])
    if np.abs(spacings - spacings[0]).max() > _SPACING_TOLERANCE:
        named = listed(f"{row:g} x {column:g}" for row, column in sorted({h.spacing_yx_mm for h in headers}))
        findings.append(make_finding("MIXED_GEOMETRY", f"pixel spacing differs: {named} mm", spacings_mm=named))
    turned = np.abs(cosines - np.asarray(first.cosines_xyz)).max()
    if turned > _COSINE_TOLERANCE:
        normals = np.cross(cosines[:, 0], cosines[:, 1])
        degrees = math.degrees(math.acos(min(1.0, max(-1.0, float((normals @ normals[0]).min())))))
        findings.append(
            make_finding(
                "MIXED_GEOMETRY",
                f"orientation differs between slices, normals by up to {degrees:.2f} degrees",
                normals_differ_deg=f"{degrees:.2f}",
            )
        )
    return tuple(findings)


def _axes_xyz(header: SliceHeader) -> NDArray[np.float64]:
    """(3, 3) unit vectors of slices, rows and columns, made exactly perpendicular."""
    x_axis, y_axis = np.asarray(header.cosines_xyz, dtype=np.float64)
    x_axis = x_axis / np.linalg.norm(x_axis)
    y_axis = y_axis - np.dot(x_axis, y_axis) * x_axis
    y_axis = y_axis / np.linalg.norm(y_axis)
    return np.stack([np.cross(x_axis, y_axis), y_axis, x_axis])


def _lean_findings(
    first: SliceHeader, origins: NDArray[np.float64], along_mm: NDArray[np.float64], normal: NDArray[np.float64]
) -> list[Finding]:
    """Does the stack run along the slice normal, on a straight line?"""
    centred_mm = along_mm - along_mm.mean()
    sideways = origins - origins.mean(axis=0) - centred_mm[:, None] * normal
    power = float(centred_mm @ centred_mm)
    if power <= 0:
        return []
    lean = centred_mm @ sideways / power
    degrees = math.degrees(math.atan(float(np.linalg.norm(lean))))
    drift_mm = float(np.linalg.norm(lean)) * float(along_mm[-1] - along_mm[0])
    if degrees > _TILT_TOLERANCE_DEG or drift_mm > 0.5 * min(first.spacing_yx_mm):
        message = (
            f"slices are stacked {degrees:.2f} degrees off their normal ({drift_mm:.2f} mm over the series), expected "
            f"at most {_TILT_TOLERANCE_DEG} degrees and half a pixel"
        )
        return [make_finding("GANTRY_TILT", message, tilt_deg=f"{degrees:.2f}", drift_mm=f"{drift_mm:.2f}")]
    off_mm = np.linalg.norm(sideways - centred_mm[:, None] * lean, axis=1)
    if off_mm.max() > _OFF_LINE_MM:
        named = listed(f"{position:.2f}" for position in along_mm[off_mm > _OFF_LINE_MM])
        message = f"slices lie up to {off_mm.max():.2f} mm beside the others' line, at {named} mm along the normal"
        return [make_finding("MIXED_GEOMETRY", message, positions_mm=named, off_mm=f"{off_mm.max():.2f}")]
    return []


def _field_findings(first: SliceHeader, along_mm: NDArray[np.float64]) -> list[Finding]:
    row_mm, column_mm = first.spacing_yx_mm
    height_mm, width_mm = first.stored.rows * row_mm, first.stored.columns * column_mm
    length_mm = float(along_mm[-1] - along_mm[0])
    step_mm = length_mm / (len(along_mm) - 1)
    checks = (
        ("pixel spacing", min(row_mm, column_mm), max(row_mm, column_mm), _PIXEL_MM),
        ("slice plane", min(height_mm, width_mm), max(height_mm, width_mm), _IN_PLANE_EXTENT_MM),
        ("slice step", step_mm, step_mm, _STEP_MM),
        ("stack", length_mm, length_mm, (0.0, _STACK_EXTENT_MM)),
    )
    return [
        make_finding(
            "FIELD_OF_VIEW",
            f"{what} of {low:g} to {high:g} mm, expected {allowed[0]:g} to {allowed[1]:g} mm",
            smallest_mm=f"{low:g}",
            largest_mm=f"{high:g}",
        )
        for what, low, high, allowed in checks
        if low < allowed[0] or high > allowed[1]
    ]


def _fitted_grid(
    first: SliceHeader,
    origins: NDArray[np.float64],
    along_mm: NDArray[np.float64],
    axes: NDArray[np.float64],
    frame_of_reference_uid: str,
) -> tuple[Grid, NDArray[np.float64]]:
    """The grid, and how far along the normal each slice lies from its place on it."""
    index = np.arange(len(along_mm), dtype=np.float64)
    step_mm, start_mm = (along_mm[-1] - along_mm[0]) / index[-1], along_mm[0]
    if np.abs(start_mm + step_mm * index - along_mm).max() > ROUNDING_MM:
        step_mm, start_mm = np.polyfit(index, along_mm, 1)
    origin = origins[0] + (start_mm - along_mm[0]) * axes[0]
    grid = Grid(
        shape_zyx=(len(along_mm), first.stored.rows, first.stored.columns),
        spacing_zyx_mm=(float(step_mm), *first.spacing_yx_mm),
        origin_xyz_mm=_triple(origin),
        axes_xyz=(_triple(axes[0]), _triple(axes[1]), _triple(axes[2])),
        frame_of_reference_uid=frame_of_reference_uid,
    )
    return grid, along_mm - (start_mm + step_mm * index)


def _off_grid_findings(off_mm: NDArray[np.float64], step_mm: float) -> list[Finding]:
    worst_mm = float(np.abs(off_mm).max())
    if worst_mm <= _GRID_TOLERANCE * step_mm:
        return []
    message = (
        f"uneven steps of {step_mm:.3f} mm on average leave slices {worst_mm:.3f} mm from a regular grid, expected "
        f"at most {_GRID_TOLERANCE * step_mm:.3f} mm"
    )
    return [make_finding("NON_UNIFORM_SPACING", message, off_grid_mm=f"{worst_mm:.3f}", mean_step_mm=f"{step_mm:.3f}")]


def _triple(values: NDArray[np.float64]) -> Triple:
    return float(values[0]), float(values[1]), float(values[2])
