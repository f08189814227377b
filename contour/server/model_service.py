"""contour.v1.ModelService: what can be contoured with."""

from __future__ import annotations

from collections.abc import Callable

import grpc

from contour.jobs.work import ModelFacts
from contour.server.contouring_service import model_named
from contour.server.messages import model_message
from contour.v1 import models_pb2


class ModelServicer:
    """The service's methods, as the generated code calls them."""

    def __init__(self, models: Callable[[], tuple[ModelFacts, ...]]) -> None:
        self._models = models

    def ListModels(  # noqa: N802
        self, _request: models_pb2.ListModelsRequest, _context: grpc.ServicerContext
    ) -> models_pb2.ListModelsResponse:
        """All models, by name."""
        models = sorted(self._models(), key=lambda model: model.name)
        return models_pb2.ListModelsResponse(models=[model_message(model) for model in models])

    def GetModel(  # noqa: N802
        self, request: models_pb2.GetModelRequest, _context: grpc.ServicerContext
    ) -> models_pb2.GetModelResponse:
        """One model and its card."""
        model = model_named(self._models(), request.name)
        return models_pb2.GetModelResponse(model=model_message(model), card=model.card)
