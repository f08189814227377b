"""From HU to structures with several models: each is asked once, their answers are merged, others made of them."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from contour.anatomy.combine import difference, union, voted
from contour.anatomy.names import MAX_NAME_LENGTH
from contour.anatomy.structures import Structure
from contour.errors import Finding, NotFoundError
from contour.progress import Progress, no_progress
from contour.segmentation.look import look_name
from contour.segmentation.protocol_progress import JointProgress
from contour.segmentation.protocol_rules import derive
from contour.segmentation.protocol_spec import Derived, Drawn, ProtocolSpec, Source, how, operands_of
from contour.segmentation.segment import Segmentation, segment
from contour.segmentation.store import EXTERNAL, Model
from registration.volume import Volume

LoadModel = Callable[[str], Model]
"""A model by its name; called when its turn comes, and not held on to."""

_LONGEST_TEXT = 1024
"""Of a ROI's description, PS3.5 6.2, ST."""

_NOT_FOUND = "STRUCTURE_NOT_FOUND"
"""A model says it of its own names; here it is said of the protocol's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Made:
    """A structure of the protocol, and what is known of it. `rests_on` are the proposals in it."""

    structure: Structure
    seconds: float
    rests_on: tuple[str, ...] = ()
    predicted_dice: float | None = None
    look: Structure | None = None


def segment_by_protocol(
    ct: Volume,
    protocol: ProtocolSpec,
    load: LoadModel,
    *,
    structures: tuple[str, ...] | None = None,
    progress: Progress = no_progress,
) -> Segmentation:
    """Contour a CT as a protocol says.

    Each model runs once, and only where one of its structures is needed; External is taken from the first of them. A
    vote takes the voxels that enough of the models hold. Overlaps are settled next, then structures are derived in the
    order of the file. A derived structure that rests on a proposal is one. A predicted Dice goes with a contour that
    one model drew and that no overlap has changed.

    Args:
        ct: HU, any grid and patient position.
        protocol: What `parse_protocol` gave; checked against its models (`check_models`) or not.
        load: Gives a model by name.
        structures: Names that the protocol writes; None for all. They come out the same whatever else is asked for.
        progress: Told the stages of one `segment`, in their order and never backwards; may raise CancelledError.

    Raises:
        NotFoundError: a structure that the protocol does not write, or that its model does not contour
            (UNKNOWN_STRUCTURE); a model that is not installed (UNKNOWN_MODEL).
        InputError: as for `segment`, from any of the models.
    """
    wanted = _checked(protocol, structures)
    needed = protocol.needed_for(wanted)
    asked = _questions(protocol, needed)
    joint = JointProgress(progress, models=len(asked), derives=any(one.name in needed for one in protocol.derived))
    answers: dict[str, Segmentation] = {}
    versions: dict[str, str] = {}
    for place, (model_name, names) in enumerate(asked.items()):
        model = load(model_name)
        versions[model_name] = f"{model_name} {model.card.version}"
        answers[model_name] = segment(ct, model, structures=names, progress=joint.of_model(place))
    started_s = time.perf_counter()
    made = {one.name: _drawn(one, answers, versions) for one in protocol.drawn if one.name in needed}
    warnings = [*_model_warnings(answers), *_unwritable_looks(made, protocol)]
    _settle_overlaps(made, protocol.priority)
    entries = [entry for entry in protocol.derived if entry.name in needed]
    for done, entry in enumerate(entries):
        made[entry.name], said = _derived(entry, made, protocol)
        warnings += said
        joint.derived(done + 1, len(entries))
    merged_s = time.perf_counter() - started_s
    kept = [made[entry.name] for entry in protocol.entries if entry.name in wanted]
    return _segmentation(kept, answers, warnings, merged_s)


def _checked(protocol: ProtocolSpec, structures: tuple[str, ...] | None) -> tuple[str, ...]:
    wanted = protocol.structures if structures is None else structures
    for name in wanted:
        if name not in protocol.structures:
            raise NotFoundError(
                f"{name!r} asked for; {protocol.name} contours {', '.join(protocol.structures)}",
                reason="UNKNOWN_STRUCTURE",
            )
    return wanted


def _questions(protocol: ProtocolSpec, needed: frozenset[str]) -> dict[str, tuple[str, ...]]:
    """For each model that has to run what it is asked for; External goes to the first."""
    questions: dict[str, list[str]] = {}
    for entry in protocol.drawn:
        for source in entry.sources if entry.name in needed else ():
            questions.setdefault(source.model, []).append(source.structure)
    if EXTERNAL in needed:
        first = next(iter(questions), protocol.models[0])
        questions.setdefault(first, []).append(EXTERNAL)
    return {model: tuple(dict.fromkeys(names)) for model, names in questions.items()}


def _drawn(entry: Drawn, answers: Mapping[str, Segmentation], versions: Mapping[str, str]) -> _Made:
    """The one model's structure under the protocol's name, or the vote of several."""
    if not entry.sources:
        first = next(answer for answer in answers.values() if EXTERNAL in _by_name(answer))
        return _Made(structure=_by_name(first)[EXTERNAL], seconds=dict(first.structure_seconds)[EXTERNAL])
    found = [_of_source(source, answers[source.model]) for source in entry.sources]
    rests_on = (entry.name,) if any(one.rests_on for one in found) else ()
    look = _look(entry.name, [one.look for one in found if one.look is not None])
    seconds = sum(one.seconds for one in found)
    if len(found) == 1:
        alone = found[0].structure
        text = _sentences(alone.description, f"From {versions[entry.sources[0].model]}.")
        structure = replace(alone, name=entry.name, description=text)
        return replace(found[0], structure=structure, rests_on=rests_on, look=look)
    texts = [_without_dice(one.structure.description) for one in found]
    joined = ", ".join(versions[source.model] for source in entry.sources)
    structure = replace(
        voted([one.structure for one in found], at_least=entry.votes_needed, name=entry.name),
        removals=tuple(removal for one in found for removal in one.structure.removals),
        description=_sentences(*dict.fromkeys(texts), f"Vote ({entry.vote}) of {joined}."),
    )
    return _Made(structure=structure, seconds=seconds, rests_on=rests_on, look=look)


def _of_source(source: Source, answer: Segmentation) -> _Made:
    name, by_name = source.structure, _by_name(answer)
    region = next((look for look, target in answer.looks if target == name), None)
    return _Made(
        structure=by_name[name],
        seconds=dict(answer.structure_seconds).get(name, 0.0),
        rests_on=(name,) if name in answer.proposals else (),
        predicted_dice=dict(answer.predicted_dice).get(name),
        look=None if region is None else by_name[region],
    )


def _look(target: str, looks: list[Structure]) -> Structure | None:
    """The must-look region of a target; of a vote all of the models' regions together, which miss no more than each."""
    if not looks:
        return None
    together = looks[0] if len(looks) == 1 else union(looks, name=looks[0].name)
    text = looks[0].description
    if len(looks) > 1:
        text = f"Look here for {target}: the regions of {len(looks)} models together. Not a volume to plan on."
    return replace(together, name=look_name(target), description=text)


