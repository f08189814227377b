"""Every error that contour raises on purpose.

    ContourError
    ├── InputError                what came in cannot be used            (INVALID_ARGUMENT, exit 1)
    │   └── SeriesRejectedError   a CT series that fails a precondition, with all its findings
    ├── NotFoundError             a model, series, job or structure that is not there   (NOT_FOUND)
    ├── ConflictError             somebody else was faster: made from what is no longer so   (ABORTED)
    ├── NotReadyError             asked for too early: an open series, a result not there yet  (FAILED_PRECONDITION)
    ├── UntrustworthyResultError  a result that failed its own check     (FAILED_PRECONDITION)
    ├── NotSignedInError          nobody says who asks, or not believably (UNAUTHENTICATED)
    ├── NotAllowedError           whoever asks may not do it             (PERMISSION_DENIED)
    ├── ResourceLimitError        queue, memory or disk is full          (RESOURCE_EXHAUSTED)
    ├── ModelError                a model folder that is broken or not what its manifest says
    ├── JobFailedError            a job's worker died, hung or met something unforeseen (INTERNAL)
    ├── ServiceUnavailableError   a server that cannot be reached or is stopping        (UNAVAILABLE)
    ├── CancelledError            somebody asked for the work to stop    (CANCELLED)
    └── ConfigError               a setting that is unknown or out of range

Each carries a `reason`: a stable UPPER_SNAKE_CASE code that a program can act on. Messages say what was
found and what was expected, and never hold patient data.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was noticed about an input: its code, a sentence, and the measured values."""

    reason: str
    message: str
    measured: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        return f"{self.reason}: {self.message}"


class ContourError(Exception):
    """Base of the tree; `reason` is the stable code."""

    default_reason = "INTERNAL"

    def __init__(self, message: str, *, reason: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.reason = reason or self.default_reason

    def __str__(self) -> str:
        return f"{self.reason}: {self.message}"


class InputError(ContourError):
    """What came in cannot be used."""

    default_reason = "INVALID_INPUT"


class SeriesRejectedError(InputError):
    """A CT series fails one or more preconditions; the first finding leads the message."""

    def __init__(self, findings: tuple[Finding, ...]) -> None:
        if not findings:
            raise ValueError("a rejection needs at least one finding")
        self.findings = findings
        super().__init__("; ".join(finding.message for finding in findings), reason=findings[0].reason)


class NotFoundError(ContourError):
    """Something was asked for by a name that is not there."""

    default_reason = "NOT_FOUND"


class ConflictError(ContourError):
    """Something was made from a state that somebody else has changed meanwhile."""

    default_reason = "CONFLICT"


class NotReadyError(ContourError):
    """Something was asked for before it could be given."""

    default_reason = "NOT_READY"


class UntrustworthyResultError(ContourError):
    """A result failed its own check and is not handed out."""

    default_reason = "UNTRUSTWORTHY_RESULT"


class NotSignedInError(ContourError):
    """Nobody says who asks, or not in a way that can be believed."""

    default_reason = "NOT_SIGNED_IN"


class NotAllowedError(ContourError):
    """Whoever asks is known, and may not do it."""

    default_reason = "NOT_ALLOWED"


class ResourceLimitError(ContourError):
    """A queue, memory or disk limit was met."""

    default_reason = "RESOURCE_LIMIT"


class ModelError(ContourError):
    """A model folder is broken, incomplete or not what its manifest says."""

    default_reason = "BAD_MODEL"


class JobFailedError(ContourError):
    """A job's worker died, hung or met something unforeseen; says nothing of the input."""

    default_reason = "JOB_FAILED"


class ServiceUnavailableError(ContourError):
    """A server cannot be reached, or is stopping."""

    default_reason = "SERVICE_UNAVAILABLE"


class CancelledError(ContourError):
    """Somebody asked for the work to stop."""

    default_reason = "CANCELLED"


class ConfigError(ContourError):
    """A setting is unknown or out of range."""

    default_reason = "BAD_CONFIG"


def rebuild_error(class_name: str, message: str, *, reason: str, findings: tuple[Finding, ...] = ()) -> ContourError:
    """The error that another process raised; a class unknown here becomes JobFailedError."""
    if class_name == SeriesRejectedError.__name__ and findings:
        return SeriesRejectedError(findings)
    kinds: tuple[type[ContourError], ...] = (
        InputError,
        NotFoundError,
        ConflictError,
        NotReadyError,
        UntrustworthyResultError,
        NotSignedInError,
        NotAllowedError,
        ResourceLimitError,
        ModelError,
        ServiceUnavailableError,
        CancelledError,
        ConfigError,
    )
    kind = next((kind for kind in kinds if kind.__name__ == class_name), JobFailedError)
    return kind(message, reason=reason)
