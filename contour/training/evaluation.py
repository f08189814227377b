"""How well a model contours patients that it has not seen, with the product's own walk on the CT's own grid."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

import numpy as np

from contour.anatomy.agreement import dice
from contour.segmentation import LoadedModel, segment
from contour.training.cases import Case


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseDice:
    """Dice of one structure in one patient; 0 where it was contoured by hand and missed by the model."""

    case: str
    structure: str
    dice: float


@dataclass(frozen=True, slots=True, kw_only=True)
class DiceRow:
    """One structure over all patients in whom it was contoured by hand."""

    structure: str
    n: int
    mean: float
    median: float
    worst: float
    worst_case: str
    missed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """Dice of a model on a set of patients, per structure and per patient; a structure that nobody had has no row."""

    model: str
    version: str
    cases: tuple[str, ...]
    rows: tuple[DiceRow, ...]
    each: tuple[CaseDice, ...]

    def to_json(self) -> str:
        """The report that is kept beside the weights."""
        document = {
            "model": self.model,
            "version": self.version,
            "cases": list(self.cases),
            "dice": [asdict(row) for row in self.rows],
            "each": [asdict(one) for one in self.each],
        }
        return json.dumps(document, indent=1) + "\n"

    def to_markdown(self) -> str:
        """The table of a model card."""
        lines = [
            "| structure | n | mean Dice | median | worst | worst case | missed |",
            "| --- | --- | --- | --- | --- | --- | --- |",
        ]
        lines += [
            f"| {row.structure} | {row.n} | {row.mean:.3f} | {row.median:.3f} | {row.worst:.3f} | {row.worst_case} "
            f"| {row.missed} |"
            for row in self.rows
        ]
        return "\n".join(lines) + "\n"


def evaluate_model(
    model: LoadedModel, cases: Sequence[Case], *, on_case: Callable[[int, int], None] = lambda done, cases: None
) -> Evaluation:
    """Contour each case with `segment` and compare with what was contoured by hand, voxel by voxel.

    Args:
        model: From `ModelStore.load`.
        cases: Patients that the model was not trained on; a structure that nobody contoured is not counted.
        on_case: Told after each case how many of how many are done.
    """
    each: list[CaseDice] = []
    for done, case in enumerate(cases):
        found = {s.name: s for s in segment(case.read_ct(), model, structures=model.spec.structure_names).structures}
        for name, truth in case.read_masks(model.spec.structure_names):
            if truth.values_zyx.any():
                agreement = dice(found[name].full_mask_zyx(), truth.values_zyx)
                each.append(CaseDice(case=case.name, structure=name, dice=round(agreement, 4)))
        on_case(done + 1, len(cases))
    return Evaluation(
        model=model.card.name,
        version=model.card.version,
        cases=tuple(case.name for case in cases),
        rows=tuple(
            _row(name, [one for one in each if one.structure == name])
            for name in model.spec.structure_names
            if any(one.structure == name for one in each)
        ),
        each=tuple(each),
    )


def _row(name: str, each: Sequence[CaseDice]) -> DiceRow:
    values = np.asarray([one.dice for one in each])
    worst = min(each, key=lambda one: one.dice)
    return DiceRow(
        structure=name,
        n=len(each),
        mean=round(float(values.mean()), 4),
        median=round(float(np.median(values)), 4),
        worst=worst.dice,
        worst_case=worst.case,
        missed=int(np.count_nonzero(values == 0.0)),
    )
