"""A MONAI bundle's config, read as data: references are followed, literals taken, everything else refused by name.

    "@id"  "@id#sub::0"  "%id"     another entry of the same file
    "$[1.5, 1.5, 2.0]"             a Python literal, read by `ast.literal_eval`
    "$anything else"               refused where the import needs it, not looked at where it does not

Nothing is imported, instantiated or evaluated.
"""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from contour.errors import ModelError
from contour.importing.json_table import JsonTable

BAD_BUNDLE = "BAD_BUNDLE"
_SEPARATOR = re.compile(r"#|::")
_REFERENCE = re.compile(r"\$?[@%](?P<id>[\w.]+(?:(?:#|::)[\w.]+)*)")
_LONGEST_LITERAL = 10_000
_DEEPEST = 32
_NOT_ARGUMENTS = ("_target_", "_disabled_", "_requires_", "_desc_", "_mode_")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One value in a config.

    Args:
        where: The keys that lead to it, for messages.
        value: With the reference followed and the literal read, but nothing within it.
        config: The whole file.
    """

    where: str
    value: Any
    config: BundleConfig

    def within(self, key: str | int) -> Entry:
        """What a table holds under a key, or a list at a place."""
        return self.config.entry(f"{self.where}#{key}", self.value[key])

    def plain(self, depth: int = 0) -> Any:
        """The value with everything in it resolved; reason BUNDLE_EXPRESSION or BAD_BUNDLE."""
        if depth > _DEEPEST:
            raise self.bad("is nested too deeply")
        if isinstance(self.value, dict):
            return {key: self.within(key).plain(depth + 1) for key in self.value}
        if isinstance(self.value, (list, tuple)):
            return [self.within(place).plain(depth + 1) for place in range(len(self.value))]
        if self.value is None or isinstance(self.value, (bool, int, float, str)):
            return self.value
        raise self.bad(f"is a {type(self.value).__name__}, expected numbers, words and lists of them")

    def number(self) -> float:
        """A finite number."""
        value = self.plain()
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
            raise self.bad(f"must be a number, found {short(value)}")
        return float(value)

    def whole(self) -> int:
        """A whole number."""
        value = self.number()
        if not value.is_integer():
            raise self.bad(f"must be a whole number, found {value:g}")
        return int(value)

    def flag(self) -> bool:
        """True or false; nothing counts as false."""
        value = self.plain()
        if value is not None and not isinstance(value, bool):
            raise self.bad(f"must be true or false, found {short(value)}")
        return bool(value)

    def word(self) -> str:
        """A text."""
        value = self.plain()
        if not isinstance(value, str):
            raise self.bad(f"must be a text, found {short(value)}")
        return value

    def items(self) -> list[Entry]:
        """The entries of a list; a value that is none is the only one."""
        if isinstance(self.value, (list, tuple)):
            return [self.within(place) for place in range(len(self.value))]
        return [self]

    def component(self) -> Component:
        """This as something with a `_target_`."""
        if not isinstance(self.value, dict) or not isinstance(self.value.get("_target_"), str):
            raise self.bad("has no '_target_'")
        return Component(entry=self, target=self.within("_target_").word())

    def bad(self, message: str) -> ModelError:
        """The error to raise for this entry; its message goes on after the entry's name."""
        return ModelError(f"{self.config.file}: {self.where} {message}", reason=BAD_BUNDLE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Component:
    """What a config would instantiate: a class by name, and its arguments."""

    entry: Entry
    target: str

    def name(self, package: str) -> str:
        """The class's own name, where it is MONAI's: written alone, or in this package; reason BAD_BUNDLE."""
        module, _, name = self.target.rpartition(".")
        if module and module != package and not module.startswith(f"{package}."):
            raise self.entry.bad(f"is a {short(self.target)}, which is none of {package}'s")
        return name

    @property
    def disabled(self) -> bool:
        """It is there and not used."""
        return self.argument("_disabled_").flag()

    def argument(self, key: str, default: Any = None) -> Entry:
        """One argument; the default where it is not there."""
        if key in self.entry.value:
            return self.entry.within(key)
        return Entry(where=f"{self.entry.where}#{key}", value=default, config=self.entry.config)

    def arguments(self) -> Iterator[str]:
        """The names of the arguments that are given."""
        return (key for key in self.entry.value if key not in _NOT_ARGUMENTS)

    def require_only(self, known: tuple[str, ...]) -> None:
        """Refuse arguments that may change the answer and that nobody here knows; reason BAD_BUNDLE."""
        for key in self.arguments():
            if key not in known:
                raise self.entry.bad(f"({short(self.target)}) has the argument {key!r}, which is not known here")


class BundleConfig:
    """A config file's entries by id."""

    def __init__(self, document: dict[str, Any], file: str) -> None:
        self._document = document
        self.file = file

    def find(self, *ids: str) -> Entry:
        """The first of these that is there.

        Raises:
            ModelError: none is, or what it refers to is not (BAD_BUNDLE); it is an expression (BUNDLE_EXPRESSION).
        """
        for name in ids:
            found, raw = self._raw(name)
            if found:
                return self.entry(name, raw)
        raise ModelError(f"{self.file} lacks {ids[0]!r}", reason=BAD_BUNDLE)

    def entry(self, where: str, raw: Any) -> Entry:
        """A value as an entry: its reference followed, its literal read."""
        for _ in range(_DEEPEST):
            if not isinstance(raw, str) or raw[:1] not in ("@", "%", "$"):
                return Entry(where=where, value=raw, config=self)
            reference = _REFERENCE.fullmatch(raw)
            if reference is None:
                return Entry(where=where, value=self._literal(where, raw), config=self)
            found, raw = self._raw(reference["id"])
            if not found:
                raise ModelError(
                    f"{self.file}: {where} refers to {short(reference['id'])}, which is not there", reason=BAD_BUNDLE
                )
            where = reference["id"]
        raise ModelError(f"{self.file}: {where} refers to itself", reason=BAD_BUNDLE)

    def _raw(self, name: str) -> tuple[bool, Any]:
        at: Any = self._document
        for key in _SEPARATOR.split(name):
            if isinstance(at, dict) and key in at:
                at = at[key]
            elif isinstance(at, list) and key.isdigit() and int(key) < len(at):
                at = at[int(key)]
            else:
                return False, None
        return True, at

    def _literal(self, where: str, text: str) -> Any:
        try:
            if not text.startswith("$") or len(text) > _LONGEST_LITERAL:
                raise ValueError
            return ast.literal_eval(text[1:].strip())
        except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError) as error:
            raise ModelError(
                f"{self.file}: {where} is {short(text)}, which is not run; expected a plain value in its place",
                reason="BUNDLE_EXPRESSION",
            ) from error


