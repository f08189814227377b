"""contour.v1.SeriesService: instances in, verdicts out."""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass

import grpc

from contour.errors import InputError, ServiceUnavailableError
from contour.jobs.intake import SET_ASIDE, identify_instance
from contour.server.boundary import Places
from contour.server.messages import MOST_FINDINGS_IN_LIST, VERDICTS, finding_message, series_message, verdict_message
from contour.server.metrics import Metrics
from contour.store import Store
from contour.store.records import InstanceVerdict, Verdict
from contour.v1 import series_pb2

log = logging.getLogger(__name__)

LARGEST_CHUNK_BYTES = 1 << 20
_REQUEST_ID = re.compile(r"[A-Za-z0-9_-]{0,64}")


@dataclass(slots=True, kw_only=True)
class _Upload:
    """The instance that a stream is in the midst of. `settled`: its verdict is out, what still comes is ignored."""

    series_id: str
    sha256: str
    size_bytes: int
    offset_bytes: int
    settled: bool


class SeriesServicer:
    """The service's methods, as the generated code calls them."""

    def __init__(self, store: Store, metrics: Metrics, *, places: Places, stopping: threading.Event) -> None:
        self._store = store
        self._metrics = metrics
        self._places = places
        self._stopping = stopping

    def CreateSeries(  # noqa: N802
        self, request: series_pb2.CreateSeriesRequest, _context: grpc.ServicerContext
    ) -> series_pb2.CreateSeriesResponse:
        """A new series."""
        series = self._store.series.create(checked_request_id(request.request_id))
        return series_pb2.CreateSeriesResponse(series=series_message(series))

    def UploadInstances(  # noqa: N802
        self, requests: Iterator[series_pb2.UploadInstancesRequest], _context: grpc.ServicerContext
    ) -> Iterator[series_pb2.UploadInstancesResponse]:
        """Verdicts, in the order of the instances."""
        with self._places.taken():
            upload: _Upload | None = None
            for request in requests:
                if self._stopping.is_set():
                    raise ServiceUnavailableError("the server is stopping; go on with the upload when it is back")
                verdict: InstanceVerdict | None
                if request.WhichOneof("part") == "start":
                    upload, verdict = self._begin(request.start)
                elif upload is None:
                    raise InputError("a chunk came before any start", reason="INVALID_ARGUMENT")
                else:
                    verdict = self._append(upload, request.chunk)
                if verdict is not None:
                    yield verdict_message(verdict)

    def GetInstanceUpload(  # noqa: N802
        self, request: series_pb2.GetInstanceUploadRequest, _context: grpc.ServicerContext
    ) -> series_pb2.GetInstanceUploadResponse:
        """How much has arrived."""
        verdict = self._store.series.upload_status(request.series_id, request.sha256)
        if verdict is None:
            stored_bytes = self._store.series.stored_bytes(request.series_id, request.sha256)
            return series_pb2.GetInstanceUploadResponse(stored_bytes=stored_bytes)
        return series_pb2.GetInstanceUploadResponse(
            verdict=VERDICTS[verdict.verdict],
            finding=None if verdict.finding is None else finding_message(verdict.finding),
            stored_bytes=verdict.stored_bytes,
        )

    def CompleteSeries(  # noqa: N802
        self, request: series_pb2.CompleteSeriesRequest, _context: grpc.ServicerContext
    ) -> series_pb2.CompleteSeriesResponse:
        """The series, fixed."""
        series = self._store.series.complete(request.series_id, expected_instances=request.expected_instances)
        log.info("series complete, %d instances, %d bytes", series.instances, series.size_bytes)
        return series_pb2.CompleteSeriesResponse(series=series_message(series))

    def GetSeries(  # noqa: N802
        self, request: series_pb2.GetSeriesRequest, _context: grpc.ServicerContext
    ) -> series_pb2.GetSeriesResponse:
        """One series."""
        return series_pb2.GetSeriesResponse(series=series_message(self._store.series.get(request.series_id)))

    def ListSeries(  # noqa: N802
        self, request: series_pb2.ListSeriesRequest, _context: grpc.ServicerContext
    ) -> series_pb2.ListSeriesResponse:
        """A page of series."""
        page = self._store.series.listing(page_size=request.page_size, page_token=request.page_token)
        return series_pb2.ListSeriesResponse(
            series=[series_message(series, most_findings=MOST_FINDINGS_IN_LIST) for series in page.items],
            next_page_token=page.next_token,
        )

    def DeleteSeries(  # noqa: N802
        self, request: series_pb2.DeleteSeriesRequest, _context: grpc.ServicerContext
    ) -> series_pb2.DeleteSeriesResponse:
        """Nothing, when it is gone."""
        self._store.series.delete(request.series_id)
        return series_pb2.DeleteSeriesResponse()

    def _begin(self, start: series_pb2.InstanceStart) -> tuple[_Upload, InstanceVerdict | None]:
        verdict = self._store.series.begin(start.series_id, start.sha256, size_bytes=start.size_bytes)
        stored_bytes = self._store.series.stored_bytes(start.series_id, start.sha256)
        if verdict is None and stored_bytes != start.offset_bytes:
            verdict = InstanceVerdict(sha256=start.sha256, verdict=Verdict.WRONG_OFFSET, stored_bytes=stored_bytes)
        upload = _Upload(
            series_id=start.series_id,
            sha256=start.sha256,
            size_bytes=start.size_bytes,
            offset_bytes=start.offset_bytes,
            settled=verdict is not None,
        )
        if verdict is None and stored_bytes == start.size_bytes:  # everything but the verdict had come before
            verdict = self._finish(upload)
        return upload, verdict

    def _append(self, upload: _Upload, chunk: bytes) -> InstanceVerdict | None:
        if upload.settled:
            return None
        if not 0 < len(chunk) <= LARGEST_CHUNK_BYTES:
            raise InputError(
                f"a chunk of {len(chunk)} bytes, expected 1 to {LARGEST_CHUNK_BYTES}", reason="INVALID_ARGUMENT"
            )
        if upload.offset_bytes + len(chunk) > upload.size_bytes:
            raise InputError(f"more bytes came than the {upload.size_bytes} announced", reason="INVALID_ARGUMENT")
        size = self._store.series.append(upload.series_id, upload.sha256, offset_bytes=upload.offset_bytes, data=chunk)
        if size is None:  # another stream sends the same instance
            upload.settled = True
            stored_bytes = self._store.series.stored_bytes(upload.series_id, upload.sha256)
            return InstanceVerdict(sha256=upload.sha256, verdict=Verdict.WRONG_OFFSET, stored_bytes=stored_bytes)
        self._metrics.uploaded(len(chunk))
        upload.offset_bytes = size
        return self._finish(upload) if size == upload.size_bytes else None

    def _finish(self, upload: _Upload) -> InstanceVerdict:
        upload.settled = True
        verdict = self._store.series.finish(upload.series_id, upload.sha256, vet=identify_instance, set_aside=SET_ASIDE)
        self._metrics.judged(verdict)
        return verdict


def checked_request_id(text: str) -> str:
    """A request id as callers may choose it.

    Raises:
        InputError: other characters, or too many.
    """
    if _REQUEST_ID.fullmatch(text) is None:
        raise InputError("request_id must be at most 64 characters of A-Z a-z 0-9 _ -", reason="INVALID_ARGUMENT")
    return text
