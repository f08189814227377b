"""Set-up: how the patient lies on the day against the plan, and the couch move that puts it right.

Both scans' coordinates are taken as the room's: the treatment isocentre has the same coordinates in the daily scan as
in the plan, as with a scan taken at the treatment machine. Where the day's isocentre lies elsewhere in its scan, that
point is given. Everything is told at one reference point (the target's centroid or the isocentre): a turn about a far
frame origin would show as centimetres of shift that no part of the patient has made.

Patient axes, signs for every position alike (DICOM LPS, right-handed turns, about fixed axes x, then y, then z):
    LR  + to the patient's left         pitch  about LR, + takes the head forward, chin to chest
    AP  + to the back (posterior)       yaw    about AP, + takes the head to the patient's left
    SI  + to the head (superior)        roll   about SI, + takes the patient's left to the back

Couch axes, IEC 61217 with gantry and table at zero, as seen by somebody who faces the gantry from the table's foot:
    lateral       + to the right        pitch  about lateral, + lifts the end towards the gantry
    longitudinal  + towards the gantry  roll   about longitudinal, + lowers the right side
    vertical      + up                  yaw    about vertical, + counter-clockwise from above

    >>> from registration import RigidTransform
    >>> daily_to_plan = RigidTransform(translation_xyz_mm=(-1.0, 0.0, 0.0))  # today lies 1 mm to the left
    >>> found = measure_setup(daily_to_plan, reference_xyz_mm=(0.0, -120.0, 40.0), patient_position="HFS")
    >>> found.shift_xyz_mm, found.couch.lateral_mm
    ((1.0, 0.0, 0.0), -1.0)

References: IEC 61217:2011, 4 (coordinate systems); DICOM PS3.3 C.7.3.1.1.2 (patient position).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from contour.errors import InputError
from registration.grid import Triple
from registration.transform import RigidTransform

_LEFT, _BACK, _HEAD = (1, 0, 0), (0, 1, 0), (0, 0, 1)
_RIGHT, _FRONT, _FEET = (-1, 0, 0), (0, -1, 0), (0, 0, -1)

COUCH_AXES: dict[str, tuple[tuple[int, int, int], tuple[int, int, int], tuple[int, int, int]]] = {
    "HFS": (_LEFT, _HEAD, _FRONT),
    "HFP": (_RIGHT, _HEAD, _BACK),
    "HFDL": (_FRONT, _HEAD, _RIGHT),
    "HFDR": (_BACK, _HEAD, _LEFT),
    "FFS": (_RIGHT, _FEET, _FRONT),
    "FFP": (_LEFT, _FEET, _BACK),
    "FFDL": (_BACK, _FEET, _RIGHT),
    "FFDR": (_FRONT, _FEET, _LEFT),
}
"""Per DICOM Patient Position: where couch lateral, longitudinal and vertical point in the patient (LPS)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CouchCorrection:
    """The couch move that undoes a set-up error: first the shift, then the turns about the isocentre.

    The shift alone puts the reference point right, so that a couch without turns may use it as it is. The turns are
    those of IEC 61217's table top: yaw first, pitch about the axis it leaves, then roll.
    """

    patient_position: str
    lateral_mm: float
    longitudinal_mm: float
    vertical_mm: float
    pitch_deg: float
    roll_deg: float
    yaw_deg: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SetupShift:
    """Six degrees of freedom of set-up at a reference point; axes and signs as told in the module.

    Args:
        reference: What the point is: the isocentre, or the target whose centroid it is.
        reference_xyz_mm: The point in the plan's frame.
        shift_xyz_mm: (LR, AP, SI): where the patient's part that was planned at the point lies today, less where it was
            to lie.
        pitch_deg: Turn of the patient about LR.
        yaw_deg: About AP.
        roll_deg: About SI.
        couch: What undoes it; None where the patient's position on the couch is not known.
    """

    reference: str
    reference_xyz_mm: Triple
    shift_xyz_mm: Triple
    pitch_deg: float
    yaw_deg: float
    roll_deg: float
    couch: CouchCorrection | None

    @property
    def vector_mm(self) -> float:
        """Length of the shift."""
        return math.hypot(*self.shift_xyz_mm)

    @property
    def largest_turn_deg(self) -> float:
        """The largest of the three turns, without sign."""
        return max(abs(self.pitch_deg), abs(self.yaw_deg), abs(self.roll_deg))


