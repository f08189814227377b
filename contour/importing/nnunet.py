"""nnU-Net v2 results as a model of ours: read as data, nothing in the folder is executed.

    <anything>/nnUNetTrainer__nnUNetPlans__3d_fullres/
        plans.json  dataset.json  fold_0/checkpoint_final.pth  fold_1/…

A cascade's second stage (3d_cascade_fullres) brings its first (`…__3d_lowres`, beside it) with it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tomli_w
import torch

from contour.errors import ModelError
from contour.importing.checkpoint import chosen_tensors, read_checkpoint
from contour.importing.imported import ImportedModel, Origin
from contour.importing.json_table import JsonTable
from contour.importing.naming import NamedStructure, name_structures
from contour.importing.nnunet_plans import (
    BAD_PLANS,
    Labels,
    configuration_of,
    orientation_of,
    read_labels,
    stage_document,
)
from contour.segmentation.label_model import label_networks, own_tensors, tensor_name
from contour.segmentation.labelmaps.spec import label_spec_of

CHECKPOINT = "checkpoint_final.pth"
_ORDER = ("3d_cascade_fullres", "3d_fullres", "3d_lowres")


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainedFolder:
    """One configuration's results: `TRAINER__PLANS__CONFIGURATION`."""

    path: Path
    configuration: str

    def folds(self, wanted: Sequence[str] | None) -> tuple[str, ...]:
        """The folds to read: those wanted, else every one that is there (`all` only on its own).

        Raises:
            ModelError: none is there; reason NO_CHECKPOINT.
        """
        if wanted is not None:
            return tuple(wanted)
        found = sorted(path.parent.name.removeprefix("fold_") for path in self.path.glob(f"fold_*/{CHECKPOINT}"))
        numbered = tuple(fold for fold in found if fold.isdigit())
        if not found:
            raise ModelError(f"{self.path.name} holds no fold_N/{CHECKPOINT}", reason="NO_CHECKPOINT")
        return numbered or tuple(found)


def find_results(folder: Path, configuration: str | None = None) -> TrainedFolder:
    """The results in a folder, which is either one configuration's or holds several.

    Raises:
        ModelError: no plans.json there or one level below (NO_PLANS), or no such configuration (BAD_PLANS).
    """
    below = sorted(path.parent for path in folder.glob("*__*__*/plans.json"))
    found = [folder] if (folder / "plans.json").is_file() else below
    if not found:
        raise ModelError(f"plans.json is missing in {folder.name} and in the folders in it", reason="NO_PLANS")
    named = {path.name.rpartition("__")[2] if "__" in path.name else "": path for path in found}
    if configuration is None:
        configuration = next((name for name in _ORDER if name in named), None) or next(iter(named))
    path = named.get(configuration, folder if found == [folder] else None)
    if path is None:
        raise ModelError(f"no results of {configuration!r}, found {', '.join(sorted(named))}", reason=BAD_PLANS)
    return TrainedFolder(path=path, configuration=configuration)


def read_nnunet(
    folder: Path,
    origin: Origin,
    *,
    folds: Sequence[str] | None = None,
    configuration: str | None = None,
    on_network: Callable[[int, int], None] = lambda done, networks: None,
) -> ImportedModel:
    """A model from nnU-Net v2 results.

    Args:
        folder: `RESULTS/Dataset…/TRAINER__PLANS__CONFIGURATION`, or the folder above it.
        origin: What its user says of it.
        folds: Of its ensemble; None for all that are there.
        configuration: Where several were trained; None for the one with most stages.
        on_network: Told how many checkpoints have been read.

    Raises:
        ModelError: one line for whatever is missing, broken, unsafe or not run here.
    """
    trained = find_results(folder, configuration)
    plans = JsonTable.read(trained.path / "plans.json", missing="NO_PLANS", reason=BAD_PLANS)
    dataset = JsonTable.read(trained.path / "dataset.json", missing="NO_DATASET_JSON", reason=BAD_PLANS)
    labels = read_labels(dataset)
    stages = _stages(trained, plans, folds)
    structures = name_structures((name for name, _ in labels.structures), origin.names)
    if not structures:
        raise ModelError("the map of structures leaves none", reason="BAD_STRUCTURE_MAP")
    orientation, notes = _orientation(plans, origin)
    tables = [
        stage_document(plans, one.configuration, networks=len(one.folds), mirror_axes=one.mirror_axes())
        for one in stages
    ]
    document = _document(plans, dataset, labels, structures, origin, orientation=orientation, stages=tables)
    document["made_from"] = _made_from(plans, stages)
    weights = _weights(document, stages, on_network)
    return ImportedModel(document=document, weights=weights, structures=structures, notes=notes)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stage:
    configuration: str
    folder: Path
    folds: tuple[str, ...]

    def checkpoint(self, fold: str) -> Path:
        return self.folder / f"fold_{fold}" / CHECKPOINT

    def mirror_axes(self) -> tuple[int, ...]:
        """From the first fold's checkpoint, as nnU-Net takes it."""
        axes = read_checkpoint(self.checkpoint(self.folds[0])).get("inference_allowed_mirroring_axes")
        if axes is None:
            return ()
        if not isinstance(axes, (list, tuple)) or not all(type(axis) is int and 0 <= axis <= 2 for axis in axes):
            raise ModelError(f"the checkpoint mirrors along {axes!r}, expected axes 0 to 2", reason="BAD_CHECKPOINT")
        return tuple(axes)


