"""From our errors to gRPC's: one table, and the google.rpc details that carry the reason codes."""

from __future__ import annotations

from google.protobuf.any_pb2 import Any as AnyMessage
from google.rpc import code_pb2, error_details_pb2, status_pb2

from contour.errors import (
    CancelledError,
    ConfigError,
    ConflictError,
    ContourError,
    Finding,
    InputError,
    JobFailedError,
    ModelError,
    NotAllowedError,
    NotFoundError,
    NotReadyError,
    NotSignedInError,
    ResourceLimitError,
    SeriesRejectedError,
    ServiceUnavailableError,
    UntrustworthyResultError,
    rebuild_error,
)
from contour.server.messages import finding_message
from contour.store.records import Failure
from contour.v1 import findings_pb2

DOMAIN = "contour-rt"
"""ErrorInfo.domain of every error that this service gives."""

CODES: dict[type[ContourError], int] = {
    InputError: code_pb2.INVALID_ARGUMENT,
    NotFoundError: code_pb2.NOT_FOUND,
    NotReadyError: code_pb2.FAILED_PRECONDITION,
    UntrustworthyResultError: code_pb2.FAILED_PRECONDITION,
    ModelError: code_pb2.FAILED_PRECONDITION,
    ConflictError: code_pb2.ABORTED,
    NotSignedInError: code_pb2.UNAUTHENTICATED,
    NotAllowedError: code_pb2.PERMISSION_DENIED,
    ResourceLimitError: code_pb2.RESOURCE_EXHAUSTED,
    ServiceUnavailableError: code_pb2.UNAVAILABLE,
    CancelledError: code_pb2.CANCELLED,
    JobFailedError: code_pb2.INTERNAL,
    ConfigError: code_pb2.INTERNAL,
}
"""The table. A class that is not in it has the code of the nearest class above it that is; anything else, INTERNAL."""

TRAILER_BYTES = 3500
"""What a status may take up in a call's trailers: 8 KiB is the most that every client takes, and the message is in
there twice."""

OPERATION_BYTES = 64 << 10
"""What a status may take up in an operation."""

_LONGEST_MESSAGE = 800


def code_of(error: ContourError) -> int:
    """The google.rpc code of an error."""
    return next((CODES[kind] for kind in type(error).__mro__ if kind in CODES), code_pb2.INTERNAL)


def status_of(error: ContourError, *, job_id: str = "", most_bytes: int = TRAILER_BYTES) -> status_pb2.Status:
    """An error as google.rpc.Status: ErrorInfo (reason, class, job), and for findings BadRequest and Findings.

    As many findings are sent as fit, and at least the first.
    """
    metadata = {"class": type(error).__name__} | ({"job_id": job_id} if job_id else {})
    details = [_packed(error_details_pb2.ErrorInfo(reason=error.reason, domain=DOMAIN, metadata=metadata))]
    if isinstance(error, SeriesRejectedError):
        kept = _fitting(error.findings, most_bytes - 2 * _LONGEST_MESSAGE)
        bad = error_details_pb2.BadRequest(field_violations=[_violation(one) for one in kept])
        found = findings_pb2.Findings(findings=[finding_message(one) for one in kept])
        details += [_packed(bad), _packed(found)]
    return status_pb2.Status(code=code_of(error), message=error.message[:_LONGEST_MESSAGE], details=details)


def status_of_failure(failure: Failure, *, job_id: str, most_bytes: int = OPERATION_BYTES) -> status_pb2.Status:
    """Why a job is over without a result."""
    error = rebuild_error(failure.error, failure.message, reason=failure.reason, findings=failure.findings)
    return status_of(error, job_id=job_id, most_bytes=most_bytes)


def _fitting(findings: tuple[Finding, ...], most_bytes: int) -> tuple[Finding, ...]:
    used, kept = 0, 0
    for finding in findings:
        used += finding_message(finding).ByteSize() + _violation(finding).ByteSize() + 8
        if used > most_bytes and kept:
            break
        kept += 1
    return findings[:kept]


def _violation(finding: Finding) -> error_details_pb2.BadRequest.FieldViolation:
    measured = "".join(f"; {name}: {value}" for name, value in finding.measured)
    return error_details_pb2.BadRequest.FieldViolation(
        field="series", reason=finding.reason, description=f"{finding.message}{measured}"[:300]
    )


def _packed(message: object) -> AnyMessage:
    packed = AnyMessage()
    packed.Pack(message)  # type: ignore[arg-type]
    return packed
