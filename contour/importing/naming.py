"""What a model's makers call a structure, and what it is called here: TG-263 by table, or a name that fits.

A site's own map (`--structures MAP.toml`) goes first:

    urinary_bladder = "Bladder"
    background_2 = ""            # not wanted
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from contour.anatomy.names import MAX_NAME_LENGTH, tg263_name
from contour.errors import ModelError

_UNFIT = re.compile(r"[^A-Za-z0-9]+")
_FITS = re.compile(rf"[A-Za-z0-9_+~^.-]{{0,{MAX_NAME_LENGTH}}}")


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedStructure:
    """A structure with its two names, and whether the table (or the site's map) knew it."""

    source: str
    name: str
    mapped: bool


def parse_name_map(text: str) -> dict[str, str]:
    """A site's map: names of the model's to TG-263 names; an empty one leaves the structure out.

    Raises:
        ModelError: not TOML, or not names to names; reason BAD_STRUCTURE_MAP.
    """
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ModelError(f"the map of structures is not TOML: {error}", reason="BAD_STRUCTURE_MAP") from error
    for source, name in document.items():
        if not isinstance(name, str) or not _FITS.fullmatch(name):
            raise ModelError(
                f"the map of structures gives {source!r} the name {name!r}, expected up to {MAX_NAME_LENGTH} letters, "
                "digits and _",
                reason="BAD_STRUCTURE_MAP",
            )
    return document


def name_structures(sources: Iterable[str], names: Mapping[str, str]) -> tuple[NamedStructure, ...]:
    """Every structure of a model with its name here, each name once.

    Args:
        sources: What the model's makers call them.
        names: The site's map.

    Raises:
        ModelError: the map names a structure that the model does not have, or gives two the same name;
            reason BAD_STRUCTURE_MAP.
    """
    wanted = list(sources)
    unknown = sorted(set(names) - set(wanted))
    if unknown:
        raise ModelError(
            f"the map of structures names {unknown[0]!r}; this model has {', '.join(wanted)[:400]}",
            reason="BAD_STRUCTURE_MAP",
        )
    taken: set[str] = {name.casefold() for name in names.values() if name}
    if len(taken) != sum(bool(name) for name in names.values()):
        raise ModelError("the map of structures gives two structures one name", reason="BAD_STRUCTURE_MAP")
    found: list[NamedStructure] = []
    for source in wanted:
        if source in names:
            if names[source]:
                found.append(NamedStructure(source=source, name=names[source], mapped=True))
            continue
        official = tg263_name(source)
        fits = official is not None and official.casefold() not in taken
        name = official if official is not None and fits else _free(source, taken)
        taken.add(name.casefold())
        found.append(NamedStructure(source=source, name=name, mapped=fits))
    return tuple(found)


def _free(source: str, taken: set[str]) -> str:
    """A name that a planning system takes and nobody else has: the source's words, cut to 16 characters."""
    words = [word for word in _UNFIT.split(source) if word] or ["Structure"]
    name = "_".join(words)
    longest = max(len(word) for word in words)
    while len(name) > MAX_NAME_LENGTH and longest > 1:
        longest -= 1
        name = "_".join(word[:longest] for word in words)
    name = name[:MAX_NAME_LENGTH]
    for number in range(2, 1000):
        if name.casefold() not in taken:
            break
        name = f"{name[: MAX_NAME_LENGTH - len(str(number))]}{number}"
    return name
