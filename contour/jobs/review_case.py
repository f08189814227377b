"""Reads what a review is of: the scan's geometry, the machine's structures, and for a fraction the plan beside them.

These functions run in the process of `contour.jobs.review_pool`; what they take and give passes a pipe.
"""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from contour.adaptation.carry import carry_structure
from contour.anatomy.coverage import graded_mask
from contour.anatomy.polygons import SlicePolygons
from contour.anatomy.structures import Structure
from contour.dicom.ct_reader import read_ct_geometry, read_ct_instances
from contour.dicom.ct_series import CtSeries
from contour.dicom.deformable_registration import read_deformable_registration
from contour.dicom.machine_set import read_machine_set
from contour.dicom.plan_structures import read_plan_structures
from contour.dicom.spatial_registration import read_spatial_registration
from contour.errors import InputError, NotReadyError
from contour.jobs.fraction_archive import DEFORMABLE, RIGID, STRUCTURES
from contour.jobs.work import WorkInstance
from registration.grid import Grid, Shape
from registration.transform import Alignment
from registration.warp import warp

_AIR_HU = -1024
_INT16 = np.iinfo(np.int16)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanBeside:
    """The plan that a fraction was adapted from; `structures` is empty where it is not there any more."""

    ct: tuple[WorkInstance, ...]
    series_instance_uid: str | None
    structures: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseSource:
    """Where a case lies in the store.

    Args:
        ct: Instances of the scan that was contoured: the planning CT, or a fraction's scan of the day.
        series_instance_uid: Which of several.
        file: The job's file: a structure set, or a fraction's archive.
        members: Names of the archive's files; empty for a plan.
        plan: Of a fraction.
    """

    ct: tuple[WorkInstance, ...]
    series_instance_uid: str | None
    file: str
    members: tuple[str, ...] = ()
    plan: PlanBeside | None = None

    @property
    def has_structures(self) -> bool:
        """False of a fraction that was refused."""
        return self.plan is None or STRUCTURES in self.members


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseStructure:
    """A structure as the machine drew it: its voxels without membership, and the contours that they are inside of."""

    structure: Structure
    polygons: SlicePolygons

    def graded(self) -> Structure:
        """The same with the membership that its contours give."""
        drawn = self.structure
        return Structure(
            name=drawn.name,
            grid=drawn.grid,
            lower_zyx=drawn.lower_zyx,
            mask_zyx=drawn.mask_zyx,
            membership_zyx=graded_mask(self.polygons, drawn.mask_zyx, lower_zyx=drawn.lower_zyx),
            generation=drawn.generation,
            description=drawn.description,
            roi=drawn.roi,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewCase:
    """A case as the machine left it.

    Args:
        grid: Of the scan.
        slice_uids: SOP Instance UID of each slice, in the grid's order.
        structures: In the order of the file; none of a fraction that was refused.
        sop_instance_uid: Of the machine's structure set, empty where there is none.
    """

    grid: Grid
    slice_uids: tuple[str, ...]
    structures: tuple[CaseStructure, ...]
    sop_instance_uid: str

    @property
    def nbytes(self) -> int:
        """What it takes in memory, memberships that are made later included."""
        return sum(2 * one.structure.mask_zyx.nbytes + one.polygons.points_yx.nbytes for one in self.structures)


@dataclass(frozen=True, slots=True, kw_only=True)
class CoarseField:
    """Displacements at every `step_zyx`-th voxel; (z, y, x, 3) float32, mm."""

    step_zyx: Shape
    start_zyx: Shape
    vectors_zyx: NDArray[np.float32]


def ready() -> None:
    """Nothing: whoever has this run in another process has all that reading a case needs loaded there."""


def read_case(source: CaseSource) -> ReviewCase:
    """The case, without decoding an image.

    Raises:
        InputError: what the readers raise; NOT_OUR_STRUCTURE_SET.
    """
    series = _series(source)
    if not source.has_structures:
        return ReviewCase(grid=series.grid, slice_uids=_uids(series), structures=(), sop_instance_uid="")
    found = read_machine_set(structure_set_bytes(source), series)
    return ReviewCase(
        grid=series.grid,
        slice_uids=_uids(series),
        structures=tuple(CaseStructure(structure=one.structure, polygons=one.polygons) for one in found.structures),
        sop_instance_uid=found.sop_instance_uid,
    )


def structure_set_bytes(source: CaseSource) -> bytes:
    """The machine's structure set, to the byte."""
    if source.plan is None:
        return Path(source.file).read_bytes()
    return _member(source, STRUCTURES)


def read_planned(source: CaseSource) -> tuple[Structure, ...]:
    """The plan's structures on the day's grid as they were planned, set-up put right; those that leave it are empty.

    Raises:
        NotReadyError: NO_PLAN_STRUCTURES.
        InputError: what the readers raise.
    """
    plan = source.plan
    if plan is None or not plan.structures:
        raise NotReadyError("no structure set of the plan is there", reason="NO_PLAN_STRUCTURES")
    series = _series(source)
    planning = read_ct_geometry(plan.ct, series_instance_uid=plan.series_instance_uid)
    planned = read_plan_structures(Path(plan.structures).read_bytes(), planning).structures
    rigid = _alignment(source, series).rigid_only
    return tuple(carry_structure(one, rigid, series.grid).structure for one in planned)


def read_plan_volume(source: CaseSource, *, deformed: bool) -> NDArray[np.int16]:
    """The plan CT in HU on the day's grid, -1024 beyond it; set-up put right, or the deformation as well.

    Raises:
        InputError: what the readers raise.
    """
    plan = source.plan
    if plan is None:
        raise NotReadyError("a plan has no plan beside it", reason="NO_PLAN_VOLUME")
    series = _series(source)
    planning = read_ct_instances(plan.ct, series_instance_uid=plan.series_instance_uid)
    alignment = _alignment(source, series)
    found = warp(
        planning.volume, alignment if deformed else alignment.rigid_only, series.grid, outside=float(_AIR_HU)
    ).values_zyx
    rounded: NDArray[np.int16] = np.clip(np.rint(found), _INT16.min, _INT16.max).astype(np.int16)
    return rounded


def read_displacement(source: CaseSource, *, step_mm: float) -> CoarseField:
    """The deformation at nodes about `step_mm` apart, whole voxels of the day's grid.

    Raises:
        NotReadyError: NO_DISPLACEMENT where the alignment was rigid.
        InputError: what the readers raise.
    """
    series = _series(source)
    field = _alignment(source, series).field if RIGID in source.members else None
    if field is None:
        raise NotReadyError("the fraction has no deformation", reason="NO_DISPLACEMENT")
    grid = series.grid
    sizes = zip(grid.shape_zyx, grid.spacing_zyx_mm, strict=True)
    step_z, step_y, step_x = (max(1, min(round(step_mm / mm), size)) for size, mm in sizes)
    start_z, start_y, start_x = (
        ((size - 1) % step) // 2 for size, step in zip(grid.shape_zyx, (step_z, step_y, step_x), strict=True)
    )
    z, y, x = (
        np.arange(start, size, step, dtype=np.float64)
        for start, size, step in zip((start_z, start_y, start_x), grid.shape_zyx, (step_z, step_y, step_x), strict=True)
    )
    nodes = np.stack(np.meshgrid(z, y, x, indexing="ij"), axis=-1)
    return CoarseField(
        step_zyx=(step_z, step_y, step_x),
        start_zyx=(start_z, start_y, start_x),
        vectors_zyx=field.at(grid.to_point_xyz_mm(nodes)).astype(np.float32),
    )


def _series(source: CaseSource) -> CtSeries:
    return read_ct_geometry(source.ct, series_instance_uid=source.series_instance_uid)


def _uids(series: CtSeries) -> tuple[str, ...]:
    return tuple(reference.sop_instance_uid for reference in series.slices)


def _alignment(source: CaseSource, series: CtSeries) -> Alignment:
    """Day to plan, as the fraction's registration objects say."""
    if DEFORMABLE in source.members:
        return read_deformable_registration(_member(source, DEFORMABLE))
    rigid = read_spatial_registration(_member(source, RIGID))
    if not rigid.to_registered:
        raise InputError("the registration holds no transform", reason="MALFORMED_REGISTRATION")
    return Alignment(
        rigid=rigid.to_registered[-1][1],
        field=None,
        fixed_frame_uid=series.frame_of_reference_uid,
        moving_frame_uid=rigid.registered_frame_uid,
    )


def _member(source: CaseSource, name: str) -> bytes:
    if name not in source.members:
        raise NotReadyError(f"the fraction has no {name}", reason="NO_SUCH_FILE")
    with zipfile.ZipFile(source.file) as archive:
        return archive.read(name)
