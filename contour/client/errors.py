"""From gRPC's errors back to ours, so that a caller sees the same error as if the work were done in its process."""

from __future__ import annotations

import grpc
from google.rpc import code_pb2, error_details_pb2, status_pb2
from grpc_status import rpc_status

from contour.errors import (
    CancelledError,
    ContourError,
    Finding,
    InputError,
    NotFoundError,
    NotReadyError,
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
    code_pb2.RESOURCE_EXHAUSTED: ResourceLimitError,
    code_pb2.CANCELLED: CancelledError,
}


def error_of_call(error: grpc.RpcError) -> ContourError:
    """The error behind a failed call."""
    status = rpc_status.from_call(error) if isinstance(error, grpc.Call) else None
    if status is not None:
        return error_of_status(status)
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
