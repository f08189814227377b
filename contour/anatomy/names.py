"""What structures are called, and what follows from the name: colour, interpreted type, TG-263 spelling.

    >>> tg263_name("Left parotid gland")
    'Parotid_L'
    >>> structure_named("SpinalCord").interpreted_type
    'ORGAN'

Reference: Mayo et al., AAPM TG-263, doi:10.1016/j.ijrobp.2017.12.013.
"""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass, replace
from functools import cache

from contour.anatomy.tg263_table import ROWS
from contour.errors import NotFoundError

MAX_NAME_LENGTH = 16
"""TG-263 names fit 16 characters because planning systems cut longer ones."""

_SIDES = {"l": "L", "lt": "L", "left": "L", "li": "L", "r": "R", "rt": "R", "right": "R", "re": "R"}
_WORD = re.compile(r"[A-Z]+(?![a-z])\d*|[A-Z]?[a-z]+\d*|\d+")
_TARGET = re.compile(r"(?:I?GTV|I?CTV|ITV|PTV)(?:[pnsvb]{1,4}|!)?\d*(?:_[A-Za-z0-9.+\-^!~]+)*")
_RISK_VOLUME = re.compile(r"([A-Za-z_]+_PRV)\d\d")
"""TG-263 appends the margin of a planning organ at risk volume in mm: `SpinalCord_PRV05`."""
_NO_VOLUME = re.compile(r"z[A-Z][A-Za-z0-9_]*")
"""TG-263 sets a z before what only helps planning: no volume to report on, optimise on or prescribe to."""
_TARGET_TYPES = {"GTV": "GTV", "IGTV": "GTV", "CTV": "CTV", "ICTV": "CTV", "ITV": "CTV", "PTV": "PTV"}
_GREY_FLOOR = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class StructureType:
    """What is known of a structure by its name.

    Args:
        name: TG-263 name, at most 16 characters.
        interpreted_type: RT ROI Interpreted Type, PS3.3 C.8.8.8.1; empty where none fits.
        colour_rgb: ROI Display Color, 0 to 255 each.
        aliases: Other spellings it goes by, without their side.
    """

    name: str
    interpreted_type: str
    colour_rgb: tuple[int, int, int]
    aliases: tuple[str, ...] = ()

    @property
    def is_target(self) -> bool:
        """True of gross, clinical and planning target volumes."""
        return self.interpreted_type in {"GTV", "CTV", "PTV"}


def structure_named(name: str) -> StructureType:
    """The catalogue's entry for a TG-263 name or one of its aliases.

    Raises:
        NotFoundError: the catalogue knows no such structure.
    """
    found = tg263_name(name)
    if found is None:
        raise NotFoundError("no structure of that name in the TG-263 catalogue", reason="UNKNOWN_STRUCTURE")
    return _describe(found)


def tg263_name(alias: str) -> str | None:
    """The TG-263 name that an alias stands for, or None where the catalogue has none.

    Case, spaces, punctuation and the place of left and right do not matter. Target names of TG-263's own pattern
    (`PTV_5040`, `GTVn2`) are their own name, and so is a known risk volume with its margin (`SpinalCord_PRV05`).
    """
    if _with_margin(alias) is not None:
        return alias
    entry = _by_alias().get(_key(alias))
    if entry is not None:
        return entry
    stripped = alias.strip()
    return stripped if len(stripped) <= MAX_NAME_LENGTH and _TARGET.fullmatch(stripped) else None


def is_tg263_name(name: str) -> bool:
    """True where the name is spelt exactly as TG-263 spells it."""
    return tg263_name(name) == name


def describe_structure(name: str) -> StructureType:
    """As `structure_named`, but a name that nobody knows is an organ with a colour drawn from its letters.

    A name with TG-263's z has an empty type, which PS3.3 C.8.8.8.1 allows for what no type fits: CONTROL and AVOIDANCE
    would tell a planning system to optimise on it.
    """
    found = tg263_name(name)
    if found is not None:
        return _describe(found)
    digest = zlib.crc32(name.casefold().encode("utf-8"))
    red, green, blue = (_GREY_FLOOR + (digest >> shift) % (256 - _GREY_FLOOR) for shift in (0, 8, 16))
    kind = "" if _NO_VOLUME.fullmatch(name) else "ORGAN"
    return StructureType(name=name, interpreted_type=kind, colour_rgb=(red, green, blue))


def all_structures() -> tuple[StructureType, ...]:
    """The whole catalogue, in its own order."""
    return tuple(_catalogue().values())


def _describe(name: str) -> StructureType:
    known = _catalogue().get(name)
    if known is not None:
        return known
    bare = _with_margin(name)
    if bare is not None:
        return replace(bare, name=name, aliases=())
    prefix = re.match(r"I?[GC]TV|ITV|PTV", name)
    kind = _TARGET_TYPES[prefix.group(0)] if prefix else "ORGAN"
    return StructureType(name=name, interpreted_type=kind, colour_rgb=_catalogue()[kind].colour_rgb)


def _with_margin(name: str) -> StructureType | None:
    """The catalogue's entry of a risk volume whose name ends in its margin; None for any other name."""
    found = _RISK_VOLUME.fullmatch(name)
    return _catalogue().get(found[1]) if found and len(name) <= MAX_NAME_LENGTH else None


def _key(name: str) -> tuple[str, str]:
    """Letters and digits in lower case, and the side, which may stand anywhere."""
    side = ""
    words: list[str] = []
    for word in _WORD.findall(name):
        low = word.lower()
        if low in _SIDES and not side:
            side = _SIDES[low]
        else:
            words.append(low)
    return "".join(words), side


@cache
def _catalogue() -> dict[str, StructureType]:
    entries: dict[str, StructureType] = {}
    for row in ROWS.strip().splitlines():
        if not row:
            continue
        pattern, kind, colour, aliases = row.split("|")
        red, green, blue = bytes.fromhex(colour)
        for name in [pattern[:-1] + side for side in "LR"] if pattern.endswith("_*") else [pattern]:
            entries[name] = StructureType(
                name=name,
                interpreted_type=kind,
                colour_rgb=(red, green, blue),
                aliases=tuple(alias.strip() for alias in aliases.split(",") if alias.strip()),
            )
    return entries


@cache
def _by_alias() -> dict[tuple[str, str], str]:
    found: dict[tuple[str, str], str] = {_key(entry.name): entry.name for entry in _catalogue().values()}
    for entry in _catalogue().values():
        paired = entry.name.endswith(("_L", "_R"))
        for alias in entry.aliases:
            words, side = _key(alias)
            found.setdefault((words, entry.name[-1] if paired else side), entry.name)
    return found
