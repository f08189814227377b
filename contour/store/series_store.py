"""Series on their way in, and complete ones."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace

from sqlalchemy import func, select

from contour.errors import Finding, InputError, NotFoundError, NotReadyError, ResourceLimitError, SeriesRejectedError
from contour.store.course_store import courses_on
from contour.store.database import Database
from contour.store.files import FileStore, is_id
from contour.store.json_form import finding_to_json
from contour.store.paging import page_of, start_of_page
from contour.store.records import (
    InstanceIdentity,
    InstanceVerdict,
    JobState,
    Page,
    StoredInstance,
    StoredSeries,
    Verdict,
)
from contour.store.reviewed import require_unreviewed
from contour.store.series_rows import (
    check_open,
    check_sha256,
    conflict,
    describe,
    earlier_verdict,
    no_series,
    nothing_usable,
    series_row,
    stored_instance,
    unreferenced,
    wrong_count,
)
from contour.store.tables import InstanceRow, JobRow, RefusedRow, SeriesRow


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadLimits:
    """What one series may hold."""

    instance_bytes: int
    instances_per_series: int


class SeriesStore:
    """Series and their instances. Every method can be called from any thread."""

    def __init__(
        self, database: Database, files: FileStore, *, limits: UploadLimits, clock_s: Callable[[], float]
    ) -> None:
        self._database = database
        self._files = files
        self._limits = limits
        self._clock_s = clock_s
        self._accepting = threading.Lock()

    def create(self, request_id: str = "") -> StoredSeries:
        """A new, open series; or the one that this request id gave before."""
        with self._database.write() as session:
            if request_id:
                row = session.scalar(select(SeriesRow).where(SeriesRow.request_id == request_id))
                if row is not None:
                    return describe(session, row)
            row = SeriesRow(
                series_id=uuid.uuid4().hex,
                request_id=request_id or None,
                complete=False,
                created_s=self._clock_s(),
                completed_s=None,
            )
            session.add(row)
            session.flush()
            return describe(session, row)

    def get(self, series_id: str) -> StoredSeries:
        """One series.

        Raises:
            NotFoundError: SERIES_NOT_FOUND.
        """
        with self._database.read() as session:
            return describe(session, series_row(session, series_id))

    def listing(self, *, page_size: int = 0, page_token: str = "") -> Page[StoredSeries]:
        """Series, newest first."""
        before, count = start_of_page(page_token, page_size)
        with self._database.read() as session:
            query = select(SeriesRow).order_by(SeriesRow.sequence.desc()).limit(count + 1)
            if before is not None:
                query = query.where(SeriesRow.sequence < before)
            rows = session.scalars(query).all()
            return page_of(rows, count, key=lambda row: row.sequence, describe=lambda row: describe(session, row))

    def upload_status(self, series_id: str, sha256: str) -> InstanceVerdict | None:
        """The verdict on an instance if it has one, else None; either way ask `stored_bytes` for the rest."""
        check_sha256(sha256)
        with self._database.read() as session:
            series_row(session, series_id)
            return earlier_verdict(session, series_id, sha256)

    def stored_bytes(self, series_id: str, sha256: str) -> int:
        """How much of an instance that has no verdict yet has arrived."""
        check_sha256(sha256)
        if not is_id(series_id):
            raise no_series()
        return self._files.part_bytes(series_id, sha256)

    def begin(self, series_id: str, sha256: str, *, size_bytes: int) -> InstanceVerdict | None:
        """Check that an instance may come; the verdict where it has one already.

        Raises:
            NotFoundError: SERIES_NOT_FOUND.
            NotReadyError: the series is complete and this is not one of its instances (SERIES_COMPLETE).
            ResourceLimitError: INSTANCE_TOO_LARGE or TOO_MANY_INSTANCES.
        """
        if size_bytes > self._limits.instance_bytes:
            raise ResourceLimitError(
                f"an instance of {size_bytes} bytes; at most {self._limits.instance_bytes} are taken",
                reason="INSTANCE_TOO_LARGE",
            )
        if size_bytes <= 0:
            raise InputError(f"size_bytes is {size_bytes}, expected at least 1", reason="INVALID_ARGUMENT")
        check_sha256(sha256)
        with self._database.read() as session:
            row = series_row(session, series_id)
            earlier = earlier_verdict(session, series_id, sha256)
            if earlier is not None:
                return earlier
            check_open(row)
            held = session.scalar(
                select(func.count()).select_from(InstanceRow).where(InstanceRow.series_id == series_id)
            )
            refused = session.scalar(
                select(func.count()).select_from(RefusedRow).where(RefusedRow.series_id == series_id)
            )
            if (held or 0) + (refused or 0) >= self._limits.instances_per_series:
                raise ResourceLimitError(
                    f"the series holds {held} instances; at most {self._limits.instances_per_series} are taken",
                    reason="TOO_MANY_INSTANCES",
                )
        return None

    def append(self, series_id: str, sha256: str, *, offset_bytes: int, data: bytes) -> int | None:
        """Add bytes; the new size, or None where they do not continue what is stored.

        Raises:
            ResourceLimitError: STORE_FULL or DISK_FULL.
        """
        return self._files.append(series_id, sha256, offset_bytes=offset_bytes, data=data)

    def finish(
        self, series_id: str, sha256: str, *, vet: Callable[[bytes], InstanceIdentity], set_aside: frozenset[str]
    ) -> InstanceVerdict:
        """Judge an instance that has arrived in full. An accepted one survives a power cut from here on.

        Args:
            series_id: An open series.
            sha256: Of the instance.
            vet: Says what it is, or raises InputError.
            set_aside: Reasons of `vet` for which a file is left out without spoiling the series.

        Raises:
            NotReadyError: the series was completed meanwhile (SERIES_COMPLETE).
        """
        try:
            data = self._files.read_part(series_id, sha256)
        except FileNotFoundError:  # another stream has finished, or just finishes, the same instance
            with self._accepting:
                earlier = self.upload_status(series_id, sha256)
            if earlier is None:
                raise NotReadyError("the instance has to be sent again", reason="UPLOAD_LOST") from None
            return earlier
        except InputError as error:
            finding = Finding(reason=error.reason, message=error.message)
            return InstanceVerdict(sha256=sha256, verdict=Verdict.REJECTED, stored_bytes=0, finding=finding)
        try:
            identity = vet(data)
        except InputError as error:
            verdict = Verdict.SET_ASIDE if error.reason in set_aside else Verdict.REJECTED
            return self._refuse(series_id, sha256, verdict, Finding(reason=error.reason, message=error.message))
        try:
            return self._accept(series_id, sha256, len(data), identity)
        except (NotFoundError, NotReadyError):  # deleted or completed while this was under way
            self._files.drop_part(series_id, sha256)
            raise

    def complete(self, series_id: str, *, expected_instances: int = 0) -> StoredSeries:
        """Fix a series. Does nothing to one that is complete.

        Raises:
            SeriesRejectedError: an instance was rejected, or the count is not the one expected.
        """
        with self._database.write() as session:
            row = series_row(session, series_id)
            series = describe(session, row)
            if row.complete:
                return series
            held = series.instances + len(series.set_aside)
            if series.refused:
                raise SeriesRejectedError(series.refused)
            if expected_instances and held != expected_instances:
                raise SeriesRejectedError((wrong_count(held, expected_instances),))
            if not series.instances:
                raise SeriesRejectedError((nothing_usable(series),))
            row.complete = True
            row.completed_s = self._clock_s()
            session.flush()
            described = describe(session, row)
        self._files.drop_parts(series_id)
        return described

    def instances(self, series_id: str) -> tuple[StoredInstance, ...]:
        """The accepted instances of a series, in the order of their arrival."""
        with self._database.read() as session:
            series_row(session, series_id)
            query = select(InstanceRow).where(InstanceRow.series_id == series_id).order_by(InstanceRow.sequence)
            return tuple(stored_instance(row) for row in session.scalars(query))

    def delete(self, series_id: str) -> None:
        """Delete a series, its jobs and every file that only they referred to.

        Raises:
            NotReadyError: one of its jobs is not over, or a course needs it (SERIES_IN_USE), or what was made of it
                was reviewed (REVIEWED).
        """
        with self._accepting:
            with self._database.write() as session:
                row = series_row(session, series_id)
                jobs = session.scalars(select(JobRow).where(JobRow.series_id == series_id)).all()
                if any(not JobState(job.state).is_over for job in jobs):
                    raise NotReadyError(
                        "a job on this series is not over; cancel it or wait for it", reason="SERIES_IN_USE"
                    )
                if courses_on(session, series_id):
                    raise NotReadyError("a course needs the series; delete the course first", reason="SERIES_IN_USE")
                require_unreviewed(session, [job.job_id for job in jobs])
                query = select(InstanceRow.sha256).where(InstanceRow.series_id == series_id)
                hashes = {*session.scalars(query), *(job.result_sha256 for job in jobs if job.result_sha256)}
                session.delete(row)
                session.flush()
                unused = unreferenced(session, hashes)
            self._files.drop_objects(unused)
            self._files.drop_parts(series_id)

    def delete_stale(self, older_than_s: float) -> int:
        """Delete series that were opened longer ago than this and never completed; how many."""
        with self._database.read() as session:
            query = select(SeriesRow.series_id).where(
                SeriesRow.complete.is_(False), SeriesRow.created_s < self._clock_s() - older_than_s
            )
            stale = session.scalars(query).all()
        for series_id in stale:
            self.delete(series_id)
        return len(stale)

    def _accept(self, series_id: str, sha256: str, size_bytes: int, identity: InstanceIdentity) -> InstanceVerdict:
        answer = InstanceVerdict(
            sha256=sha256, verdict=Verdict.ACCEPTED, stored_bytes=size_bytes, sop_class_uid=identity.sop_class_uid
        )
        self._files.sync_part(series_id, sha256)
        with self._accepting, self._database.write() as session:
            check_open(series_row(session, series_id))
            query = select(InstanceRow.sha256).where(
                InstanceRow.series_id == series_id, InstanceRow.sop_instance_uid == identity.sop_instance_uid
            )
            held = session.scalar(query)
            if held == sha256:  # another stream was faster
                return replace(answer, verdict=Verdict.ALREADY_ACCEPTED)
            if held is None:
                self._files.keep_part(series_id, sha256)
                session.add(
                    InstanceRow(
                        series_id=series_id,
                        sha256=sha256,
                        size_bytes=size_bytes,
                        sop_instance_uid=identity.sop_instance_uid,
                        sop_class_uid=identity.sop_class_uid,
                        series_instance_uid=identity.series_instance_uid,
                        modality=identity.modality,
                    )
                )
                return answer
        return self._refuse(series_id, sha256, Verdict.CONFLICT, conflict(identity))

    def _refuse(self, series_id: str, sha256: str, verdict: Verdict, finding: Finding) -> InstanceVerdict:
        with self._database.write() as session:
            row = series_row(session, series_id)
            if not row.complete and earlier_verdict(session, series_id, sha256) is None:
                session.add(
                    RefusedRow(
                        series_id=series_id, sha256=sha256, verdict=verdict.value, finding=finding_to_json(finding)
                    )
                )
        self._files.drop_part(series_id, sha256)
        return InstanceVerdict(sha256=sha256, verdict=verdict, stored_bytes=0, finding=finding)
