"""The catalogue of public models: what they contour, what their licences allow, and where they are."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TypeVar
from urllib.parse import urlsplit

from contour.errors import ModelError, NotFoundError
from contour.segmentation.model_folder import MODEL_NAME
from contour.segmentation.spec_table import SpecTable

_REASON = "BAD_CATALOGUE"
_SHA256 = re.compile(r"[0-9a-f]{64}")
_T = TypeVar("_T")
_ORIENTATION = re.compile(r"[LR][PA][SI]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Licence:
    """What somebody may do with a model.

    Args:
        name: Of the licence.
        allows: In a sentence or two.
        needs_number: Its makers give the model out against a licence number only, or it is not clear that they don't.
    """

    name: str
    allows: str
    needs_number: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicModel:
    """A model that others made public.

    Args:
        name: To call it here.
        task: What its makers call it.
        dataset: Folder of its nnU-Net results.
        contours: What it contours.
        spacing_xyz_mm: Of the images that it is shown; None where its makers take them as they are.
        shown: Part of the patient that its makers show it; empty for all. Elsewhere its answers mean nothing.
        orientation: Of the images that it is shown, for `--orientation`.
        licence: Of the weights.
        citations: Whom to cite.
        url: Of the archive; empty where it is not public.
        sha256: Of the archive; empty where nobody could take it here.
        verified: The hash was taken here, from the archive at that URL.
        note: What else to know; may be empty.
        hash_note: What to do about a hash that is not verified; empty where it is.
    """

    name: str
    task: str
    dataset: str
    contours: str
    spacing_xyz_mm: tuple[float, float, float] | None
    shown: str
    orientation: str
    licence: Licence
    citations: tuple[str, ...]
    url: str
    sha256: str
    verified: bool
    note: str
    hash_note: str


def public_model(name: str) -> PublicModel:
    """One model of the catalogue.

    Raises:
        NotFoundError: it has none of that name; reason UNKNOWN_MODEL.
    """
    for model in public_models():
        if model.name == name:
            return model
    raise NotFoundError(
        f"no public model {name[:80]!r} in the list; see 'contour models public'", reason="UNKNOWN_MODEL"
    )


@cache
def public_models() -> tuple[PublicModel, ...]:
    """All models of the catalogue, in its order.

    Raises:
        ModelError: the catalogue is broken; reason BAD_CATALOGUE.
    """
    return parse_public_models(files("contour.importing").joinpath("public_models.toml").read_text(encoding="utf-8"))


def parse_public_models(text: str) -> tuple[PublicModel, ...]:
    """A catalogue's models.

    Raises:
        ModelError: not TOML, a key missing or unknown, or a value out of range; reason BAD_CATALOGUE.
    """
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ModelError(f"the catalogue is not TOML: {error}", reason=_REASON) from error
    reader = SpecTable(document, "catalogue", reason=_REASON)
    if reader.take("schema", int) != 1:
        raise reader.bad("the catalogue's schema must be 1")
    shared = _Shared(
        orientation=_matching(reader, "orientation", _ORIENTATION),
        unverified=reader.take("unverified", str),
        licences=_licences(reader.table("licences")),
        citations=_citations(reader.table("citations")),
    )
    models = tuple(_model(entry, shared) for entry in reader.tables("models"))
    reader.finish()
    names = [model.name for model in models]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise reader.bad(f"the catalogue names {twice} twice")
    return models


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shared:
    """What models of the catalogue refer to."""

    orientation: str
    unverified: str
    licences: Mapping[str, Licence]
    citations: Mapping[str, str]


def _licences(reader: SpecTable) -> dict[str, Licence]:
    found: dict[str, Licence] = {}
    for key in reader.values:
        one = reader.table(key)
        found[key] = Licence(
            name=one.take("name", str), allows=one.take("allows", str), needs_number=one.take("needs_number", bool)
        )
        one.finish()
    return found


def _citations(reader: SpecTable) -> dict[str, str]:
    return {key: reader.take(key, str) for key in reader.values}


def _model(reader: SpecTable, shared: _Shared) -> PublicModel:
    verified = reader.take("verified", bool)
    model = PublicModel(
        name=_matching(reader, "name", MODEL_NAME),
        task=reader.take("task", str),
        dataset=reader.take("dataset", str),
        contours=reader.take("contours", str),
        spacing_xyz_mm=_spacing(reader),
        shown=reader.take("shown", str, ""),
        orientation=shared.orientation,
        licence=_named(reader, reader.take("licence", str), shared.licences, "licences"),
        citations=tuple(_named(reader, key, shared.citations, "citations") for key in reader.words("cite", ())),
        url=reader.take("url", str, ""),
        sha256=reader.take("sha256", str),
        verified=verified,
        note=reader.take("note", str, ""),
        hash_note="" if verified else shared.unverified,
    )
    reader.finish()
    _check(reader, model)
    return model


def _check(reader: SpecTable, model: PublicModel) -> None:
    if model.url and (urlsplit(model.url).scheme != "https" or not urlsplit(model.url).hostname):
        raise reader.bad(f"{reader.where}.url must be https, found {model.url!r}")
    if model.sha256 and not _SHA256.fullmatch(model.sha256):
        raise reader.bad(f"{reader.where}.sha256 must be 64 hexadecimal digits or empty")
    if model.verified and not (model.url and model.sha256):
        raise reader.bad(f"{reader.where} is verified without a url and a sha256")
    if model.licence.needs_number and model.url:
        raise reader.bad(f"{reader.where} has a url, but its licence needs a number")


def _spacing(reader: SpecTable) -> tuple[float, float, float] | None:
    if "spacing_xyz_mm" not in reader.values:
        return None
    x, y, z = reader.numbers("spacing_xyz_mm", 3)
    if min(x, y, z) <= 0.0:
        raise reader.bad(f"{reader.where}.spacing_xyz_mm must be above 0")
    return x, y, z


def _matching(reader: SpecTable, key: str, pattern: re.Pattern[str]) -> str:
    value = reader.take(key, str)
    if not pattern.fullmatch(value):
        raise reader.bad(f"{reader.where}.{key} must look like {pattern.pattern}, found {value!r}")
    return value


def _named(reader: SpecTable, key: str, known: Mapping[str, _T], what: str) -> _T:
    if key not in known:
        raise reader.bad(f"{reader.where} names {key!r}, which is none of the {what} {sorted(known)}")
    return known[key]
