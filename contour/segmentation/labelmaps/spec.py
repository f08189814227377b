"""What a label-map model is, read from its `spec.toml`: data only, every key known, every value checked.

Array axes: a model sees the CT turned as its training images were (`orientation`), then transposed. Everything in a
stage (`spacing_mm`, `patch`, `mirror_axes`) is in the order of the stage's own axes.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast, get_args

from contour.errors import ModelError
from contour.segmentation.labelmaps.normalisation import NormalisationSpec, read_normalisation
from contour.segmentation.labelmaps.sampling import Alignment, Sampling, Separate
from contour.segmentation.spec import NetworkSpec, StructureSpec, read_network, read_structure
from contour.segmentation.spec_table import SpecTable
from registration.grid import Shape, Triple

KIND = "label map"
Answer = Literal["labels", "regions", "independent"]
Placement = Literal["even", "strided"]
Padding = Literal["zeros", "edge"]
Steps = Literal["crop, normalise, resample", "resample, normalise", "normalise, resample"]
AnswerValues = Literal["logits", "probabilities"]

_MOST_LABELS = 1000
_MOST_NETWORKS = 10
_MAX_PATCH_VOXELS = 512**3


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowSpec:
    """Which windows of a volume the network is shown, and how their answers are put together.

    Args:
        patch: Voxels along each axis.
        overlap: Share by which neighbouring windows overlap.
        placement: `even`: spread evenly (nnU-Net); `strided`: at whole steps, the last one at the end (MONAI).
        gaussian: A window counts most at its centre; otherwise everywhere the same.
        mirror_axes: Along which the network is asked mirrored too, in every combination.
        padding: What lies around a volume that is smaller than the patch.
    """

    patch: Shape
    overlap: float
    placement: Placement
    gaussian: bool
    mirror_axes: tuple[int, ...]
    padding: Padding


@dataclass(frozen=True, slots=True, kw_only=True)
class StageSpec:
    """One network (or an ensemble of `networks` of the same plan, whose logits are averaged) with its grid.

    A second stage is shown the first one's labels, one channel each, brought to its grid by `label_sampling`.

    Args:
        steps: What is done to a CT, in this order; nnU-Net crops it to what is not 0, MONAI resamples the whole scan.
        answer_values: What is brought back to the CT's voxels by `answer_sampling`.
    """

    name: str
    networks: int
    network: NetworkSpec
    transpose: tuple[int, int, int]
    spacing_mm: Triple
    steps: Steps
    normalisation: tuple[NormalisationSpec, ...]
    windows: WindowSpec
    image_sampling: Sampling
    answer_sampling: Sampling
    answer_values: AnswerValues
    label_sampling: Sampling | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelStructure:
    """A structure, what the model's makers call it, and the labels it is made of (of channels, where independent)."""

    rules: StructureSpec
    source: str
    labels: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelSpec:
    """A label-map model.

    Args:
        name: Of the model's folder.
        version: Of the model.
        region: Of the body.
        licence: Of the weights.
        made_from: Where it was imported from.
        orientation: Towards which side the axes x, y, z of its training images ran: LPS, RAS and the like.
        answer: `labels`: the channel with the highest logit wins; `regions`: each channel above a half paints its
            label, later ones over earlier ones; `independent`: each channel above a half is a structure of its own.
        channels: Of the answer, background included where there is one.
        paint: For `regions` the label of each channel.
        stages: One, or two for a cascade.
        structures: What it contours.
    """

    name: str
    version: str
    region: str
    licence: str
    made_from: str
    orientation: str
    answer: Answer
    channels: int
    paint: tuple[int, ...]
    stages: tuple[StageSpec, ...]
    labelled: tuple[LabelStructure, ...]

    @property
    def structures(self) -> tuple[StructureSpec, ...]:
        """Names and clean-up rules."""
        return tuple(one.rules for one in self.labelled)

    @property
    def structure_names(self) -> tuple[str, ...]:
        """TG-263 names where the table has one."""
        return tuple(one.rules.name for one in self.labelled)

    @property
    def foreground_labels(self) -> tuple[int, ...]:
        """Every label but the background, in order: the channels that a second stage is shown."""
        labels = self.paint if self.answer == "regions" else range(1, self.channels)
        return tuple(sorted(set(labels) - {0}))


def parse_label_spec(document: Mapping[str, Any]) -> LabelSpec:
    """Read the document of a `spec.toml` whose kind is `label map`.

    Raises:
        ModelError: a key missing or unknown, or a value out of range; reason BAD_MODEL_SPEC.
    """
    reader = SpecTable(dict(document), "spec")
    reader.take("schema", int)
    reader.take("kind", str)
    spec = LabelSpec(
        name=reader.take("name", str),
        version=reader.take("version", str),
        region=reader.take("region", str),
        licence=reader.take("licence", str),
        made_from=reader.take("made_from", str, "unknown"),
        orientation=_orientation(reader.take("orientation", str)),
        answer=cast(Answer, _one_of(reader, "answer", ("labels", "regions", "independent"))),
        channels=_whole(reader, "channels", 1, _MOST_LABELS),
        paint=_wholes(reader, "paint", _MOST_LABELS),
        stages=tuple(_stage(table) for table in reader.tables("stages")),
        labelled=tuple(_structure(table) for table in reader.tables("structures")),
    )
    reader.finish()
    _require_whole(spec)
    return spec


def label_spec_of(text: str) -> LabelSpec:
    """As `parse_label_spec`, from the text."""
    return parse_label_spec(tomllib.loads(text))


