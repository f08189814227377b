"""Which review is to be opened next: what could go wrong with a structure set, times how much of it has to be redrawn.

Risk goes by what a structure is (targets and serial organs harm most) and by what is said against it. The expected edit
is the share of its outline that is likely wrong, times its surface, which is taken from its volume as a ball's.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from contour.adaptation.fraction_report import FractionReport, StructureRow
from contour.anatomy.names import describe_structure
from contour.errors import Finding
from contour.jobs.review_looks import USUAL_DICE
from contour.store.records import ResultRow

_TARGET, _SERIAL, _ORGAN, _OUTLINE = 1.0, 0.8, 0.5, 0.2
_SERIAL_STARTS = ("SpinalCord", "Brainstem", "OpticChiasm", "OpticNrv", "BrachialPlex", "Bowel", "Esophagus")
_OUTLINE_TYPES = frozenset({"EXTERNAL", "SUPPORT", "FIXATION", "AVOIDANCE", "CONTROL", ""})
_PER_WARNING = 0.05
_MOST_FOR_WARNINGS = 0.2
_WRONG_ERROR_MM = 4.0
"""An expected error of the surface from which on its outline counts as wrong all round."""
_USUAL_ERROR_MM = 1.5
_NOTHING_CARRIED_CM2 = 500.0
"""A refused fraction has to be contoured from scratch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Priority:
    """Risk 0 to 1, what has to be redrawn in cm2, their product, and what makes them."""

    risk: float
    expected_edit_cm2: float
    why: tuple[str, ...]

    @property
    def value(self) -> float:
        """What the work list is ordered by."""
        return self.risk * self.expected_edit_cm2


def priority_of_plan(rows: Sequence[ResultRow], warnings: Sequence[Finding]) -> Priority:
    """Of a plan's structures; must-look regions raise the risk and have no outline to edit."""
    weighed = []
    for row in rows:
        if row.look_of:
            continue
        dice = USUAL_DICE if row.predicted_dice is None else row.predicted_dice
        weighed.append((row.name, _weight(row.name), (1.0 - min(1.0, dice)) * _surface_cm2(row.volume_ml)))
    looks = tuple(dict.fromkeys(row.look_of for row in rows if row.look_of))
    why = [f"must look: {', '.join(looks)}"] if looks else []
    why += [f"{row.name} is a proposal" for row in rows if row.proposal][:2]
    return _summed(weighed, why, warnings, least=1.0 if looks else 0.0)


def priority_of_fraction(report: FractionReport) -> Priority:
    """Of a fraction; a refused one is the most urgent there is, because the patient is waiting."""
    reasons = [f"{report.verdict}: {one.message}" for one in report.reasons[:3]]
    if report.verdict == "REFUSE":
        return Priority(risk=1.0, expected_edit_cm2=_NOTHING_CARRIED_CM2, why=tuple(reasons) or ("REFUSE",))
    weighed = [(row.drift.name, _trust_weight(row), _wrong_cm2(row)) for row in report.structures]
    return _summed(weighed, reasons, (), least=0.8 if report.verdict == "LOOK" else 0.0)


def _summed(
    weighed: Sequence[tuple[str, float, float]], why: list[str], warnings: Sequence[Finding], *, least: float
) -> Priority:
    """Risk is the structures' mean, each weighed by what is to be edited of it."""
    edit = sum(cm2 for _, _, cm2 in weighed)
    risk = sum(weight * cm2 for _, weight, cm2 in weighed) / edit if edit > 0 else max(0.1, least)
    risk = min(1.0, max(risk, least) + min(_MOST_FOR_WARNINGS, _PER_WARNING * len(warnings)))
    worst = sorted(weighed, key=lambda one: -one[1] * one[2])[:3]
    told = [f"{name}: about {cm2:.1f} cm2 of outline to redraw" for name, _, cm2 in worst if cm2 >= 0.1]
    noted = [f"{len(warnings)} warnings"] if warnings else []
    return Priority(risk=round(risk, 4), expected_edit_cm2=round(edit, 2), why=(*why, *told, *noted))


def _weight(name: str) -> float:
    kind = describe_structure(name)
    if kind.is_target:
        return _TARGET
    if kind.name.startswith(_SERIAL_STARTS):
        return _SERIAL
    return _OUTLINE if kind.interpreted_type in _OUTLINE_TYPES else _ORGAN


def _trust_weight(row: StructureRow) -> float:
    raised = {"REFUSE": 1.0, "LOOK": 0.8}.get(row.trust.verdict, 0.0)
    return max(_weight(row.drift.name), raised)


def _wrong_cm2(row: StructureRow) -> float:
    error = _USUAL_ERROR_MM if row.trust.expected_error_mm is None else row.trust.expected_error_mm
    return min(1.0, error / _WRONG_ERROR_MM) * _surface_cm2(row.drift.plan_volume_ml)


def _surface_cm2(volume_ml: float) -> float:
    return float((36.0 * math.pi) ** (1 / 3) * max(0.0, volume_ml) ** (2 / 3))
