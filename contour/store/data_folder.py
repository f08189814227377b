"""Opens a data folder: one server at a time, orphans swept, jobs that were cut off queued again."""

from __future__ import annotations

import fcntl
import logging
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

from sqlalchemy import select

from contour.errors import ConfigError
from contour.store.account_store import AccountStore
from contour.store.audit_store import AuditStore
from contour.store.course_store import CourseStore
from contour.store.database import Database
from contour.store.files import FileStore
from contour.store.job_store import JobStore
from contour.store.review_store import ReviewStore, objects_of_reviews
from contour.store.series_store import SeriesStore, UploadLimits
from contour.store.session_rows import SessionLimits
from contour.store.tables import InstanceRow, JobRow, SeriesRow

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreSettings:
    """Where the store is and what it may hold. `database_url` empty: SQLite in the folder."""

    data_dir: Path
    limits: UploadLimits
    quota_bytes: int
    most_attempts: int
    database_url: str = ""
    sessions: SessionLimits = field(default_factory=SessionLimits)


class Store:
    """The store of one server: files, series, jobs, courses, accounts, audit and reviews. A context manager."""

    def __init__(self, settings: StoreSettings, *, clock_s: Callable[[], float]) -> None:
        """Open it and put right what a crash left behind.

        Raises:
            ConfigError: another server uses the folder (DATA_DIR_IN_USE), it cannot be written to (DATA_DIR_UNUSABLE),
                the database cannot be used, or describes another folder (DATA_DIR_MISMATCH).
        """
        folder = settings.data_dir.absolute()
        self._lock = _lock_folder(folder)
        try:
            self._database = Database(settings.database_url or f"sqlite:///{folder / 'contour.db'}")
            _check_belonging(folder, self._database)
        except ConfigError:
            os.close(self._lock)
            raise
        self.files = FileStore(folder, quota_bytes=settings.quota_bytes)
        self.series = SeriesStore(self._database, self.files, limits=settings.limits, clock_s=clock_s)
        self.jobs = JobStore(self._database, self.files, clock_s=clock_s)
        self.courses = CourseStore(self._database, self.files, clock_s=clock_s)
        self.accounts = AccountStore(self._database, clock_s=clock_s, limits=settings.sessions)
        self.audit = AuditStore(self._database, clock_s=clock_s)
        self.reviews = ReviewStore(self._database, self.audit, clock_s=clock_s)
        swept = self._sweep()
        queued, given_up = self.jobs.recover(most_attempts=settings.most_attempts)
        log.info("store opened: %d orphans swept, %d jobs queued again, %d given up", swept, queued, given_up)

    def close(self) -> None:
        """Close the database and let another server have the folder."""
        self._database.close()
        os.close(self._lock)

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _sweep(self) -> int:
        with self._database.read() as session:
            referenced = set(session.scalars(select(InstanceRow.sha256)))
            referenced |= set(session.scalars(select(JobRow.result_sha256).where(JobRow.result_sha256.is_not(None))))
            referenced |= objects_of_reviews(session)
            open_series = set(session.scalars(select(SeriesRow.series_id).where(SeriesRow.complete.is_(False))))
        return self.files.sweep(referenced=referenced, open_series=open_series)


def _check_belonging(folder: Path, database: Database) -> None:
    """Files that the database does not know are swept away; that must never be those of another database."""
    path = folder / "store-id"
    store_id = database.store_id
    if not path.exists():
        path.write_text(store_id, encoding="ascii")
    elif path.read_text(encoding="ascii") != store_id:
        database.close()
        raise ConfigError(
            "the data folder belongs to another database than the one given, expected the two that were made together",
            reason="DATA_DIR_MISMATCH",
        )


def _lock_folder(folder: Path) -> int:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise ConfigError(f"the data folder cannot be used: {error.strerror}", reason="DATA_DIR_UNUSABLE") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        raise ConfigError("another server uses this data folder", reason="DATA_DIR_IN_USE") from error
    return descriptor
