"""The walk from HU to structures: body, network, back to the CT's grid, clean-up."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np

from contour.anatomy.structures import Structure, crop_to_structure
from contour.errors import Finding, NotFoundError
from contour.progress import Progress, no_progress
from contour.segmentation.body import blanked_hu, find_body
from contour.segmentation.clean_up import clean_up
from contour.segmentation.depth import Shown, check_network_answer
from contour.segmentation.label_model import LabelModel
from contour.segmentation.label_structures import label_map, label_structures
from contour.segmentation.restore import restore
from contour.segmentation.scan_hu import check_air, check_tissue
from contour.segmentation.spec import ModelSpec
from contour.segmentation.store import EXTERNAL, LoadedModel, Model
from contour.segmentation.trust import Answer, Judged, judge
from contour.segmentation.view import View, without
from contour.segmentation.windows import ask_network
from registration.grid import Grid
from registration.orientation import AxisOrder, anatomical_order
from registration.resample import resample
from registration.volume import Volume


@dataclass(frozen=True, slots=True, kw_only=True)
class Segmentation:
    """What was found in a CT: every structure asked for, the empty ones too, in the order of the model's card.

    The must-look region of a target follows it; `looks` names the two, region first. `proposals` names the targets,
    drawn from the CT alone. `predicted_dice` has the structures that were found and whose model can
    tell. `structure_seconds` is the time that a structure took alone (restore and clean-up, for External the body
    stage).
    """

    structures: tuple[Structure, ...]
    warnings: tuple[Finding, ...]
    stage_seconds: tuple[tuple[str, float], ...]
    structure_seconds: tuple[tuple[str, float], ...]
    proposals: tuple[str, ...] = ()
    looks: tuple[tuple[str, str], ...] = ()
    predicted_dice: tuple[tuple[str, float], ...] = ()


def segment(
    ct: Volume,
    model: Model,
    *,
    structures: tuple[str, ...] | None = None,
    progress: Progress = no_progress,
) -> Segmentation:
    """Contour a CT with a loaded model.

    Args:
        ct: HU, any grid and patient position; array axes nearest to head, back and left are found from the grid.
        model: From `ModelStore.load`.
        structures: TG-263 names wanted; None for all on the model's card.
        progress: Told stages `body`, `network`, `restore` and `clean-up`; may raise CancelledError.

    Raises:
        NotFoundError: a structure that is not on the model's card; reason UNKNOWN_STRUCTURE.
        InputError: no patient in the CT (NO_BODY), or one that the model does not know: HU_SHIFTED, NO_AIR_CONTRAST,
            UPSIDE_DOWN, OTHER_REGION (`contour.segmentation.depth`).
    """
    wanted = model.card.structures if structures is None else structures
    unknown = [name for name in wanted if name not in model.card.structures]
    if unknown:
        raise NotFoundError(
            f"{unknown[0]!r} asked for; {model.card.name} contours {', '.join(model.card.structures)}",
            reason="UNKNOWN_STRUCTURE",
        )
    seconds = _Seconds()
    progress("body", 0.0)
    external, shown, blanked = _body(ct)
    seconds.end("body")
    progress("body", 1.0)
    seconds.of_structure[EXTERNAL] = seconds.of_stage["body"]
    found = _Found()
    if any(name != EXTERNAL for name in wanted):
        if isinstance(model, LabelModel):
            found = _by_labels(ct, shown, model, wanted=wanted, seconds=seconds, progress=progress)
        else:
            found = _by_probability(ct, shown, model, wanted=wanted, seconds=seconds, progress=progress)
    result = (*((external,) if EXTERNAL in wanted else ()), *found.structures)
    return Segmentation(
        structures=result,
        warnings=(
            *((_BLANKED,) if blanked else ()),
            *found.of_scan,
            *(_not_found(s.name) for s in result if s.is_empty and s.name not in found.not_in_view),
            *found.of_structures,
        ),
        stage_seconds=tuple(seconds.of_stage.items()),
        structure_seconds=tuple((structure.name, seconds.of_structure[structure.name]) for structure in result),
        proposals=found.proposals,
        looks=found.looks,
        predicted_dice=found.predicted_dice,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """What a model found and what is told of it, before and after the structures themselves are looked at."""

    structures: tuple[Structure, ...] = ()
    of_scan: tuple[Finding, ...] = ()
    of_structures: tuple[Finding, ...] = ()
    not_in_view: tuple[str, ...] = ()
    proposals: tuple[str, ...] = ()
    looks: tuple[tuple[str, str], ...] = ()
    predicted_dice: tuple[tuple[str, float], ...] = ()


def _by_labels(
    ct: Volume, shown: Structure, model: LabelModel, *, wanted: tuple[str, ...], seconds: _Seconds, progress: Progress
) -> _Found:
    """By a model that gives every voxel one label."""
    progress("network", 0.0)
    labels = label_map(ct, shown, model, progress)
    seconds.end("network")
    seconds.move("network", "restore", labels.seconds.total - labels.seconds.network)
    structures = label_structures(labels, model, ct.grid, wanted=wanted, progress=progress)
    seconds.add("restore")
    seconds.end("clean-up")
    seconds.of_structure.update({structure.name: taken for structure, taken in structures})
    return _Found(
        structures=tuple(structure for structure, _ in structures),
        proposals=tuple(one.name for one in model.spec.structures if one.proposal and one.name in wanted),
    )


def _by_probability(
    ct: Volume, shown: Structure, model: LoadedModel, *, wanted: tuple[str, ...], seconds: _Seconds, progress: Progress
) -> _Found:
    """By a model that gives every structure a probability of its own, and knows its training patients."""
    answers, view = _by_network(ct, shown, model, wanted=wanted, seconds=seconds, progress=progress)
    judged = _judged(answers, model, seconds)
    return _Found(
        structures=tuple(
            structure for one in judged for structure in (one.structure, one.look) if structure is not None
        ),
        of_scan=view.findings(wanted),
        of_structures=tuple(warning for one in judged for warning in one.warnings),
        not_in_view=view.not_in_view,
        proposals=tuple(answer.structure.name for answer in answers if answer.rules.proposal),
        looks=tuple((one.look.name, one.structure.name) for one in judged if one.look is not None),
        predicted_dice=tuple(
            (one.structure.name, one.predicted_dice) for one in judged if one.predicted_dice is not None
        ),
    )


def answer_all(ct: Volume, model: LoadedModel) -> tuple[Answer, ...]:
    """Every structure of the model's network as `segment` draws it, with what calibration measures on it.

    Raises:
        InputError: as for `segment`.
    """
    _, shown, _ = _body(ct)
    wanted = model.spec.structure_names
    return tuple(_by_network(ct, shown, model, wanted=wanted, seconds=_Seconds(), progress=no_progress)[0])


def _body(ct: Volume) -> tuple[Structure, Structure, bool]:
    """The patient's outline, what of the CT the network is shown, and whether somebody blanked the rest."""
    check_air(ct)
    external = find_body(ct)
    blank_hu = blanked_hu(ct)
    if blank_hu is None:
        return external, external, False
    return external, crop_to_structure(EXTERNAL, ct.grid, ct.values_zyx > blank_hu), True