def _unwritable_looks(made: dict[str, _Made], protocol: ProtocolSpec) -> list[Finding]:
    """Take away must-look regions whose name a structure set cannot hold or the protocol uses; say so."""
    found = []
    taken = {entry.name.casefold() for entry in protocol.entries}
    for name, one in made.items():
        if one.look is not None and (len(one.look.name) > MAX_NAME_LENGTH or one.look.name.casefold() in taken):
            made[name] = replace(one, look=None)
            message = f"the must-look region of {name} is left out: {one.look.name} is no name for it here"
            found.append(Finding(reason="LOOK_LEFT_OUT", message=message))
    return found


def _settle_overlaps(made: dict[str, _Made], priority: tuple[str, ...]) -> None:
    """Each listed structure gives up the voxels that one listed before it holds."""
    listed = [name for name in priority if name in made]
    for place, name in enumerate(listed):
        before = made[name].structure
        takers = [one for one in listed[:place] if not made[one].structure.is_empty]
        after = difference(before, [made[one].structure for one in takers], name=name)
        if after.volume_ml == before.volume_ml:
            continue
        given = [one for one in takers if _meet(before, made[one].structure)]
        text = _sentences(_without_dice(before.description), f"Without what it shared with {', '.join(given)}.")
        structure = replace(after, removals=before.removals, description=text)
        made[name] = replace(made[name], structure=structure, predicted_dice=None)


