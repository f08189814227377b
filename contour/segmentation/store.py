"""Model folders: found, proven against their manifest, loaded as data; and written the same way.

A folder of models holds `manifest.toml`, which gives the sha256 of every file, and one sub-folder per model with
`spec.toml`, `weights.safetensors`, `card.md` and any of `FURTHER_FILES`. Bytes are hashed first and parsed after; no
format in it can carry code.
"""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import safetensors
import safetensors.torch
import torch
from torch import nn

from contour.errors import ModelError, NotFoundError
from contour.segmentation.calibration import Calibration, parse_calibration
from contour.segmentation.expected_anatomy import ExpectedAnatomy, parse_anatomy
from contour.segmentation.label_model import LabelModel, label_weights, load_label_model, own_tensors, read_spec
from contour.segmentation.labelmaps.spec import LabelSpec
from contour.segmentation.model_folder import (
    ANATOMY,
    CALIBRATION,
    CARD,
    EVALUATION,
    MODEL_NAME,
    NO_FILES,
    SPEC,
    WEIGHTS,
    fingerprint_of,
    only_further,
    proven,
    read_manifest,
    write_model,
)
from contour.segmentation.networks import build_network
from contour.segmentation.spec import ModelSpec, parse_spec

EXTERNAL = "External"
"""Contoured by rule, whatever the model."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredDice:
    """How well one structure was contoured on patients that the model had not seen."""

    structure: str
    patients: int
    mean: float
    worst: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCard:
    """What a user is told of a model before it is loaded."""

    name: str
    version: str
    region: str
    licence: str
    structures: tuple[str, ...]
    size_bytes: int
    text: str
    measured: tuple[MeasuredDice, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedModel:
    """A network in memory, ready for any number of scans.

    `calibration` is None where it was never calibrated, `anatomy` where it does not know its training patients.
    """

    card: ModelCard
    spec: ModelSpec
    network: nn.Module
    device: str
    calibration: Calibration | None = None
    anatomy: ExpectedAnatomy | None = None


Model = LoadedModel | LabelModel
"""Either kind of model in memory: what `segment` takes."""


class ModelStore:
    """The models in one or more folders; a name is looked up in the order of the folders."""

    def __init__(self, folders: Sequence[Path]) -> None:
        self._folders = tuple(folders)

    def names(self) -> tuple[str, ...]:
        """Every installed model's name, each once."""
        return tuple(dict.fromkeys(name for folder in self._folders for name in read_manifest(folder)))

    def card(self, name: str) -> ModelCard:
        """A model's card; its small files are checked against the manifest, its weights only for being there.

        Raises:
            NotFoundError: no such model; reason UNKNOWN_MODEL.
            ModelError: a file is missing or is not what the manifest says.
        """
        folder, files = self._find(name)
        return _card(folder, files, read_spec(proven(folder, SPEC, files).decode("utf-8", "replace")))

    def cards(self) -> tuple[ModelCard, ...]:
        """The cards of all installed models."""
        return tuple(self.card(name) for name in self.names())

    def load(self, name: str, *, device: str, exact: bool = False) -> Model:
        """A model, its weights proven by sha256, on `device`: `cpu` or `cuda`.

        Args:
            name: Of the model.
            device: Where its networks are computed.
            exact: A label-map model then answers as nnU-Net's own predictor would, slowly; no matter for others.

        Raises:
            NotFoundError: no such model; reason UNKNOWN_MODEL.
            ModelError: a file is missing, is not what the manifest says, or the weights do not fit the network.
        """
        folder, files = self._find(name)
        spec = read_spec(proven(folder, SPEC, files).decode("utf-8", "replace"))
        if isinstance(spec, LabelSpec):
            data = proven(folder, WEIGHTS, files)
            return load_label_model(spec, data, _card(folder, files, spec), device=device, exact=exact)
        network = build_network(spec)
        _fill(network, proven(folder, WEIGHTS, files), name)
        network = network.eval().to(device, memory_format=torch.channels_last_3d)  # type: ignore[call-overload]
        return LoadedModel(
            card=_card(folder, files, spec),
            spec=spec,
            network=network,
            device=device,
            calibration=_calibration(folder, files, spec),
            anatomy=_anatomy(folder, files, spec),
        )

    def load_trainable(self, name: str, *, device: str) -> LoadedModel:
        """As `load`, for what only a model trained here can do: fine-tuning, calibration, anatomy.

        Raises:
            ModelError: it is a label-map model (NOT_TRAINABLE), or as `load`.
        """
        model = self.load(name, device=device)
        if isinstance(model, LabelModel):
            raise ModelError(
                f"{name} was imported and gives labels; this works with models trained here", reason="NOT_TRAINABLE"
            )
        return model

    def record_evaluation(
        self, name: str, *, card_text: str, evaluation: str, extra: Mapping[str, bytes] = NO_FILES
    ) -> None:
        """Replace a model's card, its measured results and the files in `extra`; all else stays.

        Raises:
            NotFoundError: no such model; reason UNKNOWN_MODEL.
            ModelError: a file of the model is not what the manifest says, or a name in `extra` is none of
                `FURTHER_FILES` (UNKNOWN_MODEL_FILE).
        """
        only_further(extra)
        self._record(name, {CARD: card_text.encode(), **extra, EVALUATION: evaluation.encode()})

    def further_file(self, name: str, file: str) -> bytes | None:
        """One of a model's `FURTHER_FILES`, proven against the manifest; None where it has none of that name.

        Raises:
            NotFoundError: no such model; reason UNKNOWN_MODEL.
            ModelError: the file is not what the manifest says.
        """
        folder, files = self._find(name)
        return proven(folder, file, files) if file in files else None

    def record_calibration(self, name: str, *, card_text: str, calibration: Calibration) -> None:
        """Replace a model's card and its calibration; its other files stay.

        Raises:
            NotFoundError: no such model; reason UNKNOWN_MODEL.
            ModelError: a file of the model is not what the manifest says.
        """
        self._record(name, {CARD: card_text.encode(), CALIBRATION: calibration.to_json().encode()})

    def record_anatomy(self, name: str, anatomy: ExpectedAnatomy) -> None:
        """Replace what a model knows of its training patients; its other files stay.

        Raises:
            NotFoundError: no such model; reason UNKNOWN_MODEL.
            ModelError: a file of the model is not what the manifest says.
        """
        self._record(name, {ANATOMY: anatomy.to_json().encode()})

    def fingerprint(self, name: str) -> str:
        """What a calibration is bound to: one hash over a model's spec and weights.

        Raises:
            NotFoundError: no such model; reason UNKNOWN_MODEL.
        """
        return fingerprint_of(self._find(name)[1])

    def _record(self, name: str, new: Mapping[str, bytes]) -> None:
        folder, files = self._find(name)
        kept = {file: proven(folder, file, files) for file in files if file not in new}
        write_model(folder, {**kept, **new})

    def _find(self, name: str) -> tuple[Path, Mapping[str, str]]:
        for folder in self._folders:
            manifest = read_manifest(folder)
            if name in manifest:
                return folder / name, manifest[name]
        raise NotFoundError(
            f"model {name!r} asked for; installed: {', '.join(self.names()) or 'none'}", reason="UNKNOWN_MODEL"
        )