def _judged(answers: list[Answer], model: LoadedModel, seconds: _Seconds) -> list[Judged]:
    found: list[Judged] = []
    for answer in answers:
        started_s = time.perf_counter()
        found.append(judge(answer, model.calibration))
        look = found[-1].look
        if look is not None:
            seconds.of_structure[look.name] = time.perf_counter() - started_s
    seconds.add("clean-up")
    return found


def _by_network(
    ct: Volume,
    shown: Structure,
    model: LoadedModel,
    *,
    wanted: tuple[str, ...],
    seconds: _Seconds,
    progress: Progress,
) -> tuple[list[Answer], View]:
    progress("network", 0.0)
    order = anatomical_order(ct.grid)
    hu, inside = _network_input(ct, shown, model.spec, order)
    tissue = check_tissue(hu.values_zyx, model.anatomy)
    answer = ask_network(hu.values_zyx, inside, model, progress)
    view = check_network_answer(
        answer.probability,
        Shown(hu_zyx=hu.values_zyx, inside_zyx=inside, spacing_zyx_mm=hu.grid.spacing_zyx_mm),
        model.spec,
        model.anatomy,
        ask=lambda turned: ask_network(turned.hu_zyx, turned.inside_zyx, model, _still(progress)).probability,
    ).after(tissue)
    seconds.end("network")
    raw: list[tuple[int, Structure]] = []
    for done, spec in enumerate(model.spec.structures):
        if spec.name in wanted:
            started_s = time.perf_counter()
            raw.append((done, restore(spec.name, answer.probability[done], hu.grid, ct.grid, order)))
            seconds.of_structure[spec.name] = time.perf_counter() - started_s
        progress("restore", (done + 1) / len(model.spec.structures))
    seconds.end("restore")
    cleaned: list[Answer] = []
    agreement = answer.mirror_agreement
    for done, (channel, structure) in enumerate(raw):
        started_s = time.perf_counter()
        rules = model.spec.structures[channel]
        cleaned.append(
            Answer(
                rules=rules,
                structure=without(view, clean_up(structure, rules)),
                probability_zyx=answer.probability[channel],
                network_grid=hu.grid,
                order=order,
                mirror_agreement=None if agreement is None else agreement[channel],
            )
        )
        seconds.of_structure[structure.name] += time.perf_counter() - started_s
        progress("clean-up", (done + 1) / len(raw))
    seconds.end("clean-up")
    return cleaned, view


