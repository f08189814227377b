"""What moved: the patient, the set-up, the model or the scanner, each by its own evidence.

patient   a target or organ moved beyond set-up, changed its volume, or outgrew its margin (where set-up is corrected
          each day: else the margin holds both, and says of neither that it moved)
set-up    the shift of the patient as a whole left its control limits
model     the network's confidence, or what reviewers change, left theirs over all patients
scanner   HU, noise or slice step left theirs over all scans of the device
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from contour.adaptation.watch.values import Source, SourceWatch, Trigger

_RULES: tuple[tuple[Source, tuple[str, ...]], ...] = (
    (
        "patient",
        (
            "margin_exceeded",
            "margin_forecast",
            "coverage",
            "target_volume",
            "organ_volume",
            "volume_trend",
            "target_dose",
            "target_chart",
        ),
    ),
    ("set-up", ("setup_chart", "setup_trend")),
)
_OF_BOTH = ("margin_exceeded", "margin_forecast")
"""Rules of a margin, which holds set-up too where that is not corrected."""

_FEWEST = 3
_MOST_TOLD = 3


def tell_sources(
    triggers: Sequence[Trigger],
    beyond: Sequence[SourceWatch],
    *,
    usable: int,
    corrected_daily: bool = True,
    off: Collection[str] = (),
) -> tuple[SourceWatch, ...]:
    """All four, in the order of the module's table.

    Args:
        triggers: Rules that hold for the course.
        beyond: Of model and scanner, where they are watched; unknown elsewhere.
        usable: How many fractions were not refused; below three nothing is told of patient and set-up but what a rule
            found.
        corrected_daily: Set-up is put right each day, so that a margin holds the patient alone.
        off: Rules that the site does not apply; a source without any rule is unknown.
    """
    told = [one for one in triggers if corrected_daily or one.rule not in _OF_BOTH]
    found = [
        _of_rules(source, [one for one in told if one.rule in rules], usable, applied=not set(rules) <= set(off))
        for source, rules in _RULES
    ]
    known = {one.source: one for one in beyond}
    for source in ("model", "scanner"):
        missing = SourceWatch(source=source, state="unknown", since=None, evidence="not watched here")
        found.append(known.get(source, missing))
    return tuple(found)


def _of_rules(source: Source, triggers: Sequence[Trigger], usable: int, *, applied: bool) -> SourceWatch:
    if not applied:
        return SourceWatch(source=source, state="unknown", since=None, evidence="all its rules are off")
    if triggers:
        told = [one.evidence for one in triggers[:_MOST_TOLD]]
        more = f"; and {len(triggers) - _MOST_TOLD} more" if len(triggers) > _MOST_TOLD else ""
        return SourceWatch(
            source=source, state="moved", since=min(one.since for one in triggers), evidence="; ".join(told) + more
        )
    if usable < _FEWEST:
        return SourceWatch(source=source, state="unknown", since=None, evidence=f"{usable} fractions are too few")
    return SourceWatch(source=source, state="quiet", since=None, evidence="no rule holds")
