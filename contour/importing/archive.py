"""Archives from elsewhere: unpacked without trust in anything that they say of themselves.

zip, tar, tar.gz and tar.xz are told apart by their first bytes, never by their names. An archive is unpacked whole or
not at all: a name that leads out of the folder, a link, a device or a name that comes twice is refused, and so is one
that grows beyond the limits while it is being written, whatever sizes it claims.
"""

from __future__ import annotations

import gzip
import lzma
import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from contour.errors import ModelError
from contour.importing.archive_names import entry_parts, unsafe
from contour.importing.archive_stream import Budget, ForwardReader, open_tar_bytes

_PIECE_BYTES = 1024**2
_ZIP = (b"PK\x03\x04", b"PK\x05\x06")
_ZIP_METHODS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
_ENCRYPTED = 0x1
_BROKEN = (
    EOFError, NotImplementedError, RuntimeError, UnicodeDecodeError, ValueError, lzma.LZMAError, tarfile.TarError,
    gzip.BadGzipFile, zipfile.BadZipFile, zlib.error,
)  # fmt: skip

OnBytes = Callable[[int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveLimits:
    """How far an archive may grow.

    Args:
        entries: Files and folders in it.
        total_bytes: Of all files together.
        growth: Times the archive's own size, above the first `small_bytes`; weights grow by a few per cent.
        small_bytes: Up to that, growth does not matter.
    """

    entries: int = 20_000
    total_bytes: int = 64 * 1024**3
    growth: int = 50
    small_bytes: int = 64 * 1024**2


LIMITS = ArchiveLimits()


def unpack(
    archive: Path, into: Path, *, limits: ArchiveLimits = LIMITS, on_bytes: OnBytes = lambda written: None
) -> None:
    """Unpack an archive into a folder that is not there yet; when refused, it is not there after.

    Args:
        archive: zip, tar, tar.gz or tar.xz.
        into: The folder to make.
        limits: How far it may grow.
        on_bytes: Told how many bytes have been written; may raise to stop.

    Raises:
        ModelError: a name, link or device that leads elsewhere, a name that comes twice, or encrypted (UNSAFE_ARCHIVE);
            beyond the limits (ARCHIVE_TOO_LARGE); none of these formats, cut short or damaged (BAD_ARCHIVE); the disk
            says no (UNPACK_FAILED).
    """
    with _disk_errors(archive):
        into.mkdir(parents=True)
        try:
            most = min(limits.total_bytes, max(limits.small_bytes, limits.growth * archive.stat().st_size))
            with _format_errors(archive):
                _unpack_kind(archive, _Writer(into, Budget(entries=limits.entries, most_bytes=most), on_bytes))
        except BaseException:
            shutil.rmtree(into, ignore_errors=True)
            raise


@contextmanager
def _disk_errors(archive: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ModelError(
            f"{archive.name[:80]} cannot be unpacked: {error.strerror or type(error).__name__}", reason="UNPACK_FAILED"
        ) from error


@contextmanager
def _format_errors(archive: Path) -> Iterator[None]:
    try:
        yield
    except _BROKEN as error:
        raise _broken(
            f"{archive.name[:80]} is no whole archive ({type(error).__name__}), expected zip, tar, tar.gz or tar.xz"
        ) from error


class _Writer:
    """Puts entries below a folder, each name once and no more bytes than the budget has."""

    def __init__(self, into: Path, budget: Budget, on_bytes: OnBytes) -> None:
        self._into = into
        self.budget = budget
        self._on_bytes = on_bytes
        self._taken: set[str] = set()
        self._written = 0

    def folder(self, name: str) -> None:
        """Make a folder; it may come more than once."""
        self.budget.spend_entry()
        self._make(self._into.joinpath(*entry_parts(name)), name)

    def file(self, name: str, content: IO[bytes]) -> None:
        """Write a file."""
        self.budget.spend_entry()
        parts = entry_parts(name)
        folded = "/".join(parts).casefold()
        if not parts:
            raise unsafe(f"{name[:100]!r} is no name of a file")
        if folded in self._taken:
            raise unsafe(f"the name {name[:100]!r} comes twice")
        self._taken.add(folded)
        path = self._into.joinpath(*parts)
        self._make(path.parent, name)
        if path.exists():
            raise unsafe(f"{name[:100]!r} is a folder and a file")
        with path.open("xb") as file:
            self._copy(content, file)

    def _copy(self, content: IO[bytes], file: IO[bytes]) -> None:
        while piece := content.read(_PIECE_BYTES):
            self.budget.spend(len(piece))
            file.write(piece)
            self._written += len(piece)
            self._on_bytes(self._written)

    def _make(self, folder: Path, name: str) -> None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except (FileExistsError, NotADirectoryError) as error:
            raise unsafe(f"{name[:100]!r} is a folder and a file") from error


def _unpack_kind(archive: Path, writer: _Writer) -> None:
    with archive.open("rb") as file:
        first = file.read(8)
    if first.startswith(_ZIP):
        _unpack_zip(archive, writer)
        return
    with open_tar_bytes(archive) as content:
        reader = ForwardReader(content, writer.budget.most_bytes + _tar_overhead(writer.budget))
        with tarfile.open(fileobj=reader, mode="r:") as tar:
            _unpack_tar(tar, writer)
        if not reader.ended:
            raise tarfile.ReadError("no end of the archive")
        reader.skip_rest()


def _tar_overhead(budget: Budget) -> int:
    """Headers and padding that so many entries may have."""
    return (budget.entries + 1) * 4096


def _unpack_tar(tar: tarfile.TarFile, writer: _Writer) -> None:
    for member in tar:
        if member.isdir():
            writer.folder(member.name)
        elif member.isreg() and member.sparse is None:
            content = tar.extractfile(member)
            if content is not None:
                with content:
                    writer.file(member.name, content)
        else:
            raise unsafe(f"{member.name[:100]!r} is a {_tar_kind(member)}, expected files and folders only")
        tar.members = []  # type: ignore[attr-defined]  # what is written is not kept in memory


def _tar_kind(member: tarfile.TarInfo) -> str:
    if member.issym() or member.islnk():
        return "link"
    return "device" if member.isdev() else "special file"


def _unpack_zip(archive: Path, writer: _Writer) -> None:
    with zipfile.ZipFile(archive) as content:
        for entry in content.infolist():
            _require_plain(entry)
            if entry.is_dir():
                writer.folder(entry.orig_filename)
                continue
            with content.open(entry) as file:
                writer.file(entry.orig_filename, file)


def _require_plain(entry: zipfile.ZipInfo) -> None:
    kind = stat.S_IFMT(entry.external_attr >> 16)
    if kind not in {0, stat.S_IFREG, stat.S_IFDIR}:
        what = "link" if kind == stat.S_IFLNK else "device"
        raise unsafe(f"{entry.orig_filename[:100]!r} is a {what}, expected files and folders only")
    if entry.flag_bits & _ENCRYPTED:
        raise unsafe(f"{entry.orig_filename[:100]!r} is encrypted")
    if entry.compress_type not in _ZIP_METHODS:
        raise _broken(
            f"{entry.orig_filename[:100]!r} is compressed by method {entry.compress_type}, expected deflate or none"
        )


def _broken(message: str) -> ModelError:
    return ModelError(message, reason="BAD_ARCHIVE")
