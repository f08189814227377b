"""Findings about single instances: named by their label, and told together where many share a reason."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from contour.errors import Finding

_MOST_NAMED = 5


def about_instance(label: str, reason: str, message: str, measured: tuple[tuple[str, str], ...] = ()) -> Finding:
    """A finding that starts with the instance's label."""
    return Finding(reason=reason, message=f"{label}: {message}", measured=(("instance", label), *measured))


def told_together(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """One finding per reason: the first in full, the instances of the others listed."""
    by_reason: dict[str, list[Finding]] = {}
    for finding in findings:
        by_reason.setdefault(finding.reason, []).append(finding)
    return tuple(_together(alike) for alike in by_reason.values())


def names(labels: list[str]) -> str:
    """The first five labels, and how many more there are."""
    rest = len(labels) - _MOST_NAMED
    return ", ".join(labels[:_MOST_NAMED]) + (f" and {rest} more" if rest > 0 else "")


def _together(alike: list[Finding]) -> Finding:
    first = alike[0]
    if len(alike) == 1:
        return first
    listed = names([dict(finding.measured).get("instance", "") for finding in alike])
    return replace(
        first,
        message=f"{first.message} (likewise {len(alike)} instances: {listed})",
        measured=(*first.measured, ("count", str(len(alike))), ("instances", listed)),
    )
