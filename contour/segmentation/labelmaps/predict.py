"""A label map of a CT: every stage of a label-map model, in exact or fast mode.

Exact is what nnU-Net's own predictor answers: its crop, its windows, every mirrored combination, float32. Fast looks at
the body's box only, does not mirror, and takes the fastest engine; `ops/benchmarks/labelmaps.py` compares the two.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from contour.progress import Progress, no_progress
from contour.segmentation.engines import Engine
from contour.segmentation.labelmaps.decide import StreamedLabels
from contour.segmentation.labelmaps.prepare import Box, StageInput, prepare
from contour.segmentation.labelmaps.previous import previous_channels
from contour.segmentation.labelmaps.spec import LabelSpec, StageSpec
from contour.segmentation.labelmaps.window_sum import Ask, RollingLogits, WindowPlan, mirrored, plan_windows
from registration.volume import Volume

Engines = Callable[[int], Sequence[Engine]]
"""The engines of a stage's networks, made when first asked for."""


@dataclass(slots=True)
class Seconds:
    """How long the network computed, and everything else took."""

    network: float = 0.0
    total: float = 0.0
    windows: int = 0
    engine: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelMap:
    """Labels on the CT's grid, in its own array order: (z, y, x), or (channels, z, y, x) of independent channels."""

    labels: NDArray[Any]
    seconds: Seconds = field(default_factory=Seconds)


@torch.inference_mode()
def predict_labels(
    ct: Volume,
    spec: LabelSpec,
    engines: Engines,
    *,
    exact: bool,
    within: Box | None = None,
    progress: Progress = no_progress,
) -> LabelMap:
    """The label map of a CT.

    Args:
        ct: HU, any grid and patient position.
        spec: Of the model.
        engines: Of the model's networks.
        exact: nnU-Net's own way, whole scan and mirrored; else fast.
        within: In fast mode, the only part of the CT that is looked at, in its own array order.
        progress: Told the stage `network`.
    """
    started_s = time.perf_counter()
    seconds = Seconds()
    labels: NDArray[Any] | None = None
    for number, stage in enumerate(spec.stages):
        shown = prepare(ct, stage, spec.orientation, within=None if exact else within)
        before = None if labels is None else previous_channels(labels, shown, stage, ct, spec.foreground_labels)
        labels = None
        labels = _ask_stage(
            shown,
            before,
            spec,
            stage,
            engines(number),
            exact=exact,
            seconds=seconds,
            progress=_share(progress, spec, number),
        )
        labels = _back_on(ct, shown, labels)
    if labels is None:
        raise AssertionError("a spec has at least one stage")
    seconds.total = time.perf_counter() - started_s
    return LabelMap(labels=labels, seconds=seconds)


def _ask_stage(
    shown: StageInput,
    before: NDArray[np.float32] | None,
    spec: LabelSpec,
    stage: StageSpec,
    engines: Sequence[Engine],
    *,
    exact: bool,
    seconds: Seconds,
    progress: Callable[[float], None],
) -> NDArray[Any]:
    plan = plan_windows(shown.back.shape_in, stage.windows)
    image = _padded(shown.image[None] if before is None else np.concatenate((shown.image[None], before)), plan)
    timed = _timed(engines, seconds)
    ask = mirrored(timed, stage.windows.mirror_axes if exact else ())
    streamed = StreamedLabels(
        shown.back,
        answer=spec.answer,
        paint=spec.paint,
        channels=spec.channels,
        convex=stage.answer_sampling.is_convex,
        before=plan.before,
    )
    starts = sorted({window.start[0] for window in plan.windows})
    logits: RollingLogits | None = None
    for done, window in enumerate(plan.windows):
        part = image[(None, slice(None), *(slice(at, at + n) for at, n in zip(window.start, plan.patch, strict=True)))]
        answer = ask(part)
        if logits is None:
            rows = streamed.rows_held(starts, plan.patch[0])
            logits = RollingLogits(spec.channels, plan, rows=rows, device=answer.device)
        logits.add(window, answer)
        following = plan.windows[done + 1].start[0] if done + 1 < len(plan.windows) else plan.shape[0]
        if following > window.start[0]:
            needed = streamed.first_needed()
            streamed.decide(logits, following)
            logits.release(needed, streamed.first_needed())
        progress((done + 1) / len(plan.windows))
    seconds.windows += len(plan.windows)
    return streamed.labels


def _share(progress: Progress, spec: LabelSpec, number: int) -> Callable[[float], None]:
    """Progress within one stage as progress of all of them."""
    return lambda done: progress("network", (number + done) / len(spec.stages))


def _timed(engines: Sequence[Engine], seconds: Seconds) -> Ask:
    """The mean logits of an ensemble."""
    seconds.engine = engines[0].name

    def ask(inputs: torch.Tensor) -> torch.Tensor:
        started_s = time.perf_counter()
        total = engines[0](inputs).clone() if len(engines) > 1 else engines[0](inputs)
        for engine in engines[1:]:
            total += engine(inputs)
        if len(engines) > 1:
            total /= len(engines)
        if total.is_cuda:
            torch.cuda.synchronize(total.device)
        seconds.network += time.perf_counter() - started_s
        return total

    return ask


def _padded(image: NDArray[np.float32], plan: WindowPlan) -> torch.Tensor:
    pairs = [
        (before, whole - before - n) for before, whole, n in zip(plan.before, plan.shape, image.shape[1:], strict=True)
    ]
    return torch.from_numpy(np.pad(image, [(0, 0), *pairs]) if any(map(sum, pairs)) else image)


def _back_on(ct: Volume, shown: StageInput, labels: NDArray[Any]) -> NDArray[Any]:
    if labels.ndim == 3:
        return shown.put_back(labels, ct.grid.shape_zyx)
    return np.stack([shown.put_back(channel, ct.grid.shape_zyx) for channel in labels])
