"""What is told of one fraction: the value tree of `drift.json`.

Plain frozen values of plain types, so that a store, the wire and a chart can hold them. Nothing in it depends on when
or how fast it was made: the same inputs, settings and versions give the same report.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from contour.adaptation.dose_today import DoseComparison
from contour.adaptation.drift import StructureDrift
from contour.adaptation.lesions import LesionToday, TargetLesions
from contour.adaptation.limits import Verdict
from contour.adaptation.scan_facts import ScanFacts
from contour.adaptation.setup import SetupShift
from contour.adaptation.value_json import value_from_json, value_to_json
from contour.errors import Finding, InputError

SCHEMA_VERSION = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Witness:
    """Another way to today's structure, and how far it is from the carried one.

    Args:
        name: intensity, features, network, inverse, …
        centroid_shift_mm: Distance of the centroids.
        mean_surface_distance_mm: Of the two surfaces.
        dice: Overlap.
        available: False where the witness could not be heard.
        why_not: And why; "" where it could.
    """

    name: str
    centroid_shift_mm: float | None = None
    mean_surface_distance_mm: float | None = None
    dice: float | None = None
    available: bool = True
    why_not: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StructureTrust:
    """How far a carried structure can be trusted.

    Args:
        expected_error_mm: Of its surface; None where no witness could be heard.
        verdict: By the site's limits.
        witnesses: The evidence.
        reasons: What made the verdict other than PASS.
    """

    expected_error_mm: float | None
    verdict: Verdict
    witnesses: tuple[Witness, ...] = ()
    reasons: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class StructureRow:
    """One structure: what it did, and whether that is believed."""

    drift: StructureDrift
    trust: StructureTrust


@dataclass(frozen=True, slots=True, kw_only=True)
class AlignmentQuality:
    """How the alignment looks without ground truth; None where a figure was not taken.

    Args:
        method: rigid, deformable or demons.
        jacobian_minimum: Least volume change inside the body, 1 for none; negative is folded.
        jacobian_maximum: Largest.
        jacobian_p01: 1st percentile.
        jacobian_p99: 99th percentile.
        folded_voxels: How many nodes of the field are folded.
        folded_percent: Their share inside the body.
        inverse_consistency_mean_mm: There and back, inside the body.
        inverse_consistency_p95_mm: 95th percentile.
        agreement_before: Correlation inside the body with nothing but the rigid part.
        agreement_after: With the whole alignment.
        landmarks: Matched feature points.
        landmark_mean_mm: Mean distance of the alignment from them.
        landmark_p95_mm: What 95 % of them stay below; a few are wrong themselves.
    """

    method: str
    jacobian_minimum: float | None = None
    jacobian_maximum: float | None = None
    jacobian_p01: float | None = None
    jacobian_p99: float | None = None
    folded_voxels: int | None = None
    folded_percent: float | None = None
    inverse_consistency_mean_mm: float | None = None
    inverse_consistency_p95_mm: float | None = None
    agreement_before: float | None = None
    agreement_after: float | None = None
    landmarks: int | None = None
    landmark_mean_mm: float | None = None
    landmark_p95_mm: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawnStructure:
    """How much of what a network drew was kept: Dice of that with the plan's structure of the same name."""

    name: str
    dice: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanDrawn:
    """What a network drew on the plan CT against what the plan came back with."""

    model: str
    model_version: str
    structures: tuple[DrawnStructure, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FractionReport:
    """One fraction against its plan.

    Args:
        verdict: PASS, LOOK or REFUSE, the gravest of all.
        reasons: What made it other than PASS, gravest first.
        plan_series_uid: The plan CT's series.
        daily_series_uid: The daily scan's.
        fraction: Its number in the course, from 1; None outside a course.
        label: What a site calls it.
        setup: None where the scans could not be aligned at all.
        alignment: The same.
        structures: In the plan's order; empty on a refusal before anything was carried.
        lesions: Parts of targets, told from the plan alone where the course's other fractions are not known.
        lesion_parts: What a course has to keep of them, so that each keeps its identity over all fractions.
        dose: None where no dose was given.
        scan: The day's scan itself; None in reports of versions before 2.
        drawn: What people changed of the network's plan contours; None where no network drew them here.
        settings: What the result depends on, by name.
        versions: Of what made it, by name.
        schema_version: Of this tree.
    """

    verdict: Verdict
    reasons: tuple[Finding, ...]
    plan_series_uid: str
    daily_series_uid: str
    fraction: int | None = None
    label: str = ""
    setup: SetupShift | None = None
    alignment: AlignmentQuality | None = None
    structures: tuple[StructureRow, ...] = ()
    lesions: tuple[LesionToday, ...] = ()
    lesion_parts: tuple[TargetLesions, ...] = ()
    dose: DoseComparison | None = None
    scan: ScanFacts | None = None
    drawn: PlanDrawn | None = None
    settings: tuple[tuple[str, str], ...] = ()
    versions: tuple[tuple[str, str], ...] = ()
    schema_version: int = SCHEMA_VERSION

    def row_of(self, name: str) -> StructureRow | None:
        """The row of a structure, None where there is none."""
        return next((row for row in self.structures if row.drift.name == name), None)


def report_to_json(report: FractionReport) -> dict[str, Any]:
    """The report as plain JSON, decimals rounded by unit.

    Raises:
        InputError: a number that is not finite where one is needed (BAD_REPORT).
    """
    form: dict[str, Any] = value_to_json(report)
    return form


def report_from_json(form: Any) -> FractionReport:
    """The report that `report_to_json` was given, decimals rounded; one of version 1 lacks what came later.

    Raises:
        InputError: another schema version, or anything that is not a report to the letter (BAD_REPORT).
    """
    version = form.get("schema_version") if isinstance(form, dict) else None
    if version == 1:
        form = _from_version_1(form)
    elif version != SCHEMA_VERSION:
        raise InputError(f"report of schema version {version}; expected 1 to {SCHEMA_VERSION}", reason="BAD_REPORT")
    return value_from_json(FractionReport, form)


def _from_version_1(form: dict[str, Any]) -> dict[str, Any]:
    """Version 2 added the scan, what was drawn, and to each margin what was planned along each axis."""
    structures = form.get("structures")
    if isinstance(structures, list):
        structures = [_row_from_version_1(row) for row in structures]
    return {**form, "structures": structures, "scan": None, "drawn": None, "schema_version": SCHEMA_VERSION}


def _row_from_version_1(row: Any) -> Any:
    drift = row.get("drift") if isinstance(row, dict) else None
    margin = drift.get("margin") if isinstance(drift, dict) else None
    if drift is None or not isinstance(margin, dict):
        return row
    return {**row, "drift": {**drift, "margin": {**margin, "planned_xyz_mm": None}}}
