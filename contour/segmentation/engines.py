"""What computes a network: PyTorch, or OpenVINO on a CPU, behind one call.

Exact is PyTorch in float32, the arithmetic that the network was trained and published with. Fast is OpenVINO where it
is installed and the device is a CPU, in bfloat16 where the chip multiplies it in hardware; PyTorch in half precision on
a GPU, and on a CPU without OpenVINO in bfloat16 where it has that.
"""

from __future__ import annotations

import importlib.util
import logging
import os
import warnings
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np
import torch
from torch import nn

from contour.errors import ConfigError
from contour.segmentation.precision import native_bf16
from registration.grid import Shape

EngineKind = Literal["auto", "torch", "openvino"]

log = logging.getLogger(__name__)


class Engine(Protocol):
    """A network ready to answer."""

    @property
    def name(self) -> str:
        """What computes, and in which precision."""
        ...

    def __call__(self, inputs: torch.Tensor) -> torch.Tensor:
        """(1, channels, a, b, c) to (answer channels, a, b, c) float32 logits, which the caller may change."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineSettings:
    """Which engine is wanted; `exact` leaves no choice."""

    device: str
    exact: bool = False
    kind: EngineKind = "auto"


def openvino_is_installed() -> bool:
    """Whether the extra `contour-rt[openvino]` is there."""
    return importlib.util.find_spec("openvino") is not None


def make_engine(network: nn.Module, settings: EngineSettings, *, patch: Shape, channels: int) -> Engine:
    """An engine for inputs of one shape.

    Raises:
        ConfigError: OpenVINO was asked for where it is not installed, or for a GPU (NO_ENGINE).
    """
    network = network.eval()
    if settings.exact or settings.kind == "torch" or settings.device != "cpu":
        if settings.kind == "openvino":
            raise ConfigError("OpenVINO computes fast mode on a CPU, nothing else", reason="NO_ENGINE")
        return TorchEngine(network, settings)
    if settings.kind == "openvino" and not openvino_is_installed():
        raise ConfigError("OpenVINO is not installed; expected contour-rt[openvino]", reason="NO_ENGINE")
    if openvino_is_installed():
        try:
            return OpenVinoEngine(network, patch=patch, channels=channels)
        except ConfigError as error:
            if settings.kind == "openvino":
                raise
            log.warning("PyTorch computes it instead", exc_info=error)
    return TorchEngine(network, settings)


class TorchEngine:
    """PyTorch: float32 where exact, else half precision where the device is better at it."""

    def __init__(self, network: nn.Module, settings: EngineSettings) -> None:
        self._device = torch.device(settings.device)
        self._half: torch.dtype | None = None
        if not settings.exact:
            self._half = torch.float16 if self._device.type == "cuda" else torch.bfloat16 if native_bf16() else None
        layout = torch.contiguous_format if settings.exact else torch.channels_last_3d
        self._layout = layout
        self._network = network.to(self._device, memory_format=layout)  # type: ignore[call-overload]

    @property
    def name(self) -> str:
        """Device and precision."""
        return f"PyTorch, {self._device.type}, {str(self._half or torch.float32).removeprefix('torch.')}"

    def __call__(self, inputs: torch.Tensor) -> torch.Tensor:
        """Logits, on the engine's device."""
        inputs = inputs.to(self._device).contiguous(memory_format=self._layout)
        half = self._half
        with (
            torch.inference_mode(),
            torch.backends.cudnn.flags(enabled=True, allow_tf32=half is not None),
            torch.autocast(self._device.type, dtype=half, enabled=half is not None),
        ):
            answer: Any = self._network(inputs)
            logits: torch.Tensor = answer[0] if isinstance(answer, torch.Tensor) else answer[0][0]
            return logits.float()


class OpenVinoEngine:
    """OpenVINO on the CPU; compiled for one shape when it is made.

    Raises:
        ConfigError: the network cannot be converted (NO_ENGINE).
    """

    def __init__(self, network: nn.Module, *, patch: Shape, channels: int) -> None:
        import openvino

        precision = "bf16" if native_bf16() else "f32"
        self._name = f"OpenVINO, cpu, {precision}"
        try:
            with warnings.catch_warnings(), torch.no_grad():
                warnings.simplefilter("ignore")  # deprecations within PyTorch's exporter
                graph = torch.export.export(network, (torch.zeros(1, channels, *patch),))
                model = openvino.convert_model(graph)
        except (RuntimeError, TypeError, ValueError) as error:
            raise ConfigError(
                f"OpenVINO does not take this network: {type(error).__name__}", reason="NO_ENGINE"
            ) from error
        model.reshape([1, channels, *patch])
        settings = {
            "INFERENCE_PRECISION_HINT": precision,
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_NUM_THREADS": len(os.sched_getaffinity(0)),
        }
        self._request = openvino.Core().compile_model(model, "CPU", settings).create_infer_request()

    @property
    def name(self) -> str:
        """Precision."""
        return self._name

    def __call__(self, inputs: torch.Tensor) -> torch.Tensor:
        """Logits, in the engine's own memory: the next call overwrites them."""
        self._request.infer({0: np.ascontiguousarray(inputs.numpy())}, share_inputs=True)
        return torch.from_numpy(self._request.get_output_tensor(0).data[0])
