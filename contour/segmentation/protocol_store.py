"""Protocols in model folders: `NAME.protocol.toml` beside the manifest. Models and protocols share one set of names."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from contour.errors import NotFoundError
from contour.segmentation.model_folder import MODEL_NAME, read_manifest
from contour.segmentation.protocol_parser import parse_protocol
from contour.segmentation.protocol_spec import ProtocolSpec
from contour.segmentation.protocol_table import bad_protocol
from contour.segmentation.store import ModelCard

SUFFIX = ".protocol.toml"
_LARGEST_FILE_BYTES = 1 << 20

CardOf = Callable[[str], ModelCard]


class ProtocolStore:
    """The protocols in one or more folders; a name is looked up in the order of the folders."""

    def __init__(self, folders: Sequence[Path]) -> None:
        self._folders = tuple(folders)

    def names(self) -> tuple[str, ...]:
        """Every protocol's name, each once, in the order of the folders and of the alphabet."""
        found = [
            path.name.removesuffix(SUFFIX)
            for folder in self._folders
            if folder.is_dir()
            for path in sorted(folder.glob(f"*{SUFFIX}"))
        ]
        return tuple(dict.fromkeys(name for name in found if MODEL_NAME.fullmatch(name)))

    def get(self, name: str) -> ProtocolSpec:
        """A protocol.

        Raises:
            NotFoundError: no such protocol; reason UNKNOWN_PROTOCOL.
            ModelError: broken, or a model has the same name; reason BAD_PROTOCOL.
        """
        if name in self.names():
            for folder in self._folders:
                path = folder / f"{name}{SUFFIX}"
                if path.is_file():
                    protocol = read_protocol(path)
                    self.refuse_models_name(name)
                    return protocol
        raise NotFoundError(
            f"protocol {name!r} asked for; installed: {', '.join(self.names()) or 'none'}", reason="UNKNOWN_PROTOCOL"
        )

    def refuse_models_name(self, name: str) -> None:
        """Refuse a protocol's name that is a model's; reason BAD_PROTOCOL."""
        if any(name in read_manifest(folder) for folder in self._folders):
            raise bad_protocol(f"a protocol and a model are both called {name!r}; rename the protocol")


def read_protocol(path: Path) -> ProtocolSpec:
    """A protocol from its file; one called NAME.protocol.toml has to hold the protocol NAME.

    Raises:
        ModelError: broken, too large, or of another name; reason BAD_PROTOCOL.
    """
    if path.stat().st_size > _LARGEST_FILE_BYTES:
        raise bad_protocol(f"a protocol has at most {_LARGEST_FILE_BYTES} bytes, found {path.stat().st_size}")
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise bad_protocol("not TOML: not UTF-8") from error
    protocol = parse_protocol(text)
    if path.name.endswith(SUFFIX) and path.name != protocol.name + SUFFIX:
        raise bad_protocol(f"the file is called {path.name}, its protocol {protocol.name!r}; expected the same name")
    return protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelUsed:
    """A model that a protocol takes structures from."""

    name: str
    version: str


def check_models(protocol: ProtocolSpec, card_of: CardOf) -> tuple[ModelUsed, ...]:
    """The models that a protocol uses, which exist and contour what is asked of them.

    Raises:
        NotFoundError: a model that is not installed (UNKNOWN_MODEL), or a structure that it does not contour
            (UNKNOWN_STRUCTURE).
        ModelError: a model that is damaged.
    """
    cards = {name: card_of(name) for name in protocol.models}
    for entry in protocol.drawn:
        for source in entry.sources:
            offered = cards[source.model].structures
            if source.structure not in offered:
                raise NotFoundError(
                    f"{entry.name}: {source.model} has no {source.structure!r}; it contours {', '.join(offered)}",
                    reason="UNKNOWN_STRUCTURE",
                )
    return tuple(ModelUsed(name=card.name, version=card.version) for card in cards.values())
