"""What is measured of one fraction: set-up, drift, lesions, dose."""

from __future__ import annotations

import math

import numpy as np

from contour.adaptation.accumulate import FractionMotion, accumulate_dose
from contour.adaptation.dose_today import DoseComparison, compare_dose, dose_on_day
from contour.adaptation.drift import StructureDrift, StructurePair, measure_all_drift
from contour.adaptation.fraction_report import DrawnStructure, PlanDrawn, StructureRow
from contour.adaptation.judgement import Judgement, judge_drift
from contour.adaptation.lesion_history import follow_lesions, lesions_at
from contour.adaptation.lesion_parts import observe_parts, start_lesions
from contour.adaptation.lesions import LesionToday, TargetLesions
from contour.adaptation.limits import Limits
from contour.adaptation.scan_facts import ScanFacts
from contour.adaptation.scan_quality import ScanQuality, scan_quality
from contour.adaptation.setup import COUCH_AXES, SetupShift, measure_setup
from contour.adaptation.solid import View
from contour.adaptation.targets import TargetPairs, read_target_name
from contour.adaptation.trust import jacobian_volume
from contour.anatomy.agreement import dice
from contour.anatomy.structures import Structure
from contour.dicom.plan_structures import PlanStructures, read_plan_structures
from contour.dicom.rtdose_reader import read_rtdose
from contour.errors import InputError
from contour.jobs.daily_structures import CarriedStructure
from contour.jobs.daily_values import DailyInputs, DailySettings
from contour.jobs.fraction_archive import DOSE_ON_PLAN, DOSE_TODAY
from contour.segmentation.body import find_body
from registration.align import AlignmentResult
from registration.grid import Triple
from registration.transform import Alignment
from registration.volume import Volume


def measure_fraction_setup(
    planned: PlanStructures, pairs: TargetPairs, inputs: DailyInputs, aligned: AlignmentResult
) -> SetupShift:
    """At the high-dose target's centroid, or at that of all structures where no target stands out."""
    named = {structure.name: structure for structure in planned.structures}
    chosen = [named[pairs.high_dose]] if pairs.high_dose in named else list(planned.structures)
    points = [_centroid_xyz_mm(structure) for structure in chosen]
    x, y, z = (float(v) for v in np.mean(np.asarray(points), axis=0))
    position = inputs.plan.patient_position
    return measure_setup(
        aligned.alignment.rigid,
        reference_xyz_mm=(x, y, z),
        reference=pairs.high_dose or "centre of all structures",
        patient_position=position if position in COUCH_AXES else "",
    )


def measure_scan(inputs: DailyInputs) -> ScanFacts:
    """The day's scanner, and how long ago the plan CT was taken."""
    day, planned = inputs.daily.scanner.day, inputs.plan.scanner.day
    volume = inputs.daily.volume
    return ScanFacts(
        device=inputs.daily.scanner.device,
        days_since_plan=None if day is None or planned is None else (day - planned).days,
        quality=_quality(volume),
    )


def _quality(volume: Volume) -> ScanQuality:
    """Of a scan in which no body is found, which the alignment will refuse, the steps alone."""
    try:
        body = find_body(volume)
    except InputError as error:
        if error.reason != "NO_BODY":
            raise
        step, row, column = volume.grid.spacing_zyx_mm
        return ScanQuality(
            air_hu=None,
            fat_hu=None,
            muscle_hu=None,
            noise_hu=None,
            slice_step_mm=step,
            pixel_spacing_mm=math.sqrt(row * column),
        )
    return scan_quality(volume, body)


def measure_drawn(inputs: DailyInputs, planned: PlanStructures) -> PlanDrawn | None:
    """How much of the network's plan contours was kept; proposals and regions to look at are no contours."""
    if inputs.drawn is None:
        return None
    drawn = read_plan_structures(inputs.drawn.structures, inputs.plan).structures
    kept = {one.name: one for one in planned.structures}
    return PlanDrawn(
        model=inputs.drawn.model,
        model_version=inputs.drawn.model_version,
        structures=tuple(
            DrawnStructure(name=one.name, dice=dice(one.full_mask_zyx(), kept[one.name].full_mask_zyx()))
            for one in drawn
            if one.name in kept
        ),
    )


def _centroid_xyz_mm(structure: Structure) -> Triple:
    index = np.argwhere(structure.mask_zyx).mean(axis=0) + np.asarray(structure.lower_zyx)
    x, y, z = structure.grid.to_point_xyz_mm(index)
    return (float(x), float(y), float(z))


