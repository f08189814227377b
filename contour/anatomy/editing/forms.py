"""Operations as JSON, read without trust: every key known, every value of its type, every number in range."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import MISSING, asdict, fields
from typing import Any

from contour.anatomy.editing.operations import OPERATIONS, Operation, bad_operation
from registration.grid import Triple

Json = dict[str, Any]

_LONGEST_ECHO = 40


def operation_to_json(operation: Operation) -> Json:
    """An operation as plain JSON; `kind` says which."""
    return {"kind": operation.KIND} | {name: _plain(value) for name, value in asdict(operation).items()}


def operation_from_json(form: object) -> Operation:
    """The operation that parsed JSON describes.

    Raises:
        InputError: BAD_OPERATION, for an unknown kind or key, a key that is missing, or a value of another type or out
            of range.
    """
    if not isinstance(form, dict):
        raise bad_operation(f"an operation is {_type_of(form)}; expected an object")
    kinds = {one.KIND: one for one in OPERATIONS}
    kind = form.get("kind")
    if not isinstance(kind, str) or kind not in kinds:
        raise bad_operation(f"kind is not one of {', '.join(kinds)}")
    chosen = kinds[kind]
    known = {one.name: one for one in fields(chosen)}
    for key in form:
        if key not in known and key != "kind":
            raise bad_operation(f"unknown key {str(key)[:_LONGEST_ECHO]!r} in {kind}; expected {', '.join(known)}")
    for name, one in known.items():
        if name not in form and one.default is MISSING:
            raise bad_operation(f"{kind} has no {name}")
    return chosen(**{name: _read(name, form[name]) for name in known if name in form})


def _plain(value: object) -> object:
    return [_plain(item) for item in value] if isinstance(value, tuple) else value


def _read(name: str, value: object) -> Any:
    if name in _READERS:
        return _READERS[name](name, value)
    return _number(name, value)  # all others are millimetres


def _number(name: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise bad_operation(f"{name} is {_type_of(value)}; expected a number")
    if (isinstance(value, int) and abs(value) > 2**53) or not math.isfinite(value):
        raise bad_operation(f"{name} is not a finite number that a computer can hold")
    return float(value)


def _flag(name: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise bad_operation(f"{name} is {_type_of(value)}; expected true or false")
    return value


def _text(name: str, value: object) -> str:
    if not isinstance(value, str):
        raise bad_operation(f"{name} is {_type_of(value)}; expected text")
    return value


def _texts(name: str, value: object) -> tuple[str, ...]:
    return tuple(_text(name, item) for item in _list(name, value))


def _triple(name: str, value: object) -> Triple:
    numbers = _list(name, value)
    if len(numbers) != 3:
        raise bad_operation(f"{name} holds a point of {len(numbers)} numbers; expected x, y and z")
    x, y, z = (_number(name, number) for number in numbers)
    return x, y, z


def _triples(name: str, value: object) -> tuple[Triple, ...]:
    return tuple(_triple(name, item) for item in _list(name, value))


def _list(name: str, value: object) -> list[Any]:
    if not isinstance(value, list):
        raise bad_operation(f"{name} is {_type_of(value)}; expected a list")
    return value


def _type_of(value: object) -> str:
    return "nothing" if value is None else f"a {type(value).__name__}"


_READERS: dict[str, Callable[[str, object], Any]] = {
    "plane": _text,
    "mode": _text,
    "axis": _text,
    "way": _text,
    "others": _texts,
    "erase": _flag,
    "ball": _flag,
    "points_xyz_mm": _triples,
    "offset_xyz_mm": _triple,
}
