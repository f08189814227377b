"""From what is known of a fraction to its report, as values, as JSON and as a picture."""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib.metadata import version

from contour import __version__
from contour.adaptation.dose_today import DoseComparison
from contour.adaptation.fraction_report import FractionReport, PlanDrawn, StructureRow, report_to_json
from contour.adaptation.lesions import LesionToday, TargetLesions
from contour.adaptation.limits import Verdict
from contour.adaptation.scan_facts import ScanFacts
from contour.adaptation.setup import SetupShift
from contour.adaptation.targets import TargetPairs
from contour.adaptation.trust import Scene, alignment_quality
from contour.dicom.plan_structures import PlanStructures
from contour.errors import Finding
from contour.jobs.daily_structures import CarriedStructure
from contour.jobs.daily_values import DailyInputs, DailySettings
from contour.preview.fraction import DrawnFraction
from contour.segmentation import Model
from registration.align import AlignmentResult
from registration.volume import Volume


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What a fraction is worked out from."""

    inputs: DailyInputs
    settings: DailySettings
    planned: PlanStructures
    plan_dose: Volume | None
    model: Model | None
    scan: ScanFacts
    drawn: PlanDrawn | None
    warnings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is known once the scans are aligned."""

    aligned: AlignmentResult
    scene: Scene
    setup: SetupShift
    pairs: TargetPairs


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What was measured of structures, lesions and dose; nothing of a fraction refused before."""

    rows: tuple[StructureRow, ...] = ()
    lesions: tuple[LesionToday, ...] = ()
    parts: tuple[TargetLesions, ...] = ()
    dose: DoseComparison | None = None


def fraction_report(
    context: Context, judged: tuple[Verdict, tuple[Finding, ...]], facts: Facts | None, measured: Measured
) -> FractionReport:
    """The value tree of `drift.json`."""
    verdict, reasons = judged
    settings, model = context.settings, context.model
    rules = settings.align
    used = (
        ("method", rules.method),
        ("keypoints", rules.keypoints),
        ("invertible", str(rules.invertible)),
        ("strain_weight", f"{rules.deformable.strain_weight:g}"),
        ("levels", str(len(rules.deformable.levels))),
        ("restrained", str(rules.deformable.restrained)),
    )
    versions = [("contour", __version__), ("torch", version("torch")), ("SimpleITK", version("SimpleITK"))]
    if model is not None:
        versions.append((model.card.name, model.card.version))
    return FractionReport(
        verdict=verdict,
        reasons=reasons,
        plan_series_uid=context.inputs.plan.series_instance_uid,
        daily_series_uid=context.inputs.daily.series_instance_uid,
        fraction=settings.fraction,
        label=settings.label,
        setup=None if facts is None else facts.setup,
        alignment=None if facts is None else alignment_quality(facts.scene, rules.method),
        structures=measured.rows,
        lesions=measured.lesions,
        lesion_parts=measured.parts,
        dose=measured.dose,
        scan=context.scan,
        drawn=context.drawn,
        settings=used,
        versions=tuple(versions),
    )


def drawn_fraction(
    context: Context, facts: Facts | None, carried: tuple[CarriedStructure, ...], report: FractionReport
) -> DrawnFraction:
    """What `report.png` shows."""
    return DrawnFraction(
        plan=context.inputs.plan.volume,
        daily=context.inputs.daily.volume,
        alignment=None if facts is None else facts.aligned.alignment,
        structures=tuple(one.drawn() for one in carried),
        report=report,
    )


def report_bytes(report: FractionReport) -> bytes:
    """`drift.json`, the same bytes for the same report."""
    return (json.dumps(report_to_json(report), indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode("utf-8")
