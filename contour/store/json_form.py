"""Findings, failures and results as JSON, for the database and for the pipe to the worker."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from contour.errors import Finding
from contour.store.records import (
    Failure,
    FractionInputs,
    FractionOutcome,
    JobResult,
    MemberFile,
    PlanSource,
    ResultRemoval,
    ResultRow,
)

Json = dict[str, Any]


def finding_to_json(finding: Finding) -> Json:
    """A finding as plain JSON."""
    return {"reason": finding.reason, "message": finding.message, "measured": [list(pair) for pair in finding.measured]}


def finding_from_json(form: Json) -> Finding:
    """The finding that `finding_to_json` was given."""
    measured = tuple((str(name), str(value)) for name, value in form["measured"])
    return Finding(reason=form["reason"], message=form["message"], measured=measured)


def failure_to_json(failure: Failure) -> Json:
    """A failure as plain JSON."""
    return {
        "error": failure.error,
        "reason": failure.reason,
        "message": failure.message,
        "findings": [finding_to_json(finding) for finding in failure.findings],
    }


def failure_from_json(form: Json) -> Failure:
    """The failure that `failure_to_json` was given."""
    return Failure(
        error=form["error"],
        reason=form["reason"],
        message=form["message"],
        findings=tuple(finding_from_json(finding) for finding in form["findings"]),
    )


def result_to_json(result: JobResult) -> Json:
    """A result as plain JSON."""
    return {
        "sop_instance_uid": result.sop_instance_uid,
        "model_version": result.model_version,
        "rows": [asdict(row) for row in result.rows],
        "stages": [list(stage) for stage in result.stages],
        "warnings": [finding_to_json(finding) for finding in result.warnings],
        "removals": [asdict(removal) for removal in result.removals],
        "fraction": None if result.fraction is None else asdict(result.fraction),
    }


def result_from_json(form: Json) -> JobResult:
    """The result that `result_to_json` was given."""
    return JobResult(
        sop_instance_uid=form["sop_instance_uid"],
        model_version=form["model_version"],
        rows=tuple(ResultRow(**row) for row in form["rows"]),
        stages=tuple((str(stage), float(elapsed_s)) for stage, elapsed_s in form["stages"]),
        warnings=tuple(finding_from_json(finding) for finding in form["warnings"]),
        removals=tuple(ResultRemoval(**removal) for removal in form["removals"]),
        fraction=_outcome_from_json(form.get("fraction")),
    )


def inputs_to_json(inputs: FractionInputs) -> Json:
    """What a fraction job needs, as plain JSON."""
    return asdict(inputs)


def inputs_from_json(form: Json) -> FractionInputs:
    """The inputs that `inputs_to_json` was given."""
    return FractionInputs(**{**form, "plan": PlanSource(**form["plan"])})


def _outcome_from_json(form: Json | None) -> FractionOutcome | None:
    if form is None:
        return None
    files = tuple(MemberFile(**file) for file in form["files"])
    return FractionOutcome(verdict=form["verdict"], report=form["report"], files=files)
