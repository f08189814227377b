"""Rows of series and instances: found, judged and turned into values."""

from __future__ import annotations

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from contour.errors import Finding, InputError, NotFoundError, NotReadyError
from contour.store.files import is_id, is_sha256
from contour.store.json_form import finding_from_json
from contour.store.records import InstanceIdentity, InstanceVerdict, StoredInstance, StoredSeries, Verdict
from contour.store.tables import InstanceRow, JobRow, RefusedRow, SeriesRow


def unreferenced(session: Session, hashes: set[str]) -> set[str]:
    """Which of these objects no row refers to."""
    held = set(session.scalars(select(InstanceRow.sha256).where(InstanceRow.sha256.in_(hashes))))
    held |= set(session.scalars(select(JobRow.result_sha256).where(JobRow.result_sha256.in_(hashes))))
    return hashes - held


def series_row(session: Session, series_id: str) -> SeriesRow:
    """The row of a series.

    Raises:
        NotFoundError: SERIES_NOT_FOUND.
    """
    row = session.scalar(select(SeriesRow).where(SeriesRow.series_id == series_id)) if is_id(series_id) else None
    if row is None:
        raise no_series()
    return row


def no_series() -> NotFoundError:
    """The error for an id that no series has."""
    return NotFoundError("no series has this id", reason="SERIES_NOT_FOUND")


def check_open(row: SeriesRow) -> None:
    """Refuse a series that is complete."""
    if row.complete:
        raise NotReadyError("the series is complete and takes nothing more", reason="SERIES_COMPLETE")


def check_sha256(sha256: str) -> None:
    """Refuse what is no hash before it is looked for."""
    if not is_sha256(sha256):
        raise InputError("sha256 must be 64 lower-case hexadecimal digits", reason="INVALID_ARGUMENT")


def earlier_verdict(session: Session, series_id: str, sha256: str) -> InstanceVerdict | None:
    """The verdict that an instance has already, if any."""
    held = select(InstanceRow).where(InstanceRow.series_id == series_id, InstanceRow.sha256 == sha256)
    accepted = session.scalar(held)
    if accepted is not None:
        return InstanceVerdict(
            sha256=sha256,
            verdict=Verdict.ALREADY_ACCEPTED,
            stored_bytes=int(accepted.size_bytes),
            sop_class_uid=accepted.sop_class_uid,
        )
    refused = session.scalar(select(RefusedRow).where(RefusedRow.series_id == series_id, RefusedRow.sha256 == sha256))
    if refused is None:
        return None
    return InstanceVerdict(
        sha256=sha256, verdict=Verdict(refused.verdict), stored_bytes=0, finding=finding_from_json(refused.finding)
    )


def describe(session: Session, row: SeriesRow) -> StoredSeries:
    """A series as a value."""
    count, size_bytes = session.execute(
        select(func.count(), func.coalesce(func.sum(InstanceRow.size_bytes), 0)).where(
            InstanceRow.series_id == row.series_id
        )
    ).one()
    refused = session.scalars(
        select(RefusedRow).where(RefusedRow.series_id == row.series_id).order_by(RefusedRow.sequence)
    ).all()
    return StoredSeries(
        series_id=row.series_id,
        complete=row.complete,
        created_s=row.created_s,
        completed_s=row.completed_s,
        instances=int(count),
        size_bytes=int(size_bytes),
        refused=tuple(finding_from_json(one.finding) for one in refused if one.verdict != Verdict.SET_ASIDE.value),
        set_aside=tuple(finding_from_json(one.finding) for one in refused if one.verdict == Verdict.SET_ASIDE.value),
    )


def stored_instance(row: InstanceRow) -> StoredInstance:
    """An instance as a value."""
    identity = InstanceIdentity(
        sop_instance_uid=row.sop_instance_uid,
        sop_class_uid=row.sop_class_uid,
        series_instance_uid=row.series_instance_uid,
        modality=row.modality,
    )
    return StoredInstance(sha256=row.sha256, size_bytes=int(row.size_bytes), identity=identity)


def conflict(identity: InstanceIdentity) -> Finding:
    """The finding on a second file with the same SOP Instance UID."""
    return Finding(
        reason="CONFLICTING_INSTANCE",
        message="another instance with the same SOP Instance UID and different bytes was accepted before",
        measured=(("sop_instance_uid", identity.sop_instance_uid),),
    )


def wrong_count(held: int, expected: int) -> Finding:
    """The finding on more or fewer files than announced."""
    return Finding(
        reason="INCOMPLETE_UPLOAD",
        message=f"{held} instances have arrived, expected {expected}",
        measured=(("instances", str(held)), ("expected_instances", str(expected))),
    )


def nothing_usable(series: StoredSeries) -> Finding:
    """The finding on a series without a DICOM file."""
    files = len(series.set_aside)
    return Finding(
        reason="NO_DICOM" if files else "EMPTY_FOLDER",
        message=f"none of {files} files is a DICOM instance" if files else "no file at all, expected a CT series",
        measured=(("files", str(files)),),
    )
