"""What the scan as a whole is judged by: another patient, another region, a flipped scan, the plan CT again.

The limits were set on OpenKBP patients deformed in known ways, and on what must be caught (other patients' scans, scans
flipped along each axis, the plan CT again, an abdomen): `ops/benchmarks/trust.py` prints both sides.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from contour.adaptation.evidence import mean_agreement
from contour.adaptation.fraction_report import AlignmentQuality
from contour.adaptation.judgement import Judgement
from contour.adaptation.limits import Verdict
from contour.adaptation.scan_check import CopyEvidence
from contour.adaptation.trust import Scene
from contour.errors import Finding
from registration.errors import AlignmentError
from registration.foreground import body_mask
from registration.matching import match_keypoints
from registration.rigid import RigidResult, align_rigid
from registration.volume import Volume

LEAST_BONE = 0.75
"""Local correlation in and about bone after the whole alignment: 0.98 of the same patient, 0.24 to 0.54 of another."""
LEAST_MATCHES = 0.35
"""Share of feature points found again: from 0.55 of the same patient, up to 0.29 of another."""
LEAST_AGREEMENT = 0.7
DOUBTFUL_AGREEMENT = 0.92
"""Local correlation inside the body: from 0.93 of the same patient, up to 0.91 of a mirrored one."""
DOUBTFUL_INVERSE_MM = 4.0
DOUBTFUL_LANDMARK_MM = 1.2
"""Where both of these are in doubt, feature points decide: 0.92 of the same patient in a cone-beam-like scan that both
doubt, 1.5 of another synthetic patient that resembles the first."""
LEAST_OVERLAP = 0.5
_MOST_IDENTICAL = 0.98
_MOST_GRAIN = 0.95
_FLIP_GAIN = 0.05
_FLIP_FIT_GAIN = 0.01
_BONE_HU = (300.0, 2500.0)
_MOST_POINTS = 20_000
LEFT_RIGHT = "left and right"
"""Looked at in every scan: a head is so nearly the same mirrored that nothing else may be in doubt."""
_AXES = {"head and feet": 0, "front and back": 1, LEFT_RIGHT: 2}


@dataclass(frozen=True, slots=True, kw_only=True)
class Flip:
    """A mirrored version of the day's scan, and the share of its feature points that is found again."""

    exchanged: str
    matched_share: float


def judge_scan(scene: Scene, plan: Volume, quality: AlignmentQuality, copy: CopyEvidence) -> tuple[Judgement, ...]:
    """Nothing for a scan of the day of this patient; else what it seems to be."""
    if copy.identical >= _MOST_IDENTICAL or copy.noise_correlation >= _MOST_GRAIN:
        text = "the daily scan holds the plan CT's own voxels, noise and all; expected a scan of the day"
        return (
            _judged(
                "REFUSE", "UNCHANGED_COPY", text, identical=copy.identical, noise_correlation=copy.noise_correlation
            ),
        )
    aligned = scene.aligned
    share = 1.0 if aligned.matches is None else aligned.matches.share
    bone = agreement_in_bone(scene)
    agreement = 1.0 if quality.agreement_after is None else quality.agreement_after
    inverse_mm = quality.inverse_consistency_p95_mm or 0.0
    figures = {
        "bone_agreement": 1.0 if bone is None else bone,
        "matched_share": share,
        "body_agreement": agreement,
        "inverse_consistency_p95_mm": inverse_mm,
        "overlap": aligned.rigid.overlap,
    }
    stranger = (bone is not None and bone < LEAST_BONE) or share < LEAST_MATCHES or agreement < LEAST_AGREEMENT
    doubtful = agreement < DOUBTFUL_AGREEMENT or inverse_mm > DOUBTFUL_INVERSE_MM
    axes = tuple(_AXES) if stranger or doubtful else (LEFT_RIGHT,)
    flip = better_flip(scene.daily, plan, share, aligned.rigid, axes)
    if flip is not None:
        text = f"the daily scan fits better with {flip.exchanged} exchanged: its header or its voxels are flipped"
        return (_judged("REFUSE", "FLIPPED_SCAN", text, **figures, flipped_share=flip.matched_share),)
    if stranger:
        text = "bones and feature points of the daily scan are not those of the plan: another patient or region"
        return (_judged("REFUSE", "OTHER_PATIENT_OR_REGION", text, **figures),)
    found: list[Judgement] = []
    if agreement < DOUBTFUL_AGREEMENT and inverse_mm > DOUBTFUL_INVERSE_MM:
        text = "the scans fit each other too badly for one patient's: make sure whose scan this is"
        points_mm = quality.landmark_mean_mm
        contradicted = points_mm is None or points_mm > DOUBTFUL_LANDMARK_MM
        found.append(_judged("REFUSE" if contradicted else "LOOK", "MAYBE_OTHER_PATIENT", text, **figures))
    if aligned.rigid.overlap < LEAST_OVERLAP:
        text = f"the plan CT covers {aligned.rigid.overlap:.0%} of the patient in the daily scan only"
        found.append(_judged("LOOK", "LITTLE_OVERLAP", text, overlap=aligned.rigid.overlap))
    return tuple(found)


