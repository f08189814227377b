"""From the bytes of one vetted slice to its stored values and to Hounsfield units."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.encaps import encapsulate
from pydicom.pixels.decoders.base import get_decoder
from pydicom.uid import (
    JPEG2000,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEGLSNearLossless,
    RLELossless,
)

from contour.dicom.element_walk import PixelPlace
from contour.dicom.encoded_frames import declared_size, is_complete
from contour.dicom.slice_header import StoredFormat
from contour.dicom.uids import uid_name
from contour.errors import InputError

NATIVE_SYNTAXES = frozenset(
    (ExplicitVRLittleEndian, ImplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian)
)
_JPEG_LOSSLESS_SYNTAXES = frozenset((JPEGLossless, JPEGLosslessSV1))
_CODEC_PACKAGES: dict[str, str] = {
    JPEG2000Lossless: "pylibjpeg-openjpeg",
    JPEG2000: "pylibjpeg-openjpeg",
    JPEGLSLossless: "pyjpegls",
    JPEGLSNearLossless: "pyjpegls",
    RLELossless: "pylibjpeg-rle",
    JPEGLossless: "imagecodecs",
    JPEGLosslessSV1: "imagecodecs",
}
_INT16 = np.iinfo(np.int16)


def check_syntax(transfer_syntax_uid: str) -> None:
    """Nothing, if slices in this transfer syntax can be decoded here.

    Raises:
        InputError: UNSUPPORTED_TRANSFER_SYNTAX, or MISSING_CODEC naming the package to install.
    """
    if transfer_syntax_uid in NATIVE_SYNTAXES:
        return
    name = uid_name(transfer_syntax_uid)
    package = _CODEC_PACKAGES.get(transfer_syntax_uid)
    if package is None:
        raise InputError(f"transfer syntax {name} is not supported", reason="UNSUPPORTED_TRANSFER_SYNTAX")
    if transfer_syntax_uid in _JPEG_LOSSLESS_SYNTAXES:
        available = find_spec("imagecodecs") is not None
    else:
        available = get_decoder(transfer_syntax_uid).is_available
    if not available:
        raise InputError(f"no codec for {name}: install {package}", reason="MISSING_CODEC")


def decode_stored(body: bytes, place: PixelPlace, stored: StoredFormat) -> NDArray[Any]:
    """(rows, columns) stored values as int16 or uint16; a view of `body` where nothing is compressed.

    Args:
        body: The data set, inflated.
        place: Where its pixel data lies.
        stored: How it is written.

    Raises:
        InputError: TRUNCATED_PIXEL_DATA if there are fewer or more bytes or pixels than rows x columns ask for;
            UNDECODABLE_PIXEL_DATA if the decoder gives up; those of `check_syntax`.

    References:
        DICOM PS3.5 section 8 and annex A.4.
    """
    if stored.transfer_syntax_uid in NATIVE_SYNTAXES:
        values = _native(body, place, stored)
    else:
        values = _decompressed(body, place, stored)
    return _stored_bits(values, stored)


def write_hu(stored_yx: NDArray[Any], stored: StoredFormat, target_yx: NDArray[Any]) -> bool:
    """Fills `target_yx` (int16 or float32) with HU; False where int16 cannot hold them exactly, target undefined."""
    if target_yx.dtype != np.int16:
        np.multiply(stored_yx, np.float32(stored.slope), out=target_yx, casting="unsafe")
        target_yx += np.float32(stored.intercept_hu)
        return True
    if not holds_whole_hu(stored):
        return False
    ends = _stored_range(stored)
    if not _fits(ends, stored):
        ends = (int(stored_yx.min()), int(stored_yx.max()))
        if not _fits(ends, stored):
            return False
    # Two's complement wraps around: the result is exact because it fits, whatever the steps between do.
    np.copyto(target_yx, stored_yx.view(np.int16) if stored_yx.dtype.isnative else stored_yx, casting="unsafe")
    if stored.slope != 1:
        np.multiply(target_yx, np.int16(int(stored.slope)), out=target_yx)
    if stored.intercept_hu != 0:
        np.add(target_yx, np.int16(int(stored.intercept_hu)), out=target_yx)
    return True


def holds_whole_hu(stored: StoredFormat) -> bool:
    """True where slope and intercept turn stored values into whole Hounsfield units."""
    factors = (stored.slope, stored.intercept_hu)
    return all(value == int(value) and _INT16.min <= value <= _INT16.max for value in factors)


def _stored_range(stored: StoredFormat) -> tuple[int, int]:
    if stored.signed:
        return -(1 << (stored.bits_stored - 1)), (1 << (stored.bits_stored - 1)) - 1
    return 0, (1 << stored.bits_stored) - 1


def _fits(ends: tuple[int, int], stored: StoredFormat) -> bool:
    values = [end * stored.slope + stored.intercept_hu for end in ends]
    return min(values) >= _INT16.min and max(values) <= _INT16.max


def _native(body: bytes, place: PixelPlace, stored: StoredFormat) -> NDArray[Any]:
    expected = stored.rows * stored.columns * 2
    if place.fragments is not None or place.length != expected:
        raise InputError(
            f"pixel data has {place.length} bytes, expected {expected} for {stored.rows} x {stored.columns}",
            reason="TRUNCATED_PIXEL_DATA",
        )
    dtype = ("<" if stored.little_endian else ">") + ("i2" if stored.signed else "u2")
    flat = np.frombuffer(body, dtype=dtype, count=stored.rows * stored.columns, offset=place.offset)
    return flat.reshape(stored.rows, stored.columns)


def _decompressed(body: bytes, place: PixelPlace, stored: StoredFormat) -> NDArray[Any]:
    check_syntax(stored.transfer_syntax_uid)
    if place.fragments is None or len(place.fragments) < 2:
        raise InputError("compressed pixel data has no fragment", reason="TRUNCATED_PIXEL_DATA")
    frame = b"".join(body[offset : offset + length] for offset, length in place.fragments[1:])
    _check_frame(frame, stored)
    try:
        if stored.transfer_syntax_uid in _JPEG_LOSSLESS_SYNTAXES:
            values = _jpeg_lossless(frame)
        else:
            values = _by_pydicom(frame, stored)
    except (RuntimeError, ValueError, TypeError, NotImplementedError, AttributeError, IndexError, OSError, MemoryError):
        name = uid_name(stored.transfer_syntax_uid)
        raise InputError(f"pixel data cannot be decoded as {name}", reason="UNDECODABLE_PIXEL_DATA") from None
    if values.shape != (stored.rows, stored.columns):
        raise InputError(
            f"pixel data decodes to shape {values.shape}, expected {(stored.rows, stored.columns)}",
            reason="TRUNCATED_PIXEL_DATA",
        )
    unsigned = values.astype(np.uint16) if values.dtype.itemsize == 1 else values.astype(np.int32).astype(np.uint16)
    return unsigned.view(np.int16) if stored.signed else unsigned


def _check_frame(frame: bytes, stored: StoredFormat) -> None:
    """What the compressed frame says of its own size is compared before a decoder allocates it."""
    if stored.transfer_syntax_uid == RLELossless:
        return
    size = declared_size(frame)
    if size != (stored.rows, stored.columns, 1):
        raise InputError(
            f"compressed frame of rows, columns, components {size}, expected {(stored.rows, stored.columns, 1)}",
            reason="TRUNCATED_PIXEL_DATA",
        )
    if not is_complete(frame):
        raise InputError("the compressed frame ends before its end marker", reason="TRUNCATED_PIXEL_DATA")


def _jpeg_lossless(frame: bytes) -> NDArray[Any]:
    from imagecodecs import jpeg8_decode

    values: NDArray[Any] = jpeg8_decode(frame)
    return values


def _by_pydicom(frame: bytes, stored: StoredFormat) -> NDArray[Any]:
    options: dict[str, Any] = {
        "rows": stored.rows,
        "columns": stored.columns,
        "samples_per_pixel": 1,
        "number_of_frames": 1,
        "photometric_interpretation": "MONOCHROME2",
        "bits_allocated": 16,
        "bits_stored": stored.bits_stored,
        "pixel_representation": int(stored.signed),
        "pixel_keyword": "PixelData",
    }
    values, _ = get_decoder(stored.transfer_syntax_uid).as_array(encapsulate([frame]), raw=True, **options)
    return values


def _stored_bits(values: NDArray[Any], stored: StoredFormat) -> NDArray[Any]:
    """Only the stored bits count; what stands above them (overlays of old scanners) is taken out."""
    unused = 16 - stored.bits_stored
    if not unused:
        return values
    if not stored.signed:
        return np.asarray(np.bitwise_and(values, (1 << stored.bits_stored) - 1), dtype=np.uint16)
    widened = np.asarray(np.left_shift(values, unused), dtype=np.int16)
    return np.asarray(np.right_shift(widened, unused))
