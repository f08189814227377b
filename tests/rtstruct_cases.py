"""CT series and bodies of known shape for the structure set tests: anisotropic, oblique, off origin, asymmetric."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from contour.anatomy.structures import Structure, crop_to_structure
from contour.dicom.ct_series import CtSeries, SliceReference
from contour.dicom.ct_writer import CtIdentity, PatientPosition, write_ct_series
from contour.dicom.rtstruct_writer import StructureSetSettings
from registration.grid import Grid
from registration.volume import Volume

FRAME = "2.25.900"
CT_CLASS = "1.2.840.10008.5.1.4.1.1.2"
ORIGIN = (-31.7, -22.3, -112.6)
AXIAL = ((0.0, 0.0, 1.0), (0.0, 1.0, 0.0), (1.0, 0.0, 0.0))
FEET_FIRST_PRONE = ((0.0, 0.0, -1.0), (0.0, -1.0, 0.0), (1.0, 0.0, 0.0))
DOWNWARD = ((0.0, 0.0, -1.0), (0.0, 1.0, 0.0), (1.0, 0.0, 0.0))


def oblique_axes(tilt_deg: float = 12.0, turn_deg: float = 9.0) -> tuple[tuple[float, float, float], ...]:
    a, b = np.deg2rad([tilt_deg, turn_deg])
    about_x = np.array([[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]])
    about_z = np.array([[np.cos(b), -np.sin(b), 0], [np.sin(b), np.cos(b), 0], [0, 0, 1]])
    x, y, z = (about_x @ about_z).T
    return tuple(z.tolist()), tuple(y.tolist()), tuple(x.tolist())


def make_grid(
    shape_zyx: tuple[int, int, int] = (14, 50, 60),
    spacing_zyx_mm: tuple[float, float, float] = (2.5, 0.9, 1.2),
    axes_xyz=AXIAL,
    origin_xyz_mm: tuple[float, float, float] = ORIGIN,
) -> Grid:
    return Grid(
        shape_zyx=shape_zyx,
        spacing_zyx_mm=spacing_zyx_mm,
        origin_xyz_mm=origin_xyz_mm,
        axes_xyz=axes_xyz,
        frame_of_reference_uid=FRAME,
    )


def make_header(**texts: str) -> Dataset:
    header = Dataset()
    header.SpecificCharacterSet = "ISO_IR 192"
    for keyword in ("PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyID", "AccessionNumber"):
        setattr(header, keyword, texts.get(keyword, ""))
    header.StudyDate = "20260102"
    header.StudyTime = "101500"
    header.ReferringPhysicianName = ""
    header.PositionReferenceIndicator = ""
    return header


def make_series(
    grid: Grid, *, header: Dataset | None = None, origins_xyz_mm: NDArray[np.float64] | None = None
) -> CtSeries:
    """A series in memory; its voxels are one shared number, so that large grids cost nothing."""
    if origins_xyz_mm is None:
        index = np.zeros((grid.shape_zyx[0], 3))
        index[:, 0] = np.arange(grid.shape_zyx[0])
        origins_xyz_mm = grid.to_point_xyz_mm(index)
    values = np.broadcast_to(np.int16(-1000), grid.shape_zyx)
    return CtSeries(
        volume=Volume(grid=grid, values_zyx=values),
        slices=tuple(
            SliceReference(
                sop_class_uid=CT_CLASS, sop_instance_uid=f"2.25.70{number}", origin_xyz_mm=tuple(origin.tolist())
            )
            for number, origin in enumerate(origins_xyz_mm)
        ),
        study_instance_uid="2.25.71",
        series_instance_uid="2.25.72",
        patient_position="HFS",
        header=make_header() if header is None else header,
    )


def make_settings(**changes) -> StructureSetSettings:
    numbers = itertools.count(5000)
    given = {
        "label": "Test set",
        "now": datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC),
        "uid_source": lambda: f"2.25.{next(numbers)}",
        "model": "phantom 1.0",
    }
    return StructureSetSettings(**(given | changes))


def distance_mm(grid: Grid, centre_zyx: tuple[float, float, float]) -> NDArray[np.float64]:
    """Distance of every voxel centre from a point given as a fractional index."""
    z, y, x = (
        ((np.arange(size) - centre) * step) ** 2
        for size, centre, step in zip(grid.shape_zyx, centre_zyx, grid.spacing_zyx_mm, strict=True)
    )
    return np.sqrt(z[:, None, None] + y[None, :, None] + x[None, None, :])


def ball(grid: Grid, name: str, centre_zyx: tuple[float, float, float], radius_mm: float) -> Structure:
    return crop_to_structure(name, grid, distance_mm(grid, centre_zyx) <= radius_mm)


def hollow_ball(
    grid: Grid, name: str, centre_zyx: tuple[float, float, float], radius_mm: float, hole_mm: float
) -> Structure:
    away = distance_mm(grid, centre_zyx)
    return crop_to_structure(name, grid, (away <= radius_mm) & (away > hole_mm))


def graded_ball(
    grid: Grid, name: str, centre_zyx: tuple[float, float, float], radius_mm: float, *, softness_mm: float = 1.5
) -> Structure:
    """A ball with a membership that falls off over `softness_mm`, as a network's probabilities do."""
    away = distance_mm(grid, centre_zyx)
    membership = np.clip(np.rint(127.5 - (away - radius_mm) / softness_mm * 127.5), 0, 255).astype(np.uint8)
    lower = [max(0, int(where.min()) - 1) for where in np.nonzero(membership)]
    upper = [int(where.max()) + 2 for where in np.nonzero(membership)]
    crop = np.ascontiguousarray(membership[tuple(slice(a, b) for a, b in zip(lower, upper, strict=True))])
    return Structure(name=name, grid=grid, lower_zyx=tuple(lower), mask_zyx=crop >= 128, membership_zyx=crop)


def some_structures(grid: Grid) -> tuple[Structure, ...]:
    """Three bodies that no flip or turn of the grid maps onto themselves."""
    depth, height, width = grid.shape_zyx
    return (
        ball(grid, "Parotid_L", (depth * 0.6, height * 0.3, width * 0.7), 7.0),
        hollow_ball(grid, "External", (depth * 0.45, height * 0.55, width * 0.45), 14.0, 5.0),
        graded_ball(grid, "SpinalCord", (depth * 0.4, height * 0.8, width * 0.2), 4.2),
    )


def write_ct(
    grid: Grid, folder: Path, *, patient_position: PatientPosition = "HFS", seed: str = "rtstruct-cases"
) -> None:
    """The grid as CT files with a ramp of HU, for judges that need to read the images."""
    values = np.linspace(-900, 900, int(np.prod(grid.shape_zyx))).astype(np.int16).reshape(grid.shape_zyx)
    write_ct_series(
        Volume(grid=grid, values_zyx=values), folder, CtIdentity(seed=seed, patient_position=patient_position)
    )
