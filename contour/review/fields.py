"""Reads what a browser sent: JSON of at most a mebibyte, with the keys that are expected and no others."""

from __future__ import annotations

import asyncio
import json
import math
import re
from typing import Any, NoReturn

from starlette.requests import ClientDisconnect, Request

from contour.errors import InputError
from contour.review.answers import RefusedError

LARGEST_BODY_BYTES = 1 << 20
_BODY_LIMIT_S = 30.0
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")


async def read_fields(request: Request) -> Fields:
    """The body of a request.

    Raises:
        RefusedError: it is too large (BODY_TOO_LARGE) or does not come (BODY_TOO_SLOW).
        InputError: it is not a JSON object (BAD_BODY).
    """
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise InputError("the body is not declared as JSON, expected Content-Type application/json", reason="BAD_BODY")
    try:
        async with asyncio.timeout(_BODY_LIMIT_S):
            data = await _read_bytes(request)
    except TimeoutError:
        raise RefusedError(400, "BODY_TOO_SLOW", f"the body did not arrive within {_BODY_LIMIT_S:g} s") from None
    except ClientDisconnect:
        raise RefusedError(400, "BODY_TOO_SLOW", "the body did not arrive") from None
    return fields_from_bytes(data)


async def _read_bytes(request: Request) -> bytes:
    declared = request.headers.get("content-length", "0")
    if not (declared.isascii() and declared.isdigit()) or len(declared) > 12 or int(declared) > LARGEST_BODY_BYTES:
        raise _too_large()
    data = bytearray()
    async for chunk in request.stream():
        data += chunk
        if len(data) > LARGEST_BODY_BYTES:
            raise _too_large()
    return bytes(data)


def fields_from_bytes(data: bytes) -> Fields:
    """A JSON object.

    Raises:
        InputError: not JSON in UTF-8, NaN or infinity in it, a key given twice, or not an object (BAD_BODY).
    """
    try:
        form = json.loads(data.decode("utf-8"), parse_constant=_refuse_constant, object_pairs_hook=_without_doubles)
    except (ValueError, RecursionError) as error:
        raise InputError("the body is not strict JSON in UTF-8", reason="BAD_BODY") from error
    return Fields(form)


class Fields:
    """A JSON object that is read field by field; messages name fields and never quote what was in them."""

    def __init__(self, form: object) -> None:
        """Take an object in.

        Raises:
            InputError: it is something else (BAD_BODY).
        """
        if not isinstance(form, dict):
            raise InputError(f"the body is {_kind(form)}, expected an object", reason="BAD_BODY")
        self._form: dict[str, Any] = form
        self._read: set[str] = set()

    def text(self, name: str, *, most: int, least: int = 1) -> str:
        """Text of some length, without control characters other than line ends and tabs."""
        return self._as_text(name, self._take(name), least=least, most=most)

    def texts(self, name: str, *, most: int, longest: int = 64) -> tuple[str, ...]:
        """A list of texts, possibly empty."""
        value = self._take(name)
        if not isinstance(value, list) or len(value) > most:
            self._refuse(name, value, f"a list of at most {most} texts")
        return tuple(self._as_text(name, one, least=1, most=longest) for one in value)

    def whole(self, name: str, *, least: int, most: int) -> int:
        """A whole number within bounds."""
        value = self._take(name)
        if type(value) is not int or not least <= value <= most:
            self._refuse(name, value, f"a whole number from {least} to {most}")
        return value

    def number(self, name: str, *, least: float, most: float) -> float:
        """A number within bounds."""
        value = self._take(name)
        if type(value) not in (int, float) or not math.isfinite(value) or not least <= value <= most:
            self._refuse(name, value, f"a number from {least:g} to {most:g}")
        return float(value)

    def table(self, name: str) -> dict[str, Any]:
        """An object, as it came."""
        value = self._take(name)
        if not isinstance(value, dict):
            self._refuse(name, value, "an object")
        return value

    def end(self) -> None:
        """Nothing further is expected.

        Raises:
            InputError: there are other keys (BAD_FIELD).
        """
        more = len(self._form.keys() - self._read)
        if more:
            known = ", ".join(sorted(self._read)) or "none"
            raise InputError(f"found {more} unknown keys, expected only {known}", reason="BAD_FIELD")

    def _take(self, name: str) -> Any:
        self._read.add(name)
        if name not in self._form:
            raise InputError(f"{name} is missing", reason="BAD_FIELD")
        return self._form[name]

    def _as_text(self, name: str, value: Any, *, least: int, most: int) -> str:
        if not isinstance(value, str) or not least <= len(value) <= most or _CONTROL.search(value):
            self._refuse(name, value, f"text of {least} to {most} characters")
        return value

    @staticmethod
    def _refuse(name: str, value: object, expected: str) -> NoReturn:
        raise InputError(f"{name} is {_kind(value)}, expected {expected}", reason="BAD_FIELD")


def _kind(value: object) -> str:
    if isinstance(value, str):
        return f"text of {len(value)} characters"
    if isinstance(value, list):
        return f"a list of {len(value)}"
    kinds = {bool: "true or false", int: "a whole number", float: "a number", dict: "an object"}
    return kinds.get(type(value), "null")


def _too_large() -> RefusedError:
    return RefusedError(413, "BODY_TOO_LARGE", f"the body is larger than {LARGEST_BODY_BYTES} bytes")


def _refuse_constant(_text: str) -> NoReturn:
    raise ValueError("not a finite number")


def _without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    table = dict(pairs)
    if len(table) != len(pairs):
        raise ValueError("a key is given twice")
    return table
