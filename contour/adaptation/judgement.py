"""What was measured, held against a site's limits: each figure beyond one is a finding with its verdict.

A figure that was not taken is not judged here; that a witness is missing is for the trust in a structure to weigh.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from contour.adaptation.dose_today import DoseRow
from contour.adaptation.drift import StructureDrift
from contour.adaptation.fraction_report import AlignmentQuality
from contour.adaptation.lesions import Fate, LesionToday
from contour.adaptation.limits import DoseLimits, DriftLimits, Limit, RegistrationLimits, SetupLimits, Verdict
from contour.adaptation.setup import SetupShift
from contour.adaptation.targets import read_target_name
from contour.errors import Finding

_WORTH_A_LOOK: tuple[Fate, ...] = ("vanished", "new", "merged", "split", "unseen")
_GRAVEST_FIRST: tuple[Verdict, ...] = ("REFUSE", "LOOK", "PASS")


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """A figure beyond a limit: LOOK or REFUSE, and why."""

    verdict: Verdict
    finding: Finding


def overall(judgements: Iterable[Judgement]) -> tuple[Verdict, tuple[Finding, ...]]:
    """The gravest verdict, and the reasons, gravest first and else in the order given; PASS of none."""
    ordered = sorted(judgements, key=lambda judgement: _GRAVEST_FIRST.index(judgement.verdict))
    return (ordered[0].verdict if ordered else "PASS"), tuple(judgement.finding for judgement in ordered)


def judge_setup(setup: SetupShift, limits: SetupLimits) -> tuple[Judgement, ...]:
    """Set-up beyond the couch's action levels."""
    return _beyond(
        (limits.shift_mm, setup.vector_mm, "SETUP_SHIFT", "the patient lies {} mm from the plan", "shift_mm"),
        (limits.turn_deg, setup.largest_turn_deg, "SETUP_TURN", "the patient lies turned by {} degrees", "turn_deg"),
    )


def judge_alignment(quality: AlignmentQuality, limits: RegistrationLimits) -> tuple[Judgement, ...]:
    """An alignment that may be wrong."""
    return _beyond(
        (limits.landmark_mean_mm, quality.landmark_mean_mm, "LANDMARKS_OFF", "feature points are {} mm off on average",
         "landmark_mean_mm"),
        (limits.landmark_p95_mm, quality.landmark_p95_mm, "LANDMARK_OUTLIER",
         "one feature point in twenty is {} mm off or more", "landmark_p95_mm"),
        (limits.jacobian_minimum, quality.jacobian_minimum, "FIELD_FOLDED", "tissue shrinks to {} of its volume",
         "jacobian_minimum"),
        (limits.jacobian_maximum, quality.jacobian_maximum, "FIELD_STRETCHED", "tissue swells to {} times its volume",
         "jacobian_maximum"),
        (limits.folded_percent, quality.folded_percent, "FIELD_FOLDED_SHARE", "{} % of the body is folded",
         "folded_percent"),
        (limits.inverse_consistency_mm, quality.inverse_consistency_mean_mm, "NOT_INVERSE_CONSISTENT",
         "there and back misses by {} mm on average", "inverse_consistency_mean_mm"),
        (limits.body_agreement, quality.agreement_after, "IMAGES_DISAGREE",
         "inside the body the images correlate by {} only", "agreement_after"),
    )  # fmt: skip


def judge_drift(drift: StructureDrift, limits: DriftLimits) -> tuple[Judgement, ...]:
    """What changed in the patient, of one structure."""
    name = drift.name
    change = drift.volume_change_percent
    loss = None if change is None else -change
    margin, clearance = drift.margin, drift.clearance
    approach = None if clearance is None else clearance.plan_mm - clearance.today_mm
    is_organ = read_target_name(name) is None
    found = _beyond(
        (limits.shift_mm, drift.shift_mm, "STRUCTURE_MOVED", f"{name} moved by {{}} mm", "shift_mm"),
        (limits.volume_loss_percent, loss, "VOLUME_LOSS", f"{name} lost {{}} % of its volume", "volume_loss_percent"),
        (limits.volume_gain_percent, change, "VOLUME_GAIN", f"{name} gained {{}} % of its volume",
         "volume_gain_percent"),
        (limits.organ_approach_mm, approach if is_organ else None, "ORGAN_NEARS_TARGET",
         f"{name} came nearer to {'' if clearance is None else clearance.target} by {{}} mm", "approach_mm"),
    )  # fmt: skip
    if margin is None:
        return found
    return found + _beyond(
        (limits.excursion_mm, margin.excursion_today_mm, "TARGET_LEAVES_MARGIN",
         f"{name} reaches {{}} mm beyond {margin.planning_volume}", "excursion_mm"),
        (limits.coverage_percent, margin.inside_today_percent, "TARGET_NOT_COVERED",
         f"{{}} % of {name} lies inside {margin.planning_volume}", "inside_percent"),
    )  # fmt: skip


def judge_lesions(lesions: Iterable[LesionToday]) -> tuple[Judgement, ...]:
    """Lesions that came, went, joined or came apart."""
    return tuple(
        Judgement(
            verdict="LOOK",
            finding=Finding(
                reason=f"LESION_{row.fate.upper()}",
                message=f"{row.lesion} of {row.target}: {row.fate}"
                + (f" ({', '.join(row.partners)})" if row.partners else ""),
                measured=(("volume_ml", f"{row.volume_ml:.2f}"), ("first_volume_ml", f"{row.first_volume_ml:.2f}")),
            ),
        )
        for row in lesions
        if row.fate in _WORTH_A_LOOK
    )


def judge_dose(row: DoseRow, limits: DoseLimits) -> tuple[Judgement, ...]:
    """What today's anatomy does to one structure's dose, over the whole course."""
    change = row.today_less_plan
    if change is None or row.plan is None:
        return ()
    target = read_target_name(row.name)
    if target is not None and target.kind == "PTV":
        return ()  # a carried planning volume leaves the dose by design: that is what its margin is for
    if target is not None:
        loss_percent = -100.0 * change.d95_gy / row.plan.d95_gy if row.plan.d95_gy > 0 else None
        return _beyond(
            (limits.target_d95_loss_percent, loss_percent, "TARGET_DOSE_LOSS", f"{row.name} loses {{}} % of its D95",
             "d95_loss_percent"),
        )  # fmt: skip
    return _beyond(
        (limits.organ_d2_gain_gy, change.d2_gy, "ORGAN_DOSE_GAIN", f"{row.name} gains {{}} Gy at D2", "d2_gain_gy"),
        (limits.organ_mean_gain_gy, change.mean_gy, "ORGAN_MEAN_DOSE_GAIN", f"{row.name} gains {{}} Gy on average",
         "mean_gain_gy"),
    )  # fmt: skip


def _beyond(*figures: tuple[Limit, float | None, str, str, str]) -> tuple[Judgement, ...]:
    """A judgement for each figure that was taken and is beyond its limit: (limit, figure, code, sentence, its name)."""
    found = []
    for limit, figure, reason, sentence, name in figures:
        if figure is None:
            continue
        verdict = limit.verdict(figure)
        if verdict != "PASS":
            level = limit.refuse if verdict == "REFUSE" else limit.look
            measured = ((name, f"{figure:.2f}"), ("limit", f"{level:g}"))
            finding = Finding(reason=reason, message=sentence.format(f"{figure:.1f}"), measured=measured)
            found.append(Judgement(verdict=verdict, finding=finding))
    return tuple(found)
