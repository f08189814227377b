"""A TOML table that is read key by key, so that nothing unknown and nothing of the wrong kind goes unnoticed."""

from __future__ import annotations

from typing import Any, TypeVar

from contour.errors import ModelError

_T = TypeVar("_T")


class SpecTable:
    """A TOML table that is taken apart key by key; what is left over at the end is an error."""

    def __init__(self, values: dict[str, Any], where: str, *, reason: str = "BAD_MODEL_SPEC") -> None:
        self.values = values
        self.where = where
        self._reason = reason
        self._taken: set[str] = set()

    def take(self, key: str, kind: type[_T], default: _T | None = None) -> _T:
        """The value of a key, which has to be of this kind; without a default it has to be there."""
        self._taken.add(key)
        value = self.values.get(key, default)
        if value is None:
            raise self.bad(f"{self.where} lacks {key!r}")
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise self.bad(f"{self.where}.{key} must be {kind.__name__}, found {type(value).__name__}")
        return value

    def number(self, key: str, default: float | None = None) -> float:
        """A whole or decimal number."""
        self._taken.add(key)
        value = self.values.get(key, default)
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise self.bad(f"{self.where}.{key} must be a number, found {value!r}")
        return float(value)

    def numbers(self, key: str, count: int) -> list[float]:
        """Exactly `count` numbers."""
        values = self.take(key, list)
        if len(values) != count or not all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in values):
            raise self.bad(f"{self.where}.{key} must be {count} numbers, found {values}")
        return [float(v) for v in values]

    def words(self, key: str, default: tuple[str, ...]) -> tuple[str, ...]:
        """One word or more."""
        values = self.take(key, list, list(default))
        if not values or not all(isinstance(value, str) for value in values):
            raise self.bad(f"{self.where}.{key} must be one name or more, found {values}")
        return tuple(values)

    def table(self, key: str) -> SpecTable:
        """A table within."""
        return SpecTable(self.take(key, dict), f"{self.where}.{key}", reason=self._reason)

    def tables(self, key: str) -> list[SpecTable]:
        """A list of tables within."""
        values = self.take(key, list)
        if not all(isinstance(value, dict) for value in values):
            raise self.bad(f"{self.where}.{key} must be tables")
        return [
            SpecTable(value, f"{self.where}.{key}[{index}]", reason=self._reason) for index, value in enumerate(values)
        ]

    def finish(self) -> None:
        """Refuse keys that nobody took."""
        unknown = sorted(set(self.values) - self._taken)
        if unknown:
            raise self.bad(f"{self.where} has unknown keys {unknown}")

    def bad(self, message: str) -> ModelError:
        """The error to raise for something in this table."""
        return ModelError(message, reason=self._reason)
