"""The models that this command line can see: the user's own folder first, then what came with the installation."""

from __future__ import annotations

from pathlib import Path

from contour.segmentation import ModelStore, shipped_models_folder


def model_store(models_dir: Path | None) -> ModelStore:
    """The user's folder, where one is given, before the shipped one.

    Raises:
        NotFoundError: the installation came without its models.
    """
    mine = () if models_dir is None else (models_dir,)
    return ModelStore((*mine, shipped_models_folder()))
