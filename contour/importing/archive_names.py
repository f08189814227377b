"""Names of an archive's entries, and where in the folder they may lead."""

from __future__ import annotations

import re

from contour.errors import ModelError

_DRIVE = re.compile(r"[A-Za-z]:")
_LONGEST_PART_BYTES = 255
_LONGEST_BYTES = 2048


def entry_parts(name: str) -> tuple[str, ...]:
    """An entry's name as folders and file below the folder that is unpacked into.

    Raises:
        ModelError: it leads elsewhere or is no name for every system; reason UNSAFE_ARCHIVE.
    """
    why = _objection(name)
    if why:
        raise unsafe(f"the name {name[:100]!r} {why}")
    return tuple(part for part in name.split("/") if part not in {"", "."})


def unsafe(message: str) -> ModelError:
    """The error of an archive that is refused for what it holds."""
    return ModelError(f"{message}; nothing of the archive was kept", reason="UNSAFE_ARCHIVE")


def _objection(name: str) -> str:
    """What speaks against a name; empty where nothing does."""
    parts = name.split("/")
    if name.startswith("/") or _DRIVE.match(name):
        return "is absolute"
    if ".." in parts:
        return "leads out of the folder"
    if "\\" in name:
        return "has a backslash"
    if not name.isprintable():
        return "has letters that cannot be printed"
    if len(name.encode()) > _LONGEST_BYTES or any(len(part.encode()) > _LONGEST_PART_BYTES for part in parts):
        return "is too long"
    return ""
