"""Where the bytes of an instance come from: a file, an upload in memory, or a store of one's own."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol


class InstanceSource(Protocol):
    """One instance that can be read more than once; its bytes need not stay in memory between."""

    @property
    def label(self) -> str:
        """What messages call it: a file name without its folder, or a SOP instance UID. Never patient data."""
        ...

    def read_bytes(self) -> bytes:
        """The whole Part 10 file. Raises OSError where it can't be read."""
        ...


@dataclass(frozen=True, slots=True)
class FileInstance:
    """An instance in a file."""

    path: Path

    @property
    def label(self) -> str:
        """File name without its folder."""
        return self.path.name

    def read_bytes(self) -> bytes:
        """The whole file."""
        return self.path.read_bytes()


@dataclass(frozen=True, slots=True)
class BytesInstance:
    """An instance in memory."""

    label: str
    data: bytes = field(repr=False)

    def read_bytes(self) -> bytes:
        """The bytes given."""
        return self.data