def _require_whole(spec: LabelSpec) -> None:
    names = [name.casefold() for name in spec.structure_names]
    if not names or len(set(names)) != len(names):
        raise _bad(f"structures must be named, each once, found {list(spec.structure_names)}")
    if not 1 <= len(spec.stages) <= 2:
        raise _bad(f"a model has one stage or two, found {len(spec.stages)}")
    if (len(spec.paint) == spec.channels) != (spec.answer == "regions"):
        raise _bad(f"paint must hold a label for each of {spec.channels} regions, found {list(spec.paint)}")
    known = set(spec.paint) if spec.answer == "regions" else set(range(spec.channels))
    if spec.answer == "labels":
        known.discard(0)
    for one in spec.labelled:
        if not one.labels or not set(one.labels) <= known:
            raise _bad(f"{one.rules.name} is made of the labels {list(one.labels)}; the model has {sorted(known)}")


def _stage(reader: SpecTable) -> StageSpec:
    spacing = reader.numbers("spacing_mm", 3)
    transpose = _wholes(reader, "transpose", 2)
    stage = StageSpec(
        name=reader.take("name", str),
        networks=_whole(reader, "networks", 1, _MOST_NETWORKS),
        network=read_network(reader.table("network")),
        transpose=cast(tuple[int, int, int], transpose),
        spacing_mm=(spacing[0], spacing[1], spacing[2]),
        steps=cast(Steps, _one_of(reader, "steps", get_args(Steps), default=get_args(Steps)[0])),
        normalisation=_normalisation(reader),
        windows=_windows(reader.table("windows")),
        image_sampling=_sampling(reader.table("image_sampling")),
        answer_sampling=_sampling(reader.table("answer_sampling")),
        answer_values=cast(AnswerValues, _one_of(reader, "answer_values", get_args(AnswerValues), default="logits")),
        label_sampling=_sampling(reader.table("label_sampling")) if "label_sampling" in reader.values else None,
    )
    reader.finish()
    if sorted(transpose) != [0, 1, 2]:
        raise _bad(f"transpose must be an order of 0, 1, 2, found {list(transpose)}")
    if not all(0.1 <= step <= 20 for step in spacing):
        raise _bad(f"spacing_mm must be 0.1 to 20 mm, found {spacing}")
    return stage


def _normalisation(reader: SpecTable) -> tuple[NormalisationSpec, ...]:
    """One table, or several steps in a row."""
    several = isinstance(reader.values.get("normalisation"), list)
    tables = reader.tables("normalisation") if several else [reader.table("normalisation")]
    return tuple(read_normalisation(table) for table in tables)


def _windows(reader: SpecTable) -> WindowSpec:
    patch = reader.numbers("patch", 3)
    windows = WindowSpec(
        patch=(int(patch[0]), int(patch[1]), int(patch[2])),
        overlap=reader.number("overlap"),
        placement=cast(Placement, _one_of(reader, "placement", ("even", "strided"))),
        gaussian=reader.take("gaussian", bool),
        mirror_axes=_wholes(reader, "mirror_axes", 2),
        padding=cast(Padding, _one_of(reader, "padding", get_args(Padding), default="zeros")),
    )
    reader.finish()
    a, b, c = windows.patch
    if not all(8 <= size <= 512 for size in windows.patch) or a * b * c > _MAX_PATCH_VOXELS:
        raise _bad(f"patch must be 8 to 512 voxels along each axis, found {windows.patch}")
    if not 0 <= windows.overlap < 0.9:
        raise _bad(f"overlap must be at least 0 and under 0.9, found {windows.overlap}")
    if len(set(windows.mirror_axes)) != len(windows.mirror_axes):
        raise _bad(f"mirror_axes must name each axis once, found {list(windows.mirror_axes)}")
    return windows


def _sampling(reader: SpecTable) -> Sampling:
    sampling = Sampling(
        order=_whole(reader, "order", 0, 5),
        order_across=_whole(reader, "order_across", 0, 5, default=0),
        separate=cast(Separate, _one_of(reader, "separate", ("auto", "never", "always"), default="auto")),
        alignment=cast(Alignment, _one_of(reader, "alignment", ("edges", "spacing"), default="edges")),
    )
    reader.finish()
    return sampling


def _structure(reader: SpecTable) -> LabelStructure:
    source = reader.take("source", str, reader.values.get("name", ""))
    labels = _wholes(reader, "labels", _MOST_LABELS)
    return LabelStructure(rules=read_structure(reader), source=source, labels=labels)


def _orientation(code: str) -> str:
    if len(code) == 3 and all(letter in sides for letter, sides in zip(code, ("LR", "PA", "SI"), strict=True)):
        return code
    raise _bad(f"orientation must be like LPS or RAS, x then y then z, found {code!r}")


def _one_of(reader: SpecTable, key: str, choices: tuple[str, ...], *, default: str | None = None) -> str:
    value = reader.take(key, str, default)
    if value not in choices:
        raise _bad(f"{reader.where}.{key} must be one of {', '.join(choices)}, found {value!r}")
    return value


def _whole(reader: SpecTable, key: str, least: int, most: int, *, default: int | None = None) -> int:
    value = reader.take(key, int, default)
    if not least <= value <= most:
        raise _bad(f"{reader.where}.{key} must be {least} to {most}, found {value}")
    return value


def _wholes(reader: SpecTable, key: str, most: int) -> tuple[int, ...]:
    values = reader.take(key, list)
    if not all(type(value) is int and 0 <= value <= most for value in values):
        raise _bad(f"{reader.where}.{key} must be whole numbers from 0 to {most}, found {values}")
    return tuple(values)


def _bad(message: str) -> ModelError:
    return ModelError(message, reason="BAD_MODEL_SPEC")
