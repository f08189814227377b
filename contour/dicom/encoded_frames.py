"""What a JPEG, JPEG-LS or JPEG 2000 frame says of itself, read without decoding it."""

from __future__ import annotations

import struct

_START_OF_IMAGE = b"\xff\xd8"
_CODESTREAM = b"\xff\x4f\xff\x51"
_JP2_SIGNATURE = b"\x00\x00\x00\x0cjP  "
_END = b"\xff\xd9"
_FRAME_MARKERS = frozenset((*range(0xC0, 0xD0), 0xF7)) - {0xC4, 0xC8, 0xCC}
_MOST_SEGMENTS = 1000


def declared_size(frame: bytes) -> tuple[int, int, int] | None:
    """(rows, columns, components), or None where no size is found.

    References:
        ITU-T T.81 B.2.2 (JPEG), T.87 C.2.2 (JPEG-LS), T.800 A.5.1 (JPEG 2000).
    """
    start = frame.find(_CODESTREAM, 0, 4096) if frame.startswith(_JP2_SIGNATURE) else 0
    try:
        if start >= 0 and frame.startswith(_CODESTREAM, start):
            right, bottom, left, top = struct.unpack_from(">IIII", frame, start + 8)
            (components,) = struct.unpack_from(">H", frame, start + 40)
            return bottom - top, right - left, components
        if frame.startswith(_START_OF_IMAGE):
            return _jpeg_size(frame)
    except struct.error:
        return None
    return None


def is_complete(frame: bytes) -> bool:
    """True where the frame ends with its end marker, but for padding."""
    return frame[-64:].rstrip(b"\0").endswith(_END) or frame[-64:].endswith(_END)


def _jpeg_size(frame: bytes) -> tuple[int, int, int] | None:
    position = 2
    for _ in range(_MOST_SEGMENTS):
        filler, marker, length = struct.unpack_from(">BBH", frame, position)
        if filler != 0xFF:
            return None
        if marker == 0xFF:
            position += 1
            continue
        if marker in _FRAME_MARKERS:
            rows, columns, components = struct.unpack_from(">HHB", frame, position + 5)
            return rows, columns, components
        position += 2 + length
    return None