def agreement_in_bone(scene: Scene) -> float | None:
    """Mean local correlation at bone inside the body after the whole alignment; None where there is too little bone."""
    daily, body = scene.daily, scene.aligned.body
    values = np.asarray(daily.values_zyx)
    index = np.argwhere((values > _BONE_HU[0]) & (values < _BONE_HU[1]))
    order = np.random.default_rng(20260000).permutation(index.shape[0])[:_MOST_POINTS]
    points = daily.grid.to_point_xyz_mm(index[np.sort(order)].astype(np.float64))
    at = np.rint(body.grid.to_index_zyx(points)).astype(int)
    at = np.clip(at, 0, np.asarray(body.grid.shape_zyx) - 1)
    points = points[np.asarray(body.values_zyx)[at[:, 0], at[:, 1], at[:, 2]]]
    return mean_agreement(scene.agreement, points) if points.shape[0] > _MOST_POINTS // 100 else None


def better_flip(daily: Volume, plan: Volume, share: float, rigid: RigidResult, axes: tuple[str, ...]) -> Flip | None:
    """The mirrored version of the day's scan that fits the plan clearly better than the scan itself, if there is one.

    A head is nearly the same mirrored, so that no one figure tells; but the right way round, feature points, soft
    tissue and bone all fit better, in every patient measured.

    Args:
        daily: HU.
        plan: HU.
        share: Of the scan's own feature points, found again.
        rigid: The scan's own set-up.
        axes: Which ends may be exchanged.
    """
    best: Flip | None = None
    for exchanged in axes:
        along = _array_axis(daily, _AXES[exchanged])
        mirrored = Volume(grid=daily.grid, values_zyx=np.flip(daily.values_zyx, along).copy())
        try:
            body = body_mask(mirrored)
            found = align_rigid(mirrored, plan, body, device=torch.device("cpu"))
        except AlignmentError:
            continue
        matched = match_keypoints(mirrored, plan, found.transform, body).share
        all_better = (
            matched > share
            and found.agreement > rigid.agreement + _FLIP_FIT_GAIN
            and found.bone_agreement > rigid.bone_agreement + _FLIP_FIT_GAIN
        )
        if (matched > share + _FLIP_GAIN or all_better) and (best is None or matched > best.matched_share):
            best = Flip(exchanged=exchanged, matched_share=matched)
    return best


def _array_axis(daily: Volume, patient_axis: int) -> int:
    """The array axis that runs nearest to head-feet, front-back or left-right."""
    along = np.abs(np.asarray(daily.grid.axes_xyz))[:, ::-1]
    return int(np.argmax(along[:, patient_axis]))


def _judged(verdict: Verdict, reason: str, message: str, **figures: float) -> Judgement:
    measured = tuple((name, f"{value:.3f}") for name, value in figures.items())
    return Judgement(verdict=verdict, finding=Finding(reason=reason, message=message, measured=measured))
