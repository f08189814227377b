"""What the client hands out."""

from __future__ import annotations

from dataclasses import dataclass, field

from google.longrunning import operations_pb2

from contour.errors import Finding
from contour.v1 import contouring_pb2, models_pb2


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesHandle:
    """A complete series on the server; `set_aside` says what was left out of it."""

    series_id: str
    instances: int
    set_aside: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class JobProgress:
    """Where a job stands. `state` is QUEUED, RUNNING, SUCCEEDED, FAILED or CANCELLED."""

    job_id: str
    state: str
    stage: str
    fraction: float
    queue_place: int
    estimated_remaining_s: float | None
    elapsed_s: float
    attempt: int
    is_over: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedStructure:
    """One contoured structure, or with `look_of` the must-look region of that target.

    `predicted_dice` is None where the model cannot tell; a `proposal` is a target drawn from the CT alone.
    """

    name: str
    volume_ml: float
    slices: int
    elapsed_s: float
    predicted_dice: float | None = None
    proposal: bool = False
    look_of: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedRemoval:
    """What one clean-up rule took away from a structure."""

    structure: str
    rule: str
    parts: int
    volume_ml: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """A finished job. `rtstruct` is a complete DICOM file; `stage_seconds` are in the order of the stages."""

    rtstruct: bytes = field(repr=False)
    job_id: str
    sop_instance_uid: str
    structures: tuple[PlannedStructure, ...]
    stage_seconds: tuple[tuple[str, float], ...]
    warnings: tuple[Finding, ...]
    removals: tuple[PlannedRemoval, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class InstalledModel:
    """A model on the server."""

    name: str
    version: str
    structures: tuple[str, ...]
    summary: str
    is_default: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class InstalledProtocol:
    """A protocol on the server; its name is given where a model's is. `models` are those that it uses."""

    name: str
    version: str
    description: str
    structures: tuple[str, ...]
    models: tuple[str, ...]
    is_default: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ProtocolStructure:
    """One structure of a protocol: how it comes about, and whether it is written."""

    name: str
    how: str
    keep: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ProtocolText:
    """A whole protocol: its structures in the order in which they are made, and the file, TOML."""

    protocol: InstalledProtocol
    structures: tuple[ProtocolStructure, ...]
    toml: str


def protocol_of(message: models_pb2.Protocol) -> InstalledProtocol:
    """A protocol as it came over the wire."""
    return InstalledProtocol(
        name=message.name,
        version=message.version,
        description=message.description,
        structures=tuple(message.structures),
        models=tuple(message.models),
        is_default=message.is_default,
    )


def structure_of(row: contouring_pb2.StructureRow) -> PlannedStructure:
    """One row of a result."""
    return PlannedStructure(
        name=row.name,
        volume_ml=row.volume_ml,
        slices=row.slices,
        elapsed_s=row.elapsed_s,
        predicted_dice=row.predicted_dice if row.HasField("predicted_dice") else None,
        proposal=row.proposal,
        look_of=row.look_of,
    )


def progress_of(operation: operations_pb2.Operation) -> JobProgress:
    """Where the job behind an operation stands."""
    metadata = contouring_pb2.ContouringMetadata()
    operation.metadata.Unpack(metadata)
    return progress_of_metadata(metadata)


def progress_of_metadata(metadata: contouring_pb2.ContouringMetadata) -> JobProgress:
    """Where a job stands."""
    left_s = metadata.estimated_remaining_s if metadata.HasField("estimated_remaining_s") else None
    state = contouring_pb2.JobState.Name(metadata.state).removeprefix("JOB_STATE_")
    return JobProgress(
        job_id=metadata.job_id,
        state=state,
        stage=metadata.stage,
        fraction=metadata.fraction,
        queue_place=metadata.queue_place,
        estimated_remaining_s=left_s,
        elapsed_s=metadata.elapsed_s,
        attempt=metadata.attempt,
        is_over=state not in {"QUEUED", "RUNNING"},
    )
