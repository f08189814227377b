"""Can today's structures be believed? Three witnesses for each structure, and figures for the whole alignment.

    features    the feature points' own field carries the structure as well
    backward    a registration from plan to day, made on its own: there and back should miss nothing
    network     the network's contour today against its own plan contour, carried (like with like)

What they say becomes an expected error in millimetres (`expected_error`) and, by a site's limits, a verdict.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from contour.adaptation.evidence import (
    SUPPORT_MM,
    StructureEvidence,
    WitnessAgreement,
    boundary_points_xyz_mm,
    coarser_voxel_mm,
    contour_agreement,
    local_agreement,
    mean_agreement,
)
from contour.adaptation.expected_error import expected_error
from contour.adaptation.fraction_report import AlignmentQuality, StructureTrust, Witness
from contour.adaptation.limits import Limit, StructureLimits, Verdict, worst
from contour.anatomy.structures import Structure
from contour.errors import Finding
from registration.align import AlignmentResult, there_and_back_mm
from registration.grid import Coordinates, Grid
from registration.matching import displaced_by_matches
from registration.plausibility import cell_jacobians
from registration.transform import Alignment, DisplacementField
from registration.volume import Volume

_BODY_POINTS = 4000


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What the witnesses look at: both scans, the alignment, and the images' agreement before and after it.

    Args:
        daily: The day's scan.
        plan_grid: Of the planning CT.
        aligned: Day to plan.
        backward: Plan to day, made on its own; None where it was not made.
        agreement: Local correlation with the whole alignment.
        agreement_rigid: With set-up put right only.
        jacobian: Local volume ratio at the field's nodes; None for a rigid alignment.
    """

    daily: Volume
    plan_grid: Grid
    aligned: AlignmentResult
    backward: Alignment | None
    agreement: Volume
    agreement_rigid: Volume
    jacobian: Volume | None

    @classmethod
    def of(cls, daily: Volume, plan: Volume, aligned: AlignmentResult, backward: Alignment | None) -> Scene:
        """For two scans and their alignment."""
        field = aligned.alignment.field
        return cls(
            daily=daily,
            plan_grid=plan.grid,
            aligned=aligned,
            backward=backward,
            agreement=local_agreement(daily, plan, aligned.alignment),
            agreement_rigid=local_agreement(daily, plan, aligned.alignment.rigid_only),
            jacobian=None if field is None else jacobian_volume(field),
        )


def jacobian_volume(field: DisplacementField) -> Volume:
    """Local volume ratio, plan over day, at the middle of each cell between nodes; float32."""
    low, high = cell_jacobians(field)
    z, y, x = low.shape
    shifted = field.grid.to_point_xyz_mm(np.array([0.5, 0.5, 0.5]))
    grid = Grid(
        shape_zyx=(z, y, x),
        spacing_zyx_mm=field.grid.spacing_zyx_mm,
        origin_xyz_mm=(float(shifted[0]), float(shifted[1]), float(shifted[2])),
        axes_xyz=field.grid.axes_xyz,
        frame_of_reference_uid=field.grid.frame_of_reference_uid,
    )
    # the corner that is farther from keeping its volume speaks for the cell
    extreme = np.where(np.abs(low - 1.0) > np.abs(high - 1.0), low, high)
    return Volume(grid=grid, values_zyx=extreme.astype(np.float32))


def alignment_quality(scene: Scene, method: str) -> AlignmentQuality:
    """Figures of the whole alignment inside the body."""
    aligned = scene.aligned
    jacobian = aligned.jacobian
    points = _body_points_xyz_mm(aligned.body)
    missed = None if scene.backward is None else there_and_back_mm(aligned.alignment, scene.backward, points)
    off = None
    if aligned.matches is not None and aligned.matches.count:
        mapped = aligned.alignment.map_points(aligned.matches.fixed_xyz_mm)
        off = np.linalg.norm(mapped - aligned.matches.moving_xyz_mm, axis=1)
    return AlignmentQuality(
        method=method,
        jacobian_minimum=None if jacobian is None else jacobian.minimum,
        jacobian_maximum=None if jacobian is None else jacobian.maximum,
        jacobian_p01=None if jacobian is None else jacobian.percentile_1,
        jacobian_p99=None if jacobian is None else jacobian.percentile_99,
        folded_voxels=None if jacobian is None else jacobian.folded,
        folded_percent=None if jacobian is None else 100.0 * jacobian.folded / max(1, jacobian.cells),
        inverse_consistency_mean_mm=None if missed is None else float(missed.mean()),
        inverse_consistency_p95_mm=None if missed is None else float(np.percentile(missed, 95)),
        agreement_before=mean_agreement(scene.agreement_rigid, points),
        agreement_after=mean_agreement(scene.agreement, points),
        landmarks=None if aligned.matches is None else aligned.matches.count,
        landmark_mean_mm=None if off is None else float(off.mean()),
        landmark_p95_mm=None if off is None else float(np.percentile(off, 95)),
    )