def measure_setup(
    daily_to_plan: RigidTransform,
    *,
    reference_xyz_mm: Triple,
    reference: str = "isocentre",
    patient_position: str = "HFS",
    daily_reference_xyz_mm: Triple | None = None,
) -> SetupShift:
    """How far off the patient lies today, and the couch correction.

    Args:
        daily_to_plan: The rigid part of the alignment: takes a point of the daily scan to the plan.
        reference_xyz_mm: The point of the plan at which shifts are told and about which the couch turns.
        reference: Its name for the report.
        patient_position: Of the plan, DICOM (0018,5100); "" where unknown, which leaves the couch out.
        daily_reference_xyz_mm: Where the same point of the room lies in the daily scan's coordinates; as in the plan
            where none is given.

    Raises:
        InputError: the position is none of HFS, HFP, HFDL, HFDR, FFS, FFP, FFDL, FFDR (UNKNOWN_PATIENT_POSITION).
    """
    if patient_position and patient_position not in COUCH_AXES:
        raise InputError(
            f"patient position {patient_position!r} has no couch axes; known are {', '.join(COUCH_AXES)}",
            reason="UNKNOWN_PATIENT_POSITION",
        )
    planned_at = np.asarray(reference_xyz_mm if daily_reference_xyz_mm is None else daily_reference_xyz_mm)
    displaced = daily_to_plan.inverse()
    shift = displaced.apply(np.asarray(reference_xyz_mm, dtype=np.float64)) - planned_at
    pitch, yaw, roll = displaced.turn_xyz_deg
    return SetupShift(
        reference=reference,
        reference_xyz_mm=reference_xyz_mm,
        shift_xyz_mm=_triple(shift),
        pitch_deg=pitch,
        yaw_deg=yaw,
        roll_deg=roll,
        couch=_couch(daily_to_plan, shift, patient_position) if patient_position else None,
    )


def couch_move(correction: CouchCorrection, *, isocentre_xyz_mm: Triple) -> RigidTransform:
    """What a correction does to points of the patient, in patient coordinates: the way to check it."""
    axes = np.asarray(COUCH_AXES[correction.patient_position], dtype=np.float64)
    turn = Rotation.from_euler("ZXY", [correction.yaw_deg, correction.pitch_deg, correction.roll_deg], degrees=True)
    shift = axes.T @ np.array([correction.lateral_mm, correction.longitudinal_mm, correction.vertical_mm])
    matrix = np.eye(4)
    matrix[:3, :3] = axes.T @ turn.as_matrix() @ axes
    centre = np.asarray(isocentre_xyz_mm)
    matrix[:3, 3] = centre + matrix[:3, :3] @ (shift - centre)
    return RigidTransform.from_matrix(matrix)


def _couch(daily_to_plan: RigidTransform, shift_xyz_mm: NDArray[np.float64], position: str) -> CouchCorrection:
    axes = np.asarray(COUCH_AXES[position], dtype=np.float64)
    lateral, longitudinal, vertical = _triple(axes @ -shift_xyz_mm)
    in_room = axes @ np.asarray(daily_to_plan.rotation) @ axes.T
    yaw, pitch, roll = _triple(Rotation.from_matrix(in_room).as_euler("ZXY", degrees=True))
    return CouchCorrection(
        patient_position=position,
        lateral_mm=lateral,
        longitudinal_mm=longitudinal,
        vertical_mm=vertical,
        pitch_deg=pitch,
        roll_deg=roll,
        yaw_deg=yaw,
    )


def _triple(values: NDArray[np.float64]) -> Triple:
    x, y, z = (float(value) + 0.0 for value in values)
    return (x, y, z)
