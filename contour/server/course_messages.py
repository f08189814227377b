"""Fractions and courses, from the store's values to the wire's messages."""

from __future__ import annotations

from dataclasses import replace

from contour.adaptation.watch.values import CourseWatch
from contour.errors import Finding, InputError
from contour.jobs import fraction_archive
from contour.server.messages import MOST_FINDINGS, STATES, finding_message, timestamp
from contour.server.watch_messages import watch_message
from contour.store.json_form import Json, finding_from_json
from contour.store.records import Course, CourseEntry, FractionOutcome, Job, JobResult, PlanSource
from contour.v1 import adaptation_pb2, contouring_pb2

VERDICTS = {
    "PASS": adaptation_pb2.FRACTION_VERDICT_PASS,
    "LOOK": adaptation_pb2.FRACTION_VERDICT_LOOK,
    "REFUSE": adaptation_pb2.FRACTION_VERDICT_REFUSE,
}

FILES = {
    fraction_archive.STRUCTURES: adaptation_pb2.FRACTION_FILE_STRUCTURES,
    fraction_archive.RIGID: adaptation_pb2.FRACTION_FILE_RIGID,
    fraction_archive.DEFORMABLE: adaptation_pb2.FRACTION_FILE_DEFORMABLE,
    fraction_archive.DRIFT: adaptation_pb2.FRACTION_FILE_DRIFT_JSON,
    fraction_archive.REPORT: adaptation_pb2.FRACTION_FILE_REPORT_PNG,
    fraction_archive.DOSE_TODAY: adaptation_pb2.FRACTION_FILE_DOSE_TODAY,
    fraction_archive.DOSE_ON_PLAN: adaptation_pb2.FRACTION_FILE_DOSE_ON_PLAN,
}


def fraction_message(
    job: Job, outcome: FractionOutcome, result: JobResult, *, most_findings: int = MOST_FINDINGS
) -> adaptation_pb2.FractionResult:
    """What a finished fraction gave."""
    report = outcome.report
    inputs = job.request.inputs
    return adaptation_pb2.FractionResult(
        verdict=VERDICTS[outcome.verdict],
        reasons=[finding_message(one) for one in reasons_of(report)[:most_findings]],
        setup=_setup(report),
        structures=_structures(report),
        files=[
            adaptation_pb2.FractionFileInfo(file=FILES[one.name], size_bytes=one.size_bytes, sha256=one.sha256)
            for one in outcome.files
        ],
        stages=[contouring_pb2.StageDuration(stage=stage, elapsed_s=elapsed) for stage, elapsed in result.stages],
        warnings=[finding_message(one) for one in result.warnings[:most_findings]],
        fraction=0 if inputs is None else inputs.fraction,
    )


def course_message(course: Course) -> adaptation_pb2.Course:
    """A course with its fractions."""
    return adaptation_pb2.Course(
        course_id=course.course_id,
        label=course.label,
        plan=plan_message(course.plan),
        create_time=timestamp(course.created_s),
        fractions=[_entry(entry) for entry in course.fractions],
        missing_fractions=course.missing,
        site=course.site,
    )


def listed_course_message(course: Course, watch: CourseWatch | None) -> adaptation_pb2.Course:
    """A course without its fractions, and what most needs to be known of it; None where it came just now."""
    message = course_message(replace(course, fractions=()))
    if watch is not None:
        message.watch.CopyFrom(watch_message(watch, whole=False))
    return message


def plan_message(plan: PlanSource) -> adaptation_pb2.Plan:
    """Where a plan lies."""
    return adaptation_pb2.Plan(
        ct_series_id=plan.ct_series_id,
        ct_series_instance_uid=plan.ct_series_instance_uid,
        structures_series_id=plan.structures_series_id,
        structures_sop_instance_uid=plan.structures_sop_instance_uid,
        dose_series_id=plan.dose_series_id,
        planned_fractions=plan.planned_fractions,
    )


def plan_of(message: adaptation_pb2.Plan) -> PlanSource:
    """Where a caller says that a plan lies.

    Raises:
        InputError: no CT is named, or the number of fractions is out of range.
    """
    if not message.ct_series_id:
        raise InputError(
            "plan.ct_series_id is empty; expected the series of the planning CT", reason="INVALID_ARGUMENT"
        )
    if not 0 <= message.planned_fractions <= _MOST_PLANNED:
        raise InputError(f"planned_fractions must be 0 to {_MOST_PLANNED}", reason="INVALID_ARGUMENT")
    return PlanSource(
        ct_series_id=message.ct_series_id,
        ct_series_instance_uid=message.ct_series_instance_uid,
        structures_series_id=message.structures_series_id,
        structures_sop_instance_uid=message.structures_sop_instance_uid,
        dose_series_id=message.dose_series_id,
        planned_fractions=message.planned_fractions,
    )


_MOST_PLANNED = 200


def reasons_of(report: Json) -> tuple[Finding, ...]:
    """Why a fraction is not PASS, gravest first."""
    return tuple(finding_from_json(form) for form in report["reasons"])


def _entry(entry: CourseEntry) -> adaptation_pb2.CourseFraction:
    job = entry.job
    outcome = None if job.result is None else job.result.fraction
    reason = "" if job.failure is None else job.failure.reason
    if outcome is not None:
        reason = next((one.reason for one in reasons_of(outcome.report)), "")
    return adaptation_pb2.CourseFraction(
        fraction=entry.number,
        job_id=job.job_id,
        daily_series_id=job.request.series_id,
        state=STATES[job.state],
        verdict=adaptation_pb2.FRACTION_VERDICT_UNSPECIFIED if outcome is None else VERDICTS[outcome.verdict],
        reason=reason,
        setup=None if outcome is None else _setup(outcome.report),
        structures=[] if outcome is None else _structures(outcome.report),
        create_time=timestamp(job.created_s),
    )


def _setup(report: Json) -> adaptation_pb2.SetupShift | None:
    setup = report["setup"]
    if setup is None:
        return None
    lr, ap, si = setup["shift_xyz_mm"]
    return adaptation_pb2.SetupShift(
        reference=setup["reference"],
        shift_lr_mm=lr,
        shift_ap_mm=ap,
        shift_si_mm=si,
        pitch_deg=setup["pitch_deg"],
        roll_deg=setup["roll_deg"],
        yaw_deg=setup["yaw_deg"],
    )


def _structures(report: Json) -> list[adaptation_pb2.FractionStructure]:
    return [_structure(row["drift"], row["trust"]) for row in report["structures"]]


def _structure(drift: Json, trust: Json) -> adaptation_pb2.FractionStructure:
    lr, ap, si = drift["shift_xyz_mm"] or (None, None, None)
    margin = drift["margin"] or {}
    return adaptation_pb2.FractionStructure(
        name=drift["name"],
        verdict=VERDICTS[trust["verdict"]],
        expected_error_mm=trust["expected_error_mm"],
        shift_lr_mm=lr,
        shift_ap_mm=ap,
        shift_si_mm=si,
        today_volume_ml=drift["today_volume_ml"],
        volume_change_percent=drift["volume_change_percent"],
        dice=drift["dice"],
        hd95_mm=drift["hd95_mm"],
        inside_ptv_percent=margin.get("inside_today_percent"),
        excursion_mm=margin.get("excursion_today_mm"),
    )
