"""A whole course of a synthetic patient: the plan, and a scan for each fraction whose truth is known.

    plan/ct/CT.NNNN.dcm  plan/RS.dcm  plan/RD.dcm
    fraction_NN/ct/CT.NNNN.dcm  fraction_NN/truth/{RS.dcm, landmarks.csv, motion.json}

Over the weeks the patient loses weight, the parotid glands and the gross target shrink, the glands move inward; each
day has its own set-up error and bend of the neck, and from fraction 9 on the set-up drifts. Incidents can be put in.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count
from pathlib import Path

import numpy as np
from scipy.ndimage import distance_transform_edt

from contour.anatomy.structures import Structure, crop_to_structure
from contour.dicom.ct_reader import read_ct_folder
from contour.dicom.ct_series import CtSeries
from contour.dicom.ct_writer import CtIdentity, write_ct_series
from contour.dicom.rtdose_writer import RtDoseSettings, write_rtdose
from contour.dicom.rtstruct_writer import StructureSetSettings, build_rtstruct
from contour.dicom.uids import derive_uid
from contour.errors import InputError
from contour.phantom.daily import Day, ScanSettings, day_grid, scan_day
from contour.phantom.motion import Depth
from contour.phantom.neck import NeckChange, neck_motion
from contour.phantom.patient import Phantom, head_and_neck_phantom
from contour.phantom.settings import PhantomSettings
from contour.phantom.writing import ct_identity
from registration.foreground import at_least
from registration.resample import resample
from registration.volume import Volume

COARSE_SCAN = PhantomSettings(shape_zyx=(60, 128, 128), spacing_zyx_mm=(5.0, 3.9, 3.9))
"""A seventh of `SCAN`'s voxels, for a course that is played while somebody waits."""
SCAN = PhantomSettings(shape_zyx=(100, 256, 256), spacing_zyx_mm=(3.0, 1.95, 1.95))
CTV, PTV, GROSS, NODAL = "CTV_7000", "PTV_7000", "GTVp", "GTVn"
CTV_MARGIN_MM, PTV_MARGIN_MM = 8.0, 5.0
PRESCRIPTION_GY = 70.0
DRIFT_FROM_FRACTION = 9
DRIFT_MM_A_FRACTION = 1.0
_FIRST_DAY = datetime(2000, 1, 10, 8, 30, tzinfo=UTC)
_MOST_FRACTIONS = 60
_FALL_OFF_MM = 22.0
_BATH_GY = 6.0
_DOSE_STEP_MM = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class CourseSettings:
    """What happens to whom.

    Args:
        seed: Same seed, same patient and same course.
        fractions: How many; 1 to 60.
        scan: Of plan and days.
        wrong_patient: Fraction at which another patient is scanned under this one's name; 0 for none.
        flipped: Fraction whose voxels run from right to left against its header; 0 for none.
        plan_again: Fraction at which the plan CT is sent again, under new identifiers; 0 for none.

    Raises:
        InputError: BAD_COURSE for numbers out of range.
    """

    seed: int = 1
    fractions: int = 20
    scan: PhantomSettings = field(default_factory=lambda: SCAN)
    wrong_patient: int = 0
    flipped: int = 0
    plan_again: int = 0

    def __post_init__(self) -> None:
        if not 1 <= self.fractions <= _MOST_FRACTIONS:
            raise InputError(
                f"a course has 1 to {_MOST_FRACTIONS} fractions, found {self.fractions}", reason="BAD_COURSE"
            )
        for number in (self.wrong_patient, self.flipped, self.plan_again):
            if not 0 <= number <= self.fractions:
                raise InputError(f"fraction {number} of {self.fractions}", reason="BAD_COURSE")


