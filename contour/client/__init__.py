"""A contour server as a Python object: series up, jobs started and watched, structure sets down.

with ContourClient("127.0.0.1:50051") as client:
series = client.upload_series(sorted(Path("ct").iterdir()))
planned = client.plan(series)
Path("rs.dcm").write_bytes(planned.rtstruct)
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from google.longrunning import operations_pb2, operations_pb2_grpc

from contour.client.connection import Connection, Credentials
from contour.client.courses import CourseClient, CourseHandle, FractionDone, PlanHandle
from contour.client.errors import error_of_status, finding_of
from contour.client.upload import UPLOAD, Upload, item_of
from contour.client.values import (
    InstalledModel,
    InstalledProtocol,
    JobProgress,
    Planned,
    PlannedRemoval,
    PlannedStructure,
    ProtocolStructure,
    ProtocolText,
    SeriesHandle,
    progress_of,
    progress_of_metadata,
    protocol_of,
    structure_of,
)
from contour.errors import (
    ContourError,
    InputError,
    NotReadyError,
    ResourceLimitError,
    ServiceUnavailableError,
    UntrustworthyResultError,
)
from contour.progress import Progress, no_progress
from contour.v1 import (
    contouring_pb2,
    contouring_pb2_grpc,
    models_pb2,
    models_pb2_grpc,
    series_pb2,
    series_pb2_grpc,
)

__all__ = [
    "UPLOAD",
    "ContourClient",
    "CourseClient",
    "CourseHandle",
    "FractionDone",
    "InstalledModel",
    "InstalledProtocol",
    "JobProgress",
    "PlanHandle",
    "Planned",
    "PlannedRemoval",
    "PlannedStructure",
    "ProtocolStructure",
    "ProtocolText",
    "SeriesHandle",
]


class ContourClient:
    """A connection to one server. Every method raises the errors of contour.errors, as in-process work would.

    Args:
        address: HOST:PORT.
        token: From 'contour user token NAME'; not needed where the server asks nobody, or knows the certificate.
        ca_file: PEM of the authority that signed the server's certificate. Without it the connection is not encrypted,
            and a token is sent to this machine alone.
        certificate_file: PEM of a certificate of one's own, for a server that asks for one; `key_file` is its key.
        allow_insecure_remote: Send the token to another machine unencrypted, inside a protected network.
        timeout_s: For each short call.
        patience_s: How long the server may stay away (restart) before ServiceUnavailableError; uploads, watches and
            fetches then go on where they were.

    Raises:
        ConfigError: what `contour.client.connection.Credentials` says.
    """

    def __init__(
        self,
        address: str,
        *,
        token: str = "",
        ca_file: Path | None = None,
        certificate_file: Path | None = None,
        key_file: Path | None = None,
        allow_insecure_remote: bool = False,
        timeout_s: float = 30.0,
        patience_s: float = 30.0,
    ) -> None:
        credentials = Credentials(
            token=token,
            ca_file=ca_file,
            certificate_file=certificate_file,
            key_file=key_file,
            allow_insecure_remote=allow_insecure_remote,
        )
        self._connection = Connection(address, credentials=credentials, timeout_s=timeout_s, patience_s=patience_s)
        channel = self._connection.channel
        self._series = series_pb2_grpc.SeriesServiceStub(channel)
        self._jobs = contouring_pb2_grpc.ContouringServiceStub(channel)
        self._models = models_pb2_grpc.ModelServiceStub(channel)
        self._operations = operations_pb2_grpc.OperationsStub(channel)
        self.courses = CourseClient(self._connection)

    def upload_series(self, instances: Iterable[Path | bytes], progress: Progress = no_progress) -> SeriesHandle:
        """Send the files of one series and declare it complete. Files that are no DICOM are set aside.

        Raises:
            SeriesRejectedError: files that cannot be used, each named with its reason.
            ResourceLimitError: a limit of the server.
        """
        items = [item_of(source, place) for place, source in enumerate(instances, start=1)]
        if not items:
            raise InputError("no file at all, expected a CT series", reason="EMPTY_FOLDER")
        request = series_pb2.CreateSeriesRequest(request_id=uuid.uuid4().hex)
        series_id = self._connection.ask(self._series.CreateSeries, request).series.series_id
        try:
            set_aside = Upload(self._connection, series_id, items, progress).run()
            complete = series_pb2.CompleteSeriesRequest(series_id=series_id)
            series = self._connection.ask(self._series.CompleteSeries, complete).series
        except (InputError, ResourceLimitError):
            with suppress(ContourError):
                self.delete_series(series_id)
            raise
        return SeriesHandle(series_id=series_id, instances=series.instances, set_aside=set_aside)

    def plan(
        self,
        series: SeriesHandle,
        *,
        model: str = "",
        structures: Iterable[str] = (),
        series_instance_uid: str = "",
        progress: Progress = no_progress,
    ) -> Planned:
        """Contour a series and bring the structure set back; where that is broken off, the job is cancelled.

        Args:
            series: From `upload_series`.
            model: A model's name or a protocol's; empty for the server's default.
            structures: TG-263 names or aliases; empty for all that it contours.
            series_instance_uid: Chooses, where CTs of several series were uploaded.
            progress: Told the stages; what it raises cancels the job.
        """
        job_id = self.start(series, model=model, structures=structures, series_instance_uid=series_instance_uid)
        try:
            for step in self.watch(job_id):
                if step.stage:
                    progress(step.stage, step.fraction)
        except ServiceUnavailableError:
            raise  # the job goes on without us
        except BaseException:
            with suppress(ContourError):
                self.cancel(job_id)
            raise
        return self.result(job_id)

    def start(
        self,
        series: SeriesHandle,
        *,
        model: str = "",
        structures: Iterable[str] = (),
        series_instance_uid: str = "",
    ) -> str:
        """Queue a job; its id."""
        request = contouring_pb2.StartContouringRequest(
            series_id=series.series_id,
            model=model,
            structures=structures,
            series_instance_uid=series_instance_uid,
            request_id=uuid.uuid4().hex,
        )
        operation = self._connection.ask(self._jobs.StartContouring, request)
        return str(operation.name).removeprefix("operations/")

    def watch(self, job_id: str) -> Iterator[JobProgress]:
        """Where a job stands, each time that changes, until it is over. Never raises for a job that failed."""
        request = contouring_pb2.WatchContouringRequest(job_id=job_id)
        for answer in self._connection.listen(self._jobs.WatchContouring, lambda: request):
            yield progress_of(answer.operation)

    def progress(self, job_id: str) -> JobProgress:
        """Where a job stands now."""
        return progress_of(self._operation(job_id))

    def jobs(self, *, most: int = 50) -> tuple[JobProgress, ...]:
        """The latest jobs, newest first, at most 200."""
        request = contouring_pb2.ListJobsRequest(page_size=most)
        answer = self._connection.ask(self._jobs.ListJobs, request)
        return tuple(progress_of_metadata(metadata) for metadata in answer.jobs)

    def cancel(self, job_id: str) -> None:
        """Cancel a job; it stops within 2 s. One that is over stays as it is."""
        self._connection.ask(
            self._operations.CancelOperation, operations_pb2.CancelOperationRequest(name=f"operations/{job_id}")
        )

    def result(self, job_id: str) -> Planned:
        """What a finished job gave, with its file.

        Raises:
            ContourError: why it failed; NotReadyError while it is not over.
        """
        operation = self._operation(job_id)
        if not operation.done:
            raise NotReadyError("the job is not over", reason="JOB_NOT_OVER")
        if operation.HasField("error"):
            raise error_of_status(operation.error)
        found = contouring_pb2.ContouringResult()
        operation.response.Unpack(found)
        return Planned(
            rtstruct=self.fetch(job_id),
            job_id=job_id,
            sop_instance_uid=found.sop_instance_uid,
            structures=tuple(structure_of(row) for row in found.structures),
            stage_seconds=tuple((one.stage, one.elapsed_s) for one in found.stages),
            warnings=tuple(finding_of(one) for one in found.warnings),
            removals=tuple(
                PlannedRemoval(structure=one.structure, rule=one.rule, parts=one.parts, volume_ml=one.volume_ml)
                for one in found.removals
            ),
        )

    def fetch(self, job_id: str, *, approved: bool = False) -> bytes:
        """The structure set of a finished job, a DICOM file.

        Args:
            job_id: Of a plan; approved, of a fraction as well.
            approved: What a person approved on the review page, instead of what the machine made.

        Raises:
            NotReadyError: there is none, or it is not approved (NOT_APPROVED).
            UntrustworthyResultError: what arrived is not what the server holds (SHA256_MISMATCH).
        """
        data = bytearray()
        sha256 = ""

        def rest() -> contouring_pb2.FetchStructureSetRequest:
            return contouring_pb2.FetchStructureSetRequest(job_id=job_id, offset_bytes=len(data), approved=approved)

        for answer in self._connection.listen(self._jobs.FetchStructureSet, rest):
            sha256 = answer.sha256
            data += answer.chunk
        if hashlib.sha256(data).hexdigest() != sha256:
            raise UntrustworthyResultError("the bytes that arrived are not the server's", reason="SHA256_MISMATCH")
        return bytes(data)

    def models(self) -> tuple[InstalledModel, ...]:
        """The models on the server, by name."""
        answer = self._connection.ask(self._models.ListModels, models_pb2.ListModelsRequest())
        return tuple(
            InstalledModel(
                name=model.name,
                version=model.version,
                structures=tuple(model.structures),
                summary=model.summary,
                is_default=model.is_default,
            )
            for model in answer.models
        )

    def model_card(self, name: str = "") -> str:
        """A model's card, Markdown; of the default model where no name is given."""
        return str(self._connection.ask(self._models.GetModel, models_pb2.GetModelRequest(name=name)).card)

    def protocols(self) -> tuple[InstalledProtocol, ...]:
        """The protocols on the server, by name."""
        answer = self._connection.ask(self._models.ListProtocols, models_pb2.ListProtocolsRequest())
        return tuple(protocol_of(one) for one in answer.protocols)

    def protocol(self, name: str) -> ProtocolText:
        """A whole protocol.

        Raises:
            NotFoundError: there is none of that name (UNKNOWN_PROTOCOL).
        """
        found = self._connection.ask(self._models.GetProtocol, models_pb2.GetProtocolRequest(name=name))
        rows = tuple(ProtocolStructure(name=one.name, how=one.how, keep=one.keep) for one in found.structures)
        return ProtocolText(protocol=protocol_of(found.protocol), structures=rows, toml=found.toml)

    def delete_series(self, series_id: str) -> None:
        """Delete a series with its files, jobs and results."""
        self._connection.ask(self._series.DeleteSeries, series_pb2.DeleteSeriesRequest(series_id=series_id))

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def __enter__(self) -> ContourClient:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _operation(self, job_id: str) -> operations_pb2.Operation:
        request = operations_pb2.GetOperationRequest(name=f"operations/{job_id}")
        return self._connection.ask(self._operations.GetOperation, request)
