"""Who contours: one model, or a protocol with several; the walks need not know which."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from contour.errors import NotFoundError
from contour.progress import Progress
from contour.segmentation import Model, ModelStore, Segmentation, segment
from contour.segmentation.protocol import LoadModel, segment_by_protocol
from contour.segmentation.protocol_spec import ProtocolSpec
from contour.segmentation.protocol_store import ProtocolStore, check_models
from registration.volume import Volume


class Contourer(Protocol):
    """Contours a CT; under this name and version, and these structures."""

    @property
    def name(self) -> str:
        """The model's or the protocol's."""
        ...

    @property
    def version(self) -> str:
        """Of the model or the protocol."""
        ...

    @property
    def structures(self) -> tuple[str, ...]:
        """All that can be asked for."""
        ...

    def contour(self, ct: Volume, *, structures: tuple[str, ...] | None, progress: Progress) -> Segmentation:
        """The structures asked for, or all; raises as `segment` does."""
        ...


@dataclass(frozen=True, slots=True)
class ByModel:
    """A `Contourer` that asks one model."""

    model: Model

    @property
    def name(self) -> str:
        """The model's."""
        return self.model.card.name

    @property
    def version(self) -> str:
        """The model's."""
        return self.model.card.version

    @property
    def structures(self) -> tuple[str, ...]:
        """On the model's card."""
        return self.model.card.structures

    def contour(self, ct: Volume, *, structures: tuple[str, ...] | None, progress: Progress) -> Segmentation:
        """What the model draws."""
        return segment(ct, self.model, structures=structures, progress=progress)


@dataclass(frozen=True, slots=True)
class ByProtocol:
    """A `Contourer` that does what a protocol says; `load` gives its models."""

    protocol: ProtocolSpec
    load: LoadModel

    @property
    def name(self) -> str:
        """The protocol's."""
        return self.protocol.name

    @property
    def version(self) -> str:
        """The protocol's."""
        return self.protocol.version

    @property
    def structures(self) -> tuple[str, ...]:
        """What the protocol writes."""
        return self.protocol.structures

    def contour(self, ct: Volume, *, structures: tuple[str, ...] | None, progress: Progress) -> Segmentation:
        """What the protocol makes of its models' answers."""
        return segment_by_protocol(ct, self.protocol, self.load, structures=structures, progress=progress)


def contourer_named(name: str, models: ModelStore, protocols: ProtocolStore, load: LoadModel) -> Contourer:
    """The model or the protocol of that name; a protocol's models are looked up, but not loaded yet.

    Raises:
        NotFoundError: neither (UNKNOWN_MODEL); or a protocol's model that is not there (UNKNOWN_MODEL), or that lacks a
            structure (UNKNOWN_STRUCTURE).
        ModelError: a broken protocol, a name that a model and a protocol have (BAD_PROTOCOL), or a damaged model.
    """
    if name in protocols.names():
        protocol = protocols.get(name)
        check_models(protocol, models.card)
        return ByProtocol(protocol, load)
    if name in models.names():
        return ByModel(load(name))
    installed = ", ".join((*models.names(), *protocols.names())) or "none"
    raise NotFoundError(f"model {name!r} asked for; installed: {installed}", reason="UNKNOWN_MODEL")


def loader(models: ModelStore, device: str, *, exact: bool = False) -> LoadModel:
    """Loads a model anew each time it is asked for."""
    return lambda name: models.load(name, device=device, exact=exact)
