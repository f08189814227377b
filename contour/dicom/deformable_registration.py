"""An alignment as a Deformable Spatial Registration object.

The object is in the registered frame, the day's; each point of it goes through the pre-deformation matrix (identity),
gets the grid's offset at its place, and goes through the post-deformation matrix (set-up) to the source frame, the
plan's, where it is to be sampled: PS3.3 C.20.3.1.1 and C.20.3.1.3. That is `Alignment` to the letter.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as DatasetSequence
from pydicom.uid import DeformableSpatialRegistrationStorage

from contour.dicom.ct_series import CtSeries
from contour.dicom.part10 import part_10_bytes
from contour.dicom.registration_header import (
    RegistrationSettings,
    decimal_matrix,
    referenced_images,
    registration_header,
)
from contour.dicom.registration_reading import BROKEN, malformed, matrix_of, read_registration
from contour.errors import InputError, UntrustworthyResultError
from registration.errors import GridError
from registration.grid import Grid, Triple
from registration.orientation import AxisOrder
from registration.transform import Alignment, DisplacementField, RigidTransform

_MOST_DRIFT_MM = 0.02
_MOST_NODES = 200_000_000
_KEPT: tuple[int, int, int] = (0, 1, 2)


def write_deformable_registration(
    daily_to_plan: Alignment, daily: CtSeries, plan: CtSeries, settings: RegistrationSettings
) -> bytes:
    """A complete DICOM file, read back and compared before it is handed out.

    Args:
        daily_to_plan: With a field.
        daily: Of the alignment's fixed frame; the object joins its study.
        plan: Of the moving frame.
        settings: What the object says of itself.

    Raises:
        InputError: NO_FIELD for a rigid alignment.
        UntrustworthyResultError: REGISTRATION_DRIFT where what was read back is not what was meant.
    """
    if daily_to_plan.field is None:
        raise InputError("a rigid alignment has no deformation to write", reason="NO_FIELD")
    dataset = registration_header(
        DeformableSpatialRegistrationStorage, daily.frame_of_reference_uid, daily, plan, settings
    )
    item = Dataset()
    item.SourceFrameOfReferenceUID = plan.frame_of_reference_uid
    item.ReferencedImageSequence = referenced_images(plan)
    item.DeformableRegistrationGridSequence = DatasetSequence([_grid_item(daily_to_plan.field)])
    item.PreDeformationMatrixRegistrationSequence = DatasetSequence([_matrix_item(RigidTransform())])
    item.PostDeformationMatrixRegistrationSequence = DatasetSequence([_matrix_item(daily_to_plan.rigid)])
    item.RegistrationTypeCodeSequence = DatasetSequence([])
    dataset.DeformableRegistrationSequence = DatasetSequence([item])
    data = part_10_bytes(dataset)
    _require_same(read_deformable_registration(data), daily_to_plan)
    return data


def read_deformable_registration(data: bytes) -> Alignment:
    """A Deformable Spatial Registration with one deformed source, as an alignment from its own frame to the source's.

    A pre-deformation matrix is taken into the grid's place, so it has to be rigid as well.

    Raises:
        InputError: NOT_REGISTRATION, MALFORMED_REGISTRATION, NOT_RIGID, UNDEFINED_DEFORMATION where offsets are not
            finite, or as `contour.dicom.vetting.vet_instance`.
    """
    dataset = read_registration(data, DeformableSpatialRegistrationStorage)
    frame_uid = str(dataset.FrameOfReferenceUID)
    deformed = [
        item
        for item in dataset.get("DeformableRegistrationSequence") or ()
        if item.get("DeformableRegistrationGridSequence")
    ]
    if len(deformed) != 1:
        raise InputError(
            f"{len(deformed)} deformed sources in the registration, expected one", reason="MALFORMED_REGISTRATION"
        )
    (item,) = deformed
    pre, post = (
        _rigid(item.get(keyword))
        for keyword in ("PreDeformationMatrixRegistrationSequence", "PostDeformationMatrixRegistrationSequence")
    )
    field = _field(item.DeformableRegistrationGridSequence[0], frame_uid)
    return Alignment(
        rigid=pre.then(post),
        field=field if pre == RigidTransform() else _turned_back(field, pre),
        fixed_frame_uid=frame_uid,
        moving_frame_uid=str(item.get("SourceFrameOfReferenceUID", "")),
    )


def _grid_item(field: DisplacementField) -> Dataset:
    grid, offsets = _right_handed(field)
    item = Dataset()
    item.ImagePositionPatient = [f"{v:.10g}"[:16] for v in grid.origin_xyz_mm]
    item.ImageOrientationPatient = decimal_matrix((*grid.axes_xyz[2], *grid.axes_xyz[1]))
    item.GridDimensions = list(grid.shape_zyx[::-1])
    item.GridResolution = list(grid.spacing_zyx_mm[::-1])
    item.VectorGridData = np.ascontiguousarray(offsets, dtype="<f4").tobytes()
    return item


def _right_handed(field: DisplacementField) -> tuple[Grid, NDArray[np.float32]]:
    """With the third axis along row x column, as the standard has it; the offsets stay in patient axes."""
    if field.grid.handedness > 0:
        return field.grid, field.displacements_xyz_mm
    order = AxisOrder(source=_KEPT, reverse=(True, False, False))
    return order.apply_to_grid(field.grid), field.displacements_xyz_mm[::-1]


def _matrix_item(transform: RigidTransform) -> Dataset:
    item = Dataset()
    item.FrameOfReferenceTransformationMatrixType = "RIGID"
    item.FrameOfReferenceTransformationMatrix = decimal_matrix(transform.matrix.ravel())
    return item


def _rigid(sequence: DatasetSequence | None) -> RigidTransform:
    whole = np.eye(4)
    for item in sequence or ():
        whole = matrix_of(item) @ whole
    try:
        return RigidTransform.from_matrix(whole)
    except GridError:
        raise InputError("a matrix of the registration is not rigid", reason="NOT_RIGID") from None


def _field(item: Dataset, frame_uid: str) -> DisplacementField:
    try:
        nx, ny, nz = (int(n) for n in item.GridDimensions)
        dx, dy, dz = (float(s) for s in item.GridResolution)
        row = np.asarray([float(v) for v in item.ImageOrientationPatient[:3]])
        column = np.asarray([float(v) for v in item.ImageOrientationPatient[3:6]])
        x, y, z = (float(v) for v in item.ImagePositionPatient)
        data = bytes(item.VectorGridData)
        if not 0 < nx * ny * nz <= _MOST_NODES or len(data) != nx * ny * nz * 12:
            raise ValueError("the grid does not have the size it states")
        offsets = np.frombuffer(data, dtype="<f4").reshape(nz, ny, nx, 3).astype(np.float32)
        grid = Grid(
            shape_zyx=(nz, ny, nx),
            spacing_zyx_mm=(dz, dy, dx),
            origin_xyz_mm=(x, y, z),
            axes_xyz=(_unit(np.cross(row, column)), _unit(column), _unit(row)),
            frame_of_reference_uid=frame_uid,
        )
    except (*BROKEN, GridError) as error:
        raise malformed(error) from None
    if not np.isfinite(offsets).all():
        raise InputError("the deformation is undefined in places", reason="UNDEFINED_DEFORMATION")
    return DisplacementField(grid=grid, displacements_xyz_mm=offsets)


def _turned_back(field: DisplacementField, pre: RigidTransform) -> DisplacementField:
    """The same deformation with its grid laid where the pre-matrix would take it from: pre(x) + d = pre(x + R^-1 d)."""
    back = pre.inverse()
    turn = np.asarray(back.rotation)
    axes = np.asarray(field.grid.axes_xyz) @ turn.T
    origin = back.apply(np.asarray(field.grid.origin_xyz_mm))
    grid = Grid(
        shape_zyx=field.grid.shape_zyx,
        spacing_zyx_mm=field.grid.spacing_zyx_mm,
        origin_xyz_mm=(float(origin[0]), float(origin[1]), float(origin[2])),
        axes_xyz=(_unit(axes[0]), _unit(axes[1]), _unit(axes[2])),
        frame_of_reference_uid=field.grid.frame_of_reference_uid,
    )
    return DisplacementField(
        grid=grid, displacements_xyz_mm=(field.displacements_xyz_mm @ turn.T.astype(np.float32)).astype(np.float32)
    )


def _require_same(found: Alignment, meant: Alignment) -> None:
    if meant.field is None or found.moving_frame_uid != meant.moving_frame_uid:
        raise UntrustworthyResultError("the registration read back names another source", reason="REGISTRATION_DRIFT")
    size = np.asarray(meant.field.grid.shape_zyx) - 1.0
    corners = np.asarray(list(np.ndindex(5, 5, 5)), dtype=np.float64) / 4.0 * size
    points = meant.field.grid.to_point_xyz_mm(corners)
    drift_mm = float(np.linalg.norm(found.map_points(points) - meant.map_points(points), axis=1).max())
    if not math.isfinite(drift_mm) or drift_mm > _MOST_DRIFT_MM:
        raise UntrustworthyResultError(
            f"the deformable registration read back differs by {drift_mm:.3f} mm", reason="REGISTRATION_DRIFT"
        )


def _unit(vector: NDArray[np.float64]) -> Triple:
    x, y, z = (float(v) for v in vector / np.linalg.norm(vector))
    return (x, y, z)
