"""What a protocol is: one request that takes structures from several models, and makes others from them.

    schema = 1
    name = "thorax"
    version = "1.0.0"
    description = "Lungs and cord of two models, with the cord's PRV"   # may be left out

    [[structures]]
    name = "External"                   # by rule, from no model
    [[structures]]
    name = "SpinalCord"
    from = "head_neck"                  # structure = "..." where the model calls it otherwise
    [[structures]]
    name = "Heart"
    from = ["model_a", "model_b"]       # an ensemble; structure may be a list, too
    vote = "majority"                   # more than half of them; or "any" or "all"
    keep = false                        # only to make others from, not written

    [[derived]]
    name = "SpinalCord_PRV05"
    grow = { of = "SpinalCord", margin_mm = 5.0 }                     # below 0 it shrinks
    [[derived]]
    name = "PTV"
    grow = { of = "CTV", margins_mm = { left = 5, right = 5, anterior = 7, posterior = 5, superior = 8, inferior = 8 } }
    [[derived]]
    name = "Lungs"
    union = ["Lung_L", "Lung_R"]        # or intersection = [...], or difference = ["A", "B", ...]: A without the others
    [[derived]]
    name = "PTV_Opt"
    crop = { of = "PTV", inside = "External", away_from = "SpinalCord", distance_mm = 3.0 }
    [[derived]]
    name = "Esophagus_Neck"
    crop = { of = "Esophagus", above = { inferior_end_of = "Larynx", plus_mm = -10 }, below = { superior_end_of = "Lungs" } }

    [overlaps]
    priority = ["GTVp", "SpinalCord"]   # of two [[structures]] that overlap the earlier keeps the voxels

Overlaps are settled first; then each derived structure is made in the order of the file, from what stands before it.
"""  # noqa: E501

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from contour.anatomy.combine import End
from contour.anatomy.margins import Margins

Vote = Literal["majority", "any", "all"]
Operation = Literal["union", "intersection", "difference"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A model, and what it calls the structure."""

    model: str
    structure: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """A structure that models draw: one alone, or several that vote. External comes from none."""

    name: str
    sources: tuple[Source, ...]
    vote: Vote = "majority"
    keep: bool = True

    @property
    def votes_needed(self) -> int:
        """How many of the models have to hold a voxel."""
        count = len(self.sources)
        return {"any": 1, "majority": count // 2 + 1, "all": count}[self.vote]


@dataclass(frozen=True, slots=True, kw_only=True)
class Grow:
    """A structure with margins; with negative ones it shrinks."""

    of: str
    margins: Margins


@dataclass(frozen=True, slots=True, kw_only=True)
class Combine:
    """Structures together, what they share, or the first without the others."""

    operation: Operation
    of: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Height:
    """The height of a structure's outermost voxel centres at one end, and so many mm towards the head."""

    of: str
    end: End
    plus_mm: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Crop:
    """What of a structure lies inside one, more than a distance from another, above and below heights; empty: any."""

    of: str
    inside: str = ""
    away_from: str = ""
    distance_mm: float = 0.0
    above: Height | None = None
    below: Height | None = None


Rule = Grow | Combine | Crop


@dataclass(frozen=True, slots=True, kw_only=True)
class Derived:
    """A structure made from others by a rule."""

    name: str
    rule: Rule
    keep: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class ProtocolSpec:
    """A protocol as `contour.segmentation.protocol_parser.parse_protocol` has checked it; `text` is its TOML."""

    name: str
    version: str
    description: str
    drawn: tuple[Drawn, ...]
    derived: tuple[Derived, ...]
    priority: tuple[str, ...]
    text: str

    @property
    def entries(self) -> tuple[Drawn | Derived, ...]:
        """All structures, in the order of the file: drawn, then derived."""
        return (*self.drawn, *self.derived)

    @property
    def structures(self) -> tuple[str, ...]:
        """The names of what is written."""
        return tuple(entry.name for entry in self.entries if entry.keep)

    @property
    def models(self) -> tuple[str, ...]:
        """The models that draw, each once."""
        return tuple(dict.fromkeys(source.model for entry in self.drawn for source in entry.sources))

    def needed_for(self, names: Iterable[str]) -> frozenset[str]:
        """These structures and all that they are made from; also whatever takes voxels from one that is drawn."""
        needed: set[str] = set(names)
        for entry in reversed(self.derived):
            if entry.name in needed:
                needed.update(operands_of(entry.rule))
        for place in range(len(self.priority) - 1, -1, -1):
            if self.priority[place] in needed:
                needed.update(self.priority[:place])
        return frozenset(needed)


def operands_of(rule: Rule) -> tuple[str, ...]:
    """The structures that a rule needs, each once, the one it starts from first."""
    match rule:
        case Grow(of=of):
            return (of,)
        case Combine(of=names):
            return tuple(dict.fromkeys(names))
        case Crop():
            heights = [height.of for height in (rule.above, rule.below) if height is not None]
            named = [name for name in (rule.inside, rule.away_from) if name]
            return tuple(dict.fromkeys((rule.of, *named, *heights)))


def how(entry: Drawn | Derived) -> str:
    """How a structure comes about, in plain characters, for a table or a structure set: `Lung_L grown by 5 mm`."""
    if isinstance(entry, Drawn):
        return _how_drawn(entry)
    match entry.rule:
        case Grow(of=of, margins=margins):
            return f"{of} {'shrunk' if margins.shrinks else 'grown'} by {_margins(margins)}"
        case Combine(operation="union", of=of):
            return f"{_listed(of)} together"
        case Combine(operation="intersection", of=of):
            return f"what {_listed(of)} share"
        case Combine(of=of):
            return f"{of[0]} without {_listed(of[1:])}"
        case Crop() as crop:
            return f"{crop.of}, {', '.join(_crop_words(crop))}"


def _how_drawn(entry: Drawn) -> str:
    if not entry.sources:
        return "the body's outline, by rule"
    parts = [
        source.model if source.structure == entry.name else f"{source.model} (there {source.structure})"
        for source in entry.sources
    ]
    if len(parts) == 1:
        return f"from {parts[0]}"
    return f"{entry.vote} of {_listed(parts)}"


def _margins(margins: Margins) -> str:
    if margins.is_all_round:
        return f"{abs(margins.left_mm):g} mm"
    sides = ("left", "right", "anterior", "posterior", "superior", "inferior")
    values = zip(sides, margins.values_mm, strict=True)
    return ", ".join(f"{abs(value):g} mm {side}" for side, value in values if value)


def _crop_words(crop: Crop) -> list[str]:
    words = []
    if crop.inside:
        words.append(f"inside {crop.inside}")
    if crop.away_from:
        words.append(f"{crop.distance_mm:g} mm away from {crop.away_from}")
    for side, height in (("above", crop.above), ("below", crop.below)):
        if height is not None:
            plus = f" {height.plus_mm:+g} mm" if height.plus_mm else ""
            words.append(f"{side} the {height.end} end of {height.of}{plus}")
    return words


def _listed(names: Iterable[str]) -> str:
    *most, last = names
    return f"{', '.join(most)} and {last}" if most else last
