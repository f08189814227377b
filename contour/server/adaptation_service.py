"""contour.v1.AdaptationService: fractions started, watched and fetched; courses kept."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator

import grpc
from google.longrunning import operations_pb2

import contour
from contour.adaptation.limits import read_limits
from contour.adaptation.value_json import value_to_json
from contour.adaptation.watch.sites import SITES, UNSPECIFIED
from contour.errors import ConfigError, InputError, NotReadyError, ServiceUnavailableError
from contour.jobs.changes import Changes
from contour.jobs.course_watching import CourseWatcher
from contour.jobs.dispatcher import Dispatcher
from contour.jobs.fraction_archive import DRIFT, REPORT, read_member
from contour.jobs.work import ModelFacts
from contour.server.boundary import Places
from contour.server.contouring_service import CHUNK_BYTES, model_named, only_models
from contour.server.course_messages import FILES, course_message, listed_course_message, plan_of
from contour.server.operations import JobView
from contour.server.series_service import checked_request_id
from contour.server.watch_messages import watch_message
from contour.store import Store
from contour.store.paging import start_of_page
from contour.store.records import Course, FractionInputs, FractionOutcome, Job, JobRequest, MemberFile
from contour.v1 import adaptation_pb2

_LOOK_EVERY_S = 1.0
_LONGEST_LABEL = 64
_LONGEST_LIMITS = 20_000
_NAMES: dict[int, str] = {int(number): name for name, number in FILES.items()}


class AdaptationServicer:
    """The service's methods, as the generated code calls them."""

    def __init__(
        self,
        store: Store,
        dispatcher: Dispatcher,
        view: JobView,
        *,
        watcher: CourseWatcher,
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
        self._watcher = watcher
        self._models = models
        self._queue_limit = queue_limit
        self._changes = changes
        self._places = places
        self._stopping = stopping
        self._stopped = stopped

    def AdaptFraction(  # noqa: N802
        self, request: adaptation_pb2.AdaptFractionRequest, _context: grpc.ServicerContext
    ) -> operations_pb2.Operation:
        """The queued job, or the one that the same scan was before."""
        if self._stopping.is_set():
            raise ServiceUnavailableError("the server is stopping and takes no more jobs")
        if bool(request.course_id) == request.HasField("plan"):
            raise InputError("give either course_id or plan", reason="INVALID_ARGUMENT")
        if not request.daily_series_id:
            raise InputError(
                "daily_series_id is empty; expected the series of the day's scan", reason="INVALID_ARGUMENT"
            )
        limits = _checked_limits(request.limits_toml)
        model = model_named(only_models(self._models()), request.model)
        plan = plan_of(request.plan) if request.HasField("plan") else self._store.courses.get(request.course_id).plan
        asked = JobRequest(
            series_id=request.daily_series_id,
            series_instance_uid=request.daily_series_instance_uid or None,
            model=model.name,
            model_version=model.version,
            structures=(),
            software_version=contour.__version__,
            inputs=FractionInputs(plan=plan, fraction=request.fraction, limits_toml=limits),
        )
        request_id = checked_request_id(request.request_id)
        if request.course_id:
            job = self._store.courses.add_fraction(
                request.course_id,
                asked,
                number=request.fraction,
                redo=request.redo,
                request_id=request_id,
                queue_limit=self._queue_limit,
            )
        else:
            job = self._store.jobs.enqueue(asked, request_id=request_id, queue_limit=self._queue_limit)
        self._dispatcher.wake()
        return self._view.operation(job)

    def WatchFraction(  # noqa: N802
        self, request: adaptation_pb2.WatchFractionRequest, context: grpc.ServicerContext
    ) -> Iterator[adaptation_pb2.WatchFractionResponse]:
        """The job each time it has changed, the last time when it is over."""
        with self._places.taken():
            shown = None
            while context.is_active():
                seen = self._changes.count
                job = self._fraction_job(request.job_id)
                if job != shown:
                    shown = job
                    yield adaptation_pb2.WatchFractionResponse(operation=self._view.operation(job))
                if job.state.is_over:
                    return
                self._wait(seen)

    def FetchFractionFile(  # noqa: N802
        self, request: adaptation_pb2.FetchFractionFileRequest, _context: grpc.ServicerContext
    ) -> Iterator[adaptation_pb2.FetchFractionFileResponse]:
        """One file in chunks; one empty chunk where the offset is its end."""
        job = self._fraction_job(request.job_id)
        outcome = None if job.result is None else job.result.fraction
        if outcome is None or job.file is None:
            raise NotReadyError("the fraction has no result", reason="NO_RESULT")
        member = _member(outcome, request.file)
        if not 0 <= request.offset_bytes <= member.size_bytes:
            raise InputError(f"offset_bytes must be 0 to {member.size_bytes}", reason="INVALID_ARGUMENT")
        path = self._store.files.object_path(job.file.sha256)
        offset_bytes = request.offset_bytes
        with self._places.taken():
            for chunk in read_member(path, member.name, offset_bytes=offset_bytes, chunk_bytes=CHUNK_BYTES):
                yield adaptation_pb2.FetchFractionFileResponse(
                    sha256=member.sha256, size_bytes=member.size_bytes, offset_bytes=offset_bytes, chunk=chunk
                )
                offset_bytes += len(chunk)

    def CreateCourse(  # noqa: N802
        self, request: adaptation_pb2.CreateCourseRequest, _context: grpc.ServicerContext
    ) -> adaptation_pb2.CreateCourseResponse:
        """A new course."""
        if len(request.label) > _LONGEST_LABEL or not request.label.isprintable():
            raise InputError(f"label must be at most {_LONGEST_LABEL} printable characters", reason="INVALID_ARGUMENT")
        site = request.site or UNSPECIFIED
        if site not in SITES:
            raise InputError(f"site must be one of {', '.join(SITES)}", reason="INVALID_ARGUMENT")
        course = self._store.courses.create(
            plan_of(request.plan),
            label=request.label,
            site=site,
            request_id=checked_request_id(request.request_id),
        )
        return adaptation_pb2.CreateCourseResponse(course=course_message(course))

    def GetCourse(  # noqa: N802
        self, request: adaptation_pb2.GetCourseRequest, _context: grpc.ServicerContext
    ) -> adaptation_pb2.GetCourseResponse:
        """A course with its fractions."""
        return adaptation_pb2.GetCourseResponse(
            course=self._watched(self._store.courses.get(request.course_id)),
            watch_json=self._watch_json(request.course_id) if request.with_watch_json else "",
        )

    def ListCourses(  # noqa: N802
        self, request: adaptation_pb2.ListCoursesRequest, _context: grpc.ServicerContext
    ) -> adaptation_pb2.ListCoursesResponse:
        """A page of courses."""
        overview = self._watcher.overview()
        if request.order == adaptation_pb2.COURSE_ORDER_WORST_FIRST:
            start, count = start_of_page(request.page_token, request.page_size)
            first = start or 0
            shown = overview.courses[first : first + count]
            more = first + count < len(overview.courses)
            return adaptation_pb2.ListCoursesResponse(
                courses=[listed_course_message(one.course, one.watch) for one in shown],
                next_page_token=str(first + count) if more else "",
            )
        page = self._store.courses.listing(page_size=request.page_size, page_token=request.page_token)
        watches = {one.course.course_id: one.watch for one in overview.courses}
        return adaptation_pb2.ListCoursesResponse(
            courses=[listed_course_message(course, watches.get(course.course_id)) for course in page.items],
            next_page_token=page.next_token,
        )

    def WatchCourse(  # noqa: N802
        self, request: adaptation_pb2.WatchCourseRequest, context: grpc.ServicerContext
    ) -> Iterator[adaptation_pb2.WatchCourseResponse]:
        """The course now and each time it has changed."""
        with self._places.taken():
            shown = None
            while context.is_active():
                seen = self._changes.count
                course = self._watched(self._store.courses.get(request.course_id))
                if course != shown:
                    shown = course
                    yield adaptation_pb2.WatchCourseResponse(course=course)
                self._wait(seen)

    def DeleteCourse(  # noqa: N802
        self, request: adaptation_pb2.DeleteCourseRequest, _context: grpc.ServicerContext
    ) -> adaptation_pb2.DeleteCourseResponse:
        """Nothing, once the course is gone."""
        self._store.courses.delete(request.course_id)
        self._changes.announce()
        return adaptation_pb2.DeleteCourseResponse()

    def _watched(self, course: Course) -> adaptation_pb2.Course:
        """A course with what is made of it."""
        message = course_message(course)
        message.watch.CopyFrom(watch_message(self._watcher.overview().of(course.course_id).watch))
        return message

    def _watch_json(self, course_id: str) -> str:
        return json.dumps(value_to_json(self._watcher.overview().of(course_id).watch), allow_nan=False)

    def _fraction_job(self, job_id: str) -> Job:
        job = self._store.jobs.get(job_id)
        if job.request.inputs is None:
            raise InputError("this job is no fraction", reason="INVALID_ARGUMENT")
        return job

    def _wait(self, seen: int) -> None:
        if self._stopped.is_set():
            raise ServiceUnavailableError("the server is stopping; watch again when it is back")
        self._changes.wait(seen, _LOOK_EVERY_S)


def _member(outcome: FractionOutcome, file: int) -> MemberFile:
    name = _NAMES.get(file, "")
    for member in outcome.files:
        if member.name == name:
            return member
    if not name:
        raise InputError("file must be one of FractionFile", reason="INVALID_ARGUMENT")
    if outcome.verdict == "REFUSE" and name not in {DRIFT, REPORT}:
        reasons = outcome.report.get("reasons") or [{}]
        raise NotReadyError(
            f"the fraction was refused, so {name} is not handed out: {reasons[0].get('message', '')}",
            reason=str(reasons[0].get("reason", "REFUSED")),
        )
    raise NotReadyError(f"the fraction has no {name}", reason="NO_SUCH_FILE")


def _checked_limits(text: str) -> str:
    """Limits that a worker will be able to read."""
    if len(text) > _LONGEST_LIMITS:
        raise InputError(f"limits_toml must be at most {_LONGEST_LIMITS} characters", reason="INVALID_ARGUMENT")
    try:
        read_limits(text)
    except ConfigError as error:
        raise InputError(error.message, reason="BAD_LIMITS") from error
    return text
