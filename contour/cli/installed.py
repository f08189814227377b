"""Models and protocols that this command line can see: the user's own folder first, then what was installed."""

from __future__ import annotations

from pathlib import Path

from contour.segmentation import ModelStore, ProtocolStore, shipped_models_folder


def model_store(models_dir: Path | None) -> ModelStore:
    """The user's folder, where one is given, before the shipped one.

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


def _folders(models_dir: Path | None) -> tuple[Path, ...]:
    mine = () if models_dir is None else (models_dir,)
    return (*mine, shipped_models_folder())
