"""Sends the instances of a series, and goes on where it broke off."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import grpc

from contour.client.connection import Connection
from contour.client.errors import finding_of
from contour.errors import Finding, InputError, SeriesRejectedError
from contour.progress import Progress
from contour.v1 import series_pb2, series_pb2_grpc

CHUNK_BYTES = 1 << 16
UPLOAD = "upload"
"""Name of the stage that comes before the server's own."""

_DONE = frozenset({series_pb2.INSTANCE_VERDICT_ACCEPTED, series_pb2.INSTANCE_VERDICT_ALREADY_ACCEPTED})
_SPOILED = frozenset({series_pb2.INSTANCE_VERDICT_REJECTED, series_pb2.INSTANCE_VERDICT_CONFLICT})
_CT_IMAGE = "1.2.840.10008.5.1.4.1.1.2"
_MOST_TRIES = 5


@dataclass(slots=True, kw_only=True)
class Item:
    """One file to send. `label` is what messages call it."""

    label: str
    sha256: str
    size_bytes: int
    path: Path | None = None
    data: bytes | None = field(default=None, repr=False)
    offset_bytes: int = 0
    tries: int = 0

    def chunks(self) -> Iterator[bytes]:
        """Its bytes from the offset on."""
        if self.data is not None:
            for start in range(self.offset_bytes, self.size_bytes, CHUNK_BYTES):
                yield self.data[start : start + CHUNK_BYTES]
        elif self.path is not None:
            with self.path.open("rb") as file:
                file.seek(self.offset_bytes)
                while chunk := file.read(CHUNK_BYTES):
                    yield chunk


def item_of(source: Path | bytes, place: int) -> Item:
    """A file or bytes, hashed.

    Raises:
        InputError: the file cannot be read.
    """
    if isinstance(source, bytes):
        label, path, data = f"instance {place}", None, source
        sha256, size_bytes = hashlib.sha256(source).hexdigest(), len(source)
    else:
        label, path, data = source.name, source, None
        try:
            with source.open("rb") as file:
                sha256 = hashlib.file_digest(file, "sha256").hexdigest()
                size_bytes = file.tell()
        except OSError as error:
            raise InputError(f"{label} cannot be read", reason="UNREADABLE_FILE") from error
    return Item(label=label, sha256=sha256, size_bytes=size_bytes, path=path, data=data)


class Upload:
    """One series being sent."""

    def __init__(self, connection: Connection, series_id: str, items: Sequence[Item], progress: Progress) -> None:
        self._connection = connection
        self._stub = series_pb2_grpc.SeriesServiceStub(connection.channel)
        self._series_id = series_id
        self._items = items
        self._pending = {item.sha256: item for item in items if item.size_bytes}
        self._progress = progress
        self._total_bytes = sum(item.size_bytes for item in self._pending.values()) or 1
        self._slices: set[str] = set()
        self._spoiled: list[Finding] = []
        self._set_aside = [_empty(item) for item in items if not item.size_bytes]

    def run(self) -> tuple[Finding, ...]:
        """Send everything; the findings on files that were set aside.

        Raises:
            SeriesRejectedError: files that spoil the series, each named.
            ContourError: the server refused, or stayed away.
        """
        patience = self._connection.patience()
        self._progress(UPLOAD, 0.0)
        while self._pending:
            try:
                requests = self._requests(tuple(self._pending.values()))
                for answer in self._stub.UploadInstances(requests, metadata=self._connection.metadata):
                    patience.renew()
                    self._take(answer)
            except grpc.RpcError as error:
                patience.pause(error)
                self._find_offsets()
        self._progress(UPLOAD, 1.0)
        self._refuse_repeated()
        if self._spoiled:
            raise SeriesRejectedError(tuple(self._spoiled))
        return tuple(self._set_aside)

    def _requests(self, items: Sequence[Item]) -> Iterator[series_pb2.UploadInstancesRequest]:
        """Runs in gRPC's own thread."""
        for item in items:
            start = series_pb2.InstanceStart(
                series_id=self._series_id,
                sha256=item.sha256,
                size_bytes=item.size_bytes,
                offset_bytes=item.offset_bytes,
            )
            yield series_pb2.UploadInstancesRequest(start=start)
            for chunk in item.chunks():
                yield series_pb2.UploadInstancesRequest(chunk=chunk)

    def _take(self, answer: series_pb2.UploadInstancesResponse) -> None:
        item = self._pending.get(answer.sha256)
        if item is None:
            return
        wrong_offset = answer.verdict == series_pb2.INSTANCE_VERDICT_WRONG_OFFSET
        if wrong_offset or answer.finding.reason == "SHA256_MISMATCH":
            item.offset_bytes = answer.stored_bytes
            item.tries += 1
            if item.tries >= _MOST_TRIES:
                raise InputError(f"{item.label} changes while it is sent", reason="UNREADABLE_FILE")
            return
        del self._pending[answer.sha256]
        finding = _named(item, finding_of(answer.finding))
        if answer.verdict in _DONE:
            if answer.sop_class_uid == _CT_IMAGE:
                self._slices.add(answer.sha256)
        elif answer.verdict in _SPOILED:
            self._spoiled.append(finding)
        else:
            self._set_aside.append(finding)
        left_bytes = sum(one.size_bytes for one in self._pending.values())
        self._progress(UPLOAD, 1.0 - left_bytes / self._total_bytes)

    def _find_offsets(self) -> None:
        for item in self._pending.values():
            request = series_pb2.GetInstanceUploadRequest(series_id=self._series_id, sha256=item.sha256)
            found = self._connection.ask(self._stub.GetInstanceUpload, request)
            unjudged = found.verdict == series_pb2.INSTANCE_VERDICT_UNSPECIFIED
            item.offset_bytes = found.stored_bytes if unjudged else 0

    def _refuse_repeated(self) -> None:
        """The server takes the same bytes any number of times; a slice that is twice in one folder is refused here."""
        first: dict[str, str] = {}
        for item in self._items:
            if item.sha256 in first and item.sha256 in self._slices:
                message = f"{item.label} is the same slice as {first[item.sha256]}, expected each once"
                self._spoiled.append(Finding(reason="DUPLICATE_SLICE", message=message))
            first.setdefault(item.sha256, item.label)


def _named(item: Item, finding: Finding) -> Finding:
    return Finding(reason=finding.reason, message=f"{item.label}: {finding.message}", measured=finding.measured)


def _empty(item: Item) -> Finding:
    return Finding(reason="NOT_DICOM", message=f"{item.label}: an empty file")
