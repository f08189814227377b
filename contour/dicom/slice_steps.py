"""Steps from slice to slice: even, uneven, missing or doubled."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from contour.errors import Finding

ROUNDING_MM = 0.02
"""Positions are written with few decimals; steps that differ by less are equal."""

_SAME_PLACE_MM = 0.01
_STEP_TOLERANCE = 0.10
_MOST_LISTED = 12
_MOST_CANDIDATES = 200


def step_findings(along_mm: NDArray[np.float64]) -> list[Finding]:
    """DUPLICATE_SLICE, MISSING_SLICE and NON_UNIFORM_SPACING, as `measure_geometry` has them.

    Args:
        along_mm: (slices,) positions along the normal, ascending.
    """
    steps = np.diff(along_mm)
    doubled = np.flatnonzero(steps < _SAME_PLACE_MM)
    findings = []
    if doubled.size:
        named = listed(f"{along_mm[index]:.2f}" for index in doubled)
        findings.append(
            make_finding(
                "DUPLICATE_SLICE",
                f"{doubled.size} slices lie where another one is, at {named} mm along the normal",
                positions_mm=named,
            )
        )
    steps = steps[steps >= _SAME_PLACE_MM]
    starts = along_mm[:-1][np.diff(along_mm) >= _SAME_PLACE_MM]
    if not steps.size:
        return findings
    usual = _usual_step_mm(steps)
    counts, gaps = _gaps(steps, usual)
    if gaps.any():
        missing = [
            start + step * part / count
            for start, step, count in zip(starts[gaps], steps[gaps], counts[gaps], strict=True)
            for part in range(1, min(int(count), _MOST_LISTED + 2))
        ]
        total = int((counts[gaps] - 1).sum())
        named = listed((f"{position:.2f}" for position in missing), total)
        findings.append(
            make_finding(
                "MISSING_SLICE",
                f"{total} slices are missing at {named} mm along the normal, where the usual step is {usual:.3f} mm",
                positions_mm=named,
                usual_step_mm=f"{usual:.3f}",
                largest_step_mm=f"{steps.max():.3f}",
            )
        )
    uneven = ~gaps & (np.abs(steps - usual) > _STEP_TOLERANCE * usual)
    if uneven.any():
        named = listed(f"{start:.2f}" for start in starts[uneven])
        findings.append(
            make_finding(
                "NON_UNIFORM_SPACING",
                f"slice steps from {steps.min():.3f} to {steps.max():.3f} mm, expected {usual:.3f} mm within "
                f"{_STEP_TOLERANCE:.0%}; uneven after {named} mm along the normal",
                positions_mm=named,
                smallest_step_mm=f"{steps.min():.3f}",
                largest_step_mm=f"{steps.max():.3f}",
            )
        )
    return findings


def _usual_step_mm(steps: NDArray[np.float64]) -> float:
    """The step that most steps agree with; one that is a multiple of it agrees half. The smallest of equals."""
    best, usual = 0.0, float(steps.min())
    candidates, times = np.unique(np.round(steps, 2), return_counts=True)
    for candidate in np.sort(candidates[np.argsort(-times, kind="stable")[:_MOST_CANDIDATES]]):
        same = np.abs(steps - candidate) <= _STEP_TOLERANCE * candidate
        score = same.sum() + 0.5 * _gaps(steps, float(candidate))[1].sum()
        if score > best:
            best, usual = float(score), float(np.median(steps[same]))
    return usual


def _gaps(steps: NDArray[np.float64], usual_mm: float) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """How many usual steps each step is, and whether it is two or more of them and nothing between."""
    counts = np.rint(steps / usual_mm)
    return counts, (counts >= 2) & (np.abs(steps / usual_mm - counts) <= 2 * _STEP_TOLERANCE)


def variation_warnings(along_mm: NDArray[np.float64]) -> tuple[Finding, ...]:
    """NON_UNIFORM_SPACING for steps that were let through but differ by more than rounding."""
    steps = np.diff(along_mm)
    if float(steps.max() - steps.min()) <= ROUNDING_MM:
        return ()
    message = (
        f"slice steps vary from {steps.min():.3f} to {steps.max():.3f} mm; contours are placed on the true positions"
    )
    return (
        make_finding(
            "NON_UNIFORM_SPACING",
            message,
            smallest_step_mm=f"{steps.min():.3f}",
            largest_step_mm=f"{steps.max():.3f}",
        ),
    )


def listed(values: Iterable[str], total: int | None = None) -> str:
    """The first twelve, and how many more there are."""
    every = list(values)
    rest = (total if total is not None else len(every)) - _MOST_LISTED
    return ", ".join(every[:_MOST_LISTED]) + (f" and {rest} more" if rest > 0 else "")


def make_finding(reason: str, message: str, **measured: object) -> Finding:
    """A finding whose measured values are given by name."""
    return Finding(
        reason=reason, message=message, measured=tuple((name, str(value)) for name, value in measured.items())
    )
