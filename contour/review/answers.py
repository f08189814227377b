"""From values and errors to HTTP answers; no error says more than its reason and its message."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from contour.errors import (
    CancelledError,
    ConflictError,
    ContourError,
    InputError,
    ModelError,
    NotAllowedError,
    NotFoundError,
    NotReadyError,
    NotSignedInError,
    ResourceLimitError,
    ServiceUnavailableError,
    UntrustworthyResultError,
)
from contour.store.review_records import EditConflictError

log = logging.getLogger(__name__)

_LONGEST_MESSAGE = 800
_BY_REASON = {"SIGNATURE_REFUSED": 401, "DISK_FULL": 503, "STORE_FULL": 503}

STATUSES: dict[type[ContourError], int] = {
    InputError: 400,
    NotSignedInError: 401,
    NotAllowedError: 403,
    NotFoundError: 404,
    ConflictError: 409,
    NotReadyError: 409,
    UntrustworthyResultError: 409,
    ModelError: 409,
    CancelledError: 409,
    ResourceLimitError: 429,
    ServiceUnavailableError: 503,
}
"""The table. A class that is not in it has the status of the nearest class above it that is; any other is INTERNAL."""


class RefusedError(ContourError):
    """A request that is refused for a reason of HTTP's own: its size, its method, how often it comes."""

    default_reason = "REFUSED"

    def __init__(self, status: int, reason: str, message: str, **more: int | str) -> None:
        super().__init__(message, reason=reason)
        self.status = status
        self.more = more


def json_answer(
    form: Mapping[str, Any] | list[Any], *, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """A value as JSON; NaN and infinity are errors."""
    text = json.dumps(form, allow_nan=False, separators=(",", ":"), ensure_ascii=False)
    return Response(text.encode(), status_code=status, headers=headers, media_type="application/json")


def error_answer(error: Exception) -> Response:
    """An error as {"reason", "message"}; one that is not ours is logged by where it happened and says nothing."""
    if isinstance(error, RefusedError):
        headers = {"Retry-After": str(error.more["retry_after_s"])} if "retry_after_s" in error.more else None
        form = {"reason": error.reason, "message": error.message, **error.more}
        return json_answer(form, status=error.status, headers=headers)
    status = status_of(error) if isinstance(error, ContourError) else 500
    if not isinstance(error, ContourError) or status == 500:
        log.error("a request ended with an error that nobody foresaw", exc_info=error)
        return json_answer(
            {"reason": "INTERNAL", "message": "something went wrong; the server's log says where"}, status=500
        )
    told: dict[str, int | str] = {"reason": error.reason, "message": error.message[:_LONGEST_MESSAGE]}
    if isinstance(error, EditConflictError):
        told |= {"revision": error.revision, "by": error.by}
    return json_answer(told, status=status)


def status_of(error: ContourError) -> int:
    """The HTTP status of an error of ours."""
    if error.reason in _BY_REASON:
        return _BY_REASON[error.reason]
    return next((STATUSES[kind] for kind in type(error).__mro__ if kind in STATUSES), 500)


def triple_text(values: tuple[int, int, int]) -> str:
    """Three whole numbers as a header's value, `z,y,x`."""
    return ",".join(str(int(value)) for value in values)