def measure_fraction_drift(
    carried: tuple[CarriedStructure, ...], inputs: DailyInputs, alignment: Alignment, pairs: TargetPairs
) -> tuple[StructureDrift, ...]:
    """Each structure against the plan once set-up is put right."""
    view = View(plan=inputs.plan.grid, day=inputs.daily.grid, daily_to_plan=alignment.rigid)
    return measure_all_drift(
        [
            StructurePair(plan=one.plan, today=one.structure, by_setup=one.by_setup, out_of_view=one.out_of_view)
            for one in carried
        ],
        view,
        pairs,
    )


def judge_rows(rows: tuple[StructureRow, ...], limits: Limits) -> list[Judgement]:
    """A refused structure is left out and makes the fraction worth a look; it does not refuse the others."""
    found: list[Judgement] = []
    for row in rows:
        found += [Judgement(verdict="LOOK", finding=reason) for reason in row.trust.reasons]
        found += [Judgement(verdict="LOOK", finding=one.finding) for one in judge_drift(row.drift, limits.drift)]
    return found


def measure_fraction_lesions(
    carried: tuple[CarriedStructure, ...], aligned: AlignmentResult, fraction: int
) -> tuple[tuple[LesionToday, ...], tuple[TargetLesions, ...]]:
    """The parts of every gross or clinical target; of planning volumes where a plan has no other target."""
    alignment = aligned.alignment
    back = None if aligned.inverse is None else aligned.inverse.field
    kinds = {one.plan.name: read_target_name(one.plan.name) for one in carried}
    has_own = any(kind is not None and kind.kind != "PTV" for kind in kinds.values())
    lesions: list[LesionToday] = []
    parts: list[TargetLesions] = []
    for one in carried:
        kind = kinds[one.plan.name]
        if kind is None or (has_own and kind.kind == "PTV"):
            continue
        today = observe_parts(
            one.plan,
            alignment,
            one.structure.grid,
            fraction=fraction,
            plan_to_daily=back,
            jacobian=None if alignment.field is None else jacobian_volume(alignment.field),
        )
        start = start_lesions(one.plan)
        lesions += lesions_at(follow_lesions(start, today), fraction)
        parts.append(TargetLesions(target=one.plan.name, plan=start.plan, today=today))
    return tuple(lesions), tuple(parts)


def read_plan_dose(inputs: DailyInputs, settings: DailySettings) -> Volume | None:
    """The plan's dose in Gy; None where none was given. Read before anything slow, so that a bad one is told at once.

    Raises:
        InputError: DOSE_IN_OTHER_FRAME; BAD_FRACTION for a number beyond the planned ones; or as `read_rtdose`.
    """
    if inputs.plan_dose is None:
        return None
    dose = read_rtdose(inputs.plan_dose).volume
    if dose.grid.frame_of_reference_uid != inputs.plan.frame_of_reference_uid:
        raise InputError("the dose lies in another frame of reference than the plan CT", reason="DOSE_IN_OTHER_FRAME")
    planned, fraction = settings.planned_fractions, settings.fraction
    if planned is not None and fraction is not None and fraction > planned:
        raise InputError(f"fraction {fraction} of {planned} planned", reason="BAD_FRACTION")
    return dose


def compare_fraction_dose(
    plan_dose: Volume | None,
    settings: DailySettings,
    carried: tuple[CarriedStructure, ...],
    aligned: AlignmentResult,
) -> DoseComparison | None:
    """The difference table; None where no dose was given."""
    if plan_dose is None:
        return None
    rows = compare_dose(
        plan_dose,
        [(one.plan, one.structure) for one in carried],
        aligned.alignment.rigid,
        at_doses_gy=settings.at_doses_gy,
    )
    return DoseComparison(rows=rows, planned_fractions=settings.planned_fractions)


def fraction_doses(
    inputs: DailyInputs, settings: DailySettings, plan_dose: Volume | None, aligned: AlignmentResult
) -> tuple[tuple[str, Volume, bool, str], ...]:
    """Name, dose, whether it lies on the day's scan, and what it is."""
    if plan_dose is None:
        return ()
    step = plan_dose.grid.spacing_zyx_mm
    day = inputs.daily.grid
    coarse: Triple = (max(step[0], day.spacing_zyx_mm[0]), max(step[1], day.spacing_zyx_mm[1]),
                      max(step[2], day.spacing_zyx_mm[2]))  # fmt: skip
    today = dose_on_day(plan_dose, aligned.alignment, day.resampled(coarse))
    found = [(DOSE_TODAY, today, True, "Plan dose on today's anatomy")]
    planned, fraction = settings.planned_fractions, settings.fraction
    if planned is not None and fraction is not None:
        motion = FractionMotion(
            fraction=fraction,
            daily_to_plan=aligned.alignment.rigid,
            plan_to_daily=None if aligned.inverse is None else aligned.inverse.field,
        )
        back = accumulate_dose(plan_dose, [motion], planned_fractions=planned).dose
        found.append((DOSE_ON_PLAN, back, False, "Dose of one fraction on the plan"))
    return tuple(found)
