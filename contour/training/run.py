"""From a folder of contoured patients to an installed model: the whole of `contour train`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from contour.errors import Finding, InputError
from contour.segmentation import LoadedModel, save_model
from contour.segmentation.spec import ModelSpec, parse_spec
from contour.training.anatomy import learn_anatomy
from contour.training.card import training_card
from contour.training.cases import Case, find_cases
from contour.training.curve import draw_curve, read_curve
from contour.training.fine_tuning import new_structures, starting_weights
from contour.training.loop import TrainingSettings, TrainingStep, train_network
from contour.training.prepared import PreparedCase, prepare_case
from contour.training.split import Split, choose_held_out, keep_split, require_known


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingRequest:
    """What to learn, from whom, and where to put it.

    Args:
        data: Folder of cases, NIfTI or DICOM.
        spec_text: The model's `spec.toml`.
        out: Model folder to write, named as the spec's model.
        work: Folder for the cache, the checkpoint and the curve; a run that was stopped goes on from there.
        settings: Length, speed and seed.
        hold_out: How many cases, or which, are not learnt from.
        start: The model to fine-tune; None to learn from nothing.
        data_statement: What the card says about the data.
        device: `cpu` or `cuda`.
    """

    data: Path
    spec_text: str
    out: Path
    work: Path
    settings: TrainingSettings
    hold_out: int | tuple[str, ...] = 0
    start: LoadedModel | None = None
    start_learnt_from: frozenset[str] = frozenset()
    data_statement: str
    device: str = "cpu"


@dataclass(frozen=True, slots=True, kw_only=True)
class GatheredCases:
    """Cases as training holds them, the split that they were put in, and what is worth telling about them."""

    learnt_from: tuple[PreparedCase, ...]
    held_out: tuple[PreparedCase, ...]
    split: Split
    findings: tuple[Finding, ...]


def at_learning_rate(settings: TrainingSettings, learning_rate: float) -> TrainingSettings:
    """The settings with another learning rate; that of the hidden layers' kernels moves along with it."""
    share = learning_rate / settings.learning_rate
    return replace(settings, learning_rate=learning_rate, kernel_rate=settings.kernel_rate * share)


def gather_cases(
    request: TrainingRequest, *, on_case: Callable[[int, int], None] = lambda done, cases: None
) -> GatheredCases:
    """Read and split the cases. One that cannot be used is left out, and named with its reason in the findings.

    Args:
        request: What to gather.
        on_case: Told after each case how many of how many are done.

    Raises:
        InputError: no case at all or none to learn from (NO_TRAINING_CASES); a hold-out that names somebody who is not
            there (UNKNOWN_CASE); a run under way in the work folder that has other cases (OTHER_TRAINING_RUN); a start
            whose network differs (OTHER_NETWORK).
    """
    spec = parse_spec(request.spec_text)
    cases = find_cases(request.data)
    if not isinstance(request.hold_out, int):
        require_known(request.hold_out, [case.name for case in cases])
    prepared, refused = _prepared(cases, spec, request.work / "cache", on_case)
    if not prepared:
        raise InputError(f"none of {len(cases)} cases can be used; {refused[0][1].message}", reason="NO_TRAINING_CASES")
    seed = request.settings.seed
    held_out = choose_held_out([case.name for case in prepared], request.hold_out, seed=seed)
    learnt_from = tuple(case for case in prepared if case.name not in held_out)
    split = Split(
        trained_on=tuple(case.name for case in learnt_from),
        held_out=held_out,
        left_out=tuple((name, finding.reason) for name, finding in refused),
        started_from=_called(request.start),
        seed=seed,
    )
    keep_split(request.work, split)
    return GatheredCases(
        learnt_from=learnt_from,
        held_out=tuple(case for case in prepared if case.name in held_out),
        split=split,
        findings=(
            *(finding for _, finding in refused),
            *_held_out_too_late(held_out, request.start_learnt_from),
            *_never_contoured(spec, learnt_from, request.start),
        ),
    )


def train_model(
    request: TrainingRequest, cases: GatheredCases, *, on_step: Callable[[TrainingStep], None] = lambda step: None
) -> None:
    """Learn from the cases and install the model, with its card, its split and its curve.

    Raises:
        InputError: a checkpoint in the work folder belongs to another run; reason OTHER_TRAINING_RUN.
        ModelError: the spec is broken, or the model folder is not named as its model.
    """
    spec = parse_spec(request.spec_text)
    weights = train_network(
        spec,
        cases.learnt_from,
        request.settings,
        work=request.work,
        device=request.device,
        initial=_initial(request, spec),
        held_out=cases.held_out,
        on_step=on_step,
    )
    anatomy = learn_anatomy(cases.learnt_from, spec)
    title = f"{spec.name} {spec.version}: {len(cases.learnt_from)} cases learnt from, {len(cases.held_out)} held out"
    save_model(
        request.out,
        spec_text=request.spec_text,
        weights=weights,
        card_text=training_card(
            spec, cases.learnt_from, request.settings, split=cases.split, data_statement=request.data_statement
        ),
        extra={
            "split.json": cases.split.to_json().encode(),
            **({} if anatomy is None else {"anatomy.json": anatomy.to_json().encode()}),
            "curve.png": draw_curve(read_curve(request.work / "curve.jsonl"), title=title),
        },
    )


def _prepared(
    cases: Sequence[Case], spec: ModelSpec, cache: Path, on_case: Callable[[int, int], None]
) -> tuple[list[PreparedCase], list[tuple[str, Finding]]]:
    prepared: list[PreparedCase] = []
    refused: list[tuple[str, Finding]] = []
    for done, case in enumerate(cases, start=1):
        try:
            prepared.append(prepare_case(case, spec, cache))
        except InputError as error:
            if error.reason == "TOO_MANY_STRUCTURES":
                raise
            refused.append((case.name, Finding(reason=error.reason, message=f"left out: {error.message}")))
        on_case(done, len(cases))
    return prepared, refused


def _held_out_too_late(held_out: Sequence[str], learnt_from: frozenset[str]) -> tuple[Finding, ...]:
    """Whom the start has learnt from, by the names, cannot be held out any more."""
    seen = [name for name in held_out if name in learnt_from]
    if not seen:
        return ()
    message = (
        f"the model to start from has learnt from {len(seen)} of {len(held_out)} held-out cases: {', '.join(seen)}"
    )
    return (Finding(reason="HELD_OUT_WAS_LEARNT", message=message),)


def _never_contoured(spec: ModelSpec, cases: Sequence[PreparedCase], start: LoadedModel | None) -> tuple[Finding, ...]:
    """What nobody contoured, not even on the other side, cannot be learnt."""
    new = spec.structure_names if start is None else new_structures(start, spec)
    return tuple(
        Finding(
            reason="NEVER_CONTOURED",
            message=f"{name} is contoured in none of the cases learnt from; "
            + ("take it out of the spec" if name in new else "it stays as it was, and may drift"),
        )
        for channel, (name, mirrored) in enumerate(zip(spec.structure_names, spec.mirror_channels, strict=True))
        if not any(case.contoured[channel] or case.contoured[mirrored] for case in cases)
    )


def _initial(request: TrainingRequest, spec: ModelSpec) -> dict[str, torch.Tensor] | None:
    return None if request.start is None else starting_weights(request.start, spec, seed=request.settings.seed)


def _called(model: LoadedModel | None) -> str:
    return "" if model is None else f"{model.spec.name} {model.spec.version}"
