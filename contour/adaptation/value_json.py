"""Frozen values to JSON and back, strictly: every key there, none too many, each of its type.

Dataclasses become objects, tuples lists. Decimals are rounded by the unit in the field's name (`_mm` and `_percent` to
2, `_ml` and `_gy` to 3, `_deg` to 3, all else to 4), so that a report reads well and does not change with the last bit
of a sum. JSON has no infinity: a number that is not finite becomes null where the field may be None, else it is an
error.
"""

from __future__ import annotations

import math
import types
from dataclasses import fields, is_dataclass
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from contour.errors import InputError

_T = TypeVar("_T")
_DECIMALS = {"mm": 2, "percent": 2, "ml": 3, "gy": 3, "deg": 3}
_OTHER_DECIMALS = 4


def value_to_json(value: Any, *, name: str = "") -> Any:
    """A frozen dataclass, or anything its fields may hold, as plain JSON.

    Raises:
        InputError: a number that is not finite in a field that may not be None (BAD_REPORT).
    """
    if not is_dataclass(value):
        return _plain(value, name)
    hints = get_type_hints(type(value))
    form: dict[str, Any] = {}
    for entry in fields(value):
        found = _plain(getattr(value, entry.name), entry.name)
        if _holds_null(found) and not _holds_null_allowed(hints[entry.name], found):
            raise InputError(f"{type(value).__name__}.{entry.name} is not finite", reason="BAD_REPORT")
        form[entry.name] = found
    return form


def value_from_json(kind: type[_T], form: Any, *, path: str = "") -> _T:
    """The dataclass that `value_to_json` was given, decimals rounded.

    Raises:
        InputError: a key missing or too many, or a value of the wrong type, with its path (BAD_REPORT).
    """
    where = path or kind.__name__
    if not isinstance(form, dict):
        raise _wrong(where, form, "an object")
    hints = get_type_hints(kind)
    known = {entry.name for entry in fields(kind)}  # type: ignore[arg-type]
    for key in sorted(known ^ set(form)):
        raise InputError(f"{where} has {'no' if key in known else 'an unknown'} key {key}", reason="BAD_REPORT")
    values = {key: _read(hints[key], form[key], f"{where}.{key}") for key in form}
    try:
        return kind(**values)
    except (TypeError, ValueError) as error:
        raise InputError(f"{where}: {error}", reason="BAD_REPORT") from error


def _plain(value: Any, name: str) -> Any:
    if is_dataclass(value):
        return value_to_json(value)
    if isinstance(value, tuple):
        return [_plain(entry, name) for entry in value]
    if isinstance(value, float):  # numpy's float64 too
        if not math.isfinite(value):
            return None
        return round(float(value), _DECIMALS.get(name.rpartition("_")[2], _OTHER_DECIMALS)) + 0.0
    if value is None or type(value) in (str, int, bool):
        return value
    raise InputError(f"{name} is a {type(value).__name__}, which has no form in JSON", reason="BAD_REPORT")


def _holds_null(form: Any) -> bool:
    return form is None or (isinstance(form, list) and any(entry is None for entry in form))


def _holds_null_allowed(kind: Any, form: Any) -> bool:
    if form is None:
        return type(None) in get_args(kind)
    options = get_args(kind) if get_origin(kind) in (Union, types.UnionType) else (kind,)
    return any(type(None) in get_args(item) for option in options for item in get_args(option))


def _read(kind: Any, form: Any, path: str) -> Any:
    origin = get_origin(kind)
    if origin in (Union, types.UnionType):
        if form is None and type(None) in get_args(kind):
            return None
        return _read(next(option for option in get_args(kind) if option is not type(None)), form, path)
    if origin is Literal:
        if form not in get_args(kind) or isinstance(form, bool):
            raise _wrong(path, form, "one of " + ", ".join(map(str, get_args(kind))))
        return form
    if origin is tuple:
        return _read_tuple(get_args(kind), form, path)
    if is_dataclass(kind) and isinstance(kind, type):
        return value_from_json(kind, form, path=path)
    return _read_scalar(kind, form, path)


def _read_scalar(kind: Any, form: Any, path: str) -> Any:
    if kind is float and type(form) in (int, float) and math.isfinite(form):
        return float(form)
    if kind in (str, int, bool) and type(form) is kind:
        return form
    raise _wrong(path, form, getattr(kind, "__name__", str(kind)))


def _read_tuple(kinds: tuple[Any, ...], form: Any, path: str) -> tuple[Any, ...]:
    if not isinstance(form, list):
        raise _wrong(path, form, "a list")
    if len(kinds) == 2 and kinds[1] is Ellipsis:
        kinds = (kinds[0],) * len(form)
    if len(form) != len(kinds):
        raise _wrong(path, form, f"{len(kinds)} entries")
    return tuple(_read(kind, entry, f"{path}[{n}]") for n, (kind, entry) in enumerate(zip(kinds, form, strict=True)))


def _wrong(path: str, found: Any, expected: str) -> InputError:
    return InputError(f"{path} is {str(found)[:60]!r}; expected {expected}", reason="BAD_REPORT")
