"""Brings a database of an earlier version up to date, in one transaction, without losing a row."""

from __future__ import annotations

from sqlalchemy import Connection, text, update

from contour.store.people_tables import AccountRow, AuditRow, SessionRow, TokenRow
from contour.store.review_tables import DecisionRow, EditRow, ReviewRow
from contour.store.tables import SCHEMA_VERSION, CourseRow, FractionRow, SchemaRow, Table

_STEPS: dict[int, tuple[str, ...]] = {
    1: (
        "ALTER TABLE job ADD COLUMN kind VARCHAR NOT NULL DEFAULT 'plan'",
        "ALTER TABLE job ADD COLUMN inputs JSON",
    ),
    2: ("ALTER TABLE course ADD COLUMN site VARCHAR NOT NULL DEFAULT 'unspecified'",),
    3: (),
}
"""What turns each version into the next."""

_NEW_IN: dict[int, tuple[type[Table], ...]] = {
    2: (CourseRow, FractionRow),
    4: (AccountRow, TokenRow, SessionRow, AuditRow, ReviewRow, EditRow, DecisionRow),
}
"""Tables that came with a version; they are made as they are now."""


def migrate(connection: Connection, found: int) -> None:
    """From version `found` to the current one."""
    made: set[str] = set()
    for version in range(found, SCHEMA_VERSION):
        for statement in _STEPS[version]:
            if statement.split()[2] not in made:  # a table that was made just now has every column
                connection.execute(text(statement))
        new = [Table.metadata.tables[row.__tablename__] for row in _NEW_IN.get(version + 1, ())]
        Table.metadata.create_all(connection, tables=new)
        made |= {table.name for table in new}
    connection.execute(update(SchemaRow).values(version=SCHEMA_VERSION))
