"""contour.v1.ModelService: what can be contoured with, models and protocols."""

from __future__ import annotations

from collections.abc import Callable

import grpc

from contour.errors import NotFoundError
from contour.jobs.work import ModelFacts, ProtocolFacts
from contour.server.contouring_service import model_named, only_models
from contour.server.messages import model_message, protocol_message, protocol_row_message
from contour.v1 import models_pb2


class ModelServicer:
    """The service's methods, as the generated code calls them."""

    def __init__(self, models: Callable[[], tuple[ModelFacts, ...]]) -> None:
        self._models = models

    def ListModels(  # noqa: N802
        self, _request: models_pb2.ListModelsRequest, _context: grpc.ServicerContext
    ) -> models_pb2.ListModelsResponse:
        """All models, by name."""
        models = sorted(only_models(self._models()), key=lambda model: model.name)
        return models_pb2.ListModelsResponse(models=[model_message(model) for model in models])

    def GetModel(  # noqa: N802
        self, request: models_pb2.GetModelRequest, _context: grpc.ServicerContext
    ) -> models_pb2.GetModelResponse:
        """One model and its card."""
        model = model_named(only_models(self._models()), request.name)
        return models_pb2.GetModelResponse(model=model_message(model), card=model.card)

    def ListProtocols(  # noqa: N802
        self, _request: models_pb2.ListProtocolsRequest, _context: grpc.ServicerContext
    ) -> models_pb2.ListProtocolsResponse:
        """All protocols, by name."""
        return models_pb2.ListProtocolsResponse(
            protocols=[protocol_message(facts, protocol) for facts, protocol in self._protocols()]
        )

    def GetProtocol(  # noqa: N802
        self, request: models_pb2.GetProtocolRequest, _context: grpc.ServicerContext
    ) -> models_pb2.GetProtocolResponse:
        """One protocol, its structures and its text."""
        known = self._protocols()
        for facts, protocol in known:
            if facts.name == request.name:
                return models_pb2.GetProtocolResponse(
                    protocol=protocol_message(facts, protocol),
                    structures=[protocol_row_message(row) for row in protocol.rows],
                    toml=protocol.toml,
                )
        installed = ", ".join(facts.name for facts, _ in known) or "none"
        raise NotFoundError(
            f"protocol {request.name[:64]!r} asked for; installed: {installed}", reason="UNKNOWN_PROTOCOL"
        )

    def _protocols(self) -> list[tuple[ModelFacts, ProtocolFacts]]:
        found = [(facts, facts.protocol) for facts in self._models() if facts.protocol is not None]
        return sorted(found, key=lambda one: one[0].name)
