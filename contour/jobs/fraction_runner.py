"""A fraction as a worker runs it: instances from the store in, one archive with the fraction's files out."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from pydicom.uid import RTDoseStorage, RTStructureSetStorage

from contour.adaptation.fraction_report import report_to_json
from contour.adaptation.limits import read_limits
from contour.dicom.ct_reader import read_ct_instances
from contour.dicom.vetting import examine_instance
from contour.errors import InputError
from contour.jobs.daily import adapt_fraction
from contour.jobs.daily_values import DailyInputs, DailyResult, DailySettings, DrawnPlan
from contour.jobs.fraction_archive import write_archive
from contour.jobs.intake import PLAN_OBJECT_LIMITS
from contour.jobs.uids import uids_of
from contour.jobs.work import FractionWork, Work, WorkInstance
from contour.progress import Progress
from contour.segmentation import Model
from contour.store.records import FractionOutcome, JobResult


def run_fraction(work: Work, fraction: FractionWork, model: Model, progress: Progress) -> JobResult:
    """Read plan and day, adapt, write the archive to `work.result_path`.

    Raises:
        ContourError: what `adapt_fraction` and the readers raise; MULTIPLE_STRUCTURE_SETS, NO_STRUCTURE_SET.
    """
    progress("read", 0.0)
    started_s = time.perf_counter()
    source = fraction.inputs.plan
    plan = read_ct_instances(
        fraction.plan,
        series_instance_uid=source.ct_series_instance_uid or None,
        on_fraction=lambda f: progress("read", f / 2),
    )
    daily = read_ct_instances(
        work.instances,
        series_instance_uid=work.series_instance_uid,
        on_fraction=lambda f: progress("read", (1 + f) / 2),
    )
    structures = _the_one(fraction.structures, RTStructureSetStorage, source.structures_sop_instance_uid)
    doses = _of_class(fraction.dose, RTDoseStorage)
    if len(doses) > 1:
        raise InputError(f"{len(doses)} RT Dose objects beside the plan, expected one", reason="MULTIPLE_DOSES")
    read_s = time.perf_counter() - started_s
    result = adapt_fraction(
        DailyInputs(
            plan=plan,
            plan_structures=structures,
            daily=daily,
            plan_dose=doses[0][1] if doses else None,
            drawn=_drawn(fraction),
        ),
        settings=DailySettings(
            limits=read_limits(fraction.inputs.limits_toml),
            fraction=fraction.inputs.fraction or None,
            planned_fractions=source.planned_fractions or None,
        ),
        model=model,
        now=datetime.fromtimestamp(work.created_s, UTC).astimezone(),
        uid_source=uids_of(work.job_id),
        progress=progress,
    )
    return _job_result(result, work, model, read_s)


def _job_result(result: DailyResult, work: Work, model: Model, read_s: float) -> JobResult:
    members = write_archive(Path(work.result_path), result.files)
    return JobResult(
        sop_instance_uid="",
        model_version=model.card.version,
        rows=(),
        stages=(("read", read_s), *result.stage_seconds),
        warnings=result.warnings,
        fraction=FractionOutcome(verdict=result.verdict, report=report_to_json(result.report), files=members),
    )


def _drawn(fraction: FractionWork) -> DrawnPlan | None:
    if fraction.drawn is None:
        return None
    return DrawnPlan(
        structures=Path(fraction.drawn.path).read_bytes(),
        model=fraction.drawn.model,
        model_version=fraction.drawn.model_version,
    )


def _the_one(instances: Sequence[WorkInstance], sop_class_uid: str, wanted_uid: str) -> bytes:
    found = _of_class(instances, sop_class_uid)
    if wanted_uid:
        found = [one for one in found if one[0] == wanted_uid]
    if not found:
        raise InputError("no RT Structure Set beside the plan CT", reason="NO_STRUCTURE_SET")
    if len(found) > 1:
        raise InputError(
            f"{len(found)} RT Structure Sets beside the plan CT; choose one by its SOP Instance UID",
            reason="MULTIPLE_STRUCTURE_SETS",
        )
    return found[0][1]


def _of_class(instances: Sequence[WorkInstance], sop_class_uid: str) -> list[tuple[str, bytes]]:
    found = []
    for instance in instances:
        data = instance.read_bytes()
        summary = examine_instance(data, wanted=frozenset(), limits=PLAN_OBJECT_LIMITS).summary
        if summary.sop_class_uid == sop_class_uid:
            found.append((summary.sop_instance_uid, data))
    return found
