"""How well a model contours patients that it has not seen, with the product's own walk on the CT's own grid."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from contour.errors import InputError
from contour.segmentation import Model, segment
from contour.segmentation.spec import StructureSpec
from contour.training.cases import Case
from contour.training.measurement import Measurement, measure
from contour.training.summary import StructureSummary, summarise


@dataclass(frozen=True, slots=True, kw_only=True)
class UnjudgedAnswer:
    """An answer where nobody contoured: the structure may be there or not."""

    case: str
    structure: str
    answer_ml: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A patient whose CT the model's walk refused; no contour of theirs is counted anywhere."""

    case: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """What was measured of a model on a set of patients; a structure that nobody had has no row.

    Args:
        model: The model's name.
        version: Its version.
        cases: All patients, the refused ones too.
        rows: One per structure, in the order of the model's spec.
        each: Every structure in every patient in whom it was contoured.
        unjudged: Answers in patients in whom the structure was not contoured.
        refused: Patients without any answer.
    """

    model: str
    version: str
    cases: tuple[str, ...]
    rows: tuple[StructureSummary, ...]
    each: tuple[Measurement, ...]
    unjudged: tuple[UnjudgedAnswer, ...]
    refused: tuple[Refusal, ...]


def evaluate_model(
    model: Model, cases: Sequence[Case], *, on_case: Callable[[int, int], None] = lambda done, cases: None
) -> Evaluation:
    """Contour each case with `segment` and compare with what was contoured by hand.

    Args:
        model: From `ModelStore.load`.
        cases: Patients that the model was not trained on.
        on_case: Told after each case how many of how many are done.
    """
    each: list[Measurement] = []
    unjudged: list[UnjudgedAnswer] = []
    refused: list[Refusal] = []
    for done, case in enumerate(cases):
        found = _judge(case, model)
        if isinstance(found, Refusal):
            refused.append(found)
        else:
            each += [one for one in found if isinstance(one, Measurement)]
            unjudged += [one for one in found if isinstance(one, UnjudgedAnswer)]
        on_case(done + 1, len(cases))
    answered = len(cases) - len(refused)
    return Evaluation(
        model=model.card.name,
        version=model.card.version,
        cases=tuple(case.name for case in cases),
        rows=tuple(
            row for structure in model.spec.structures for row in _row(structure, each, unjudged, answered=answered)
        ),
        each=tuple(each),
        unjudged=tuple(unjudged),
        refused=tuple(refused),
    )


def _judge(case: Case, model: Model) -> list[Measurement | UnjudgedAnswer] | Refusal:
    ct = case.read_ct()
    try:
        answer = segment(ct, model, structures=model.spec.structure_names)
    except InputError as refusal:
        return Refusal(case=case.name, reason=refusal.reason)
    found = {structure.name: structure for structure in answer.structures}
    judged: list[Measurement | UnjudgedAnswer] = []
    for structure in model.spec.structures:
        reference = case.read_mask(structure)
        one = found.get(structure.name)
        if reference is not None:
            answer_zyx = one.full_mask_zyx() if one else np.zeros(ct.grid.shape_zyx, dtype=np.bool_)
            judged.append(
                measure(
                    case.name, structure.name, reference_zyx=reference.values_zyx, answer_zyx=answer_zyx, grid=ct.grid
                )
            )
        elif one is not None and not one.is_empty:
            judged.append(UnjudgedAnswer(case=case.name, structure=structure.name, answer_ml=one.volume_ml))
    return judged


def _row(
    structure: StructureSpec, each: Sequence[Measurement], unjudged: Sequence[UnjudgedAnswer], *, answered: int
) -> list[StructureSummary]:
    measured = [one for one in each if one.structure == structure.name]
    if not measured:
        return []
    return [
        summarise(
            structure,
            measured,
            not_contoured=answered - len(measured),
            answered_not_contoured=sum(one.structure == structure.name for one in unjudged),
        )
    ]