def structure_evidence(
    scene: Scene, carried: Structure, network: WitnessAgreement | None = None
) -> StructureEvidence | None:
    """What the witnesses say of one carried structure; None of an empty one."""
    points = boundary_points_xyz_mm(carried)
    if not points.shape[0]:
        return None
    alignment = scene.aligned.alignment
    field = alignment.field
    u = np.zeros_like(points) if field is None else field.at(points)
    disagreement, supported = None, 0.0
    if scene.aligned.matches is not None:
        by_matches, support_mm = displaced_by_matches(scene.aligned.matches, alignment.rigid, points)
        known = support_mm <= SUPPORT_MM
        supported = float(known.mean())
        if known.any():
            disagreement = float(np.linalg.norm(by_matches - u, axis=1)[known].mean())
    missed = None if scene.backward is None else there_and_back_mm(alignment, scene.backward, points)
    low, high = 1.0, 1.0
    if scene.jacobian is not None:
        index = np.rint(scene.jacobian.grid.to_index_zyx(points)).astype(int)
        index = np.clip(index, 0, np.asarray(scene.jacobian.grid.shape_zyx) - 1)
        ratios = scene.jacobian.values_zyx[index[:, 0], index[:, 1], index[:, 2]]
        low, high = float(ratios.min()), float(ratios.max())
    return StructureEvidence(
        points=points.shape[0],
        motion_mm=float(np.linalg.norm(u, axis=1).mean()),
        disagreement_mm=disagreement,
        supported=supported,
        inconsistency_mm=None if missed is None else float(missed.mean()),
        agreement=mean_agreement(scene.agreement, points),
        agreement_rigid=mean_agreement(scene.agreement_rigid, points),
        jacobian_minimum=low,
        jacobian_maximum=high,
        network_mm=None if network is None else network.mean_surface_distance_mm,
        voxel_mm=coarser_voxel_mm(scene.daily.grid, scene.plan_grid),
    )


def carried_by_matches(scene: Scene, carried: Structure) -> Alignment | None:
    """The feature points' own account of the motion about one structure; None where there are too few of them."""
    matches, alignment = scene.aligned.matches, scene.aligned.alignment
    if matches is None or carried.is_empty or alignment.field is None:
        return None
    step = alignment.field.grid.spacing_zyx_mm
    margin = [int(np.ceil(20.0 / s)) for s in step]
    grid = carried.grid
    ends = np.asarray([carried.lower_zyx, np.add(carried.lower_zyx, carried.mask_zyx.shape)], dtype=np.float64)
    corners = grid.to_point_xyz_mm(np.asarray(list(_box_corners(ends))))
    index = alignment.field.grid.to_index_zyx(corners)
    low = np.floor(index.min(axis=0)).astype(int) - margin
    size = np.ceil(index.max(axis=0)).astype(int) + margin - low + 1
    part = alignment.field.grid.cropped(
        (int(low[0]), int(low[1]), int(low[2])), (int(size[0]), int(size[1]), int(size[2]))
    ).resampled((max(step[0], 6.0), max(step[1], 6.0), max(step[2], 6.0)))
    nodes = part.to_point_xyz_mm(np.moveaxis(np.indices(part.shape_zyx), 0, -1).reshape(-1, 3).astype(np.float64))
    u, support_mm = displaced_by_matches(matches, alignment.rigid, nodes)
    if not np.isfinite(support_mm).all():
        return None
    field = DisplacementField(grid=part, displacements_xyz_mm=u.reshape(*part.shape_zyx, 3).astype(np.float32))
    return Alignment(
        rigid=alignment.rigid,
        field=field,
        fixed_frame_uid=alignment.fixed_frame_uid,
        moving_frame_uid=alignment.moving_frame_uid,
    )


