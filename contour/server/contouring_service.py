"""contour.v1.ContouringService: jobs started, watched and fetched."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import grpc
from google.longrunning import operations_pb2

import contour
from contour.errors import InputError, NotFoundError, NotReadyError, ServiceUnavailableError
from contour.jobs.changes import Changes
from contour.jobs.dispatcher import Dispatcher
from contour.jobs.work import ModelFacts
from contour.server.boundary import Places
from contour.server.operations import JobView
from contour.server.series_service import checked_request_id
from contour.store import Store
from contour.store.records import JobRequest, StoredFile
from contour.v1 import contouring_pb2

CHUNK_BYTES = 1 << 16
_LOOK_EVERY_S = 1.0
_MOST_STRUCTURES = 200
_LONGEST_NAME = 64


class ContouringServicer:
    """The service's methods, as the generated code calls them."""

    def __init__(
        self,
        store: Store,
        dispatcher: Dispatcher,
        view: JobView,
        *,
        models: Callable[[], tuple[ModelFacts, ...]],
        queue_limit: int,
        changes: Changes,
        places: Places,
        stopping: threading.Event,
        stopped: threading.Event,
    ) -> None:
        self._store = store
        self._dispatcher = dispatcher
        self._view = view
        self._models = models
        self._queue_limit = queue_limit
        self._changes = changes
        self._places = places
        self._stopping = stopping
        self._stopped = stopped

    def StartContouring(  # noqa: N802
        self, request: contouring_pb2.StartContouringRequest, _context: grpc.ServicerContext
    ) -> operations_pb2.Operation:
        """The queued job."""
        if self._stopping.is_set():
            raise ServiceUnavailableError("the server is stopping and takes no more jobs")
        if len(request.structures) > _MOST_STRUCTURES or any(len(one) > _LONGEST_NAME for one in request.structures):
            raise InputError(
                f"structures must be at most {_MOST_STRUCTURES} names of at most {_LONGEST_NAME} characters",
                reason="INVALID_ARGUMENT",
            )
        model = model_named(self._models(), request.model)
        asked = JobRequest(
            series_id=request.series_id,
            series_instance_uid=request.series_instance_uid or None,
            model=model.name,
            model_version=model.version,
            structures=tuple(request.structures),
            software_version=contour.__version__,
        )
        request_id = checked_request_id(request.request_id)
        job = self._store.jobs.enqueue(asked, request_id=request_id, queue_limit=self._queue_limit)
        self._dispatcher.wake()
        return self._view.operation(job)

    def WatchContouring(  # noqa: N802
        self, request: contouring_pb2.WatchContouringRequest, context: grpc.ServicerContext
    ) -> Iterator[contouring_pb2.WatchContouringResponse]:
        """The job each time it has changed, the last time when it is over."""
        with self._places.taken():
            shown = None
            while context.is_active():
                seen = self._changes.count
                job = self._store.jobs.get(request.job_id)
                if job != shown:
                    shown = job
                    yield contouring_pb2.WatchContouringResponse(operation=self._view.operation(job))
                if job.state.is_over:
                    return
                if self._stopped.is_set():
                    raise ServiceUnavailableError("the server is stopping; watch again when it is back")
                self._changes.wait(seen, _LOOK_EVERY_S)

    def FetchStructureSet(  # noqa: N802
        self, request: contouring_pb2.FetchStructureSetRequest, _context: grpc.ServicerContext
    ) -> Iterator[contouring_pb2.FetchStructureSetResponse]:
        """The file in chunks; one empty chunk where the offset is its end."""
        file = self._file(request)
        if not 0 <= request.offset_bytes <= file.size_bytes:
            raise InputError(f"offset_bytes must be 0 to {file.size_bytes}", reason="INVALID_ARGUMENT")
        with self._places.taken(), self._store.files.object_path(file.sha256).open("rb") as opened:
            opened.seek(request.offset_bytes)
            offset_bytes = request.offset_bytes
            while True:
                chunk = opened.read(CHUNK_BYTES)
                yield contouring_pb2.FetchStructureSetResponse(
                    sha256=file.sha256, size_bytes=file.size_bytes, offset_bytes=offset_bytes, chunk=chunk
                )
                offset_bytes += len(chunk)
                if offset_bytes >= file.size_bytes:
                    return

    def _file(self, request: contouring_pb2.FetchStructureSetRequest) -> StoredFile:
        file = self._store.jobs.get(request.job_id).file
        if file is None:
            raise NotReadyError("the job has no structure set", reason="NO_RESULT")
        if not request.approved:
            return file
        approved = self._store.reviews.approved_file(request.job_id)
        if approved is None:
            raise NotReadyError("the structure set is not approved", reason="NOT_APPROVED")
        return approved

    def ListJobs(  # noqa: N802
        self, request: contouring_pb2.ListJobsRequest, _context: grpc.ServicerContext
    ) -> contouring_pb2.ListJobsResponse:
        """A page of jobs."""
        page = self._store.jobs.listing(
            page_size=request.page_size, page_token=request.page_token, series_id=request.series_id
        )
        return contouring_pb2.ListJobsResponse(
            jobs=[self._view.metadata(job) for job in page.items], next_page_token=page.next_token
        )


def only_models(models: tuple[ModelFacts, ...]) -> tuple[ModelFacts, ...]:
    """Without the protocols."""
    return tuple(model for model in models if model.protocol is None)


def model_named(models: tuple[ModelFacts, ...], name: str) -> ModelFacts:
    """The model or protocol asked for, or the default where the name is empty.

    Raises:
        NotFoundError: UNKNOWN_MODEL.
    """
    for model in models:
        if model.name == name or (not name and model.is_default):
            return model
    installed = ", ".join(model.name for model in models) or "none"
    asked = f"model {name[:_LONGEST_NAME]!r} asked for" if name else "no default model"
    raise NotFoundError(f"{asked}; installed: {installed}", reason="UNKNOWN_MODEL")
