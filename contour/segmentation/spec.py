"""What a model is, read from its `spec.toml`: data only, every key known, every value checked."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from typing import Any

from contour.errors import ModelError
from contour.segmentation.spec_table import SpecTable
from registration.grid import Shape, Triple

SCHEMA = 1
_MAX_PATCH_VOXELS = 512**3


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkSpec:
    """Which network class, with which plain arguments."""

    architecture: str
    arguments: tuple[tuple[str, Any], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class InputSpec:
    """How a CT becomes the network's input.

    `windows_hu` gives one channel per (low, high): clipped to it and scaled to -1 … 1. Outside the body every
    voxel is `outside_hu`. `overlap` is the share by which neighbouring windows overlap. With `mirrored_too` the network
    is asked a second time with left and right exchanged, and the two answers are averaged.
    """

    spacing_zyx_mm: Triple
    patch_zyx: Shape
    windows_hu: tuple[tuple[float, float], ...]
    outside_hu: float
    margin_mm: float
    overlap: float
    mirrored_too: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class StructureSpec:
    """One structure the network answers with, in channel order, and its clean-up rules.

    `keep_parts` keeps that many largest parts (0: all); parts under `smallest_part_ml` go; holes up to
    `fill_holes_ml` are filled. `mirror` names the structure it becomes in a left/right mirror image. `trained_from`
    names the contours that put together are this structure in training data. A `proposal` (a target, drawn from the
    CT alone) is marked as such wherever it is written. It is drawn where the network's answer is at least the
    `operating_point`, 0 to 1.
    """

    name: str
    mirror: str
    trained_from: tuple[str, ...]
    proposal: bool
    operating_point: float
    keep_parts: int
    smallest_part_ml: float
    fill_holes_ml: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSpec:
    """A model: its name and version, its network, its input and its structures."""

    name: str
    version: str
    region: str
    licence: str
    network: NetworkSpec
    input: InputSpec
    structures: tuple[StructureSpec, ...]

    @property
    def structure_names(self) -> tuple[str, ...]:
        """TG-263 names in channel order."""
        return tuple(structure.name for structure in self.structures)

    @property
    def mirror_channels(self) -> tuple[int, ...]:
        """For each channel, the channel it becomes in a left/right mirror image."""
        return tuple(self.structure_names.index(structure.mirror) for structure in self.structures)


def parse_spec(text: str) -> ModelSpec:
    """Read a `spec.toml`.

    Raises:
        ModelError: not TOML, a key missing or unknown, or a value out of range; reason BAD_MODEL_SPEC.
    """
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _bad(f"not TOML: {error}") from error
    reader = SpecTable(document, "spec")
    if reader.take("schema", int) != SCHEMA:
        raise _bad(f"schema is {document['schema']}, expected {SCHEMA}")
    spec = ModelSpec(
        name=reader.take("name", str),
        version=reader.take("version", str),
        region=reader.take("region", str),
        licence=reader.take("licence", str),
        network=read_network(reader.table("network")),
        input=_input(reader.table("input")),
        structures=tuple(read_structure(table) for table in reader.tables("structures")),
    )
    reader.finish()
    names = spec.structure_names
    if not names or len({name.upper() for name in names}) != len(names):
        raise _bad(f"structures must be named, each once, found {list(names)}")
    for structure in spec.structures:
        if structure.mirror not in names:
            raise _bad(f"{structure.name} mirrors to {structure.mirror!r}, which is not one of {list(names)}")
    return spec


def read_network(reader: SpecTable) -> NetworkSpec:
    """The table that names a network class and its arguments."""
    arguments = reader.table("arguments")
    network = NetworkSpec(
        architecture=reader.take("architecture", str), arguments=tuple(sorted(arguments.values.items()))
    )
    reader.finish()
    return network


def _input(reader: SpecTable) -> InputSpec:
    spacing = reader.numbers("spacing_zyx_mm", 3)
    patch = reader.numbers("patch_zyx", 3)
    windows = reader.take("windows_hu", list)
    parsed = InputSpec(
        spacing_zyx_mm=(spacing[0], spacing[1], spacing[2]),
        patch_zyx=(int(patch[0]), int(patch[1]), int(patch[2])),
        windows_hu=tuple(_window(window) for window in windows),
        outside_hu=reader.number("outside_hu"),
        margin_mm=reader.number("margin_mm"),
        overlap=reader.number("overlap"),
        mirrored_too=reader.take("mirrored_too", bool, False),
    )
    reader.finish()
    if not all(0.1 <= step <= 20 for step in parsed.spacing_zyx_mm):
        raise _bad(f"spacing_zyx_mm must be 0.1 to 20 mm, found {parsed.spacing_zyx_mm}")
    if not all(8 <= size <= 512 for size in parsed.patch_zyx) or _product(parsed.patch_zyx) > _MAX_PATCH_VOXELS:
        raise _bad(f"patch_zyx must be 8 to 512 voxels along each axis, found {parsed.patch_zyx}")
    if not parsed.windows_hu:
        raise _bad("windows_hu must hold at least one (low, high) pair")
    if not 0 <= parsed.overlap < 0.9:
        raise _bad(f"overlap must be at least 0 and under 0.9, found {parsed.overlap}")
    return parsed


def _window(pair: object) -> tuple[float, float]:
    match pair:
        case [int() | float() as low, int() | float() as high] if low < high:
            return float(low), float(high)
        case _:
            raise _bad(f"a window is a pair low < high in HU, found {pair}")


def read_structure(reader: SpecTable) -> StructureSpec:
    """The table of one structure; refuses what is left in it."""
    name = reader.take("name", str)
    structure = StructureSpec(
        name=name,
        mirror=reader.take("mirror", str, name),
        trained_from=reader.words("trained_from", (name,)),
        proposal=reader.take("proposal", bool, False),
        operating_point=reader.number("operating_point", 0.5),
        keep_parts=reader.take("keep_parts", int, 0),
        smallest_part_ml=reader.number("smallest_part_ml", 0.0),
        fill_holes_ml=reader.number("fill_holes_ml", 0.0),
    )
    reader.finish()
    if not 0.01 <= structure.operating_point <= 0.99:
        raise _bad(f"operating_point of {name} must be 0.01 to 0.99, found {structure.operating_point}")
    if structure.keep_parts < 0 or structure.smallest_part_ml < 0 or structure.fill_holes_ml < 0:
        raise _bad(f"clean-up rules of {name} must not be negative")
    return structure


def _product(shape: Shape) -> int:
    a, b, c = shape
    return a * b * c


def _bad(message: str) -> ModelError:
    return ModelError(message, reason="BAD_MODEL_SPEC")
