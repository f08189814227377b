"""Set-up as a Spatial Registration object: the day's frame of reference taken rigidly to the plan's.

The standard's matrix takes points of an item's frame to the registered frame, the one that the object itself is in
(PS3.3 C.20.2.1.1). The registered frame is the plan's, so that the matrix is `daily_to_plan`'s rigid part as it is, and
the plan's own item is the identity. Which way, and why: ops/decisions/registration-objects.md.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as DatasetSequence
from pydicom.uid import SpatialRegistrationStorage

from contour.dicom.ct_series import CtSeries
from contour.dicom.part10 import part_10_bytes
from contour.dicom.registration_header import (
    RegistrationSettings,
    decimal_matrix,
    referenced_images,
    registration_header,
)
from contour.dicom.registration_reading import matrix_of, read_registration
from contour.errors import InputError, UntrustworthyResultError
from registration.errors import GridError
from registration.transform import RigidTransform

_MOST_DRIFT_MM = 0.01
_LEVER_MM = 1000.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SpatialRegistration:
    """A rigid registration as read: the frames it knows, each with its way to the registered one."""

    registered_frame_uid: str
    to_registered: tuple[tuple[str, RigidTransform], ...]

    def between(self, from_frame_uid: str, to_frame_uid: str) -> RigidTransform:
        """From one frame to another, by way of the registered one.

        Raises:
            InputError: UNKNOWN_FRAME.
        """
        known = {self.registered_frame_uid: RigidTransform(), **dict(self.to_registered)}
        for uid in (from_frame_uid, to_frame_uid):
            if uid not in known:
                raise InputError("the registration does not know that frame of reference", reason="UNKNOWN_FRAME")
        return known[from_frame_uid].then(known[to_frame_uid].inverse())


def write_spatial_registration(
    daily_to_plan: RigidTransform, daily: CtSeries, plan: CtSeries, settings: RegistrationSettings
) -> bytes:
    """A complete DICOM file, read back and compared before it is handed out.

    Raises:
        UntrustworthyResultError: REGISTRATION_DRIFT where what was read back is not what was meant.
    """
    dataset = registration_header(SpatialRegistrationStorage, plan.frame_of_reference_uid, daily, plan, settings)
    dataset.RegistrationSequence = DatasetSequence(
        [_item(plan, RigidTransform(), "Plan, the registered frame"), _item(daily, daily_to_plan, "Daily to plan")]
    )
    data = part_10_bytes(dataset)
    if daily.frame_of_reference_uid != plan.frame_of_reference_uid:
        found = read_spatial_registration(data).between(daily.frame_of_reference_uid, plan.frame_of_reference_uid)
        points = np.eye(3) * _LEVER_MM
        if np.abs(found.apply(points) - daily_to_plan.apply(points)).max() > _MOST_DRIFT_MM:
            raise UntrustworthyResultError("the rigid registration read back differs", reason="REGISTRATION_DRIFT")
    return data


def read_spatial_registration(data: bytes) -> SpatialRegistration:
    """Anybody's Spatial Registration, as far as it is rigid.

    Raises:
        InputError: NOT_REGISTRATION, MALFORMED_REGISTRATION, NOT_RIGID, or as `contour.dicom.vetting.vet_instance`.
    """
    dataset = read_registration(data, SpatialRegistrationStorage)
    found: list[tuple[str, RigidTransform]] = []
    for item in dataset.get("RegistrationSequence") or ():
        whole = np.eye(4)
        for registered in item.get("MatrixRegistrationSequence") or ():
            for one in registered.get("MatrixSequence") or ():
                whole = matrix_of(one) @ whole
        try:
            transform = RigidTransform.from_matrix(whole)
        except GridError:
            raise InputError("a matrix of the registration is not rigid", reason="NOT_RIGID") from None
        found.append((str(item.get("FrameOfReferenceUID", "")), transform))
    return SpatialRegistration(registered_frame_uid=str(dataset.FrameOfReferenceUID), to_registered=tuple(found))


def _item(series: CtSeries, to_registered: RigidTransform, comment: str) -> Dataset:
    matrix = Dataset()
    matrix.FrameOfReferenceTransformationMatrixType = "RIGID"
    matrix.FrameOfReferenceTransformationMatrix = decimal_matrix(to_registered.matrix.ravel())
    registered = Dataset()
    registered.FrameOfReferenceTransformationComment = comment
    registered.RegistrationTypeCodeSequence = DatasetSequence([])
    registered.MatrixSequence = DatasetSequence([matrix])
    item = Dataset()
    item.FrameOfReferenceUID = series.frame_of_reference_uid
    item.ReferencedImageSequence = referenced_images(series)
    item.MatrixRegistrationSequence = DatasetSequence([registered])
    return item
