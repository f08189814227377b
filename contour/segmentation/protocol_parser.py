"""A protocol's TOML into a `ProtocolSpec`: every key known, every value checked, the first fault in one line."""

from __future__ import annotations

import tomllib
from typing import Any, cast

from contour.anatomy.combine import End
from contour.anatomy.margins import Margins
from contour.anatomy.names import MAX_NAME_LENGTH, tg263_name
from contour.segmentation.model_folder import MODEL_NAME
from contour.segmentation.protocol_spec import (
    Combine,
    Crop,
    Derived,
    Drawn,
    Grow,
    Height,
    Operation,
    ProtocolSpec,
    Rule,
    Source,
    Vote,
    operands_of,
)
from contour.segmentation.protocol_table import Table, bad_protocol
from contour.segmentation.store import EXTERNAL

SCHEMA = 1
LEAST_MARGIN_MM, MOST_MARGIN_MM = 0.1, 100.0
_MOST_HEIGHT_MM = 500.0
_MOST_STRUCTURES = 200
_LONGEST_DESCRIPTION = 500
_LONGEST_VERSION = 32
_LONGEST_TEXT = 200_000
_SIDES = ("left", "right", "anterior", "posterior", "superior", "inferior")
_RULES = ("grow", "union", "intersection", "difference", "crop")
_ENDS: tuple[End, ...] = ("superior", "inferior")


def parse_protocol(text: str) -> ProtocolSpec:
    """Read a protocol; that its models exist and contour what is asked of them is not looked at here.

    Raises:
        ModelError: not TOML, a key missing or unknown, a value out of range, a name doubled or used before it is
            defined; reason BAD_PROTOCOL.
    """
    if len(text) > _LONGEST_TEXT:
        raise bad_protocol(f"a protocol has at most {_LONGEST_TEXT} characters, found {len(text)}")
    try:
        document: dict[str, Any] = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise bad_protocol(f"not TOML: {error}") from error
    table = Table(document, "protocol")
    if table.take("schema", int) != SCHEMA:
        raise bad_protocol(f"schema is {document['schema']}, expected {SCHEMA}")
    spec = ProtocolSpec(
        name=table.text("name"),
        version=table.text("version"),
        description=table.text("description", ""),
        drawn=table.each("structures", _drawn),
        derived=table.each("derived", _derived),
        priority=_priority(table),
        text=text,
    )
    table.finish()
    _check_heading(spec)
    _check_names(spec)
    _check_order(spec)
    _check_priority(spec)
    return spec


def _drawn(table: Table) -> Drawn:
    name = table.text("name")
    keep = table.flag("keep", default=True)
    if name == EXTERNAL:
        if table.has("from"):
            raise bad_protocol(f"{EXTERNAL} is contoured by rule, whatever the model; leave out 'from'")
        return Drawn(name=name, sources=(), keep=keep)
    models = table.one_or_several("from")
    if isinstance(models, str):
        if table.has("vote"):
            raise bad_protocol(f"{name}: a vote needs a list of models, found {models!r}")
        source = Source(model=models, structure=table.text("structure", name))
        return Drawn(name=name, sources=(source,), keep=keep)
    called = table.one_or_several("structure") if table.has("structure") else name
    there = (called,) * len(models) if isinstance(called, str) else called
    if len(there) != len(models):
        raise bad_protocol(f"{name}: {len(models)} models and {len(there)} structures, expected as many of either")
    sources = tuple(Source(model=model, structure=one) for model, one in zip(models, there, strict=True))
    if len(set(sources)) != len(sources):
        raise bad_protocol(f"{name}: a structure of one model votes once, found {list(models)}")
    vote = cast(Vote, table.one_of("vote", ("majority", "any", "all"), "majority"))
    return Drawn(name=name, sources=sources, vote=vote, keep=keep)


def _derived(table: Table) -> Derived:
    name = table.text("name")
    keep = table.flag("keep", default=True)
    given = [rule for rule in _RULES if table.has(rule)]
    if len(given) != 1:
        raise bad_protocol(
            f"{name}: exactly one of {', '.join(_RULES)} is needed, found {' and '.join(given) or 'none'}"
        )
    return Derived(name=name, rule=_rule(table, given[0]), keep=keep)


def _rule(table: Table, kind: str) -> Rule:
    if kind in ("grow", "crop"):
        inner = table.inner(kind)
        rule: Rule = _grow(inner) if kind == "grow" else _crop(inner)
        inner.finish()
        return rule
    names = table.several(kind)
    if len(set(names)) != len(names):
        raise bad_protocol(f"{table.where}: {kind} names one structure twice, found {list(names)}")
    return Combine(operation=cast(Operation, kind), of=names)


def _grow(table: Table) -> Grow:
    of = table.text("of")
    if table.has("margin_mm") == table.has("margins_mm"):
        raise bad_protocol(f"{table.where}: either margin_mm or margins_mm is needed")
    if table.has("margin_mm"):
        return Grow(of=of, margins=Margins.all_round(_margin(table, "margin_mm")))
    inner = table.inner("margins_mm")
    sides = {f"{side}_mm": _margin(inner, side) for side in _SIDES if inner.has(side)}
    inner.finish()
    if not sides:
        raise bad_protocol(f"{inner.where}: expected one or more of {', '.join(_SIDES)}")
    try:
        return Grow(of=of, margins=Margins(**sides))
    except ValueError as error:
        raise bad_protocol(f"{inner.where}: {error}") from error


