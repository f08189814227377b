"""Tensors from a PyTorch checkpoint that nobody trusts.

A checkpoint is a zip file with a pickle in it. It is read with `weights_only`, which runs nothing but PyTorch's own
rebuilding of tensors; the few names that nnU-Net's training log adds (numpy scalars) are answered by stand-ins that do
nothing. Sizes are looked at before anything is read, and tensors are compared with the network's before they are
copied.
"""

from __future__ import annotations

import pickle
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from contour.errors import ModelError

_MOST_BYTES = 16 * 1024**3
_MOST_PICKLE_BYTES = 64 * 1024**2


class _Nothing:
    """Stands for a numpy scalar or type in a training log; takes anything, does nothing."""

    def __init__(self, *arguments: Any) -> None:
        pass

    def __setstate__(self, state: Any) -> None:
        pass


_STAND_INS = [
    (_Nothing, name)
    for name in (
        "_codecs.encode",
        "numpy.core.multiarray.scalar",
        "numpy._core.multiarray.scalar",
        "numpy.core.multiarray._reconstruct",
        "numpy._core.multiarray._reconstruct",
        "numpy.dtype",
        "numpy.ndarray",
        "numpy.dtypes.Float64DType",
        "numpy.dtypes.Float32DType",
        "numpy.dtypes.Int64DType",
    )
]


def read_checkpoint(path: Path) -> Mapping[str, Any]:
    """The dictionary in a checkpoint; its tensors stay on disk until they are used.

    Raises:
        ModelError: no such file (NO_CHECKPOINT); not a whole checkpoint, or larger than anybody's (BAD_CHECKPOINT); one
            that wants something run (UNSAFE_CHECKPOINT).
    """
    name = f"{path.parent.name}/{path.name}"
    if not path.is_file():
        raise ModelError(f"{name} is missing", reason="NO_CHECKPOINT")
    _require_plain_zip(path, name)
    try:
        with torch.serialization.safe_globals(list(_STAND_INS)):
            content = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except pickle.UnpicklingError as error:
        raise ModelError(
            f"{name} asks for {_asked_for(error)}; nothing of it was run", reason="UNSAFE_CHECKPOINT"
        ) from error
    except (EOFError, IndexError, KeyError, OSError, RuntimeError, TypeError, UnicodeDecodeError, ValueError) as error:
        raise ModelError(f"{name} is not a whole PyTorch checkpoint", reason="BAD_CHECKPOINT") from error
    if not isinstance(content, dict):
        raise ModelError(f"{name} holds {type(content).__name__}, expected a dictionary", reason="BAD_CHECKPOINT")
    return content


def chosen_tensors(
    found: object, expected: Mapping[str, torch.Tensor], *, name: str, same: Mapping[str, str] | None = None
) -> dict[str, torch.Tensor]:
    """The tensors of a network among a checkpoint's, in float32 where they are numbers of any precision.

    Args:
        found: What the checkpoint holds as weights.
        expected: The network's own tensors; only their shapes and types are looked at.
        name: Of the checkpoint, for messages.
        same: Other names under which a checkpoint may hold one of them.

    Raises:
        ModelError: a tensor is missing, or has another shape or impossible values; reason BAD_CHECKPOINT.
    """
    if not isinstance(found, dict) or not all(isinstance(key, str) for key in found):
        raise ModelError(f"{name} holds no weights by name", reason="BAD_CHECKPOINT")
    plain = {_plain_name(key): value for key, value in found.items()}
    chosen: dict[str, torch.Tensor] = {}
    for key, wanted in expected.items():
        value = plain.get(key, plain.get((same or {}).get(key, key)))
        if not isinstance(value, torch.Tensor):
            raise ModelError(f"{name} lacks the weight {key!r}", reason="BAD_CHECKPOINT")
        if value.shape != wanted.shape:
            raise ModelError(
                f"weight {key!r} of {name} is {tuple(value.shape)}, expected {tuple(wanted.shape)}",
                reason="BAD_CHECKPOINT",
            )
        whole = value.detach().to(wanted.dtype).contiguous().clone()
        if not bool(torch.isfinite(whole).all()):
            raise ModelError(f"weight {key!r} of {name} holds values that are not finite", reason="BAD_CHECKPOINT")
        chosen[key] = whole
    return chosen


def _plain_name(key: str) -> str:
    """Without what wrappers put before a name."""
    for prefix in ("_orig_mod.", "module."):
        key = key.removeprefix(prefix)
    return key


def _require_plain_zip(path: Path, name: str) -> None:
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
    except (zipfile.BadZipFile, OSError, ValueError) as error:
        raise ModelError(
            f"{name} is not a whole PyTorch checkpoint (a zip file of PyTorch 1.6 or newer)", reason="BAD_CHECKPOINT"
        ) from error
    size = sum(entry.file_size for entry in entries)
    pickles = sum(entry.file_size for entry in entries if entry.filename.endswith(".pkl"))
    if size > _MOST_BYTES or size > 2 * path.stat().st_size + _MOST_PICKLE_BYTES:
        raise ModelError(f"{name} grows to {size} bytes when it is opened", reason="BAD_CHECKPOINT")
    if pickles > _MOST_PICKLE_BYTES:
        raise ModelError(f"{name} has {pickles} bytes of pickle, at most {_MOST_PICKLE_BYTES}", reason="BAD_CHECKPOINT")


def _asked_for(error: pickle.UnpicklingError) -> str:
    """The name that was refused, from PyTorch's message."""
    named = re.search(r"GLOBAL ([\w.]+)", str(error))
    return named.group(1)[:100] if named else "more than tensors"
