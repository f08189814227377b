"""What the scan as a whole is judged by: another patient, another region, a flipped scan, the plan CT again.

The limits were set on OpenKBP patients deformed in known ways, and on what must be caught (other patients' scans, scans
flipped along each axis, the plan CT again, an abdomen): `ops/benchmarks/trust.py` prints both sides.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from contour.adaptation.fraction_report import AlignmentQuality
from contour.adaptation.judgement import Judgement
from contour.adaptation.limits import Verdict
from contour.adaptation.scan_check import CopyEvidence
from contour.errors import Finding
from registration.align import AlignmentResult
from registration.errors import AlignmentError
from registration.foreground import body_mask
from registration.rigid import align_rigid
from registration.volume import Volume

LEAST_BONE = 0.7
"""Correlation of bone after set-up; below it the scan is another patient's, another region's or flipped."""
LEAST_MATCHES = 0.35
"""Share of feature points found again."""
LEAST_OVERLAP = 0.5
_MOST_IDENTICAL = 0.98
_MOST_GRAIN = 0.98
_FLIP_GAIN = 0.08
_AXES = ("head and feet", "front and back", "left and right")


@dataclass(frozen=True, slots=True, kw_only=True)
class Flip:
    """A mirrored version of the day's scan, and how well its bone fits."""

    exchanged: str
    bone_agreement: float


def judge_scan(
    daily: Volume, plan: Volume, aligned: AlignmentResult, quality: AlignmentQuality, copy: CopyEvidence
) -> tuple[Judgement, ...]:
    """Nothing for a scan of the day of this patient; else what it seems to be."""
    found: list[Judgement] = []
    if copy.identical >= _MOST_IDENTICAL or copy.noise_correlation >= _MOST_GRAIN:
        found.append(
            _judged(
                "REFUSE",
                "UNCHANGED_COPY",
                "the daily scan holds the plan CT's own voxels, noise and all; expected a scan of the day",
                identical=copy.identical,
                noise_correlation=copy.noise_correlation,
            )
        )
        return tuple(found)
    share = aligned.matches.share if aligned.matches is not None else 1.0
    bone = aligned.rigid.bone_agreement
    if bone < LEAST_BONE or share < LEAST_MATCHES:
        flip = better_flip(daily, plan, aligned)
        figures = {"bone_agreement": bone, "matched_share": share, "overlap": aligned.rigid.overlap}
        if flip is not None:
            text = f"the daily scan fits better with {flip.exchanged} exchanged: its header or its voxels are flipped"
            found.append(_judged("REFUSE", "FLIPPED_SCAN", text, **figures, flipped=flip.bone_agreement))
        else:
            text = "bones and feature points of the daily scan are not those of the plan: another patient or region"
            found.append(_judged("REFUSE", "OTHER_PATIENT_OR_REGION", text, **figures))
    elif aligned.rigid.overlap < LEAST_OVERLAP:
        text = f"the plan CT covers {aligned.rigid.overlap:.0%} of the patient in the daily scan only"
        found.append(_judged("LOOK", "LITTLE_OVERLAP", text, overlap=aligned.rigid.overlap))
    return tuple(found)


def better_flip(daily: Volume, plan: Volume, aligned: AlignmentResult) -> Flip | None:
    """The mirrored version of the day's scan whose bone fits clearly better, if any does."""
    best: Flip | None = None
    for axis, exchanged in enumerate(_AXES):
        order = _axis_of(daily, axis)
        mirrored = Volume(grid=daily.grid, values_zyx=np.flip(daily.values_zyx, order).copy())
        try:
            found = align_rigid(mirrored, plan, body_mask(mirrored), device=torch.device("cpu"))
        except AlignmentError:
            continue
        clear = found.bone_agreement > aligned.rigid.bone_agreement + _FLIP_GAIN
        if clear and (best is None or found.bone_agreement > best.bone_agreement):
            best = Flip(exchanged=exchanged, bone_agreement=found.bone_agreement)
    return best


def _axis_of(daily: Volume, patient_axis: int) -> int:
    """The array axis that runs nearest to head-feet, front-back or left-right."""
    along = np.abs(np.asarray(daily.grid.axes_xyz))[:, ::-1]
    return int(np.argmax(along[:, patient_axis]))


def _judged(verdict: Verdict, reason: str, message: str, **figures: float) -> Judgement:
    measured = tuple((name, f"{value:.3f}") for name, value in figures.items())
    return Judgement(verdict=verdict, finding=Finding(reason=reason, message=message, measured=measured))
