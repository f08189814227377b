"""A file from an http, https or file URL, whole and with the expected sha256, or one clear line.

    <cache>/<sha256>.part    what has come so far; stays when the fetch is interrupted, and the next one goes on there
    <cache>/<sha256>         the whole file, its hash proven

Nothing is opened, unpacked or believed before the hash of the whole file is as expected.
"""

from __future__ import annotations

import errno
import hashlib
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

from contour.errors import InputError, ModelError
from contour.importing.fetch_source import Source, fetch_failed, open_source, shown_url

MOST_BYTES = 20 * 1024**3
"""No archive of a model is larger."""

_PIECE_BYTES = 1024**2
_SHA256 = re.compile(r"[0-9a-fA-F]{64}")

Progress = Callable[[int, int | None], None]
"""Told the bytes that are there and the bytes of the whole, None where the server does not say; may raise to stop."""


def fetch(url: str, to: Path, *, sha256: str, progress: Progress, most_bytes: int = MOST_BYTES) -> Path:
    """The path of the file behind a URL, named by its sha256 in the folder `to`, which is made where it is missing.

    Args:
        url: http, https or file. A user and password in it are sent to its own host only and shown nowhere.
        to: Folder for what is fetched. A file that is there already is not fetched again.
        sha256: Of the whole file, 64 hexadecimal digits.
        progress: Told how far it is.
        most_bytes: More than that is not kept.

    Raises:
        InputError: not such a URL (BAD_URL), or not a sha256 (BAD_SHA256).
        ModelError: it could not be fetched (FETCH_FAILED; what has come is kept), is larger than allowed (TOO_LARGE)
            or is another file than expected (HASH_MISMATCH; nothing of it is kept).
    """
    wanted = checked_sha256(sha256)
    whole, part = to / wanted, to / f"{wanted}.part"
    _make_folder(to)
    if whole.is_file() and _sha256_of(whole) == wanted:
        return whole
    _receive(url, part, progress, most_bytes)
    found = _sha256_of(part)
    if found != wanted:
        part.unlink()
        raise ModelError(
            f"{shown_url(url)} gave a file with sha256 {found}, expected {wanted}; it was deleted",
            reason="HASH_MISMATCH",
        )
    part.replace(whole)
    return whole


def checked_sha256(text: str) -> str:
    """A sha256 in lower case.

    Raises:
        InputError: it is none (BAD_SHA256).
    """
    if not _SHA256.fullmatch(text):
        raise InputError(
            f"{text[:80]!r} is no sha256, expected 64 hexadecimal digits from the model's makers", reason="BAD_SHA256"
        )
    return text.lower()


def _receive(url: str, part: Path, progress: Progress, most_bytes: int) -> None:
    """Fill the part; it goes on where it ends if the server can, and begins anew if not."""
    there = part.stat().st_size if part.is_file() else 0
    with open_source(url, there) as source:
        if source.total is not None and source.total > most_bytes:
            raise _too_large(url, part, most_bytes)
        progress(source.start, source.total)
        try:
            with part.open("ab" if source.start else "wb") as file:
                done = _copy(source, file, progress, most_bytes)
        except OSError as error:
            raise fetch_failed(url, f"its cache folder cannot be written to: {_in_words(error)}") from error
    if done > most_bytes:
        raise _too_large(url, part, most_bytes)
    if source.total is not None and done != source.total:
        raise fetch_failed(
            url, f"it ended after {done} of {source.total} bytes; what has come is kept, so ask again to go on"
        )


def _copy(source: Source, file: IO[bytes], progress: Progress, most_bytes: int) -> int:
    """Bytes in the file at the end; stops one piece past the limit."""
    done = source.start
    for piece in _pieces(source):
        file.write(piece)
        done += len(piece)
        if done > most_bytes:
            break
        progress(done, source.total)
    return done


def _pieces(source: Source) -> Iterator[bytes]:
    while piece := source.read(_PIECE_BYTES):
        yield piece


def _too_large(url: str, part: Path, most_bytes: int) -> ModelError:
    part.unlink(missing_ok=True)
    return ModelError(f"{shown_url(url)} is larger than the {most_bytes} bytes that are allowed", reason="TOO_LARGE")


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ModelError(f"{folder} cannot be made: {_in_words(error)}", reason="FETCH_FAILED") from error


def _sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _in_words(error: OSError) -> str:
    return "the disk is full" if error.errno == errno.ENOSPC else error.strerror or type(error).__name__
