"""Where a call is asked who makes it, before its request is read; and where what it took or deleted is written down."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import grpc
from google.protobuf.message import DecodeError

from contour.errors import InputError
from contour.server.boundary import parts_of
from contour.server.course_messages import FILES
from contour.server.permissions import OPEN
from contour.store.audit_chain import Action, Detail
from contour.store.audit_store import AuditStore

_LONGEST_ID = 64
LOOK_AGAIN_S = 5.0
"""How long a stream goes on without being asked again: a token may be revoked while it lasts."""

Admit = Callable[[str, grpc.ServicerContext], str]
"""From a method and a call to the name of whoever makes it, or an error."""

_FILE_NAMES: dict[int, str] = {int(number): name for name, number in FILES.items()}

_DOWNLOADS: dict[str, Callable[[Any], str]] = {
    "/contour.v1.ContouringService/FetchStructureSet": lambda request: (
        "approved.dcm" if request.approved else "structures.dcm"
    ),
    "/contour.v1.AdaptationService/FetchFractionFile": lambda request: _FILE_NAMES.get(request.file, ""),
}
"""Methods that hand out files, and the file's name."""

_DELETIONS: dict[str, Callable[[Any], str]] = {
    "/contour.v1.SeriesService/DeleteSeries": lambda request: str(request.series_id),
    "/contour.v1.AdaptationService/DeleteCourse": lambda request: str(request.course_id),
    "/google.longrunning.Operations/DeleteOperation": lambda request: str(request.name),
}
"""Methods that delete, and the id of what they delete."""


class SignIn(grpc.ServerInterceptor):
    """Wraps every method but the open ones. Belongs inside an `ErrorBoundary`, which turns its errors into statuses.

    Every method is handed to gRPC as one that takes a stream of bytes: a call that takes one message would have a
    thread wait for that message, from anybody.
    """

    def __init__(self, admit: Admit, audit: AuditStore, *, clock_s: Callable[[], float] = time.monotonic) -> None:
        self._admit = admit
        self._audit = audit
        self._clock_s = clock_s

    def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], grpc.RpcMethodHandler[Any, Any] | None],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> grpc.RpcMethodHandler[Any, Any] | None:
        """The method's handler, guarded."""
        handler = continuation(handler_call_details)
        method = handler_call_details.method
        if handler is None or method.startswith(OPEN):
            return handler
        guarded = _Guarded(self._admit, self._audit, self._clock_s, method, handler)
        if handler.response_streaming:
            return grpc.stream_stream_rpc_method_handler(
                guarded.stream, response_serializer=handler.response_serializer
            )
        return grpc.stream_unary_rpc_method_handler(guarded.unary, response_serializer=handler.response_serializer)


class _Guarded:
    """One method."""

    def __init__(
        self,
        admit: Admit,
        audit: AuditStore,
        clock_s: Callable[[], float],
        method: str,
        handler: grpc.RpcMethodHandler[Any, Any],
    ) -> None:
        self._admit = admit
        self._audit = audit
        self._clock_s = clock_s
        self._method = method
        self._takes_stream = handler.request_streaming
        self._read = handler.request_deserializer
        _, self._behaviour = parts_of(handler)

    def unary(self, requests: Iterator[bytes], context: grpc.ServicerContext) -> Any:
        """One answer."""
        actor = self._admit(self._method, context)
        request = self._request(requests)
        answer = self._behaviour(request, context)
        if self._method in _DELETIONS:
            self._audit.add(actor, Action.DELETED, _DELETIONS[self._method](request)[:_LONGEST_ID], {"over": "grpc"})
        return answer

    def stream(self, requests: Iterator[bytes], context: grpc.ServicerContext) -> Iterator[Any]:
        """Answers; the first of a download is given once it is written down that it was."""
        actor, asked_s = self._admit(self._method, context), self._clock_s()
        request = self._request(requests)
        first = True
        for answer in self._behaviour(request, context):
            if first and self._method in _DOWNLOADS:
                self._audit.add(actor, Action.DOWNLOADED, request.job_id, self._detail(request))
            first = False
            if self._clock_s() - asked_s >= LOOK_AGAIN_S:
                actor, asked_s = self._admit(self._method, context), self._clock_s()
            yield answer

    def _request(self, requests: Iterator[bytes]) -> Any:
        """What the method takes: its one message, or an iterator of them."""
        messages = map(self._message, requests)
        if self._takes_stream:
            return messages
        message = next(messages, None)
        if message is None:
            raise InputError("the call brings no message, expected one", reason="INVALID_ARGUMENT")
        return message

    def _message(self, data: bytes) -> Any:
        if self._read is None:
            return data
        try:
            return self._read(data)
        except DecodeError as error:
            raise InputError("the message cannot be read", reason="INVALID_ARGUMENT") from error

    def _detail(self, request: Any) -> Detail:
        return {"file": _DOWNLOADS[self._method](request), "offset_bytes": request.offset_bytes, "over": "grpc"}
