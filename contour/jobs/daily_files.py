"""A fraction's DICOM objects, each read back before it is handed out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from contour.anatomy.structures import Structure
from contour.dicom.ct_series import CtSeries
from contour.dicom.deformable_registration import write_deformable_registration
from contour.dicom.registration_header import RegistrationSettings
from contour.dicom.rtdose_writer import RtDoseSettings, write_rtdose
from contour.dicom.rtstruct_verification import verify_rtstruct
from contour.dicom.rtstruct_writer import StructureSetSettings, build_rtstruct
from contour.dicom.spatial_registration import write_spatial_registration
from registration.transform import Alignment, DisplacementField
from registration.volume import Volume

STRUCTURE_SET_LABEL = "CONTOUR DAILY"
_GENERATION = "carried from plan by deformable registration"


@dataclass(frozen=True, slots=True, kw_only=True)
class FractionFiles:
    """What a fraction's files are made from.

    Args:
        daily: Whose study and frame the structure set joins.
        plan: The planning CT.
        alignment: Day to plan.
        structures: Carried and described, on the day's grid.
        predecessor_uid: SOP Instance UID of the plan's structure set.
        plan_to_daily: The way back.
        doses: Name, dose, whether it lies on the day's scan, and what it is.
        now: Date and time of every object.
        uid_source: UIDs, in a fixed order.
    """

    daily: CtSeries
    plan: CtSeries
    alignment: Alignment
    structures: tuple[Structure, ...]
    predecessor_uid: str
    plan_to_daily: DisplacementField | None
    doses: tuple[tuple[str, Volume, bool, str], ...]
    now: datetime
    uid_source: Callable[[], str]


def fraction_files(content: FractionFiles) -> tuple[tuple[str, bytes], ...]:
    """Names and bytes: structures, registrations, and doses where there are any.

    Raises:
        UntrustworthyResultError: a file, read back, is not what was meant.
    """
    settings = StructureSetSettings(
        label=STRUCTURE_SET_LABEL,
        now=content.now,
        uid_source=content.uid_source,
        model=_GENERATION,
        series_description="Structures carried to the day by contour-rt",
        predecessor_sop_instance_uid=content.predecessor_uid or None,
    )
    structures = build_rtstruct(content.daily, content.structures, settings)
    verify_rtstruct(structures, content.daily, content.structures)
    files = [("structures.dcm", structures)]
    registration = RegistrationSettings(now=content.now, uid_source=content.uid_source)
    files.append(
        (
            "rigid.dcm",
            write_spatial_registration(content.alignment.rigid, content.daily, content.plan, registration),
        )
    )
    if content.alignment.field is not None:
        files.append(
            (
                "deformable.dcm",
                write_deformable_registration(content.alignment, content.daily, content.plan, registration),
            )
        )
    for name, dose, on_day, what in content.doses:
        about = RtDoseSettings(
            now=content.now,
            uid_source=content.uid_source,
            summation="PLAN" if on_day else "FRACTION",
            description=what,
        )
        files.append((name, write_rtdose(dose, content.daily if on_day else content.plan, about)))
    return tuple(files)