def shipped_models_folder() -> Path:
    """The folder of models that came with this installation.

    Raises:
        NotFoundError: the installation has none.
    """
    spec = importlib.util.find_spec("weights")
    if spec is None or spec.origin is None:
        raise NotFoundError("this installation came without its weights/ folder", reason="UNKNOWN_MODEL")
    return Path(spec.origin).parent


def save_model(
    folder: Path,
    *,
    spec_text: str,
    weights: Mapping[str, torch.Tensor],
    card_text: str,
    evaluation: str | None = None,
    extra: Mapping[str, bytes] = NO_FILES,
) -> None:
    """Write a model folder and enter it in the manifest beside it; `folder.name` has to be the spec's name.

    Floating-point weights are stored as float16. Each file is written whole or not at all, the manifest last.

    Raises:
        ModelError: the spec is broken, the weights do not fit its network, or a name in `extra` is none of
            `FURTHER_FILES` (UNKNOWN_MODEL_FILE).
    """
    only_further(extra)
    spec = parse_spec(spec_text)
    if spec.name != folder.name or not MODEL_NAME.fullmatch(folder.name):
        raise ModelError(f"folder {folder.name!r} must be named as its spec's model, {spec.name!r}")
    network = build_network(spec)
    halves = {
        name: (value.half() if value.is_floating_point() else value).contiguous()
        for name, value in weights.items()
        if name in own_tensors(network)
    }
    files = {
        SPEC: spec_text.encode(),
        WEIGHTS: safetensors.torch.save(halves),
        CARD: card_text.encode(),
        **extra,
    }
    if evaluation is not None:
        files[EVALUATION] = evaluation.encode()
    _fill(network, files[WEIGHTS], spec.name)
    write_model(folder, files)


