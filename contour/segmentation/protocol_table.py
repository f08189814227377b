"""A protocol's TOML tables, with what a protocol asks of a value beyond its kind; every fault is BAD_PROTOCOL."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from contour.errors import ModelError
from contour.segmentation.spec_table import SpecTable

T = TypeVar("T")

_REASON = "BAD_PROTOCOL"


def bad_protocol(message: str) -> ModelError:
    """The error of everything that is wrong with a protocol."""
    return ModelError(message, reason=_REASON)


class Table(SpecTable):
    """One table; `where` is what messages call it."""

    def __init__(self, values: dict[str, Any], where: str) -> None:
        super().__init__(values, where, reason=_REASON)

    def has(self, key: str) -> bool:
        """Whether the key is there."""
        return key in self.values

    def text(self, key: str, default: str | None = None) -> str:
        """A text."""
        return self.take(key, str, default)

    def flag(self, key: str, *, default: bool) -> bool:
        """True or false."""
        return self.take(key, bool, default)

    def within(self, key: str, *, low: float, high: float, default: float | None = None) -> float:
        """A number from `low` to `high`."""
        value = self.number(key, default)
        if not low <= value <= high:
            raise self.bad(f"{self.where}.{key} must be {low:g} to {high:g}, found {value:g}")
        return value

    def one_of(self, key: str, known: tuple[str, ...], default: str) -> str:
        """One of a few words."""
        value = self.text(key, default)
        if value not in known:
            raise self.bad(f"{self.where}.{key} must be one of {', '.join(known)}, found {value!r}")
        return value

    def several(self, key: str) -> tuple[str, ...]:
        """A list of two texts or more."""
        values = self.take(key, list)
        if len(values) < 2 or not all(isinstance(one, str) for one in values):
            raise self.bad(f"{self.where}.{key} must be two names or more, found {values!r}")
        return tuple(values)

    def one_or_several(self, key: str) -> str | tuple[str, ...]:
        """A text, or a list of two or more."""
        return self.several(key) if isinstance(self.values.get(key), list) else self.text(key)

    def inner(self, key: str) -> Table:
        """A table within."""
        return Table(self.take(key, dict), f"{self.where}.{key}")

    def each(self, key: str, read: Callable[[Table], T]) -> tuple[T, ...]:
        """Each of a list of tables as `read` reads it, to its end; messages call it by its name where it has one."""
        values = self.take(key, list, [])
        if not all(isinstance(value, dict) for value in values):
            raise self.bad(f"{self.where}.{key} must be tables")
        found = []
        for place, value in enumerate(values, start=1):
            table = Table(value, str(value.get("name", f"{key} {place}")))
            found.append(read(table))
            table.finish()
        return tuple(found)
