"""From what the witnesses say to millimetres: how far off a carried contour probably is.

No single witness tells the error (inverse consistency correlates with it at r = 0.29, image difference at 0.37 in the
literature), so the weights of several are fitted on courses whose truth is known, none of them negative: a witness that
speaks against a contour never makes it look better. What the weights were fitted on, and how well they foretold the
error of patients left out of the fit, stands beside them in `expected_error.json`; `ops/benchmarks/trust.py` makes it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from contour.adaptation.evidence import StructureEvidence

FEATURES = ("voxel_mm", "disagreement_mm", "unsupported_motion_mm", "inconsistency_mm", "mismatch", "motion_mm")
"""What is weighted, in order; all but `mismatch` (one minus the local correlation) in millimetres."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorModel:
    """Weights of the witnesses.

    Args:
        weights: One for each of `FEATURES`, none negative.
        likely_below: Nine in ten contours of patients left out of the fit were off by less than the foretold error
            times this.
        patients: How many patients and
        contours: how many of their contours the weights were fitted on.
        rank_correlation: Spearman's, between foretold and true error of patients left out of the fit.
    """

    weights: tuple[float, ...]
    likely_below: float
    patients: int
    contours: int
    rank_correlation: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectedError:
    """Mean distance by which points near a carried contour are probably misplaced, and what nine in ten stay below."""

    mean_mm: float
    likely_below_mm: float


def features_of(evidence: StructureEvidence) -> tuple[float, ...]:
    """The witnesses' answers in the order of `FEATURES`; one that knows nothing adds only what it leaves open."""
    return (
        evidence.voxel_mm,
        (evidence.disagreement_mm or 0.0) * evidence.supported,
        (1.0 - evidence.supported) * evidence.motion_mm,
        evidence.inconsistency_mm or 0.0,
        1.0 - max(evidence.agreement, 0.0),
        evidence.motion_mm,
    )


def expected_error(evidence: StructureEvidence, model: ErrorModel | None = None) -> ExpectedError:
    """How far off a contour probably is, by the shipped weights where none are given."""
    known = model or shipped_error_model()
    mean_mm = sum(w * f for w, f in zip(known.weights, features_of(evidence), strict=True))
    return ExpectedError(mean_mm=mean_mm, likely_below_mm=mean_mm * known.likely_below)


@cache
def shipped_error_model() -> ErrorModel:
    """The weights in `expected_error.json`."""
    form = json.loads((files("contour.adaptation") / "expected_error.json").read_text(encoding="utf-8"))
    return ErrorModel(
        weights=tuple(float(form["weights"][name]) for name in FEATURES),
        likely_below=float(form["likely_below"]),
        patients=int(form["patients"]),
        contours=int(form["contours"]),
        rank_correlation=float(form["rank_correlation"]),
    )
