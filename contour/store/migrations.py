"""Brings a database of an earlier version up to date, in one transaction, without losing a row."""

from __future__ import annotations

from sqlalchemy import Connection, text, update

from contour.store.tables import SCHEMA_VERSION, CourseRow, FractionRow, SchemaRow, Table

_STEPS: dict[int, tuple[str, ...]] = {
    1: (
        "ALTER TABLE job ADD COLUMN kind VARCHAR NOT NULL DEFAULT 'plan'",
        "ALTER TABLE job ADD COLUMN inputs JSON",
    ),
}
"""What turns each version into the next; new tables are made afterwards."""


def migrate(connection: Connection, found: int) -> None:
    """From version `found` to the current one."""
    for version in range(found, SCHEMA_VERSION):
        for statement in _STEPS[version]:
            connection.execute(text(statement))
    tables = [Table.metadata.tables[row.__tablename__] for row in (CourseRow, FractionRow)]
    Table.metadata.create_all(connection, tables=tables)
    connection.execute(update(SchemaRow).values(version=SCHEMA_VERSION))
