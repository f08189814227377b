"""Millimetres as DICOM decimal strings, many at once.

Three decimals at most and no trailing zeros: `-123.4` rather than `-123.400000000001`, which no decimal string (DS,
PS3.5 6.2: 16 bytes) could hold and some planning systems refuse.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from contour.errors import InputError

_WHOLE_LIMIT = 9999
"""Ten metres: farther from the frame's origin than any scanner can reach."""


def decimal_strings(values: NDArray[np.float64]) -> tuple[bytes, NDArray[np.int64]]:
    """Every value rounded to 0.001 and followed by a backslash.

    Returns:
        The text, and (n + 1,) the place where each value's text begins; the last entry is the text's length.

    Raises:
        InputError: a value that is not finite or beyond 9999 mm; COORDINATE_OUT_OF_RANGE.
    """
    if values.size and not bool(np.abs(values).max() < _WHOLE_LIMIT):
        raise InputError(
            f"coordinates must be finite and within {_WHOLE_LIMIT} mm of the frame's origin",
            reason="COORDINATE_OUT_OF_RANGE",
        )
    thousandths = np.rint(values.reshape(-1) * 1000.0).astype(np.int32)
    whole, part = np.divmod(np.abs(thousandths), np.int32(1000))
    whole[thousandths < 0] += _WHOLE_LIMIT + 1
    whole_text, whole_length, part_text, part_length = _tables()
    text = np.empty((thousandths.size, 2), dtype=np.uint64)
    text[:, 0] = whole_text[whole]
    text[:, 1] = part_text[part]
    letters = text.view(np.uint8).reshape(-1)
    starts = np.zeros(thousandths.size + 1, dtype=np.int64)
    np.cumsum(whole_length[whole] + part_length[part], out=starts[1:])
    return letters[letters != 0].tobytes(), starts


def decimal_string(value: float) -> str:
    """One value, as `decimal_strings` writes it."""
    text, _ = decimal_strings(np.array([value], dtype=np.float64))
    return text[:-1].decode("ascii")


@cache
def _tables() -> tuple[NDArray[np.uint64], NDArray[np.int64], NDArray[np.uint64], NDArray[np.int64]]:
    """Eight bytes of text, unused ones zero, and its length: for the signed whole part, and for part and backslash."""
    wholes = [f"{sign}{number}" for sign in ("", "-") for number in range(_WHOLE_LIMIT + 1)]
    parts = [(f".{number:03d}".rstrip("0") if number else "") + "\\" for number in range(1000)]
    tables: list[NDArray[np.uint64]] = []
    lengths: list[NDArray[np.int64]] = []
    for texts in (wholes, parts):
        padded = b"".join(text.encode("ascii").ljust(8, b"\0") for text in texts)
        tables.append(np.frombuffer(padded, dtype=np.uint64))
        lengths.append(np.array([len(text) for text in texts], dtype=np.int64))
    return tables[0], lengths[0], tables[1], lengths[1]
