"""The files of a model folder and the manifest beside it: hashed first, parsed after, replaced whole."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import tomllib
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from contour.errors import ModelError

FURTHER_FILES = frozenset(
    {"split.json", "curve.png", "anatomy.json", "calibration.json"}
    | {"evaluation.json", "evaluation.md", "evaluation.png"}
)
"""What a model folder may hold beside its spec, weights and card; each is hashed as they are."""

_MANIFEST = "manifest.toml"
SPEC, WEIGHTS, CARD, EVALUATION = "spec.toml", "weights.safetensors", "card.md", "evaluation.json"
NO_FILES: Mapping[str, bytes] = MappingProxyType({})
CALIBRATION, ANATOMY = "calibration.json", "anatomy.json"
MODEL_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_LARGEST_FILE_BYTES = 4 * 1024**3


def only_further(extra: Mapping[str, bytes]) -> None:
    """Refuse a file that is none of `FURTHER_FILES`; reason UNKNOWN_MODEL_FILE."""
    unknown = sorted(set(extra) - FURTHER_FILES)
    if unknown:
        raise ModelError(
            f"a model folder holds no {unknown}, further files are {sorted(FURTHER_FILES)}", reason="UNKNOWN_MODEL_FILE"
        )


def write_model(folder: Path, files: Mapping[str, bytes]) -> None:
    """All files of a model in a folder that is there whole or not at all, then the manifest beside it."""
    unfinished, former = folder.with_name(f".{folder.name}.part"), folder.with_name(f".{folder.name}.old")
    for left_over in (unfinished, former):
        shutil.rmtree(left_over, ignore_errors=True)
    unfinished.mkdir(parents=True)
    try:
        for name, data in files.items():
            _write(unfinished / name, data)
        if folder.exists():
            folder.rename(former)
        unfinished.rename(folder)
        _enter(folder, files)
    finally:
        for left_over in (unfinished, former):
            shutil.rmtree(left_over, ignore_errors=True)


def _enter(folder: Path, files: Mapping[str, bytes]) -> None:
    manifest = {**read_manifest(folder.parent), folder.name: {n: _sha256(d) for n, d in sorted(files.items())}}
    lines = ["# sha256 of every file of every model here; written by save_model.", "schema = 1"]
    for model, hashes in sorted(manifest.items()):
        lines += ["", f"[models.{model}]", *(f'"{name}" = "{value}"' for name, value in hashes.items())]
    _write(folder.parent / _MANIFEST, ("\n".join(lines) + "\n").encode())


def read_manifest(folder: Path) -> dict[str, dict[str, str]]:
    """For each model of a folder the sha256 of its files; empty without a manifest. Reason BAD_MANIFEST."""
    path = folder / _MANIFEST
    if not path.is_file():
        return {}
    try:
        document: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ModelError(f"{path} is not TOML", reason="BAD_MANIFEST") from error
    models = document.get("models", {})
    if document.get("schema") != 1 or not isinstance(models, dict):
        raise ModelError(f"{path} has schema {document.get('schema')!r}, expected 1", reason="BAD_MANIFEST")
    for name, files in models.items():
        if not MODEL_NAME.fullmatch(name) or not isinstance(files, dict):
            raise ModelError(f"{path} names a model {name!r}", reason="BAD_MANIFEST")
        known = {SPEC, WEIGHTS, CARD} | FURTHER_FILES
        if not set(files) <= known or not {SPEC, WEIGHTS, CARD} <= set(files):
            raise ModelError(f"{path}: {name} lists {sorted(files)}, expected {sorted(known)}", reason="BAD_MANIFEST")
    return models


def proven(folder: Path, name: str, files: Mapping[str, str]) -> bytes:
    """The bytes of a file that is as the manifest says; reasons MODEL_FILE_MISSING and MODEL_FILE_CHANGED."""
    path = folder / name
    if not path.is_file():
        raise ModelError(f"{path} is missing", reason="MODEL_FILE_MISSING")
    if path.stat().st_size > _LARGEST_FILE_BYTES:
        raise ModelError(f"{path} has {path.stat().st_size} bytes, at most {_LARGEST_FILE_BYTES}")
    data = path.read_bytes()
    found = _sha256(data)
    if found != files[name]:
        raise ModelError(
            f"{path} has sha256 {found[:12]}…, the manifest says {files[name][:12]}…", reason="MODEL_FILE_CHANGED"
        )
    return data


def fingerprint_of(files: Mapping[str, str]) -> str:
    """What a model answers is decided by its spec and weights."""
    return _sha256(f"{files[SPEC]} {files[WEIGHTS]}".encode())


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _write(path: Path, data: bytes) -> None:
    unfinished = path.with_name(path.name + ".part")
    with unfinished.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path)
