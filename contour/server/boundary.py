"""Where every call enters: our errors become statuses with details, any other becomes INTERNAL and is not echoed."""

from __future__ import annotations

import errno
import logging
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

import grpc
from grpc_status import rpc_status

from contour.errors import ContourError, JobFailedError, ResourceLimitError
from contour.server.errors import status_of
from contour.server.permissions import OPEN

log = logging.getLogger(__name__)

Refused = Callable[[ContourError], None]
Behaviour = Callable[[Any, grpc.ServicerContext], Any]


class ErrorBoundary(grpc.ServerInterceptor):
    """Wraps every method of every service but health; `refused` hears of each error of ours that a caller is given."""

    def __init__(self, refused: Refused) -> None:
        self._refused = refused

    def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], grpc.RpcMethodHandler[Any, Any] | None],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> grpc.RpcMethodHandler[Any, Any] | None:
        """The method's handler, guarded."""
        handler = continuation(handler_call_details)
        if handler is None or handler_call_details.method.startswith(OPEN):
            return handler
        factory, behaviour = parts_of(handler)
        guarded = self._guard_stream(behaviour) if handler.response_streaming else self._guard_unary(behaviour)
        wrapped: grpc.RpcMethodHandler[Any, Any] = factory(
            guarded,
            request_deserializer=handler.request_deserializer,
            response_serializer=handler.response_serializer,
        )
        return wrapped

    def _guard_unary(self, behaviour: Behaviour) -> Behaviour:
        def guarded(request: Any, context: grpc.ServicerContext) -> Any:
            try:
                return behaviour(request, context)
            except grpc.RpcError:
                raise  # the caller has gone
            except Exception as error:  # noqa: BLE001 - nothing that is not ours may reach the caller
                self._abort(context, error)

        return guarded

    def _guard_stream(self, behaviour: Behaviour) -> Behaviour:
        def guarded(request: Any, context: grpc.ServicerContext) -> Iterator[Any]:
            try:
                yield from behaviour(request, context)
            except grpc.RpcError:
                raise
            except Exception as error:  # noqa: BLE001 - nothing that is not ours may reach the caller
                self._abort(context, error)

        return guarded

    def _abort(self, context: grpc.ServicerContext, error: Exception) -> NoReturn:
        told = _told(error)
        self._refused(told)
        context.abort_with_status(rpc_status.to_status(status_of(told)))
        raise told


class Places:
    """A fixed number of places, so that long calls leave threads for short ones."""

    def __init__(self, count: int, what: str) -> None:
        self._free = threading.BoundedSemaphore(count)
        self._count = count
        self._what = what

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Hold a place.

        Raises:
            ResourceLimitError: none is free (TOO_MANY_STREAMS).
        """
        if not self._free.acquire(blocking=False):
            raise ResourceLimitError(f"{self._count} {self._what} at once are the most", reason="TOO_MANY_STREAMS")
        try:
            yield
        finally:
            self._free.release()


def _told(error: Exception) -> ContourError:
    if isinstance(error, ContourError):
        return error
    if isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return ResourceLimitError("no space is left on the store's disk", reason="DISK_FULL")
    incident = uuid.uuid4().hex
    log.error("incident %s: a call failed inside the service", incident, exc_info=error)
    return JobFailedError(
        f"the call failed inside the service; the log has it as incident {incident}", reason="INTERNAL"
    )


def parts_of(handler: grpc.RpcMethodHandler[Any, Any]) -> tuple[Callable[..., Any], Behaviour]:
    """What makes a handler of this kind, and the function in it."""
    kinds: dict[tuple[bool, bool], tuple[Any, Any]] = {
        (False, False): (grpc.unary_unary_rpc_method_handler, handler.unary_unary),
        (False, True): (grpc.unary_stream_rpc_method_handler, handler.unary_stream),
        (True, False): (grpc.stream_unary_rpc_method_handler, handler.stream_unary),
        (True, True): (grpc.stream_stream_rpc_method_handler, handler.stream_stream),
    }
    return kinds[handler.request_streaming, handler.response_streaming]
