"""From an open case to what a page shows of it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from contour.adaptation.fraction_report import FractionReport, report_from_json
from contour.anatomy.names import describe_structure
from contour.anatomy.structures import Structure
from contour.errors import Finding
from contour.jobs.fraction_archive import DEFORMABLE, RIGID
from contour.jobs.review_cache import OpenCase
from contour.jobs.review_looks import looks_of_fraction, looks_of_plan, slices_of
from contour.jobs.review_values import (
    CaseView,
    FractionView,
    Look,
    MaskView,
    May,
    PlannedStructure,
    ReviewRules,
    StructureState,
    StructureView,
)
from contour.store.records import ResultRow
from contour.store.review_records import DecisionRecord, Review
from contour.store.roles import Actor, Permission, allowed
from registration.grid import Shape, Triple


def case_view(
    case: OpenCase, review: Review, actor: Actor, rules: ReviewRules, decision: DecisionRecord | None
) -> CaseView:
    """Everything of a case but images, masks and surfaces."""
    reviewed = case.reviewed
    result, request = reviewed.result, reviewed.job.request
    report = None if result.fraction is None else report_from_json(result.fraction.report)
    structures = tuple(case.structure(name) for name in case.names)
    return CaseView(
        review_id=review.review_id,
        job_id=review.job_id,
        kind=request.kind,
        label=reviewed.label,
        state=review.state,
        revision=case.revision,
        reviewer=review.reviewer,
        may=may(case, review, actor, rules),
        four_eyes=rules.four_eyes,
        editors=editors_of(case),
        model=request.model,
        model_version=result.model_version,
        grid=case.case.grid,
        structures=tuple(_structure_view(case, name, result.rows, report, result.warnings) for name in case.names),
        looks=_looks(structures, result.rows, report),
        warnings=result.warnings,
        fraction=None if report is None else _fraction_view(case, report),
        decision=decision,
    )


def may(case: OpenCase, review: Review, actor: Actor, rules: ReviewRules) -> May:
    """What the actor's role allows while the review is as it is."""
    is_open = not review.state.is_decided
    edits = is_open and bool(case.names) and allowed(actor.role, Permission.EDIT)
    return May(
        edit=edits,
        decide=is_open and allowed(actor.role, Permission.DECIDE) and actor.role.value in rules.approvers,
        undo=edits and bool(case.standing.done),
        redo=edits and bool(case.standing.undone),
    )


def editors_of(case: OpenCase) -> tuple[str, ...]:
    """Who has changed anything, undone or not, each once."""
    return tuple(dict.fromkeys(edit.author for edit in case.edits))


def is_edited(case: OpenCase, name: str) -> bool:
    """The structure's voxels are not those that the machine drew, however many edits were made."""
    return name in case.changed() and not same_voxels(case.drawn(name), case.structure(name))


def same_voxels(one: Structure, other: Structure) -> bool:
    """Two structures of one grid hold the same voxels, in whatever crops."""
    a, b = one.mask_zyx, other.mask_zyx
    if int(np.count_nonzero(a)) != int(np.count_nonzero(b)):
        return False
    low = [max(p, q) for p, q in zip(one.lower_zyx, other.lower_zyx, strict=True)]
    high = [min(p + m, q + n) for p, q, m, n in zip(one.lower_zyx, other.lower_zyx, a.shape, b.shape, strict=True)]
    parts = [
        mask[tuple(slice(max(0, s - p), max(0, e - p)) for s, e, p in zip(low, high, first, strict=True))]
        for mask, first in ((a, one.lower_zyx), (b, other.lower_zyx))
    ]
    shared = int(np.count_nonzero(parts[0] & parts[1])) if parts[0].size else 0
    return shared == int(np.count_nonzero(a))


def mask_view(structure: Structure, revision: int) -> MaskView:
    """A structure's crop as bits."""
    return MaskView(
        lower_zyx=structure.lower_zyx,
        shape_zyx=_shape(structure),
        bits=np.packbits(structure.mask_zyx).tobytes(),
        revision=revision,
    )


def structure_state(case: OpenCase, name: str) -> StructureState:
    """A structure as a page draws it after a change."""
    structure = case.structure(name)
    return StructureState(
        name=name,
        volume_ml=structure.volume_ml,
        edited=is_edited(case, name),
        mask=mask_view(structure, case.revision),
        slices=slices_of(structure),
    )


def _structure_view(
    case: OpenCase,
    name: str,
    rows: Sequence[ResultRow],
    report: FractionReport | None,
    warnings: Sequence[Finding],
) -> StructureView:
    structure, drawn = case.structure(name), case.drawn(name)
    kind = describe_structure(name)
    roi = drawn.roi
    row = next((one for one in rows if one.name == name), None)
    said = None if report is None else report.row_of(name)
    about = [one for one in warnings if name in one.message.replace(",", " ").replace(":", " ").split()]
    return StructureView(
        name=name,
        label=name if roi is None else roi.name,
        colour_rgb=kind.colour_rgb if roi is None else roi.colour_rgb,
        kind=kind.interpreted_type if roi is None else roi.interpreted_type,
        volume_ml=structure.volume_ml,
        original_volume_ml=drawn.volume_ml,
        predicted_dice=None if row is None else row.predicted_dice,
        warnings=(*about, *(() if said is None else said.trust.reasons)),
        edited=is_edited(case, name),
        proposal=row is not None and row.proposal,
        look_of="" if row is None else row.look_of,
        lower_zyx=structure.lower_zyx,
        shape_zyx=_shape(structure),
        centre_xyz_mm=_centre_xyz_mm(structure),
        slices=slices_of(structure),
    )


def _looks(
    structures: Sequence[Structure], rows: Sequence[ResultRow], report: FractionReport | None
) -> tuple[Look, ...]:
    return looks_of_plan(structures, rows) if report is None else looks_of_fraction(structures, report)


def _fraction_view(case: OpenCase, report: FractionReport) -> FractionView:
    members, plan = case.source.members, case.source.plan
    aligned = RIGID in members and plan is not None
    colours = {name: roi.colour_rgb for name in case.names if (roi := case.drawn(name).roi) is not None}
    planned = tuple(
        PlannedStructure(
            name=row.drift.name,
            colour_rgb=colours.get(row.drift.name) or describe_structure(row.drift.name).colour_rgb,
        )
        for row in report.structures
    )
    return FractionView(
        number=case.reviewed.fraction,
        course_id=case.reviewed.course_id,
        report=report,
        has_plan_volume=aligned,
        has_displacement=DEFORMABLE in members,
        planned=planned if aligned and plan is not None and plan.structures else (),
    )


def _centre_xyz_mm(structure: Structure) -> Triple | None:
    """Mean of the voxels' places, from the sums along each axis; None of an empty structure."""
    mask = structure.mask_zyx
    total = int(np.count_nonzero(mask))
    if not total:
        return None
    per_slice = np.count_nonzero(mask, axis=(1, 2))
    flat = np.add.reduce(mask, axis=0, dtype=np.int64)
    sums = (per_slice, flat.sum(axis=1), flat.sum(axis=0))
    index = [float(np.dot(np.arange(one.size), one)) / total for one in sums]
    x, y, z = structure.grid.to_point_xyz_mm(np.asarray(index) + np.asarray(structure.lower_zyx))
    return (float(x), float(y), float(z))


def _shape(structure: Structure) -> Shape:
    slices, rows, columns = structure.mask_zyx.shape
    return slices, rows, columns
