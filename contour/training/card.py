"""The model card's text: what was trained on what, and what was measured since."""

from __future__ import annotations

import re
from collections.abc import Sequence
from importlib.metadata import version

from contour.segmentation.networks import build_network
from contour.segmentation.spec import ModelSpec, StructureSpec
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
    organs = [structure for structure in spec.structures if not structure.proposal]
    targets = [structure for structure in spec.structures if structure.proposal]
    shown = spec.input
    return f"""# {spec.name} {spec.version}

Research software, not a medical device. Every contour has to be looked at and approved by a qualified person.

## Card metadata

Sections after AID-RT, the model card for artificial intelligence in radiotherapy (A. M. Barragan-Montero et al.,
Physics and Imaging in Radiation Oncology, 2026, doi:10.1016/j.phro.2026.100940). Written by `contour train` of
contour-rt {version("contour-rt")}; `contour evaluate` and `contour calibrate` fill in what they measured. The files it
speaks of lie beside it, each with its sha256 in `manifest.toml`.

## Basic information

- Task: contours on a planning CT, {spec.region}
- Structures: External (by rule), {_listed(organs)}
{_proposals(targets)}- Licence: {spec.licence}
- Meant for: a first draft that a qualified person looks at, mends and approves, in research
- Not meant for: use without review, diagnosis, other regions than {spec.region}, other scans than CT, children
- Status: research; not commissioned, not cleared by any authority

## Technical specifications

- Network: {spec.network.architecture} of MONAI, {_arguments(spec)}; {
        _millions(spec):.1f} million weights, stored as float16
- Shown to it: the body and nothing else, {
        " x ".join(f"{step:g}" for step in shown.spacing_zyx_mm)
    } mm (z, y, x), windows {", ".join(f"{low:g} to {high:g}" for low, high in shown.windows_hu)} HU, patches of {
        " x ".join(str(size) for size in shown.patch_zyx)
    } voxels that overlap by {shown.overlap:g}
- Asked {
        "twice, the second time with left and right exchanged, and the answers averaged"
        if shown.mirrored_too
        else "once"
    }
- Afterwards: brought back to the CT's own grid as probabilities, cut at one half, cleaned up by `spec.toml`'s rules
- Runs on: any processor, faster with bfloat16 instructions; or a GPU

## Training data, methodology and information

{data_statement.strip()}

{patients}; `split.json` names them. A structure that was not contoured in a
patient is left out of the loss there, never counted as background.

| structure | patients in whom it was contoured |
| --- | --- |
{counts}

Trained by `contour train`: {settings.steps} steps of one patch, seed {settings.seed}{_beginning(split)}.
Muon at a rate of {settings.kernel_rate:g} moved the kernels of hidden layers, AdamW at {settings.learning_rate:g} all
else; `curve.png` shows rate and loss. The loss is soft Dice and cross-entropy over the structures that were contoured.
Patches were turned, stretched, mirrored with left and right exchanged, sharpened, blurred, made noisy, given thick
slices and coarse pixels, metal, couch and mask, and cut off, at random. The weights are the running average of the
last steps.

{_EVALUATION_HEADING}

Not measured yet; `contour evaluate` fills this in.

## Other considerations

- Ethics: a model repeats the habits of those who contoured for it. What is not known of the patients above (age, sex,
  origin, scanner, clinic) cannot be balanced or broken down here; measure it on your own patients before use.
- Risk: a structure that is missed, a contour that is shifted, and a reviewer who stopped looking. The service answers
  with named refusals, warnings, must-look regions and a predicted Dice for each structure; none replaces a look.
- Commissioning: `contour evaluate` on at least as many of your own approved cases as you would ask of a person.
- Monitoring: how much is mended, how often a refusal or a low predicted Dice comes, before and after each new version.
"""


def _listed(structures: Sequence[StructureSpec]) -> str:
    return ", ".join(structure.name for structure in structures)


def _proposals(targets: Sequence[StructureSpec]) -> str:
    if not targets:
        return ""
    made_of = "; ".join(f"{target.name} learnt from {' + '.join(target.trained_from)}" for target in targets)
    return f"- Proposals from the CT alone, of what a physician decides with more than the CT: {made_of}\n"


def _arguments(spec: ModelSpec) -> str:
    return ", ".join(f"{name} {value}" for name, value in spec.network.arguments)


def _millions(spec: ModelSpec) -> float:
    return sum(weight.numel() for weight in build_network(spec).parameters()) / 1e6


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
