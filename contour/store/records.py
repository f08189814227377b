"""What the store hands out: values, never rows."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Generic, TypeVar

from contour.errors import Finding

T = TypeVar("T")


class JobState(StrEnum):
    """Where a job stands."""

    QUEUED = "QUEUED"
    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"

    @property
    def is_over(self) -> bool:
        """True where nothing more will happen."""
        return self not in {JobState.QUEUED, JobState.RUNNING}


class Verdict(StrEnum):
    """What became of an uploaded instance."""

    ACCEPTED = "ACCEPTED"
    ALREADY_ACCEPTED = "ALREADY_ACCEPTED"
    REJECTED = "REJECTED"
    SET_ASIDE = "SET_ASIDE"
    CONFLICT = "CONFLICT"
    WRONG_OFFSET = "WRONG_OFFSET"


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceVerdict:
    """A verdict, why, how much is stored, and for an accepted instance what it is."""

    sha256: str
    verdict: Verdict
    stored_bytes: int
    finding: Finding | None = None
    sop_class_uid: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceIdentity:
    """What a vetted instance says it is."""

    sop_instance_uid: str
    sop_class_uid: str
    series_instance_uid: str
    modality: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredInstance:
    """An accepted instance and the hash that names its file."""

    sha256: str
    size_bytes: int
    identity: InstanceIdentity


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredSeries:
    """A series; `refused` are the findings on what was rejected, `set_aside` on what was left out."""

    series_id: str
    complete: bool
    created_s: float
    completed_s: float | None
    instances: int
    size_bytes: int
    refused: tuple[Finding, ...]
    set_aside: tuple[Finding, ...]


PLAN_JOB, FRACTION_JOB = "plan", "fraction"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanSource:
    """Where a plan to adapt lies in the store; empty texts where there is only one choice, or none.

    `planned_fractions` is 0 where it is not known.
    """

    ct_series_id: str
    ct_series_instance_uid: str = ""
    structures_series_id: str = ""
    structures_sop_instance_uid: str = ""
    dose_series_id: str = ""
    planned_fractions: int = 0

    @property
    def series_ids(self) -> tuple[str, ...]:
        """Every series that the plan needs, each once."""
        named = (self.ct_series_id, self.structures_series_id, self.dose_series_id)
        return tuple(dict.fromkeys(one for one in named if one))


@dataclass(frozen=True, slots=True, kw_only=True)
class FractionInputs:
    """What a fraction job needs beside the day's scan, which is the job's own series."""

    plan: PlanSource
    fraction: int = 0
    limits_toml: str = ""
    course_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRequest:
    """What was asked of a job, and what it takes to run it again; `inputs` of a fraction job."""

    series_id: str
    series_instance_uid: str | None
    model: str
    model_version: str
    structures: tuple[str, ...]
    software_version: str
    inputs: FractionInputs | None = None

    @property
    def kind(self) -> str:
        """PLAN_JOB or FRACTION_JOB."""
        return PLAN_JOB if self.inputs is None else FRACTION_JOB


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why a job did not succeed; `error` is the name of the class in contour.errors."""

    error: str
    reason: str
    message: str
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultRow:
    """One contoured structure, or with `look_of` the must-look region of a target; see `contour.jobs.plan`."""

    name: str
    volume_ml: float
    slices: int
    elapsed_s: float
    predicted_dice: float | None = None
    proposal: bool = False
    look_of: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultRemoval:
    """What a clean-up rule took away from a structure."""

    structure: str
    rule: str
    parts: int
    volume_ml: float


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberFile:
    """A file inside a fraction's archive."""

    name: str
    size_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FractionOutcome:
    """What a fraction job gave: its report as JSON (`contour.adaptation.fraction_report`), the files in its archive."""

    verdict: str
    report: dict[str, Any]
    files: tuple[MemberFile, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class JobResult:
    """What a job gave, apart from the file itself. `stages` are names and seconds, in order.

    `model_version` is that of the model which really ran: after a restart it may be a later one than at the request.
    """

    sop_instance_uid: str
    model_version: str
    rows: tuple[ResultRow, ...]
    stages: tuple[tuple[str, float], ...]
    warnings: tuple[Finding, ...] = ()
    removals: tuple[ResultRemoval, ...] = ()
    fraction: FractionOutcome | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredFile:
    """A finished file in the store."""

    sha256: str
    size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """Everything that is known of a job. `queue_place` is 1 for the next in line, 0 where it isn't queued."""

    job_id: str
    request: JobRequest
    state: JobState
    stage: str
    fraction: float
    attempt: int
    queue_place: int
    created_s: float
    started_s: float | None
    ended_s: float | None
    cancel_requested: bool
    failure: Failure | None
    result: JobResult | None
    file: StoredFile | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Generic[T]):
    """Some of a list, newest first; `next_token` is empty at its end."""

    items: tuple[T, ...]
    next_token: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CourseEntry:
    """A fraction of a course: its number and the job that it is."""

    number: int
    job: Job


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """A plan and its fractions, by number; `site` is one of `contour.adaptation.watch.sites`."""

    course_id: str
    label: str
    site: str
    plan: PlanSource
    created_s: float
    fractions: tuple[CourseEntry, ...]

    @property
    def missing(self) -> tuple[int, ...]:
        """Numbers before the last fraction that are not there."""
        held = {entry.number for entry in self.fractions}
        return tuple(number for number in range(1, max(held, default=0)) if number not in held)
