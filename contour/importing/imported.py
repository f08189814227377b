"""A model on its way in: what will be its folder, and what its user is told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tomli_w
import torch

from contour.errors import ModelError
from contour.importing.naming import NamedStructure
from contour.segmentation.store import save_label_model


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """What a user says of a model that its files don't.

    Args:
        name: Of the model's folder.
        version: Of the model.
        licence: Of its weights; empty for what the files say.
        orientation: Of its training images, as LPS or RAS; empty for what the files say.
        names: A site's map of structure names.
    """

    name: str
    version: str = "1.0.0"
    licence: str = ""
    orientation: str = ""
    names: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedModel:
    """A model as read, nothing written yet.

    Args:
        document: Of its `spec.toml`.
        weights: Of its networks, in float32.
        structures: With both of their names.
        notes: What its user has to know, a sentence each.
    """

    document: Mapping[str, Any]
    weights: Mapping[str, torch.Tensor]
    structures: tuple[NamedStructure, ...]
    notes: tuple[str, ...]

    @property
    def unmapped(self) -> tuple[NamedStructure, ...]:
        """Structures that TG-263's table does not know."""
        return tuple(one for one in self.structures if not one.mapped)

    def write(self, models: Path, *, replace: bool = False) -> Path:
        """Write the model's folder, whole or not at all, and enter it in the manifest beside it.

        Raises:
            ModelError: there is a model of that name (MODEL_EXISTS), or the model does not hold together.
        """
        folder = models / str(self.document["name"])
        if folder.exists() and not replace:
            raise ModelError(
                f"a model {folder.name!r} is there already; expected another --name, or --replace",
                reason="MODEL_EXISTS",
            )
        save_label_model(
            folder, spec_text=tomli_w.dumps(dict(self.document)), weights=self.weights, card_text=self.card()
        )
        return folder

    def card(self) -> str:
        """The model's card, Markdown."""
        document = self.document
        lines = [
            f"# {document['name']} {document['version']}",
            "",
            "Research software, not a medical device. **How good this model is was not measured here**: its makers'",
            "figures hold for their patients. Measure it on yours with `contour evaluate` before anybody relies on it.",
            "",
            f"- From: {document['made_from']}",
            f"- Licence of the weights: {document['licence']}",
            f"- Orientation of its training images: {document['orientation']}",
            f"- Stages: {', '.join(_stage(stage) for stage in document['stages'])}",
            *(f"- {note}" for note in self.notes),
            "",
            "| structure | the makers' name | TG-263 |",
            "|---|---|---|",
            *(f"| {one.name} | {_cell(one.source)} | {'yes' if one.mapped else 'no'} |" for one in self.structures),
            "",
        ]
        return "\n".join(lines)


def _stage(stage: Mapping[str, Any]) -> str:
    spacing = " x ".join(f"{step:g}" for step in stage["spacing_mm"])
    return f"{stage['name']} ({stage['networks']} x {stage['network']['architecture']}, {spacing} mm)"


def _cell(text: str) -> str:
    return "".join(letter for letter in text if letter.isprintable()).replace("|", "/")
