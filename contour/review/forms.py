"""From the review desk's values to the JSON that the page reads."""

from __future__ import annotations

import base64
from typing import Any

from contour.adaptation.fraction_report import report_to_json
from contour.errors import Finding
from contour.jobs.review_values import (
    APPROVE_REASONS,
    REJECT_REASONS,
    CaseView,
    EditResult,
    FractionView,
    May,
    StructureScore,
    StructureState,
    StructureView,
    WorkItem,
    Worklist,
)
from contour.store.review_records import DecisionRecord
from registration.grid import Grid

Form = dict[str, Any]


def worklist_form(worklist: Worklist) -> Form:
    """The work list, in its order."""
    return {
        "items": [_item_form(item) for item in worklist.items],
        "counts": {str(state): count for state, count in worklist.counts},
    }


def case_form(case: CaseView) -> Form:
    """Everything about a case but its images, masks and surfaces."""
    return {
        "review_id": case.review_id,
        "job_id": case.job_id,
        "kind": case.kind,
        "label": case.label,
        "state": str(case.state),
        "revision": case.revision,
        "reviewer": case.reviewer,
        "can": _may_form(case.may),
        "four_eyes": case.four_eyes,
        "editors": list(case.editors),
        "job": {"model": case.model, "model_version": case.model_version},
        "grid": grid_form(case.grid),
        "slices": case.grid.shape_zyx[0],
        "structures": [_structure_form(structure) for structure in case.structures],
        "looks": [
            {"structure": look.structure, "k": look.slice_z, "score": look.score, "why": look.why}
            for look in case.looks
        ],
        "warnings": [_finding_form(finding) for finding in case.warnings],
        "fraction": None if case.fraction is None else _fraction_form(case.fraction),
        "decision": None if case.decision is None else decision_form(case.decision),
        "reason_codes": {"approve": list(APPROVE_REASONS), "reject": list(REJECT_REASONS)},
    }


def grid_form(grid: Grid) -> Form:
    """Where the voxels are; axes are unit vectors of the z, y and x index."""
    return {
        "shape_zyx": list(grid.shape_zyx),
        "spacing_zyx_mm": list(grid.spacing_zyx_mm),
        "origin_xyz_mm": list(grid.origin_xyz_mm),
        "axes_xyz": [list(axis) for axis in grid.axes_xyz],
        "frame_of_reference_uid": grid.frame_of_reference_uid,
    }


def edit_form(result: EditResult) -> Form:
    """What a page draws anew after a change."""
    return {
        "revision": result.revision,
        "state": str(result.state),
        "structures": [_changed_form(structure) for structure in result.structures],
        "can": _may_form(result.may),
    }


def decision_form(decision: DecisionRecord) -> Form:
    """An approval or a rejection."""
    return {
        "state": str(decision.state),
        "revision": decision.revision,
        "reviewer": decision.reviewer,
        "reasons": list(decision.reasons),
        "comment": decision.comment,
        "decided": decision.decided_s,
        "sop_instance_uid": "" if decision.file is None else decision.file.sop_instance_uid,
        "scores": list(decision.scores),
    }


def score_form(score: StructureScore) -> Form:
    """One structure against what the machine drew."""
    return {
        "name": score.name,
        "dice": score.dice,
        "surface_dice": score.surface_dice,
        "tolerance_mm": score.tolerance_mm,
        "added_path_length_mm": score.added_path_length_mm,
        "volume_ml": score.volume_ml,
        "original_volume_ml": score.original_volume_ml,
        "edited": score.edited,
        "seconds": score.seconds,
        "looked_s": score.looked_s,
    }


def _item_form(item: WorkItem) -> Form:
    return {
        "review_id": item.review_id,
        "job_id": item.job_id,
        "kind": item.kind,
        "label": item.label,
        "course_id": item.course_id,
        "fraction": item.fraction,
        "state": str(item.state),
        "reviewer": item.reviewer,
        "priority": item.priority,
        "risk": item.risk,
        "expected_edit": item.expected_edit_cm2,
        "why": list(item.why),
        "verdict": item.verdict,
        "structures": item.structures,
        "warnings": item.warnings,
        "created": item.created_s,
        "changed": item.changed_s,
    }


def _structure_form(structure: StructureView) -> Form:
    centre = structure.centre_xyz_mm
    return {
        "name": structure.name,
        "label": structure.label,
        "colour": list(structure.colour_rgb),
        "kind": structure.kind,
        "volume_ml": structure.volume_ml,
        "original_volume_ml": structure.original_volume_ml,
        "predicted_dice": structure.predicted_dice,
        "warnings": [_finding_form(finding) for finding in structure.warnings],
        "edited": structure.edited,
        "proposal": structure.proposal,
        "look_of": structure.look_of,
        "lower_zyx": list(structure.lower_zyx),
        "shape_zyx": list(structure.shape_zyx),
        "centre_xyz_mm": None if centre is None else list(centre),
        "slices": list(structure.slices),
    }


def _changed_form(structure: StructureState) -> Form:
    return {
        "name": structure.name,
        "volume_ml": structure.volume_ml,
        "edited": structure.edited,
        "lower_zyx": list(structure.mask.lower_zyx),
        "shape_zyx": list(structure.mask.shape_zyx),
        "bits": base64.b64encode(structure.mask.bits).decode("ascii"),
        "slices": list(structure.slices),
    }


def _fraction_form(fraction: FractionView) -> Form:
    report = report_to_json(fraction.report)
    return {
        "number": fraction.number,
        "course_id": fraction.course_id,
        "verdict": report["verdict"],
        "reasons": report["reasons"],
        "setup": report["setup"],
        "alignment": report["alignment"],
        "rows": report["structures"],
        "lesions": report["lesions"],
        "has_plan_volume": fraction.has_plan_volume,
        "has_displacement": fraction.has_displacement,
        "planned": [{"name": one.name, "colour": list(one.colour_rgb)} for one in fraction.planned],
    }


def _may_form(may: May) -> Form:
    return {"edit": may.edit, "decide": may.decide, "undo": may.undo, "redo": may.redo}


def _finding_form(finding: Finding) -> Form:
    return {"reason": finding.reason, "message": finding.message}
