"""The model card's text: what was trained on what, and what was measured since."""

from __future__ import annotations

from collections.abc import Sequence

from contour.segmentation.spec import ModelSpec
from contour.training.cases import PreparedCase
from contour.training.evaluation import Evaluation
from contour.training.loop import TrainingSettings

_EVALUATION_HEADING = "## Evaluation"


def training_card(
    spec: ModelSpec, cases: Sequence[PreparedCase], settings: TrainingSettings, *, data_statement: str
) -> str:
    """A card for a model that was just trained; its evaluation section says that there is none yet."""
    contoured = sum((case.contoured.astype(int) for case in cases), start=0)
    counts = "\n".join(
        f"| {name} | {int(count)} |"
        for name, count in zip(spec.structure_names, contoured, strict=True)  # type: ignore[arg-type]
    )
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

{len(cases)} patients. A structure that was not contoured in a patient is left out of the loss there, never counted as
background.

| structure | patients in whom it was contoured |
| --- | --- |
{counts}

Trained by `contour train`: {settings.steps} steps of one patch, AdamW, learning rate {settings.learning_rate:g}, seed
{settings.seed}; the weights are the running average of the last steps, stored as float16.

{_EVALUATION_HEADING}

Not measured yet; `contour evaluate` fills this in.
"""


def with_evaluation(card: str, evaluation: Evaluation, *, patients: str) -> str:
    """The card with its evaluation section replaced; `patients` says on whom it was measured."""
    kept = card.partition(_EVALUATION_HEADING)[0].rstrip()
    return f"""{kept}

{_EVALUATION_HEADING}

Measured by `contour evaluate` on {patients}:
{len(evaluation.cases)} patients, with the product's whole walk, on each CT's own grid. `missed` counts patients in
whom a structure was contoured by hand and the model's contour does not touch it.

{evaluation.to_markdown()}"""
