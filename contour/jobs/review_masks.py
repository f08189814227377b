"""An edited structure's voxels as an object of the store: the same bytes for the same voxels."""

from __future__ import annotations

import json
import zlib
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from contour.anatomy.structures import Structure
from contour.errors import UntrustworthyResultError
from registration.errors import GridError

_MAGIC = b"contour-mask/1\n"
_FAST = 1
_FULL = 255


def structure_to_bytes(structure: Structure) -> bytes:
    """Place, shape and membership of a structure; where it has no membership, its mask as 0 and 255."""
    level = structure.membership_zyx
    values = structure.mask_zyx * np.uint8(_FULL) if level is None else level
    head = {"graded": level is not None, "lower_zyx": structure.lower_zyx, "shape_zyx": values.shape}
    text = json.dumps(head, sort_keys=True, separators=(",", ":")).encode("ascii")
    return _MAGIC + text + b"\n" + zlib.compress(np.ascontiguousarray(values).tobytes(), _FAST)


def structure_from_bytes(data: bytes, drawn: Structure) -> Structure:
    """The structure that `structure_to_bytes` was given, with all that voxels do not tell from what was drawn.

    Raises:
        UntrustworthyResultError: BROKEN_OBJECT where it cannot be one of this structure's.
    """
    head, _, body = data.removeprefix(_MAGIC).partition(b"\n")
    try:
        form = json.loads(head)
        z, y, x = (int(n) for n in form["lower_zyx"])
        shape = tuple(int(n) for n in form["shape_zyx"])
        most = int(np.prod(shape))
        values: NDArray[np.uint8] = np.frombuffer(zlib.decompress(body), dtype=np.uint8).reshape(shape)
        graded = bool(form["graded"])
        if not data.startswith(_MAGIC) or values.size != most:
            raise ValueError("another size than stated")
        return replace(
            drawn,
            lower_zyx=(z, y, x),
            mask_zyx=values >= (_FULL + 1) // 2,
            membership_zyx=values if graded else None,
            generation="SEMIAUTOMATIC",
        )
    except (GridError, KeyError, TypeError, ValueError, zlib.error) as error:
        raise UntrustworthyResultError("an edit's stored voxels cannot be read", reason="BROKEN_OBJECT") from error
