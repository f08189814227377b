"""Which model an unpacked archive holds, and where in it: nnU-Net v2 results, a MONAI bundle or a model of ours."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Literal

from contour.errors import ModelError
from contour.segmentation.model_folder import CARD, SPEC, WEIGHTS

Kind = Literal["nnunet", "monai", "contour"]
Candidate = tuple[Kind, Path]

_NAMES: dict[Kind, str] = {"nnunet": "nnU-Net v2 results", "monai": "a MONAI bundle", "contour": "a model of contour"}
_EXPECTED = "nnU-Net v2 results (plans.json), a MONAI bundle (configs/metadata.json) or a model of contour (spec.toml)"


def find_model(folder: Path) -> Candidate:
    """The one model in a folder, at any depth.

    Returns:
        `nnunet` with the folder of one configuration's results, or the one above where several belong together;
        `monai` with the bundle's own folder; `contour` with the folder of `spec.toml`, `weights.safetensors` and
        `card.md` that has a `manifest.toml` beside it. Nothing of it has been verified.

    Raises:
        ModelError: there is none (NO_MODEL_FOUND), or more than one (SEVERAL_MODELS).
    """
    found = _outermost([*_together(list(_nnunet(folder))), *_monai(folder), *_contour(folder)])
    if not found:
        raise ModelError(f"the archive holds no model, expected {_EXPECTED}", reason="NO_MODEL_FOUND")
    if len(found) > 1:
        named = "; ".join(f"{_NAMES[kind]} in {_shown(path, folder)}" for kind, path in found[:5])
        raise ModelError(f"the archive holds {len(found)} models, expected one: {named}", reason="SEVERAL_MODELS")
    return found[0]


def _nnunet(folder: Path) -> Iterator[Path]:
    return (path.parent for path in _files(folder, "plans.json"))


def _together(results: Sequence[Path]) -> Iterator[Candidate]:
    """Configurations of one training (`TRAINER__PLANS__…`, as of a cascade) are one model, that of their folder."""
    for _, group in groupby(sorted(results), key=_training):
        paths = list(group)
        yield "nnunet", paths[0] if len(paths) == 1 else paths[0].parent


def _training(path: Path) -> tuple[Path, str]:
    trained, separator, _ = path.name.rpartition("__")
    return path.parent, trained if separator else path.name


def _monai(folder: Path) -> Iterator[Candidate]:
    for path in _files(folder, "metadata.json"):
        if path.parent.name == "configs":
            yield "monai", path.parent.parent


def _contour(folder: Path) -> Iterator[Candidate]:
    for path in _files(folder, SPEC):
        model = path.parent
        whole = all((model / name).is_file() for name in (WEIGHTS, CARD))
        if whole and model != folder and (model.parent / "manifest.toml").is_file():
            yield "contour", model


def _files(folder: Path, name: str) -> Iterator[Path]:
    """Files of a name, but none in folders that a file manager leaves in archives."""
    for path in sorted(folder.rglob(name)):
        above = path.relative_to(folder).parts[:-1]
        if path.is_file() and not any(part.startswith(".") or part == "__MACOSX" for part in above):
            yield path


def _outermost(found: Sequence[Candidate]) -> list[Candidate]:
    """Without what lies within another: nnU-Net leaves plans.json beside its predictions, too."""
    paths = {path for _, path in found}
    return sorted(((kind, path) for kind, path in found if not paths & set(path.parents)), key=lambda one: one[1])


def _shown(path: Path, folder: Path) -> str:
    return repr(str(path.relative_to(folder))[:80])
