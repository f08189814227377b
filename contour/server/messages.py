"""From the store's values to the wire's messages."""

from __future__ import annotations

import math

from google.protobuf.timestamp_pb2 import Timestamp

from contour.errors import Finding
from contour.jobs.work import ModelFacts, ProtocolFacts, ProtocolRow
from contour.store.records import InstanceVerdict, Job, JobResult, JobState, StoredFile, StoredSeries, Verdict
from contour.v1 import contouring_pb2, findings_pb2, models_pb2, series_pb2

MOST_FINDINGS = 50
"""In an answer about one thing."""

MOST_FINDINGS_IN_LIST = 3
"""For each entry of a list, so that the longest page stays far below gRPC's 4 MiB."""

_MOST_MEASURED = 8

VERDICTS = {
    Verdict.ACCEPTED: series_pb2.INSTANCE_VERDICT_ACCEPTED,
    Verdict.ALREADY_ACCEPTED: series_pb2.INSTANCE_VERDICT_ALREADY_ACCEPTED,
    Verdict.REJECTED: series_pb2.INSTANCE_VERDICT_REJECTED,
    Verdict.SET_ASIDE: series_pb2.INSTANCE_VERDICT_SET_ASIDE,
    Verdict.CONFLICT: series_pb2.INSTANCE_VERDICT_CONFLICT,
    Verdict.WRONG_OFFSET: series_pb2.INSTANCE_VERDICT_WRONG_OFFSET,
}

STATES = {
    JobState.QUEUED: contouring_pb2.JOB_STATE_QUEUED,
    JobState.RUNNING: contouring_pb2.JOB_STATE_RUNNING,
    JobState.SUCCEEDED: contouring_pb2.JOB_STATE_SUCCEEDED,
    JobState.FAILED: contouring_pb2.JOB_STATE_FAILED,
    JobState.CANCELLED: contouring_pb2.JOB_STATE_CANCELLED,
}


def finding_message(finding: Finding) -> findings_pb2.Finding:
    """A finding."""
    return findings_pb2.Finding(
        reason=finding.reason,
        message=finding.message[:500],
        measured=[
            findings_pb2.Measurement(name=name, value=value[:300]) for name, value in finding.measured[:_MOST_MEASURED]
        ],
    )


def series_message(series: StoredSeries, *, most_findings: int = MOST_FINDINGS) -> series_pb2.Series:
    """A series."""
    return series_pb2.Series(
        series_id=series.series_id,
        state=series_pb2.SERIES_STATE_COMPLETE if series.complete else series_pb2.SERIES_STATE_OPEN,
        create_time=timestamp(series.created_s),
        complete_time=timestamp(series.completed_s),
        instances=series.instances,
        size_bytes=series.size_bytes,
        findings=[finding_message(one) for one in (*series.refused, *series.set_aside)[:most_findings]],
    )


def verdict_message(verdict: InstanceVerdict) -> series_pb2.UploadInstancesResponse:
    """What became of an instance."""
    return series_pb2.UploadInstancesResponse(
        sha256=verdict.sha256,
        verdict=VERDICTS[verdict.verdict],
        finding=None if verdict.finding is None else finding_message(verdict.finding),
        stored_bytes=verdict.stored_bytes,
        sop_class_uid=verdict.sop_class_uid,
    )


def job_message(job: Job, *, now_s: float, remaining_s: float | None) -> contouring_pb2.ContouringMetadata:
    """Where a job stands."""
    started_s = job.started_s if job.started_s is not None else now_s
    ended_s = job.ended_s if job.ended_s is not None else now_s
    return contouring_pb2.ContouringMetadata(
        job_id=job.job_id,
        series_id=job.request.series_id,
        state=STATES[job.state],
        stage=job.stage,
        fraction=job.fraction,
        queue_place=job.queue_place,
        estimated_remaining_s=remaining_s,
        elapsed_s=max(ended_s - started_s, 0.0),
        attempt=job.attempt,
        model=job.request.model,
        model_version=job.request.model_version,
        structures=job.request.structures,
        software_version=job.request.software_version,
        create_time=timestamp(job.created_s),
        start_time=timestamp(job.started_s),
        end_time=timestamp(job.ended_s),
        reason="" if job.failure is None else job.failure.reason,
    )


def result_message(
    result: JobResult, file: StoredFile, *, most_findings: int = MOST_FINDINGS
) -> contouring_pb2.ContouringResult:
    """What a finished job gave."""
    return contouring_pb2.ContouringResult(
        sop_instance_uid=result.sop_instance_uid,
        sha256=file.sha256,
        size_bytes=file.size_bytes,
        structures=[
            contouring_pb2.StructureRow(
                name=row.name,
                volume_ml=row.volume_ml,
                slices=row.slices,
                elapsed_s=row.elapsed_s,
                predicted_dice=row.predicted_dice,
                proposal=row.proposal,
                look_of=row.look_of,
            )
            for row in result.rows
        ],
        stages=[contouring_pb2.StageDuration(stage=stage, elapsed_s=elapsed) for stage, elapsed in result.stages],
        warnings=[finding_message(one) for one in result.warnings[:most_findings]],
        removals=[
            contouring_pb2.StructureRemoval(
                structure=one.structure, rule=one.rule, parts=one.parts, volume_ml=one.volume_ml
            )
            for one in result.removals
        ],
    )


def model_message(model: ModelFacts) -> models_pb2.Model:
    """A model without its card."""
    return models_pb2.Model(
        name=model.name,
        version=model.version,
        structures=model.structures,
        summary=model.summary,
        is_default=model.is_default,
    )


def protocol_message(facts: ModelFacts, protocol: ProtocolFacts) -> models_pb2.Protocol:
    """A protocol without its text."""
    return models_pb2.Protocol(
        name=facts.name,
        version=facts.version,
        description=facts.summary,
        structures=facts.structures,
        models=protocol.models,
        is_default=facts.is_default,
    )


def protocol_row_message(row: ProtocolRow) -> models_pb2.ProtocolStructure:
    """One structure of a protocol."""
    return models_pb2.ProtocolStructure(name=row.name, how=row.how, keep=row.keep)


def timestamp(seconds: float | None) -> Timestamp | None:
    """Seconds since the epoch as a message; None stays None."""
    if seconds is None:
        return None
    whole = math.floor(seconds)
    return Timestamp(seconds=whole, nanos=int((seconds - whole) * 1e9))
