"""What a decision is checked for before it is signed, and what it says of the work that went into it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

from contour.errors import InputError
from contour.jobs.review_cache import OpenCase
from contour.jobs.review_scores import SAME, Agreement
from contour.jobs.review_values import APPROVE_REASONS, REJECT_REASONS, DecisionAsked, StructureScore
from contour.jobs.review_views import is_edited
from contour.store.review_records import ReviewState

MOST_SECONDS = 24 * 3600.0
LONGEST_COMMENT = 2000
_LONGEST_NAME = 64


def check_decision(asked: DecisionAsked, state: ReviewState) -> None:
    """Refuse a decision that says what it cannot.

    Raises:
        InputError: BAD_REASON, BAD_COMMENT, BAD_REQUEST.
    """
    known = APPROVE_REASONS if state is ReviewState.APPROVED else REJECT_REASONS
    unknown = [reason for reason in asked.reasons if reason not in known]
    if unknown or len(set(asked.reasons)) < len(asked.reasons):
        raise InputError(f"a reason is unknown or comes twice, expected of {', '.join(known)}", reason="BAD_REASON")
    if state is ReviewState.REJECTED and not asked.reasons:
        raise InputError(f"no reason given; expected at least one of {', '.join(known)}", reason="BAD_REASON")
    check_text(asked.comment)
    check_seconds(asked.seconds)


def check_text(text: str) -> None:
    """Refuse a comment that is too long or holds control characters other than line breaks.

    Raises:
        InputError: BAD_COMMENT.
    """
    if len(text) > LONGEST_COMMENT or not all(c.isprintable() or c == "\n" for c in text):
        raise InputError(
            f"a comment is at most {LONGEST_COMMENT} printable characters, found {len(text)}", reason="BAD_COMMENT"
        )


def check_seconds(seconds: float) -> None:
    """Refuse a duration that nobody can have worked.

    Raises:
        InputError: BAD_REQUEST.
    """
    if not (math.isfinite(seconds) and 0.0 <= seconds <= MOST_SECONDS):
        raise InputError(f"seconds are 0 to {MOST_SECONDS:g}", reason="BAD_REQUEST")


def scores_of(
    case: OpenCase, agreements: dict[str, Agreement], *, tolerance_mm: float, looked_s: float = 0.0
) -> tuple[StructureScore, ...]:
    """A row per structure.

    Args:
        case: As it is now; its lock is held.
        agreements: Of the structures that were edited.
        tolerance_mm: Of their surface Dice.
        looked_s: Active work without an edit, which all structures share.
    """
    seconds = dict.fromkeys(case.names, 0.0)
    for edit in case.edits:
        if edit.structure in seconds:
            seconds[edit.structure] += edit.seconds
    share = looked_s / len(case.names) if case.names else 0.0
    rows = []
    for name in case.names:
        found = agreements.get(name, SAME)
        rows.append(
            StructureScore(
                name=name,
                dice=found.dice,
                surface_dice=found.surface_dice,
                tolerance_mm=tolerance_mm,
                added_path_length_mm=found.added_path_length_mm,
                volume_ml=case.structure(name).volume_ml,
                original_volume_ml=case.drawn(name).volume_ml,
                edited=name in agreements,
                seconds=seconds[name],
                looked_s=share,
            )
        )
    return tuple(rows)


def scores_to_json(scores: Sequence[StructureScore]) -> tuple[dict[str, Any], ...]:
    """Rows for the database, rounded to what was measured."""
    rounded = (
        replace(
            one,
            dice=round(one.dice, 6),
            surface_dice=round(one.surface_dice, 6),
            added_path_length_mm=round(one.added_path_length_mm, 2),
            volume_ml=round(one.volume_ml, 4),
            original_volume_ml=round(one.original_volume_ml, 4),
            seconds=round(one.seconds, 2),
            looked_s=round(one.looked_s, 2),
        )
        for one in scores
    )
    return tuple(asdict(one) for one in rounded)


def edited_names(case: OpenCase) -> tuple[str, ...]:
    """The structures whose voxels are not the machine's."""
    return tuple(name for name in case.changed() if is_edited(case, name))


def written_name(full_name: str, account: str) -> str:
    """Whoever signs, as a person name of DICOM: the full name where there is one, its last word as the family name
    unless a caret says which is.
    """
    for text in (full_name, account):
        plain = "".join(c for c in text if c.isprintable() and c not in "\\=").strip()[:_LONGEST_NAME].strip()
        if " " in plain and "^" not in plain:
            given, _, family = plain.rpartition(" ")
            return f"{family}^{given.strip()}"
        if plain:
            return plain
    return "unknown"
