"""Opens the database: SQLite in WAL mode unless a URL says otherwise, with a schema version that is checked."""

from __future__ import annotations

import sqlite3
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, inspect, select
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, OperationalError
from sqlalchemy.orm import Session

from contour.errors import ConfigError, ResourceLimitError
from contour.store.migrations import migrate
from contour.store.tables import SCHEMA_VERSION, SchemaRow, Table

BUSY_TIMEOUT_S = 15


class Database:
    """Transactions on one database; safe to use from many threads.

    What `write` has committed survives a crash of the process and of the machine (`synchronous=FULL`).
    """

    def __init__(self, url: str) -> None:
        """Open or create it.

        Raises:
            ConfigError: the URL cannot be opened (BAD_DATABASE_URL), or the database was written by a later version
                of this software (DATABASE_TOO_NEW).
        """
        try:
            self._engine: Engine = create_engine(url, pool_size=16, max_overflow=32)
        except (ArgumentError, NoSuchModuleError, ImportError, TypeError) as error:
            raise ConfigError(
                "database_url cannot be used; expected a URL like sqlite:////data/contour.db", reason="BAD_DATABASE_URL"
            ) from error
        if self._engine.dialect.name == "sqlite":
            event.listen(self._engine, "connect", _prepare_sqlite)
            event.listen(self._engine, "begin", _begin_sqlite)
        self._writing = self._engine.execution_options(contour_writes=True)
        try:
            self._prepare_schema()
        except OperationalError as error:
            self._engine.dispose()
            raise ConfigError("the database cannot be opened", reason="BAD_DATABASE_URL") from error

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A session that sees one state of the database and changes nothing."""
        with Session(self._engine, expire_on_commit=False) as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """A session that is committed where the block ends well, and rolled back where it does not.

        Raises:
            ResourceLimitError: the disk is full (DISK_FULL).
        """
        try:
            with Session(self._writing, expire_on_commit=False) as session, session.begin():
                yield session
        except OperationalError as error:
            if getattr(error.orig, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL:
                raise ResourceLimitError("no space is left for the database", reason="DISK_FULL") from error
            raise

    @property
    def store_id(self) -> str:
        """Which data folder the rows describe."""
        with self.read() as session:
            return session.scalars(select(SchemaRow.store_id)).one()

    def close(self) -> None:
        """Give every connection back."""
        self._engine.dispose()

    def _prepare_schema(self) -> None:
        known = inspect(self._engine).has_table(SchemaRow.__tablename__)
        with self.write() as session:
            if known:
                found = session.scalar(select(SchemaRow.version))
                if found is not None and found < SCHEMA_VERSION:
                    migrate(session.connection(), found)
                    return
                if found != SCHEMA_VERSION:
                    self._engine.dispose()
                    raise ConfigError(
                        f"the database has schema version {found}, expected {SCHEMA_VERSION}: "
                        "it was written by another version of contour",
                        reason="DATABASE_TOO_NEW",
                    )
                return
            Table.metadata.create_all(session.connection())
            session.add(SchemaRow(version=SCHEMA_VERSION, store_id=uuid.uuid4().hex))


def _prepare_sqlite(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # transactions are opened below, not by the driver
    cursor = connection.cursor()
    for pragma in (
        f"busy_timeout={BUSY_TIMEOUT_S * 1000}",
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    """Writers take their lock at once: a reader that turns writer half-way could be refused as a deadlock."""
    writes = connection.get_execution_options().get("contour_writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