def read_config(folder: Path) -> BundleConfig:
    """A bundle's `configs/inference.json`.

    Raises:
        ModelError: it is not there (NO_BUNDLE_CONFIG), is YAML (YAML_BUNDLE) or not JSON (BAD_BUNDLE).
    """
    configs = folder / "configs"
    for ending in ("yaml", "yml"):
        if not (configs / "inference.json").is_file() and (configs / f"inference.{ending}").is_file():
            raise ModelError(
                f"configs/inference.{ending} is YAML, which is not read here; expected it as configs/inference.json: "
                "python -c 'import json, sys, yaml; json.dump(yaml.safe_load(sys.stdin), sys.stdout)'",
                reason="YAML_BUNDLE",
            )
    table = JsonTable.read(configs / "inference.json", missing="NO_BUNDLE_CONFIG", reason=BAD_BUNDLE)
    return BundleConfig(table.values, table.where)


def short(value: object) -> str:
    """A value in a message: on one line, printable, and not all of it."""
    text = printable(value if isinstance(value, str) else repr(value))
    return repr(text if len(text) <= 80 else f"{text[:77]}...")


def printable(text: str) -> str:
    """A text on one line, without what cannot be shown or written."""
    return "".join(letter for letter in " ".join(text.split()) if letter.isprintable())
