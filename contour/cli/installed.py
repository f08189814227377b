"""Models and protocols that this command line can see: the folder that is given, the user's own, what was installed."""

from __future__ import annotations

import os
from pathlib import Path

from contour.segmentation import ModelStore, ProtocolStore, shipped_models_folder


def model_store(models_dir: Path | None) -> ModelStore:
    """The models of the folder that is given, of the user's own, and of the installation, in this order.

    Raises:
        NotFoundError: the installation came without its models.
    """
    return ModelStore(_folders(models_dir))


def protocol_store(models_dir: Path | None) -> ProtocolStore:
    """The protocols of the same folders, in the same order.

    Raises:
        NotFoundError: the installation came without its models.
    """
    return ProtocolStore(_folders(models_dir))


def writable_models_folder(models_dir: Path | None) -> Path:
    """Where new models go: the folder that is given, else the user's own, made where it is not there yet."""
    if models_dir is not None:
        return models_dir
    folder = users_models_folder()
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def users_models_folder() -> Path:
    """`contour-rt/models` among the user's data (XDG_DATA_HOME, else ~/.local/share)."""
    data = os.environ.get("XDG_DATA_HOME", "")
    return (Path(data) if data else Path.home() / ".local" / "share") / "contour-rt" / "models"


def _folders(models_dir: Path | None) -> tuple[Path, ...]:
    own = users_models_folder()
    mine = () if models_dir is None else (models_dir,)
    return (*mine, *((own,) if own.is_dir() else ()), shipped_models_folder())
