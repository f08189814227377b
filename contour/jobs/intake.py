"""What an uploaded file is, by the same rules by which a folder is read."""

from __future__ import annotations

from pydicom.uid import CTImageStorage, RTDoseStorage, RTStructureSetStorage

from contour.dicom.element_walk import WalkLimits
from contour.dicom.vetting import VettingLimits, examine_instance
from contour.errors import InputError
from contour.store.records import InstanceIdentity

PLAN_OBJECT_LIMITS = VettingLimits(instance_bytes=512 * 2**20, structure=WalkLimits(elements=4_000_000))
"""What a structure set or a dose may cost: far more elements than an image, several for each contour."""

_PLAN_OBJECTS = frozenset({RTStructureSetStorage, RTDoseStorage})

SET_ASIDE = frozenset({"NOT_DICOM", "NOT_CT"})
"""Reasons for which a file is left out and the rest of its series is used."""


def identify_instance(data: bytes) -> InstanceIdentity:
    """The identity of an instance whose structure is bounded and whole.

    Raises:
        InputError: as `contour.dicom.vetting.vet_instance`; NOT_CT for a broken object of another kind.
    """
    examined = examine_instance(data, wanted=frozenset())
    if examined.problem is not None and examined.summary.sop_class_uid in _PLAN_OBJECTS:
        examined = examine_instance(data, wanted=frozenset(), limits=PLAN_OBJECT_LIMITS)
    summary = examined.summary
    if examined.problem is not None:
        if summary.sop_class_uid and summary.sop_class_uid != CTImageStorage:
            raise InputError("a broken object that is no CT image", reason="NOT_CT")
        raise InputError(examined.problem.message, reason=examined.problem.reason)
    return InstanceIdentity(
        sop_instance_uid=summary.sop_instance_uid,
        sop_class_uid=summary.sop_class_uid,
        series_instance_uid=summary.series_instance_uid,
        modality=summary.modality,
    )
