"""From gRPC's errors back to ours, so that a caller sees the same error as if the work were done in its process."""

from __future__ import annotations

import grpc
from google.rpc import code_pb2, error_details_pb2, status_pb2
from grpc_status import rpc_status

from contour.errors import (
    CancelledError,
    ConflictError,
    ContourError,
    Finding,
    InputError,
    NotAllowedError,
    NotFoundError,
    NotReadyError,
    NotSignedInError,
    ResourceLimitError,
    ServiceUnavailableError,
    rebuild_error,
)
from contour.v1 import findings_pb2

_DOMAIN = "contour-rt"
_BY_CODE: dict[int, type[ContourError]] = {
    code_pb2.INVALID_ARGUMENT: InputError,
    code_pb2.NOT_FOUND: NotFoundError,
    code_pb2.FAILED_PRECONDITION: NotReadyError,
    code_pb2.ABORTED: ConflictError,
    code_pb2.UNAUTHENTICATED: NotSignedInError,
    code_pb2.PERMISSION_DENIED: NotAllowedError,
    code_pb2.RESOURCE_EXHAUSTED: ResourceLimitError,
    code_pb2.CANCELLED: CancelledError,
}


_WRONG_CERTIFICATE = ("certificate_verify_failed", "verification check failed")
"""In what gRPC says of a server's certificate that another authority signed, or for another address."""


def is_worth_waiting(error: grpc.RpcError) -> bool:
    """Whether the server may be back in a moment, and the same call then be answered."""
    away = isinstance(error, grpc.Call) and error.code() is grpc.StatusCode.UNAVAILABLE
    return away and not _shows_wrong_certificate(error)


def error_of_call(error: grpc.RpcError) -> ContourError:
    """The error behind a failed call."""
    status = rpc_status.from_call(error) if isinstance(error, grpc.Call) else None
    if status is not None:
        return error_of_status(status)
    if _shows_wrong_certificate(error):
        return ServiceUnavailableError(
            "the server's certificate is not one for this address by the given authority", reason="TLS_FAILED"
        )
    code = error.code() if isinstance(error, grpc.Call) else grpc.StatusCode.UNKNOWN
    number, name = code.value
    kind = _BY_CODE.get(number, ServiceUnavailableError)
    if kind is ServiceUnavailableError:
        return ServiceUnavailableError(f"the server gave no answer ({name})", reason=code.name)
    return kind(f"the server refused the call ({name})", reason=code.name)


def error_of_status(status: status_pb2.Status) -> ContourError:
    """The error that a google.rpc.Status describes."""
    info, findings = error_details_pb2.ErrorInfo(), findings_pb2.Findings()
    for detail in status.details:
        detail.Unpack(info)
        detail.Unpack(findings)
    if info.domain != _DOMAIN:
        return ServiceUnavailableError("the server answered with an error of another service", reason="UNKNOWN")
    found = tuple(finding_of(one) for one in findings.findings)
    return rebuild_error(info.metadata["class"], status.message, reason=info.reason, findings=found)


def finding_of(message: findings_pb2.Finding) -> Finding:
    """A finding from its message."""
    measured = tuple((one.name, one.value) for one in message.measured)
    return Finding(reason=message.reason, message=message.message, measured=measured)


def _shows_wrong_certificate(error: grpc.RpcError) -> bool:
    said = (error.details() or "").lower() if isinstance(error, grpc.Call) else ""
    return any(sign in said for sign in _WRONG_CERTIFICATE)
