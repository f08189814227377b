"""A MONAI bundle as a model of ours: read as data, nothing in the folder is executed.

    <bundle>/
        configs/inference.json      network_def, preprocessing, inferer, postprocessing
        configs/metadata.json       names of channels, licence
        models/model.pt             or another, named with `checkpoint`

MONAI's axes are x, y, z; its images are resampled whole, with the first voxel in its place, and normalised after.
"""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tomli_w
import torch

from contour.errors import ModelError
from contour.importing.checkpoint import chosen_tensors, read_checkpoint
from contour.importing.imported import ImportedModel, Origin
from contour.importing.json_table import JsonTable
from contour.importing.monai_answer import BundleAnswer, channel_names, read_answer, require_one_ct
from contour.importing.monai_config import BAD_BUNDLE, Component, Entry, printable, read_config, short
from contour.importing.monai_transforms import Preparation, read_preparation, read_windows
from contour.importing.naming import NamedStructure, name_structures
from contour.segmentation.label_model import label_networks, own_tensors, tensor_name
from contour.segmentation.labelmaps.networks import MONAI_ARGUMENTS, without_memory
from contour.segmentation.labelmaps.spec import LabelSpec, label_spec_of

CHECKPOINT = "models/model.pt"
_NESTED = ("state_dict", "model", "net", "network", "model_state_dict", "network_weights")
_CHANNELS = {"in_channels": 1, "out_channels": 2, "spatial_dims": 3}
_NOT_PLAIN = ("img_size", *_CHANNELS)
_LICENCES = ("LICENSE", "LICENSE.txt", "LICENSE.md", "license.txt", "docs/LICENSE", "docs/license.txt")
_LONGEST_LICENCE = 200


def read_bundle(folder: Path, origin: Origin, *, checkpoint: str = CHECKPOINT) -> ImportedModel:
    """A model from a MONAI bundle.

    Args:
        folder: Of the bundle, which holds `configs` and `models`.
        origin: What its user says of it.
        checkpoint: Of its weights, from the bundle's folder.

    Raises:
        ModelError: one line for whatever is missing, broken, unsafe or not run here.
    """
    config = read_config(folder)
    metadata = JsonTable.read(folder / "configs" / "metadata.json", missing="NO_METADATA", reason=BAD_BUNDLE)
    require_one_ct(metadata)
    network, channels = _network(config.find("network_def", "network"))
    preparation = read_preparation(config.find("preprocessing", "dataset#transform"))
    answer = read_answer(config.find("postprocessing", "evaluator#postprocessing"))
    if answer.answer == "labels" and channels < 2:
        raise ModelError("the network has one channel of which an argmax is taken", reason=BAD_BUNDLE)
    named = channel_names(metadata, channels, answer.answer)
    structures = name_structures((name for name, _ in named), origin.names)
    if not structures:
        raise ModelError("the map of structures leaves none", reason="BAD_STRUCTURE_MAP")
    orientation, notes = _orientation(preparation, origin)
    document = {
        **_head(metadata, folder, origin),
        "made_from": f"MONAI bundle, {_title(metadata)} {_version(metadata)}, {checkpoint}",
        "orientation": orientation,
        "answer": answer.answer,
        "channels": channels,
        "paint": [],
        "stages": [_stage(network, preparation, answer, read_windows(config.find("inferer", "evaluator#inferer")))],
        "structures": _structures(structures, dict(named), answer),
    }
    weights = _weights(label_spec_of(tomli_w.dumps(document)), _checkpoint(folder, checkpoint))
    notes = (*notes, *preparation.notes, *answer.notes, *_licence_notes(folder))
    return ImportedModel(document=document, weights=weights, structures=structures, notes=notes)


def _network(entry: Entry) -> tuple[dict[str, Any], int]:
    """The table of a `spec.toml` for the network, and the channels of its answer."""
    component = entry.component()
    kind = component.name("monai.networks.nets")
    if kind not in MONAI_ARGUMENTS:
        raise ModelError(
            f"the network is a {short(component.target)}, expected {', '.join(MONAI_ARGUMENTS)}",
            reason="UNKNOWN_ARCHITECTURE",
        )
    component.require_only((*MONAI_ARGUMENTS[kind], *_NOT_PLAIN))
    dims, before, after = (
        component.argument(key, _CHANNELS[key]).whole() for key in ("spatial_dims", "in_channels", "out_channels")
    )
    if dims != 3:
        raise entry.bad(f"is {dims}-dimensional, expected a 3D network")
    if before != 1:
        raise ModelError(f"the model wants {before} channels of a patient, expected 1, a CT", reason="NOT_ONE_CHANNEL")
    return {"architecture": kind, "arguments": _arguments(component)}, after


def _arguments(network: Component) -> dict[str, Any]:
    """Those that a `spec.toml` can hold: what is null is the class's own default."""
    given = {key: network.argument(key).plain() for key in network.arguments() if key not in _NOT_PLAIN}
    for key, value in given.items():
        if value is not None and _holds_null(value):
            raise network.argument(key).bad("has a null in it, expected numbers, words and lists of them")
    return {key: value for key, value in given.items() if value is not None}


def _holds_null(value: object) -> bool:
    if isinstance(value, dict):
        return any(map(_holds_null, value.values()))
    return any(map(_holds_null, value)) if isinstance(value, list) else value is None


