"""Which slices of a case need a look, worst first: must-look regions, doubtful structures, jumps of an outline."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from contour.adaptation.fraction_report import FractionReport
from contour.anatomy.structures import Structure
from contour.jobs.review_values import Look
from contour.store.records import ResultRow

USUAL_DICE = 0.85
"""Taken where a model cannot tell how sure it is."""

_PER_STRUCTURE = 2
_MOST = 60
_LEAST_JUMP = 0.12
_FEW_SLICES = 3
_VERDICTS = {"REFUSE": 0.95, "LOOK": 0.8}


def looks_of_plan(structures: Sequence[Structure], rows: Sequence[ResultRow]) -> tuple[Look, ...]:
    """Looks of a plan: first the must-look regions, then each structure's slices by how unsure its model is."""
    by_name = {row.name: row for row in rows}
    found: list[Look] = []
    for structure in structures:
        row = by_name.get(structure.name)
        areas = _areas(structure)
        if not areas.any():
            continue
        if row is not None and row.look_of:
            found.append(_look(structure, int(np.argmax(areas)), 1.0, f"must-look region of {row.look_of}"))
            continue
        doubt = 1.0 - (USUAL_DICE if row is None or row.predicted_dice is None else row.predicted_dice)
        if row is not None and row.proposal:
            found.append(_look(structure, int(np.argmax(areas)), 0.9, "a target proposed from the CT alone"))
        found += _jumps(structure, areas, doubt)
    return _worst(found)


def looks_of_fraction(structures: Sequence[Structure], report: FractionReport) -> tuple[Look, ...]:
    """Looks of a fraction: structures that are not to be trusted, in their middle, and jumps of all."""
    trust = {row.drift.name: row.trust for row in report.structures}
    found: list[Look] = []
    for structure in structures:
        said = trust.get(structure.name)
        areas = _areas(structure)
        if not areas.any():
            continue
        if said is not None and said.verdict in _VERDICTS:
            codes = ", ".join(dict.fromkeys(one.reason for one in said.reasons)) or said.verdict
            found.append(_look(structure, int(np.argmax(areas)), _VERDICTS[said.verdict], codes))
        error = None if said is None else said.expected_error_mm
        found += _jumps(structure, areas, 1.0 - USUAL_DICE if error is None else min(1.0, error / 10.0))
    return _worst(found)


def slices_of(structure: Structure) -> tuple[int, ...]:
    """The grid's slices that hold a voxel of it."""
    first = structure.lower_zyx[0]
    return tuple(int(k) + first for k in np.flatnonzero(structure.mask_zyx.any(axis=(1, 2))))


def _jumps(structure: Structure, areas: NDArray[np.int64], doubt: float) -> list[Look]:
    """The slices inside the structure whose area differs most from the mean of its neighbours', or that are missing."""
    some = np.flatnonzero(areas)
    inner = areas[some[0] : some[-1] + 1].astype(np.float64)
    if inner.size < _FEW_SLICES:
        return []
    between = (inner[:-2] + inner[2:]) / 2
    jump = np.abs(inner[1:-1] - between) / np.maximum(np.maximum(inner[1:-1], between), 1.0)
    jump *= np.sqrt(np.maximum(inner[1:-1], between) / inner.max())
    found = []
    for place in np.argsort(-jump, kind="stable")[:_PER_STRUCTURE].tolist():
        if jump[place] < _LEAST_JUMP:
            break
        empty = inner[place + 1] == 0
        why = "empty between slices that are not" if empty else f"area {jump[place]:.0%} off its neighbours'"
        score = min(0.85, float(jump[place]) * (0.3 + 2.0 * doubt) + (0.3 if empty else 0.0))
        found.append(_look(structure, int(some[0]) + place + 1, score, why))
    return found


def _areas(structure: Structure) -> NDArray[np.int64]:
    return np.asarray(np.count_nonzero(structure.mask_zyx, axis=(1, 2)), dtype=np.int64)


def _look(structure: Structure, slice_in_crop: int, score: float, why: str) -> Look:
    return Look(
        structure=structure.name, slice_z=structure.lower_zyx[0] + slice_in_crop, score=round(score, 3), why=why
    )


def _worst(found: list[Look]) -> tuple[Look, ...]:
    return tuple(sorted(found, key=lambda look: (-look.score, look.structure, look.slice_z))[:_MOST])
