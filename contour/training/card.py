"""The model card's text: what was trained on what, and what was measured since."""

from __future__ import annotations

import re
from collections.abc import Sequence

from contour.segmentation.spec import ModelSpec
from contour.training.evaluation import Evaluation
from contour.training.loop import TrainingSettings
from contour.training.prepared import PreparedCase
from contour.training.report import to_markdown
from contour.training.split import Split

_EVALUATION_HEADING = "## Evaluation"


def training_card(
    spec: ModelSpec, cases: Sequence[PreparedCase], settings: TrainingSettings, *, split: Split, data_statement: str
) -> str:
    """A card for a model that was just trained; its evaluation section says that there is none yet."""
    contoured = sum((case.contoured.astype(int) for case in cases), start=0)
    counts = "\n".join(
        f"| {name} | {int(count)} |"
        for name, count in zip(spec.structure_names, contoured, strict=True)  # type: ignore[arg-type]
    )
    patients = f"{len(cases)} patients{_set_apart(split)}"
    return f"""# {spec.name} {spec.version}

Research software, not a medical device. Every contour has to be looked at and approved by a qualified person.

- Region: {spec.region}
- Licence: {spec.licence}
- Structures: External (by rule), {", ".join(spec.structure_names)}
- Network: {spec.network.architecture} {dict(spec.network.arguments)}
- Input: body only, {" x ".join(f"{step:g}" for step in spec.input.spacing_zyx_mm)} mm (z, y, x), windows {
        list(spec.input.windows_hu)
    } HU, patch {list(spec.input.patch_zyx)}

## Training data

{data_statement.strip()}

{patients}; `split.json` names them. A structure that was not contoured in a
patient is left out of the loss there, never counted as background.

| structure | patients in whom it was contoured |
| --- | --- |
{counts}

Trained by `contour train`: {settings.steps} steps of one patch, seed {settings.seed}{_beginning(split)}.
Muon at a rate of {settings.kernel_rate:g} moved the kernels of hidden layers, AdamW at {settings.learning_rate:g} all
else; the weights are the running average of the last steps, stored as float16.

{_EVALUATION_HEADING}

Not measured yet; `contour evaluate` fills this in.
"""


def _set_apart(split: Split) -> str:
    held_out = f", {len(split.held_out)} more held out" if split.held_out else ""
    return held_out + (f", {len(split.left_out)} left out as unusable" if split.left_out else "")


def _beginning(split: Split) -> str:
    return f", starting from the weights of {split.started_from}" if split.started_from else ""


def with_evaluation(card: str, evaluation: Evaluation, *, patients: str) -> str:
    """The card with what stands right under its evaluation heading replaced; `patients` says on whom it was measured.

    What follows under any further heading stays, a sub-heading too: that is the place for words written by hand.
    A card without the heading gets one at its end.
    """
    before, _, after = card.partition(f"\n{_EVALUATION_HEADING}\n")
    next_heading = re.search(r"^#{1,6} ", after, flags=re.MULTILINE)
    kept = f"\n{after[next_heading.start() :]}" if next_heading else ""
    return f"""{before.rstrip()}

{_EVALUATION_HEADING}

Measured by `contour evaluate` on {patients}:
{len(evaluation.cases)} patients, with the product's whole walk, on each CT's own grid.

{to_markdown(evaluation)}
![every patient's Dice and HD95, per structure](evaluation.png)
{kept}"""