def _margin(table: Table, key: str) -> float:
    margin_mm = table.within(key, low=-MOST_MARGIN_MM, high=MOST_MARGIN_MM)
    if abs(margin_mm) < LEAST_MARGIN_MM:
        raise bad_protocol(
            f"{table.where}: {key} must be {LEAST_MARGIN_MM:g} to {MOST_MARGIN_MM:g} mm either way, found {margin_mm:g}"
        )
    return margin_mm


def _crop(table: Table) -> Crop:
    crop = Crop(
        of=table.text("of"),
        inside=table.text("inside", ""),
        away_from=table.text("away_from", ""),
        distance_mm=_distance(table),
        above=_height(table, "above"),
        below=_height(table, "below"),
    )
    if not (crop.inside or crop.away_from or crop.above or crop.below):
        raise bad_protocol(f"{table.where}: one or more of inside, away_from, above, below is needed")
    return crop


def _distance(table: Table) -> float:
    if table.has("away_from") != table.has("distance_mm"):
        raise bad_protocol(f"{table.where}: away_from and distance_mm go together; for 0 mm use difference")
    if not table.has("distance_mm"):
        return 0.0
    return table.within("distance_mm", low=LEAST_MARGIN_MM, high=MOST_MARGIN_MM)


def _height(table: Table, key: str) -> Height | None:
    if not table.has(key):
        return None
    inner = table.inner(key)
    given = [end for end in _ENDS if inner.has(f"{end}_end_of")]
    if len(given) != 1:
        raise bad_protocol(f"{inner.where}: either superior_end_of or inferior_end_of is needed")
    plus_mm = inner.within("plus_mm", low=-_MOST_HEIGHT_MM, high=_MOST_HEIGHT_MM, default=0.0)
    height = Height(of=inner.text(f"{given[0]}_end_of"), end=given[0], plus_mm=plus_mm)
    inner.finish()
    return height


def _priority(table: Table) -> tuple[str, ...]:
    if not table.has("overlaps"):
        return ()
    inner = table.inner("overlaps")
    names = inner.several("priority")
    inner.finish()
    return names


def _check_heading(spec: ProtocolSpec) -> None:
    if not MODEL_NAME.fullmatch(spec.name):
        raise bad_protocol(f"name must be lower-case letters, digits, - and _, at most 64, found {spec.name!r}")
    for key, value, longest in (
        ("version", spec.version, _LONGEST_VERSION),
        ("description", spec.description, _LONGEST_DESCRIPTION),
    ):
        if len(value) > longest or not value.isprintable():
            raise bad_protocol(f"{key} must be one line of at most {longest} characters, found {len(value)}")
    if not spec.version.strip() or not spec.version.isascii():
        raise bad_protocol(f"version must be plain characters, found {spec.version!r}")
    if not spec.models:
        raise bad_protocol("no structure comes from a model; expected one or more [[structures]] with 'from'")
    if not spec.structures:
        raise bad_protocol("every structure has keep = false; expected one or more to be written")
    if len(spec.entries) > _MOST_STRUCTURES:
        raise bad_protocol(f"a protocol has at most {_MOST_STRUCTURES} structures, found {len(spec.entries)}")


def _check_names(spec: ProtocolSpec) -> None:
    """Names that a structure set can hold, each once, as it will be written."""
    seen: dict[str, str] = {}
    for entry in spec.entries:
        name = entry.name
        if not 0 < len(name) <= MAX_NAME_LENGTH or not (name.isascii() and name.isprintable()) or "\\" in name:
            raise bad_protocol(f"a name is 1 to {MAX_NAME_LENGTH} plain characters, found {len(name)}: {name[:64]!r}")
        official = tg263_name(name) or name
        if official != name:
            raise bad_protocol(f"{name!r} would be written as {official!r}; expected the TG-263 name itself")
        if name.casefold() in seen:
            raise bad_protocol(f"{name!r} is defined twice (before as {seen[name.casefold()]!r}); expected each once")
        seen[name.casefold()] = name


def _check_order(spec: ProtocolSpec) -> None:
    """Each rule is made from what stands before it, so there is no circle."""
    known = {entry.name for entry in spec.drawn}
    every = {entry.name for entry in spec.entries}
    for entry in spec.derived:
        for name in operands_of(entry.rule):
            if name in known:
                continue
            if name in every:
                raise bad_protocol(f"{entry.name} is made from {name!r} before that is defined; move {name!r} up")
            raise bad_protocol(f"{entry.name} is made from {name!r}, which this protocol does not define")
        known.add(entry.name)


def _check_priority(spec: ProtocolSpec) -> None:
    drawn = [entry.name for entry in spec.drawn if entry.sources]
    derived = [entry.name for entry in spec.derived]
    for name in spec.priority:
        if name in derived:
            raise bad_protocol(f"overlaps.priority names {name!r}, which is derived; use difference there")
        if name not in drawn:
            raise bad_protocol(f"overlaps.priority names {name!r}; expected one of {', '.join(drawn)}")
    if len(set(spec.priority)) != len(spec.priority):
        raise bad_protocol(f"overlaps.priority must name each structure once, found {list(spec.priority)}")