def judge_structure(
    name: str,
    evidence: StructureEvidence | None,
    witnesses: Sequence[Witness],
    limits: StructureLimits,
    *,
    out_of_view: float,
    at_plan_end: bool,
) -> StructureTrust:
    """Expected error, verdict and reasons.

    The network warns and never refuses alone: its own unsteadiness is part of what it says.
    """
    found: list[tuple[Verdict, Finding]] = []

    def hold(limit: Limit, figure: float | None, reason: str, message: str, *, at_most: Verdict = "REFUSE") -> None:
        verdict = limit.verdict(figure)
        if verdict == "PASS" or figure is None:
            return
        verdict = "LOOK" if at_most == "LOOK" else verdict
        level = limit.refuse if verdict == "REFUSE" else limit.look
        measured = (("figure", f"{figure:.2f}"), ("limit", f"{level:g}"))
        found.append((verdict, Finding(reason=reason, message=f"{name}: {message}", measured=measured)))

    error = None
    if evidence is None:
        found.append(("LOOK", Finding(reason="NOT_CARRIED", message=f"{name}: nothing of it lies in today's scan")))
    else:
        error = expected_error(evidence)
        hold(
            limits.expected_error_mm,
            error.mean_mm,
            "EXPECTED_ERROR",
            f"expected to be off by {error.mean_mm:.1f} mm, nine in ten below {error.likely_below_mm:.1f} mm",
        )
    for witness in witnesses:
        if not witness.available:
            continue
        most: Verdict = "LOOK" if witness.name == "network" else "REFUSE"
        hold(
            limits.witness_distance_mm,
            witness.mean_surface_distance_mm,
            f"WITNESS_{witness.name.upper()}",
            f"by {witness.name} it lies {witness.mean_surface_distance_mm or 0.0:.1f} mm elsewhere",
            at_most=most,
        )
        hold(
            limits.witness_dice,
            witness.dice,
            f"WITNESS_{witness.name.upper()}_OVERLAP",
            f"by {witness.name} it overlaps by Dice {witness.dice or 0.0:.2f} only",
            at_most="LOOK",
        )
    hold(
        limits.out_of_view_percent,
        100.0 * out_of_view,
        "OUT_OF_VIEW",
        f"{out_of_view:.0%} of it lies outside today's scan",
    )
    if at_plan_end:
        message = f"{name}: reaches the end of the plan CT, where it may have been cut"
        found.append(("LOOK", Finding(reason="CUT_BY_PLAN_CT", message=message)))
    order: tuple[Verdict, ...] = ("REFUSE", "LOOK", "PASS")
    found.sort(key=lambda one: order.index(one[0]))
    return StructureTrust(
        expected_error_mm=None if error is None else error.mean_mm,
        verdict=worst(tuple(verdict for verdict, _ in found)),
        witnesses=tuple(witnesses),
        reasons=tuple(finding for _, finding in found),
    )


def witness_of(name: str, agreement: WitnessAgreement | None, why_not: str) -> Witness:
    """A witness as the report tells it."""
    if agreement is None:
        return Witness(name=name, available=False, why_not=why_not)
    return Witness(
        name=name,
        centroid_shift_mm=agreement.centroid_shift_mm,
        mean_surface_distance_mm=agreement.mean_surface_distance_mm,
        dice=agreement.dice,
    )


__all__ = [
    "Scene",
    "alignment_quality",
    "carried_by_matches",
    "contour_agreement",
    "jacobian_volume",
    "judge_structure",
    "structure_evidence",
    "witness_of",
]


def _body_points_xyz_mm(body: Volume) -> Coordinates:
    index = np.argwhere(body.values_zyx)
    order = np.random.default_rng(20260000).permutation(index.shape[0])[:_BODY_POINTS]
    return body.grid.to_point_xyz_mm(index[np.sort(order)].astype(np.float64))


def _box_corners(ends: Coordinates) -> Sequence[tuple[float, float, float]]:
    return [(float(z), float(y), float(x)) for z in ends[:, 0] for y in ends[:, 1] for x in ends[:, 2]]
