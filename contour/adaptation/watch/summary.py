"""A course in two or three sentences: what moved, since when, and what a clinic's rules ask for."""

from __future__ import annotations

from collections.abc import Sequence

from contour.adaptation.course_history import CourseHistory
from contour.adaptation.watch.values import Attention, SourceWatch, Trigger

_ASKED: dict[Attention, str] = {
    "ok": "No rule asks for anything.",
    "watch": "Somebody should look at the course.",
    "replan": "The plan should be adapted.",
}


def attention_of(triggers: Sequence[Trigger]) -> Attention:
    """The gravest level of any trigger."""
    levels = {one.level for one in triggers}
    return "replan" if "replan" in levels else "watch" if "watch" in levels else "ok"


def summarise_watch(history: CourseHistory, triggers: Sequence[Trigger], sources: Sequence[SourceWatch]) -> str:
    """What moved, which of the four is not known, and what is asked for."""
    if not history.fractions:
        return "No fraction has come yet."
    moved = [one for one in sources if one.state == "moved"]
    unknown = [one.source for one in sources if one.state == "unknown"]
    told = [
        "Moved: "
        + ", ".join(one.source + ("" if one.since is None else f" since fraction {one.since}") for one in moved)
        if moved
        else "Nothing moved"
    ]
    if unknown:
        told.append(f"not known: {', '.join(unknown)}")
    gravest = triggers[0].evidence + ". " if triggers else ""
    return f"{'; '.join(told)}. {gravest}{_ASKED[attention_of(triggers)]}"
