"""The database's tables. Times are seconds since the epoch; files are named by the SHA-256 of their bytes."""

from __future__ import annotations

from typing import Any

from sqlalchemy import JSON, BigInteger, ForeignKey, Index, Integer, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

SCHEMA_VERSION = 4
"""Raised by one with every change to the tables; a database of a later version is not opened."""


class Table(DeclarativeBase):
    """Base of every table."""

    type_annotation_map = {int: BigInteger().with_variant(Integer(), "sqlite")}  # noqa: RUF012


class SchemaRow(Table):
    """The one row that says which version the tables have, and which data folder they describe."""

    __tablename__ = "schema_version"

    version: Mapped[int] = mapped_column(primary_key=True)
    store_id: Mapped[str]


class SeriesRow(Table):
    """A series that is being uploaded or is complete."""

    __tablename__ = "series"

    sequence: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    series_id: Mapped[str] = mapped_column(unique=True)
    request_id: Mapped[str | None] = mapped_column(unique=True)
    complete: Mapped[bool] = mapped_column(default=False)
    created_s: Mapped[float]
    completed_s: Mapped[float | None]


class InstanceRow(Table):
    """An accepted instance: its file is on disk before its row is here."""

    __tablename__ = "instance"
    __table_args__ = (
        UniqueConstraint("series_id", "sha256"),
        UniqueConstraint("series_id", "sop_instance_uid"),
        Index("instance_by_file", "sha256"),
    )

    sequence: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    series_id: Mapped[str] = mapped_column(ForeignKey("series.series_id", ondelete="CASCADE"))
    sha256: Mapped[str]
    size_bytes: Mapped[int]
    sop_instance_uid: Mapped[str]
    sop_class_uid: Mapped[str]
    series_instance_uid: Mapped[str]
    modality: Mapped[str]


class RefusedRow(Table):
    """A file that arrived in full and was not accepted; only its hash and the finding are kept."""

    __tablename__ = "refused"
    __table_args__ = (UniqueConstraint("series_id", "sha256"),)

    sequence: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    series_id: Mapped[str] = mapped_column(ForeignKey("series.series_id", ondelete="CASCADE"))
    sha256: Mapped[str]
    verdict: Mapped[str]
    finding: Mapped[dict[str, Any]] = mapped_column(JSON)


class JobRow(Table):
    """A job: what was asked, where it stands, what came of it. Enough to run it again and get the same."""

    __tablename__ = "job"
    __table_args__ = (Index("job_by_state", "state"),)

    sequence: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    job_id: Mapped[str] = mapped_column(unique=True)
    request_id: Mapped[str | None] = mapped_column(unique=True)
    series_id: Mapped[str] = mapped_column(ForeignKey("series.series_id", ondelete="CASCADE"), index=True)
    series_instance_uid: Mapped[str | None]
    model: Mapped[str]
    model_version: Mapped[str]
    structures: Mapped[list[str]] = mapped_column(JSON)
    software_version: Mapped[str]
    state: Mapped[str]
    stage: Mapped[str] = mapped_column(default="")
    fraction: Mapped[float] = mapped_column(default=0.0)
    attempt: Mapped[int] = mapped_column(default=0)
    cancel_requested: Mapped[bool] = mapped_column(default=False)
    created_s: Mapped[float]
    started_s: Mapped[float | None]
    ended_s: Mapped[float | None]
    failure: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    result: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    result_sha256: Mapped[str | None]
    result_bytes: Mapped[int | None]
    kind: Mapped[str] = mapped_column(default="plan", server_default="plan")
    inputs: Mapped[dict[str, Any] | None] = mapped_column(JSON)


class CourseRow(Table):
    """A plan whose fractions are kept together."""

    __tablename__ = "course"

    sequence: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    course_id: Mapped[str] = mapped_column(unique=True)
    request_id: Mapped[str | None] = mapped_column(unique=True)
    label: Mapped[str]
    plan: Mapped[dict[str, Any]] = mapped_column(JSON)
    created_s: Mapped[float]
    site: Mapped[str] = mapped_column(default="unspecified", server_default="unspecified")


class FractionRow(Table):
    """Which job a fraction of a course is; `content` names the scan by its bytes."""

    __tablename__ = "fraction"
    __table_args__ = (UniqueConstraint("course_id", "number"), UniqueConstraint("course_id", "content"))

    sequence: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    course_id: Mapped[str] = mapped_column(ForeignKey("course.course_id", ondelete="CASCADE"), index=True)
    number: Mapped[int]
    content: Mapped[str]
    job_id: Mapped[str] = mapped_column(ForeignKey("job.job_id", ondelete="CASCADE"), index=True)


class StageRow(Table):
    """How long one stage of one finished job took; the history that estimates are made from."""

    __tablename__ = "stage_duration"

    sequence: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    job_id: Mapped[str] = mapped_column(ForeignKey("job.job_id", ondelete="CASCADE"), index=True)
    model: Mapped[str] = mapped_column(index=True)
    stage: Mapped[str]
    elapsed_s: Mapped[float]