def write_course(folder: Path, settings: CourseSettings, *, on_fraction: Callable[[float], None] | None = None) -> None:
    """The files under a folder; the same settings give the same bytes."""
    phantom = head_and_neck_phantom(settings.seed, settings.scan)
    structures = plan_structures(phantom)
    identity = ct_identity(phantom)
    plan_folder = folder / "plan"
    write_ct_series(phantom.ct, plan_folder / "ct", identity)
    plan = read_ct_folder(plan_folder / "ct")
    uids = uid_source(f"{identity.seed} plan")
    (plan_folder / "RS.dcm").write_bytes(_structure_set(plan, structures, identity.acquired, uids, "PLAN"))
    dose = plan_dose(structures)
    about = RtDoseSettings(now=identity.acquired, uid_source=uids, description="Synthetic plan dose")
    (plan_folder / "RD.dcm").write_bytes(write_rtdose(dose, plan, about))
    depth = Depth.below(phantom.structure("External"))
    for number in range(1, settings.fractions + 1):
        day = course_day(phantom, structures, depth, number, settings)
        _write_day(folder / f"fraction_{number:02d}", day, number, settings, identity)
        if on_fraction is not None:
            on_fraction(number / settings.fractions)


def plan_structures(phantom: Phantom) -> tuple[Structure, ...]:
    """The phantom's true structures, a CTV about the gross targets and a PTV about that; empty ones left out."""
    own = [replace(one, generation="MANUAL") for one in phantom.structures if not one.is_empty]
    inside = phantom.structure("External").full_mask_zyx()
    gross = phantom.structure(GROSS)
    spacing = gross.grid.spacing_zyx_mm
    every = gross.full_mask_zyx() | phantom.structure(NODAL).full_mask_zyx()
    away = distance_transform_edt(~every, sampling=spacing)
    clinical = (away <= CTV_MARGIN_MM) & inside
    planning = distance_transform_edt(~clinical, sampling=spacing) <= PTV_MARGIN_MM
    made = [
        crop_to_structure(name, gross.grid, mask, generation="MANUAL")
        for name, mask in ((CTV, clinical), (PTV, planning & inside))
    ]
    return (*own, *made)


def plan_dose(structures: tuple[Structure, ...]) -> Volume:
    """Gray: the prescription in the PTV, falling off around it, on a lattice of 3 mm about it."""
    named = {structure.name: structure for structure in structures}
    target = named[PTV]
    away = distance_transform_edt(~target.full_mask_zyx(), sampling=target.grid.spacing_zyx_mm)
    body = named["External"].full_mask_zyx()
    fall = PRESCRIPTION_GY * np.exp(-((away / _FALL_OFF_MM) ** 2))
    fine = Volume(grid=target.grid, values_zyx=np.where(body, np.maximum(fall, _BATH_GY), 0.0).astype(np.float32))
    return resample(fine, target.grid.resampled(at_least(target.grid, _DOSE_STEP_MM)), outside=0.0)


def change_on(number: int, settings: CourseSettings) -> NeckChange:
    """What is different on a fraction's day."""
    share = (number - 1) / max(1, settings.fractions - 1)
    rng = np.random.default_rng((settings.seed, number, 20260000))
    daily = rng.normal(scale=2.2, size=3)
    drift_mm = DRIFT_MM_A_FRACTION * max(0, number - DRIFT_FROM_FRACTION + 1)
    turn = rng.normal(scale=0.9, size=3)
    return NeckChange(
        set_up_xyz_mm=(float(daily[0]), float(daily[1] + drift_mm), float(daily[2])),
        set_up_turn_xyz_deg=(float(turn[0]), float(turn[1]), float(turn[2])),
        flexion_deg=float(rng.normal(scale=2.0)),
        weight_loss_mm=6.0 * share,
        parotid_change=-0.3 * share,
        parotid_medial_mm=3.0 * share,
        target_change=-0.35 * share,
        larynx_lift_mm=float(rng.uniform(-2.0, 5.0)),
    )


