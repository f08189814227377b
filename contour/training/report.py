"""An evaluation as files: JSON for programs, Markdown for the model card."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from contour.training.evaluation import Evaluation
from contour.training.measurement import FAR_MM, PATH_TOLERANCE_MM
from contour.training.summary import INTERVAL_PERCENT, RESAMPLES, SEED, Mean, StructureSummary

SCHEMA = 2
_DECIMALS = 4

_DEFINITIONS = {
    "dice": "share of voxels in common, on the CT's own grid",
    "surface_dice": "share of both surfaces' area within 2 or 3 mm of the other, by surface elements (Nikolov 2021)",
    "hd95_mm": "95th percentile by area of distances between the surfaces, larger direction; patients with an answer",
    "mean_distance_mm": "mean distance between the surfaces by area, both ways; patients with an answer",
    "added_path_length_mm": f"outline contoured by hand, slice by slice, farther than {PATH_TOLERANCE_MM:g} mm from "
    "the answer's outline in that slice (after Vaassen et al. 2020)",
    "volume_bias_percent": "answered less contoured volume, of the contoured volume",
    "far_ml": f"volume answered more than {FAR_MM:g} mm from all that was contoured",
    "missed": "patients in whom it was contoured and Dice is 0",
    "not_answered": "patients in whom it was contoured and there was no answer: Dice and surface Dice 0, added path "
    "length the whole outline, volume bias -100 %, no surface distances",
    "answered_not_contoured": "patients with an answer where nobody contoured; not contoured does not mean not there",
    "low, high": f"{INTERVAL_PERCENT} % interval of the mean: percentile bootstrap over patients, {RESAMPLES} draws, "
    f"seed {SEED}",
}


def to_json(evaluation: Evaluation) -> str:
    """All figures, per structure and per patient; `dice` holds what lists of models show."""
    document = {
        "schema": SCHEMA,
        "model": evaluation.model,
        "version": evaluation.version,
        "definitions": _DEFINITIONS,
        "cases": list(evaluation.cases),
        "refused": [asdict(one) for one in evaluation.refused],
        "dice": [
            {"structure": row.structure, **asdict(row.dice), "missed": row.missed, "proposal": row.proposal}
            for row in evaluation.rows
        ],
        "structures": [asdict(row) for row in evaluation.rows],
        "each": [asdict(one) for one in evaluation.each],
        "answered_not_contoured": [asdict(one) for one in evaluation.unjudged],
    }
    return json.dumps(_rounded(document), indent=1) + "\n"


def to_markdown(evaluation: Evaluation) -> str:
    """Two tables, and what their columns mean."""
    parts = [_overlap_table(evaluation.rows), _distance_table(evaluation.rows), _notes(evaluation)]
    return "\n\n".join(parts) + "\n"


def _overlap_table(rows: Sequence[StructureSummary]) -> str:
    return _table(
        ("structure", "n", "Dice", "median", "worst", "missed", "surface Dice 2 mm", "surface Dice 3 mm"),
        [
            (
                _name(row),
                str(row.n),
                _with_interval(row.dice, 3),
                f"{row.dice.median:.3f}",
                f"{row.dice.worst:.3f} ({row.dice.worst_case})",
                str(row.missed),
                _with_interval(row.surface_dice_2mm, 3),
                _with_interval(row.surface_dice_3mm, 3),
            )
            for row in rows
        ],
    )


def _distance_table(rows: Sequence[StructureSummary]) -> str:
    return _table(
        (
            *("structure", "answered", "HD95 mm", "worst HD95 mm", "mean distance mm", "added path mm"),
            *("volume bias %", f"beyond {FAR_MM:g} mm: patients (mean ml)", "answered, not contoured"),
        ),
        [
            (
                _name(row),
                f"{row.n - row.not_answered} of {row.n}",
                _with_interval(row.hd95_mm, 1),
                f"{row.hd95_mm.worst:.1f} ({row.hd95_mm.worst_case})" if row.hd95_mm else "",
                _with_interval(row.mean_distance_mm, 1),
                _with_interval(row.added_path_length_mm, 0),
                _with_interval(row.volume_bias_percent, 0, sign="+"),
                f"{row.far_cases} ({row.far_ml.mean:.2f})",
                f"{row.answered_not_contoured} of {row.not_contoured}",
            )
            for row in rows
        ],
    )


def _notes(evaluation: Evaluation) -> str:
    proposals = [row.structure for row in evaluation.rows if row.proposal]
    notes = [
        f"Means over the patients in whom a structure was contoured by hand, in brackets their {INTERVAL_PERCENT} % "
        f"interval (percentile bootstrap over patients, {RESAMPLES} draws, seed {SEED}). `missed`: Dice 0. Without an "
        "answer Dice and surface Dice are 0, the added path is the whole outline, the volume bias is -100 %, and there "
        "is no distance to count. Surface figures go by surface elements weighed by area, those of DeepMind's "
        f"surface-distance. Added path: outline, slice by slice, farther than {PATH_TOLERANCE_MM:g} mm from the "
        f"answer's. Beyond {FAR_MM:g} mm: answered that far from all that was contoured, false positives. `answered, "
        "not contoured`: nobody contoured it there, which does not mean that it is not there."
    ]
    if proposals:
        notes.append(f"Proposals from the CT alone, which cannot know the tumour: {', '.join(proposals)}.")
    if evaluation.refused:
        refused = ", ".join(f"{one.case} ({one.reason})" for one in evaluation.refused)
        notes.append(
            f"Refused, and counted in no row: {len(evaluation.refused)} of {len(evaluation.cases)} patients: {refused}."
        )
    return "\n\n".join(notes)


def _name(row: StructureSummary) -> str:
    return f"{row.structure} (proposal)" if row.proposal else row.structure


def _with_interval(mean: Mean | None, decimals: int, *, sign: str = "") -> str:
    if mean is None:
        return ""
    form = f"{sign}.{decimals}f"
    text = f"{mean.mean:{form}}"
    if mean.low is None or mean.high is None:
        return text
    return f"{text} [{mean.low:{form}}, {mean.high:{form}}]"


def _table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [headings, ["---"] * len(headings), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, _DECIMALS)
    if isinstance(value, dict):
        return {key: _rounded(one) for key, one in value.items()}
    return [_rounded(one) for one in value] if isinstance(value, (list, tuple)) else value
