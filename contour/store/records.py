"""What the store hands out: values, never rows."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, TypeVar

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


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRequest:
    """What was asked of a job, and what it takes to run it again."""

    series_id: str
    series_instance_uid: str | None
    model: str
    model_version: str
    structures: tuple[str, ...]
    software_version: str


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