def _stages(trained: TrainedFolder, plans: JsonTable, folds: Sequence[str] | None) -> list[_Stage]:
    trained = _configured(trained, plans, folds)
    last = _Stage(configuration=trained.configuration, folder=trained.path, folds=trained.folds(folds))
    previous = configuration_of(plans, trained.configuration).values.get("previous_stage")
    if not previous:
        return [last]
    path = trained.path.with_name(f"{trained.path.name.rpartition('__')[0]}__{previous}")
    if not path.is_dir():
        raise ModelError(
            f"{trained.configuration} is the second stage of a cascade; its first, {path.name}, is missing beside it",
            reason="NO_PLANS",
        )
    first = TrainedFolder(path=path, configuration=str(previous))
    return [_Stage(configuration=str(previous), folder=path, folds=first.folds(folds)), last]


def _configured(trained: TrainedFolder, plans: JsonTable, folds: Sequence[str] | None) -> TrainedFolder:
    """With the configuration that the checkpoint names, where the folder's name does not tell."""
    if trained.configuration in plans.take("configurations", dict):
        return trained
    arguments = read_checkpoint(trained.path / f"fold_{trained.folds(folds)[0]}" / CHECKPOINT).get("init_args")
    named = arguments.get("configuration") if isinstance(arguments, dict) else None
    if not isinstance(named, str):
        raise ModelError("neither folder nor checkpoint names the configuration", reason=BAD_PLANS)
    return TrainedFolder(path=trained.path, configuration=named)


def _orientation(plans: JsonTable, origin: Origin) -> tuple[str, tuple[str, ...]]:
    if origin.orientation:
        return origin.orientation, ()
    known = orientation_of(plans)
    if known is not None:
        return known, ()
    return "LPS", (
        "How its training images were turned is not in its files; LPS, as DICOM has it, is assumed. If they lay "
        "in RAS, left and right would be exchanged: look at one contoured patient, and import again with --orientation",
    )


def _document(
    plans: JsonTable,
    dataset: JsonTable,
    labels: Labels,
    structures: Sequence[NamedStructure],
    origin: Origin,
    *,
    orientation: str,
    stages: list[dict[str, Any]],
) -> dict[str, Any]:
    by_source = dict(labels.structures)
    licence = dataset.values.get("licence", dataset.values.get("license", ""))
    return {
        "schema": 1,
        "kind": "label map",
        "name": origin.name,
        "version": origin.version,
        "region": str(dataset.values.get("name") or plans.take("dataset_name", str, "unknown"))[:64],
        "licence": origin.licence or str(licence)[:200] or "not stated; ask the model's makers",
        "orientation": orientation,
        "answer": labels.answer,
        "channels": labels.channels,
        "paint": list(labels.paint),
        "stages": stages,
        "structures": [
            {"name": one.name, "source": one.source, "labels": list(by_source[one.source])} for one in structures
        ],
    }


def _made_from(plans: JsonTable, stages: Sequence[_Stage]) -> str:
    folds = "; ".join(f"{one.configuration}, folds {', '.join(one.folds)}" for one in stages)
    return f"nnU-Net v2, {plans.take('dataset_name', str, 'unnamed')[:64]}, {folds}"


def _weights(
    document: Mapping[str, Any], stages: Sequence[_Stage], on_network: Callable[[int, int], None]
) -> dict[str, torch.Tensor]:
    spec = label_spec_of(tomli_w.dumps(dict(document)))
    weights: dict[str, torch.Tensor] = {}
    total, done = sum(len(one.folds) for one in stages), 0
    for number, stage in enumerate(stages):
        expected = own_tensors(label_networks(spec, number, count=1)[0])
        for network, fold in enumerate(stage.folds):
            path = stage.checkpoint(fold)
            found = read_checkpoint(path).get("network_weights")
            name = f"{path.parent.name}/{path.name}"
            for key, value in chosen_tensors(found, expected, name=name).items():
                weights[tensor_name(number, network, key)] = value
            done += 1
            on_network(done, total)
    return weights
