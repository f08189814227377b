"""A label map of a CT: every stage of a label-map model, in exact or fast mode.

Exact is what nnU-Net's own predictor answers: its crop, its windows, every mirrored combination, float32 in the network
and its rounding around it. Fast labels the body's box only, with those of the same windows that reach it, and takes the
fastest engine; `ops/benchmarks/labelmaps.py` compares the two.
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
from contour.segmentation.labelmaps.decide import StreamedLabels, spans_read
from contour.segmentation.labelmaps.half_sum import HalfLogits
from contour.segmentation.labelmaps.monai_sum import MonaiLogits
from contour.segmentation.labelmaps.prepare import Box, StageInput, prepare
from contour.segmentation.labelmaps.previous import previous_channels
from contour.segmentation.labelmaps.spec import LabelSpec, Padding, StageSpec
from contour.segmentation.labelmaps.window_sum import Ask, RollingLogits, WindowPlan, mirrored, plan_windows
from registration.volume import Volume

Engines = Callable[[int], Sequence[Engine]]
"""The engines of a stage's networks, made when first asked for."""

Sums = RollingLogits | HalfLogits


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
        exact: nnU-Net's own way; else fast.
        within: In fast mode, the only part of the CT that is labelled, in its own array order: windows that do not
            reach it are not asked for.
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
    plan = plan_windows(shown.back.shape_in, stage.windows, needed=None if exact else spans_read(shown.back))
    image = _padded(shown, before, plan, stage.windows.padding)
    seconds.engine = engines[0].name
    asks = [mirrored(_timed(engine, seconds), stage.windows.mirror_axes) for engine in engines]
    rounded = exact and stage.windows.placement == "even"
    streamed = StreamedLabels(
        shown.back,
        answer=spec.answer,
        paint=spec.paint,
        channels=spec.channels,
        convex=stage.answer_sampling.is_convex,
        rounded=rounded,
        only_highest=not exact,
        before=plan.held_before,
    )
    starts = sorted({window.start[0] for window in plan.windows})
    logits: Sums | None = None
    for done, window in enumerate(plan.windows):
        part = image[(None, slice(None), *(slice(at, at + n) for at, n in zip(window.start, plan.patch, strict=True)))]
        answers = [ask(part) for ask in asks]
        if logits is None:
            rows = streamed.rows_held(starts, plan.patch[0])
            logits = _logits(spec, stage, plan, rows=rows, networks=len(asks), rounded=rounded, like=answers[0])
        logits.add(window, answers)
        following = plan.windows[done + 1].start[0] if done + 1 < len(plan.windows) else plan.shape[0]
        if following > window.start[0]:
            needed = streamed.first_needed()
            streamed.decide(logits, following)
            logits.release(needed, streamed.first_needed())
        progress((done + 1) / len(plan.windows))
    seconds.windows += len(plan.windows)
    return streamed.labels


def _logits(
    spec: LabelSpec, stage: StageSpec, plan: WindowPlan, *, rows: int, networks: int, rounded: bool, like: torch.Tensor
) -> Sums:
    """What windows are added up in: as nnU-Net rounds (`rounded`), as MONAI does, or plainly."""
    if rounded:
        return HalfLogits(spec.channels, networks, plan, rows=rows, device=like.device)
    if stage.windows.placement == "even":
        return RollingLogits(spec.channels, plan, rows=rows, device=like.device)
    return MonaiLogits(
        spec.channels,
        plan,
        rows=rows,
        device=like.device,
        gaussian=stage.windows.gaussian,
        read_as=stage.answer_values,
        answer=spec.answer,
    )


def _share(progress: Progress, spec: LabelSpec, number: int) -> Callable[[float], None]:
    """Progress within one stage as progress of all of them."""
    return lambda done: progress("network", (number + done) / len(spec.stages))


def _timed(engine: Engine, seconds: Seconds) -> Ask:
    """The engine, its time counted."""

    def ask(inputs: torch.Tensor) -> torch.Tensor:
        started_s = time.perf_counter()
        answer = engine(inputs)
        if answer.is_cuda:
            torch.cuda.synchronize(answer.device)
        seconds.network += time.perf_counter() - started_s
        return answer

    return ask


def _padded(shown: StageInput, before: NDArray[np.float32] | None, plan: WindowPlan, padding: Padding) -> torch.Tensor:
    """(channels, a, b, c) that the network is shown, at least as large as a window."""
    image = shown.image[None] if before is None else np.concatenate((shown.image[None], before))
    pairs = [(at, whole - at - n) for at, whole, n in zip(plan.before, plan.shape, image.shape[1:], strict=True)]
    if not any(map(sum, pairs)):
        return torch.from_numpy(image)
    return torch.from_numpy(np.pad(image, [(0, 0), *pairs], mode="edge" if padding == "edge" else "constant"))


def _back_on(ct: Volume, shown: StageInput, labels: NDArray[Any]) -> NDArray[Any]:
    if labels.ndim == 3:
        return shown.put_back(labels, ct.grid.shape_zyx)
    return np.stack([shown.put_back(channel, ct.grid.shape_zyx) for channel in labels])