def course_day(
    phantom: Phantom, structures: tuple[Structure, ...], depth: Depth, number: int, settings: CourseSettings
) -> Day:
    """A fraction's scan with its truth; of an incident there is no truth, and the structures are empty."""
    frame = derive_uid("contour phantom", "course", str(settings.seed), "fraction", str(number))
    grid = day_grid(phantom.ct.grid, frame)
    seen = ScanSettings(noise_hu=12.0, seed=1000 * settings.seed + number)
    if number == settings.wrong_patient:
        other = head_and_neck_phantom(settings.seed + 1000, settings.scan)
        motion = neck_motion(other.structures, change_on(number, settings), Depth.below(other.structure("External")))
        return _without_truth(scan_day(other.ct, (), motion, grid, seen))
    motion = neck_motion(structures, change_on(number, settings), depth, target=GROSS)
    if number == settings.plan_again:
        again = Volume(
            grid=replace(phantom.ct.grid, frame_of_reference_uid=frame), values_zyx=phantom.ct.values_zyx.copy()
        )
        return _without_truth(replace(scan_day(phantom.ct, (), motion, grid, seen), ct=again))
    day = scan_day(phantom.ct, structures, motion, grid, seen)
    if number == settings.flipped:
        return _without_truth(replace(day, ct=Volume(grid=grid, values_zyx=day.ct.values_zyx[:, :, ::-1].copy())))
    return day


def uid_source(seed: str) -> Callable[[], str]:
    """The same UIDs in the same order for the same seed."""
    numbers = count(1)
    return partial(_next_uid, seed, numbers)


def _next_uid(seed: str, numbers: count[int]) -> str:
    return derive_uid(seed, "object", str(next(numbers)))


def _without_truth(day: Day) -> Day:
    nothing = np.zeros((0, 3))
    return replace(day, structures=(), landmarks=replace(day.landmarks, daily_xyz_mm=nothing, plan_xyz_mm=nothing))


def _write_day(folder: Path, day: Day, number: int, settings: CourseSettings, plan: CtIdentity) -> None:
    acquired = _FIRST_DAY + timedelta(days=number - 1 + 2 * ((number - 1) // 5))
    identity = replace(
        plan, seed=f"{plan.seed} fraction {number}", acquired=acquired, series_description="Synthetic daily CT"
    )
    write_ct_series(day.ct, folder / "ct", identity)
    truth = folder / "truth"
    truth.mkdir(parents=True, exist_ok=True)
    shown = tuple(structure for structure in day.structures if not structure.is_empty)
    if shown:
        series = read_ct_folder(folder / "ct")
        data = _structure_set(series, shown, acquired, uid_source(f"{identity.seed} truth"), "TRUTH")
        (truth / "RS.dcm").write_bytes(data)
    with (truth / "landmarks.csv").open("w", encoding="ascii", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([f"{where}_{axis}_mm" for where in ("daily", "plan") for axis in "xyz"])
        for daily, planned in zip(day.landmarks.daily_xyz_mm, day.landmarks.plan_xyz_mm, strict=True):
            writer.writerow([f"{value:.3f}" for value in (*daily, *planned)])
    form = {
        "fraction": number,
        "incident": _incident(number, settings),
        "change": asdict(change_on(number, settings)),
        "daily_to_plan_set_up": day.motion.set_up.matrix.round(9).tolist(),
    }
    (truth / "motion.json").write_text(json.dumps(form, indent=1) + "\n", encoding="ascii")


def _incident(number: int, settings: CourseSettings) -> str:
    found = {
        settings.wrong_patient: "wrong patient",
        settings.flipped: "flipped",
        settings.plan_again: "plan CT again",
    }
    return found.get(number, "")


def _structure_set(
    series: CtSeries, structures: tuple[Structure, ...], now: datetime, uids: Callable[[], str], label: str
) -> bytes:
    return build_rtstruct(series, structures, StructureSetSettings(label=label, now=now, uid_source=uids))