def _without_dice(description: str) -> str:
    """What a model says of a structure, but for a predicted Dice that is no longer its own."""
    return re.sub(r"Predicted Dice [0-9.]+\.\s*", "", description).strip()


def _meet(one: Structure, other: Structure) -> bool:
    return difference(one, (other,), name=one.name).volume_ml < one.volume_ml


def _derived(entry: Derived, made: Mapping[str, _Made], protocol: ProtocolSpec) -> tuple[_Made, list[Finding]]:
    started_s = time.perf_counter()
    operands = operands_of(entry.rule)
    structure = derive(entry, {name: made[name].structure for name in operands})
    rests_on = tuple(dict.fromkeys(target for name in operands for target in made[name].rests_on))
    texts = [f"Derived: {how(entry)}."]
    texts += [f"{name}: {how(one)}." for name, one in _unwritten(entry, protocol)]
    if rests_on:
        texts.append(f"Rests on what is a proposal from CT alone, not a diagnosis: {', '.join(rests_on)}.")
    missing = [name for name in operands if made[name].structure.is_empty]
    said = [
        Finding(reason="OPERAND_NOT_FOUND", message=f"{entry.name} was made without {name}, which is empty in this CT")
        for name in missing
    ]
    structure = replace(structure, description=_sentences(*texts))
    return _Made(structure=structure, seconds=time.perf_counter() - started_s, rests_on=rests_on), said


def _unwritten(entry: Derived, protocol: ProtocolSpec) -> list[tuple[str, Drawn | Derived]]:
    """What this structure is made from, and is itself made by a rule or a vote but not written; nearest first."""
    by_name = {one.name: one for one in protocol.entries}
    found: dict[str, Drawn | Derived] = {}
    waiting: list[Drawn | Derived] = [entry]
    while waiting:
        one = waiting.pop(0)
        for name in operands_of(one.rule) if isinstance(one, Derived) else ():
            if not by_name[name].keep and name not in found:
                found[name] = by_name[name]
                waiting.append(by_name[name])
    return list(found.items())


def _sentences(*texts: str) -> str:
    text = " ".join(one for one in texts if one)
    return text if len(text) <= _LONGEST_TEXT else f"{text[: _LONGEST_TEXT - 3]}..."


def _model_warnings(answers: Mapping[str, Segmentation]) -> list[Finding]:
    """What all models say once, what one says with its name."""
    said = {model: [one for one in answer.warnings if one.reason != _NOT_FOUND] for model, answer in answers.items()}
    found: list[Finding] = []
    for model, findings in said.items():
        for finding in findings:
            by_all = all(finding in other for other in said.values())
            one = finding if by_all else replace(finding, message=f"{model}: {finding.message}")
            if one not in found:
                found.append(one)
    return found


def _segmentation(
    kept: list[_Made], answers: Mapping[str, Segmentation], warnings: list[Finding], merged_s: float
) -> Segmentation:
    stages: dict[str, float] = {}
    for answer in answers.values():
        for stage, seconds in answer.stage_seconds:
            stages[stage] = stages.get(stage, 0.0) + seconds
    stages["clean-up"] = stages.get("clean-up", 0.0) + merged_s
    missing = [one.structure.name for one in kept if one.structure.is_empty]
    return Segmentation(
        structures=tuple(s for one in kept for s in (one.structure, one.look) if s is not None),
        warnings=(*warnings, *(Finding(reason=_NOT_FOUND, message=_missing(name)) for name in missing)),
        stage_seconds=tuple(stages.items()),
        structure_seconds=tuple((one.structure.name, one.seconds) for one in kept),
        proposals=tuple(one.structure.name for one in kept if one.rests_on),
        looks=tuple((one.look.name, one.structure.name) for one in kept if one.look is not None),
        predicted_dice=tuple(
            (one.structure.name, one.predicted_dice) for one in kept if one.predicted_dice is not None
        ),
    )


def _missing(name: str) -> str:
    return f"{name} was not found in this CT and is not in the file"


def _by_name(answer: Segmentation) -> dict[str, Structure]:
    return {structure.name: structure for structure in answer.structures}
