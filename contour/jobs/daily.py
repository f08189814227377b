"""The second walk: plan and day go in; today's structures, what moved, and how far to trust it come out.

A scan that cannot be trusted is answered with a refusal and its evidence, and without contours
(ops/decisions/a-refused-fraction-is-a-result.md).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime

from contour.adaptation.fraction_report import StructureRow
from contour.adaptation.judgement import (
    Judgement,
    judge_alignment,
    judge_dose,
    judge_lesions,
    judge_setup,
    overall,
)
from contour.adaptation.limits import Verdict
from contour.adaptation.scan_check import copy_evidence
from contour.adaptation.scan_verdict import judge_scan
from contour.adaptation.targets import pair_targets
from contour.adaptation.trust import Scene, alignment_quality
from contour.dicom.patient_match import identity_findings, shared_instances
from contour.dicom.plan_structures import read_plan_structures
from contour.errors import Finding
from contour.jobs.daily_files import FractionFiles, fraction_files
from contour.jobs.daily_measures import (
    compare_fraction_dose,
    fraction_doses,
    judge_rows,
    measure_drawn,
    measure_fraction_drift,
    measure_fraction_lesions,
    measure_fraction_setup,
    measure_scan,
    read_plan_dose,
)
from contour.jobs.daily_report import Context, Facts, Measured, drawn_fraction, fraction_report, report_bytes
from contour.jobs.daily_structures import carry_all, network_view
from contour.jobs.daily_values import DailyInputs, DailyResult, DailySettings
from contour.jobs.fraction_archive import DRIFT, REPORT
from contour.preview.fraction import draw_fraction
from contour.progress import Progress, no_progress
from contour.segmentation import Model
from registration.align import AlignSettings, align
from registration.deformable import LEVELS, DeformableSettings
from registration.errors import AlignmentError

BACKWARD = AlignSettings(keypoints="off", deformable=DeformableSettings(levels=LEVELS[:3]))
"""The registration from plan to day that bears witness: its own search, one level coarser, because it draws nothing."""


def adapt_fraction(
    inputs: DailyInputs,
    *,
    settings: DailySettings,
    model: Model | None,
    now: datetime,
    uid_source: Callable[[], str],
    progress: Progress = no_progress,
) -> DailyResult:
    """Register the day to the plan, carry the structures, ask the witnesses, measure the drift, write the files.

    Args:
        inputs: Plan, structures, day, dose.
        settings: Limits and method.
        model: The network that bears witness; None for none.
        now: Written as the date and time of every object.
        uid_source: Gives a new UID at each call, always in the same order.
        progress: Told the stages of `contour.progress.DAILY_STAGES`; stops the work by raising CancelledError.

    Raises:
        InputError: a structure set or dose that cannot be used, or a scan without a patient.
        UntrustworthyResultError: a file, read back, is not what was meant.
    """
    clock = _Clock(progress)
    planned = read_plan_structures(inputs.plan_structures, inputs.plan)
    identity = identity_findings(inputs.plan, inputs.daily)
    warnings = (*inputs.daily.warnings, *planned.findings)
    plan_dose = read_plan_dose(inputs, settings)
    clock.begin("scan")
    scan, drawn = measure_scan(inputs), measure_drawn(inputs, planned)
    context = Context(
        inputs=inputs,
        settings=settings,
        planned=planned,
        plan_dose=plan_dose,
        model=model,
        scan=scan,
        drawn=drawn,
        warnings=warnings,
    )
    doubts = [Judgement(verdict=_of_identity(finding), finding=finding) for finding in identity]
    copies = shared_instances(inputs.plan, inputs.daily)
    if copies:
        doubts.append(Judgement(verdict="REFUSE", finding=_is_plan(copies)))
    if any(doubt.verdict == "REFUSE" for doubt in doubts):
        return _refused(context, doubts, clock, None)
    plan, daily = inputs.plan.volume, inputs.daily.volume
    try:
        aligned = align(daily, plan, settings.align, on_fraction=clock.told)
        clock.begin("backward")
        backward = align(plan, daily, BACKWARD, start=aligned.alignment.rigid.inverse()).alignment
    except AlignmentError as error:
        doubts.append(
            Judgement(verdict="REFUSE", finding=Finding(reason="NOT_ALIGNED", message=f"no alignment: {error}"))
        )
        return _refused(context, doubts, clock, None)
    scene = Scene.of(daily, plan, aligned, backward if aligned.alignment.field is not None else None)
    quality = alignment_quality(scene, settings.align.method)
    pairs = pair_targets([s.name for s in planned.structures], overrides=dict(settings.target_pairs))
    setup = measure_fraction_setup(planned, pairs, inputs, aligned)
    doubts += judge_scan(scene, plan, quality, copy_evidence(daily, plan, aligned.alignment))
    doubts += judge_alignment(quality, settings.limits.registration)
    doubts += judge_setup(setup, settings.limits.setup)
    facts = Facts(aligned=aligned, scene=scene, setup=setup, pairs=pairs)
    if any(doubt.verdict == "REFUSE" for doubt in doubts):
        return _refused(context, doubts, clock, facts)
    return _finished(context, doubts, clock, facts, now=now, uid_source=uid_source)


def _finished(
    context: Context,
    doubts: list[Judgement],
    clock: _Clock,
    facts: Facts,
    *,
    now: datetime,
    uid_source: Callable[[], str],
) -> DailyResult:
    inputs, settings, aligned = context.inputs, context.settings, facts.aligned
    clock.begin("network")
    network = network_view(context.model, inputs.plan.volume, inputs.daily.volume, context.planned.structures)
    clock.begin("carry")
    carried = carry_all(context.planned.structures, facts.scene, network, settings.limits.structure)
    clock.begin("drift")
    drift = measure_fraction_drift(carried, inputs, aligned.alignment, facts.pairs)
    rows = tuple(StructureRow(drift=row, trust=one.trust) for row, one in zip(drift, carried, strict=True))
    doubts += judge_rows(rows, settings.limits)
    lesions, parts = measure_fraction_lesions(carried, facts.aligned, settings.fraction or 1)
    doubts += judge_lesions(lesions)
    clock.begin("dose")
    dose = compare_fraction_dose(context.plan_dose, settings, carried, aligned)
    doubts += [one for row in (dose.rows if dose else ()) for one in judge_dose(row, settings.limits.dose)]
    used = [one for one in carried if one.trust.verdict != "REFUSE" and not one.structure.is_empty]
    if not used:
        finding = Finding(reason="NOTHING_CARRIED", message="none of the plan's structures can be trusted today")
        doubts.append(Judgement(verdict="REFUSE", finding=finding))
        return _refused(context, doubts, clock, facts, rows)
    judged = overall(doubts)
    report = fraction_report(context, judged, facts, Measured(rows=rows, lesions=lesions, parts=parts, dose=dose))
    clock.begin("report")
    picture = draw_fraction(drawn_fraction(context, facts, carried, report))
    clock.begin("write")
    written = fraction_files(
        FractionFiles(
            daily=inputs.daily,
            plan=inputs.plan,
            alignment=aligned.alignment,
            structures=tuple(one.described() for one in used),
            predecessor_uid=context.planned.sop_instance_uid,
            plan_to_daily=None if aligned.inverse is None else aligned.inverse.field,
            doses=fraction_doses(inputs, settings, context.plan_dose, aligned),
            now=now,
            uid_source=uid_source,
        )
    )
    clock.end()
    return DailyResult(
        verdict=judged[0],
        reasons=judged[1],
        files=(*written, (DRIFT, report_bytes(report)), (REPORT, picture)),
        report=report,
        warnings=context.warnings,
        stage_seconds=clock.stages,
    )


def _refused(
    context: Context,
    doubts: list[Judgement],
    clock: _Clock,
    facts: Facts | None,
    rows: tuple[StructureRow, ...] = (),
) -> DailyResult:
    """The evidence alone."""
    judged = overall(doubts)
    report = fraction_report(context, judged, facts, Measured(rows=rows))
    clock.begin("report")
    picture = draw_fraction(drawn_fraction(context, facts, (), report))
    clock.end()
    return DailyResult(
        verdict=judged[0],
        reasons=judged[1],
        files=((DRIFT, report_bytes(report)), (REPORT, picture)),
        report=report,
        warnings=context.warnings,
        stage_seconds=clock.stages,
    )


def _of_identity(finding: Finding) -> Verdict:
    return "REFUSE" if finding.reason == "WRONG_PATIENT" else "LOOK"


def _is_plan(copies: int) -> Finding:
    return Finding(
        reason="UNCHANGED_COPY",
        message=f"{copies} slices of the daily scan are the plan CT's own instances; expected a scan of the day",
        measured=(("instances", str(copies)),),
    )


class _Clock:
    """Tells which stage is under way and keeps how long each took."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._stage = ""
        self._since_s = time.perf_counter()
        self._seconds: dict[str, float] = {}

    @property
    def stages(self) -> tuple[tuple[str, float], ...]:
        """Names and seconds, in order."""
        return tuple(self._seconds.items())

    def begin(self, stage: str) -> None:
        """A stage starts, and with it the one before is over."""
        self.end()
        self._stage = stage
        self._progress(stage, 0.0)

    def told(self, stage: str, fraction: float) -> None:
        """A stage of the alignment, and how much of it is done."""
        if stage != self._stage:
            self.begin(stage)
        self._progress(stage, fraction)

    def end(self) -> None:
        """The stage under way is over."""
        now_s = time.perf_counter()
        if self._stage:
            self._seconds[self._stage] = self._seconds.get(self._stage, 0.0) + now_s - self._since_s
            self._progress(self._stage, 1.0)
        self._stage, self._since_s = "", now_s
