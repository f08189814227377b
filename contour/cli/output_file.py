"""Writing the result: whole or not at all, and never over somebody else's work."""

from __future__ import annotations

import os
import shutil
import uuid
from pathlib import Path

from contour.errors import InputError

RT_STRUCTURE_SET_STORAGE = "1.2.840.10008.5.1.4.1.1.481.3"
_PNG = b"\x89PNG\r\n\x1a\n"


def refuse_to_replace(path: Path) -> None:
    """Let a new path and an earlier unapproved RTSTRUCT pass; anything else that is there stays there.

    Raises:
        InputError: the path holds something else, or an approved structure set (OUTPUT_EXISTS).
    """
    if not path.exists():
        return
    if not path.is_file():
        raise InputError("the output path is not a file; expected a path for the RTSTRUCT", reason="OUTPUT_EXISTS")
    found = _kind_of_file(path)
    if found:
        raise InputError(
            f"the output path holds {found}; only an unapproved RTSTRUCT is replaced, so choose another path",
            reason="OUTPUT_EXISTS",
        )


def refuse_to_replace_picture(path: Path) -> None:
    """Let a new path and an earlier PNG pass.

    Raises:
        InputError: the path holds something else (OUTPUT_EXISTS).
    """
    if not path.exists():
        return
    if path.is_file():
        with path.open("rb") as file:
            if file.read(len(_PNG)) == _PNG:
                return
    raise InputError("the preview's path holds something that is no PNG; choose another path", reason="OUTPUT_EXISTS")


def _kind_of_file(path: Path) -> str:
    """What speaks against replacing this file; empty where nothing does."""
    import pydicom
    from pydicom.errors import InvalidDicomError

    wanted = ["SOPClassUID", "ApprovalStatus"]
    try:
        dataset = pydicom.dcmread(path, stop_before_pixels=True, specific_tags=wanted)
        if dataset.get("SOPClassUID") != RT_STRUCTURE_SET_STORAGE:
            return "another DICOM object"
        if dataset.get("ApprovalStatus") == "APPROVED":
            return "an approved structure set"
    except (InvalidDicomError, ValueError, KeyError, TypeError, AttributeError, EOFError, RecursionError):
        return "a file that is not DICOM"
    return ""


def write_whole(path: Path, content: bytes) -> None:
    """Put the bytes at the path in one step: a temporary file beside it, flushed to disk, then renamed.

    Raises:
        OSError: the disk said no; nothing is left behind and an earlier file is untouched.
    """
    temporary = path.with_name(f".contour-{uuid.uuid4().hex}.part")
    try:
        with temporary.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def refuse_full_folder(folder: Path) -> None:
    """Let a new or empty folder pass.

    Raises:
        InputError: the folder holds something (OUTPUT_EXISTS), or its parent is not there (NO_SUCH_FOLDER).
    """
    if folder.exists() and any(folder.iterdir()):
        raise InputError("the output folder is not empty; expected a new or empty one", reason="OUTPUT_EXISTS")
    if not folder.absolute().parent.is_dir():
        raise InputError("the output folder's parent is not there", reason="NO_SUCH_FOLDER")


def write_folder(folder: Path, files: tuple[tuple[str, bytes], ...]) -> None:
    """All files at once: into a folder of another name beside it, flushed to disk, then renamed.

    Raises:
        OSError: the disk said no; nothing is left behind.
    """
    unfinished = folder.absolute().with_name(f".contour-{uuid.uuid4().hex}.part")
    unfinished.mkdir()
    try:
        for name, content in files:
            write_whole(unfinished / name, content)
        unfinished.replace(folder)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
