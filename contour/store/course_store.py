"""Courses: a plan, and which job each of its fractions is."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable
from dataclasses import asdict, replace

from sqlalchemy import func, select
from sqlalchemy.orm import Session, defer

from contour.errors import InputError, NotFoundError, NotReadyError
from contour.store.database import Database
from contour.store.files import FileStore, is_id
from contour.store.job_store import describe_job, queued_row
from contour.store.paging import page_of, start_of_page
from contour.store.records import Course, CourseEntry, FractionInputs, Job, JobRequest, JobState, Page, PlanSource
from contour.store.reviewed import require_unreviewed
from contour.store.series_rows import series_row, unreferenced
from contour.store.tables import CourseRow, FractionRow, InstanceRow, JobRow

MOST_FRACTIONS = 200


class CourseStore:
    """Courses and their fractions. Every method can be called from any thread."""

    def __init__(self, database: Database, files: FileStore, *, clock_s: Callable[[], float]) -> None:
        self._database = database
        self._files = files
        self._clock_s = clock_s

    def create(self, plan: PlanSource, *, label: str, site: str, request_id: str = "") -> Course:
        """A new course; or the one that this request id gave before.

        Raises:
            NotFoundError: SERIES_NOT_FOUND.
            NotReadyError: SERIES_NOT_COMPLETE.
        """
        with self._database.write() as session:
            if request_id:
                earlier = session.scalar(select(CourseRow).where(CourseRow.request_id == request_id))
                if earlier is not None:
                    return _describe(session, earlier)
            for series_id in plan.series_ids:
                if not series_row(session, series_id).complete:
                    raise NotReadyError("the series is still open; complete it first", reason="SERIES_NOT_COMPLETE")
            row = CourseRow(
                course_id=uuid.uuid4().hex,
                request_id=request_id or None,
                label=label,
                site=site,
                plan=asdict(plan),
                created_s=self._clock_s(),
            )
            session.add(row)
            session.flush()
            return _describe(session, row)

    def get(self, course_id: str) -> Course:
        """One course.

        Raises:
            NotFoundError: COURSE_NOT_FOUND.
        """
        with self._database.read() as session:
            return _describe(session, _course_row(session, course_id))

    def listing(self, *, page_size: int = 0, page_token: str = "") -> Page[Course]:
        """Courses, newest first, without their fractions."""
        before, count = start_of_page(page_token, page_size)
        with self._database.read() as session:
            query = select(CourseRow).order_by(CourseRow.sequence.desc()).limit(count + 1)
            if before is not None:
                query = query.where(CourseRow.sequence < before)
            rows = session.scalars(query).all()
            return page_of(rows, count, key=lambda row: row.sequence, describe=_without_fractions)

    def counts(self) -> tuple[int, int]:
        """How many courses and fractions there are."""
        with self._database.read() as session:
            courses = session.scalar(select(func.count()).select_from(CourseRow))
            fractions = session.scalar(select(func.count()).select_from(FractionRow))
            return courses or 0, fractions or 0

    def every(self) -> tuple[Course, ...]:
        """All courses with their fractions, oldest first; the jobs without their results, which are large."""
        with self._database.read() as session:
            entries: dict[str, list[CourseEntry]] = {}
            query = (
                select(FractionRow, JobRow)
                .join(JobRow, JobRow.job_id == FractionRow.job_id)
                .options(defer(JobRow.result))
                .order_by(FractionRow.number)
            )
            for fraction, job in session.execute(query):
                entry = CourseEntry(number=fraction.number, job=describe_job(session, job, with_result=False))
                entries.setdefault(fraction.course_id, []).append(entry)
            rows = session.scalars(select(CourseRow).order_by(CourseRow.sequence)).all()
            return tuple(
                replace(_without_fractions(row), fractions=tuple(entries.get(row.course_id, ()))) for row in rows
            )

    def add_fraction(
        self,
        course_id: str,
        request: JobRequest,
        *,
        number: int = 0,
        redo: bool = False,
        request_id: str = "",
        queue_limit: int,
    ) -> Job:
        """Queue a fraction; the job that it already is where the same scan came before and nobody asks for a redo.

        Args:
            course_id: Of the course.
            request: With the day's series and the fraction's inputs; the number is filled in here.
            number: Wanted, from 1; 0 for the scan's own where it came before, else for the next.
            redo: Do it again, or put another scan in a number's place.
            request_id: The same id again gives the same job.
            queue_limit: How many jobs may wait.

        Raises:
            NotFoundError: COURSE_NOT_FOUND, SERIES_NOT_FOUND.
            InputError: FRACTION_TAKEN where the number holds another scan, or the scan has another number;
                BAD_FRACTION for a number out of range.
            NotReadyError: FRACTION_NOT_OVER where the job to redo is still under way.
            ResourceLimitError: QUEUE_FULL.
        """
        with self._database.write() as session:
            course = _course_row(session, course_id)
            if request_id:
                earlier = session.scalar(select(JobRow).where(JobRow.request_id == request_id))
                if earlier is not None:
                    return describe_job(session, earlier)
            content = _content_of(session, request.series_id)
            held = session.scalars(select(FractionRow).where(FractionRow.course_id == course_id)).all()
            same = next((row for row in held if row.content == content), None)
            if same is not None and number not in {0, same.number}:
                raise InputError(f"this scan is fraction {same.number} already", reason="FRACTION_TAKEN")
            if same is not None and not redo:
                return describe_job(session, _job_of(session, same))
            place = same or next((row for row in held if number and row.number == number), None)
            if place is not None and place is not same and not redo:
                raise InputError(f"fraction {number} holds another scan; ask for a redo", reason="FRACTION_TAKEN")
            wanted = place.number if place is not None else number or max((row.number for row in held), default=0) + 1
            if not 1 <= wanted <= MOST_FRACTIONS:
                raise InputError(f"fraction {wanted}, expected 1 to {MOST_FRACTIONS}", reason="BAD_FRACTION")
            if place is not None and not JobState(_job_of(session, place).state).is_over:
                raise NotReadyError("the fraction's job is not over; cancel it first", reason="FRACTION_NOT_OVER")
            plan = PlanSource(**course.plan)
            limits = "" if request.inputs is None else request.inputs.limits_toml
            inputs = FractionInputs(plan=plan, fraction=wanted, limits_toml=limits, course_id=course_id)
            asked = replace(request, inputs=inputs)
            row = queued_row(session, asked, request_id, queue_limit=queue_limit, now_s=self._clock_s())
            if place is None:
                session.add(FractionRow(course_id=course_id, number=wanted, content=content, job_id=row.job_id))
            else:
                place.content, place.job_id = content, row.job_id
            session.flush()
            return describe_job(session, row)

    def delete(self, course_id: str) -> None:
        """Delete a course with its fractions' jobs and results; the series stay.

        Raises:
            NotReadyError: FRACTION_NOT_OVER, or one was reviewed (REVIEWED).
        """
        with self._database.write() as session:
            course = _course_row(session, course_id)
            query = select(FractionRow).where(FractionRow.course_id == course_id)
            jobs = [_job_of(session, row) for row in session.scalars(query)]
            if any(not JobState(job.state).is_over for job in jobs):
                raise NotReadyError("a fraction's job is not over; cancel it first", reason="FRACTION_NOT_OVER")
            require_unreviewed(session, [job.job_id for job in jobs])
            hashes = {job.result_sha256 for job in jobs if job.result_sha256}
            session.delete(course)
            for job in jobs:
                session.delete(job)
            session.flush()
            unused = unreferenced(session, hashes)
        self._files.drop_objects(unused)


def courses_on(session: Session, series_id: str) -> int:
    """How many courses need a series, as plan or as one of their days."""
    plans = sum(series_id in PlanSource(**plan).series_ids for plan in session.scalars(select(CourseRow.plan)))
    days = session.scalar(
        select(func.count())
        .select_from(FractionRow)
        .join(JobRow, JobRow.job_id == FractionRow.job_id)
        .where(JobRow.series_id == series_id)
    )
    return plans + (days or 0)


def _content_of(session: Session, series_id: str) -> str:
    """The same for the same instances, in whatever order they came."""
    series_row(session, series_id)
    hashes = session.scalars(select(InstanceRow.sha256).where(InstanceRow.series_id == series_id))
    return hashlib.sha256("".join(sorted(hashes)).encode("ascii")).hexdigest()


def _job_of(session: Session, fraction: FractionRow) -> JobRow:
    return session.scalars(select(JobRow).where(JobRow.job_id == fraction.job_id)).one()


def _course_row(session: Session, course_id: str) -> CourseRow:
    row = session.scalar(select(CourseRow).where(CourseRow.course_id == course_id)) if is_id(course_id) else None
    if row is None:
        raise NotFoundError("no course has this id", reason="COURSE_NOT_FOUND")
    return row


def _describe(session: Session, row: CourseRow) -> Course:
    query = select(FractionRow).where(FractionRow.course_id == row.course_id).order_by(FractionRow.number)
    entries = tuple(
        CourseEntry(number=fraction.number, job=describe_job(session, _job_of(session, fraction)))
        for fraction in session.scalars(query)
    )
    return replace(_without_fractions(row), fractions=entries)


def _without_fractions(row: CourseRow) -> Course:
    return Course(
        course_id=row.course_id,
        label=row.label,
        site=row.site,
        plan=PlanSource(**row.plan),
        created_s=row.created_s,
        fractions=(),
    )