def _network_input(
    ct: Volume, shown: Structure, spec: ModelSpec, order: AxisOrder
) -> tuple[Volume, np.ndarray[tuple[int, int, int], np.dtype[np.bool_]]]:
    """What the network is shown and nothing else, at the model's spacing in anatomical order; and where that is.

    It is shown the body; of a scan that somebody blanked, all that was left: pieces of a body are no body by any rule.
    """
    inside, lower = shown.mask_zyx, shown.lower_zyx
    box = tuple(slice(low, low + size) for low, size in zip(lower, inside.shape, strict=True))
    crop = ct.values_zyx[box]
    masked = np.where(inside, crop, np.asarray(spec.input.outside_hu, dtype=crop.dtype))
    grid = ct.grid.cropped(lower, (inside.shape[0], inside.shape[1], inside.shape[2]))
    body = order.apply_to_volume(Volume(grid=grid, values_zyx=masked))
    onto = _network_grid(body.grid, spec)
    hu = resample(body, onto, outside=spec.input.outside_hu)
    within = resample(order.apply_to_volume(Volume(grid=grid, values_zyx=inside)), onto, outside=0.0)
    return hu, within.values_zyx > _TOUCHED


def _network_grid(body: Grid, spec: ModelSpec) -> Grid:
    """The body's box with the model's margin about it, at the model's spacing."""
    margin = [round(spec.input.margin_mm / step) for step in body.spacing_zyx_mm]
    a, b, c = margin
    z, y, x = body.shape_zyx
    return body.cropped((-a, -b, -c), (z + 2 * a, y + 2 * b, x + 2 * c)).on_lattice(spec.input.spacing_zyx_mm)


def _still(progress: Progress) -> Progress:
    """The same progress for work that was not foreseen: the network's stage stays where it is, and may be stopped."""
    return lambda stage, fraction: progress("network", 1.0)


class _Seconds:
    """Where the time went: each `end` closes the stage that ran since the one before."""

    def __init__(self) -> None:
        self.of_stage: dict[str, float] = {}
        self.of_structure: dict[str, float] = {}
        self._started_s = time.perf_counter()

    def end(self, stage: str) -> None:
        now_s = time.perf_counter()
        self.of_stage[stage] = now_s - self._started_s
        self._started_s = now_s

    def add(self, stage: str) -> None:
        """What ran since the last stage ended belongs to this one, which may have ended before."""
        before_s = self.of_stage.get(stage)
        if before_s is not None:
            self.end(stage)
            self.of_stage[stage] += before_s

    def move(self, stage: str, to: str, seconds: float) -> None:
        """Seconds that ran within one stage belong to another."""
        self.of_stage[stage] -= seconds
        self.of_stage[to] = seconds


_TOUCHED = 1e-3
_BLANKED = Finding(
    reason="BLANKED_SCAN",
    message="all of this CT outside a region has one single value; contours may lack what was cut off",
)


def _not_found(name: str) -> Finding:
    return Finding(reason="STRUCTURE_NOT_FOUND", message=f"{name} was not found in this CT and is not in the file")
