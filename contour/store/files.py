"""Files that are whole or not there: named by the hash of their bytes, written aside, synced, then renamed.

    objects/ab/abcd…       finished files
    parts/<series>/<hash>  what has arrived of files that are still being uploaded

No name ever comes from input: hashes and ids are checked to be hexadecimal before they become a path.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import shutil
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from contour.errors import InputError, ResourceLimitError

_SHA256 = re.compile(r"[0-9a-f]{64}")
_ID = re.compile(r"[0-9a-f]{32}")


def is_sha256(text: str) -> bool:
    """True for 64 lower-case hexadecimal digits."""
    return _SHA256.fullmatch(text) is not None


def is_id(text: str) -> bool:
    """True for an id that this store could have given."""
    return _ID.fullmatch(text) is not None


class FileStore:
    """Objects and parts below one folder, within a quota."""

    def __init__(self, folder: Path, *, quota_bytes: int) -> None:
        self._objects = folder / "objects"
        self._parts = folder / "parts"
        self._incoming = folder / "incoming"
        self._quota_bytes = quota_bytes
        self._lock = threading.Lock()
        for path in (self._objects, self._parts, self._incoming):
            path.mkdir(parents=True, exist_ok=True)
        for byte in range(256):
            (self._objects / f"{byte:02x}").mkdir(exist_ok=True)
        _sync_file(self._objects)
        self._used_bytes = 0

    @property
    def used_bytes(self) -> int:
        """Size of all objects and parts, as counted since the last sweep."""
        return self._used_bytes

    def object_path(self, sha256: str) -> Path:
        """Where the object with this hash is, or would be."""
        if not is_sha256(sha256):
            raise ValueError("not a SHA-256")
        return self._objects / sha256[:2] / sha256

    def part_bytes(self, series_id: str, sha256: str) -> int:
        """How much of an upload has arrived."""
        try:
            return self._part_path(series_id, sha256).stat().st_size
        except FileNotFoundError:
            return 0

    def append(self, series_id: str, sha256: str, *, offset_bytes: int, data: bytes) -> int | None:
        """Add bytes where the part ends; its new size, or None where it does not end at `offset_bytes`.

        Raises:
            ResourceLimitError: STORE_FULL or DISK_FULL.
        """
        path = self._part_path(series_id, sha256)
        with self._lock, _naming_a_full_disk():
            if self.part_bytes(series_id, sha256) != offset_bytes:
                return None
            if self._used_bytes + len(data) > self._quota_bytes:
                raise ResourceLimitError(
                    f"the store holds {self._used_bytes} bytes of {self._quota_bytes} allowed", reason="STORE_FULL"
                )
            path.parent.mkdir(exist_ok=True)
            with path.open("ab") as file:
                file.write(data)
            self._used_bytes += len(data)
            return offset_bytes + len(data)

    def read_part(self, series_id: str, sha256: str) -> bytes:
        """What has arrived; refused and dropped where its hash is not the one announced.

        Raises:
            InputError: SHA256_MISMATCH.
        """
        data = self._part_path(series_id, sha256).read_bytes()
        if hashlib.sha256(data).hexdigest() != sha256:
            self.drop_part(series_id, sha256)
            raise InputError("the bytes that arrived do not have the SHA-256 announced", reason="SHA256_MISMATCH")
        return data

    def sync_part(self, series_id: str, sha256: str) -> None:
        """Have the bytes of a part on disk; does nothing where another stream has kept it already."""
        with suppress(FileNotFoundError), _naming_a_full_disk():
            _sync_file(self._part_path(series_id, sha256))

    def keep_part(self, series_id: str, sha256: str) -> None:
        """Make a part that was read, synced and accepted an object; on return it survives a power cut."""
        part = self._part_path(series_id, sha256)
        with self._lock, _naming_a_full_disk():
            if self.object_path(sha256).exists():
                self._used_bytes -= part.stat().st_size
                part.unlink()
            else:
                self._rename(part, sha256)

    def keep_file(self, path: Path) -> tuple[str, int]:
        """Move a file that is finished in as an object; its hash and size. It must lie on the same file system."""
        sha256 = _hash_file(path)
        size_bytes = path.stat().st_size
        with self._lock, _naming_a_full_disk():
            if self.object_path(sha256).exists():
                path.unlink()
            else:
                _sync_file(path)
                self._rename(path, sha256)
                self._used_bytes += size_bytes
        return sha256, size_bytes

    def _rename(self, path: Path, sha256: str) -> None:
        """Under its final name, and that name on disk."""
        target = self.object_path(sha256)
        path.rename(target)
        _sync_file(target.parent)

    def incoming_path(self, job_id: str) -> Path:
        """Where the worker leaves a job's result for `keep_file`."""
        if not is_id(job_id):
            raise ValueError("not an id")
        return self._incoming / job_id

    def drop_part(self, series_id: str, sha256: str) -> None:
        """Forget what has arrived of one upload."""
        with self._lock:
            self._used_bytes -= self.part_bytes(series_id, sha256)
            self._part_path(series_id, sha256).unlink(missing_ok=True)

    def drop_parts(self, series_id: str) -> None:
        """Forget every unfinished upload of a series."""
        folder = self._part_path(series_id, "0" * 64).parent
        with self._lock:
            if folder.exists():
                self._used_bytes -= sum(path.stat().st_size for path in folder.iterdir())
                shutil.rmtree(folder)

    def drop_objects(self, hashes: Iterable[str]) -> None:
        """Delete objects that nothing refers to any more."""
        with self._lock:
            for sha256 in hashes:
                path = self.object_path(sha256)
                if path.exists():
                    self._used_bytes -= path.stat().st_size
                    path.unlink()

    def sweep(self, *, referenced: set[str], open_series: set[str]) -> int:
        """Delete what nothing refers to and count the rest; how many files went. Run before anything else does."""
        gone = 0
        for path in [*self._incoming.iterdir(), *self._objects.glob("*/*")]:
            if path.parent == self._incoming or path.name not in referenced:
                path.unlink()
                gone += 1
        for folder in list(self._parts.iterdir()):
            if folder.name not in open_series:
                gone += sum(1 for _ in folder.iterdir())
                shutil.rmtree(folder)
        kept = [*self._objects.glob("*/*"), *self._parts.glob("*/*")]
        self._used_bytes = sum(path.stat().st_size for path in kept)
        return gone

    def _part_path(self, series_id: str, sha256: str) -> Path:
        if not is_id(series_id) or not is_sha256(sha256):
            raise ValueError("not an id and a SHA-256")
        return self._parts / series_id / f"{sha256}.part"


@contextmanager
def _naming_a_full_disk() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise ResourceLimitError("no space is left on the store's disk", reason="DISK_FULL") from error
        raise


def _hash_file(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sync_file(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
