"""An archive's bytes as they are uncompressed: counted, read forwards only and never much at once."""

from __future__ import annotations

import gzip
import io
import lzma
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

from contour.errors import ModelError

_GZIP, _XZ = b"\x1f\x8b", b"\xfd7zXZ\x00"
_MOST_AT_ONCE_BYTES = 4 * 1024**2
_SKIP_BYTES = 1024**2
_END = bytes(tarfile.BLOCKSIZE)


class Budget:
    """What an archive may still spend on entries and bytes."""

    def __init__(self, *, entries: int, most_bytes: int) -> None:
        self.entries = entries
        self.most_bytes = most_bytes
        self._entries_left = entries
        self._bytes_left = most_bytes

    def spend_entry(self) -> None:
        """One entry more.

        Raises:
            ModelError: one too many; reason ARCHIVE_TOO_LARGE.
        """
        self._entries_left -= 1
        if self._entries_left < 0:
            raise _too_large(f"has more than {self.entries} entries")

    def spend(self, count: int) -> None:
        """So many bytes more.

        Raises:
            ModelError: too many; reason ARCHIVE_TOO_LARGE.
        """
        self._bytes_left -= count
        if self._bytes_left < 0:
            raise _too_large(f"grows to more than {self.most_bytes} bytes")


@contextmanager
def open_tar_bytes(archive: Path) -> Iterator[IO[bytes]]:
    """The bytes of a tar file, uncompressed by what its first bytes say."""
    with archive.open("rb") as file:
        first = file.read(len(_XZ))
        file.seek(0)
        if first.startswith(_GZIP):
            with gzip.GzipFile(fileobj=file) as content:
                yield cast("IO[bytes]", content)
        elif first.startswith(_XZ):
            with lzma.LZMAFile(file) as content:
                yield cast("IO[bytes]", content)
        else:
            yield file


class ForwardReader(io.RawIOBase):
    """What `tarfile` may do to a stream: read a little and go forwards, no further than `most_bytes`."""

    def __init__(self, content: IO[bytes], most_bytes: int) -> None:
        super().__init__()
        self._content = content
        self._most_bytes = most_bytes
        self._position = 0
        self.ended = False
        """The last that was read is the empty block that ends a tar file."""

    def read(self, size: int | None = -1) -> bytes:
        """So many bytes, fewer only at the end."""
        if size is None or not 0 <= size <= _MOST_AT_ONCE_BYTES:
            raise tarfile.ReadError("a header of the archive is too long")
        data = self._content.read(size)
        self._position += len(data)
        self.ended = data == _END
        if self._position > self._most_bytes:
            raise _too_large(f"grows to more than {self._most_bytes} bytes")
        return data

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Forwards, by reading."""
        if whence != io.SEEK_SET or offset < self._position:
            raise tarfile.ReadError("the archive leads backwards")
        while self._position < offset and self.read(min(_SKIP_BYTES, offset - self._position)):
            pass
        return self._position

    def skip_rest(self) -> None:
        """To the end, where gzip and xz have their checksum."""
        while self.read(_SKIP_BYTES):
            pass

    def tell(self) -> int:
        """Bytes from the start."""
        return self._position

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """Forwards only."""
        return True


def _too_large(message: str) -> ModelError:
    return ModelError(f"the archive {message}; nothing of it was kept", reason="ARCHIVE_TOO_LARGE")
