"""Courses and fractions on a server.

plan = PlanHandle(ct=client.upload_series(ct_files), structures=client.upload_series([rtstruct]))
course = client.courses.create(plan, label="larynx 17")
fraction = client.courses.adapt(course, client.upload_series(todays_files))
for name, data in client.courses.files(fraction):
    Path(name).write_bytes(data)
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

from google.longrunning import operations_pb2, operations_pb2_grpc

from contour.adaptation.value_json import value_from_json
from contour.adaptation.watch.values import CourseWatch
from contour.client.connection import Connection
from contour.client.errors import error_of_status, finding_of
from contour.client.values import JobProgress, SeriesHandle, progress_of
from contour.errors import (
    ContourError,
    Finding,
    NotReadyError,
    ServiceUnavailableError,
    UntrustworthyResultError,
)
from contour.progress import Progress, no_progress
from contour.v1 import adaptation_pb2, adaptation_pb2_grpc

_FILE_NAMES = {
    adaptation_pb2.FRACTION_FILE_STRUCTURES: "structures.dcm",
    adaptation_pb2.FRACTION_FILE_RIGID: "rigid.dcm",
    adaptation_pb2.FRACTION_FILE_DEFORMABLE: "deformable.dcm",
    adaptation_pb2.FRACTION_FILE_DRIFT_JSON: "drift.json",
    adaptation_pb2.FRACTION_FILE_REPORT_PNG: "report.png",
    adaptation_pb2.FRACTION_FILE_DOSE_TODAY: "dose_today.dcm",
    adaptation_pb2.FRACTION_FILE_DOSE_ON_PLAN: "dose_on_plan.dcm",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanHandle:
    """A plan on the server: series with its CT, its structures and its dose, which may be one and the same."""

    ct: SeriesHandle
    structures: SeriesHandle | None = None
    dose: SeriesHandle | None = None
    planned_fractions: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class CourseHandle:
    """A course on the server."""

    course_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FractionDone:
    """A finished fraction; `verdict` is PASS, LOOK or REFUSE, `files` the names of what can be fetched."""

    job_id: str
    fraction: int
    verdict: str
    reasons: tuple[Finding, ...]
    warnings: tuple[Finding, ...]
    stage_seconds: tuple[tuple[str, float], ...]
    files: tuple[str, ...]


class CourseClient:
    """Part of a `ContourClient`; raises the same errors."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._stub = adaptation_pb2_grpc.AdaptationServiceStub(connection.channel)
        self._operations = operations_pb2_grpc.OperationsStub(connection.channel)

    def create(self, plan: PlanHandle, *, label: str = "", site: str = "") -> CourseHandle:
        """A new course on an uploaded plan; the label holds no patient data, the site is one of the service's list."""
        request = adaptation_pb2.CreateCourseRequest(
            plan=_plan(plan), label=label, site=site, request_id=uuid.uuid4().hex
        )
        return CourseHandle(course_id=self._connection.ask(self._stub.CreateCourse, request).course.course_id)

    def adapt(
        self,
        course_or_plan: CourseHandle | PlanHandle,
        daily: SeriesHandle,
        *,
        fraction: int = 0,
        redo: bool = False,
        limits_toml: str = "",
        model: str = "",
        progress: Progress = no_progress,
    ) -> FractionDone:
        """Work out a fraction and wait for it; where that is broken off, the job is cancelled."""
        job_id = self.start(course_or_plan, daily, fraction=fraction, redo=redo, limits_toml=limits_toml, model=model)
        try:
            for step in self.watch(job_id):
                if step.stage:
                    progress(step.stage, step.fraction)
        except ServiceUnavailableError:
            raise  # the job goes on without us
        except BaseException:
            with suppress(ContourError):
                cancel = operations_pb2.CancelOperationRequest(name=f"operations/{job_id}")
                self._connection.ask(self._operations.CancelOperation, cancel)
            raise
        return self.result(job_id)

    def start(
        self,
        course_or_plan: CourseHandle | PlanHandle,
        daily: SeriesHandle,
        *,
        fraction: int = 0,
        redo: bool = False,
        limits_toml: str = "",
        model: str = "",
    ) -> str:
        """Queue a fraction; its job's id, or that of the job that the same scan was before."""
        request = adaptation_pb2.AdaptFractionRequest(
            daily_series_id=daily.series_id,
            fraction=fraction,
            redo=redo,
            limits_toml=limits_toml,
            model=model,
            request_id=uuid.uuid4().hex,
        )
        if isinstance(course_or_plan, CourseHandle):
            request.course_id = course_or_plan.course_id
        else:
            request.plan.CopyFrom(_plan(course_or_plan))
        operation = self._connection.ask(self._stub.AdaptFraction, request)
        return str(operation.name).removeprefix("operations/")

    def watch(self, job_id: str) -> Iterator[JobProgress]:
        """Where a fraction stands, each time that changes, until it is over."""
        request = adaptation_pb2.WatchFractionRequest(job_id=job_id)
        for answer in self._connection.listen(self._stub.WatchFraction, lambda: request):
            yield progress_of(answer.operation)

    def result(self, job_id: str) -> FractionDone:
        """What a finished fraction gave.

        Raises:
            ContourError: why it failed; NotReadyError while it is not over.
        """
        request = operations_pb2.GetOperationRequest(name=f"operations/{job_id}")
        operation = self._connection.ask(self._operations.GetOperation, request)
        if not operation.done:
            raise NotReadyError("the job is not over", reason="JOB_NOT_OVER")
        if operation.HasField("error"):
            raise error_of_status(operation.error)
        found = adaptation_pb2.FractionResult()
        operation.response.Unpack(found)
        return FractionDone(
            job_id=job_id,
            fraction=found.fraction,
            verdict=adaptation_pb2.FractionVerdict.Name(found.verdict).removeprefix("FRACTION_VERDICT_"),
            reasons=tuple(finding_of(one) for one in found.reasons),
            warnings=tuple(finding_of(one) for one in found.warnings),
            stage_seconds=tuple((one.stage, one.elapsed_s) for one in found.stages),
            files=tuple(_FILE_NAMES[one.file] for one in found.files),
        )

    def files(self, fraction: FractionDone) -> tuple[tuple[str, bytes], ...]:
        """Every file of a fraction, by name."""
        return tuple((name, self.fetch(fraction.job_id, name)) for name in fraction.files)

    def fetch(self, job_id: str, name: str) -> bytes:
        """One file of a finished fraction.

        Raises:
            NotReadyError: there is none, or the fraction was refused (with the refusal's reason).
            UntrustworthyResultError: what arrived is not what the server holds (SHA256_MISMATCH).
        """
        number = next(number for number, known in _FILE_NAMES.items() if known == name)
        data = bytearray()
        sha256 = ""

        def rest() -> adaptation_pb2.FetchFractionFileRequest:
            return adaptation_pb2.FetchFractionFileRequest(job_id=job_id, file=number, offset_bytes=len(data))

        for answer in self._connection.listen(self._stub.FetchFractionFile, rest):
            sha256 = answer.sha256
            data += answer.chunk
        if hashlib.sha256(data).hexdigest() != sha256:
            raise UntrustworthyResultError("the bytes that arrived are not the server's", reason="SHA256_MISMATCH")
        return bytes(data)

    def get(self, course: CourseHandle) -> adaptation_pb2.Course:
        """A course with its fractions in order."""
        request = adaptation_pb2.GetCourseRequest(course_id=course.course_id)
        found: adaptation_pb2.Course = self._connection.ask(self._stub.GetCourse, request).course
        return found

    def watched(self, course: CourseHandle) -> tuple[adaptation_pb2.Course, CourseWatch]:
        """A course, and all that is made of its fractions with every chart's points."""
        request = adaptation_pb2.GetCourseRequest(course_id=course.course_id, with_watch_json=True)
        answer = self._connection.ask(self._stub.GetCourse, request)
        return answer.course, value_from_json(CourseWatch, json.loads(answer.watch_json))

    def listing(self, *, most: int = 50, worst_first: bool = False) -> tuple[adaptation_pb2.Course, ...]:
        """Courses without their fractions: the latest, or those that most need a look."""
        order = adaptation_pb2.COURSE_ORDER_WORST_FIRST if worst_first else adaptation_pb2.COURSE_ORDER_NEWEST_FIRST
        request = adaptation_pb2.ListCoursesRequest(page_size=most, order=order)
        return tuple(self._connection.ask(self._stub.ListCourses, request).courses)

    def changes(self, course: CourseHandle) -> Iterator[adaptation_pb2.Course]:
        """A course now and each time one of its fractions changes, for as long as somebody listens."""
        request = adaptation_pb2.WatchCourseRequest(course_id=course.course_id)
        for answer in self._connection.listen(self._stub.WatchCourse, lambda: request):
            yield answer.course

    def delete(self, course: CourseHandle) -> None:
        """Delete a course and its fractions' results; the series stay."""
        self._connection.ask(self._stub.DeleteCourse, adaptation_pb2.DeleteCourseRequest(course_id=course.course_id))


def _plan(plan: PlanHandle) -> adaptation_pb2.Plan:
    return adaptation_pb2.Plan(
        ct_series_id=plan.ct.series_id,
        structures_series_id="" if plan.structures is None else plan.structures.series_id,
        dose_series_id="" if plan.dose is None else plan.dose.series_id,
        planned_fractions=plan.planned_fractions,
    )
