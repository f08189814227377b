"""A JSON file from somebody else, read key by key with one clear line for what is wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, TypeVar

from contour.errors import ModelError

_MOST_BYTES = 64 * 1024**2
_T = TypeVar("_T")


class JsonTable:
    """A JSON object whose keys are asked for by kind; unknown ones are let be, since others add what they like."""

    def __init__(self, values: dict[str, Any], where: str, *, reason: str) -> None:
        self.values = values
        self.where = where
        self.reason = reason

    @classmethod
    def read(cls, path: Path, *, missing: str, reason: str) -> JsonTable:
        """A file's object.

        Raises:
            ModelError: not there (`missing`), not JSON or not an object (`reason`).
        """
        if not path.is_file():
            raise ModelError(f"{path.name} is missing in {path.parent.name}", reason=missing)
        if path.stat().st_size > _MOST_BYTES:
            raise ModelError(f"{path.name} has {path.stat().st_size} bytes, at most {_MOST_BYTES}", reason=reason)
        try:
            document = json.loads(path.read_text(encoding="utf-8"))
        except (json.JSONDecodeError, UnicodeDecodeError, RecursionError) as error:
            raise ModelError(f"{path.name} is not JSON", reason=reason) from error
        if not isinstance(document, dict):
            raise ModelError(f"{path.name} is not a JSON object", reason=reason)
        return cls(document, path.name, reason=reason)

    def take(self, key: str, kind: type[_T], default: _T | None = None) -> _T:
        """The value of a key, which has to be of this kind; without a default it has to be there."""
        value = self.values.get(key, default)
        if value is None:
            raise self.bad(f"{self.where} lacks {key!r}")
        if kind is float and type(value) is int:
            value = float(value)
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise self.bad(f"{self.where}: {key} must be {kind.__name__}, found {type(value).__name__}")
        return value

    def table(self, key: str) -> JsonTable:
        """An object within."""
        return JsonTable(self.take(key, dict), f"{self.where}: {key}", reason=self.reason)

    def bad(self, message: str) -> ModelError:
        """The error to raise for something in this object."""
        return ModelError(message, reason=self.reason)
