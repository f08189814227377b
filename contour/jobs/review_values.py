"""What the review desk takes and gives: plain values, so that a web server only has to translate them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from contour.adaptation.fraction_report import FractionReport
from contour.anatomy.surface_mesh import SurfaceMesh
from contour.errors import Finding
from contour.jobs.review_requests import (
    APPROVE_REASONS,
    REJECT_REASONS,
    DecisionAsked,
    EditAsked,
    StepAsked,
)
from contour.store.review_records import DecisionRecord, ReviewState
from contour.store.roles import Role
from registration.grid import Grid, Shape, Triple

__all__ = [
    "APPROVE_REASONS",
    "REJECT_REASONS",
    "CaseView",
    "DecisionAsked",
    "DisplacementView",
    "EditAsked",
    "EditResult",
    "FileView",
    "FractionView",
    "Look",
    "MaskSource",
    "MaskView",
    "May",
    "PlannedStructure",
    "ReviewChange",
    "ReviewRules",
    "StepAsked",
    "StructureScore",
    "StructureState",
    "StructureView",
    "SurfaceMesh",
    "VolumeView",
    "WorkItem",
    "Worklist",
]

MaskSource = Literal["current", "original", "planned"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewRules:
    """How a site reviews.

    Args:
        four_eyes: Who edited a structure set cannot approve it.
        approvers: Roles that approve and reject, of those whose role may.
        tolerance_mm: Of the surface Dice between what was drawn and what was approved.
        cases: How many open cases are kept in memory.
        case_bytes: And how many bytes they may take together.
    """

    four_eyes: bool = False
    approvers: tuple[str, ...] = (Role.PHYSICIAN.value, Role.PHYSICIST.value)
    tolerance_mm: float = 2.0
    cases: int = 6
    case_bytes: int = 1 << 30


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkItem:
    """A line of the work list.

    Args:
        kind: "plan" or "fraction".
        label: Of the course, or the model that drew it.
        course_id: Empty outside a course.
        fraction: Its number; None of a plan.
        priority: Risk times expected edit; the list is in falling order of it.
        risk: 0 to 1.
        expected_edit_cm2: How much of the outlines' surface somebody will have to draw again.
        why: What makes the two, in sentences.
        verdict: PASS, LOOK or REFUSE of a fraction, empty of a plan.
    """

    review_id: str
    job_id: str
    kind: str
    label: str
    course_id: str
    fraction: int | None
    state: ReviewState
    reviewer: str
    priority: float
    risk: float
    expected_edit_cm2: float
    why: tuple[str, ...]
    verdict: str
    structures: int
    warnings: int
    created_s: float
    changed_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Worklist:
    """What waits, and how many reviews are in each state."""

    items: tuple[WorkItem, ...]
    counts: tuple[tuple[ReviewState, int], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class May:
    """What the one who asks may do with this review as it is."""

    edit: bool
    decide: bool
    undo: bool
    redo: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class StructureView:
    """A structure of a case as it is now; `lower_zyx` and `shape_zyx` are its crop, `slices` those that hold voxels."""

    name: str
    label: str
    colour_rgb: tuple[int, int, int]
    kind: str
    volume_ml: float
    original_volume_ml: float
    predicted_dice: float | None
    warnings: tuple[Finding, ...]
    edited: bool
    proposal: bool
    look_of: str
    lower_zyx: Shape
    shape_zyx: Shape
    centre_xyz_mm: Triple | None
    slices: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """A slice that needs a look; `score` 0 to 1."""

    structure: str
    slice_z: int
    score: float
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedStructure:
    """A structure of the plan, to be laid over the day's scan."""

    name: str
    colour_rgb: tuple[int, int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class FractionView:
    """A fraction's verdict with its evidence: all of it is in `report`."""

    number: int | None
    course_id: str
    report: FractionReport
    has_plan_volume: bool
    has_displacement: bool
    planned: tuple[PlannedStructure, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseView:
    """Everything that a page needs to open a case; images, masks and surfaces are asked for by name.

    Args:
        editors: Who has edited it, in order.
        looks: Slices that need a look, worst first.
        warnings: Of the job as a whole.
        decision: The one that holds, None while it is open.
    """

    review_id: str
    job_id: str
    kind: str
    label: str
    state: ReviewState
    revision: int
    reviewer: str
    may: May
    four_eyes: bool
    editors: tuple[str, ...]
    model: str
    model_version: str
    grid: Grid
    structures: tuple[StructureView, ...]
    looks: tuple[Look, ...]
    warnings: tuple[Finding, ...]
    fraction: FractionView | None
    decision: DecisionRecord | None


@dataclass(frozen=True, slots=True, kw_only=True)
class MaskView:
    """A structure's crop: `bits` are `numpy.packbits` of the mask in C order, the first voxel in the highest bit."""

    lower_zyx: Shape
    shape_zyx: Shape
    bits: bytes = field(repr=False)
    revision: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StructureState:
    """A structure after a change: what a page draws anew."""

    name: str
    volume_ml: float
    edited: bool
    mask: MaskView
    slices: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class EditResult:
    """The review after a change, and every structure that differs from the revision it was made on."""

    revision: int
    state: ReviewState
    structures: tuple[StructureState, ...]
    may: May


@dataclass(frozen=True, slots=True, kw_only=True)
class StructureScore:
    """What was drawn by the machine against what it became; distances at `tolerance_mm`.

    Args:
        dice: Overlap.
        surface_dice: Share of both surfaces within the tolerance.
        added_path_length_mm: Outline that somebody had to draw.
        seconds: Active work on this structure's edits.
        looked_s: Its share of the time without edits; 0 until it is decided.
    """

    name: str
    dice: float
    surface_dice: float
    tolerance_mm: float
    added_path_length_mm: float
    volume_ml: float
    original_volume_ml: float
    edited: bool
    seconds: float
    looked_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class FileView:
    """A file to hand out; its name holds no patient data."""

    name: str
    sha256: str
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class VolumeView:
    """HU on the review's grid, int16."""

    values_zyx: NDArray[np.int16]


@dataclass(frozen=True, slots=True, kw_only=True)
class DisplacementView:
    """What is left after set-up, on every `step_zyx`-th voxel of the review's grid from `start_zyx` on.

    `vectors_zyx` is (z, y, x, 3) float32, mm along patient x, y, z: where tissue of the day lay, set-up put right.
    """

    step_zyx: Shape
    start_zyx: Shape
    vectors_zyx: NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewChange:
    """Told to those who listen: a review has a new revision or state."""

    review_id: str
    revision: int
    state: ReviewState
    by: str


OnChange = Callable[[ReviewChange], None]
