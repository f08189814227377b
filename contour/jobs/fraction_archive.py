"""A fraction's files in one: a plain ZIP without compression, the same bytes for the same files.

One object in the store is whole or not there, however many files it holds, and any of them can be read from its place.
"""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from contour.store.records import MemberFile

STRUCTURES, RIGID, DEFORMABLE = "structures.dcm", "rigid.dcm", "deformable.dcm"
DOSE_TODAY, DOSE_ON_PLAN = "dose_today.dcm", "dose_on_plan.dcm"
DRIFT, REPORT = "drift.json", "report.png"

_EPOCH = (1980, 1, 1, 0, 0, 0)


def write_archive(path: Path, files: Sequence[tuple[str, bytes]]) -> tuple[MemberFile, ...]:
    """Write the archive; what it holds, in order."""
    with zipfile.ZipFile(path, "w", compression=zipfile.ZIP_STORED) as archive:
        for name, data in files:
            archive.writestr(zipfile.ZipInfo(name, date_time=_EPOCH), data)
    return tuple(
        MemberFile(name=name, size_bytes=len(data), sha256=hashlib.sha256(data).hexdigest()) for name, data in files
    )


def read_member(path: Path, name: str, *, offset_bytes: int, chunk_bytes: int) -> Iterator[bytes]:
    """Chunks of one file from a place on; one empty chunk where that is its end."""
    with zipfile.ZipFile(path) as archive, archive.open(name) as file:
        file.seek(offset_bytes)
        while True:
            chunk = file.read(chunk_bytes)
            yield chunk
            if len(chunk) < chunk_bytes:
                return