def _orientation(preparation: Preparation, origin: Origin) -> tuple[str, tuple[str, ...]]:
    known, said = preparation.orientation, origin.orientation
    if known and said and known != said:
        raise ModelError(f"the bundle turns its images to {known}, found orientation {said}", reason=BAD_BUNDLE)
    if known or said:
        return known or said, ()
    return "LPS", (
        "It does not turn its images; that they are stored as LPS, as DICOM has it, is assumed. Were they RAS, left "
        "and right would be exchanged: look at one contoured patient, and import again with --orientation",
    )


def _head(metadata: JsonTable, folder: Path, origin: Origin) -> dict[str, Any]:
    return {
        "schema": 1,
        "kind": "label map",
        "name": origin.name,
        "version": origin.version,
        "region": _title(metadata),
        "licence": origin.licence or _licence(metadata, folder) or "not stated; ask the model's makers",
    }


def _title(metadata: JsonTable) -> str:
    return printable(str(metadata.values.get("name") or metadata.values.get("task") or "unnamed"))[:64]


def _version(metadata: JsonTable) -> str:
    return printable(str(metadata.values.get("version", "")))[:32]


def _stage(
    network: Mapping[str, Any], preparation: Preparation, answer: BundleAnswer, windows: Mapping[str, Any]
) -> dict[str, Any]:
    return {
        "name": "bundle",
        "networks": 1,
        "network": network,
        "transpose": list(preparation.transpose),
        "spacing_mm": list(preparation.spacing_mm),
        "steps": preparation.steps,
        "normalisation": list(preparation.normalisation),
        "windows": windows,
        "image_sampling": {"order": preparation.order, "separate": "never", "alignment": "spacing"},
        "answer_sampling": {"order": min(answer.order, preparation.order), "separate": "never", "alignment": "spacing"},
        "answer_values": answer.values,
    }


def _structures(
    structures: tuple[NamedStructure, ...], channels: Mapping[str, int], answer: BundleAnswer
) -> list[dict[str, Any]]:
    tables: list[dict[str, Any]] = []
    for one in structures:
        channel = channels[one.source]
        table: dict[str, Any] = {"name": one.name, "source": one.source, "labels": [channel]}
        if answer.one_part is not None and (not answer.one_part or channel in answer.one_part):
            table["keep_parts"] = 1
        tables.append(table)
    return tables


def _checkpoint(folder: Path, name: str) -> Path:
    """The file of the weights; TorchScript, which is a program, is refused (TORCHSCRIPT)."""
    path = folder / name
    script = path.with_suffix(".ts")
    if path.suffix == ".ts" or (not path.is_file() and script.is_file()) or _is_script(path):
        raise ModelError(
            f"{(path if path.is_file() else script).name} is TorchScript, a program, which is not run; expected a "
            "checkpoint of weights like model.pt",
            reason="TORCHSCRIPT",
        )
    return path


def _is_script(path: Path) -> bool:
    if not path.is_file() or not zipfile.is_zipfile(path):
        return False
    try:
        with zipfile.ZipFile(path) as archive:
            return any(name.endswith("/constants.pkl") for name in archive.namelist())
    except (zipfile.BadZipFile, OSError, ValueError):
        return False


def _weights(spec: LabelSpec, path: Path) -> dict[str, torch.Tensor]:
    expected = _expected(spec)
    content: Mapping[str, Any] = read_checkpoint(path)
    found = next((content[key] for key in _NESTED if isinstance(content.get(key), dict)), content)
    chosen = chosen_tensors(found, expected, name=f"{path.parent.name}/{path.name}")
    return {tensor_name(0, 0, key): value for key, value in chosen.items()}


def _expected(spec: LabelSpec) -> dict[str, torch.Tensor]:
    """The network's tensors, without memory; it has been asked for a window of its size, without memory too.

    Raises:
        ModelError: it does not take such a window, or answers in another size; reason BAD_BUNDLE.
    """
    patch = spec.stages[0].windows.patch
    with without_memory(), torch.no_grad():
        network = label_networks(spec, 0, count=1)[0].eval()
        try:
            answer = network(torch.zeros((1, 1, *patch)))
        except (AssertionError, IndexError, NotImplementedError, RuntimeError, TypeError, ValueError) as error:
            raise ModelError(
                f"the network takes no windows of {' x '.join(map(str, patch))} voxels", reason=BAD_BUNDLE
            ) from error
    answer = answer if isinstance(answer, torch.Tensor) else answer[0]
    if tuple(answer.shape) != (1, spec.channels, *patch):
        raise ModelError(
            f"the network answers {tuple(answer.shape[1:])} to a window of {tuple(patch)}, expected its size",
            reason=BAD_BUNDLE,
        )
    return own_tensors(network)


def _licence(metadata: JsonTable, folder: Path) -> str:
    """From the metadata, else the first line of the bundle's licence file."""
    said = metadata.values.get("licence", metadata.values.get("license"))
    if isinstance(said, str) and said.strip():
        return printable(said)[:_LONGEST_LICENCE]
    text = next((text for name in _LICENCES if (text := _text(folder / name))), "")
    if "Apache License" in text and "Version 2.0" in text:
        return "Apache-2.0"
    return _first_line(text)


def _licence_notes(folder: Path) -> tuple[str, ...]:
    data = _first_line(_text(folder / "docs" / "data_license.txt"))
    return (f"Its training data have a licence of their own: {data}",) if data else ()


def _first_line(text: str) -> str:
    return next((printable(line) for line in text.splitlines() if line.strip()), "")[:_LONGEST_LICENCE]


def _text(path: Path) -> str:
    if not path.is_file():
        return ""
    with path.open(encoding="utf-8", errors="replace") as file:
        return file.read(4096)