def save_label_model(folder: Path, *, spec_text: str, weights: Mapping[str, torch.Tensor], card_text: str) -> None:
    """As `save_model`, for a label-map model; weights keep their precision.

    Raises:
        ModelError: the spec is broken or not of a label-map model, or the weights do not fit its networks.
    """
    spec = read_spec(spec_text)
    if not isinstance(spec, LabelSpec):
        raise ModelError("this spec is not of a label-map model", reason="BAD_MODEL_SPEC")
    if spec.name != folder.name or not MODEL_NAME.fullmatch(folder.name):
        raise ModelError(f"folder {folder.name!r} must be named as its spec's model, {spec.name!r}")
    write_model(folder, {SPEC: spec_text.encode(), WEIGHTS: label_weights(spec, weights), CARD: card_text.encode()})


def _card(folder: Path, files: Mapping[str, str], spec: ModelSpec | LabelSpec) -> ModelCard:
    measured: tuple[MeasuredDice, ...] = ()
    if EVALUATION in files:
        report = json.loads(proven(folder, EVALUATION, files))
        measured = tuple(
            MeasuredDice(structure=row["structure"], patients=row["n"], mean=row["mean"], worst=row["worst"])
            for row in report["dice"]
        )
    weights = folder / WEIGHTS
    return ModelCard(
        name=spec.name,
        version=spec.version,
        region=spec.region,
        licence=spec.licence,
        structures=(EXTERNAL, *spec.structure_names),
        size_bytes=weights.stat().st_size if weights.is_file() else 0,
        text=proven(folder, CARD, files).decode("utf-8", "replace"),
        measured=measured,
    )


def _calibration(folder: Path, files: Mapping[str, str], spec: ModelSpec) -> Calibration | None:
    if CALIBRATION not in files:
        return None
    text = proven(folder, CALIBRATION, files).decode("utf-8", "replace")
    return parse_calibration(text, spec, fingerprint=fingerprint_of(files))


def _anatomy(folder: Path, files: Mapping[str, str], spec: ModelSpec) -> ExpectedAnatomy | None:
    if ANATOMY not in files:
        return None
    return parse_anatomy(proven(folder, ANATOMY, files).decode("utf-8", "replace"), spec)


def _fill(network: nn.Module, data: bytes, name: str) -> None:
    try:
        tensors = safetensors.torch.load(data)
    except safetensors.SafetensorError as error:
        raise ModelError(f"the weights of {name} are not safetensors", reason="BAD_WEIGHTS") from error
    expected = own_tensors(network)
    missing, extra = sorted(set(expected) - set(tensors)), sorted(set(tensors) - set(expected))
    if missing or extra:
        raise ModelError(f"the weights of {name} lack {missing[:3]} and have unknown {extra[:3]}", reason="BAD_WEIGHTS")
    for key, value in tensors.items():
        if value.shape != expected[key].shape or not bool(torch.isfinite(value).all()):
            raise ModelError(
                f"weight {key} of {name} is {tuple(value.shape)} or not finite, expected {tuple(expected[key].shape)}",
                reason="BAD_WEIGHTS",
            )
    network.load_state_dict(tensors, strict=False)  # what is shared is filled under its first name
