"""What may be told of an error: our own in full, of any other only that it happened."""

from __future__ import annotations

from contour.errors import ContourError, SeriesRejectedError
from contour.store.records import Failure

_OUT_OF_MEMORY_TEXTS = ("out of memory", "can't allocate memory", "cannot allocate memory")


def describe_failure(error: Exception) -> Failure:
    """The failure to write down and to send; it never quotes an error that is not ours."""
    if isinstance(error, ContourError):
        findings = error.findings if isinstance(error, SeriesRejectedError) else ()
        return Failure(error=type(error).__name__, reason=error.reason, message=error.message, findings=findings)
    if _is_out_of_memory(error):
        message = "the job needed more memory than there is"
        return Failure(error="ResourceLimitError", reason="OUT_OF_MEMORY", message=message)
    message = "the job failed inside the service; the log has the details under its id"
    return Failure(error="JobFailedError", reason="INTERNAL", message=message)


def _is_out_of_memory(error: Exception) -> bool:
    """MemoryError, and what torch raises in its place."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    return isinstance(error, RuntimeError) and any(text in str(error).lower() for text in _OUT_OF_MEMORY_TEXTS)
