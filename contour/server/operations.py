"""Jobs as google.longrunning operations."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import grpc
from google.longrunning import operations_pb2
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.empty_pb2 import Empty
from google.protobuf.message import Message

from contour.errors import InputError, NotFoundError
from contour.jobs.changes import Changes
from contour.jobs.dispatcher import Dispatcher
from contour.jobs.estimates import remaining_s
from contour.server.boundary import Places
from contour.server.course_messages import fraction_message
from contour.server.errors import OPERATION_BYTES, TRAILER_BYTES, status_of_failure
from contour.server.messages import MOST_FINDINGS, MOST_FINDINGS_IN_LIST, job_message, result_message
from contour.store import Store
from contour.store.records import Job, JobResult, StoredFile
from contour.v1 import contouring_pb2

PREFIX = "operations/"
_LONGEST_WAIT_S = 600.0


class JobView:
    """Jobs as callers see them: with their place, their estimate and their outcome."""

    def __init__(self, store: Store, *, clock_s: Callable[[], float]) -> None:
        self._store = store
        self._clock_s = clock_s

    def metadata(self, job: Job) -> contouring_pb2.ContouringMetadata:
        """Where a job stands."""
        ahead = () if job.state.is_over else self._store.jobs.ahead_of(job)
        left_s = remaining_s(job, ahead, self._store.jobs.usual_stage_seconds)
        return job_message(job, now_s=self._clock_s(), remaining_s=left_s)

    def operation(self, job: Job, *, in_list: bool = False) -> operations_pb2.Operation:
        """A job as an operation; one that is over has a response or an error. In a list, with few findings."""
        most_bytes, most_findings = OPERATION_BYTES, MOST_FINDINGS
        if in_list:
            most_bytes, most_findings = TRAILER_BYTES, MOST_FINDINGS_IN_LIST
        operation = operations_pb2.Operation(
            name=PREFIX + job.job_id, metadata=_packed(self.metadata(job)), done=job.state.is_over
        )
        if job.failure is not None:
            operation.error.CopyFrom(status_of_failure(job.failure, job_id=job.job_id, most_bytes=most_bytes))
        elif job.result is not None and job.file is not None:
            operation.response.CopyFrom(_packed(_response(job, job.result, job.file, most_findings)))
        return operation


def _response(job: Job, result: JobResult, file: StoredFile, most_findings: int) -> Message:
    if result.fraction is not None:
        return fraction_message(job, result.fraction, result, most_findings=most_findings)
    return result_message(result, file, most_findings=most_findings)


class OperationsServicer:
    """google.longrunning.Operations, all of it."""

    def __init__(
        self,
        store: Store,
        dispatcher: Dispatcher,
        view: JobView,
        *,
        changes: Changes,
        places: Places,
        stopped: threading.Event,
    ) -> None:
        self._store = store
        self._dispatcher = dispatcher
        self._view = view
        self._changes = changes
        self._places = places
        self._stopped = stopped

    def ListOperations(  # noqa: N802
        self, request: operations_pb2.ListOperationsRequest, _context: grpc.ServicerContext
    ) -> operations_pb2.ListOperationsResponse:
        """A page of jobs. Filters are not supported."""
        if request.name not in {"", "operations"} or request.filter:
            raise InputError('name must be "operations" and filter empty', reason="INVALID_ARGUMENT")
        page = self._store.jobs.listing(page_size=request.page_size, page_token=request.page_token)
        return operations_pb2.ListOperationsResponse(
            operations=[self._view.operation(job, in_list=True) for job in page.items], next_page_token=page.next_token
        )

    def GetOperation(  # noqa: N802
        self, request: operations_pb2.GetOperationRequest, _context: grpc.ServicerContext
    ) -> operations_pb2.Operation:
        """One job."""
        return self._view.operation(self._store.jobs.get(job_id_of(request.name)))

    def DeleteOperation(  # noqa: N802
        self, request: operations_pb2.DeleteOperationRequest, _context: grpc.ServicerContext
    ) -> Empty:
        """Forget a job that is over, and its structure set."""
        self._store.jobs.delete(job_id_of(request.name))
        return Empty()

    def CancelOperation(  # noqa: N802
        self, request: operations_pb2.CancelOperationRequest, _context: grpc.ServicerContext
    ) -> Empty:
        """Cancel a job."""
        self._dispatcher.cancel(job_id_of(request.name))
        return Empty()

    def WaitOperation(  # noqa: N802
        self, request: operations_pb2.WaitOperationRequest, context: grpc.ServicerContext
    ) -> operations_pb2.Operation:
        """The job when it is over, or as it stands when the time is."""
        asked_s = request.timeout.ToTimedelta().total_seconds() if request.HasField("timeout") else _LONGEST_WAIT_S
        left_s = context.time_remaining()
        limit_s = min(asked_s, _LONGEST_WAIT_S, left_s - 0.1 if left_s is not None else _LONGEST_WAIT_S)
        deadline_s = time.monotonic() + limit_s
        with self._places.taken():
            while True:
                seen = self._changes.count
                job = self._store.jobs.get(job_id_of(request.name))
                rest_s = deadline_s - time.monotonic()
                if job.state.is_over or rest_s <= 0 or not context.is_active() or self._stopped.is_set():
                    return self._view.operation(job)
                self._changes.wait(seen, min(rest_s, 1.0))


def job_id_of(name: str) -> str:
    """The job behind an operation's name.

    Raises:
        NotFoundError: it is not the name of one.
    """
    if not name.startswith(PREFIX):
        raise NotFoundError(f"no operation has this name; expected {PREFIX} and a job id", reason="JOB_NOT_FOUND")
    return name.removeprefix(PREFIX)


def _packed(message: Message) -> AnyMessage:
    packed = AnyMessage()
    packed.Pack(message)
    return packed
